"""A run that was killed holds up nobody: its record says so within two minutes, whatever was killed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from test_ui import LAUNCH, dagster_dev, post, wait_for

from pipeline.files import dump
from pipeline.lease import Holder
from pipeline.paths import Paths
from tests.conftest import CLI

pytestmark = pytest.mark.slow

SECONDS = 120.0  # what README promises, of a UI that is at work
LONG = 600.0
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"


def runs(ui: str) -> dict[str, dict[str, Any]]:
    """Every run by its id."""
    found = post(ui, RUNS)["runsOrError"]["results"]
    for run in found:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        run["process"] = tags.get("missiemonitor/process", "")
        run["parent"] = tags.get("dagster/parent_run_id", "")
    return {run["runId"]: run for run in found}


def launch(ui: str) -> str:
    """A night that is at work, in a process of its own; its id."""
    config = {"resources": {"run": {"config": {"as_of": "2026-11-23"}}}}

    def launched() -> Any:
        return post(ui, LAUNCH, tags=[], config=config)["launchRun"].get("run")

    run_id: str = wait_for(launched, LONG)["runId"]
    wait_for(lambda: at_work(runs(ui)[run_id]), LONG)
    return run_id


def at_work(run: dict[str, Any]) -> bool:
    return run["status"] == "STARTED" and run["runId"] in run["process"]


def retry_of(ui: str, run_id: str) -> str:
    """The run, at work, that tries another one again; its id."""

    def found() -> Any:
        return next(
            (r for r, run in runs(ui).items() if run["parent"] == run_id and at_work(run)), ""
        )

    return str(wait_for(found, LONG))


def fails(ui: str, run_id: str) -> None:
    wait_for(lambda: runs(ui)[run_id]["status"] == "FAILURE", SECONDS)


def is_up(ui: str) -> bool:
    """Whether its sensors are."""
    health = '{ instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { healthy } } } }'
    return bool(post(ui, health)["instance"]["daemonHealth"]["daemonStatus"]["healthy"])


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert psutil.wait_procs(processes, timeout=LONG)[1] == []


def test_command_line_worker_and_daemon_killed(tmp_path: Path, root: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    # A run of another host has the data: each run waits for its turn, and is at work meanwhile.
    holder = Holder("another", "elsewhere", 1, 1.0, "2026-11-23T03:00:00+00:00", "2026-11-23")
    Paths(data).lease.write_bytes(dump(asdict(holder)))
    run = subprocess.Popen(
        [CLI, "run", "--as-of", "2026-11-23"],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data), "LANG": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr and "another run is at work" in run.stderr.readline()
    run.kill()
    run.wait()

    with dagster_dev(data, root) as ui:
        wait_for(lambda: is_up(ui), LONG)
        (command_line,) = (r for r, run in runs(ui).items() if run["process"])
        fails(ui, command_line)
        # The queue goes on: one run at a time.
        in_ui = launch(ui)
        kill([psutil.Process(json.loads(runs(ui)[in_ui]["process"])["pid"])])
        fails(ui, in_ui)
        # A worker that was killed costs one retry.
        again = retry_of(ui, in_ui)
        # The daemon, and all that it works with.
        kill(psutil.Process().children(recursive=True))
    with dagster_dev(data, root) as ui:
        wait_for(lambda: is_up(ui), LONG)
        fails(ui, again)
        launch(ui)
        assert [run["parent"] for run in runs(ui).values() if run["parent"]] == [in_ui]
