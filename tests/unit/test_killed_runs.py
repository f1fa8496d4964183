"""A run whose process is gone is recorded as failed and told of; every other run is left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.ended import faults, was_stopped
from assets.jobs import NIGHTLY, PUBLISHED
from assets.killed import record_failed, report_killed_runs
from assets.process import holder_of, note_process, process_tag
from assets.sensors import alert_sensors
from pipeline.alerts import TOLD
from pipeline.cli.common import instance_of
from pipeline.paths import Paths

STARTED = dg.DagsterRunStatus.STARTED


@dg.asset
def mart() -> None:
    pass


@dg.asset(key=PUBLISHED, deps=[mart])
def release() -> None:
    pass


night = dg.Definitions(assets=[mart, release], jobs=[dg.define_asset_job(NIGHTLY)]).resolve_job_def(
    NIGHTLY
)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("MISSIEMONITOR_INSTANCE", "")  # set by `instance_of`; as it was, afterwards
    return Paths(tmp_path / "data")


@pytest.fixture
def instance(paths: Paths) -> Iterator[Any]:
    with instance_of(paths) as found:
        yield found


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# As the UI launches the whole job: "Materialize all" names every asset.
EVERYTHING = {mart.key, PUBLISHED}


def run(
    instance: Any,
    status: dg.DagsterRunStatus = STARTED,
    chosen: set[dg.AssetKey] | None = None,
    **tags: str,
) -> dg.DagsterRun:
    return instance.create_run_for_job(night, status=status, tags=tags, asset_selection=chosen)


def status(instance: Any, one: dg.DagsterRun) -> str:
    return instance.get_run_by_id(one.run_id).status.value


@pytest.mark.parametrize("state", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_run_whose_process_is_gone_has_failed(
    instance: Any, paths: Paths, gone: int, state: str
) -> None:
    killed = run(instance, dg.DagsterRunStatus(state))
    note_process(instance, killed, gone)
    (line,) = report_killed_runs(instance, paths)
    assert f"run {killed.run_id} was ended from outside: its process {gone} is no more" in line
    assert status(instance, killed) == "FAILURE"
    # What its alert says, and that it was told of: once.
    (fault,) = faults(instance, killed.run_id)
    assert "was ended from outside" in fault.why and not was_stopped(instance, killed.run_id)
    assert instance.get_run_by_id(killed.run_id).tags[TOLD] == killed.run_id
    assert report_killed_runs(instance, paths) == []


@pytest.mark.parametrize(
    ("chosen", "told"), [(EVERYTHING, True), (EVERYTHING - {PUBLISHED}, False)]
)
def test_a_killed_run_of_assets_is_told_of_if_it_was_to_publish(
    instance: Any, paths: Paths, gone: int, chosen: set[dg.AssetKey], told: bool
) -> None:
    killed = run(instance, chosen=chosen)
    assert record_failed(instance, killed, "killed", paths)[0] == "killed; recorded as failed"
    assert (TOLD in instance.get_run_by_id(killed.run_id).tags) is told


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (EVERYTHING, "no address for alerts"),
        (None, "no address for alerts"),
        (EVERYTHING - {PUBLISHED}, "a run of some assets"),
    ],
)
def test_its_sensor_tells_of_a_run_that_was_to_publish(
    instance: Any, chosen: set[dg.AssetKey] | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISSIEMONITOR_ALERT_URLS", raising=False)
    monkeypatch.delenv("MISSIEMONITOR_ALERT_FILE", raising=False)
    event = night.execute_in_process(instance=instance).get_run_success_event()
    ended = run(instance, dg.DagsterRunStatus.SUCCESS, chosen)
    _, degraded = alert_sensors(night)
    skipped = degraded(dg.build_run_status_sensor_context(degraded.name, event, instance, ended))
    assert isinstance(skipped, dg.SkipReason) and why in skipped.skip_message


def test_every_other_run_is_left_alone(instance: Any, paths: Paths, gone: int) -> None:
    at_work = run(instance)
    note_process(instance, at_work, os.getppid())
    unknown = run(instance)
    elsewhere = replace(holder_of(instance.get_run_by_id(at_work.run_id)), host="elsewhere")
    assert elsewhere.host != socket.gethostname() and not elsewhere.gone
    done = run(instance, dg.DagsterRunStatus.SUCCESS)
    note_process(instance, done, gone)
    # One that tries a killed run again is given its tags.
    again = run(instance, **process_tag("another", gone))
    assert report_killed_runs(instance, paths) == []
    for one in (at_work, unknown, again):
        assert status(instance, one) == "STARTED"
    assert status(instance, done) == "SUCCESS"
    note_process(instance, again, gone)
    assert len(report_killed_runs(instance, paths)) == 1 and status(instance, again) == "FAILURE"


def test_its_process_is_noted_once(instance: Any, gone: int) -> None:
    """A step in a process of its own does not put its own number there."""
    one = run(instance)
    note_process(instance, one, gone)
    note_process(instance, instance.get_run_by_id(one.run_id), os.getpid())
    found = holder_of(instance.get_run_by_id(one.run_id))
    assert found is not None and found.pid == gone
