"""What publication refuses, with the published set untouched: a table that is missing, failed, or
was built from something else than what lies beside it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.paths import Paths, registry_root, sql_root
from pipeline.registry import load
from pipeline.release import publish as publishing
from pipeline.release.publish import publish
from pipeline.release.record import written_by
from pipeline.report.page import render
from pipeline.warehouse.build import Warehouse, raw_table
from pipeline.warehouse.model import load_models
from pipeline.warehouse.records import BuildError

DAY = date(2026, 11, 23)
TABLE = "marts.targets"


@pytest.fixture
def warehouse(data: Path) -> Warehouse:
    return Warehouse(data / "work", load(registry_root()).datasets, load_models(sql_root()))


def published(data: Path, warehouse: Warehouse, day: date = DAY, run: str = "this run") -> Path:
    return publish(warehouse, load(registry_root()), Paths(data).marts, day, run, render)


def published_by(data: Path, run: str = "this run") -> bool:
    written = written_by(data / "work", data / "marts", run)
    return written is not None and written.published


def files(data: Path) -> dict[str, bytes]:
    marts = data / "marts"
    return {
        p.relative_to(marts).as_posix(): p.read_bytes() for p in marts.rglob("*") if p.is_file()
    }


def change_record(warehouse: Warehouse, table: str, **changes: Any) -> None:
    record = warehouse.must_have(table)
    with warehouse.staged(table) as staged:
        staged.write_bytes(warehouse.file(table).read_bytes())
        warehouse.store(replace(record, **changes), staged)


def table_missing(warehouse: Warehouse) -> None:
    warehouse.file(TABLE).unlink()


def table_of_other_bytes(warehouse: Warehouse) -> None:
    warehouse.file(TABLE).write_bytes(warehouse.file("marts.peers").read_bytes())


def core_table_missing(warehouse: Warehouse) -> None:
    warehouse.file("core.assessments").with_suffix(".json").unlink()


def dataset_missing(warehouse: Warehouse) -> None:
    warehouse.file(raw_table("worldbank/ER.MRN.PTMR.ZS")).unlink()


def failed(warehouse: Warehouse) -> None:
    record = warehouse.must_have(TABLE)
    wrong = [replace(record.checks[0], passed=False, observed="12 rows"), *record.checks[1:]]
    change_record(warehouse, TABLE, checks=wrong)


def failed_in_core(warehouse: Warehouse) -> None:
    record = warehouse.must_have("core.observations")
    wrong = [replace(c, passed=not c.blocking) for c in record.checks]
    change_record(warehouse, "core.observations", checks=wrong)


def other_upstream(warehouse: Warehouse) -> None:
    record = warehouse.must_have("core.assessments")
    other = dict.fromkeys(record.inputs, "0" * 64)
    change_record(warehouse, "core.assessments", inputs=other)


def newer_vintages(warehouse: Warehouse) -> None:
    """Taken in again, with another verdict, and nothing built since."""
    name = "eurostat/nrg_ind_ren"
    rows = warehouse.vintages(name)
    from pipeline.vintages.resolve import SCHEMA, DatasetState

    rows[-1]["reason"] = "another"
    state = DatasetState(name, rows)
    assert state.table().schema == SCHEMA
    warehouse.put_vintages(name, state.table(), warehouse.dataset_record(name).checks, DAY)


def other_registry(warehouse: Warehouse) -> None:
    tables = load(registry_root()).tables()
    warehouse.put_registry({"missions": tables["missions"].slice(1)})


def dataset_as_of_another_date(warehouse: Warehouse) -> None:
    change_record(
        warehouse, raw_table("eurostat/nrg_ind_ren"), inputs={"reference_date": "2026-11-24"}
    )


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (table_missing, r"^marts\.targets has not been built: materialise it first$"),
        (table_of_other_bytes, r"^marts\.targets has not been built"),
        (core_table_missing, r"^core\.assessments has not been built"),
        (dataset_missing, r"^dataset worldbank/ER\.MRN\.PTMR\.ZS has not been taken in"),
        (
            failed,
            r"^marts\.targets failed \w+ \(12 rows\): not published; put that right and run the whole",
        ),
        (
            failed_in_core,
            r"^core\.observations failed \w+ \(.*\): not published; put that right and run the whole",
        ),
        (other_upstream, r"^core\.assessments was built from an older \S+: run the whole of"),
        (newer_vintages, r" was built from an older raw\.\w+: run the whole of nightly$"),
        (other_registry, r" was built from an older registry\.missions: run the whole of"),
        (dataset_as_of_another_date, r"^eurostat/nrg_ind_ren was taken in as of 2026-11-24, not"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    data: Path, warehouse: Warehouse, spoil: Callable[[Warehouse], None], says: str
) -> None:
    before = files(data)
    spoil(warehouse)
    with pytest.raises(BuildError, match=says) as raised:
        published(data, warehouse)
    assert "\n" not in str(raised.value)
    assert files(data) == before
    assert not published_by(data, "this run")


def test_another_date_than_the_tables_have_is_refused(data: Path, warehouse: Warehouse) -> None:
    before = files(data)
    with pytest.raises(BuildError, match="was taken in as of 2026-11-23, not 2026-12-31"):
        published(data, warehouse, date(2026, 12, 31))
    assert files(data) == before


@pytest.mark.parametrize("when", ["before it is copied", "after it is copied"])
def test_a_run_beside_it_that_no_lock_keeps_off_is_noticed(
    data: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """On a share without file locks another run builds a table meanwhile: for another date."""
    monkeypatch.setattr(publishing, "code_version", lambda *_: "another code, so another release")
    before, copy = files(data), shutil.copyfile

    def beside(source: Path, target: Path) -> None:
        if source.name != "targets.parquet":
            copy(source, target)
            return
        if when == "after it is copied":
            copy(source, target)
        table = pq.read_table(source).slice(1)
        with warehouse.staged(TABLE) as staged:
            pq.write_table(table, staged)
            record = replace(
                warehouse.must_have(TABLE), sha256=hashlib.sha256(staged.read_bytes()).hexdigest()
            )
            warehouse.store(record, staged)
        if when == "before it is copied":
            copy(source, target)

    monkeypatch.setattr(publishing.shutil, "copyfile", beside)
    with pytest.raises(BuildError, match=r"marts\.(targets|\w+) was (changed|built from an older)"):
        published(data, warehouse)
    assert files(data) == before and not published_by(data)


def test_what_only_should_be_looked_at_stops_nothing_and_is_the_same_release(
    data: Path, warehouse: Warehouse
) -> None:
    before = (data / "marts" / "current").resolve()
    assert not published_by(data, "this run")
    assert published(data, warehouse) == before
    assert published_by(data, "this run")
    assert not published_by(data, "another run")


def test_a_kill_before_the_swap_published_nothing(
    data: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run notes just before is told from what readers got."""

    class Killed(BaseException):
        """What no code catches."""

    current = data / "marts" / "current"
    current.unlink()

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as during:
        during.setattr("pipeline.release.swap._point", killed)
        with pytest.raises(Killed):
            published(data, warehouse)
    assert not published_by(data, "this run")
    published(data, warehouse)
    assert published_by(data, "this run") and current.exists()
