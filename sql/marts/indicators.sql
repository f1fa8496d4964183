/*
description: What is monitored, where it comes from and how well it fits its mission.
grain: [indicator_id]
columns:
  indicator_id: VARCHAR, id in the registry
  mission_id: VARCHAR, mission that it serves
  position: INTEGER, place in the registry
  label_nl: VARCHAR, label in Dutch
  label_en: VARCHAR, label in English
  unit: VARCHAR, unit of its values
  direction: VARCHAR, up or down is better; null where neither is
  fit: VARCHAR, direct or proxy or context
  role: VARCHAR, headline or supporting
  cadence: INTEGER, years between reference years at the publisher
  may_be_zero: BOOLEAN, true where a value of 0 is possible
  modelled: BOOLEAN, true where the figures are a smooth model of the publisher's
  bound_low: DOUBLE, natural lower limit of the unit
  bound_high: DOUBLE, natural upper limit of the unit
  formula: VARCHAR, the series that it is made of and how - source/dataset[dimension=code]
  fingerprint: VARCHAR, hash of what the registry says of it; it changes when the entry does
  source: VARCHAR, publisher's id
  dataset: VARCHAR, dataset's code (the first where several are combined)
  licence: VARCHAR, licence
  citation: VARCHAR, how to cite it
  caveat_nl: VARCHAR, what to mind in Dutch
  caveat_en: VARCHAR, what to mind in English
  breaks: INTEGER[], years in which a new part of the Dutch series starts, as the registry names them
  break_reasons: VARCHAR[], why, in the same order
  datasets: VARCHAR[], the datasets that its series come from - source/dataset
  landing_urls: VARCHAR[], the publisher's page for people that has each, in the same order; null where none is known
  not_comparable_with: VARCHAR[], indicators that look alike and are never made one series with it; null where there is none
  not_comparable_nl: VARCHAR[], why in Dutch, in the same order
  not_comparable_en: VARCHAR[], why in English, in the same order
expectations:
  - {expect: in_set, column: fit, values: [direct, proxy, context], name: fit_known, description: The fit is known.}
  - {expect: in_set, column: role, values: [headline, supporting], name: role_known, description: The role is known.}
  - {expect: no_rows, name: mission_exists, sql: "SELECT i.* FROM marts.indicators i ANTI JOIN registry.missions m USING (mission_id)", description: Every indicator serves a mission that exists.}
*/
WITH broken AS (
  SELECT indicator_id, list(year ORDER BY year) AS breaks, list(reason ORDER BY year) AS reasons
  FROM registry.breaks WHERE geo IS NULL OR geo = 'NL' GROUP BY indicator_id
), apart AS (
  SELECT indicator_id, list(other_id ORDER BY other_id) AS others,
         list(reason_nl ORDER BY other_id) AS reasons_nl, list(reason_en ORDER BY other_id) AS reasons_en
  FROM registry.not_comparable GROUP BY indicator_id
)
SELECT i.indicator_id, i.mission_id, i.position, i.label_nl, i.label_en, i.unit, i.direction, i.fit,
       i.role, i.cadence, i.may_be_zero, i.modelled, i.bound_low, i.bound_high, i.formula,
       i.fingerprint, i.source, i.dataset, i.licence, i.citation, i.caveat_nl, i.caveat_en,
       b.breaks, b.reasons AS break_reasons, i.datasets, i.landing_urls,
       a.others AS not_comparable_with, a.reasons_nl AS not_comparable_nl, a.reasons_en AS not_comparable_en
FROM registry.indicators i
LEFT JOIN broken b USING (indicator_id)
LEFT JOIN apart a USING (indicator_id)
