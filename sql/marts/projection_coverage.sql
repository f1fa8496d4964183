/*
description: "How often history fell inside the projections' bands: every series that is long enough - of indicators, and lent by other offices for this alone -, each year of it taken as the present."
grain: [horizon]
columns:
  horizon: INTEGER, years ahead
  n_series: INTEGER, series (indicator and area, or lent) that were long enough
  n_series_lent: INTEGER, those of them that are no indicator's - of datasets that serve the back-test only (Statistics Canada's indicator framework)
  n_forecasts: INTEGER, forecasts held against what came
  coverage_80: DOUBLE, share of them inside the 80 % band (leave one series out - each series by a widening fitted on all others)
  coverage_95: DOUBLE, share of them inside the 95 % band (the same)
  widening: DOUBLE, how many times as wide as the random walk's own the published bands are
  raw_coverage_80: DOUBLE, share inside the 80 % band before widening
  raw_coverage_95: DOUBLE, share inside the 95 % band before widening
  fitted: DOUBLE, factor that this horizon alone asks for; widening is the straight line through all of them and goes on beyond the last
expectations:
  - {expect: between, column: coverage_80, min: 0.75, max: 0.87, severity: warn, name: holds_what_it_says, description: The 80 % band holds 75 to 87 % of what came.}
  - {expect: between, column: widening, min: 1, max: 5, name: never_narrower, description: A band is never made narrower.}
*/
SELECT horizon, n_series, n_series_lent, n_forecasts, coverage_80, coverage_95, widening,
       raw_coverage_80, raw_coverage_95, fitted
FROM core.backtest
