"""Rows in, rows out: each YAML file below a model's folder is a test of that model's SELECT.

How to write one is in README.md beside this file. Expectations of the figures of a release
belong in the headers of the SQL files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from pipeline.paths import sql_root
from pipeline.progress import method
from pipeline.registry import load
from pipeline.sql import connect, quoted
from pipeline.vintages.resolve import SCHEMA
from pipeline.warehouse.build import CHECKS, RAW
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import Model, ModelError, load_models, read_model

HERE = Path(__file__).parent
FILES = {p.relative_to(HERE).as_posix(): p for p in sorted(HERE.rglob("*.y*ml"))}
# The scoreboard is a view of the published database, read by people as a table.
MODELS = load_models(sql_root()) | {
    "views.scoreboard": read_model(sql_root() / "views" / "scoreboard.sql")
}
KEYS = {"description", "reference_date", "inputs", "query_columns", "expect"}
REFERENCE = date(2026, 11, 23)
DIGITS = 1e-6  # of a written decimal number; no case needs more than seven digits
_ARROW = {
    "string": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "date32[day]": "DATE",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "list<item: string>": "VARCHAR[]",
}
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "VARCHAR": (str,),
    "INTEGER": (int,),
    "BIGINT": (int,),
    "DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "DATE": (date,),
}


class CaseError(AssertionError):
    """What is wrong with a case, or with the model that it tries: a line for each difference."""


@pytest.mark.parametrize("name", FILES)
def test_case(name: str) -> None:
    lines: list[str] = []
    try:
        run(FILES[name])
    except CaseError as error:
        lines = [f"tests/sql/{name}: {line}" for line in str(error).splitlines()]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_case(model: str) -> None:
    assert [f for f in FILES if f.startswith(f"{model}/")], f"tests/sql/{model}/: no YAML file"


def run(file: Path, query: str | None = None) -> None:
    """Try one case; `query` in place of the model's own. CaseError says what differs."""
    case, model = read_case(file)
    expected = case["expect"]
    given = outcome(replace(model, query=query or model.query), case)
    key = [{c: row[c] for c in model.grain} for row in given]
    wrong = []
    if len(given) != len(expected):
        shown = "".join(f"\n  {' · '.join(str(v) for v in k.values())}" for k in key)
        wrong.append(f"{len(expected)} rows expected, {len(given)} given:{shown}")
    for n, (want, got) in enumerate(zip(expected, given, strict=False), 1):
        for column in case.get("query_columns", want):
            if not same(want.get(column), got[column]):
                wrong.append(
                    f"row {n}, column {column}: expected {shown_as(want.get(column))}, "
                    f"got {shown_as(got[column])} ({' · '.join(str(v) for v in key[n - 1].values())})"
                )
    if wrong:
        raise CaseError("\n".join(wrong))


def read_case(file: Path) -> tuple[dict[str, Any], Model]:
    """A case whose words, tables, columns and types are known, and its model."""
    model = MODELS.get(file.parent.name)
    if model is None:
        raise CaseError(
            f"the folder {file.parent.name} is not called as a model: core.…, marts.… or views.…"
        )
    try:
        case = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise CaseError(f"not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(case, dict) or not case.get("description") or "expect" not in case:
        raise CaseError("a case has a description, inputs and expect")
    if odd := sorted(set(case) - KEYS):
        raise CaseError(f"{odd[0]} is none of {', '.join(sorted(KEYS))}")
    if type(day := case.get("reference_date", REFERENCE)) is not date:
        raise CaseError(f"reference_date: {day!r} is no date; write it as 2026-11-23")
    case["inputs"] = case.get("inputs") or {}
    for table, rows in case["inputs"].items():
        if table not in model.upstream:
            raise CaseError(
                f"inputs: {model.name} does not read {table}, but {', '.join(sorted(model.upstream))}"
            )
        known(rows, columns_of(table), f"inputs, {table}")
    own = {c.name: c.type for c in model.columns}
    known(case["expect"], own, "expect")
    if odd := [c for c in case.get("query_columns", []) if c not in own]:
        raise CaseError(f"query_columns: {model.name} has no column {odd[0]}")
    return case, model


def known(rows: Any, columns: Mapping[str, str], where: str) -> None:
    """CaseError unless `rows` are rows of these columns and types."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CaseError(f"{where}: a list of rows, each {{column: value, …}}")
    for n, row in enumerate(rows, 1):
        for column, value in row.items():
            if column not in columns:
                raise CaseError(
                    f"{where}, row {n}: no column {column}; there are {', '.join(columns)}"
                )
            if not fits(value, columns[column]):
                raise CaseError(
                    f"{where}, row {n}, column {column}: {value!r} is no {columns[column]}; "
                    f"a text that YAML reads otherwise (NO, 2024, 2024-01-01) stands in quotes"
                )


def fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    if kind.endswith("[]"):
        return isinstance(value, list) and all(fits(v, kind.removesuffix("[]")) for v in value)
    return type(value) in _PYTHON[kind]  # not isinstance: true is a whole number to Python


@cache
def columns_of(table: str) -> dict[str, str]:
    """Column → type: of a model by its header, of the others as their writers make them."""
    if table in MODELS:
        return {c.name: c.type for c in MODELS[table].columns}
    schema, name = table.split(".")
    if schema == "raw" and name != "vintages":
        return RAW["rejects" if name == "rejects" else "observations"]
    return {field.name: _ARROW[str(field.type)] for field in arrow_schemas()[table]}


@cache
def arrow_schemas() -> dict[str, pa.Schema]:
    reference = pa.schema([("reference_date", pa.date32()), ("method_version", pa.string())])
    tables = {f"registry.{name}": t for name, t in load().tables().items()} | method.tables()
    return {
        "raw.vintages": SCHEMA,
        "checks.results": CHECKS,
        "run.reference": reference,
        **{name: table.schema for name, table in tables.items()},
    }


@cache
def engine() -> duckdb.DuckDBPyConnection:
    return connect()


def outcome(model: Model, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that the model gives, in the order of its grain."""
    con = engine()
    # A database for each case, as for each build: to start DuckDB takes longer than a case does.
    con.execute("ATTACH ':memory:' AS trial")
    con.execute("USE trial")
    try:
        for table in sorted(model.upstream):
            put(con, table, list(rows_of(table, case)))
        compute(con, model)
        order = ", ".join(f"{quoted(c)} NULLS FIRST" for c in model.grain)
        cursor = con.execute(f"SELECT * FROM this ORDER BY {order}")
        names = [d[0] for d in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except (duckdb.Error, ModelError, ValueError) as error:
        raise CaseError(f"{model.name} cannot be run: {str(error).splitlines()[0]}") from error
    finally:
        con.execute("USE memory")
        con.execute("DETACH trial")


def put(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    types = columns_of(table)
    schema, name = map(quoted, table.split("."))
    columns = ", ".join(f"{quoted(c)} {kind}" for c, kind in types.items())
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    con.execute(f"CREATE TABLE {schema}.{name} ({columns})")
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * len(types)) + ")"] * len(rows))
        values = [row.get(c) for row in rows for c in types]
        con.execute(f"INSERT INTO {schema}.{name} VALUES {marks}", values)


