/*
description: Why a sub-mission or interim goal cannot be assessed, and what would close it, in both languages.
grain: [mission_id]
columns:
  mission_id: VARCHAR, sub-mission or interim goal without a status
  reason: VARCHAR, why no status can be given (marts.sub_mission_progress)
  indicator_id: VARCHAR, headline that gives the reason; null where there is none
  closes_nl: VARCHAR, what would close it in Dutch; null where nothing is known
  closes_en: VARCHAR, what would close it in English; null where nothing is known
expectations:
  - {expect: no_rows, name: both_languages, sql: "SELECT * FROM marts.mission_gaps WHERE (closes_nl IS NULL) <> (closes_en IS NULL)", description: What is said is said in both languages.}
*/
WITH told AS (
  SELECT g.indicator_id, g.closes_nl, g.closes_en
  FROM marts.gaps g JOIN registry.indicator_targets t USING (indicator_id, target_id)
  QUALIFY row_number() OVER (PARTITION BY g.indicator_id ORDER BY t.counts DESC, g.target_id) = 1
)
SELECT s.mission_id, s.reason, s.reason_indicator_id AS indicator_id,
       coalesce(told.closes_nl, m.gap_nl) AS closes_nl, coalesce(told.closes_en, m.gap_en) AS closes_en
FROM marts.sub_mission_progress s
JOIN registry.missions m USING (mission_id)
LEFT JOIN told ON told.indicator_id = s.reason_indicator_id
WHERE s.reason IS NOT NULL
