"""The nightly run with pulls, from the command line: unplugged, of one publisher, of the past."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipeline.session import Session

from pipeline.clock import today
from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.vintages.pull import load_pull_results
from pipeline.vintages.store import Archive
from tests.publisher import Publisher

SOURCES = ("eurostat", "cbs", "oecd", "worldbank", "unsdg", "owid", "who")
# Names that lead nowhere by definition (RFC 6761): a network that is not there.
UNPLUGGED = {f"MISSIEMONITOR_{s.upper()}_URL": f"https://{s}.invalid/api" for s in SOURCES}


def release(data: Path) -> str:
    return (data / "marts" / "current").resolve().name


def test_unplugged_the_bundled_figures_are_published_and_it_says_why(
    data: Path, cli: Any, ask: Any
) -> None:
    offline = cli(data, "run", "--offline", "--lang", "en")
    assert offline.returncode == 0, offline.stderr
    before = release(data)
    done = cli(data, "run", "--lang", "en", MISSIEMONITOR_OFFLINE="0", **UNPLUGGED)
    assert done.returncode == 3, done.stderr
    # One line a publisher, not one a dataset; the set is a function of the vintages alone.
    lines = [line for line in done.stderr.splitlines() if line.startswith("! not pulled: ")]
    assert len(lines) == len(done.stderr.splitlines()) == 6
    for line in lines:
        assert re.search(r"\w+\.invalid cannot be reached \(.+\): look at the network", line)
        assert "The last good vintage stays for " in line
    assert done.stdout == offline.stdout
    assert release(data) == before
    rows = ask(data, "SELECT DISTINCT origin FROM marts.source_status")
    assert rows == [{"origin": "bundled"}]
    noted = load_pull_results(Archive(Paths(data)))
    assert {r.state for r in noted.values()} == {"failed"}
    assert len(noted) == sum(bool(d.live) for d in load().datasets.values())


def test_a_live_night_of_one_publisher(data: Path, cli: Any, ask: Any, bench: Publisher) -> None:
    done = cli(
        data, "run", "--source", "worldbank", "--lang", "en", MISSIEMONITOR_OFFLINE="0",
        **bench.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {a.source for a in bench.seen} == {"worldbank"}
    (row,) = ask(
        data, "SELECT dataset, known_from, known_from_basis, found_in FROM marts.source_status "
        "WHERE origin = 'live'",
    )  # fmt: skip
    assert row["dataset"] == "ER.MRN.PTMR.ZS" and row["known_from"] == today().isoformat()
    assert row["known_from_basis"] == "retrieved"
    assert row["found_in"].startswith(bench.url("worldbank"))


def test_a_publisher_that_is_not_there_is_one_line(data: Path, cli: Any) -> None:
    done = cli(data, "run", "--source", "nobody")
    assert done.returncode == 1 or done.returncode == 2
    assert "nothing is pulled under that name" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def session(
    tmp_path: Path, bench: Publisher, monkeypatch: pytest.MonkeyPatch
) -> Callable[[date], Session]:
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MISSIEMONITOR_OFFLINE", "0")

    def made(day: date) -> Session:
        found = Session(Paths(tmp_path / "data"), day, lambda said: None)
        found.intake.archive.seed()
        return found

    return made


def test_nothing_is_pulled_for_a_day_that_has_passed(session: Any, bench: Publisher) -> None:
    past = session(today() - timedelta(days=1))
    past.pull()
    assert past.pulled == {} and bench.seen == []
    check = past.pull_check("eurostat/nrg_ind_ren")
    assert check.passed and check.observed == "not asked in this run"


def test_nothing_is_pulled_offline(
    session: Any, bench: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSIEMONITOR_OFFLINE", "1")
    quiet = session(today())
    quiet.pull()
    assert quiet.pulled == {} and bench.seen == []


def test_a_run_pulls_once_and_only_what_it_makes(session: Any, bench: Publisher) -> None:
    night = session(today())
    night.pull(["owid"], ["owid/electric-car-sales-share", "cbs/82610NED"], "run-1")
    assert list(night.pulled) == ["owid/electric-car-sales-share"]
    asked = len(bench.seen)
    # Another step of the same run, in a process of its own, reads what came.
    other = session(today())
    other.pull(["owid"], ["owid/electric-car-sales-share"], "run-1")
    assert other.pulled == night.pulled and len(bench.seen) == asked
    assert other.pull_check("owid/electric-car-sales-share").observed == "new figures"


def test_a_failed_pull_is_a_failed_check(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSIEMONITOR_OWID_URL", "https://owid.invalid")
    night = session(today())
    night.pull(["owid"])
    check = night.pull_check("owid/electric-car-sales-share")
    assert not check.passed and check.severity == "error"
    assert "owid.invalid cannot be reached" in check.observed
    assert "last good vintage stays" in check.observed


def test_the_workflow_of_the_live_night_is_small_in_rights_and_pinned(root: Path) -> None:
    import yaml

    flow = yaml.safe_load((root / ".github" / "workflows" / "live.yml").read_text())
    assert flow["permissions"] == {"contents": "read"}
    steps = flow["jobs"]["night"]["steps"]
    assert all(re.fullmatch(r"[\w/-]+@v\d+", s["uses"]) for s in steps if "uses" in s)
    run = " ".join(s.get("run", "") for s in steps)
    assert "missiemonitor doctor --live" in run and "missiemonitor run" in run
    # `on` is YAML's word for true.
    assert flow[True]["schedule"]
