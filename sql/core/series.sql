/*
description: One row for each indicator and target of the Netherlands with its series and the question put to it.
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area (targets of the letter hold for NL only)
  target_id: VARCHAR, id of the target
  direction: VARCHAR, up or down is better; null where neither is
  fit: VARCHAR, direct or proxy or context
  cadence: INTEGER, years between reference years at the publisher
  kind: VARCHAR, kind of target
  number: DOUBLE, the target's number (a fraction for changes)
  target_year: INTEGER, year of the target
  base_year: INTEGER, base year
  base_year_basis: VARCHAR, letter or assumed or documented
  documented_baseline: DOUBLE, baseline from a document, used where the series has none
  milestone_state: VARCHAR, official state of a milestone
  may_be_zero: BOOLEAN, true where a value of 0 is possible
  modelled: BOOLEAN, true where the figures are a smooth model of the publisher's
  bound_low: DOUBLE, natural lower limit of the unit
  bound_high: DOUBLE, natural upper limit of the unit
  path: VARCHAR, linear or geometric
  counts: BOOLEAN, true where the row decides on the status of its mission
  breaks: INTEGER[], break years that the registry names
  carried_forward: INTEGER[], years that the publisher carried forward
  years: INTEGER[], years of the observations
  values: DOUBLE[], values of the observations
  flags: VARCHAR[], flags of the observations (joined by a space)
  waypoint_years: INTEGER[], years of earlier commitments
  waypoint_kinds: VARCHAR[], kinds of earlier commitments
  waypoint_numbers: DOUBLE[], numbers of earlier commitments
  waypoint_bases: INTEGER[], base years of earlier commitments
  waypoint_baselines: DOUBLE[], documented baselines of earlier commitments
expectations:
  - {expect: in_set, column: geo, values: [NL], name: home_area, description: Targets hold for NL only.}
*/
WITH obs AS (
  SELECT indicator_id, list(period ORDER BY period) AS years, list(value ORDER BY period) AS values,
         list(array_to_string(flags, ' ') ORDER BY period) AS flags
  FROM core.observations WHERE geo = 'NL' AND plausible GROUP BY indicator_id
), brk AS (
  SELECT indicator_id, list(year ORDER BY year) AS breaks
  FROM registry.breaks WHERE geo IS NULL OR geo = 'NL' GROUP BY indicator_id
), car AS (
  SELECT indicator_id, list(year ORDER BY year) AS years
  FROM registry.carried_forward WHERE geo IS NULL OR geo = 'NL' GROUP BY indicator_id
), way AS (
  SELECT t.indicator_id, t.target_id,
         list(e.target_year ORDER BY e.target_year) AS years,
         list(e.kind ORDER BY e.target_year) AS kinds,
         list(e.number ORDER BY e.target_year) AS numbers,
         list(e.base_year ORDER BY e.target_year) AS bases,
         list(e.documented_baseline ORDER BY e.target_year) AS baselines
  FROM registry.indicator_targets t
  JOIN registry.indicator_targets e
    ON e.indicator_id = t.indicator_id AND e.strength = 'commitment' AND e.kind IN ('level', 'change', 'gain')
   AND e.target_year < t.target_year AND e.target_id <> t.target_id
  GROUP BY ALL
)
SELECT t.indicator_id, 'NL' AS geo, t.target_id, i.direction, i.fit, i.cadence, t.kind, t.number,
       t.target_year, t.base_year, t.base_year_basis, t.documented_baseline, g.milestone_state, i.may_be_zero,
       i.modelled, i.bound_low, i.bound_high, t.path,
       t.counts, brk.breaks, car.years AS carried_forward, obs.years, obs.values, obs.flags,
       way.years AS waypoint_years, way.kinds AS waypoint_kinds, way.numbers AS waypoint_numbers,
       way.bases AS waypoint_bases, way.baselines AS waypoint_baselines
FROM registry.indicator_targets t
JOIN registry.indicators i USING (indicator_id)
LEFT JOIN registry.targets g USING (target_id)
LEFT JOIN obs USING (indicator_id)
LEFT JOIN brk USING (indicator_id)
LEFT JOIN car USING (indicator_id)
LEFT JOIN way USING (indicator_id, target_id)
