/*
description: Every indicator's observations, derived ones computed as the registry declares them.
grain: [indicator_id, geo, period]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  period: INTEGER, reference year (the last one where a period spans several)
  period_published: VARCHAR, the period as the publisher writes it
  value: DOUBLE, in the unit of the indicator
  flags: VARCHAR[], the publisher's flags as a sorted set (p provisional; e estimated; b break in series)
  vintage_id: VARCHAR, content hash of the vintage (several joined by + where datasets are combined)
  plausible: BOOLEAN, false where the value lies outside the range that the registry calls plausible
expectations:
  - {expect: not_null, column: value, description: An observation has a value; what has none is a reject.}
  - {expect: no_rows, name: values_finite, sql: "SELECT * FROM core.observations WHERE NOT isfinite(value)", description: Every value is a finite number.}
  - {expect: in_set, column: plausible, values: [true], name: values_plausible, severity: error, blocking: false, description: Values lie in their plausible range; one that does not is kept here and read by no mart.}
*/
WITH needed AS (
  SELECT indicator_id, alternative, count(*) AS n_operands
  FROM registry.operands GROUP BY ALL
), cells AS (
  SELECT o.indicator_id, o.alternative, o.op, o.require, o.flag, o.scale, o.position,
         r.geo, r.year, r.period, r.value, r.flags, r.vintage_id
  FROM registry.operands o
  JOIN raw.observations r
    ON r.source = o.source AND r.dataset = o.dataset AND r.series_key = o.series_key
  WHERE o.from_year IS NULL OR r.year >= o.from_year
), grouped AS (
  SELECT c.indicator_id, c.alternative, c.geo, c.year,
         any_value(c.op) AS op, any_value(c.require) AS require, any_value(c.flag) AS flag,
         any_value(c.scale) AS scale, count(*) AS n_found,
         list(c.value ORDER BY c.position) AS v,
         max(c.period) AS period,
         list_sort(list_distinct(flatten(list(c.flags ORDER BY c.position)))) AS flags,
         array_to_string(list_sort(list_distinct(list(c.vintage_id))), '+') AS vintage_id
  FROM cells c GROUP BY c.indicator_id, c.alternative, c.geo, c.year
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
  WHERE g.require = 'any' OR g.n_found = n.n_operands
), best AS (
  SELECT * FROM computed WHERE result IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY indicator_id, geo, year ORDER BY alternative) = 1
)
SELECT b.indicator_id, b.geo, b.year AS period, b.period AS period_published, b.result AS value,
       CASE WHEN b.flag IS NULL THEN b.flags
            ELSE list_sort(list_distinct(list_append(b.flags, b.flag))) END AS flags,
       b.vintage_id,
       b.result BETWEEN i.plausible_low AND i.plausible_high AS plausible
FROM best b JOIN registry.indicators i USING (indicator_id)
