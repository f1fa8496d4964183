/*
description: What each target means for each indicator, and whether it counts.
grain: [indicator_id, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  target_id: VARCHAR, id of the target (indicator:direction where only the direction is judged)
  kind: VARCHAR, kind of target
  number: DOUBLE, the number for this indicator (a fraction for changes)
  target_year: INTEGER, year of the target
  target_value: DOUBLE, the target in the unit of the indicator
  base_year: INTEGER, base year
  base_year_basis: VARCHAR, letter or assumed or documented
  baseline_value: DOUBLE, value at the base year in the unit of the indicator
  baseline_origin: VARCHAR, series or documented
  documented_baseline: DOUBLE, baseline from a document, used where the series has none
  baseline_source: VARCHAR, source of a documented baseline
  path: VARCHAR, linear or geometric (the required path)
  derived_from: VARCHAR, target that it was derived from
  reason: VARCHAR, why it is read this way
  strength: VARCHAR, commitment or ambition or exploratory or law or plan
  counts: BOOLEAN, true where it decides on the status of its mission
expectations:
  - {expect: no_rows, name: indicator_exists, sql: "SELECT t.* FROM marts.indicator_targets t ANTI JOIN registry.indicators i USING (indicator_id)", description: Every row belongs to an indicator.}
  - {expect: no_rows, name: possible_in_unit, severity: error, sql: "SELECT t.* FROM marts.indicator_targets t JOIN registry.indicators i USING (indicator_id) WHERE t.target_value < i.bound_low OR t.target_value > i.bound_high", description: No target lies outside the bounds of its unit.}
  - {expect: no_rows, name: assumed_says_why, sql: "SELECT * FROM marts.indicator_targets WHERE base_year_basis = 'assumed' AND reason IS NULL", description: An assumed base year says why.}
*/
SELECT t.indicator_id, t.target_id, t.kind, t.number, t.target_year, a.target_value, t.base_year,
       t.base_year_basis, a.baseline_value, a.baseline_origin, t.documented_baseline,
       t.baseline_source, t.path, t.derived_from,
       t.reason, t.strength, t.counts
FROM registry.indicator_targets t
LEFT JOIN core.assessments a USING (indicator_id, target_id)
