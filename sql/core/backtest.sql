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
SELECT name, indicator, scale, years, values, cadence, lent FROM core.histories ORDER BY name, scale
