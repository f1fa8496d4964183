SELECT p.indicator_id, p.geo FROM marts.peers p
LEFT JOIN marts.peers_over_time t ON t.indicator_id = p.indicator_id AND t.geo = p.geo AND t.year = p.latest_year
WHERE t.value IS DISTINCT FROM p.latest_value OR t.unit IS DISTINCT FROM p.unit
