"""What `missiemonitor run` does: the nightly job in this process, on Dagster's instance of the data."""

from __future__ import annotations

import os
from typing import Any

from assets.definitions import defs
from assets.ended import outcome_of_run, was_stopped
from assets.jobs import NIGHTLY
from assets.killed import report_killed_runs
from assets.process import process_tag
from assets.retention import forget, forget_old_checks
from pipeline.alerts import TOLD
from pipeline.cli import common
from pipeline.cli.common import instance_of, warn
from pipeline.cli.watch import progress
from pipeline.clock import today
from pipeline.outcome import Outcome
from pipeline.paths import Paths


def work(paths: Paths, run_id: str, settings: dict[str, Any]) -> Outcome:
    """Do the run, with `settings` for the resource `run`; its outcome. KeyboardInterrupt if it was stopped."""
    job = defs().resolve_job_def(NIGHTLY)
    with instance_of(paths) as instance:
        warn(report_killed_runs(instance, paths))
        forget_old_checks(instance, today())
        with progress(len(job.nodes)) as seen:
            instance.add_event_listener(run_id, seen)
            job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags={TOLD: run_id, **process_tag(run_id, os.getpid())},
                raise_on_error=common.debug,
                run_config={
                    "resources": {"run": {"config": settings}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
            )
        if was_stopped(instance, run_id):
            raise KeyboardInterrupt
        outcome = outcome_of_run(instance, run_id, paths)
        forget(instance, paths, today())
    return outcome
