"""One asset an SQL file: build → validate. What the table is stands in the file's header."""

import hashlib
from collections.abc import Iterable, Mapping

import dagster as dg

from assets.checks import model_checks, model_results
from assets.datasets import dataset_key
from assets.registry import REGISTRY
from assets.resources import RunSettings
from pipeline.files import dump
from pipeline.registry import Registry
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Column, Model

_SHOWN = 10


def model_key(name: str) -> dg.AssetKey:
    """The asset of a table `layer.name`."""
    return dg.AssetKey(name.split("."))


def model_deps(model: Model, registry: Registry, models: Mapping[str, Model]) -> list[dg.AssetKey]:
    """What a table is built from, as DuckDB's parser finds it in the query and its checks."""
    deps: set[dg.AssetKey] = set()
    for upstream in model.upstream:
        schema = upstream.split(".")[0]
        if schema == "registry":
            deps.add(REGISTRY)
        elif schema == "raw":
            deps |= {dataset_key(n) for n in registry.datasets}
        elif schema == "checks":
            deps |= {model_key(n) for n, m in models.items() if "checks.results" not in m.upstream}
        elif schema != "run":
            deps.add(model_key(upstream))
    return sorted(deps)


def table_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """A header's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[dg.TableColumn(c.name, type=c.type, description=c.comment) for c in columns]
    )


def model_asset(
    model: Model, registry: Registry, models: Mapping[str, Model], code: str
) -> dg.AssetsDefinition:
    """A table, built and checked as its SQL header says. `code`: fingerprint of the code that does
    so; where it or the SQL has changed since, the UI marks the asset as unsynced."""
    key = model_key(model.name)

    @dg.asset(
        key=key,
        deps=model_deps(model, registry, models),
        group_name=model.layer,
        kinds={"sql", "duckdb", "parquet"},
        code_version=hashlib.sha256(dump([model.source, code])).hexdigest()[:16],
        description=model.description,
        metadata={
            "dagster/column_schema": table_schema(model.columns),
            "dagster/table_name": model.name,
            "file": model.file,
        },
        check_specs=model_checks(model, key),
    )
    def table(
        context: dg.AssetExecutionContext,
        run: RunSettings,
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        warehouse.put_run(run.reference)
        record = warehouse.build(model)
        done = "unchanged" if record.reused else "built"
        context.log.info(f"{done}: {record.rows} rows, {len(record.checks)} expectations")
        metadata: dict[str, dg.MetadataValue] = {
            "dagster/row_count": dg.MetadataValue.int(record.rows),
            "sha256": dg.MetadataValue.text(record.sha256),
            "unchanged": dg.MetadataValue.bool(record.reused),
        }
        if model.layer == "marts":
            metadata["preview"] = _preview(warehouse, model)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(record.sha256),
            metadata=metadata,
            check_results=model_results(model, record.checks),
        )

    return table


def _preview(warehouse: Warehouse, model: Model) -> dg.TableMetadataValue:
    """The first rows as text: Dagster's table shows it as it is, whatever it holds."""
    rows = [
        dg.TableRecord({name: str("" if v is None else v)[:60] for name, v in row.items()})
        for row in warehouse.head(model.name, _SHOWN)
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(c.name, type="string") for c in model.columns])
    return dg.MetadataValue.table(rows, schema)
