/*
description: The status of each of the 30 rows by its own indicators, before interim goals are taken in.
grain: [mission_id]
columns:
  mission_id: VARCHAR, mission or sub-mission or interim goal
  status: VARCHAR, the worst assessed direct headline; else the worst assessable proxy headline
  reason: VARCHAR, why no status can be given
  basis: VARCHAR, direct_headline or proxy_headline
  worst_indicator_id: VARCHAR, indicator that decides
  worst_target_id: VARCHAR, target that decides
  reason_indicator_id: VARCHAR, headline whose reason is given where nothing is assessable
  fit: VARCHAR, fit of the indicator that decides
  severity_rank: INTEGER, rank of the row that decides over all rows (1 = worst)
  standing: VARCHAR, on_course or gaining or failing or unclear or unassessed
  status_probability: DOUBLE, probability of what the status says
  confidence: VARCHAR, firm or likely or uncertain
  is_dated: BOOLEAN, true where the deciding figure is old
  latest_year: INTEGER, year of the deciding figure
  share_achieved: DOUBLE, share of the way
  share_of_time: DOUBLE, share of the time
  indication: VARCHAR, worst supporting status where there is no status (is no status itself)
  indication_indicator_id: VARCHAR, indicator that it comes from
  law_failing: VARCHAR[], law targets that are missed or failing or whose year has passed without its figure
  exploratory_failing: VARCHAR[], exploratory targets that are missed or failing
  n_indicators: INTEGER, number of indicators registered
  n_assessed: INTEGER, number of them with a status on a counting row
expectations:
  - {expect: rows, value: 30, name: thirty_rows, description: Every mission has its row.}
  - {expect: not_null, column: status, name: status_given, description: A status is never null.}
*/
WITH head AS (
  SELECT *, row_number() OVER (
    PARTITION BY mission_id ORDER BY CASE fit WHEN 'direct' THEN 1 ELSE 2 END, severity_rank) AS place
  FROM core.ranked
  WHERE role = 'headline' AND counts AND fit IN ('direct', 'proxy') AND severity_rank IS NOT NULL
), worst AS (
  SELECT * FROM head WHERE place = 1
), first_reason AS (
  SELECT * FROM core.ranked
  WHERE role = 'headline' AND counts AND fit IN ('direct', 'proxy')
  QUALIFY row_number() OVER (
    PARTITION BY mission_id
    ORDER BY CASE fit WHEN 'direct' THEN 1 ELSE 2 END, position, target_position) = 1
), support AS (
  SELECT * FROM core.ranked
  WHERE role = 'supporting' AND counts AND severity_rank IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY mission_id ORDER BY severity_rank) = 1
), beside AS (
  SELECT mission_id,
         list(target_id ORDER BY target_id) FILTER (strength = 'law') AS law_failing,
         list(target_id ORDER BY target_id)
           FILTER (strength = 'exploratory' AND standing = 'failing') AS exploratory_failing
  FROM core.ranked
  WHERE standing = 'failing' OR (awaiting_target_year AND status <> 'achieved')
  GROUP BY mission_id
), n AS (
  SELECT i.mission_id, count(DISTINCT i.indicator_id) AS n_indicators,
         count(DISTINCT r.indicator_id) AS n_assessed
  FROM registry.indicators i
  LEFT JOIN core.ranked r ON r.indicator_id = i.indicator_id AND r.counts AND r.severity_rank IS NOT NULL
  GROUP BY i.mission_id
)
SELECT m.mission_id,
       coalesce(w.status, 'not_assessable') AS status,
       CASE WHEN w.status IS NULL THEN coalesce(
         f.reason, CASE WHEN n.n_indicators > 0 THEN 'context_only' ELSE 'no_indicator' END) END AS reason,
       CASE WHEN w.status IS NOT NULL THEN w.fit || '_headline' END AS basis,
       w.indicator_id AS worst_indicator_id, w.target_id AS worst_target_id,
       CASE WHEN w.status IS NULL THEN f.indicator_id END AS reason_indicator_id,
       w.fit, w.severity_rank, coalesce(w.standing, 'unassessed') AS standing,
       w.status_probability, w.confidence, coalesce(w.is_dated, false) AS is_dated,
       coalesce(w.latest_year, f.latest_year) AS latest_year, w.share_achieved, w.share_of_time,
       CASE WHEN w.status IS NULL THEN s.status END AS indication,
       CASE WHEN w.status IS NULL THEN s.indicator_id END AS indication_indicator_id,
       beside.law_failing, beside.exploratory_failing,
       coalesce(n.n_indicators, 0)::INTEGER AS n_indicators,
       coalesce(n.n_assessed, 0)::INTEGER AS n_assessed
FROM registry.missions m
LEFT JOIN worst w USING (mission_id)
LEFT JOIN first_reason f USING (mission_id)
LEFT JOIN support s USING (mission_id)
LEFT JOIN beside USING (mission_id)
LEFT JOIN n USING (mission_id)
