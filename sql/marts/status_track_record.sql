/*
description: "What statuses were worth: each year of each series with a direction and all values above 0 (the Netherlands and its peers, since the last break) taken as the present, its status then, and what came of it. Against pseudo-targets at several distances beyond the value at the start of the short window; where only the direction is judged, by the trend."
grain: [status, horizon]
columns:
  status: VARCHAR, status as of then - against a pseudo-target by the ratio alone (it has no base year, so no path and no position), so that on_track stands for catching_up too
  horizon: INTEGER, years from the status to what it is held against
  n: INTEGER, statuses
  n_series: INTEGER, series that had it
  share_reached: DOUBLE, share of them that reached the pseudo-target in its year, each series counted once; null where only the direction is judged
  share_better: DOUBLE, share of them after which the value was better than in the year of the status, each series counted once; null for statuses against a pseudo-target
  n_impossible: INTEGER, pseudo-targets that are left out because the unit ends before them (106 % of all households)
expectations:
  - {expect: no_rows, name: one_share, sql: "SELECT * FROM marts.status_track_record WHERE (share_reached IS NULL) = (share_better IS NULL)", description: A status is either reached or better.}
*/
WITH series AS (
  SELECT status, horizon, size > 0 AS has_number, indicator_id, geo,
         count(*) FILTER (possible) AS n, count(*) FILTER (NOT possible) AS n_impossible,
         avg(came_true::INTEGER) FILTER (possible) AS share
  FROM core.track_record GROUP BY ALL
), shares AS (
  -- A list has an order, and so its mean the same last digit each time.
  SELECT status, horizon, has_number, sum(n) AS n, count(share) AS n_series,
         list_avg(list(share ORDER BY indicator_id, geo) FILTER (share IS NOT NULL)) AS share,
         sum(n_impossible) AS n_impossible
  FROM series GROUP BY ALL
)
SELECT status, horizon, n::INTEGER AS n, n_series::INTEGER AS n_series,
       CASE WHEN has_number THEN share END AS share_reached,
       CASE WHEN NOT has_number THEN share END AS share_better, n_impossible::INTEGER AS n_impossible
FROM shares WHERE n > 0
