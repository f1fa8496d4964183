/*
description: Each mission's assessed rows from worst to best, by fit and role.
grain: [indicator_id, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  target_id: VARCHAR, id of the target
  mission_id: VARCHAR, mission that the indicator serves
  fit: VARCHAR, direct or proxy or context
  role: VARCHAR, headline or supporting
  strength: VARCHAR, strength of the target
  counts: BOOLEAN, true where the row decides
  position: INTEGER, place of the indicator in the registry
  target_position: INTEGER, place of the target within the indicator
  status: VARCHAR, status
  reason: VARCHAR, why no status can be given
  severity: INTEGER, place in METHOD's order (1 = worst)
  tie: DOUBLE, tie-breaker within a status
  is_dated: BOOLEAN, true where the latest year is old
  latest_year: INTEGER, year of the latest observation
  share_achieved: DOUBLE, share of the way
  share_of_time: DOUBLE, share of the time
  severity_rank: INTEGER, rank over all rows (1 = worst); null where not assessed
  is_failing: BOOLEAN, true where the status counts as failing
*/
SELECT a.indicator_id, a.target_id, i.mission_id, i.fit, i.role, t.strength, a.counts, i.position,
       row_number() OVER (PARTITION BY a.indicator_id
         ORDER BY a.target_year NULLS FIRST, a.target_id)::INTEGER AS target_position,
       a.status, a.reason, a.severity, a.tie, a.is_dated, a.latest_year, a.share_achieved,
       a.share_of_time,
       CASE WHEN a.severity IS NOT NULL THEN row_number() OVER (
         ORDER BY a.severity NULLS LAST, a.tie NULLS LAST, a.indicator_id, a.target_id)::INTEGER END AS severity_rank,
       s.is_failing
FROM core.assessments a
JOIN registry.indicators i USING (indicator_id)
JOIN registry.indicator_targets t USING (indicator_id, target_id)
JOIN run.statuses s USING (status)
WHERE a.geo = 'NL'
