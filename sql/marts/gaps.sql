/*
description: Why an indicator cannot be assessed in this case, and what would close it, in both languages.
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  mission_id: VARCHAR, mission that the indicator serves
  reason: VARCHAR, why no status can be given (marts.indicator_progress)
  gap: VARCHAR, the case (pipeline/registry/gaps.yaml)
  cadence: INTEGER, years between the publisher's figures
  latest_year: INTEGER, year of the latest figure
  n_usable: INTEGER, figures that the window of the status holds since the last break and the base year
  n_needed: INTEGER, figures that are still needed
  next_year: INTEGER, year of the next figure by the publisher's usual distance
  enough_year: INTEGER, year whose figure makes enough of them
  source: VARCHAR, publisher of the dataset that will fill the gap; null where none does
  dataset: VARCHAR, that dataset
  closes_nl: VARCHAR, the case in Dutch
  closes_en: VARCHAR, the case in English
expectations:
  - {expect: not_null, column: closes_nl, name: said_in_dutch, description: Every case has its words in Dutch.}
  - {expect: not_null, column: closes_en, name: said_in_english, description: Every case has its words in English.}
  - {expect: no_rows, name: every_gap_told, sql: "SELECT p.indicator_id, p.target_id FROM marts.indicator_progress p ANTI JOIN marts.gaps g USING (indicator_id, target_id) WHERE p.reason IS NOT NULL AND p.reason <> 'context_only'", description: Whatever cannot be assessed says why and what would close it.}
*/
WITH waits AS (
  -- What is pulled and has more than is here: the registry's first choice of an indicator's datasets.
  SELECT o.indicator_id, d.source, d.dataset, d.title, s.publisher || ' ' || d.asked_code AS told,
         d.holds_first, d.holds_last, m.waits_for_pull
  FROM registry.operands o
  JOIN registry.datasets d USING (source, dataset)
  JOIN registry.sources s ON s.source = d.asked
  JOIN marts.source_status m USING (source, dataset)
  WHERE d.holds_last IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY o.indicator_id ORDER BY o.alternative, o.position) = 1
), asked AS (
  SELECT p.indicator_id, p.geo, p.target_id, p.mission_id, p.reason, p.latest_year,
         p.assessable_from, i.cadence, i.closes_table, i.closes_first, i.closes_last, i.none_found,
         t.kind, p.target_impossible, t.base_year, d.title AS dataset_title, year(p.as_of) AS this_year,
         -- Of the observations that decide: a row without a number is decided by its trend.
         CASE WHEN t.kind = 'direction' OR p.target_impossible THEN r.trend_window
              ELSE k.short_window END AS length,
         r.min_points, r.late_years, i.cadence > r.trend_window // (r.min_points - 1) AS too_rare,
         w.* EXCLUDE (indicator_id)
  FROM marts.indicator_progress p
  JOIN registry.indicators i USING (indicator_id)
  JOIN registry.indicator_targets t USING (indicator_id, target_id)
  ASOF JOIN run.windows k ON i.cadence >= k.cadence
  CROSS JOIN run.method r
  LEFT JOIN registry.datasets d ON d.source = i.source AND d.dataset = i.dataset
  LEFT JOIN waits w USING (indicator_id)
  WHERE p.reason IS NOT NULL AND p.reason <> 'context_only'
), counted AS (
  SELECT a.*, u.break_year,
         coalesce(len(list_filter(u.years, lambda y: y >= a.latest_year - a.length
           AND (a.target_impossible OR a.kind NOT IN ('change', 'gain') OR a.base_year IS NULL OR y >= a.base_year))), 0)::INTEGER AS n
  FROM asked a LEFT JOIN core.unbroken u USING (indicator_id, geo)
), dated AS (
  SELECT *, greatest(min_points - n, 1)::INTEGER AS needed, latest_year + cadence AS next,
         this_year - latest_year > cadence + late_years AS late,
         holds_last > latest_year AS more,
         CASE WHEN reason <> 'stale'
              THEN greatest(min_points - n, 1) - (holds_last - latest_year) // cadence ELSE 0 END::INTEGER AS short_of
  FROM counted
), decided AS (
  SELECT *, coalesce(assessable_from, latest_year + needed * cadence)::INTEGER AS enough,
         CASE
           WHEN reason = 'no_data' AND waits_for_pull THEN 'waits_for_pull'
           WHEN reason = 'no_data' THEN 'no_figures'
           WHEN reason IN ('milestone_open', 'not_computable') THEN reason
           WHEN more AND short_of <= 0 THEN 'live_has_more'
           WHEN more AND short_of < needed THEN 'live_has_some'
           WHEN closes_table IS NOT NULL THEN 'table_has_more'
           WHEN none_found IS NOT NULL THEN 'none_found'
           WHEN reason IN ('stale', 'baseline_missing') THEN reason
           WHEN too_rare THEN 'too_rare'
           WHEN break_year > latest_year - length
             THEN CASE WHEN late THEN 'since_break_late' ELSE 'since_break' END
           WHEN cadence > 1 THEN CASE WHEN late THEN 'every_n_years_late' ELSE 'every_n_years' END
           WHEN late THEN 'yearly_late' ELSE 'yearly'
         END AS gap
  FROM dated
), filled AS (
  -- In the order of GAP_VALUES (pipeline/registry/notes.py).
  SELECT *, list_transform([n, needed, cadence, latest_year, next, short_of, enough, base_year, break_year]::VARCHAR[],
                           lambda x: coalesce(x, '')) AS numbers,
         coalesce(title, dataset_title, '') AS named,
         coalesce(CASE WHEN gap = 'table_has_more' THEN closes_table ELSE told END, '') AS told_of,
         coalesce(CASE WHEN gap = 'table_has_more' THEN closes_first ELSE holds_first END::VARCHAR, '') AS first,
         coalesce(CASE WHEN gap = 'table_has_more' THEN closes_last ELSE holds_last END::VARCHAR, '') AS last,
         coalesce(none_found, '') AS day
  FROM decided
)
SELECT f.indicator_id, f.geo, f.target_id, f.mission_id, f.reason, f.gap, f.cadence, f.latest_year,
       f.n AS n_usable, f.needed AS n_needed, f.next::INTEGER AS next_year, f.enough AS enough_year,
       CASE WHEN gap IN ('waits_for_pull', 'live_has_more', 'live_has_some') THEN f.source END AS source,
       CASE WHEN gap IN ('waits_for_pull', 'live_has_more', 'live_has_some') THEN f.dataset END AS dataset,
       format(x.nl, numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7],
              numbers[8], numbers[9], named, told_of, first, last, day) AS closes_nl,
       format(x.en, numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7],
              numbers[8], numbers[9], named, told_of, first, last, day) AS closes_en
FROM filled f LEFT JOIN registry.gap_texts x USING (gap)
