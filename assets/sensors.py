"""Sensors that tell of a night that failed or is degraded, and one that finds runs that were killed.

What is said is in pipeline/alerts.py. Runs of the command line are told of there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from assets.ended import outcome_of_run
from assets.jobs import is_night
from assets.killed import report_killed_runs
from pipeline.alerts import TOLD, addresses, tell
from pipeline.paths import Paths


def _told(context: Any) -> dg.SkipReason | None:
    run = context.dagster_run
    # A run that tries another again has that one's tags.
    if run.tags.get(TOLD) == run.run_id:
        return dg.SkipReason(
            "it was told of already, by the command line or when it was found killed"
        )
    if not is_night(run):
        return dg.SkipReason("a run of some assets is no night: it publishes nothing by itself")
    try:
        if not addresses():
            return dg.SkipReason("no address for alerts: set MISSIEMONITOR_ALERT_URLS")
    except ValueError as error:
        return dg.SkipReason(f"no alert was sent: {error}")
    paths = Paths.from_environment()
    for line in tell(outcome_of_run(context.instance, run.run_id, paths), paths):
        context.log.warning(line)
    return None


def alert_sensors(job: Any) -> list[dg.SensorDefinition]:
    """One for runs that fail, one for runs that publish with a source on an old vintage."""

    @dg.run_failure_sensor(
        name="tell_of_failed_runs",
        description="Sends an alert when nothing was published.",
        monitored_jobs=[job],
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def failed(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        return _told(context)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_of_degraded_runs",
        description="Sends an alert when a source stays on its last good vintage or has none.",
        monitored_jobs=[job],
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def degraded(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        return _told(context)

    return [failed, degraded]


def reporting(
    name: str, description: str, report: Callable[[dg.DagsterInstance, Paths], list[str]]
) -> dg.SensorDefinition:
    """A sensor that has `report` look for runs that nobody is at, and logs the line of each."""

    @dg.sensor(
        name=name,
        description=description,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        lines = report(context.instance, Paths.from_environment())
        for line in lines:
            context.log.warning(line)
        return dg.SkipReason("; ".join(lines) or "none found")

    return look


killed_runs = reporting(
    "report_killed_runs",
    "Records runs whose process is gone as failed: they would hold up the queue.",
    report_killed_runs,
)
