"""Progress arithmetic: pure functions of observations, a target and a reference date."""
