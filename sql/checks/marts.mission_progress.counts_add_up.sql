SELECT * FROM marts.mission_progress
WHERE n_sub_missions <> n_achieved + n_on_track + n_catching_up + n_progress_too_slow
    + n_insufficient + n_wrong_direction + n_missed + n_improving + n_slightly_improving
    + n_stable + n_no_clear_trend + n_slightly_worsening + n_worsening + n_not_assessable
  OR n_sub_missions <> n_on_course + n_gaining + n_failing + n_unclear + n_unassessed
