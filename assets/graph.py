"""One asset per dataset, one for the registry, one per SQL model, and `published`.

Everything said about an asset is derived: datasets from the registry, tables from the SQL
headers. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import dagster as dg

from assets.session import RunSession
from pipeline.quality.results import CheckResult, QualityError
from pipeline.registry import Dataset, Registry
from pipeline.session_process import SessionProcessError, asset_of
from pipeline.vintages.validate import CHECKS, PULLED
from pipeline.warehouse.model import Column, Expectation, Model, View

OWNERS = ["team:monitor"]
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
REGISTRY = dg.AssetKey("registry")
PUBLISHED = dg.AssetKey("published")


def dataset_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(asset_of(name).split("/"))


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
        metadata={
            "publisher": item.publisher,
            # The page for people; what is asked of the interface stands in each vintage's manifest.
            **({"landing_url": dg.MetadataValue.url(item.landing_url)} if item.landing_url else {}),
        },
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=stale, warn_window=stale - timedelta(days=1)
        ),
        check_specs=[
            dg.AssetCheckSpec(check, asset=key, description=says)
            for check, says in (
                *((name, says) for name, (_, says) in CHECKS.items()),
                *((("pulled", PULLED),) if item.live else ()),
            )
        ],
    )
    def dataset(run: RunSession) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            state = run.session.dataset(name)
        except (SessionProcessError, QualityError) as error:
            # What has ended, or cannot be asked, is no better the next time.
            raise dg.Failure(str(error), allow_retries=False) from error
        except Exception as error:
            # Asked for here and no policy of the asset: with one, Dagster would try a step again
            # that somebody has stopped.
            attempt = dg.AssetExecutionContext.get().retry_number + 1
            raise dg.RetryRequested(
                RETRIES.max_retries, RETRIES.calculate_delay(attempt)
            ) from error
        metadata: dict[str, dg.MetadataValue] = {
            "vintage": dg.MetadataValue.text(state.vintage_id),
            "known_from": dg.MetadataValue.text(state.known_from),
            "origin": dg.MetadataValue.text(state.origin),
            "vintages": dg.MetadataValue.int(state.vintages),
        }
        if state.quarantined:
            metadata["quarantined"] = dg.MetadataValue.text(state.quarantined)
        if state.observations is not None and state.rejects is not None:
            metadata["dagster/row_count"] = dg.MetadataValue.int(state.observations)
            metadata["rejected_rows"] = dg.MetadataValue.int(state.rejects)
        return dg.MaterializeResult(metadata=metadata, check_results=_results(key, state.checks))

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
        note = run.session.build(model.name)
        metadata: dict[str, dg.MetadataValue] = {
            "dagster/row_count": dg.MetadataValue.int(note.rows),
            "sha256": dg.MetadataValue.text(note.sha256),
            "unchanged": dg.MetadataValue.bool(note.reused),
        }
        if model.layer == "marts":
            metadata["preview"] = dg.MetadataValue.md(note.preview)
        return dg.MaterializeResult(metadata=metadata, check_results=_results(key, note.checks))

    return table


def published_asset(models: Mapping[str, Model]) -> dg.AssetsDefinition:
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
        release = run.session.publish()
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

        stands, drawn = run.session.mission(mission)
        page = (run.session.paths.marts / "current" / "report" / "index.html").absolute()
        metadata: dict[str, dg.MetadataValue] = {
            "stands": dg.MetadataValue.md(stands.markdown),
            "dagster/row_count": dg.MetadataValue.int(stands.rows),
            "sub_missions": dg.MetadataValue.int(stands.sub_missions),
            "assessed": dg.MetadataValue.int(stands.assessed),
            "failing": dg.MetadataValue.int(stands.failing),
            "page": dg.MetadataValue.url(page.as_uri()),
        }
        if drawn:
            metadata["picture"] = dg.MetadataValue.md(
                f"![{mission}](data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()})"
            )
        return dg.MaterializeResult(metadata=metadata)

    return progress
