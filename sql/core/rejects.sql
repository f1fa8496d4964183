/*
description: Every row that came in and cannot be used, with the reason; nothing is dropped in silence.
grain: [source, dataset, line, series_key, reason]
nullable_grain: [series_key]
columns:
  source: VARCHAR, publisher's id in the registry
  dataset: VARCHAR, dataset's code
  vintage_id: VARCHAR, content hash of the vintage
  line: BIGINT, number of the row in the body (from 1)
  series_key: VARCHAR, the row's dimensions and codes
  geo: VARCHAR, area as published
  period: VARCHAR, period as published
  value: VARCHAR, value as published
  flags: VARCHAR[], flags as published
  reason: VARCHAR, why it cannot be used
  needed: BOOLEAN, true where an indicator asks for this series
expectations:
  - {expect: not_null, column: reason, name: reason_given, description: Every reject says why.}
*/
SELECT r.source, r.dataset, r.vintage_id, r.line, r.series_key, r.geo, r.period, r.value, r.flags,
       r.reason,
       EXISTS (SELECT 1 FROM registry.operands o WHERE o.source = r.source
               AND o.dataset = r.dataset AND o.series_key = r.series_key) AS needed
FROM raw.rejects r
