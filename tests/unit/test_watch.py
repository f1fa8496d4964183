"""In a pipe a run says what its steps warn of, until one fails."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.cli.watch import progress


def entry(level: int = logging.INFO, said: str = "", event: str = "") -> Any:
    kind = SimpleNamespace(event_type_value=event) if event else None
    return SimpleNamespace(level=level, user_message=said, dagster_event=kind)


def test_what_follows_from_a_failure_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3) as seen:
        seen(entry(logging.WARNING, "another run is at work"))
        seen(entry(said="nothing of note"))
        seen(entry(event="STEP_SUCCESS"))
        seen(entry(logging.ERROR, event="STEP_FAILURE"))
        seen(entry(logging.WARNING, "Dependencies for step b failed"))
    assert capsys.readouterr().err == "? another run is at work\n"
