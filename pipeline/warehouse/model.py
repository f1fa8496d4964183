"""An SQL file becomes a Model: header (the contract), query, upstream tables.

The header is a YAML document in the first comment of the file. Nothing else says what a table
is: DDL, checks, Dagster metadata, column comments and the dictionary are derived from it.
A `no_rows` expectation that gives no `sql` has it in checks/<layer>.<table>.<name>.sql beside the
layers: a long check is better read there. Building a model belongs in build.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import yaml

from pipeline.plain_yaml import load_plain
from pipeline.sql import stoppable

_HEADER = re.compile(r"\A\s*/\*(.*?)\*/\s*", re.DOTALL)
_LAYERS = ("core", "marts")
_TYPES = re.compile(r"(VARCHAR|INTEGER|BIGINT|DOUBLE|BOOLEAN|DATE)(\[\])?")
EXPECTATIONS: Mapping[str, tuple[str, ...]] = {
    "rows": ("value",),
    "not_null": ("column",),
    "in_set": ("column", "values"),
    "between": ("column",),
    "contains": ("column", "values"),
    "no_rows": ("sql",),
}


class ModelError(ValueError):
    """A mistake in an SQL file: one line that names the file and what is expected."""


@dataclass(frozen=True)
class Column:
    """`type`: DuckDB's, one of those in _TYPES. `comment`: what it means, with its unit."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Expectation:
    """One check on a table. `kind` is a key of EXPECTATIONS, `schema` or `unique`.

    severity `error` and blocking: what stands downstream is not built. severity `warn`: a
    person should look. `file`: where its SQL stands, if not in the header.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "error"
    blocking: bool = True
    description: str = ""
    file: Path | None = None


@dataclass(frozen=True)
class Model:
    """One table. `layer`: its schema, `core` or `marts`. `grain`: the columns of which no two rows
    have the same values. `query`: one SELECT. `path`: its SQL file."""

    layer: str
    table: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    expectations: tuple[Expectation, ...]
    query: str
    path: Path
    # Names what computes the table's rows from the query's; None: the query gives them.
    function: str | None = None

    @property
    def name(self) -> str:
        return f"{self.layer}.{self.table}"

    @property
    def file(self) -> str:
        """Where a person finds it, and its expectations."""
        return f"sql/{self.layer}/{self.table}.sql"

    @property
    def source(self) -> str:
        """All that defines the model: its file, and the files of its checks."""
        files = [self.path, *(e.file for e in self.expectations if e.file)]
        return "".join(file.read_text("utf-8") for file in files)

    @cached_property
    def upstream(self) -> frozenset[str]:
        """Tables that the query and its checks read, as `schema.table`, from DuckDB's parser."""
        found = referenced_tables(self.query, self.path)
        for expectation in self.expectations:
            if expectation.kind == "no_rows":
                found |= referenced_tables(
                    expectation.options["sql"], expectation.file or self.path
                )
        return frozenset(found - {self.name})


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """One in-memory DuckDB for the process: opening one for each statement takes longer."""
    return duckdb.connect()


def referenced_tables(sql: str, where: Path) -> set[str]:
    """`schema.table` of every schema-qualified table in a SELECT."""
    with stoppable(_parser().cursor()) as con:
        row = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise ModelError(
            f"{where.parent.name}/{where.name}: not one SELECT that DuckDB can read: "
            f"{tree.get('error_message', '')}"
        )
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE" and node.get("schema_name"):
                found.add(f"{node['schema_name']}.{node['table_name']}")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(tree["statements"])
    return found


def _expectation(raw: Any, path: Path, where: str) -> Expectation:
    if not isinstance(raw, dict):
        raise ModelError(f"{where}: an expectation is a mapping, not {raw!r}")
    kind = str(raw.get("expect"))
    if kind not in EXPECTATIONS:
        raise ModelError(f"{where}: expect: {kind!r} is not one of {', '.join(EXPECTATIONS)}")
    options = {
        k: v
        for k, v in raw.items()
        if k not in ("expect", "name", "severity", "blocking", "description")
    }
    file = None
    if kind == "no_rows" and "sql" not in options and raw.get("name"):
        file = path.parents[1] / "checks" / f"{path.parent.name}.{path.stem}.{raw['name']}.sql"
        options["sql"] = _check_sql(file, f"{where}: expectation {raw['name']}")
    for option in EXPECTATIONS[kind]:
        if option not in options:
            raise ModelError(f"{where}: expectation {kind} needs `{option}`")
    severity = raw.get("severity", "error")
    if severity not in ("error", "warn"):
        raise ModelError(f"{where}: severity {severity!r} is not error or warn")
    name = raw.get("name") or "_".join([kind, str(options.get("column", ""))]).strip("_")
    return Expectation(
        name,
        kind,
        options,
        severity,
        bool(raw.get("blocking", severity == "error")),
        raw.get("description", ""),
        file,
    )


def _check_sql(file: Path, where: str) -> str:
    if not file.is_file():
        raise ModelError(f"{where} gives no `sql`, and there is no checks/{file.name}")
    return file.read_text("utf-8").strip().rstrip(";")


