/*
description: Each indicator's values since the last break in the series; what growth may be taken over.
grain: [indicator_id, geo]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  break_year: INTEGER, first year of the last part where the series has a break; else null
  years: INTEGER[], years with a value
  values: DOUBLE[], their values in the unit of the indicator
expectations:
  - {expect: no_rows, name: as_long_as_each_other, sql: "SELECT * FROM core.unbroken WHERE len(years) <> len(values) OR len(years) = 0", description: Every year has its value.}
*/
WITH kept AS (
  -- A value that the publisher carried forward is no observation of its year.
  SELECT o.indicator_id, o.geo, o.period, o.value
  FROM core.observations o
  WHERE o.plausible AND NOT EXISTS (
    SELECT 1 FROM registry.carried_forward c
    WHERE c.indicator_id = o.indicator_id AND c.year = o.period AND (c.geo IS NULL OR c.geo = o.geo))
), latest AS (
  SELECT indicator_id, geo, max(period) AS year FROM kept GROUP BY ALL
), breaks AS (
  SELECT indicator_id, geo, period AS year FROM core.observations
  WHERE plausible AND list_contains(flags, 'b')
  UNION ALL
  SELECT l.indicator_id, l.geo, b.year
  FROM registry.breaks b JOIN latest l ON l.indicator_id = b.indicator_id
  WHERE b.geo IS NULL OR b.geo = l.geo
), last_break AS (
  SELECT b.indicator_id, b.geo, max(b.year) AS year
  FROM breaks b JOIN latest l ON l.indicator_id = b.indicator_id AND l.geo = b.geo
  WHERE b.year <= l.year GROUP BY ALL
)
SELECT k.indicator_id, k.geo, any_value(b.year) AS break_year,
       list(k.period ORDER BY k.period) AS years, list(k.value ORDER BY k.period) AS values
FROM kept k LEFT JOIN last_break b ON b.indicator_id = k.indicator_id AND b.geo = k.geo
WHERE b.year IS NULL OR k.period >= b.year
GROUP BY k.indicator_id, k.geo
