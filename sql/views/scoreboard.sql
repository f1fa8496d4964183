/*
description: The scoreboard - a row for each of the 30 missions, sub-missions and interim goals in the letter's order, gaps included.
grain: [mission_id]
columns:
  mission_id: VARCHAR, mission or sub-mission or interim goal
  parent_id: VARCHAR, mission or sub-mission that it belongs to
  level: VARCHAR, mission or sub_mission or interim_goal
  position: INTEGER, place in the letter
  title_nl: VARCHAR, title in Dutch
  title_en: VARCHAR, title in English
  short_nl: VARCHAR, short title in Dutch
  short_en: VARCHAR, short title in English
  status: VARCHAR, computed status (of a mission - that of its own headlines; the sub-missions are counted and not averaged)
  reason: VARCHAR, why no status can be given
  basis: VARCHAR, direct_headline or proxy_headline or interim_goal
  indicator_id: VARCHAR, indicator that decides
  label_nl: VARCHAR, its label in Dutch
  label_en: VARCHAR, its label in English
  fit: VARCHAR, its fit (direct or proxy or context)
  target_id: VARCHAR, target that decides
  worst_goal_id: VARCHAR, interim goal that decides where basis is interim_goal
  latest_year: INTEGER, year of the deciding figure
  status_probability: DOUBLE, probability of what the status says
  confidence: "VARCHAR, how sure the status is: firm, likely or uncertain"
  standing: "VARCHAR, what it is counted under: on_course, gaining, failing, unclear or unassessed (sub-missions and goals only)"
  is_solid: "BOOLEAN, true where the figure that decides is direct and recent, and the status at least likely (sub-missions and goals only)"
  position_on_path: "VARCHAR, against the required path: ahead, near or behind"
  turning: BOOLEAN, true where the deciding series has turned of late
  is_dated: BOOLEAN, true where the deciding figure is old
  fragile: BOOLEAN, true where another way of calculating gives the deciding row another status
  fragile_reasons: VARCHAR[], the ways that do
  share_achieved: DOUBLE, share of the way from baseline to target that is done (1 = reached)
  share_of_time: DOUBLE, share of the time from base year to target year that has passed
  law_failing: VARCHAR[], law targets that are missed or failing or whose year has passed without its figure (never counted)
  indication: VARCHAR, worst supporting status where there is no status (is no status itself)
  indication_indicator_id: VARCHAR, indicator that it comes from
  override_status: VARCHAR, status given by a person (stands beside the computed one)
  override_author: VARCHAR, who gave it
  override_reason: VARCHAR, why
  override_date: DATE, from when it holds
  override_until: DATE, until when it holds
  n_sub_missions: INTEGER, number of sub-missions (missions only)
  n_assessed: INTEGER, number of them that can be assessed (missions only)
  n_on_course: INTEGER, sub-missions that are achieved or on track or improving (missions only)
  n_gaining: INTEGER, sub-missions that are catching up or slightly improving (missions only)
  n_failing: INTEGER, sub-missions whose progress is too slow or worse (missions only)
  n_unclear: INTEGER, sub-missions that are stable or without a clear trend (missions only)
  n_unassessed: INTEGER, sub-missions without a status (missions only)
  n_solid: INTEGER, sub-missions that are solid (missions only)
  failing: VARCHAR[], sub-missions and own headlines that are progress_too_slow or worse (missions only)
  unclear: VARCHAR[], sub-missions and own headlines that are stable or without a clear trend (missions only)
*/
SELECT m.mission_id, m.parent_id, m.level, m.position, m.title_nl, m.title_en, m.short_nl, m.short_en,
       coalesce(s.status, p.own_status) AS status, coalesce(s.reason, p.own_reason) AS reason,
       s.basis,
       coalesce(s.worst_indicator_id, p.own_worst_indicator_id) AS indicator_id,
       i.label_nl, i.label_en, i.fit,
       coalesce(s.worst_target_id, p.own_worst_target_id) AS target_id, s.worst_goal_id,
       coalesce(s.latest_year, p.own_latest_year) AS latest_year,
       coalesce(s.status_probability, p.own_status_probability) AS status_probability,
       coalesce(s.confidence, p.own_confidence) AS confidence, s.standing, s.is_solid,
       d.position AS position_on_path, d.turning, coalesce(s.is_dated, p.own_is_dated) AS is_dated,
       d.fragile, d.fragile_reasons,
       coalesce(s.share_achieved, p.own_share_achieved) AS share_achieved,
       coalesce(s.share_of_time, p.own_share_of_time) AS share_of_time,
       s.law_failing, s.indication, s.indication_indicator_id,
       s.override_status, s.override_author, s.override_reason, s.override_date, s.override_until,
       p.n_sub_missions, p.n_assessed, p.n_on_course, p.n_gaining,
       p.n_failing, p.n_unclear, p.n_unassessed, p.n_solid, p.failing, p.unclear
FROM marts.missions m
LEFT JOIN marts.sub_mission_progress s ON s.mission_id = m.mission_id
LEFT JOIN marts.mission_progress p ON p.mission_id = m.mission_id
LEFT JOIN marts.indicator_progress d
  ON d.indicator_id = coalesce(s.worst_indicator_id, p.own_worst_indicator_id)
 AND d.target_id = coalesce(s.worst_target_id, p.own_worst_target_id) AND d.geo = 'NL'
LEFT JOIN marts.indicators i
  ON i.indicator_id = coalesce(s.worst_indicator_id, p.own_worst_indicator_id)
ORDER BY m.position
