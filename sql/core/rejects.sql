/*
description: Every row that came in and cannot be used, and every value made of such that did, that cannot, with the reason; nothing is dropped in silence.
grain: [source, dataset, line, series_key, reason]
nullable_grain: [series_key]
columns:
  source: VARCHAR, publisher's id in the registry
  dataset: VARCHAR, dataset's code
  vintage_id: VARCHAR, content hash of the vintage
  line: BIGINT, number of the row in the body (from 1); of a value that was made here its place among those of the indicator
  series_key: VARCHAR, the row's dimensions and codes; indicator=id or per_head=id for a value that was made here
  geo: VARCHAR, area as published
  period: VARCHAR, period as published
  value: VARCHAR, value as published
  flags: VARCHAR[], flags as published
  reason: VARCHAR, why it cannot be used
  needed: BOOLEAN, true where an indicator asks for this series
expectations:
  - {expect: no_rows, name: per_head_plausible, severity: error, blocking: false, sql: "SELECT * FROM core.rejects WHERE series_key LIKE 'per_head=%'", description: Amounts per head lie in the range that the registry calls plausible and not far from those of other years.}
  - {expect: not_null, column: reason, name: reason_given, description: Every reject says why.}
*/
WITH per_head AS (
  SELECT o.indicator_id, o.geo, o.period, p.source, p.dataset, p.plausible_low, p.plausible_high,
         array_to_string(
           list_sort(list_distinct(list_append(string_split(o.vintage_id, '+'), r.vintage_id))),
           '+') AS vintage_id,
         p.scale * o.value / nullif(r.value, 0) AS value, list_concat(o.flags, r.flags) AS flags
  FROM core.observations o
  JOIN registry.per_head p USING (indicator_id)
  JOIN raw.observations r
    ON r.source = p.source AND r.dataset = p.dataset AND r.series_key = p.series_key
   AND r.geo = o.geo AND r.year = o.period
  WHERE o.plausible
), others AS (
  -- What the area had in all other years: one that is far from them must not make its own range.
  SELECT p.indicator_id, p.geo, p.period, min(q.value) AS low, max(q.value) AS high,
         greatest(any_value(k.range_spans) * (max(q.value) - min(q.value)),
                  any_value(k.range_share) * abs(median(q.value))) AS far
  FROM per_head p JOIN per_head q USING (indicator_id, geo) CROSS JOIN run.method k
  WHERE q.period <> p.period AND isfinite(q.value)
  GROUP BY ALL HAVING count(*) >= any_value(k.range_points)
), made AS (
  SELECT i.source, i.dataset, e.vintage_id, 'indicator=' || e.indicator_id AS series_key, e.geo,
         e.period, e.value, e.flags
  FROM core.editions e JOIN registry.indicators i USING (indicator_id)
  WHERE e.is_current AND NOT e.plausible
  UNION ALL
  SELECT p.source, p.dataset, p.vintage_id, 'per_head=' || p.indicator_id, p.geo, p.period,
         p.value, p.flags
  FROM per_head p LEFT JOIN others o USING (indicator_id, geo, period)
  WHERE NOT isfinite(p.value)
     OR p.value NOT BETWEEN coalesce(p.plausible_low, p.value) AND coalesce(p.plausible_high, p.value)
     OR o.far > 0 AND p.value NOT BETWEEN o.low - o.far AND o.high + o.far
)
SELECT r.source, r.dataset, r.vintage_id, r.line, r.series_key, r.geo, r.period, r.value, r.flags,
       r.reason,
       EXISTS (SELECT 1 FROM registry.operands o WHERE o.source = r.source
               AND o.dataset = r.dataset AND o.series_key = r.series_key) AS needed
FROM raw.rejects r
UNION ALL
SELECT source, dataset, vintage_id,
       row_number() OVER (PARTITION BY source, dataset, series_key ORDER BY geo, period) AS line,
       series_key, geo, period::VARCHAR AS period, value::VARCHAR AS value, flags,
       CASE WHEN isfinite(value) THEN 'implausible' ELSE 'not_finite' END AS reason, true AS needed
FROM made
