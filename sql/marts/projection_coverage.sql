/*
description: "How often history fell inside the projections' bands: every series that is long enough - of indicators, and lent by other offices for this alone -, each year of it taken as the present; by how persistent the series' changes were until then, and all together."
grain: [horizon, persistence]
columns:
  horizon: INTEGER, years ahead
  persistence: VARCHAR, class by the lag-1 autocorrelation of the last yearly changes before the forecast - low (a rise is followed by a fall) or middle or high (changes go on); all together
  n_series: INTEGER, series (indicator and area, or lent) that were long enough
  n_series_lent: INTEGER, those of them that are no indicator's - of datasets that serve the back-test only (Statistics Canada's indicator framework)
  n_forecasts: INTEGER, forecasts held against what came
  coverage_80: DOUBLE, share of them inside the 80 % band (leave one series out - each series by a widening fitted on all others)
  coverage_95: DOUBLE, share of them inside the 95 % band (the same)
  coverage_80_indicator_out: DOUBLE, share of them inside the 80 % band (leave one indicator out - all its areas by a widening fitted on all other indicators)
  coverage_95_indicator_out: DOUBLE, share of them inside the 95 % band (the same)
  widening: DOUBLE, how many times as wide as the random walk's own the published 80 % bands are; null for all together as each class has its own
  widening_95: DOUBLE, the same for the 95 % bands
  raw_coverage_80: DOUBLE, share inside the 80 % band before widening
  raw_coverage_95: DOUBLE, share inside the 95 % band before widening
  fitted: DOUBLE, factor that this class asks for at this horizon alone (80 % band); widening is the straight line through all of them and goes on beyond the last
  fitted_95: DOUBLE, the same for the 95 % band
expectations:
  - {expect: between, column: coverage_80, min: 0.72, max: 0.88, severity: warn, name: holds_what_it_says, description: The 80 % band holds 72 to 88 % of what came in each class.}
  - {expect: no_rows, name: holds_over_all_classes, severity: warn, sql: "SELECT * FROM marts.projection_coverage WHERE persistence = 'all' AND NOT (coverage_80 BETWEEN 0.77 AND 0.83 AND coverage_95 BETWEEN 0.93 AND 0.97)", description: Over all classes the 80 % band holds 77 to 83 % of what came and the 95 % band 93 to 97 %.}
  - {expect: between, column: widening, min: 0.5, max: 5, name: of_one_order, description: History asks for bands of the same order as the random walk's own.}
*/
SELECT horizon, persistence, n_series, n_series_lent, n_forecasts, coverage_80, coverage_95,
       coverage_80_indicator_out, coverage_95_indicator_out, widening, widening_95,
       raw_coverage_80, raw_coverage_95, fitted, fitted_95
FROM core.backtest
