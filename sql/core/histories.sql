/*
description: What the back-test is made with - every series since its last break on the scale(s) on which it is projected, and those lent for it alone.
grain: [name, scale]
columns:
  name: VARCHAR, indicator and area; of a lent series its dataset, key and area
  indicator: VARCHAR, indicator that it is of - all its areas are left out together; a lent series is one of its own
  scale: VARCHAR, log or level
  years: INTEGER[], years with a value
  values: DOUBLE[], their values in the unit of the series
  cadence: INTEGER, years between reference years at the publisher
  lent: BOOLEAN, true where it is no indicator's - of a dataset that serves the back-test only
*/
WITH scales AS (
  -- Each series is tried on the scale(s) on which it is projected: net zero on the level.
  SELECT DISTINCT indicator_id, coalesce(target_value, 1) > 0 AS may_be_log
  FROM core.assessments WHERE kind <> 'milestone'
), lent AS (
  SELECT o.source || '/' || o.dataset || ' ' || o.series_key || ' ' || o.geo AS name,
         list(o.year ORDER BY o.year) AS years, list(o.value ORDER BY o.year) AS values
  FROM raw.observations o JOIN registry.datasets d USING (source, dataset)
  WHERE d.serves = 'backtest' GROUP BY ALL
), histories AS (
  SELECT DISTINCT u.indicator_id || ' ' || u.geo AS name, u.indicator_id AS indicator,
         CASE WHEN s.may_be_log AND list_min(u.values) > 0 THEN 'log' ELSE 'level' END AS scale,
         u.years, u.values, i.cadence, false AS lent
  FROM core.unbroken u JOIN scales s USING (indicator_id)
  JOIN registry.indicators i USING (indicator_id)
  UNION ALL
  -- Yearly, and each an indicator of its own.
  SELECT name, name, CASE WHEN list_min(values) > 0 THEN 'log' ELSE 'level' END, years, values,
         1, true
  FROM lent
)
SELECT name, indicator, scale, years, values, cadence, lent FROM histories
