"""Runs whose steps are done by workers elsewhere, and that nobody is at any more: a worker was killed with
a step, the run's own process was, or no worker listens. Celery and Dagster would wait for ever."""

from __future__ import annotations

import time
from contextlib import suppress

import dagster as dg
import psutil

from assets.jobs import RETENTION
from assets.killed import record_failed
from assets.process import holder_of
from pipeline.lease import locks_hold
from pipeline.paths import Paths
from pipeline.presence import at_work

# Between two steps a run is silent for seconds; a worker that starts has imported everything by then.
SILENT_SECONDS = 120.0
_STARTED_BY_DAGSTER = "--multiprocessing-fork"  # as Python calls what was started, not forked


def report_lost_runs(instance: dg.DagsterInstance, paths: Paths) -> list[str]:
    """Record every run as failed that has said nothing for SILENT_SECONDS while no process was at
    work for it, and end what still waits for its steps here; a line for each."""
    said: list[str] = []
    paths.at_work.mkdir(parents=True, exist_ok=True)
    under_way = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=under_way)):
        if holder_of(run) is not None or run.job_name == RETENTION:
            continue  # in one process, which tells: killed.py
        if at_work(paths.at_work, run.run_id) or not _silent(instance, run):
            continue
        if not locks_hold(paths.at_work):
            said.append(f"run {run.run_id} may be lost: file locks do not hold in {paths.at_work}")
            continue
        waits = _process_here(instance, run)
        why = (
            f"run {run.run_id} was lost: no worker is at it and nothing was heard of it for "
            f"{SILENT_SECONDS:g} s (a worker or the run's own process was killed, or none listens)"
        )
        said += record_failed(instance, run, why, paths)
        if waits is not None:
            with suppress(psutil.Error):
                waits.kill()
    return said


def _silent(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    last = max((entry.timestamp for entry in instance.all_logs(run.run_id)), default=0.0)
    return time.time() - last > SILENT_SECONDS


def _process_here(instance: dg.DagsterInstance, run: dg.DagsterRun) -> psutil.Process | None:
    """The process that hands out the run's steps, started on this host by the daemon, which runs this
    sensor. Its number may have been given to another process since: one that began after the run did,
    or that Dagster did not start, is not it."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
        pid = entry.dagster_event.pid if entry.dagster_event else None
        with suppress(psutil.Error):
            process = psutil.Process(pid) if pid else None
            if process is None or process.create_time() > entry.timestamp:
                continue
            if _STARTED_BY_DAGSTER in process.cmdline():
                return process
    return None
