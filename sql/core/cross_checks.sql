/*
description: Figures of different publishers, or parts and totals of one, beside each other.
grain: [name, geo, year]
columns:
  name: VARCHAR, what is compared
  geo: VARCHAR, area
  year: INTEGER, reference year
  one: DOUBLE, first figure in kt CO2e
  other: DOUBLE, second figure in kt CO2e
  deviation: DOUBLE, relative difference (fraction of the second figure)
  known: BOOLEAN, true where the publisher's own figures are known not to agree
expectations:
  - {expect: no_rows, name: sectors_agree_with_total, severity: warn, sql: "SELECT * FROM core.cross_checks WHERE name = 'cbs_sectors_against_eurostat_total' AND abs(deviation) > 0.02", description: The CBS sectors add up to within 2 % of Eurostat's net total in every common year.}
  - {expect: no_rows, name: parts_agree_with_totals, severity: warn, sql: "SELECT * FROM core.cross_checks WHERE name <> 'cbs_sectors_against_eurostat_total' AND abs(deviation) > 0.001 AND NOT known", description: "Parts of env_air_gge add up to their totals (known exception, SE and EU27_2020 in 2022)."}
  - {expect: no_rows, name: something_compared, severity: warn, description: The comparison has common years to compare.}
*/
WITH parts AS (
  -- total, its parts (source sectors of the inventory)
  SELECT * FROM (VALUES
    ('CRF1A', ['CRF1A1', 'CRF1A2', 'CRF1A3', 'CRF1A4', 'CRF1A5']),
    ('CRF1A4', ['CRF1A4A', 'CRF1A4B', 'CRF1A4C'])
  ) AS p(total, members)
), inventory AS (
  SELECT geo, year, value, regexp_extract(series_key, 'src_crf=([A-Z0-9_]+)', 1) AS sector
  FROM raw.observations
  WHERE source = 'eurostat' AND dataset = 'env_air_gge' AND series_key LIKE '%unit=MIO_T%'
), summed AS (
  SELECT p.total, i.geo, i.year, sum(i.value) AS one
  FROM parts p JOIN inventory i ON list_contains(p.members, i.sector)
  GROUP BY ALL HAVING count(*) = any_value(len(p.members))
)
SELECT 'cbs_sectors_against_eurostat_total' AS name, e.geo, e.period AS year,
       1000 * c.value AS one, e.value AS other, 1000 * c.value / nullif(e.value, 0) - 1 AS deviation,
       false AS known
FROM core.observations e JOIN core.observations c USING (geo, period)
WHERE e.indicator_id = 'ghg_net_total' AND c.indicator_id = 'ghg_national_sectors'
UNION ALL
SELECT 'env_air_gge_parts_of_' || s.total, s.geo, s.year, 1000 * s.one, 1000 * t.value,
       s.one / nullif(t.value, 0) - 1,
       s.year = 2022 AND s.geo IN ('SE', 'EU27_2020')
FROM summed s JOIN inventory t ON t.sector = s.total AND t.geo = s.geo AND t.year = s.year
