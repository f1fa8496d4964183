"""Assets alone, in selections, again after a failure, and in processes of their own: what Dagster
shows of each, and that no way leads round a blocking check into a release."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from assets import datasets
from assets.datasets import dataset_key
from assets.definitions import defs
from assets.ended import faults
from assets.jobs import NIGHTLY
from pipeline import lease
from pipeline.cli.common import instance_of
from pipeline.clock import today
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.registry import load
from pipeline.warehouse.build import Warehouse, raw_table
from pipeline.warehouse.model import load_models
from pipeline.warehouse.records import Records
from tests.jobs import nightly_job
from tests.publisher import Fault, Publisher

DAY = "2026-11-23"
OWID = "owid/electric-car-sales-share"
CONFIG = {"resources": {"run": {"config": {"as_of": DAY, "publish": True, "offline": True}}}}
# What most steps import: once for all of them.
PRELOADED = ["assets.definitions", "pipeline.quality.suite", "great_expectations", "scipy.stats"]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class House:
    """The code location at work on a root of data, with an instance of its own."""

    def __init__(self, data: Path, instance: Any) -> None:
        self.data, self.instance = data, instance

    def materialize(self, *keys: Any, config: Any = CONFIG, run_id: str | None = None) -> Any:
        """Only these assets, as `Materialize selected` in the UI."""
        wanted = [dg.AssetKey(k) if isinstance(k, list) else k for k in keys]
        return (
            defs()
            .resolve_implicit_global_asset_job_def()
            .execute_in_process(
                instance=self.instance,
                asset_selection=wanted,
                run_id=run_id,
                run_config={**config, **QUIET},
                raise_on_error=False,
            )
        )

    def nightly(self, config: Any = CONFIG) -> Any:
        return defs().resolve_job_def(NIGHTLY).execute_in_process(
            instance=self.instance, run_config={**config, **QUIET}, raise_on_error=False
        )  # fmt: skip

    @property
    def records(self) -> Records:
        return Records(Paths(self.data).work)

    @property
    def release(self) -> str:
        return (self.data / "marts" / "current").resolve().name


@pytest.fixture
def house(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(data))
    monkeypatch.setenv("MISSIEMONITOR_INSTANCE", "")
    monkeypatch.setenv("DAGSTER_HOME", "")
    shutil.rmtree(data / "dagster")
    with instance_of(Paths(data)) as instance:
        yield House(data, instance)


def checks(done: Any) -> dict[str, Any]:
    return {
        f"{c.asset_key.to_user_string()}:{c.check_name}": c
        for c in done.get_asset_check_evaluations()
    }


def why(done: Any) -> str:
    found = []
    for event in done.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            found.append(error.message)
    return " ".join(found)


def test_every_asset_says_what_it_is_and_checks_are_few() -> None:
    found = defs()
    specs = list(found.resolve_all_asset_specs())
    assert all(s.description and s.owners and s.group_name != "default" for s in specs)
    graph = found.resolve_asset_graph()
    registry = load(registry_root())
    # One or two a dataset and a table, however much they are asked.
    at_most = 2 * (len(registry.datasets) + len(load_models(sql_root())))
    assert 80 < len(graph.asset_check_keys) < at_most
    for name, dataset in registry.datasets.items():
        named = {k.name for k in graph.asset_check_keys if k.asset_key == dataset_key(name)}
        assert named == ({"vintage", "pulled"} if dataset.live else {"vintage"}), name
    keys = [dataset_key(name) for name in registry.datasets]
    assert len(set(keys)) == len(keys)
    assert {s.name for s in found.schedules or ()} == {"every_night", "retention_every_week"}
    nightly = found.resolve_job_def(NIGHTLY)
    assert len(nightly.nodes) == len(specs)


def test_one_dataset_alone(house: House) -> None:
    shutil.rmtree(house.data / "work")
    name = "eurostat/nrg_ind_ren"
    done = house.materialize(dataset_key(name))
    assert done.success
    (event,) = done.get_asset_materialization_events()
    made = event.event_specific_data.materialization
    assert made.tags["dagster/data_version"] == made.metadata["vintage"].value != "none"
    assert made.metadata["dagster/row_count"].value > 100
    found = checks(done)
    assert set(found) == {f"raw/{name}:vintage", f"raw/{name}:pulled"}
    assert all(c.passed for c in found.values())
    rows = found[f"raw/{name}:vintage"].metadata["expectations"].value.records
    assert len(rows) > 10 and {"expectation", "passed", "observed"} <= set(rows[0].data)
    assert found[f"raw/{name}:pulled"].metadata["asked"].value is False
    assert house.records.record(raw_table(name)) is not None
    assert not (house.data / "work" / "marts").exists()


def test_one_table_alone_and_a_selection(house: House) -> None:
    sha = house.records.must_have("marts.targets").sha256
    house.records.file("marts.targets").unlink()
    done = house.materialize(["marts", "targets"])
    assert done.success
    (event,) = done.get_asset_materialization_events()
    made = event.event_specific_data.materialization
    assert (
        made.tags["dagster/data_version"] == sha == house.records.must_have("marts.targets").sha256
    )
    assert made.metadata["unchanged"].value is False and made.metadata["preview"].value.records
    assert all(c.passed for c in checks(done).values()) and len(checks(done)) >= 1
    # Both are there: nothing is built again.
    done = house.materialize(["marts", "targets"], ["marts", "peers"], ["registry"])
    assert done.success
    events = [
        e.event_specific_data.materialization for e in done.get_asset_materialization_events()
    ]
    assert [m.metadata["unchanged"].value for m in events if "unchanged" in m.metadata] == [
        True
    ] * 2


def test_a_table_whose_upstream_is_not_there_says_what_to_do(house: House) -> None:
    shutil.rmtree(house.data / "work" / "core")
    done = house.materialize(["marts", "indicator_progress"])
    assert not done.success
    assert "has not been built: materialise it first" in why(done)


def break_goals(sql: Path) -> None:
    mart = sql / "marts" / "sub_mission_progress.sql"
    text = mart.read_text()
    assert "m.level <> 'mission'\n" in text
    mart.write_text(text.replace("m.level <> 'mission'\n", "m.level = 'mission'\n"))


@pytest.mark.slow
def test_what_failed_its_check_reaches_no_release_by_another_way(
    house: House, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Dagster a failed blocking check leaves a materialisation behind, and what follows it can
    be materialised alone."""
    before = house.release
    shutil.copytree(root / "sql", tmp_path / "sql")
    break_goals(tmp_path / "sql")
    monkeypatch.setenv("MISSIEMONITOR_SQL", str(tmp_path / "sql"))
    done = house.materialize(["marts", "sub_mission_progress"], ["published"])
    assert not done.success
    failed = checks(done)["marts/sub_mission_progress:expectations"]
    assert not failed.passed and failed.blocking
    assert "twenty_five_rows" in json.dumps(failed.metadata["failing_rows"].value)
    assert not any(
        e.asset_key == dg.AssetKey("published") for e in done.get_asset_materialization_events()
    )
    alone = house.materialize(["published"])
    assert not alone.success
    assert "marts.sub_mission_progress failed" in why(alone) and "not published" in why(alone)
    # Nor does the file that was there before, once it is built from something else.
    monkeypatch.delenv("MISSIEMONITOR_SQL")
    assert house.materialize(["published"]).success is False
    assert house.release == before
    assert house.nightly().success and house.release == before


