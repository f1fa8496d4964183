"""Which publishers a run asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from assets.resources import RunSettings
from pipeline.registry import load


def settings(reference: date, began: date) -> RunSettings:
    found = RunSettings()
    found._reference = reference
    found._since = datetime.combine(began, time(12), UTC)
    return found


def test_a_run_is_of_the_day_on_which_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past midnight the datasets that are still to come are asked for too."""
    monkeypatch.setenv("MISSIEMONITOR_OFFLINE", "0")
    monkeypatch.setattr("assets.resources.today", lambda: date(2026, 11, 28))
    dataset = next(d for d in load().datasets.values() if d.live and d.series_keys())
    day = date(2026, 11, 27)
    assert settings(day, day).pulls(dataset)
    assert not settings(day, date(2026, 11, 28)).pulls(dataset)
