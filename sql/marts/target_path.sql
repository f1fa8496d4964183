/*
description: The required path of each target beside what happened and what the past carried on would give, a row for each year.
grain: [indicator_id, geo, target_id, year]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  year: INTEGER, year
  required: DOUBLE, value on the required path in the unit of the indicator
  actual: DOUBLE, observed value in the unit of the indicator
  projected: DOUBLE, central projection in the unit of the indicator, to the target year (without one 5 years); an extrapolation of the past and not the effect of policy
  low_80: DOUBLE, lower bound of the 80 % band (widened as marts.projection_coverage says)
  high_80: DOUBLE, upper bound of the 80 % band (widened as marts.projection_coverage says)
  low_95: DOUBLE, lower bound of the 95 % band (widened as marts.projection_coverage says)
  high_95: DOUBLE, upper bound of the 95 % band (widened as marts.projection_coverage says)
expectations:
  - {expect: no_rows, name: path_or_value, sql: "SELECT * FROM marts.target_path WHERE coalesce(required, actual, projected) IS NULL", description: A row has a required or an actual or a projected value.}
  - {expect: no_rows, name: bands_in_order, sql: "SELECT * FROM marts.target_path WHERE NOT (coalesce(low_95 <= low_80, true) AND coalesce(low_80 <= projected, true) AND coalesce(projected <= high_80, true) AND coalesce(high_80 <= high_95, true))", description: The 95 % band holds the 80 % band and that holds the projection.}
  - {expect: no_rows, name: projected_after_latest, sql: "SELECT p.* FROM marts.target_path p JOIN core.assessments a USING (indicator_id, geo, target_id) WHERE p.projected IS NOT NULL AND p.year <= a.latest_year", description: What is known is not projected.}
*/
WITH required AS (
  SELECT indicator_id, geo, target_id, unnest(path_years) AS year, unnest(path_values) AS required
  FROM core.assessments
), actual AS (
  SELECT s.indicator_id, s.geo, s.target_id, o.period AS year, o.value
  FROM core.series s JOIN core.observations o USING (indicator_id, geo)
  WHERE o.plausible
), ahead AS (
  SELECT indicator_id, geo, target_id, unnest(ahead) AS year, unnest(projected) AS projected,
         unnest(low_80) AS low_80, unnest(high_80) AS high_80, unnest(low_95) AS low_95,
         unnest(high_95) AS high_95
  FROM core.projections
)
SELECT indicator_id, geo, target_id, year, required.required, actual.value AS actual,
       ahead.projected, ahead.low_80, ahead.high_80, ahead.low_95, ahead.high_95
FROM required FULL JOIN actual USING (indicator_id, geo, target_id, year)
     FULL JOIN ahead USING (indicator_id, geo, target_id, year)
