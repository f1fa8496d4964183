"""The event log writes in batches exactly what Dagster writes one by one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from pipeline.event_log import PooledSqliteEventLogStorage

TABLES = ("event_logs", "asset_keys", "asset_check_executions", "asset_event_tags")


@dg.asset(
    check_specs=[dg.AssetCheckSpec("good", asset="first"), dg.AssetCheckSpec("bad", asset="first")]
)
def first() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"rows": 3},
        tags={"kind": "test"},
        check_results=[
            dg.AssetCheckResult(check_name="good", passed=True),
            dg.AssetCheckResult(
                check_name="bad",
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"n": 1},
            ),
        ],
    )


@dg.asset(deps=[first], check_specs=[dg.AssetCheckSpec("stop", asset="second", blocking=True)])
def second() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])


@dg.asset(deps=[second])
def third() -> None:
    """Never built: the check before it blocks."""


@dg.asset_check(asset=first)
def apart() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events of two runs, in order, as any storage is handed them."""
    seen: list[Any] = []
    kept = SqliteEventLogStorage.store_event

    def store(self: SqliteEventLogStorage, event: Any) -> None:
        seen.append(event)
        kept(self, event)

    with monkeypatch.context() as during:
        # Dagster's telemetry would write beside dagster.yaml, into the checkout.
        during.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
        during.setenv("DAGSTER_HOME", str(folder))
        during.setattr(SqliteEventLogStorage, "store_event", store)
        folder.mkdir()
        instance = dg.DagsterInstance.local_temp(str(folder))
        for _ in range(2):
            dg.materialize([first, second, third, apart], instance=instance, raise_on_error=False)
    return seen


def rows(folder: Path) -> dict[str, list[Any]]:
    """Every row of every table in every database file."""
    found: dict[str, list[Any]] = {}
    for file in sorted(folder.glob("*.db")):
        with sqlite3.connect(file) as con:
            for table in TABLES:
                names = [r[1] for r in con.execute(f"PRAGMA table_info({table})")]
                wanted = [n for n in names if n != "create_timestamp"]
                if wanted:
                    # Primary keys by order alone: what counts is which event a row speaks of.
                    found[f"{file.name}/{table}"] = con.execute(
                        f"SELECT {', '.join(wanted)} FROM {table} ORDER BY rowid"
                    ).fetchall()
    return found


@pytest.mark.parametrize("flushed", ["by Dagster's rules", "after each"])
def test_the_rows_are_those_that_dagster_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushed: str
) -> None:
    events = recorded(tmp_path / "seen", monkeypatch)
    assert len(events) > 60
    plain = SqliteEventLogStorage(str(tmp_path / "plain"))
    ours = PooledSqliteEventLogStorage(str(tmp_path / "ours"))
    for event in events:
        plain.store_event(event)
        ours.store_event(event)
        if flushed == "after each":
            ours.all_asset_keys()
    ours.dispose()
    plain.dispose()
    wanted = rows(tmp_path / "plain")
    assert {k.split("/")[1] for k, v in wanted.items() if v} >= {
        "event_logs", "asset_keys", "asset_check_executions",
    }  # fmt: skip
    assert rows(tmp_path / "ours") == wanted


def test_an_evaluation_that_was_not_planned_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        e
        for e in recorded(tmp_path / "seen", monkeypatch)
        if e.dagster_event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    ]
    plain = SqliteEventLogStorage(str(tmp_path / "plain"))
    ours = PooledSqliteEventLogStorage(str(tmp_path / "ours"))
    for event in events:
        plain.store_event(event)
        ours.store_event(event)
    ours.dispose()
    plain.dispose()
    assert rows(tmp_path / "ours") == rows(tmp_path / "plain")


def test_a_reader_sees_what_was_stored_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = recorded(tmp_path / "seen", monkeypatch)
    ours = PooledSqliteEventLogStorage(str(tmp_path / "ours"))
    for number, event in enumerate(events, 1):
        ours.store_event(event)
        if number % 10 == 0:
            told = {e.run_id: len(ours.get_logs_for_run(e.run_id)) for e in events[:number]}
            assert sum(told.values()) == number
    ours.dispose()
