/*
description: The observations behind every indicator, all areas and years, with their vintage.
grain: [indicator_id, geo, period]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  period: INTEGER, reference year (the last one where a period spans several)
  period_published: VARCHAR, the period as the publisher writes it
  value: DOUBLE, in the unit of the indicator
  unit: VARCHAR, unit
  common_value: DOUBLE, the same in common_unit
  common_unit: "VARCHAR, one unit for everything of its kind (Mt CO2e for all greenhouse gases; pipeline/registry/units.yaml); else the unit itself"
  flags: VARCHAR[], the publisher's flags as a sorted set
  carried_forward: BOOLEAN, true where the publisher repeated an older value (not assessed)
  vintage_id: VARCHAR, content hash of the vintage
expectations:
  - {expect: not_null, column: value, name: value_given, description: An observation has a value.}
  - {expect: no_rows, name: within_bounds, sql: "SELECT o.* FROM marts.observations o JOIN registry.indicators i USING (indicator_id) WHERE o.value < i.bound_low OR o.value > i.bound_high", description: No value lies outside the bounds of its unit (a share between 0 and 100).}
  - {expect: no_rows, name: every_indicator_seen, severity: warn, description: Every indicator has observations for the Netherlands or waits for the first pull of its dataset.}
*/
SELECT o.indicator_id, o.geo, o.period, o.period_published, o.value, i.unit,
       o.value * coalesce(u.factor, 1) AS common_value, coalesce(u.common_unit, i.unit) AS common_unit,
       o.flags,
       EXISTS (SELECT 1 FROM registry.carried_forward c
               WHERE c.indicator_id = o.indicator_id AND c.year = o.period
                 AND (c.geo IS NULL OR c.geo = o.geo)) AS carried_forward, o.vintage_id
FROM core.observations o
JOIN registry.indicators i USING (indicator_id)
LEFT JOIN registry.units u ON u.unit = i.unit
WHERE o.plausible
