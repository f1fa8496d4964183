/*
description: Each indicator's observations from every set of vintages that was ever the latest; derived ones computed as the registry declares them.
grain: [indicator_id, edition, geo, period]
columns:
  indicator_id: VARCHAR, id in the registry
  edition: INTEGER, place in time of the set of vintages (1 = first)
  geo: VARCHAR, area in Eurostat's codes
  period: INTEGER, reference year (the last one where a period spans several)
  period_published: VARCHAR, the period as the publisher writes it
  value: DOUBLE, in the unit of the indicator; what is not finite is not plausible either
  flags: VARCHAR[], the publisher's flags as a sorted set (p provisional; e estimated; b break in series)
  vintage_id: VARCHAR, content hash of the vintage (several joined by + where datasets are combined)
  plausible: BOOLEAN, false where the value lies outside the range that the registry calls plausible
  alternative: INTEGER, which of the registry's ways to make the indicator gave the value (1 = first choice)
  brought_by: VARCHAR, vintage whose arrival made this edition (several joined by + where they came on one day)
  known_from: DATE, date from which the edition was known
  partial: BOOLEAN, true where a partial vintage made it; it is compared and read by no model
  is_current: BOOLEAN, true for the edition that the models read
expectations:
  - {expect: not_null, column: value, description: An observation has a value; what has none is a reject.}
*/
WITH vintages AS (
  SELECT source, dataset, vintage_id, known_from::DATE AS known_from, partial, position
  FROM raw.vintages WHERE verdict = 'accepted'
), made_of AS (
  SELECT DISTINCT indicator_id, source, dataset FROM registry.operands
), arrivals AS (
  SELECT m.indicator_id, v.* FROM made_of m JOIN vintages v USING (source, dataset)
), members AS (
  -- At each arrival the other datasets stand at their latest full vintage of that day.
  SELECT a.indicator_id, a.vintage_id AS arrived, a.known_from, a.partial, a.position,
         a.source || '/' || a.dataset AS came, m.source, m.dataset,
         arg_max(v.vintage_id, v.position) AS vintage_id
  FROM arrivals a
  JOIN made_of m USING (indicator_id)
  LEFT JOIN vintages v ON v.source = m.source AND v.dataset = m.dataset
    AND CASE WHEN m.source = a.source AND m.dataset = a.dataset THEN v.vintage_id = a.vintage_id
             ELSE NOT v.partial AND v.known_from <= a.known_from END
  GROUP BY ALL
), sets AS (
  SELECT indicator_id, arrived, known_from, partial, position, came,
         list({'source': source, 'dataset': dataset, 'vintage_id': vintage_id}
              ORDER BY source, dataset) AS members
  FROM members GROUP BY ALL
), editions AS (
  -- Vintages of one day that make the same set make one edition. Its place is that of the last of
  -- them; between datasets the day is all that is known, so their names decide, never a content.
  SELECT indicator_id, members, known_from, bool_and(partial) AS partial,
         array_to_string(list_sort(list(DISTINCT arrived)), '+') AS brought_by,
         row_number() OVER (PARTITION BY indicator_id
           ORDER BY known_from, max({'position': position, 'came': came}))::INTEGER AS edition
  FROM sets GROUP BY indicator_id, members, known_from
), numbered AS (
  SELECT *, edition IS NOT DISTINCT FROM
            max(edition) FILTER (NOT partial) OVER (PARTITION BY indicator_id) AS is_current
  FROM editions
), spread AS (
  SELECT indicator_id, edition, partial, unnest(members, recursive := true) FROM numbered
), needed AS (
  SELECT indicator_id, alternative, count(*) AS n_operands
  FROM registry.operands GROUP BY ALL
), cells AS (
  SELECT o.indicator_id, s.edition, s.partial, o.alternative, o.op, o.require, o.flag, o.scale,
         o.position, r.geo, r.year, r.period, r.value, r.flags, r.vintage_id
  FROM registry.operands o
  JOIN spread s USING (indicator_id, source, dataset)
  JOIN raw.all_observations r
    ON r.source = s.source AND r.dataset = s.dataset AND r.vintage_id = s.vintage_id
   AND r.series_key = o.series_key
  WHERE (o.from_year IS NULL OR r.year >= o.from_year)
    AND NOT EXISTS (
      SELECT 1 FROM registry.not_read n
      WHERE n.indicator_id = o.indicator_id AND n.year = r.year AND (n.geo IS NULL OR n.geo = r.geo))
), grouped AS (
  SELECT c.indicator_id, c.edition, c.alternative, c.geo, c.year,
         any_value(c.op) AS op, any_value(c.flag) AS flag, any_value(c.scale) AS scale,
         -- Part of the series in a partial vintage must not pass for all of them.
         any_value(c.require) = 'any' AND NOT any_value(c.partial) AS some_do, count(*) AS n_found,
         list(c.value ORDER BY c.position) AS v,
         max(c.period) AS period,
         list_sort(list_distinct(flatten(list(c.flags ORDER BY c.position)))) AS flags,
         array_to_string(list_sort(list_distinct(list(c.vintage_id))), '+') AS vintage_id
  FROM cells c GROUP BY c.indicator_id, c.edition, c.alternative, c.geo, c.year
), computed AS (
  SELECT g.*,
         g.scale * CASE g.op
           WHEN 'series' THEN v[1]
           WHEN 'sum' THEN list_sum(v)
           WHEN 'mean' THEN list_avg(v)
           WHEN 'difference' THEN v[1] - v[2]
           WHEN 'ratio' THEN v[1] / nullif(v[2], 0)
           WHEN 'share' THEN v[1] / nullif(list_sum(v), 0)
         END AS result
  FROM grouped g JOIN needed n USING (indicator_id, alternative)
  WHERE g.some_do OR g.n_found = n.n_operands
), best AS (
  SELECT * FROM computed WHERE result IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY indicator_id, edition, geo, year ORDER BY alternative) = 1
)
SELECT b.indicator_id, b.edition, b.geo, b.year AS period, b.period AS period_published,
       b.result AS value,
       CASE WHEN b.flag IS NULL THEN b.flags
            ELSE list_sort(list_distinct(list_append(b.flags, b.flag))) END AS flags,
       b.vintage_id, isfinite(b.result) AND b.result BETWEEN i.plausible_low AND i.plausible_high AS plausible,
       b.alternative, e.brought_by, e.known_from, e.partial, e.is_current
FROM best b
JOIN numbered e USING (indicator_id, edition)
JOIN registry.indicators i USING (indicator_id)
