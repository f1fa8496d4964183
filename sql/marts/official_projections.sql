/*
description: What official bodies project for an indicator's target year, by edition; shown beside our own projection.
grain: [projection_id, indicator_id, target_id, edition, year]
columns:
  projection_id: VARCHAR, id in the registry
  indicator_id: VARCHAR, indicator that it projects
  target_id: VARCHAR, target that it judges
  edition: VARCHAR, edition of the publication
  year: INTEGER, year projected
  low: DOUBLE, lower bound in the unit of the indicator
  central: DOUBLE, central value in the unit of the indicator; null where the edition quotes a band only
  high: DOUBLE, upper bound in the unit of the indicator
  low_published: DOUBLE, lower bound as published
  central_published: DOUBLE, central value as published (the one figure where no band is quoted)
  high_published: DOUBLE, upper bound as published
  unit_published: VARCHAR, unit of the published figures
  target_then_published: DOUBLE, the target of the time of the edition, in the published unit
  conversion: VARCHAR, how the published figures became those in the unit of the indicator
  publisher: VARCHAR, body that projects
  title_nl: VARCHAR, publication in Dutch
  title_en: VARCHAR, publication in English
  is_secondary: BOOLEAN, true where the figures are quoted by others than the body itself
  source: VARCHAR, page that the figures come from
  caveat_nl: VARCHAR, what to mind in Dutch
  caveat_en: VARCHAR, what to mind in English
  vintage_id: VARCHAR, content hash of the vintage
expectations:
  - {expect: no_rows, name: band_in_order, sql: "SELECT * FROM marts.official_projections WHERE low > high OR central NOT BETWEEN low AND high OR low_published > high_published", description: The lower bound is not above the upper one.}
  - {expect: no_rows, name: every_entry_seen, description: Every official projection of the registry that has a vintage has its rows.}
*/
WITH figures AS (
  SELECT p.*, r.year, r.value, r.unit, r.vintage_id,
         regexp_extract(r.series_key, '^bound=([^|]+)', 1) AS bound,
         regexp_extract(r.series_key, '\|edition=([^|]+)', 1) AS edition,
         regexp_extract(r.series_key, '\|page_url=(.*)$', 1) AS page_url
  FROM registry.official_projections p JOIN raw.observations r USING (source, dataset)
), bands AS (
  SELECT projection_id, indicator_id, target_id, measure, publisher, title_nl, title_en, secondary,
         caveat_nl, caveat_en, edition, year, unit, vintage_id, page_url,
         max(value) FILTER (bound = 'low') AS low_published,
         max(value) FILTER (bound = 'central') AS central_given,
         max(value) FILTER (bound = 'high') AS high_published,
         max(value) FILTER (bound = 'target_reduction') AS target_then_published
  FROM figures GROUP BY ALL
), whole AS (
  SELECT b.*, a.baseline_value AS base, a.baseline_year AS base_year, i.unit AS own_unit,
         coalesce(central_given,
                  CASE WHEN low_published = high_published THEN low_published END) AS central_published
  FROM bands b
  JOIN registry.indicators i USING (indicator_id)
  LEFT JOIN core.assessments a USING (indicator_id, target_id)
)
SELECT projection_id, indicator_id, target_id, edition, year,
       -- the largest reduction leaves the least
       CASE measure WHEN 'level' THEN low_published ELSE base * (1 - high_published / 100) END AS low,
       CASE measure WHEN 'level' THEN central_published
            ELSE base * (1 - central_published / 100) END AS central,
       CASE measure WHEN 'level' THEN high_published ELSE base * (1 - low_published / 100) END AS high,
       low_published, central_published, high_published,
       CASE measure WHEN 'level' THEN own_unit ELSE '% below ' || base_year END AS unit_published,
       target_then_published,
       CASE measure WHEN 'level' THEN 'none: published in the unit of the indicator'
            ELSE regexp_replace(base::VARCHAR, '\.0$', '') || ' ' || own_unit || ' (' || base_year
                 || ') × (1 - published % ÷ 100)' END
         AS conversion,
       publisher, title_nl, title_en, secondary AS is_secondary, page_url AS source, caveat_nl,
       caveat_en, vintage_id
FROM whole
