/*
description: The Netherlands beside other areas, year by year - the figures whose latest are in marts.peers.
grain: [indicator_id, geo, year]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  year: INTEGER, reference year
  position: INTEGER, place in the registry's list (0 = the Netherlands)
  aggregate: BOOLEAN, true for a group of countries
  unit: VARCHAR, unit of the value
  per_head: BOOLEAN, true where a total was divided by the population as the registry declares
  value: DOUBLE, figure in unit
  flags: VARCHAR[], the publishers' flags of the figure and of the population that it was divided by (in words in marts.flags)
  vintage_id: VARCHAR, vintage that all areas of the indicator come from (several joined by + where datasets are combined)
expectations:
  - {expect: not_null, column: value, name: value_given, description: Every row has its figure.}
  - {expect: no_rows, name: latest_as_in_peers, description: The latest figures are those of marts.peers.}
*/
SELECT indicator_id, geo, year, position, aggregate, unit, per_head, value, flags, vintage_id
FROM core.comparable
WHERE is_compared
WINDOW of_one AS (PARTITION BY indicator_id)
-- Alone the Netherlands is compared with nobody.
QUALIFY min(geo) OVER of_one <> max(geo) OVER of_one
