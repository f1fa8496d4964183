"""The only place that reads the clock for a date: the run's reference date comes from here."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

TIME_ZONE = "Europe/Amsterdam"


def today() -> date:
    """The date in Amsterdam: the reference date of a run that names none."""
    return datetime.now(ZoneInfo(TIME_ZONE)).date()
