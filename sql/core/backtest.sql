/*
description: What the bands of the projections would have held of history, and how wide they must be.
grain: [horizon]
columns:
  horizon: INTEGER, years ahead
  n_series: INTEGER, series (indicator and area) that were long enough
  n_forecasts: INTEGER, forecasts held against what came
  raw_coverage_80: DOUBLE, share of them inside the 80 % band before widening
  raw_coverage_95: DOUBLE, the same for the 95 % band
  coverage_80: DOUBLE, share inside the widened 80 % band; each series by a widening fitted on all others
  coverage_95: DOUBLE, the same for the 95 % band
  fitted: DOUBLE, factor that this horizon alone asks for
  widening: DOUBLE, factor in use - on the line through all horizons
  widening_base: DOUBLE, that line at horizon 0
  widening_per_year: DOUBLE, its rise for each year ahead
*/
WITH scales AS (
  -- Each series is tried on the scale(s) on which it is projected: net zero on the level.
  SELECT DISTINCT indicator_id, coalesce(target_value, 1) > 0 AS may_be_log
  FROM core.assessments WHERE kind <> 'milestone'
), histories AS (
  SELECT DISTINCT u.indicator_id || ' ' || u.geo AS name,
         CASE WHEN s.may_be_log AND list_min(u.values) > 0 THEN 'log' ELSE 'level' END AS scale,
         u.years, u.values
  FROM core.unbroken u JOIN scales s USING (indicator_id)
)
SELECT unnest(band_coverage(list({'name': name, 'scale': scale, 'years': years, 'values': values}
                                 ORDER BY name, scale)), recursive := true)
FROM histories
