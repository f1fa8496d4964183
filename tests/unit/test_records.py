"""Tables and their build records: what lies there is whole or counts as not built, and is not
built again where nothing changed."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.quality.results import CheckResult, QualityError
from pipeline.vintages.resolve import SCHEMA
from pipeline.warehouse import build as build_module
from pipeline.warehouse.build import Warehouse, raw_table
from pipeline.warehouse.model import Model, load_models
from pipeline.warehouse.records import BuildError, Records

DAY = date(2026, 11, 23)
PEOPLE = pa.table({"name": ["a", "b", "c"], "age": pa.array([1, 2, 3], pa.int64())})
NAMES = """/*
description: Names.
grain: [name]
columns:
  name: VARCHAR, what somebody is called
  age: BIGINT, in years
expectations:
  - {expect: between, column: age, max: 3, name: young, description: Nobody is old.}
  - {expect: no_rows, name: no_z, sql: "SELECT * FROM core.names WHERE name = 'z'", description: No z.}
  - {expect: between, column: age, min: 2, name: grown, severity: warn, description: Nobody is one.}
*/
SELECT name, age FROM registry.people
"""
COUNT = """/*
description: How many names there are.
grain: [n]
columns:
  n: BIGINT, number
*/
SELECT count(*) AS n FROM core.names
"""


def models_of(folder: Path, **sql: str) -> dict[str, Model]:
    """The models of SQL texts, `layer__name`."""
    for name, text in sql.items():
        layer, _, table = name.partition("__")
        file = folder / layer / f"{table}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    load_models.cache_clear()
    return dict(load_models(folder))


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    return tmp_path / "sql"


@pytest.fixture
def warehouse(tmp_path: Path, sql: Path) -> Warehouse:
    made = Warehouse(tmp_path / "work", [], models_of(sql, core__names=NAMES, marts__count=COUNT))
    made.put_registry({"people": PEOPLE})
    return made


def test_a_table_is_built_checked_and_there(warehouse: Warehouse) -> None:
    found = warehouse.build(warehouse.models["core.names"])
    assert (found.rows, found.reused, found.passes_blocking) == (3, False, True)
    assert found.inputs == {"registry.people": warehouse.must_have("registry.people").sha256}
    outcomes = {c.name: (c.passed, c.blocking, c.severity, c.failing_rows) for c in found.checks}
    assert outcomes["young"] == (True, True, "error", 0)
    assert outcomes["no_z"] == (True, True, "error", 0)
    assert outcomes["grown"] == (False, False, "warn", 1)
    assert [c.name for c in found.checks] == [
        e.name for e in warehouse.models["core.names"].expectations
    ]
    assert warehouse.record("core.names") == found
    assert warehouse.head("core.names", 2) == [{"name": "a", "age": 1}, {"name": "b", "age": 2}]


def test_what_is_the_same_is_not_built_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [warehouse.build(m) for m in warehouse.models.values()]
    before = {p: p.stat().st_mtime_ns for p in warehouse.root.rglob("*.parquet")}
    monkeypatch.setattr(build_module, "validate", lambda *_: pytest.fail("judged again"))
    again = [warehouse.build(m) for m in warehouse.models.values()]
    assert [r.reused for r in again] == [True, True]
    assert [(r.sha256, r.checks) for r in again] == [(r.sha256, r.checks) for r in made]
    assert {p: p.stat().st_mtime_ns for p in warehouse.root.rglob("*.parquet")} == before


def test_another_text_other_input_and_other_code_are_built_again(
    warehouse: Warehouse, sql: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reused(name: str) -> bool:
        return warehouse.build(warehouse.models[name]).reused

    for name in warehouse.models:
        warehouse.build(warehouse.models[name])
    # Another text with the same rows: the table is built, what follows it is not.
    warehouse.models = models_of(sql, core__names=NAMES.replace("Names.", "All names."))
    assert (reused("core.names"), reused("marts.count")) == (False, True)
    warehouse.put_registry({"people": PEOPLE.slice(0, 2)})
    assert (reused("core.names"), reused("marts.count")) == (False, False)
    assert warehouse.head("marts.count", 1) == [{"n": 2}]
    monkeypatch.setattr(build_module, "code_version", lambda *_: "another")
    other = Warehouse(warehouse.root, [], warehouse.models)
    assert not other.build(other.models["core.names"]).reused


def test_a_failed_check_is_kept_with_its_rows_and_is_no_error_of_the_build(
    warehouse: Warehouse,
) -> None:
    warehouse.put_registry({"people": pa.table({"name": ["z", "y"], "age": [90, 2]})})
    found = warehouse.build(warehouse.models["core.names"])
    assert not found.passes_blocking
    failed = {c.name: c for c in found.checks if not c.passed}
    assert set(failed) == {"young", "no_z"}
    assert failed["no_z"].observed == "1 rows" and failed["no_z"].rows == [{"name": "z", "age": 90}]
    assert failed["young"].rows == [{"name": "z", "age": 90}]
    # It is there, and said again, the next time.
    again = warehouse.build(warehouse.models["core.names"])
    assert again.reused and not again.passes_blocking


@pytest.mark.parametrize("killed_after", ["the old record went", "the file came"])
def test_between_the_two_files_a_table_counts_as_not_built(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, killed_after: str
) -> None:
    class Killed(BaseException):
        """What no code catches."""

    model = warehouse.models["core.names"]
    warehouse.build(model)
    warehouse.put_registry({"people": PEOPLE.slice(0, 2)})

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as during:
        if killed_after == "the file came":
            during.setattr("pipeline.warehouse.records.write_atomic", killed)
        else:
            during.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            warehouse.build(model)
    assert warehouse.record("core.names") is None
    with pytest.raises(BuildError, match=r"^core\.names has not been built: materialise it first$"):
        warehouse.build(warehouse.models["marts.count"])
    assert not list(warehouse.root.rglob("*.tmp"))
    assert warehouse.build(model).rows == 2


@pytest.mark.parametrize("change", ["other bytes", "no file", "no record", "half a record", "odd"])
def test_a_file_that_is_not_the_records_counts_as_not_built(
    warehouse: Warehouse, change: str
) -> None:
    model = warehouse.models["core.names"]
    warehouse.build(model)
    file = warehouse.file("core.names")
    record = file.with_suffix(".json")
    if change == "other bytes":
        pq.write_table(PEOPLE, file)
    elif change == "no file":
        file.unlink()
    elif change == "no record":
        record.unlink()
    elif change == "half a record":
        record.write_text(record.read_text()[:40])
    else:
        record.write_text(json.dumps({**json.loads(record.read_text()), "more": 1}))
    assert warehouse.record("core.names") is None
    assert not warehouse.build(model).reused


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("SELECT name, age", "SELECT name, error('boom') AS age", "boom"),
        ("SELECT name, age", "SELECT age, name", "differ in their order"),
        ("SELECT name, age", "SELECT name, age AS years", "differ in age, years"),
        ("SELECT name, age", "SELECT name, name AS age", "Could not convert"),
    ],
)
def test_a_query_that_fails_is_one_line_with_the_file(
    warehouse: Warehouse, sql: Path, was: str, becomes: str, says: str
) -> None:
    model = models_of(sql, core__names=NAMES.replace(was, becomes))["core.names"]
    with pytest.raises(BuildError) as raised:
        warehouse.build(model)
    said = str(raised.value)
    assert said.startswith("core.names: ") and says in said and "\n" not in said
    assert said.endswith("(sql/core/names.sql)")
    assert warehouse.record("core.names") is None and not list(warehouse.root.rglob("*.tmp"))


def test_what_is_upstream_must_be_there(tmp_path: Path, sql: Path) -> None:
    raw = "/*\ndescription: V.\ngrain: [n]\ncolumns:\n  n: BIGINT, number\n*/\nSELECT count(*) AS n FROM raw.vintages\n"
    models = models_of(sql, core__v=raw, core__names=NAMES)
    warehouse = Warehouse(tmp_path / "work", ["owid/co2-per.capita"], models)
    with pytest.raises(BuildError, match=r"^registry\.people has not been built"):
        warehouse.build(models["core.names"])
    with pytest.raises(
        BuildError, match=r"^dataset owid/co2-per\.capita has not been taken in: materialise it"
    ):
        warehouse.build(models["core.v"])
    warehouse.put_vintages("owid/co2-per.capita", SCHEMA.empty_table(), [], DAY)
    assert warehouse.build(models["core.v"]).rows == 1


def test_an_expectation_that_cannot_be_evaluated_stores_nothing(
    warehouse: Warehouse, sql: Path
) -> None:
    text = NAMES.replace(
        "expect: between, column: age, max: 3", "expect: between, column: name, max: 3"
    )
    model = models_of(sql, core__names=text)["core.names"]
    with pytest.raises(QualityError, match="could not run"):
        warehouse.build(model)
    assert warehouse.record("core.names") is None


def test_data_that_move_are_still_read(warehouse: Warehouse, tmp_path: Path) -> None:
    for model in warehouse.models.values():
        warehouse.build(model)
    moved = tmp_path / "elsewhere"
    shutil.move(warehouse.root, moved)
    there = Warehouse(moved, [], warehouse.models)
    assert all(there.build(model).reused for model in warehouse.models.values())


def test_what_is_put_again_is_left_alone(tmp_path: Path) -> None:
    records = Records(tmp_path)
    check = CheckResult("x", True, "error", False, "")
    first = records.put("raw.a", PEOPLE, [check], {"reference_date": "2026-11-23"})
    before = records.file("raw.a").stat().st_mtime_ns
    again = records.put("raw.a", PEOPLE, [check], {"reference_date": "2026-11-23"})
    assert (first.reused, again.reused) == (False, True)
    assert records.file("raw.a").stat().st_mtime_ns == before
    for checks, inputs in (([], first.inputs), ([check], {"reference_date": "2026-11-24"})):
        other = records.put("raw.a", PEOPLE, checks, inputs)
        assert not other.reused and other.sha256 == first.sha256
        assert records.must_have("raw.a").inputs == inputs


def test_steps_side_by_side_note_the_same_and_none_loses_it(tmp_path: Path) -> None:
    """Every table's step notes the run's inputs before it reads them, in its own process."""

    def step(number: int) -> str:
        records = Records(tmp_path / str(number // 8))
        records.put("run.reference", PEOPLE)
        return records.must_have("run.reference").sha256

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(step, range(400)))) == 1


def test_names_of_datasets_become_names_of_files() -> None:
    assert raw_table("owid/co2-and-greenhouse-gas-emissions") == (
        "raw.owid__co2-and-greenhouse-gas-emissions"
    )
    assert raw_table("worldbank/ER.MRN.PTMR.ZS") == "raw.worldbank__ER-MRN-PTMR-ZS"
