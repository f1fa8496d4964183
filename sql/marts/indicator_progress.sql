/*
description: How far each indicator has come towards each target, with status or reason.
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  mission_id: VARCHAR, mission that the indicator serves
  baseline_year: INTEGER, base year
  baseline_value: DOUBLE, value at the base year in the unit of the indicator
  baseline_origin: VARCHAR, series or documented
  base_year_basis: VARCHAR, letter or assumed or documented
  latest_year: INTEGER, year of the latest observation
  latest_value: DOUBLE, its value in the unit of the indicator
  target_year: INTEGER, year of the target
  target_value: DOUBLE, the target in the unit of the indicator
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
  windows_disagree: BOOLEAN, true where the long window gives another class
  status_on_definitive_data: VARCHAR, the status without provisional and estimated values
  fragile: BOOLEAN, true where another way of calculating gives another status; null where there is none
  fragile_reasons: VARCHAR[], the ways that do (without_last_year or regression or longer_window or other_pace_basis or base_year or trend_8 or trend_12 or one_step; too_short_to_test where a way gives no status)
  fragile_statuses: VARCHAR[], the statuses that they give in the same order
  methods_agree: "BOOLEAN, true where every other published method that has an opinion answers as our status does (marts.second_opinions: with a target, is it on course; without, does it move the right way); null where we or all others have none"
  probability_of_target: DOUBLE, probability of meeting the target in its year if the past goes on (an extrapolation and not the effect of policy)
  probability_words: VARCHAR, the same in the words of the European Environment Agency - very_likely (0.9 or more) or likely_but_uncertain or unlikely_but_uncertain or very_unlikely (0.1 or less)
  persistence: VARCHAR, class of the series by the lag-1 autocorrelation of its last yearly changes - low or middle or high; by it marts.projection_coverage says how often bands like this one held
  awaiting_target_year: BOOLEAN, true where the target year has passed and its figure is not out
  flat_tail: BOOLEAN, true where the last three values are equal
  lapses_on: DATE, date on which the status lapses for age
  counts: BOOLEAN, true where the row decides on the status of its mission
  severity: INTEGER, place in METHOD's order (1 = worst; 8 = achieved)
  as_of: DATE, reference date
  method_version: VARCHAR, version of the rules
expectations:
  - {expect: not_null, column: status, name: status_given, description: A status is never null.}
  - {expect: no_rows, name: reason_iff_unassessed, sql: "SELECT * FROM marts.indicator_progress WHERE (status = 'not_assessable') <> (reason IS NOT NULL)", description: A reason stands beside not_assessable and only there.}
  - {expect: no_rows, name: status_has_inputs, description: No status without the numbers that it is made of.}
  - {expect: no_rows, name: on_track_is_not_behind, sql: "SELECT * FROM marts.indicator_progress WHERE status = 'on_track' AND position = 'behind'", description: No row is called on track while the way done lies behind the path.}
  - {expect: no_rows, name: every_pair_present, sql: "SELECT t.indicator_id, t.target_id FROM registry.indicator_targets t ANTI JOIN marts.indicator_progress p USING (indicator_id, target_id)", description: Every indicator and target has its row.}
  - {expect: no_rows, name: baseline_not_zero_way, severity: warn, sql: "SELECT * FROM marts.indicator_progress WHERE baseline_value = target_value AND baseline_value IS NOT NULL", description: A target that equals its baseline asks nothing.}
*/
SELECT a.indicator_id, a.geo, a.target_id, i.mission_id, a.baseline_year, a.baseline_value,
       a.baseline_origin, t.base_year_basis, a.latest_year, a.latest_value, a.target_year,
       a.target_value, a.share_achieved, a.share_of_time, a.gap_to_path, a.gap_to_path_pct,
       a.window_start, a.window_value, a.pace_recent, a.pace_long, a.pace_required, a.pace_basis,
       a.acceleration_factor, a.year_reached, a.ratio_short, a.ratio_long, a.position, a.trend_start,
       a.trend_pct, a.trend_p, a.turning, a.status, a.reason, a.status_probability, a.confidence,
       a.assessable_from, a.target_impossible, a.is_dated, a.windows_disagree, a.status_on_definitive_data,
       a.fragile, a.fragile_reasons, a.fragile_statuses,
       o.methods_agree, p.probability AS probability_of_target, p.probability_words,
       p.persistence, a.awaiting_target_year, a.flat_tail, a.lapses_on, a.counts, a.severity,
       r.reference_date AS as_of, r.method_version
FROM core.assessments a
JOIN registry.indicators i USING (indicator_id)
JOIN registry.indicator_targets t USING (indicator_id, target_id)
CROSS JOIN run.reference r
LEFT JOIN (
  SELECT indicator_id, geo, target_id, bool_and(agrees) AS methods_agree
  FROM core.opinions GROUP BY ALL
) o USING (indicator_id, geo, target_id)
LEFT JOIN core.projections p USING (indicator_id, geo, target_id)
