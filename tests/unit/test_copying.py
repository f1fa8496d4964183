"""A copy to a bucket at the end of a run: what fails there fails no step, and is told of."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.checks import copied_check, copied_result
from assets.copying import copy
from assets.resources import RunSettings
from pipeline.bucket import Bucket, BucketError
from pipeline.outcome import outcome_of
from pipeline.paths import Paths
from pipeline.release.record import Written, copy_faults
from pipeline.warehouse.build import Warehouse


class Copying:
    """Runs of one asset whose body is a copy to a folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.instance = dg.DagsterInstance.ephemeral()
        self.run_id = ""

    def run(self, work: Callable[[Bucket], str], **settings: object) -> dg.AssetCheckEvaluation:
        url, key = (self.data / "bucket").as_uri(), dg.AssetKey("one")

        @dg.asset(key=key, check_specs=[copied_check(key)])
        def one(context: dg.AssetExecutionContext, run: RunSettings) -> dg.MaterializeResult:
            return dg.MaterializeResult(
                check_results=[copied_result(copy(context, run, "it", url, 60, work))]
            )

        done = dg.materialize(
            [one], instance=self.instance, resources={"run": RunSettings(**settings)}
        )
        assert done.success
        self.run_id = done.run_id
        (check,) = done.get_asset_check_evaluations()
        return check

    @property
    def told(self) -> tuple[bool, tuple[str, ...]]:
        """Whether the run is degraded, and what is said of it."""
        work = Paths(self.data).work
        found = outcome_of(
            Written("r", True), Warehouse(work, [], {}), {}, [], copy_faults(work, self.run_id)
        )
        return found.degraded, found.warnings

    @property
    def tags(self) -> set[str]:
        run = self.instance.get_run_by_id(self.run_id)
        return {t for t in run.tags if "copied" in t} if run else set()


@pytest.fixture
def copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copying:
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(tmp_path))
    return Copying(tmp_path)


def fails(bucket: Bucket) -> str:
    raise BucketError(f"{bucket.address} is out of order at http://user:s3cret@host\nand more")


def test_a_copy_that_fails_is_told_of_and_the_next_one_is_not(copying: Copying) -> None:
    check = copying.run(fails)
    said = f"{(copying.data / 'bucket').as_uri()} is out of order at http://***@host"
    assert not check.passed and check.metadata["observed"].value == said
    assert copying.told == (True, (f"! not copied: {said}",))
    assert copying.tags == {"missiemonitor/not_copied"}
    check = copying.run(lambda bucket: f"all of it to {bucket.folder}")
    assert check.passed and check.metadata["asked"].value
    assert check.metadata["observed"].value == f"all of it to {copying.data / 'bucket'}"
    assert copying.told == (False, ()) and copying.tags == set()


def test_what_readers_do_not_see_is_not_copied(copying: Copying) -> None:
    check = copying.run(fails, as_of="2026-01-01")
    assert check.passed and not check.metadata["asked"].value
    assert copying.told == (False, ())
    assert not copying.run(fails, as_of="2026-01-01", publish=True).passed


def test_any_fault_of_a_copy_is_one_of_the_copy(copying: Copying) -> None:
    def work(_: Bucket) -> str:
        raise KeyError("a fault of a client")

    assert not copying.run(work).passed and copying.told[0]
