/*
description: "{title} - every indicator of the mission and its sub-missions towards every target, with label, status, figures and source; a row without an indicator is a gap."
each: mission
grain: [mission_id, indicator_id, geo, target_id]
columns:
  mission_id: VARCHAR, mission or sub-mission or interim goal
  title_nl: VARCHAR, its title in Dutch
  title_en: VARCHAR, its title in English
  indicator_id: VARCHAR, indicator; null where the row has none
  label_nl: VARCHAR, its label in Dutch
  label_en: VARCHAR, its label in English
  unit: VARCHAR, unit of the values
  role: VARCHAR, headline or supporting
  fit: VARCHAR, direct or proxy or context
  geo: VARCHAR, area
  target_id: VARCHAR, target (indicator:direction where only the direction is judged)
  counts: BOOLEAN, true where it decides on the status of its mission
  status: VARCHAR, status of the indicator towards the target
  reason: VARCHAR, why it has none
  confidence: "VARCHAR, how sure it is: firm, likely or uncertain"
  baseline_year: INTEGER, base year
  baseline_value: DOUBLE, value at the base year
  latest_year: INTEGER, year of the latest observation
  latest_value: DOUBLE, its value
  target_year: INTEGER, year of the target
  target_value: DOUBLE, the target
  share_achieved: DOUBLE, share of the way from baseline to target that is done (1 = reached)
  share_of_time: DOUBLE, share of the time from base year to target year that has passed
  gap_to_path: DOUBLE, distance behind the required path (positive = behind)
  pace_recent: DOUBLE, pace over the short window
  pace_required: DOUBLE, pace from the latest year that reaches the target in time
  pace_basis: VARCHAR, cagr (fraction a year) or linear (units a year)
  year_reached: DOUBLE, year in which the recent pace reaches the target
  is_dated: BOOLEAN, true where the latest figure is old
  source: VARCHAR, publisher's id
  dataset: VARCHAR, dataset's code
  vintage_id: VARCHAR, content hash of the dataset's vintage in use
  known_from: DATE, date from which its figures were known
  licence: VARCHAR, licence
  citation: VARCHAR, how to cite it
  landing_url: VARCHAR, the publisher's page for people that has the figures (the first where several are combined)
*/
SELECT m.mission_id, m.title_nl, m.title_en, i.indicator_id, i.label_nl, i.label_en, i.unit, i.role, i.fit,
       p.geo, p.target_id, p.counts, p.status, coalesce(p.reason, g.reason) AS reason, p.confidence,
       p.baseline_year, p.baseline_value, p.latest_year, p.latest_value, p.target_year, p.target_value,
       p.share_achieved, p.share_of_time, p.gap_to_path, p.pace_recent, p.pace_required, p.pace_basis,
       p.year_reached, p.is_dated,
       i.source, i.dataset, s.vintage_id, s.known_from, i.licence, i.citation, i.landing_urls[1] AS landing_url
FROM marts.missions m
LEFT JOIN marts.indicators i ON i.mission_id = m.mission_id
LEFT JOIN marts.indicator_progress p ON p.indicator_id = i.indicator_id
LEFT JOIN marts.source_status s ON s.source = i.source AND s.dataset = i.dataset
LEFT JOIN marts.sub_mission_progress g ON g.mission_id = m.mission_id AND i.indicator_id IS NULL
WHERE m.mission_id = '{mission}' OR starts_with(m.mission_id, '{mission}.')
ORDER BY m.position, i.position, p.target_id
