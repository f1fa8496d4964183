"""How a run ended, in sentences, from the records on disk and the steps that failed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.ended import faults, was_stopped
from pipeline.outcome import Fault, Outcome, outcome_of
from pipeline.quality.results import CheckResult
from pipeline.release.record import Written
from pipeline.vintages.pull import PullResult
from pipeline.vintages.resolve import SCHEMA
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Model
from tests.few_assets import stopped_by_a_check

DAY = date(2026, 11, 23)
TABLE = pa.table({"n": [1]})
MODELS = {f"marts.{n}": Model("marts", n, "", ("n",), (), (), "", Path()) for n in ("one", "two")}


def check(name: str, severity: str = "error", blocking: bool = False, passed: bool = False) -> Any:
    return CheckResult(name, passed, severity, blocking, "3 rows", 3, [], f"{name} holds.")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Two datasets and two tables, all well."""
    made = Warehouse(tmp_path, ["a/x", "b/y"], MODELS)
    for name in made.datasets:
        made.put_vintages(name, SCHEMA.empty_table(), [check("schema", passed=True)], DAY)
    for name in MODELS:
        made.put(name, TABLE, [check("grain", blocking=True, passed=True)])
    return made


def told(warehouse: Warehouse, published: bool = True, **more: Any) -> Outcome:
    written = Written("r", True) if published else None
    return outcome_of(written, warehouse, more.get("pulled", {}), more.get("faults", []))


def pulls(**states: str) -> dict[str, PullResult]:
    return {
        name: PullResult(name, *said.split(": ", 1)) for name, said in states.items()
    }  # fmt: skip


def test_all_well_says_nothing(warehouse: Warehouse) -> None:
    assert told(warehouse, pulled=pulls(x="new", y="unchanged")) == Outcome(True, False, (), ())


def test_a_bad_vintage_degrades_and_a_warning_does_not(warehouse: Warehouse) -> None:
    warehouse.put_vintages(
        "a/x", SCHEMA.empty_table(), [check("codes"), check("units"), check("x", passed=True)], DAY
    )
    warehouse.put(
        "marts.two", TABLE, [check("grain", blocking=True, passed=True), check("old", "warn")]
    )
    found = told(warehouse)
    assert (found.published, found.degraded, found.why) == (True, True, ())
    assert found.warnings == (
        "! raw/a/x: codes (and 1 more): Not so: codes holds. Seen: 3 rows.",
        "? marts/two: old: Not so: old holds. Seen: 3 rows.",
    )
    warehouse.put_vintages("a/x", SCHEMA.empty_table(), [], DAY)
    assert not told(warehouse).degraded and len(told(warehouse).warnings) == 1


def test_a_publisher_out_of_reach_is_one_line(warehouse: Warehouse) -> None:
    out = "failed: a.org cannot be reached"
    pulled = pulls(a=out, b=out, c=out, d=out, e="failed: no such table", f="new")
    found = told(warehouse, pulled=pulled)
    assert found.degraded and found.warnings == (
        "! not pulled: a.org cannot be reached. The last good vintage stays for a, b, c and 1 more",
        "! not pulled: no such table. The last good vintage stays for e",
    )


def test_a_blocking_check_says_why_nothing_was_published(warehouse: Warehouse) -> None:
    warehouse.put("marts.one", TABLE, [check("grain", blocking=True), check("look", "warn")])
    found = told(warehouse, published=False, faults=[Fault("marts/one", "blocked", blocked=True)])
    assert (found.published, found.degraded) == (False, False)
    assert found.why == ("marts/one: check grain failed: Not so: grain holds. Seen: 3 rows.",)


def test_one_thing_that_stops_many_steps_is_one_line(warehouse: Warehouse) -> None:
    many = [Fault(f"marts/{n}", "disk full") for n in "abcd"]
    found = told(warehouse, published=False, faults=[*many, Fault("registry", "no such file")])
    assert found.why == (
        "marts/a, marts/b, marts/c and 1 more: disk full",
        "registry: no such file",
    )
    # What ends the run before its steps has no asset.
    found = told(warehouse, published=False, faults=[Fault("", "another run is at work")])
    assert found.why == ("another run is at work",)


def test_what_fails_after_publication_takes_nothing_back(warehouse: Warehouse) -> None:
    found = told(warehouse, faults=[Fault("marts/energy", "no such view")])
    assert (found.published, found.degraded, found.why) == (True, True, ())
    assert found.warnings == ("! after release r was written: marts/energy: no such view",)


def test_no_reason_is_said_too(tmp_path: Path) -> None:
    """Nothing was taken in, nothing built, and nobody says why."""
    found = told(Warehouse(tmp_path, ["a/x"], MODELS), published=False)
    assert len(found.why) == 1 and "--debug" in found.why[0]


def ended(*assets: Any) -> tuple[list[Fault], bool]:
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(list(assets), instance=instance, raise_on_error=False)
        return faults(instance, done.run_id), was_stopped(instance, done.run_id)


def test_steps_that_failed_are_read_from_the_runs_events() -> None:
    @dg.asset(key=["marts", "broken"])
    def broken() -> None:
        try:
            raise ValueError("the root\nand more")
        except ValueError as error:
            raise RuntimeError("what came of it") from error

    @dg.asset(deps=[broken])
    def after() -> None:
        """Skipped."""

    found, stopped = ended(broken, after)
    assert found == [Fault("marts/broken", "the root")] and not stopped


def test_a_blocking_check_is_told_from_a_fault() -> None:
    found, _ = ended(*stopped_by_a_check())
    assert [(f.asset, f.blocked) for f in found] == [("second", True)]


def test_what_ends_the_run_itself_is_read_too() -> None:
    @dg.resource
    def away(_: dg.InitResourceContext) -> None:
        raise OSError("the disk is away")

    @dg.asset(required_resource_keys={"away"})
    def asset() -> None:
        """Not reached."""

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [asset], instance=instance, resources={"away": away}, raise_on_error=False
        )
        found = faults(instance, done.run_id)
    assert [f.why for f in found] == ["the disk is away"]


def test_a_run_that_is_stopped_is_told_from_one_that_fails() -> None:
    @dg.asset
    def asset() -> None:
        raise KeyboardInterrupt

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.define_asset_job("job", [asset])
        resolved = dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def("job")
        done = resolved.execute_in_process(instance=instance, raise_on_error=False)
        assert was_stopped(instance, done.run_id)
