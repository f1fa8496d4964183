/*
description: Totals divided by the population, year by year, for the Netherlands, the EU and the peers.
grain: [indicator_id, geo, year]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area in Eurostat's codes
  year: INTEGER, reference year
  total: DOUBLE, the total in the unit of the indicator
  total_unit: VARCHAR, unit of the total
  people: DOUBLE, population (marts.population)
  value: DOUBLE, amount per head
  unit: VARCHAR, unit of the amount per head
  flags: VARCHAR[], the publishers' flags of the total and of the population
  carried_forward: BOOLEAN, true where the publisher repeated an older total
  vintage_id: VARCHAR, vintages of the total and of the population joined by +
expectations:
  - {expect: not_null, column: value, name: value_given, description: Every row has its amount.}
  - {expect: no_rows, name: home_of_every_total, severity: warn, description: Every total that is to be divided is divided for the Netherlands.}
*/
SELECT c.indicator_id, c.geo, c.year, c.total, i.unit AS total_unit, c.people, c.value, c.unit,
       c.flags, c.carried_forward, c.vintage_id
FROM core.comparable c
JOIN registry.indicators i USING (indicator_id)
WHERE c.per_head AND c.value IS NOT NULL
