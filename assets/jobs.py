"""When things run: the nightly job and its schedule, the executor, and the clearing of old runs."""

from typing import Any

import dagster as dg

from assets.retention import forget, forget_old_checks
from pipeline.clock import TIME_ZONE, today
from pipeline.paths import Paths

NIGHTLY = "nightly"
RETENTION = "retention"
PUBLISHED = dg.AssetKey("published")


@dg.configured(
    dg.multi_or_in_process_executor,
    config_schema=dg.Field(dict, is_required=False, default_value={}),
)
def in_process_by_default(config: dict[str, Any]) -> dict[str, Any]:
    """Steps in the run's own process, unless the run config asks for `multiprocess`.

    Dagster's own default is a process a step, each of which imports everything anew.
    """
    return config or {"in_process": {}}


nightly = dg.define_asset_job(
    NIGHTLY,
    selection=dg.AssetSelection.all(),
    description="Everything: vintages in, marts built and checked, one release published.",
)


def is_night(run: dg.DagsterRun) -> bool:
    """Whether a run of the nightly job is to publish. "Materialize all" in the UI names every asset;
    a run of some assets, the release not among them, publishes nothing by itself."""
    chosen = run.asset_selection
    return run.job_name == NIGHTLY and (not chosen or PUBLISHED in chosen)


every_night = dg.ScheduleDefinition(
    name="every_night",
    job=nightly,
    cron_schedule="0 3 * * *",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="03:00 in Amsterdam. Pulls first, unless MISSIEMONITOR_OFFLINE is set.",
)


@dg.op(
    name="forget",
    description="Deletes old runs and checks from Dagster's storage, and verdicts and rows long unused.",
)
def forget_all(context: dg.OpExecutionContext) -> None:
    context.log.info(forget(context.instance, Paths.from_environment(), today()))
    context.log.info(f"{forget_old_checks(context.instance, today())} assets' checks forgotten")


@dg.job(
    name=RETENTION,
    description="Dagster keeps every run for ever: this forgets those of long ago.",
    executor_def=dg.in_process_executor,
)
def retention() -> None:
    forget_all()


every_week = dg.ScheduleDefinition(
    name="retention_every_week",
    job=retention,
    cron_schedule="30 2 * * 0",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sunday, 02:30 in Amsterdam: the night that follows makes every asset anew.",
)
