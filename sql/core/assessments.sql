/*
description: The arithmetic of progress applied to every indicator and target.
function: assessments
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  counts: BOOLEAN, true where the row decides on the status of its mission
  kind: VARCHAR, kind of target
  target_year: INTEGER, year of the target
  baseline_year: INTEGER, base year
  baseline_value: DOUBLE, value at the base year in the unit of the indicator
  baseline_origin: VARCHAR, series or documented
  latest_year: INTEGER, year of the latest observation
  latest_value: DOUBLE, its value in the unit of the indicator
  target_value: DOUBLE, the target as a number in the unit of the indicator
  share_achieved: DOUBLE, share of the way from baseline to target that is done (1 = reached)
  share_of_time: DOUBLE, share of the time from base year to target year that has passed
  gap_to_path: DOUBLE, distance behind the required path in the unit of the indicator (positive = behind)
  gap_to_path_pct: DOUBLE, the same in % of the way from baseline to target
  window_start: INTEGER, first year of the short window (5 years; with a cadence of two years or more 10)
  window_value: DOUBLE, value at the start of that window in the unit of the indicator
  pace_recent: DOUBLE, pace over the short window (fraction per year on basis cagr; units per year on basis linear)
  pace_long: DOUBLE, pace over the 15-year window
  pace_required: DOUBLE, pace from the latest year that reaches the target in time
  pace_basis: VARCHAR, cagr or linear
  acceleration_factor: DOUBLE, required pace divided by recent pace
  year_reached: DOUBLE, year in which the recent pace reaches the target
  ratio_short: DOUBLE, recent pace divided by the pace required from the start of the short window
  ratio_long: DOUBLE, the same over the 15-year window
  position: "VARCHAR, against the required path: ahead, near (behind by at most 10 % of the way due) or behind; null without a path or a status"
  trend_start: INTEGER, first year of the trend (at most 10 years before the latest)
  trend_pct: "DOUBLE, slope of the trend (Theil-Sen) in % a year; positive = better"
  trend_p: "DOUBLE, two-sided p of Kendall's S between year and value, corrected for persistence"
  turning: BOOLEAN, true where the last three years went the other way than the trend by at least 0.5 % a year
  status: VARCHAR, status in METHOD's words
  reason: VARCHAR, why no status can be given
  status_probability: "DOUBLE, probability that things are at least as good, or at least as bad, as the status says; null where it claims neither pace nor direction"
  confidence: "VARCHAR, how sure the status is: firm (0.9 or more), likely (0.6 or more) or uncertain; achieved and missed are firm"
  assessable_from: INTEGER, year whose figure makes the series long enough where only the base year keeps it too short
  target_impossible: BOOLEAN, true where the derived target lies at or beyond the natural limit of the unit (the row is judged by its direction)
  is_dated: BOOLEAN, true where the latest year is old
  lapses_on: DATE, date on which the status lapses for age
  windows_disagree: BOOLEAN, true where the long window gives another class
  awaiting_target_year: BOOLEAN, true where the target year has passed and its figure is not out
  flat_tail: BOOLEAN, true where the last three values are equal
  severity: INTEGER, place in METHOD's order (1 = worst; 8 = achieved)
  tie: DOUBLE, tie-breaker within a status - ratio_short or trend_pct
  status_on_definitive_data: VARCHAR, the status without provisional and estimated values
  fragile: BOOLEAN, true where another way of calculating gives another status; null where there is none
  fragile_reasons: VARCHAR[], the ways that do (without_last_year or regression or longer_window or other_pace_basis or base_year or trend_8 or trend_12 or one_step; too_short_to_test where a way gives no status)
  fragile_statuses: VARCHAR[], the statuses that they give in the same order
  path_years: INTEGER[], years of the required path - from the base year to the target year
  path_values: DOUBLE[], where the path stands in each of them in the unit of the indicator
expectations:
  - {expect: not_null, column: status, name: status_given, description: A status is never null.}
  - {expect: in_set, column: status, name: status_known, values: [achieved, on_track, catching_up, progress_too_slow, insufficient, wrong_direction, missed, improving, slightly_improving, stable, no_clear_trend, slightly_worsening, worsening, not_assessable], description: "The status is one of METHOD's."}
*/
SELECT s.*, r.reference_date FROM core.series s CROSS JOIN run.reference r
