/*
description: Every indicator's observations from the latest full vintages.
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
  - {expect: no_rows, name: values_plausible, severity: error, blocking: false, sql: "SELECT indicator_id, geo, period, value FROM core.editions WHERE is_current AND NOT plausible", description: Values lie in their plausible range; one that does not is a reject and read by no mart.}
*/
SELECT indicator_id, geo, period, period_published, value, flags, vintage_id, plausible
FROM core.editions WHERE is_current AND isfinite(value)
