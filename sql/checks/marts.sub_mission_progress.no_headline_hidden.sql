SELECT s.mission_id, r.indicator_id, r.target_id, r.status
FROM marts.sub_mission_progress s
JOIN core.ranked w
  ON w.indicator_id = s.worst_indicator_id AND w.target_id = s.worst_target_id
JOIN core.ranked r
  ON r.mission_id = s.mission_id AND r.role = 'headline' AND r.fit = 'direct' AND r.counts
WHERE r.severity < w.severity