def test_tables_of_two_dates_reach_no_release(house: House) -> None:
    before = house.release
    later = {"resources": {"run": {"config": {"as_of": "2026-11-24", "offline": True}}}}
    assert house.materialize(dataset_key("eurostat/nrg_ind_ren"), config=later).success
    alone = house.materialize(["published"])
    assert not alone.success
    assert "eurostat/nrg_ind_ren was taken in as of 2026-11-24, not 2026-11-23" in why(alone)
    assert house.release == before


@pytest.mark.slow
def test_a_step_that_failed_is_executed_again_from_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.release
    (house.data / "marts" / "current").unlink()
    table = "marts.indicator_progress"
    house.records.file(table).unlink()
    build = Warehouse.build

    def fails(self: Warehouse, model: Any) -> Any:
        if model.name == table:
            raise RuntimeError("no room left")
        return build(self, model)

    with monkeypatch.context() as during:
        during.setattr(Warehouse, "build", fails)
        failed = house.nightly()
    assert not failed.success and "no room left" in why(failed)
    assert not (house.data / "marts" / "current").exists()
    with dg.execute_job(
        dg.reconstructable(nightly_job),
        instance=house.instance,
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, house.instance),
        run_config={**CONFIG, **QUIET},
    ) as again:
        assert again.success
        steps = {e.step_key for e in again.all_events if e.is_step_success}
    # What had succeeded is not done again, what follows the failure is.
    assert "marts__indicator_progress" in steps and "published" in steps
    assert not any(s.startswith("raw__") for s in steps)
    assert house.release == before


def test_a_disk_that_comes_back_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = dataset_key("eurostat/nrg_ind_ren")
    monkeypatch.setattr(datasets, "_WAIT_SECONDS", 0.01)
    put = Warehouse.put_vintages

    def starts(times: int) -> tuple[int, Any]:
        left = [OSError("the disk is away")] * times

        def away(self: Warehouse, *words: Any) -> Any:
            if left:
                raise left.pop()
            return put(self, *words)

        with monkeypatch.context() as during:
            during.setattr(Warehouse, "put_vintages", away)
            done = house.materialize(key)
        events = [e.event_type_value for e in done.all_events]
        return events.count("STEP_START") + events.count("STEP_RESTARTED"), done

    assert starts(2)[0] == 3
    tried, done = starts(9)
    assert (tried, done.success) == (3, False) and "the disk is away" in why(done)


