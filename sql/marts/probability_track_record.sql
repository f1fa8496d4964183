/*
description: "What stated probabilities were worth: the pseudo-targets of marts.status_track_record for which a projection could be made in the year of the status, by the probability that it gave them."
grain: [horizon, bin]
columns:
  horizon: INTEGER, years from the projection to the pseudo-target
  bin: INTEGER, which of the equal parts of the scale from 0 to 1 the stated probability lies in (1 = lowest)
  n: INTEGER, pseudo-targets
  n_series: INTEGER, series that they are of
  mean_probability: DOUBLE, mean of the stated probabilities, each series counted once
  share_reached: DOUBLE, share of them that were reached in their year, each series counted once
expectations:
  - {expect: between, column: mean_probability, min: 0, max: 1, name: probability_is_one, description: A probability lies between 0 and 1.}
*/
WITH series AS (
  SELECT horizon, bin, indicator_id, geo, count(*) AS n, avg(came_true::INTEGER) AS share,
         list_avg(list(probability ORDER BY year, size)) AS probability
  FROM core.track_record WHERE possible AND bin IS NOT NULL GROUP BY ALL
)
-- A list has an order, and so its mean the same last digit each time.
SELECT horizon, bin, sum(n)::INTEGER AS n, count(*)::INTEGER AS n_series,
       list_avg(list(probability ORDER BY indicator_id, geo)) AS mean_probability,
       list_avg(list(share ORDER BY indicator_id, geo)) AS share_reached
FROM series GROUP BY ALL