def rows_of(table: str, case: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if table in case["inputs"]:
        yield from case["inputs"][table]
    elif table == "run.reference":
        day = case.get("reference_date", REFERENCE)
        yield {"reference_date": day, "method_version": method.METHOD_VERSION}
    elif table in method.tables():
        yield from method.tables()[table].to_pylist()


def same(want: Any, got: Any) -> bool:
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(same, want, got))
    if isinstance(got, float) and isinstance(want, int | float):
        return math.isclose(want, got, rel_tol=DIGITS, abs_tol=1e-12)
    return type(want) is type(got) and want == got


def shown_as(value: Any) -> str:
    return "null" if value is None else repr(value)


GOOD = """
description: Equals.
inputs:
  registry.missions: [{mission_id: m, position: 1}, {mission_id: n, position: 2}]
expect: [{mission_id: m, position: 1}, {mission_id: n, position: 2}]
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("position: 2}]\nexpect", "position: 3}]\nexpect"), "row 2, column position: expected 2, got 3 (n)"),
        (("expect: [{mission_id: m, position: 1}, ", "expect: ["), "1 rows expected, 2 given:\n  m\n  n"),
        (("expect:", "query_columns: [level, position, gap_nl]\nexpect:"), None),
        (("[{mission_id: m, position: 1}, {mission_id: n, position: 2}]\nexpect:",
          "[{mission_id: m, level: x}]\nquery_columns: [level]\nexpect:"), "row 1, column level: expected null, got 'x' (m)"),
        (("registry.missions", "registry.targets"), "marts.missions does not read registry.targets, but registry.missions"),
        (("mission_id: n", "mision_id: n"), "inputs, registry.missions, row 2: no column mision_id"),
        (("mission_id: m", "mission_id: NO"), "inputs, registry.missions, row 1, column mission_id: False is no VARCHAR"),
        (("position: 1", "position: true"), "inputs, registry.missions, row 1, column position: True is no INTEGER"),
        (("expect: [{mission_id", "expect: [{mission"), "expect, row 1: no column mission"),
        (("description: Equals.", ""), "a case has a description"),
        (("inputs:", "input:"), "input is none of"),
        (("inputs:", "reference_date: today\ninputs:"), "reference_date: 'today' is no date"),
        (("expect: [", "expect: ["), None),
        (("expect: [", "expect: [["), "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_case_says_where_it_is(
    tmp_path: Path, change: tuple[str, str], says: str | None
) -> None:
    assert change[0] in GOOD
    file = tmp_path / "marts.missions" / "case.yaml"
    file.parent.mkdir()
    file.write_text(GOOD.replace(change[0], change[1], 1))
    if says is None:
        run(file)
        return
    with pytest.raises(CaseError) as error:
        run(file)
    assert says in str(error.value)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "missions" / "case.yaml"
    file.parent.mkdir()
    file.write_text(GOOD)
    with pytest.raises(CaseError, match="the folder missions"):
        run(file)


def test_the_example_of_the_readme_is_a_case(tmp_path: Path) -> None:
    file = tmp_path / "core.ranked" / "example.yaml"
    file.parent.mkdir()
    text = (HERE / "README.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    file.write_text(text)
    run(file)
    file.write_text(text.replace("severity_rank: 1", "severity_rank: 3"))
    with pytest.raises(CaseError, match="row 2, column severity_rank: expected 3, got 1"):
        run(file)
