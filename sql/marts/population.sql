/*
description: Population of the Netherlands, the EU and the peers, year by year - what totals are divided by.
grain: [source, dataset, series_key, geo, year]
columns:
  source: VARCHAR, publisher
  dataset: VARCHAR, dataset
  series_key: VARCHAR, series of the dataset
  title: VARCHAR, what the dataset counts
  geo: VARCHAR, area in Eurostat's codes
  year: INTEGER, year
  people: DOUBLE, number of people
  flags: VARCHAR[], the publisher's flags as a sorted set
  vintage_id: VARCHAR, content hash of the vintage
expectations:
  - {expect: not_null, column: people, name: people_given, description: Every row has its number.}
  - {expect: no_rows, name: people_above_zero, sql: "SELECT * FROM marts.population WHERE people <= 0", description: Somebody lives there.}
*/
SELECT r.source, r.dataset, r.series_key, d.title, r.geo, r.year, r.value AS people, r.flags,
       r.vintage_id
FROM raw.observations r
JOIN registry.datasets d USING (source, dataset)
WHERE (r.source, r.dataset, r.series_key) IN (SELECT (source, dataset, series_key) FROM registry.per_head)
  AND r.value > 0
  AND r.geo IN (SELECT 'NL' UNION ALL SELECT geo FROM registry.peers)
