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
  source: VARCHAR, publisher's id
  dataset: VARCHAR, dataset's code (the first where several are combined)
  licence: VARCHAR, licence
  citation: VARCHAR, how to cite it
  caveat_nl: VARCHAR, what to mind in Dutch
  caveat_en: VARCHAR, what to mind in English
expectations:
  - {expect: in_set, column: fit, values: [direct, proxy, context], name: fit_known, description: The fit is known.}
  - {expect: in_set, column: role, values: [headline, supporting], name: role_known, description: The role is known.}
  - {expect: no_rows, name: mission_exists, sql: "SELECT i.* FROM marts.indicators i ANTI JOIN registry.missions m USING (mission_id)", description: Every indicator serves a mission that exists.}
*/
SELECT indicator_id, mission_id, position, label_nl, label_en, unit, direction, fit, role, cadence,
       source, dataset, licence, citation, caveat_nl, caveat_en
FROM registry.indicators
