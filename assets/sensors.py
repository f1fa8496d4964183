"""Sensors that tell of a night that failed or is degraded; what they say is in pipeline/alerts.py.

Runs of the command line are told of there.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.ended import outcome_of_run
from pipeline.alerts import TOLD, addresses, tell
from pipeline.paths import Paths


def _told(context: Any) -> dg.SkipReason | None:
    run = context.dagster_run
    if TOLD in run.tags:
        return dg.SkipReason("the command line told of this run")
    if run.asset_selection:
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
