/*
description: Each series carried on to its target year, with bands and the chance of the target.
function: projections
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  reason: VARCHAR, why nothing is projected
  scale: VARCHAR, log or level
  n_changes: INTEGER, changes that drift and spread are taken from (at most 10)
  drift: DOUBLE, change a year that is carried on - part of the mean change (ln on scale log; units on scale level)
  spread: DOUBLE, standard deviation of a year's change (the same)
  persistence: VARCHAR, class by the lag-1 autocorrelation of these changes - low or middle or high; it says how much wider the bands are (core.backtest)
  probability: DOUBLE, probability of meeting the target in its year
  probability_words: VARCHAR, the same in the words of the European Environment Agency
  ahead: INTEGER[], years projected - to the target year; where only the direction is judged at least 5
  projected: DOUBLE[], central projection in the unit of the indicator
  low_80: DOUBLE[], lower bound of the 80 % band
  high_80: DOUBLE[], upper bound of the 80 % band
  low_95: DOUBLE[], lower bound of the 95 % band
  high_95: DOUBLE[], upper bound of the 95 % band
*/
WITH measured AS (
  SELECT list(DISTINCT {'persistence': persistence, 'base': widening_base, 'per_year': widening_per_year,
                        'base_95': widening_base_95, 'per_year_95': widening_per_year_95}) AS widenings
  FROM core.backtest WHERE widening_base IS NOT NULL
)
SELECT a.indicator_id, a.geo, a.target_id, a.kind, a.target_year, a.target_value, i.direction,
       i.cadence, i.bound_low, i.bound_high, u.years, u.values, m.widenings,
       CASE WHEN a.reason IN ('context_only', 'stale') THEN a.reason
            WHEN a.kind = 'milestone' THEN 'milestone'
            WHEN u.years IS NULL THEN 'no_data'
            WHEN a.kind <> 'direction' AND a.target_value IS NULL THEN 'baseline_missing' END AS refused
FROM core.assessments a
JOIN registry.indicators i USING (indicator_id)
LEFT JOIN core.unbroken u USING (indicator_id, geo)
CROSS JOIN measured m