def read_model(path: Path) -> Model:
    """Read one SQL file. ModelError with one line if its header or query is wrong."""
    where = f"{path.parent.name}/{path.name}"
    header, query = _parts(path, where)
    columns = _columns(header, where)
    grain = tuple(header["grain"])
    if missing := [g for g in grain if g not in {c.name for c in columns}]:
        raise ModelError(f"{where}: grain column {missing[0]} is not among the columns")
    function = header.get("function")
    if function is not None and not str(function).isidentifier():
        raise ModelError(f"{where}: function: {function!r} is no name of a Python function")
    return Model(
        path.parent.name,
        path.stem,
        str(header["description"]).strip(),
        grain,
        columns,
        _expectations(header, grain, path, where),
        query,
        path,
        None if function is None else str(function),
    )


def _parts(path: Path, where: str) -> tuple[dict[str, Any], str]:
    """(header, query) of an SQL file."""
    text = path.read_text("utf-8")
    match = _HEADER.match(text)
    if not match:
        raise ModelError(f"{where}: starts with no /* header */; copy one from another model")
    try:
        header = load_plain(match[1])
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", error)
        raise ModelError(f"{where}: header is not YAML: {problem}") from error
    if not isinstance(header, dict):
        raise ModelError(f"{where}: header is not a mapping")
    for key in ("description", "grain", "columns"):
        if not header.get(key):
            raise ModelError(f"{where}: header has no `{key}`")
    return header, text[match.end() :].strip().rstrip(";")


def _columns(header: Mapping[str, Any], where: str) -> tuple[Column, ...]:
    columns = []
    for name, spec in header["columns"].items():
        kind, _, comment = str(spec).partition(",")
        if not _TYPES.fullmatch(kind.strip()) or not comment.strip():
            raise ModelError(f"{where}: column {name}: expected `TYPE, comment`, got {spec!r}")
        columns.append(Column(name, kind.strip(), comment.strip()))
    return tuple(columns)


def _expectations(
    header: Mapping[str, Any], grain: tuple[str, ...], path: Path, where: str
) -> tuple[Expectation, ...]:
    """Those that follow from the columns and the grain, then those that the header gives."""
    expectations = [
        Expectation("schema", "schema", description="The columns that the header names."),
        Expectation(
            "grain_unique",
            "unique",
            {"columns": list(grain)},
            description=f"One row for each {', '.join(grain)}.",
        ),
        *(
            Expectation(f"not_null_{c}", "not_null", {"column": c}, description=f"{c} is given.")
            for c in grain
            if c not in header.get("nullable_grain", [])
        ),
        *(_expectation(raw, path, where) for raw in header.get("expectations", [])),
    ]
    counts = Counter(e.name for e in expectations)
    if doubles := sorted(name for name, n in counts.items() if n > 1):
        raise ModelError(f"{where}: two expectations are called {doubles[0]}")
    return tuple(expectations)


@dataclass(frozen=True)
class View:
    """A view of the published database: it stores nothing and is in no Parquet file."""

    name: str
    description: str
    columns: tuple[Column, ...]
    query: str


def load_views(root: Path, missions: Mapping[str, str]) -> list[View]:
    """The views below `root`/views. A header with `each: mission` gives one for each entry of
    `missions` (id → title), which stand for {mission} and {title} in it.
    """
    views = []
    for path in sorted((root / "views").glob("*.sql")):
        model = read_model(path)
        header, _ = _parts(path, f"{path.parent.name}/{path.name}")
        if header.get("each") != "mission":
            views.append(View(model.table, model.description, model.columns, model.query))
            continue
        for mission, title in missions.items():
            quoted = mission.replace("'", "''")
            views.append(
                View(
                    mission,
                    model.description.replace("{title}", title),
                    model.columns,
                    model.query.replace("{mission}", quoted),
                )
            )
    return views


@cache
def load_models(root: Path) -> dict[str, Model]:
    """Every model below `root`, upstream first, read once in a process.

    ModelError names a cycle, a missing table, or a file in checks/ that no expectation asks for.
    """
    models = {
        m.name: m
        for layer in _LAYERS
        for m in (read_model(p) for p in sorted((root / layer).glob("*.sql")))
    }
    asked = {e.file for m in models.values() for e in m.expectations}
    if orphans := sorted(p.name for p in (root / "checks").glob("*") if p not in asked):
        raise ModelError(
            f"checks/{orphans[0]}: no header asks for it; an expectation `no_rows` without `sql` "
            f"finds its file as <layer>.<table>.<name>.sql"
        )
    given = ("registry.", "raw.", "run.", "checks.")
    ordered: dict[str, Model] = {}

    def place(name: str, trail: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name in trail:
            raise ModelError(f"models read each other in a circle: {' > '.join([*trail, name])}")
        for upstream in sorted(models[name].upstream):
            if upstream in models:
                place(upstream, (*trail, name))
            elif not upstream.startswith(given):
                raise ModelError(
                    f"{models[name].path.parent.name}/{models[name].path.name}: "
                    f"reads {upstream}, which no SQL file defines"
                )
        ordered[name] = models[name]

    for name in models:
        place(name, ())
    return ordered
