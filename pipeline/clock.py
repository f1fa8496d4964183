"""The only place that reads the clock for a date or a moment: the run's reference date comes from here."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

TIME_ZONE = "Europe/Amsterdam"


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The date in Amsterdam: the reference date of a run that names none."""
    return day_of(now())


def day_of(moment: datetime) -> date:
    """The date in Amsterdam at a moment."""
    return moment.astimezone(ZoneInfo(TIME_ZONE)).date()


def reading_at(moment: datetime) -> float:
    """The reading of `time.monotonic` at a moment that has passed; now for one that has yet to come,
    which a clock that was set in between can make of it."""
    return time.monotonic() - max(0.0, (now() - moment).total_seconds())


def day_to_judge(text: str) -> date:
    """The reference date that a person names, YYYY-MM-DD; ValueError, of one line, if it is no date
    or has yet to come: nobody knows what will be known then."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text}: not a date; write YYYY-MM-DD") from error
    if day > today():
        raise ValueError(f"{text}: has yet to come; today is {today()}")
    return day
