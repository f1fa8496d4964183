SELECT p.indicator_id FROM registry.per_head p
SEMI JOIN marts.observations o ON o.indicator_id = p.indicator_id AND o.geo = 'NL'
ANTI JOIN marts.per_head h ON h.indicator_id = p.indicator_id AND h.geo = 'NL'
