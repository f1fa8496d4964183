"""Steps of a run in other processes, on whatever host: who is at work for it, and what becomes of a run
that nobody is at any more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from assets.ended import faults
from assets.jobs import NIGHTLY, RETENTION
from assets.lost import report_lost_runs
from assets.process import note_process
from assets.resources import RunSettings, RunSettingsOfWorkers
from pipeline import lease
from pipeline.alerts import TOLD
from pipeline.cli.common import instance_of
from pipeline.files import dump
from pipeline.lease import Holder
from pipeline.paths import Paths
from pipeline.presence import Presence, at_work
from pipeline.publishers.rate_limit import Ledger

DAY = "2026-11-23"
AT_WORK = """
import sys
from pathlib import Path
from pipeline.presence import Presence
kept = Presence(Path(sys.argv[1]), sys.argv[2])
kept.begin()
print("at work", flush=True)
sys.stdin.read()
"""
TURN = """
import sys, time
from pathlib import Path
from pipeline.publishers.rate_limit import Ledger
held = Ledger(Path(sys.argv[1]), time.time).take_turn(sys.argv[2], 2)
print(held is not None, flush=True)
sys.stdin.read()
"""


@contextmanager
def elsewhere(script: str, *words: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that has said what it does, and does it until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout and process.stdout.readline().strip() in ("at work", "True")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("MISSIEMONITOR_INSTANCE", "")  # set by `instance_of`; as it was, afterwards
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(tmp_path / "data"))
    return Paths(tmp_path / "data")


@pytest.fixture
def instance(paths: Paths) -> Iterator[Any]:
    with instance_of(paths) as found:
        yield found


def run(instance: Any, name: str = NIGHTLY, status: str = "STARTED") -> dg.DagsterRun:
    @dg.job(name=name)
    def job() -> None:
        pass

    return instance.create_run_for_job(job, status=dg.DagsterRunStatus(status))


def status(instance: Any, one: dg.DagsterRun) -> str:
    return str(instance.get_run_by_id(one.run_id).status.value)


def test_a_process_is_at_work_until_it_ends_or_is_killed(tmp_path: Path) -> None:
    assert not at_work(tmp_path, "one")
    with elsewhere(AT_WORK, tmp_path, "one"), elsewhere(AT_WORK, tmp_path, "one") as second:
        own = Presence(tmp_path, "one")
        own.begin()
        second.kill()
        second.wait()
        assert at_work(tmp_path, "one") and not at_work(tmp_path, "on")
        own.end()
        assert at_work(tmp_path, "one")
    assert not at_work(tmp_path, "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["STARTED", "CANCELING"])
def test_a_run_that_nobody_is_at_is_lost(instance: Any, paths: Paths, state: str) -> None:
    one = run(instance, status=state)
    with elsewhere(AT_WORK, paths.at_work, one.run_id):
        assert report_lost_runs(instance, paths) == []
    (line,) = report_lost_runs(instance, paths)
    assert f"run {one.run_id} was lost: no worker is at it" in line
    assert status(instance, one) == "FAILURE"
    assert "was lost" in faults(instance, one.run_id)[0].why
    assert instance.get_run_by_id(one.run_id).tags[TOLD] == one.run_id
    assert report_lost_runs(instance, paths) == []


def test_a_run_that_may_be_at_work_is_left_alone(instance: Any, paths: Paths) -> None:
    heard = run(instance)
    instance.report_engine_event("a step was handed out", heard)
    noted = run(instance)  # the command line's, whose process tells
    note_process(instance, noted, 1)
    others = [run(instance, RETENTION), run(instance, status="SUCCESS")]
    assert report_lost_runs(instance, paths) == []
    assert [status(instance, r) for r in (heard, noted, *others)] == ["STARTED"] * 3 + ["SUCCESS"]


def test_where_locks_do_not_hold_nobody_is_taken_for_lost(
    instance: Any, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.lost.locks_hold", lambda _: False)
    one = run(instance)
    (line,) = report_lost_runs(instance, paths)
    assert "file locks do not hold" in line and status(instance, one) == "STARTED"


@dg.asset
def made(run: RunSettings) -> None:
    """It asks for a run's settings, as every asset does."""


def materialise(instance: Any, kind: type[RunSettings] = RunSettingsOfWorkers) -> Any:
    return dg.materialize(
        [made], instance=instance, resources={"run": kind(as_of=DAY)}, raise_on_error=False
    )


def test_a_worker_notes_no_process_as_the_run_s_own(instance: Any, paths: Paths) -> None:
    """On another host the number is somebody else's."""
    done = materialise(instance)
    assert done.success
    assert "missiemonitor/process" not in instance.get_run_by_id(done.run_id).tags
    held = lease.read(paths.lease)
    assert held is not None and held.run_id == done.run_id
    assert held.pid is None and not held.gone
    assert list(paths.at_work.iterdir()) == []
    done = materialise(instance, RunSettings)
    assert done.success and "missiemonitor/process" in instance.get_run_by_id(done.run_id).tags


def test_a_step_of_a_run_that_was_given_up_keeps_the_data(
    instance: Any, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = run(instance, status="FAILURE")
    holder = Holder(given_up.run_id, "elsewhere", None, None, f"{DAY}T03:00:00+00:00", DAY)
    paths.data.mkdir(exist_ok=True)
    paths.lease.write_bytes(dump(asdict(holder)))
    monkeypatch.setattr(lease, "take", partial(lease.take, seconds=0.0))
    with elsewhere(AT_WORK, paths.at_work, given_up.run_id):
        done = materialise(instance)
        assert not done.success
        (fault,) = faults(instance, done.run_id)
        assert fault.why.startswith(f"run {given_up.run_id} has been at work on")
        assert lease.read(paths.lease) == holder
    assert materialise(instance).success


def test_a_step_that_comes_after_its_run_has_ended_does_nothing(
    instance: Any, paths: Paths
) -> None:
    late = run(instance, status="FAILURE")
    context: Any = SimpleNamespace(run=late, instance=instance, log=None)
    with pytest.raises(RuntimeError, match=f"run {late.run_id} has ended"):
        RunSettingsOfWorkers(as_of=DAY).setup_for_execution(context)
    assert not paths.lease.exists() and not paths.at_work.exists()


def test_a_publisher_s_requests_at_once_are_those_of_all_processes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, lambda: 0.0)
    with elsewhere(TURN, tmp_path, "host:443"), elsewhere(TURN, tmp_path, "host:443") as killed:
        assert ledger.take_turn("host:443", 2) is None
        assert (other := ledger.take_turn("other:443", 1)) and other.is_locked
        killed.kill()
        killed.wait()
        turn = ledger.take_turn("host:443", 2)
        assert turn is not None and ledger.take_turn("host:443", 2) is None
        turn.release()
