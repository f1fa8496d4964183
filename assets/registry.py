"""The registry's tables: what is monitored, as SQL reads it."""

import hashlib

import dagster as dg

from assets.resources import RunSettings
from pipeline.files import dump
from pipeline.paths import registry_root
from pipeline.registry import Registry
from pipeline.warehouse.build import Warehouse

REGISTRY = dg.AssetKey("registry")


def registry_asset(registry: Registry) -> dg.AssetsDefinition:
    """Missions, targets, indicators and sources, from the YAML of the registry."""

    @dg.asset(
        key=REGISTRY,
        group_name="registry",
        kinds={"yaml"},
        code_version=_version(),
        description="Missions, targets, indicators, sources: what is monitored, from "
        "pipeline/registry.",
    )
    def tables(run: RunSettings, warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        records = warehouse.put_registry(registry.tables())
        version = hashlib.sha256(dump({r.table: r.sha256 for r in records})).hexdigest()
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={"rows": dg.MetadataValue.json({r.table: r.rows for r in records})},
        )

    return tables


def _version() -> str:
    """Hash of the YAML files: where one has changed since, the UI marks the asset as unsynced."""
    files = sorted(registry_root().rglob("*.yaml"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
