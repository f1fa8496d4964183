/*
description: "Each mission's assessed rows from worst to best; within a status rows with a number first, by their ratio, then those of direction, by their trend."
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
  status_probability: DOUBLE, probability of what the status says
  confidence: VARCHAR, firm or likely or uncertain
  awaiting_target_year: BOOLEAN, true where the target year has passed and its figure is not out
  is_dated: BOOLEAN, true where the latest year is old
  latest_year: INTEGER, year of the latest observation
  share_achieved: DOUBLE, share of the way
  share_of_time: DOUBLE, share of the time
  severity_rank: INTEGER, rank over all rows (1 = worst); null where not assessed
  standing: VARCHAR, on_course or gaining or failing or unclear or unassessed
*/
SELECT a.indicator_id, a.target_id, i.mission_id, i.fit, i.role, t.strength, a.counts, i.position,
       row_number() OVER (PARTITION BY a.indicator_id
         ORDER BY a.target_year NULLS FIRST, a.target_id)::INTEGER AS target_position,
       a.status, a.reason, a.severity, a.tie, a.status_probability,
       a.confidence, a.awaiting_target_year, a.is_dated, a.latest_year, a.share_achieved,
       a.share_of_time,
       CASE WHEN a.severity IS NOT NULL THEN row_number() OVER (
         ORDER BY a.severity NULLS LAST, a.tie IS NULL, a.ratio_short IS NULL, a.tie, a.indicator_id, a.target_id)::INTEGER END AS severity_rank,
       s.standing
FROM core.assessments a
JOIN registry.indicators i USING (indicator_id)
JOIN registry.indicator_targets t USING (indicator_id, target_id)
JOIN run.statuses s USING (status)
WHERE a.geo = 'NL'
