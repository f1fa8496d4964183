"""A run whose clock is behind the figures that came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.clock import today
from pipeline.paths import Paths
from pipeline.vintages.store import Archive
from tests.conftest import REFERENCE, Done

pytestmark = pytest.mark.slow

Cli = Callable[..., Done]


def test_a_run_with_a_clock_that_is_behind_publishes_nothing(cli: Cli, data: Path) -> None:
    later = (today() + timedelta(days=1826)).isoformat()
    manifest = {"origin": "live", "known_from": later, "known_from_basis": "retrieved", "scope": {}}
    Archive(Paths(data)).add("eurostat", "nrg_ind_ren", b"of another day", manifest)
    current = (data / "marts" / "current").resolve()
    done = cli(data, "run", "--offline")
    assert done.returncode == 1 and later in done.stderr and "the clock says" in done.stderr
    assert (data / "marts" / "current").resolve() == current
    # As of a day that has passed no clock is asked, and it is said.
    done = cli(data, "run", "--offline", "--as-of", REFERENCE)
    assert done.returncode == 0 and later in done.stderr
