/*
description: What the publishers say of single figures, in words - which are provisional or estimated, where a series breaks.
grain: [indicator_id, geo, period, flag]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  period: INTEGER, reference year
  value: DOUBLE, the figure in unit
  unit: VARCHAR, unit of the indicator
  flag: VARCHAR, the publisher's flag
  unsettled: BOOLEAN, true where the figure may still change (provisional or estimated) and status_on_definitive_data leaves it out
  meaning_nl: VARCHAR, the flag in Dutch
  meaning_en: VARCHAR, the flag in English
expectations:
  - {expect: no_rows, name: every_flag_in_words, severity: warn, sql: "SELECT flag, count(*) AS figures FROM marts.flags WHERE meaning_nl IS NULL OR meaning_en IS NULL GROUP BY flag", description: Every flag has its words in both languages.}
  - {expect: no_rows, name: every_flag_told, sql: "SELECT o.indicator_id, o.geo, o.period FROM marts.observations o ANTI JOIN marts.flags f USING (indicator_id, geo, period) WHERE len(o.flags) > 0", description: Every figure with a flag is here.}
*/
WITH flagged AS (
  SELECT indicator_id, geo, period, value, unit, unnest(flags) AS flag FROM marts.observations
)
SELECT f.indicator_id, f.geo, f.period, f.value, f.unit, f.flag,
       coalesce(w.unsettled, false) AS unsettled, w.nl AS meaning_nl, w.en AS meaning_en
FROM flagged f LEFT JOIN registry.flag_texts w USING (flag)
