"""What is told of a run that has ended: its outcome from the files, and the steps that failed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import dagster as dg

from assets.jobs import NIGHTLY, is_night
from assets.resources import ENDED
from pipeline.clock import today
from pipeline.machine import advised
from pipeline.outcome import Fault, Outcome, outcome_of
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.redact import redacted
from pipeline.registry import load
from pipeline.release.record import copy_faults, written_by
from pipeline.vintages.clocks import ClockError, check_clock
from pipeline.vintages.pull import load_pull_results
from pipeline.vintages.store import Archive
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models

# So many runs of the job are looked at for one of the whole of it.
_LOOKED_AT = 50
_STOPPED = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
_BLOCKED = "DagsterAssetCheckFailedError"


def outcome_of_run(instance: dg.DagsterInstance, run_id: str, paths: Paths) -> Outcome:
    """The outcome of a run of the whole nightly job."""
    registry, archive = load(registry_root()), Archive(paths)
    warehouse = Warehouse(paths.work, registry.datasets, load_models(sql_root()))
    pulled = {n: r for n, r in load_pull_results(archive).items() if r.run_id == run_id}
    written = written_by(paths.work, paths.marts, run_id)
    failed, not_copied = faults(instance, run_id), copy_faults(paths.work, run_id)
    outcome = outcome_of(written, warehouse, pulled, failed, not_copied)
    try:
        said = check_clock(archive, registry.datasets.values(), today())
    except ClockError as error:
        # A run as of a day that has passed is written all the same; others have it as their fault.
        said = str(error) if outcome.stands else ""
    return replace(outcome, warnings=(*outcome.warnings, f"? {said}")) if said else outcome


def faults(instance: dg.DagsterInstance, run_id: str) -> list[Fault]:
    """The steps of a run that failed; if there is none, what ended the run itself."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is not None:
            error = event.step_failure_data.error
            blocked = _BLOCKED in str(error.cls_name if error else "")
            asset = str(event.step_key).replace("__", "/")
            found.append(Fault(asset, _root(error), blocked))
    if found:
        return found
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE):
        event = entry.dagster_event
        if event is not None:
            # No error where the run was ended from outside: then the event itself says why.
            found.append(Fault("", _root(_error_of(event)) or str(event.message)))
    return found


def last_whole_run(instance: dg.DagsterInstance, paths: Paths) -> tuple[str, str] | None:
    """Beginning (UTC) of the last run of the nightly job that has ended, and how it did: `published`,
    `not published` (a date that has passed) or `failed`. None if there is none.

    A run of some assets, which succeeds without a release, is none.
    """
    for record in instance.get_run_records(
        dg.RunsFilter(job_name=NIGHTLY, statuses=list(ENDED)), limit=_LOOKED_AT
    ):
        run = record.dagster_run
        written = written_by(paths.work, paths.marts, run.run_id)
        if not is_night(run) or (run.is_success and written is None):
            continue
        moment = record.create_timestamp.isoformat(timespec="seconds")
        if written is None:
            return moment, "failed"
        return moment, "published" if written.published else "not published"
    return None


def was_stopped(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether somebody stopped the run (Ctrl-C)."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    errors = [_error_of(e.dagster_event) for e in entries if e.dagster_event]
    return any(error is not None and error.cls_name in _STOPPED for error in errors)


def _error_of(event: dg.DagsterEvent) -> Any:
    """The error that ended a run; None where it was recorded as failed by another process."""
    return getattr(event.job_failure_data, "error", None)


def _root(error: Any) -> str:
    """The first line of what lies beneath an error, without the name of its class."""
    while error is not None and error.cause is not None:
        error = error.cause
    text = advised((error.message if error else "").strip()).splitlines()
    return redacted(re.sub(r"^[\w.]+(?:Error|Exception): ", "", text[0])) if text else ""