def test_a_fault_of_ours_is_not_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("wrong")

    monkeypatch.setattr(Warehouse, "put_vintages", fails)
    done = house.materialize(dataset_key("eurostat/nrg_ind_ren"))
    events = [e.event_type_value for e in done.all_events]
    assert not done.success
    assert (events.count("STEP_START"), events.count("STEP_RESTARTED")) == (1, 0)


@pytest.fixture
def live(house: House, bench: Publisher, monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MISSIEMONITOR_OFFLINE", "0")
    return house


@pytest.mark.parametrize("name", [OWID, "worldbank/ER.MRN.PTMR.ZS"])
def test_ids_with_dots_and_dashes_are_pulled_and_have_their_check(live: House, name: str) -> None:
    assert name in load(registry_root()).datasets
    done = live.materialize(dataset_key(name), config={})
    assert done.success, why(done)
    found = checks(done)
    (pulled,) = [c for key, c in found.items() if key.endswith(":pulled")]
    assert pulled.passed and pulled.metadata["asked"].value is True
    assert pulled.metadata["observed"].value in ("new figures", "nothing new")
    assert live.records.record(raw_table(name)) is not None
    run = live.instance.get_run_by_id(done.run_id)
    assert "missiemonitor/not_pulled" not in run.tags


def test_a_publisher_out_of_order_fails_its_check_and_marks_the_run(
    live: House, bench: Publisher
) -> None:
    bench.faults = [Fault("500", "owid")]
    done = live.materialize(dataset_key(OWID), config={})
    assert done.success
    (pulled,) = [c for key, c in checks(done).items() if key.endswith(":pulled")]
    assert not pulled.passed and "the last good vintage stays" in pulled.metadata["observed"].value
    (vintage,) = [c for key, c in checks(done).items() if key.endswith(":vintage")]
    assert vintage.passed
    assert live.instance.get_run_by_id(done.run_id).tags["missiemonitor/not_pulled"] == "yes"


def test_the_limit_of_a_night_holds_for_the_run_and_not_for_each_process(
    live: House, bench: Publisher
) -> None:
    """A step of a run that began three hours ago asks nobody any more."""
    run_id = str(uuid4())
    begun = (datetime.now(UTC) - timedelta(hours=3)).isoformat(timespec="seconds")
    held = replace(lease.Holder.of(run_id, os.getpid(), today().isoformat()), since=begun)
    lease.take(Paths(live.data).lease, held, lambda _: True, print, lambda: None)
    done = live.materialize(dataset_key(OWID), config={}, run_id=run_id)
    assert done.success, why(done)
    (pulled,) = [c for key, c in checks(done).items() if key.endswith(":pulled")]
    assert "used up their 7200 s" in pulled.metadata["observed"].value
    assert not bench.seen


def test_another_run_waits_and_says_so_in_its_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = lease.Holder("another", "elsewhere", 1, 1.0, "2026-11-23T03:00:00+00:00", DAY)
    lease.take(Paths(house.data).lease, holder, lambda _: True, print, lambda: None)
    monkeypatch.setattr(lease, "take", partial(lease.take, seconds=0.0))
    done = house.materialize(["registry"])
    assert not done.success
    logs = house.instance.all_logs(done.run_id)
    assert any("another run is at work on this data (another" in e.user_message for e in logs)
    (fault,) = faults(house.instance, done.run_id)
    assert fault.why.startswith("run another has been at work on")


@pytest.mark.slow
def test_processes_of_their_own_give_the_same_release(house: House) -> None:
    """The run config that asks for a process a step is heard, and the steps have one each."""
    before = house.release
    shutil.rmtree(house.data / "work")
    (house.data / "marts" / "current").unlink()
    config = {
        **CONFIG, **QUIET,
        "execution": {"config": {"multiprocess": {
            "max_concurrent": 2,
            "start_method": {"forkserver": {"preload_modules": PRELOADED}},
        }}},
    }  # fmt: skip
    with dg.execute_job(
        dg.reconstructable(nightly_job), instance=house.instance, run_config=config
    ) as done:
        assert done.success, why(done)
        steps = {e.step_key for e in done.all_events if e.is_step_success}
        workers = {
            e.engine_event_data.metadata["pid"].value
            for e in done.all_events
            if e.event_type_value == "STEP_WORKER_STARTED"
        } or {e.pid for e in done.all_events if e.pid}
    assert len(steps) > 80
    assert len(workers) == len(steps)
    assert str(os.getpid()) not in workers
    assert house.release == before
