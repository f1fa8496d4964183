"""Which publishers a run asks, and what it clears away before it begins."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from assets.resources import RunSettings, clear_half_written
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
    dataset = next(d for d in load().datasets.values() if d.live and d.needed)
    day = date(2026, 11, 27)
    assert settings(day, day).pulls(dataset)
    assert not settings(day, date(2026, 11, 28)).pulls(dataset)


def test_what_another_command_is_writing_is_not_taken_from_it(tmp_path: Path) -> None:
    """`ingest` parses while a run begins."""
    built, theirs, old = (
        tmp_path / name
        for name in ("core/.a.1.tmp", "parsed/cbs/x/.b.2.tmp", "parsed/cbs/x/.c.3.tmp")
    )
    for file in (built, theirs, old):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    os.utime(old, (0, 0))
    clear_half_written(tmp_path)
    assert [f for f in (built, theirs, old) if f.exists()] == [theirs]
