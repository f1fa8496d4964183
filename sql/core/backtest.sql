/*
description: What the bands of the projections would have held of history, and how wide they must be.
function: band_coverage
grain: [horizon, persistence]
columns:
  horizon: INTEGER, years ahead
  persistence: VARCHAR, class by the lag-1 autocorrelation of the yearly changes that a forecast was made from - low or middle or high; all together
  n_series: INTEGER, series (indicator and area, or lent) that were long enough
  n_series_lent: INTEGER, those of them that are no indicator's - of datasets that serve the back-test only
  n_forecasts: INTEGER, forecasts held against what came
  raw_coverage_80: DOUBLE, share of them inside the 80 % band before widening
  raw_coverage_95: DOUBLE, the same for the 95 % band
  coverage_80: DOUBLE, share inside the widened 80 % band; each series by a widening fitted on all others
  coverage_95: DOUBLE, the same for the 95 % band
  coverage_80_indicator_out: DOUBLE, share inside the widened 80 % band; each indicator by a widening fitted on all other indicators
  coverage_95_indicator_out: DOUBLE, the same for the 95 % band
  fitted: DOUBLE, factor that the 80 % band of this class asks for at this horizon alone; null for all together
  fitted_95: DOUBLE, the same for the 95 % band
  widening: DOUBLE, factor in use for the 80 % band - on the class's line through all horizons; null for all together
  widening_95: DOUBLE, the same for the 95 % band
  widening_base: DOUBLE, the 80 % band's line at horizon 0
  widening_per_year: DOUBLE, its rise for each year ahead
  widening_base_95: DOUBLE, the 95 % band's line at horizon 0
  widening_per_year_95: DOUBLE, its rise for each year ahead
*/
WITH scales AS (
  -- Each series is tried on the scale(s) on which it is projected: net zero on the level.
  SELECT DISTINCT indicator_id, coalesce(target_value, 1) > 0 AS may_be_log
  FROM core.assessments WHERE kind <> 'milestone'
), lent AS (
  SELECT o.source || '/' || o.dataset || ' ' || o.series_key || ' ' || o.geo AS name,
         list(o.year ORDER BY o.year) AS years, list(o.value ORDER BY o.year) AS values
  FROM raw.observations o JOIN registry.datasets d USING (source, dataset)
  WHERE d.serves = 'backtest' GROUP BY ALL
), histories AS (
  SELECT DISTINCT u.indicator_id || ' ' || u.geo AS name, u.indicator_id AS indicator,
         CASE WHEN s.may_be_log AND list_min(u.values) > 0 THEN 'log' ELSE 'level' END AS scale,
         u.years, u.values, i.cadence, false AS lent
  FROM core.unbroken u JOIN scales s USING (indicator_id)
  JOIN registry.indicators i USING (indicator_id)
  UNION ALL
  -- Yearly, and each an indicator of its own.
  SELECT name, name, CASE WHEN list_min(values) > 0 THEN 'log' ELSE 'level' END, years, values,
         1, true
  FROM lent
)
SELECT name, indicator, scale, years, values, cadence, lent FROM histories ORDER BY name, scale
