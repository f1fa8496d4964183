"""Dagster's front door: the code location. `defs` loads lazily and touches nothing outside."""

from __future__ import annotations

import dagster as dg

JOB = "nightly"


@dg.definitions
def defs() -> dg.Definitions:
    from assets.graph import (
        dataset_asset,
        mission_asset,
        model_asset,
        published_asset,
        registry_asset,
    )
    from assets.sensors import alert_sensors
    from assets.session import RunSession
    from pipeline.clock import TIME_ZONE
    from pipeline.paths import registry_root, sql_root
    from pipeline.registry import load
    from pipeline.warehouse.model import load_models, load_views

    registry = load(registry_root())
    models = load_models(sql_root())
    missions = {m.id: m.title.en for m in registry.missions.values() if m.level == "mission"}
    views = load_views(sql_root(), missions)
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Everything: vintages in, marts built and checked, one release published.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=[
            *(dataset_asset(name, item) for name, item in registry.datasets.items()),
            registry_asset,
            *(model_asset(model, registry, models) for model in models.values()),
            published_asset(models),
            *(mission_asset(v, v.name) for v in views if v.name in missions),
        ],
        jobs=[job],
        schedules=[
            dg.ScheduleDefinition(
                name="every_night",
                job=job,
                cron_schedule="0 3 * * *",
                execution_timezone=TIME_ZONE,
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="03:00 in Amsterdam. Pulls first, unless MISSIEMONITOR_OFFLINE is set.",
            )
        ],
        sensors=alert_sensors(job),
        executor=dg.in_process_executor,
        resources={"run": RunSession()},
    )
