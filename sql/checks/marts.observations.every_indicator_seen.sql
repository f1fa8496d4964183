SELECT i.indicator_id FROM registry.indicators i
WHERE NOT EXISTS (SELECT 1 FROM marts.observations o WHERE o.indicator_id = i.indicator_id AND o.geo = 'NL')
  AND NOT EXISTS (SELECT 1 FROM registry.operands p JOIN marts.source_status s USING (source, dataset) WHERE p.indicator_id = i.indicator_id AND s.waits_for_pull)
