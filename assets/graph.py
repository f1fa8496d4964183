"""One asset per dataset, one for the registry, one per SQL model, and `published`.

Everything said about an asset is derived: datasets from the registry, tables from the SQL
headers. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from threading import Thread

import dagster as dg

from assets.session import RunSession
from pipeline.intake import CHECKS
from pipeline.models import Column, Expectation, Model, View
from pipeline.quality import CheckResult
from pipeline.registry import Dataset, Registry
from pipeline.session import PULLED

OWNERS = ["team:monitor"]
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
REGISTRY = dg.AssetKey("registry")
PUBLISHED = dg.AssetKey("published")


def dataset_key(name: str) -> dg.AssetKey:
    source, dataset = name.split("/", 1)
    return dg.AssetKey(["raw", source, dataset.replace(".", "_")])


def model_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("."))


def _severity(name: str) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if name == "error" else dg.AssetCheckSeverity.WARN


def _sentence(check: CheckResult) -> str:
    """What holds; where it does not, what was seen instead."""
    if check.passed:
        return check.description
    return f"Not so: {check.description.rstrip('.')}. Seen: {check.observed.rstrip('.')}."


def _results(key: dg.AssetKey, checks: Iterable[CheckResult]) -> list[dg.AssetCheckResult]:
    found = []
    for check in checks:
        metadata: dict[str, dg.MetadataValue] = {"observed": dg.MetadataValue.text(check.observed)}
        if not check.passed:
            metadata["failing_rows"] = dg.MetadataValue.int(check.failing_rows)
            if check.rows:
                metadata["rows"] = dg.MetadataValue.json(check.rows)
        found.append(
            dg.AssetCheckResult(
                asset_key=key,
                check_name=check.name,
                passed=check.passed,
                severity=_severity(check.severity),
                description=_sentence(check),
                metadata=metadata,
            )
        )
    return found


def dataset_asset(name: str, item: Dataset) -> dg.AssetsDefinition:
    """A dataset's vintages, their verdicts, and the latest accepted one."""
    key = dataset_key(name)
    stale = timedelta(days=int(365.25 * item.cadence * 2))

    @dg.asset(
        key=key,
        group_name=item.source,
        kinds={item.source, "parquet"},
        owners=OWNERS,
        description=f"{item.title}. {item.publisher}, {item.code or item.dataset}. {item.licence}.",
        metadata={"publisher": item.publisher, "url": dg.MetadataValue.url(item.url or "")},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=stale, warn_window=stale - timedelta(days=1)
        ),
        retry_policy=RETRIES,
        check_specs=[
            dg.AssetCheckSpec(check, asset=key, description=says)
            for check, says in (
                *((name, says) for name, (_, says) in CHECKS.items()),
                *((("pulled", PULLED),) if item.live else ()),
            )
        ],
    )
    def dataset(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
        settled = run.session.settle(name)
        current = settled.current
        metadata: dict[str, dg.MetadataValue] = {
            "vintage": dg.MetadataValue.text(current.vintage_id if current else "none"),
            "known_from": dg.MetadataValue.text(str(current.known_from) if current else "none"),
            "origin": dg.MetadataValue.text(str(current.manifest.get("origin")) if current else ""),
            "vintages": dg.MetadataValue.int(len(settled.chain)),
        }
        if settled.pending:
            metadata["quarantined"] = dg.MetadataValue.text(settled.pending)
        if settled.parsed and settled.rejects:
            import pyarrow.parquet as pq

            metadata["dagster/row_count"] = dg.MetadataValue.int(
                pq.read_metadata(settled.parsed).num_rows
            )
            metadata["rejected_rows"] = dg.MetadataValue.int(
                pq.read_metadata(settled.rejects).num_rows
            )
        checks = [*settled.checks, *([run.session.pull_check(name)] if item.live else [])]
        return dg.MaterializeResult(metadata=metadata, check_results=_results(key, checks))

    return dataset


@dg.asset(
    key=REGISTRY,
    group_name="registry",
    kinds={"yaml"},
    owners=OWNERS,
    description="Missions, targets, indicators, sources: what is monitored, from pipeline/registry.",
)
def registry_asset(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
    rows = {note.table: note.rows for note in run.session.put_registry()}
    return dg.MaterializeResult(metadata={"rows": dg.MetadataValue.json(rows)})


def _spec(expectation: Expectation, key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        expectation.name,
        asset=key,
        description=expectation.description or None,
        blocking=expectation.blocking,
    )


def model_deps(model: Model, registry: Registry, models: Mapping[str, Model]) -> list[dg.AssetKey]:
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


def _schema(columns: Iterable[Column]) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[dg.TableColumn(c.name, type=c.type, description=c.comment) for c in columns]
    )


def model_asset(
    model: Model, registry: Registry, models: Mapping[str, Model]
) -> dg.AssetsDefinition:
    """A table, built and checked as its SQL header says."""
    key = model_key(model.name)

    @dg.asset(
        key=key,
        deps=model_deps(model, registry, models),
        group_name=model.layer,
        kinds={"sql", "duckdb", "parquet"},
        owners=OWNERS,
        description=model.description,
        metadata={
            "dagster/column_schema": _schema(model.columns),
            "dagster/table_name": f"{model.layer}.{model.table}",
        },
        check_specs=[_spec(e, key) for e in model.expectations],
    )
    def table(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
        session = run.session
        note = session.build(model.name)
        metadata: dict[str, dg.MetadataValue] = {
            "dagster/row_count": dg.MetadataValue.int(note.rows),
            "sha256": dg.MetadataValue.text(note.sha256),
            "unchanged": dg.MetadataValue.bool(note.reused),
        }
        if model.layer == "marts":
            metadata["preview"] = dg.MetadataValue.md(note.preview)
        return dg.MaterializeResult(metadata=metadata, check_results=_results(key, note.checks))

    return table


def published_asset(
    models: Mapping[str, Model], missions: Mapping[str, str]
) -> dg.AssetsDefinition:
    """The release, swapped in at once when every mart passed."""

    @dg.asset(
        key=PUBLISHED,
        deps=[model_key(name) for name in models],
        group_name="published",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        description="The published set: one DuckDB file, a Parquet per table, the data package "
        "and the page. It replaces the one before as a whole.",
    )
    def published(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
        from pipeline.publish import publish

        # Pictures are drawn outside of Python's lock while the page is put together.
        drawing = Thread(target=lambda: [_picture(run, m) for m in missions], daemon=True)
        drawing.start()
        release = publish(run.session)
        drawing.join()
        page = release / "report" / "index.html"
        return dg.MaterializeResult(
            metadata={
                "release": dg.MetadataValue.text(release.name),
                "reference_date": dg.MetadataValue.text(run.session.reference.isoformat()),
                "page": dg.MetadataValue.url(page.as_uri()),
                "page_file": dg.MetadataValue.path(str(page)),
                "folder": dg.MetadataValue.path(str(release)),
            }
        )

    return published


def _picture(run: RunSession, mission: str) -> str | None:
    """A mission's picture; a fault in drawing must not cost the release."""
    from pipeline.report.plots import pictures

    session = run.session
    try:
        return pictures(session.warehouse.file, [mission])[mission]
    except Exception as error:
        session.say(f"no picture of {mission}: {error}")
        return None


def mission_asset(view: View, mission: str) -> dg.AssetsDefinition:
    """A mission's view in the published set: where it stands, with its picture."""

    @dg.asset(
        key=model_key(f"marts.{view.name}"),
        deps=[PUBLISHED],
        group_name=mission,
        kinds={"duckdb"},
        owners=OWNERS,
        description=view.description,
        metadata={
            "dagster/column_schema": _schema(view.columns),
            "dagster/table_name": f"marts.{view.name}",
        },
    )
    def progress(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
        from base64 import b64encode

        from pipeline.report.board import standings

        release = run.session.paths.marts / "current"
        stands = standings(release.resolve(), [mission])[mission]
        page = (release / "report" / "index.html").absolute()
        metadata: dict[str, dg.MetadataValue] = {
            "stands": dg.MetadataValue.md(stands.markdown),
            "dagster/row_count": dg.MetadataValue.int(stands.rows),
            "sub_missions": dg.MetadataValue.int(stands.sub_missions),
            "assessed": dg.MetadataValue.int(stands.assessed),
            "failing": dg.MetadataValue.int(stands.failing),
            "page": dg.MetadataValue.url(page.as_uri()),
        }
        if drawn := _picture(run, mission):
            metadata["picture"] = dg.MetadataValue.md(
                f"![{mission}](data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()})"
            )
        return dg.MaterializeResult(metadata=metadata)

    return progress
