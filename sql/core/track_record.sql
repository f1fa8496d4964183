/*
description: The statuses that each series would have had in the years that have passed, and what became of them.
function: track_record
grain: [indicator_id, geo, year, horizon, size]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  year: INTEGER, year taken as the present - nothing later is known to the status
  horizon: INTEGER, years after which it is held against what came
  size: DOUBLE, share by which the pseudo-target lies beyond the value at the start of the short window; 0 where only the direction is judged
  status: VARCHAR, status - against a pseudo-target by the ratio alone, which has no path and so no position, so on_track stands for catching_up too; without one by the trend
  possible: BOOLEAN, false where the unit ends before the pseudo-target - such a row would get no status against it
  came_true: BOOLEAN, true where the pseudo-target was reached after these years; without one, where the value was better than in the year of the status
  probability: DOUBLE, probability of reaching it as projected in that year (widened as projections are today); null without a pseudo-target and where nothing can be projected
  bin: INTEGER, which of the equal parts of the scale from 0 to 1 it lies in (1 = lowest)
*/
SELECT u.indicator_id, u.geo, i.direction, i.cadence, i.bound_low, i.bound_high, u.years, u.values,
       (SELECT list(DISTINCT {'persistence': persistence, 'base': widening_base,
                              'per_year': widening_per_year, 'base_95': widening_base_95,
                              'per_year_95': widening_per_year_95})
        FROM core.backtest WHERE widening_base IS NOT NULL) AS widenings
FROM core.unbroken u JOIN registry.indicators i USING (indicator_id)
WHERE i.direction IS NOT NULL
ORDER BY u.indicator_id, u.geo
