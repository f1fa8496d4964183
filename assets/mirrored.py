"""The mirror of the vintages in a bucket, where one is configured: whatever becomes of the tables."""

from collections.abc import Iterable

import dagster as dg

from assets.checks import copied_check, copied_result
from assets.copying import copy
from assets.resources import RunSettings
from pipeline.bucket import Bucket
from pipeline.clock import now
from pipeline.paths import Paths
from pipeline.vintages.mirror import SECONDS, mirror

MIRROR = dg.AssetKey("mirror")


def mirror_asset(url: str, datasets: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """What the datasets' steps took in, added to the mirror at `url`."""

    @dg.asset(
        key=MIRROR,
        deps=list(datasets),
        group_name="published",
        description="The vintages and what is noted of them, in a bucket to which files are only "
        "added: `missiemonitor archive --restore` rebuilds data/raw from it.",
        check_specs=[copied_check(MIRROR)],
    )
    def mirrored(context: dg.AssetExecutionContext, run: RunSettings) -> dg.MaterializeResult:  # type: ignore[type-arg]
        def work(bucket: Bucket) -> str:
            done = mirror(bucket, Paths.from_environment().raw, now())
            return f"snapshot {done.snapshot.number}, {done.written} new objects"

        made = copy(context, run, "vintages", url, SECONDS, work)
        return dg.MaterializeResult(check_results=[copied_result(made)])

    return mirrored
