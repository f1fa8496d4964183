/*
description: How far each indicator is behind on the way to its target, in one view - in the unit, in % of the way and in years, and how late the recent pace would arrive.
grain: [indicator_id, geo, target_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  target_id: VARCHAR, id of the target
  mission_id: VARCHAR, mission that the indicator serves
  label_nl: VARCHAR, label of the indicator in Dutch
  label_en: VARCHAR, label of the indicator in English
  counts: BOOLEAN, true where the row decides on the status of its mission
  status: VARCHAR, status in METHOD's words
  position: "VARCHAR, against the required path: ahead, near or behind; null without a status"
  unit: VARCHAR, unit of the values and of the gap
  latest_year: INTEGER, year of the latest figure - all of the gap is as of then
  latest_value: DOUBLE, its value
  required_value: DOUBLE, value on the required path in that year
  gap: DOUBLE, distance behind the required path in unit (positive = behind; marts.indicator_progress.gap_to_path)
  gap_pct: DOUBLE, the same in % of the way from baseline to target
  years_behind: "DOUBLE, latest_year less the year for which the path asked the latest value (straight between its years; positive = behind); null where the path asks it in no year - it is worse than the start or beyond the target"
  target_year: INTEGER, year of the target
  target_value: DOUBLE, the target in unit
  arrival: "VARCHAR, reached (the latest value is at the target), or what the recent pace would lead to if it went on: in_time, late, or not_at_this_pace; null where there is no pace"
  year_reached: DOUBLE, year in which the recent pace reaches the target; null where it does not or the target is reached
  years_late: DOUBLE, year_reached less target_year (positive = late)
expectations:
  - {expect: in_set, column: arrival, values: [reached, in_time, late, not_at_this_pace, null], name: known_arrival, description: A known word.}
  - {expect: no_rows, name: every_gap_seen, sql: "SELECT p.indicator_id, p.target_id FROM marts.indicator_progress p ANTI JOIN marts.behind b USING (indicator_id, geo, target_id) WHERE p.gap_to_path IS NOT NULL AND NOT p.target_impossible", description: Every gap to a path is here.}
  - {expect: no_rows, name: years_as_gap, sql: "SELECT * FROM marts.behind WHERE sign(years_behind) <> sign(gap) AND abs(gap_pct) > 0.000001", description: Who is behind in the unit is behind in years.}
  - {expect: no_rows, name: late_is_after, sql: "SELECT * FROM marts.behind WHERE (arrival IN ('late', 'in_time')) <> (years_late IS NOT NULL) OR (arrival = 'late') <> (years_late > 0)", description: Late is after the target year.}
*/
WITH asked AS (
  SELECT p.*, i.label_nl, i.label_en, i.unit,
         CASE i.direction WHEN 'up' THEN 1 WHEN 'down' THEN -1 END AS d
  FROM marts.indicator_progress p
  JOIN registry.indicators i USING (indicator_id)
  WHERE p.target_value IS NOT NULL AND p.latest_value IS NOT NULL AND NOT p.target_impossible
), path AS (
  SELECT indicator_id, geo, target_id, year, required,
         lead(year) OVER of_one AS next_year, lead(required) OVER of_one AS next_required
  FROM marts.target_path WHERE required IS NOT NULL
  WINDOW of_one AS (PARTITION BY indicator_id, geo, target_id ORDER BY year)
), due AS (
  -- The last year for which the path asked no more than what is: a path may stand still.
  SELECT a.indicator_id, a.geo, a.target_id,
         max(CASE WHEN p.next_required = p.required THEN p.next_year
                  ELSE p.year + (p.next_year - p.year) * (a.latest_value - p.required)
                                / (p.next_required - p.required) END) AS year
  FROM asked a JOIN path p USING (indicator_id, geo, target_id)
  WHERE a.latest_value BETWEEN least(p.required, p.next_required) AND greatest(p.required, p.next_required)
  GROUP BY ALL
), arriving AS (
  SELECT a.*, n.required AS required_value, a.latest_year - u.year AS years_behind,
         CASE WHEN a.status = 'achieved' OR a.d * (a.latest_value - a.target_value) >= 0 THEN 'reached'
              WHEN a.d * a.pace_recent <= 0 THEN 'not_at_this_pace'
              WHEN a.year_reached > a.target_year THEN 'late'
              WHEN a.year_reached <= a.target_year THEN 'in_time' END AS arrival
  FROM asked a
  LEFT JOIN due u USING (indicator_id, geo, target_id)
  LEFT JOIN path n ON n.indicator_id = a.indicator_id AND n.geo = a.geo
   AND n.target_id = a.target_id AND n.year = a.latest_year
)
SELECT indicator_id, geo, target_id, mission_id, label_nl, label_en, counts, status, position, unit,
       latest_year, latest_value, required_value, gap_to_path AS gap, gap_to_path_pct AS gap_pct,
       years_behind, target_year, target_value, arrival,
       CASE WHEN arrival IN ('late', 'in_time') THEN year_reached END AS year_reached,
       CASE WHEN arrival IN ('late', 'in_time') THEN year_reached - target_year END AS years_late
FROM arriving
