/*
description: Where each sub-mission and interim goal stands, decided by its worst headline.
grain: [mission_id]
columns:
  mission_id: VARCHAR, sub-mission or interim goal
  parent_id: VARCHAR, mission or sub-mission that it belongs to
  status: VARCHAR, computed status (a manual override stands beside it and never hides it)
  reason: VARCHAR, why no status can be given
  basis: VARCHAR, direct_headline or proxy_headline or interim_goal
  worst_indicator_id: VARCHAR, indicator that decides
  worst_target_id: VARCHAR, target that decides
  worst_goal_id: VARCHAR, interim goal that decides where basis is interim_goal
  reason_indicator_id: VARCHAR, headline whose reason is given where nothing is assessable
  indication: VARCHAR, worst supporting status where there is no status (is no status itself)
  indication_indicator_id: VARCHAR, indicator that it comes from
  law_failing: VARCHAR[], law targets that are missed or failing or whose year has passed without its figure (never counted)
  exploratory_failing: VARCHAR[], exploratory targets that are missed or failing (never counted)
  status_probability: DOUBLE, probability of what the status says
  confidence: "VARCHAR, how sure the status is: firm, likely or uncertain"
  standing: "VARCHAR, what it is counted under: on_course, gaining, failing, unclear or unassessed"
  is_solid: "BOOLEAN, true where the figure that decides is direct and recent, and the status at least likely"
  is_dated: BOOLEAN, true where the deciding figure is old
  latest_year: INTEGER, year of the deciding figure
  share_achieved: DOUBLE, share of the way from baseline to target that is done
  share_of_time: DOUBLE, share of the time from base year to target year that has passed
  n_indicators: INTEGER, number of indicators registered
  n_assessed: INTEGER, number of them with a status on a counting row
  milestone_state: VARCHAR, official state of the milestone (met or open or overdue)
  override_status: VARCHAR, status given by a person
  override_author: VARCHAR, who gave it
  override_reason: VARCHAR, why
  override_date: DATE, from when it holds
  override_until: DATE, until when it holds
expectations:
  - {expect: rows, value: 25, name: twenty_five_rows, description: 21 sub-missions and 4 interim goals; none is missing because data are.}
  - {expect: not_null, column: status, name: status_given, description: A status is never null.}
  - {expect: no_rows, name: reason_iff_unassessed, sql: "SELECT * FROM marts.sub_mission_progress WHERE (status = 'not_assessable') <> (reason IS NOT NULL)", description: A reason stands beside not_assessable and only there.}
  - {expect: no_rows, name: status_has_inputs, description: The status is that of the row that decides.}
  - {expect: no_rows, name: no_headline_hidden, description: No direct headline is worse than the status shown.}
  - {expect: no_rows, name: every_goal_present, sql: "SELECT m.mission_id FROM registry.missions m ANTI JOIN marts.sub_mission_progress s USING (mission_id) WHERE m.level <> 'mission'", description: Every sub-mission and goal of the letter has its row.}
*/
WITH ranked AS (
  SELECT m.mission_id, g.mission_id AS goal_id, o.* EXCLUDE (mission_id)
  FROM registry.missions m
  JOIN registry.missions g ON g.mission_id = m.mission_id
    OR (g.parent_id = m.mission_id AND g.level = 'interim_goal')
  JOIN core.own_status o ON o.mission_id = g.mission_id
  WHERE m.level <> 'mission'
), worst AS (
  SELECT * FROM ranked
  QUALIFY row_number() OVER (
    PARTITION BY mission_id
    ORDER BY severity_rank NULLS LAST, goal_id <> mission_id, goal_id) = 1
), chosen AS (
  -- Where nothing is assessable the row speaks for itself, never for a goal.
  SELECT w.mission_id, CASE WHEN w.severity_rank IS NULL THEN w.mission_id ELSE w.goal_id END AS goal_id
  FROM worst w
), state AS (
  SELECT mission_id, any_value(milestone_state) AS milestone_state
  FROM registry.targets WHERE kind = 'milestone' GROUP BY mission_id
)
SELECT m.mission_id, m.parent_id, d.status, d.reason,
       CASE WHEN c.goal_id <> m.mission_id THEN 'interim_goal' ELSE d.basis END AS basis,
       d.worst_indicator_id, d.worst_target_id,
       CASE WHEN c.goal_id <> m.mission_id THEN c.goal_id END AS worst_goal_id,
       d.reason_indicator_id, d.indication, d.indication_indicator_id, o.law_failing,
       o.exploratory_failing, d.status_probability, d.confidence, d.standing,
       coalesce(d.fit = 'direct' AND NOT d.is_dated AND d.confidence IN ('firm', 'likely'), false) AS is_solid,
       d.is_dated, d.latest_year, d.share_achieved, d.share_of_time,
       o.n_indicators, o.n_assessed, state.milestone_state,
       v.status AS override_status, v.author AS override_author, v.reason AS override_reason,
       v.date::DATE AS override_date, v.until::DATE AS override_until
FROM registry.missions m
JOIN chosen c USING (mission_id)
JOIN core.own_status d ON d.mission_id = c.goal_id
JOIN core.own_status o ON o.mission_id = m.mission_id
LEFT JOIN state ON state.mission_id = m.mission_id
CROSS JOIN run.reference r
LEFT JOIN registry.overrides v
  ON v.mission_id = m.mission_id AND v.date::DATE <= r.reference_date
 AND v.until::DATE >= r.reference_date
WHERE m.level <> 'mission'
