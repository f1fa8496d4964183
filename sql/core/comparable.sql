/*
description: The figures that can be compared between the Netherlands and its peers - shares, indices, amounts per head, and totals divided by the population.
grain: [indicator_id, geo, year]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  year: INTEGER, reference year
  position: INTEGER, place in the registry's list (0 = the Netherlands)
  aggregate: BOOLEAN, true for a group of countries
  unit: VARCHAR, unit of value
  value: DOUBLE, figure in unit; null where the population is not above 0
  per_head: BOOLEAN, true where a total was divided by the population as the registry declares
  total: DOUBLE, that total in the unit of the indicator; null where nothing was divided
  people: DOUBLE, population that it was divided by
  flags: VARCHAR[], flags of the figure and of the population
  vintage_id: VARCHAR, vintage (several joined by + where datasets are combined)
  carried_forward: BOOLEAN, true where the publisher repeated an older value
  is_compared: BOOLEAN, true where the figure has a value of its own and comes from the vintage of the latest Dutch one
expectations:
  - {expect: no_rows, name: values_finite, sql: "SELECT * FROM core.comparable WHERE NOT isfinite(value)", description: Every value is a finite number.}
*/
WITH areas AS (
  SELECT 'NL' AS geo, 0 AS position, false AS aggregate
  UNION ALL
  SELECT geo, position, aggregate FROM registry.peers
), figures AS (
  SELECT o.indicator_id, o.geo, o.period AS year, i.unit, o.value, false AS per_head,
         NULL::DOUBLE AS total, NULL::DOUBLE AS people, o.flags, o.vintage_id
  FROM core.observations o JOIN registry.indicators i USING (indicator_id)
  WHERE o.plausible AND i.intensive
  UNION ALL
  SELECT o.indicator_id, o.geo, o.period, p.unit, p.scale * o.value / nullif(r.value, 0), true,
         o.value, r.value, list_sort(list_distinct(list_concat(o.flags, r.flags))),
         array_to_string(
           list_sort(list_distinct(list_append(string_split(o.vintage_id, '+'), r.vintage_id))), '+')
  FROM core.observations o
  JOIN registry.per_head p USING (indicator_id)
  JOIN raw.observations r
    ON r.source = p.source AND r.dataset = p.dataset AND r.series_key = p.series_key
   AND r.geo = o.geo AND r.year = o.period
  WHERE o.plausible AND NOT EXISTS (
    SELECT 1 FROM core.rejects x
    WHERE x.series_key = 'per_head=' || o.indicator_id AND x.geo = o.geo
      AND x.period = o.period::VARCHAR)
), told AS (
  SELECT f.*, a.position, a.aggregate,
         EXISTS (SELECT 1 FROM registry.carried_forward c
                 WHERE c.indicator_id = f.indicator_id AND c.year = f.year
                   AND (c.geo IS NULL OR c.geo = f.geo)) AS carried_forward
  FROM figures f JOIN areas a USING (geo)
), home AS (
  SELECT indicator_id, arg_max(vintage_id, year) AS vintage_id
  FROM told WHERE geo = 'NL' AND value IS NOT NULL AND NOT carried_forward GROUP BY indicator_id
)
SELECT t.indicator_id, t.geo, t.year, t.position, t.aggregate, t.unit, t.value, t.per_head, t.total,
       t.people, t.flags, t.vintage_id, t.carried_forward,
       t.value IS NOT NULL AND NOT t.carried_forward AND t.vintage_id = h.vintage_id IS TRUE AS is_compared
FROM told t LEFT JOIN home h USING (indicator_id)
