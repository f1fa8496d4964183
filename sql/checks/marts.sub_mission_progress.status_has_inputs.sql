SELECT * FROM marts.sub_mission_progress s
WHERE s.status <> 'not_assessable' AND NOT EXISTS (
  SELECT 1 FROM core.ranked r
  WHERE r.indicator_id = s.worst_indicator_id AND r.target_id = s.worst_target_id
    AND r.status = s.status)
