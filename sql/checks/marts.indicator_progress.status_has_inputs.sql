SELECT * FROM marts.indicator_progress
WHERE status NOT IN ('not_assessable', 'achieved', 'missed')
  AND (latest_value IS NULL OR coalesce(ratio_short, trend_pct) IS NULL)
  -- a window that starts past the target has no ratio
  AND NOT (status = 'wrong_direction' AND window_start IS NOT NULL)
