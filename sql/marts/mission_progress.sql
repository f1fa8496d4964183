/*
description: Each central mission - how many of its sub-missions stand where, and its own headlines; no mean.
grain: [mission_id]
columns:
  mission_id: VARCHAR, central mission
  n_sub_missions: INTEGER, number of sub-missions
  n_assessed: INTEGER, number of them that can be assessed
  coverage: DOUBLE, share of them that can be assessed
  n_achieved: INTEGER, number of sub-missions with this status
  n_on_track: INTEGER, number of sub-missions with this status
  n_catching_up: INTEGER, number of sub-missions with this status
  n_progress_too_slow: INTEGER, number of sub-missions with this status
  n_insufficient: INTEGER, number of sub-missions with this status
  n_wrong_direction: INTEGER, number of sub-missions with this status
  n_missed: INTEGER, number of sub-missions with this status
  n_improving: INTEGER, number of sub-missions with this status
  n_slightly_improving: INTEGER, number of sub-missions with this status
  n_stable: INTEGER, number of sub-missions with this status
  n_no_clear_trend: INTEGER, number of sub-missions with this status
  n_slightly_worsening: INTEGER, number of sub-missions with this status
  n_worsening: INTEGER, number of sub-missions with this status
  n_not_assessable: INTEGER, number of sub-missions with this status
  n_on_course: INTEGER, sub-missions that are achieved or on track or improving
  n_gaining: INTEGER, sub-missions that are catching up or slightly improving
  n_failing: INTEGER, sub-missions whose progress is too slow or worse
  n_unclear: INTEGER, sub-missions that are stable or without a clear trend
  n_unassessed: INTEGER, sub-missions without a status
  n_solid: "INTEGER, sub-missions whose deciding figure is direct and recent, and whose status is at least likely"
  worst_sub_mission_id: VARCHAR, the worst of them
  own_status: VARCHAR, status of the mission's own headlines
  own_reason: VARCHAR, why they have none
  own_worst_indicator_id: VARCHAR, own headline that decides
  own_worst_target_id: VARCHAR, own target that decides
  own_latest_year: INTEGER, year of the figure that decides
  own_share_achieved: DOUBLE, share of the way
  own_share_of_time: DOUBLE, share of the time
  own_is_dated: BOOLEAN, true where that figure is old
  own_status_probability: DOUBLE, probability of what the own status says
  own_confidence: "VARCHAR, how sure it is: firm, likely or uncertain"
  failing: VARCHAR[], sub-missions and own headlines that are progress_too_slow or worse
  unclear: VARCHAR[], sub-missions and own headlines that are stable or without a clear trend
expectations:
  - {expect: rows, value: 5, name: five_rows, description: The five central missions are there.}
  - {expect: not_null, column: own_status, name: own_status_given, description: A status is never null.}
  - {expect: no_rows, name: counts_add_up, description: Every sub-mission is counted once; the unassessable too.}
*/
WITH counted AS (
  SELECT s.parent_id AS mission_id, count(*)::INTEGER AS n_sub_missions,
       count(*) FILTER (s.status <> 'not_assessable')::INTEGER AS n_assessed,
       count(*) FILTER (s.status = 'achieved')::INTEGER AS n_achieved,
       count(*) FILTER (s.status = 'on_track')::INTEGER AS n_on_track,
       count(*) FILTER (s.status = 'catching_up')::INTEGER AS n_catching_up,
       count(*) FILTER (s.status = 'progress_too_slow')::INTEGER AS n_progress_too_slow,
       count(*) FILTER (s.status = 'insufficient')::INTEGER AS n_insufficient,
       count(*) FILTER (s.status = 'wrong_direction')::INTEGER AS n_wrong_direction,
       count(*) FILTER (s.status = 'missed')::INTEGER AS n_missed,
       count(*) FILTER (s.status = 'improving')::INTEGER AS n_improving,
       count(*) FILTER (s.status = 'slightly_improving')::INTEGER AS n_slightly_improving,
       count(*) FILTER (s.status = 'stable')::INTEGER AS n_stable,
       count(*) FILTER (s.status = 'no_clear_trend')::INTEGER AS n_no_clear_trend,
       count(*) FILTER (s.status = 'slightly_worsening')::INTEGER AS n_slightly_worsening,
       count(*) FILTER (s.status = 'worsening')::INTEGER AS n_worsening,
       count(*) FILTER (s.status = 'not_assessable')::INTEGER AS n_not_assessable,
       count(*) FILTER (s.standing = 'on_course')::INTEGER AS n_on_course,
       count(*) FILTER (s.standing = 'gaining')::INTEGER AS n_gaining,
       count(*) FILTER (s.standing = 'failing')::INTEGER AS n_failing,
       count(*) FILTER (s.standing = 'unclear')::INTEGER AS n_unclear,
       count(*) FILTER (s.standing = 'unassessed')::INTEGER AS n_unassessed,
       count(*) FILTER (s.is_solid)::INTEGER AS n_solid
  FROM marts.sub_mission_progress s
  JOIN registry.missions m ON m.mission_id = s.mission_id AND m.level = 'sub_mission'
  GROUP BY s.parent_id
), ranked AS (
  SELECT m.parent_id AS mission_id, s.mission_id AS sub_id, r.severity_rank, r.standing
  FROM marts.sub_mission_progress s
  JOIN registry.missions m ON m.mission_id = s.mission_id AND m.level = 'sub_mission'
  JOIN core.ranked r ON r.indicator_id = s.worst_indicator_id AND r.target_id = s.worst_target_id
), worst AS (
  SELECT mission_id, arg_min(sub_id, severity_rank) AS worst_sub_mission_id FROM ranked GROUP BY mission_id
), names AS (
  SELECT mission_id, sub_id AS name, severity_rank, standing FROM ranked
  UNION ALL
  SELECT mission_id, indicator_id || ' · ' || target_id, severity_rank, standing FROM core.ranked
  WHERE role = 'headline' AND counts AND fit <> 'context'
    AND mission_id IN (SELECT mission_id FROM registry.missions WHERE level = 'mission')
), named AS (
  SELECT mission_id,
         list(name ORDER BY severity_rank, name) FILTER (standing = 'failing') AS failing,
         list(name ORDER BY severity_rank, name) FILTER (standing = 'unclear') AS unclear
  FROM names GROUP BY mission_id
)
SELECT m.mission_id, c.n_sub_missions, c.n_assessed, c.n_assessed / c.n_sub_missions AS coverage,
       c.n_achieved, c.n_on_track, c.n_catching_up, c.n_progress_too_slow, c.n_insufficient,
       c.n_wrong_direction, c.n_missed, c.n_improving, c.n_slightly_improving, c.n_stable,
       c.n_no_clear_trend, c.n_slightly_worsening, c.n_worsening, c.n_not_assessable,
       c.n_on_course, c.n_gaining, c.n_failing, c.n_unclear, c.n_unassessed, c.n_solid,
       w.worst_sub_mission_id, o.status AS own_status, o.reason AS own_reason,
       o.worst_indicator_id AS own_worst_indicator_id, o.worst_target_id AS own_worst_target_id,
       o.latest_year AS own_latest_year, o.share_achieved AS own_share_achieved,
       o.share_of_time AS own_share_of_time, o.is_dated AS own_is_dated,
       o.status_probability AS own_status_probability, o.confidence AS own_confidence,
       coalesce(f.failing, []::VARCHAR[]) AS failing, coalesce(f.unclear, []::VARCHAR[]) AS unclear
FROM registry.missions m
JOIN counted c USING (mission_id)
JOIN core.own_status o USING (mission_id)
LEFT JOIN worst w USING (mission_id)
LEFT JOIN named f USING (mission_id)
