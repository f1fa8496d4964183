"""`doctor` ends with 3 for whatever is amiss, and says what mends it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.ended import last_whole_run
from assets.jobs import NIGHTLY
from pipeline.cli.common import instance_of
from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.release.record import note
from pipeline.vintages.pull import PullResult, save_pull_result
from pipeline.vintages.store import Archive
from tests.publisher import Fault, Publisher

Cli = Callable[..., subprocess.CompletedProcess[str]]


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == (3 if done.stderr else 0), done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("! ") for line in lines), lines
    return [line.removeprefix("! ") for line in lines]


def test_all_well(first_run: dict[str, Any], cli: Cli) -> None:
    done = cli(first_run["data"], "doctor")
    assert complaints(done) == []
    release = (first_run["data"] / "marts" / "current").resolve().name
    assert f"published: {release}" in done.stdout and ", published\n" in done.stdout


def test_nothing_published(tmp_path: Path, cli: Cli) -> None:
    assert complaints(cli(tmp_path / "data", "doctor")) == [
        "nothing is published: run `missiemonitor run`"
    ]


def test_a_bundled_body_that_is_damaged(data: Path, cli: Cli) -> None:
    body = next((data / "raw" / "eurostat" / "nrg_ind_ren").iterdir()) / "body.gz"
    whole = body.read_bytes()
    body.write_bytes(whole[:-20])
    [said] = complaints(cli(data, "doctor"))
    assert said.startswith("eurostat/nrg_ind_ren: vintage ") and "damaged" in said
    bundled = Path(said.rpartition("(copy it from ")[2].rstrip(")")) / "body.gz"
    shutil.copyfile(bundled, body)
    assert body.read_bytes() == whole
    assert complaints(cli(data, "doctor")) == []


def test_pulls_that_failed_last_night_are_told_of_until_a_night_replaces_them(
    data: Path, cli: Cli
) -> None:
    """39 of 39 failed; then somebody pulls one dataset alone, and it answers."""
    archive = Archive(Paths(data))
    live = [name for name, dataset in load().datasets.items() if dataset.live]
    for name in live:
        failed = PullResult(name, "failed", "no answer", "", "night", "2026-11-28T02:00:00+00:00")
        save_pull_result(archive, failed)
    [said] = complaints(cli(data, "doctor"))
    assert said.startswith("not pulled: cbs/82610NED, ")
    assert f" and {len(live) - 3} more: no answer" in said
    one = PullResult(live[0], "new", "", "", "alone", "2026-11-28T09:00:00+00:00")
    save_pull_result(archive, one)
    done = cli(data, "doctor")
    [said] = complaints(done)
    assert f"{len(live)} datasets, {len(live) - 1} failed" in done.stdout
    # A dataset that is pulled no more has a result that nothing will ever replace.
    save_pull_result(
        archive, PullResult("cbs/gone", "failed", "x", "", "old", "2025-01-01T00:00:00+00:00")
    )
    assert len(complaints(cli(data, "doctor"))) == 1


def test_a_set_without_figures_or_with_a_vintage_in_quarantine(data: Path, cli: Cli) -> None:
    release = (data / "marts" / "current").resolve()

    def change(table: str, column: str, value: object, where: str = "") -> None:
        file = release / f"{table}.parquet"
        read = pq.read_table(file)
        rows = read.to_pylist()
        for row in rows:
            if not where or row["dataset"] == where:
                row[column] = value
        file.chmod(0o644)
        schema = pa.schema([field.with_nullable(True) for field in read.schema])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)

    change("indicator_progress", "reason", "no_data")
    change("source_status", "pending", "half of it is missing", "env_air_gge")
    change("source_status", "vintage_id", None, "82610NED")
    said = complaints(cli(data, "doctor"))
    assert any(x.startswith("no indicator has figures") for x in said)
    assert (
        "eurostat/env_air_gge: its newest vintage is in quarantine: half of it is missing" in said
    )
    assert any(x.startswith("cbs/82610NED: no vintage that can be used") for x in said)


def test_a_night_that_failed_is_not_reset_by_a_mart_that_is_materialised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path)

    @dg.asset
    def mart() -> None:
        """A table."""

    @dg.asset
    def broken() -> None:
        raise RuntimeError("no space left")

    night = dg.define_asset_job(NIGHTLY, selection=dg.AssetSelection.all())
    job = dg.Definitions(assets=[mart, broken], jobs=[night]).resolve_job_def(NIGHTLY)
    # Without the project's own dagster.yaml the environment decides where it lies.
    monkeypatch.setenv("MISSIEMONITOR_INSTANCE", str(paths.instance))
    with instance_of(paths) as instance:
        assert last_whole_run(instance, paths) is None
        failed = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not failed.success
        alone = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("mart")])
        assert alone.success
        ended = last_whole_run(instance, paths)
        assert ended is not None and ended[1] == "failed"
        # It had published before it failed: a mission's picture, say.
        note(paths.work, failed.run_id, "r", for_readers=True, swapped=True)
        ended = last_whole_run(instance, paths)
        assert ended is not None and ended[1] == "published"


@pytest.mark.slow
def test_a_run_in_which_pulls_failed_stands_out_in_the_list_of_runs(
    data: Path, cli: Cli, bench: Publisher
) -> None:
    bench.faults = [Fault("reset", "cbs")]
    env = {**bench.environment(), "MISSIEMONITOR_OFFLINE": "0"}
    done = cli(data, "run", "--source", "cbs", **env)
    assert done.returncode == 3, done.stderr
    with instance_of(Paths(data)) as instance:
        first, *_ = instance.get_runs(limit=1)
    assert first.tags["missiemonitor/not_pulled"] == "yes"
    told = complaints(cli(data, "doctor"))
    assert any(x.startswith("not pulled: cbs/") for x in told)
    # The page says nothing of the network, and claims nothing of it either.
    page = (data / "marts" / "report" / "index.html").read_text("utf-8")
    assert "every dataset is on its newest vintage" not in page
    state = json.loads(next((data / "raw" / "_pulls" / "cbs").glob("*.json")).read_text())
    assert state["result"]["state"] == "failed"
