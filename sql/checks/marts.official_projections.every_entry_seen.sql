SELECT p.projection_id FROM registry.official_projections p
SEMI JOIN (SELECT source, dataset FROM raw.observations) r USING (source, dataset)
ANTI JOIN marts.official_projections o USING (projection_id)
