"""The only place that reads the clock for a date: the run's reference date comes from here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

TIME_ZONE = "Europe/Amsterdam"


def today() -> date:
    """The date in Amsterdam: the reference date of a run that names none."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> date:
    """The date in Amsterdam at a moment."""
    return moment.astimezone(ZoneInfo(TIME_ZONE)).date()
