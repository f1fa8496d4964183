"""The code location: everything put together, and policy that holds for all assets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from assets.datasets import dataset_asset, dataset_key
from assets.jobs import every_night, every_week, in_process_by_default, nightly, retention
from assets.mirrored import mirror_asset
from assets.models import model_asset
from assets.published import mission_asset, published_asset
from assets.registry import registry_asset
from assets.resources import RunSettings, resources
from assets.sensors import alert_sensors, killed_runs
from pipeline.machine import check_process
from pipeline.paths import registry_root, sql_root
from pipeline.registry import load
from pipeline.release.bucket import TO as PUBLISH_TO
from pipeline.vintages.mirror import TO as MIRROR_TO
from pipeline.warehouse.build import computing_code
from pipeline.warehouse.model import load_models, load_views

OWNERS = ["team:monitor"]
# It knows when an asset was last materialised, not how old its figures are: that is in the metadata.
FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)


@dg.definitions
def defs() -> dg.Definitions:
    """Loads registry and SQL files; touches neither network nor data."""
    return assembled(in_process_by_default)


def assembled(
    executor: dg.ExecutorDefinition,
    settings: type[RunSettings] = RunSettings,
    sensors: Sequence[dg.SensorDefinition] = (),
) -> dg.Definitions:
    """Everything, its steps done by `executor`, with `sensors` besides its own."""
    check_process()
    registry = load(registry_root())
    models = load_models(sql_root())
    missions = {m.id: m.title.en for m in registry.missions.values() if m.level == "mission"}
    views = load_views(sql_root(), missions)
    code = computing_code()
    assets = [
        *(dataset_asset(dataset, registry) for dataset in registry.datasets.values()),
        registry_asset(registry),
        *(model_asset(model, registry, models, code) for model in models.values()),
        published_asset(models, registry, os.environ.get(PUBLISH_TO, "")),
        *(mission_asset(view, view.name) for view in views if view.name in missions),
    ]
    if url := os.environ.get(MIRROR_TO, ""):
        assets.append(mirror_asset(url, [dataset_key(name) for name in registry.datasets]))
    return dg.Definitions(
        assets=dg.map_asset_specs(_with_policy, assets),
        jobs=[nightly, retention],
        schedules=[every_night, every_week],
        sensors=[*alert_sensors(nightly), killed_runs, *sensors],
        executor=executor,
        resources=resources(registry, models, settings),
    )


def _with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(owners=OWNERS, freshness_policy=FRESHNESS)
