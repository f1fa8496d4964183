/*
description: What other offices' published methods say of each indicator and target.
function: opinions
grain: [indicator_id, geo, target_id, method]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  method: VARCHAR, statcan or destatis or un_progress_chart
  value: DOUBLE, the method's own measure (a fraction)
  score: DOUBLE, on the method's own scale
  status: VARCHAR, in the method's own words
  verdict: VARCHAR, better or worse - what that word answers to the question asked of all
  agrees: BOOLEAN, true where our status gives the same answer; null where either gives none
  reason: VARCHAR, why the method is not available
  note: VARCHAR, zero_replaced where statcan's 0.001 in place of a base or target of 0 decides on the pace
  at_target: DOUBLE, value that the method expects in the target year in the unit of the indicator
  base_year: INTEGER, first year that the method looks at
  base_value: DOUBLE, its value in the unit of the indicator
  current_year: INTEGER, last year that the method looks at
  current_value: DOUBLE, its value in the unit of the indicator
expectations:
  - {expect: in_set, column: method, values: [statcan, destatis, un_progress_chart], name: method_known, description: The method is one of the three.}
*/
SELECT a.indicator_id, a.geo, a.target_id, a.kind, a.target_year, a.target_value, i.direction,
       i.fit, i.bound_low, i.bound_high, own.is_on_course, u.years, u.values
FROM core.assessments a
JOIN registry.indicators i USING (indicator_id)
JOIN run.statuses own USING (status)
LEFT JOIN core.unbroken u USING (indicator_id, geo)
