/*
description: What three other published methods say of each indicator and target, beside our status.
grain: [indicator_id, geo, target_id, method]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  method: VARCHAR, statcan (Statistics Canada and Open SDG) or destatis (German sustainability strategy) or un_progress_chart
  value: "DOUBLE, the method's own measure, a fraction: statcan observed ÷ required growth (without a target growth a year) · destatis what will be missing ÷ what is missing now · un_progress_chart share of the way done in the target year (without a target growth a year)"
  score: "DOUBLE, on the method's own scale: statcan -5 to 5 · un_progress_chart 1 to 3 · destatis none"
  status: VARCHAR, in the method's own words; not_available where it has no opinion
  own_status: VARCHAR, our own status of the same row
  verdict: "VARCHAR, what the method's word answers: with a target - is it on course to meet it; without - does it move the right way (better or worse; null: no opinion)"
  agrees: BOOLEAN, true where our status gives the same answer; null where either gives none
  reason: VARCHAR, why the method is not available
  note: VARCHAR, zero_replaced where statcan's 0.001 in place of a base or target of 0 decides on the pace
  at_target: DOUBLE, value that the method expects in the target year in the unit of the indicator
  base_year: INTEGER, first year that the method looks at (statcan and UN 2015 or the first year after it; destatis the sixth last value)
  base_value: DOUBLE, its value in the unit of the indicator
  current_year: INTEGER, last year that the method looks at
  current_value: DOUBLE, its value in the unit of the indicator
expectations:
  - {expect: not_null, column: status, name: status_given, description: A status is never null.}
  - {expect: no_rows, name: reason_iff_not_available, sql: "SELECT * FROM marts.second_opinions WHERE (status = 'not_available') <> (reason IS NOT NULL)", description: A reason stands beside not_available and only there.}
  - {expect: no_rows, name: no_vote_without_opinion, sql: "SELECT * FROM marts.second_opinions WHERE (status = 'not_available') <> (verdict IS NULL)", description: A method without an opinion does not vote.}
*/
SELECT o.indicator_id, o.geo, o.target_id, o.method, o.value, o.score, o.status,
       a.status AS own_status, o.verdict, o.agrees, o.reason, o.note, o.at_target, o.base_year,
       o.base_value, o.current_year, o.current_value
FROM core.opinions o JOIN core.assessments a USING (indicator_id, geo, target_id)
