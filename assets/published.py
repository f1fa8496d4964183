"""The release, swapped in at once when every table passed, and what the missions look like in it."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets.checks import copied_check, copied_result
from assets.copying import Copy, copy
from assets.jobs import PUBLISHED
from assets.models import model_key, table_schema
from assets.resources import RunSettings
from pipeline.bucket import Bucket
from pipeline.clock import now, today
from pipeline.paths import Paths
from pipeline.registry import Registry
from pipeline.release.bucket import SECONDS, copy_current
from pipeline.release.history import FOLDER, record
from pipeline.release.publish import publish
from pipeline.release.record import current_of, written_by
from pipeline.report.board import standings
from pipeline.report.feed import write
from pipeline.report.page import render
from pipeline.report.pictures import pictures
from pipeline.vintages.clocks import check_clock
from pipeline.vintages.store import Archive
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Model, View


def published_asset(
    models: Mapping[str, Model], registry: Registry, copy_to: str = ""
) -> dg.AssetsDefinition:
    """The published set, replaced as a whole. It refuses tables that do not fit together. `copy_to`:
    the bucket that it is copied to then; none if empty."""

    @dg.asset(
        key=PUBLISHED,
        deps=[model_key(name) for name in models],
        group_name="published",
        kinds={"duckdb", "parquet"},
        description="The published set: one DuckDB file, a Parquet per table, the data package "
        "and the page. It replaces the one before as a whole, unless it is of a date that has passed.",
        check_specs=[copied_check(PUBLISHED)] if copy_to else [],
    )
    def published(
        context: dg.AssetExecutionContext, run: RunSettings, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        paths = Paths.from_environment()
        marts = paths.marts
        if run.reference >= today():
            # A run as of a day that has passed has its date from a person, not from the clock.
            check_clock(Archive(paths), registry.datasets.values(), run.reference)
        release = publish(
            warehouse, registry, marts, run.reference, run.run_id, render, run.for_readers
        )
        seen = current_of(marts) == release.name
        if seen:
            _keep_history(context, marts, release.name)
        else:
            context.log.warning(
                f"release {release.name} is as of {run.reference} and readers do not see it: set "
                "`publish` to let them"
            )
            context.instance.add_run_tags(context.run_id, {"missiemonitor/not_published": "yes"})
        results = [copied_result(_copied(context, run, copy_to, marts))] if copy_to else []
        page = release / "report" / "index.html"
        return dg.MaterializeResult(
            data_version=dg.DataVersion(release.name),
            metadata={
                "release": dg.MetadataValue.text(release.name),
                "published": dg.MetadataValue.bool(seen),
                "reference_date": dg.MetadataValue.text(run.reference.isoformat()),
                # A path to copy: from a page that came over http a browser opens no file.
                "page": dg.MetadataValue.path(str(page)),
                "folder": dg.MetadataValue.path(str(release)),
            },
            check_results=results,
        )

    return published


def _copied(context: dg.AssetExecutionContext, run: RunSettings, url: str, marts: Path) -> Copy:
    def work(bucket: Bucket) -> str:
        done = copy_current(bucket, marts, now())
        return f"release {done.release}: {done.written} files written, {len(done.removed)} removed"

    return copy(context, run, "release", url, SECONDS, work)


def _keep_history(context: dg.AssetExecutionContext, marts: Path, release: str) -> None:
    """Note what changed since the release before. It takes nothing back from this one."""
    try:
        entry = record(marts, release, now())
        write(marts)
    except Exception as error:
        context.log.warning(f"what changed was not written to {marts / FOLDER}: {error}")
        return
    context.log.info(f"what changed: {entry.name if entry else 'nothing'}")


def _release_of(run: RunSettings) -> Path:
    """The release that this run wrote; the current one in a run that wrote none."""
    paths = Paths.from_environment()
    written = written_by(paths.work, paths.marts, run.run_id)
    if written is None:
        return (paths.marts / "current").resolve()
    return paths.marts / "releases" / written.release


def mission_asset(view: View, mission: str) -> dg.AssetsDefinition:
    """A mission's view in the published set: where it stands, with its picture."""

    @dg.asset(
        key=model_key(f"marts.{view.name}"),
        deps=[PUBLISHED],
        group_name=mission,
        kinds={"duckdb"},
        description=view.description,
        metadata={
            "dagster/column_schema": table_schema(view.columns),
            "dagster/table_name": f"marts.{view.name}",
        },
    )
    def progress(
        context: dg.AssetExecutionContext, run: RunSettings, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        release = _release_of(run)
        stands = standings(release, [mission])[mission]
        metadata: dict[str, dg.MetadataValue] = {}
        try:
            drawn = pictures(warehouse.file, [mission])[mission]
        except Exception as error:
            # A picture that cannot be drawn takes nothing back from the release.
            context.log.warning(f"no picture of {mission}: {error}")
            drawn = None
        if drawn:
            picture = b64encode(drawn.encode()).decode()
            metadata["picture"] = dg.MetadataValue.md(
                f"![{mission}](data:image/svg+xml;base64,{picture})"
            )
        metadata |= {
            "stands": dg.MetadataValue.md(stands.markdown),
            "dagster/row_count": dg.MetadataValue.int(stands.rows),
            "sub_missions": dg.MetadataValue.int(stands.sub_missions),
            "assessed": dg.MetadataValue.int(stands.assessed),
            "failing": dg.MetadataValue.int(stands.failing),
            "page": dg.MetadataValue.path(str(release / "report" / "index.html")),
        }
        return dg.MaterializeResult(data_version=dg.DataVersion(release.name), metadata=metadata)

    return progress
