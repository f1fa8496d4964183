"""Old runs are forgotten whole; the newest of anything, and everything younger, stays."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import retention
from assets.retention import KEPT_DAYS, forget_old_checks, forget_old_runs
from pipeline.cli.common import instance_of
from pipeline.paths import Paths
from tests.few_assets import stopped_by_a_check

pytestmark = pytest.mark.slow

first, second, third = stopped_by_a_check()


@dg.asset_check(asset=first)
def apart() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


TABLES = ("event_logs", "asset_keys", "asset_event_tags")
# Outcomes of checks outlive their runs: Dagster deletes those of an asset all together.
CHECKS = "index.db/asset_check_executions"

DAY = date(2026, 11, 23)
YOUNG = DAY.toordinal() - KEPT_DAYS + 1
OLD = DAY.toordinal() - KEPT_DAYS - 1


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MISSIEMONITOR_INSTANCE", "")  # set below; as it was, afterwards
    with instance_of(Paths(tmp_path)) as found:
        yield found


def run(instance: Any, folder: Path, day: int, *assets: Any) -> str:
    """A run that began on a day, given by its ordinal."""
    done = dg.materialize(list(assets), instance=instance, raise_on_error=False)
    (file,) = folder.rglob("runs.db")
    with sqlite3.connect(file) as con:
        con.execute(
            "UPDATE runs SET create_timestamp = ? WHERE run_id = ?",
            (f"{date.fromordinal(day)} 12:00:00.000000", done.run_id),
        )
    return done.run_id


def rows(folder: Path) -> dict[str, list[Any]]:
    """Every row of every table of events in every database file, primary keys left out."""
    found: dict[str, list[Any]] = {}
    for file in sorted(folder.rglob("*.db")):
        with sqlite3.connect(file) as con:
            for table in TABLES:
                names = [r[1] for r in con.execute(f"PRAGMA table_info({table})")]
                wanted = [n for n in names if n != "create_timestamp"]
                if wanted:
                    found[f"{file.name}/{table}"] = con.execute(
                        f"SELECT {', '.join(wanted)} FROM {table} ORDER BY rowid"
                    ).fetchall()
    return found


def traces(folder: Path, run_id: str) -> list[str]:
    """Where a run's id stands: names of files, and tables of any database."""
    found = [p.name for p in folder.rglob("*") if run_id in p.as_posix()]
    for file in folder.rglob("*.db"):
        with sqlite3.connect(file) as con:
            names = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                held = run_id in repr(con.execute(f"SELECT * FROM {name}").fetchall())
                if held and f"{file.name}/{name}" != CHECKS:
                    found.append(f"{file.name}/{name}")
    return found


def test_what_is_old_is_forgotten_whole(instance: Any, tmp_path: Path) -> None:
    every = (first, second, third, apart)
    old = [run(instance, tmp_path, OLD - i, *every) for i in range(3)]
    young = [
        run(instance, tmp_path, YOUNG, *every),
        run(instance, tmp_path, DAY.toordinal(), first),
    ]
    keys = [dg.AssetKey(name) for name in ("first", "second", "third")]
    before, known = rows(tmp_path / "dagster"), instance.get_asset_records(keys)
    assert {"runs.db/runs", "index.db/event_logs", f"{old[0]}.db"} <= set(traces(tmp_path, old[0]))
    other = instance_of(Paths(tmp_path))
    assert other.all_logs(old[0])
    assert forget_old_runs(instance, DAY) == old
    assert [traces(tmp_path, run_id) for run_id in old] == [[], [], []]
    for run_id in young:
        assert instance.get_run_by_id(run_id) and other.all_logs(run_id)
    after = rows(tmp_path / "dagster")
    tags = "index.db/asset_event_tags"
    events = {number for number, *_ in after["index.db/event_logs"]}
    assert after.pop(tags) == [row for row in before.pop(tags) if row[1] in events]
    assert after == {
        name: [row for row in held if not any(run_id in repr(row) for run_id in old)]
        for name, held in before.items()
        if not any(run_id in name for run_id in old)
    }
    assert instance.get_asset_records(keys) == known
    assert other.get_run_by_id(old[0]) is None
    other.dispose()
    assert forget_old_runs(instance, DAY) == []


def test_the_last_of_an_asset_stays(instance: Any, tmp_path: Path) -> None:
    """A monitor that stood still for a year still knows what it last made."""
    replaced, last = (run(instance, tmp_path, OLD, first, second, apart) for _ in range(2))
    again = run(instance, tmp_path, OLD, first)
    failed = run(instance, tmp_path, OLD, third)
    assert forget_old_runs(instance, DAY) == [replaced]
    assert {r.run_id for r in instance.get_runs()} == {last, again, failed}
    for name, run_id in (("first", again), ("second", last), ("third", failed)):
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
        assert event is not None and event.run_id == run_id


def test_many_old_runs_go_in_several_nights(
    instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_MOST", 2)
    for i in range(4):
        run(instance, tmp_path, OLD - 9 + i, first)
    assert [len(forget_old_runs(instance, DAY)) for _ in range(3)] == [2, 1, 0]


def test_a_kill_half_way_is_made_good(
    instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run(instance, tmp_path, OLD, first)
    run(instance, tmp_path, YOUNG, first)

    def killed(run_id: str) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as during:
        during.setattr(instance, "delete_run", killed)
        with pytest.raises(RuntimeError):
            forget_old_runs(instance, DAY)
    assert forget_old_runs(instance, DAY) == [old]
    assert traces(tmp_path, old) == []


def test_an_evening_of_trials_leaves_no_more_than_so_many(
    instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_RUNS", 3)
    runs = [run(instance, tmp_path, DAY.toordinal(), first) for _ in range(5)]
    assert forget_old_runs(instance, DAY) == runs[:2]
    assert {r.run_id for r in instance.get_runs()} == set(runs[2:])
    assert forget_old_runs(instance, DAY) == []


A_RUN = 3  # outcomes: two checks of `first`'s own, and `apart`


def outcomes(folder: Path) -> int:
    (file,) = folder.rglob("index.db")
    with sqlite3.connect(file) as con:
        return int(con.execute("SELECT count(*) FROM asset_check_executions").fetchone()[0])


def test_outcomes_of_checks_have_an_end_too(
    instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three runs are kept: before the fourth all outcomes go, and then no more for ninety days."""
    monkeypatch.setattr(retention, "KEPT_RUNS", 3)
    today, counts = date.today(), []
    for _ in range(7):
        forget_old_checks(instance, today)
        run(instance, tmp_path, today.toordinal(), first, apart)
        forget_old_runs(instance, today)
        counts.append(outcomes(tmp_path))
    assert counts == [A_RUN * n for n in (1, 2, 3, 1, 2, 3, 4)]
    record = instance.get_latest_materialization_event(dg.AssetKey("first"))
    assert record is not None
    later = date.fromordinal(today.toordinal() + KEPT_DAYS + 2)
    assert forget_old_checks(instance, later) == 1 and outcomes(tmp_path) == 0


def test_few_runs_lose_no_outcome(instance: Any, tmp_path: Path) -> None:
    run(instance, tmp_path, YOUNG, first, apart)
    assert forget_old_checks(instance, DAY) == 0 and outcomes(tmp_path) == A_RUN
    run(instance, tmp_path, OLD, first, apart)
    assert forget_old_checks(instance, DAY) >= 1 and outcomes(tmp_path) == 0
