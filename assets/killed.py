"""Runs that were ended from outside (killed, a machine that went down): Dagster still holds them to
be at work, and its queue behind them. Their process tells, of which each run's record keeps a note."""

from __future__ import annotations

import dagster as dg

from assets.ended import outcome_of_run
from assets.jobs import is_night
from assets.process import holder_of
from pipeline.alerts import TOLD, tell
from pipeline.paths import Paths

_AT_WORK = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def report_killed_runs(instance: dg.DagsterInstance, paths: Paths) -> list[str]:
    """Record every run whose process is gone as failed, and tell of the nights among them; a line
    for each, and for each alert that could not be sent."""
    said = []
    for run in instance.get_runs(dg.RunsFilter(statuses=list(_AT_WORK))):
        holder = holder_of(run)
        if holder is None or not holder.gone:
            continue
        # It may have ended since it was asked for.
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.status not in _AT_WORK:
            continue
        why = (
            f"run {run.run_id} was ended from outside: its process {holder.pid} is no more "
            "(killed, out of memory, or the machine went down)"
        )
        said += record_failed(instance, run, why, paths)
    return said


def record_failed(
    instance: dg.DagsterInstance, run: dg.DagsterRun, why: str, paths: Paths
) -> list[str]:
    """Record a run as failed and, if it is a night, tell of it; what is to be said, a line each."""
    night = is_night(run)
    if night:
        instance.add_run_tags(run.run_id, {TOLD: run.run_id})
    instance.report_run_failed(run, why)
    said = [f"{why}; recorded as failed"]
    if night:
        said += tell(outcome_of_run(instance, run.run_id, paths), paths)
    return said
