/*
description: The required path of each target beside what happened, a row for each year.
grain: [indicator_id, geo, target_id, year]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  year: INTEGER, year
  required: DOUBLE, value on the required path in the unit of the indicator
  actual: DOUBLE, observed value in the unit of the indicator
  projected: DOUBLE, central projection (filled by a later capability)
  low_80: DOUBLE, lower bound of the 80 % band (filled by a later capability)
  high_80: DOUBLE, upper bound of the 80 % band (filled by a later capability)
  low_95: DOUBLE, lower bound of the 95 % band (filled by a later capability)
  high_95: DOUBLE, upper bound of the 95 % band (filled by a later capability)
expectations:
  - {expect: no_rows, name: path_or_value, sql: "SELECT * FROM marts.target_path WHERE required IS NULL AND actual IS NULL", description: A row has a required or an actual value.}
*/
WITH required AS (
  SELECT s.indicator_id, s.geo, s.target_id,
         unnest(required_path(
           list_transform(list_zip(years, values, flags),
           lambda o: {'year': o[1]::INTEGER, 'value': o[2]::DOUBLE,
                      'flags': string_split(o[3], ' ')::VARCHAR[]}),
           {'direction': direction, 'fit': fit, 'cadence': cadence, 'kind': kind, 'number': number,
          'target_year': target_year, 'base_year': base_year,
          'documented_baseline': documented_baseline, 'milestone_state': milestone_state,
          'may_be_zero': may_be_zero, 'breaks': breaks, 'carried_forward': carried_forward,
          'path': path,
          'waypoints': list_transform(
             list_zip(waypoint_years, waypoint_kinds, waypoint_numbers, waypoint_bases,
                      waypoint_baselines),
             lambda w: {'year': w[1], 'kind': w[2], 'number': w[3], 'base_year': w[4],
                        'baseline': w[5]})},
           r.reference_date), recursive := true)
  FROM core.series s CROSS JOIN run.reference r
), actual AS (
  SELECT s.indicator_id, s.geo, s.target_id, o.period AS year, o.value
  FROM core.series s JOIN core.observations o USING (indicator_id, geo)
  WHERE o.plausible
)
SELECT indicator_id, geo, target_id, year, required.required, actual.value AS actual,
       NULL::DOUBLE AS projected, NULL::DOUBLE AS low_80, NULL::DOUBLE AS high_80,
       NULL::DOUBLE AS low_95, NULL::DOUBLE AS high_95
FROM required FULL JOIN actual USING (indicator_id, geo, target_id, year)
