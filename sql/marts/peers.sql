/*
description: The Netherlands beside other areas - level, 5-year pace and rank, for shares, amounts per head and indices.
grain: [indicator_id, geo]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  position: INTEGER, place in the registry's list (0 = the Netherlands)
  aggregate: BOOLEAN, true for a group of countries; it is shown beside them and has no rank
  unit: VARCHAR, unit of the level
  per_head: BOOLEAN, true where a total was divided by the population as the registry declares
  latest_year: INTEGER, year of the area's latest observation
  latest_value: DOUBLE, its value in unit
  window_start: INTEGER, first year of the 5-year window; null where it does not qualify
  pace_recent: DOUBLE, pace over that window (fraction per year on basis cagr; units per year on basis linear)
  pace_basis: VARCHAR, cagr; or linear for all areas where any value of their windows is not above 0
  rank: BIGINT, place among the countries (1 = best in the indicator's direction); null where no direction is better or too few can be compared
  n_ranked: BIGINT, number of countries ranked - those within a year of the Dutch figure; at least 5
  vintage_id: VARCHAR, vintage that all areas of the indicator come from (several joined by + where datasets are combined)
expectations:
  - {expect: no_rows, name: one_vintage, sql: "SELECT indicator_id FROM marts.peers GROUP BY indicator_id HAVING count(DISTINCT vintage_id) > 1 OR count(DISTINCT pace_basis) > 1 OR count(DISTINCT unit) > 1", description: "All areas of an indicator come from one vintage, in one unit, with one pace basis."}
  - {expect: no_rows, name: ranked_among_five, sql: "SELECT * FROM marts.peers WHERE (rank IS NULL) <> (n_ranked IS NULL) OR n_ranked < (SELECT least_ranked FROM run.method) OR rank > n_ranked OR (aggregate AND rank IS NOT NULL)", description: A rank is given among at least five countries.}
*/
WITH compared AS (
  SELECT * FROM core.comparable WHERE is_compared
), home AS (
  SELECT indicator_id, max(year) AS year FROM compared WHERE geo = 'NL' GROUP BY indicator_id
), latest AS (
  SELECT indicator_id, geo, any_value(position) AS position, any_value(aggregate) AS aggregate,
         any_value(unit) AS unit, any_value(per_head) AS per_head,
         any_value(vintage_id) AS vintage_id,
         max(year) AS latest_year, arg_max(value, year) AS latest_value
  FROM compared GROUP BY indicator_id, geo
), broken AS (
  SELECT l.indicator_id, l.geo, max(b.year) AS year
  FROM latest l
  JOIN (SELECT indicator_id, geo, year FROM core.comparable WHERE list_contains(flags, 'b')
        UNION ALL SELECT indicator_id, geo, year FROM registry.breaks) b
    ON b.indicator_id = l.indicator_id AND (b.geo IS NULL OR b.geo = l.geo)
   AND b.year <= l.latest_year
  GROUP BY l.indicator_id, l.geo
), windows AS (
  SELECT c.indicator_id, c.geo, min(c.year) AS start, arg_min(c.value, c.year) AS start_value,
         min(c.value) AS least
  FROM compared c
  JOIN latest l USING (indicator_id, geo)
  LEFT JOIN broken b USING (indicator_id, geo)
  CROSS JOIN run.method k
  WHERE c.year >= greatest(l.latest_year - k.peers_window, coalesce(b.year, 0))
  GROUP BY c.indicator_id, c.geo, k.min_points, k.min_span
  HAVING count(*) >= k.min_points AND max(c.year) - min(c.year) >= k.min_span
), basis AS (
  SELECT indicator_id, CASE WHEN min(least) > 0 THEN 'cagr' ELSE 'linear' END AS pace_basis
  FROM windows GROUP BY indicator_id
), comparable AS (
  SELECT l.indicator_id, l.geo,
         rank() OVER (PARTITION BY l.indicator_id
           ORDER BY CASE i.direction WHEN 'up' THEN -l.latest_value ELSE l.latest_value END) AS rank,
         count(*) OVER (PARTITION BY l.indicator_id) AS n_ranked
  FROM latest l
  JOIN registry.indicators i USING (indicator_id)
  JOIN home h USING (indicator_id)
  CROSS JOIN run.method k
  WHERE NOT l.aggregate AND abs(l.latest_year - h.year) <= k.years_apart
    AND i.direction IS NOT NULL AND i.fit <> 'context'
)
SELECT l.indicator_id, l.geo, l.position, l.aggregate, l.unit, l.per_head, l.latest_year,
       l.latest_value, w.start AS window_start,
       CASE b.pace_basis
         WHEN 'cagr' THEN pow(l.latest_value / w.start_value, 1 / (l.latest_year - w.start)) - 1
         ELSE (l.latest_value - w.start_value) / (l.latest_year - w.start) END AS pace_recent,
       CASE WHEN w.start IS NOT NULL THEN b.pace_basis END AS pace_basis, c.rank, c.n_ranked,
       l.vintage_id
FROM latest l
LEFT JOIN windows w USING (indicator_id, geo)
LEFT JOIN basis b USING (indicator_id)
LEFT JOIN (
  SELECT * FROM comparable WHERE n_ranked >= (SELECT least_ranked FROM run.method)
) c USING (indicator_id, geo)
-- Alone in its row the Netherlands is compared with nobody.
QUALIFY count(*) OVER (PARTITION BY l.indicator_id) > 1
