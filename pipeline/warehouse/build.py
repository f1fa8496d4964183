"""Build a Model: upstream Parquet in, checked Parquet out.

Each build opens an in-memory DuckDB, sees its upstream tables as views, and writes one file by
temp + rename with a note beside it (fingerprint, sha256, check results). A build whose
fingerprint did not change is not done again. What a table is stands in its SQL file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.paths import write_atomic
from pipeline.quality.results import Checker, CheckResult, Ticket
from pipeline.quality.worker import SHOWN, plain
from pipeline.vintages.store import dump
from pipeline.warehouse.model import Column, Expectation, Model

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_PREVIEW = 10


class BuildError(RuntimeError):
    """A table that could not be built: one line with the model and the cause."""


@dataclass
class Note:
    """What is known of a table that was built."""

    table: str
    fingerprint: str
    sha256: str
    rows: int
    inputs: dict[str, str] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)
    preview: str = ""
    reused: bool = False

    @property
    def sound(self) -> bool:
        return not any(not c.passed and c.blocking for c in self.checks)


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that fetches nothing and gives the same result every time."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET autoinstall_known_extensions=false")
    con.execute("SET autoload_known_extensions=false")
    # Sums of doubles depend on the order of threads.
    con.execute("SET threads=1")
    return con


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Warehouse:
    """The work folder: one Parquet and one note for each table, replaced as one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._scratches = count(1)

    def file(self, table: str) -> Path:
        layer, name = table.split(".")
        return self.root / layer / f"{name}.parquet"

    def _note_file(self, table: str) -> Path:
        return self.file(table).with_suffix(".json")

    def note(self, table: str) -> Note | None:
        """The note, if the Parquet beside it is the one that it speaks of."""
        try:
            raw = json.loads(self._note_file(table).read_text("utf-8"))
            if _sha(self.file(table)) != raw["sha256"]:
                return None
            checks = [CheckResult.from_json(c) for c in raw.pop("checks")]
            return Note(**raw, checks=checks)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _store(self, note: Note, staged: Path) -> None:
        # The note goes first out and last in: between the two the table counts as not built.
        self._note_file(note.table).unlink(missing_ok=True)
        staged.replace(self.file(note.table))
        content = {k: v for k, v in vars(note).items() if k not in ("checks", "reused")}
        content["checks"] = [c.to_json() for c in note.checks]
        write_atomic(self._note_file(note.table), dump(content))

    def put(self, table: str, data: pa.Table, inputs: Mapping[str, str] | None = None) -> Note:
        """Store a table that does not come from SQL (registry, vintages, run)."""
        import pyarrow.parquet as pq

        path = self.file(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_suffix(".tmp")
        pq.write_table(data, staged)
        sha = _sha(staged)
        known = self.note(table)
        if known and known.sha256 == sha:
            staged.unlink()
            known.reused = True
            return known
        note = Note(table, sha, sha, data.num_rows, dict(inputs or {}))
        self._store(note, staged)
        return note

    def inputs(self, model: Model, hashes: Callable[[str], str]) -> dict[str, str]:
        return {name: hashes(name) for name in sorted(model.upstream)}

    def fresh(self, model: Model, inputs: Mapping[str, str], code: str) -> Note | None:
        note = self.note(model.name)
        if note and note.fingerprint == _fingerprint(model, inputs, code):
            note.reused = True
            return note
        return None

    def build(
        self,
        model: Model,
        inputs: Mapping[str, str],
        code: str,
        views: Mapping[str, str],
        checker: Checker,
    ) -> Note:
        """Build, check and store. `views`: `schema.table` → a SELECT that gives it.

        BuildError if the query fails or does not give the columns of the header.
        """
        if note := self.fresh(model, inputs, code):
            return note
        path = self.file(model.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_suffix(".tmp")
        try:
            with self._scratch() as con:
                return self._build(con, model, inputs, code, views, checker, staged)
        finally:
            staged.unlink(missing_ok=True)

    @cached_property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """One DuckDB for all builds: to start one takes longer than most tables do."""
        from pipeline.progress.udf import register

        con = connect()
        register(con)
        return con

    @contextmanager
    def _scratch(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An empty in-memory database, gone afterwards."""
        name = f"scratch_{next(self._scratches)}"
        con = self.engine.cursor()
        con.execute(f"ATTACH ':memory:' AS {name}")
        con.execute(f"USE {name}")
        try:
            yield con
        finally:
            with suppress(Exception):
                con.execute("USE memory")
                con.execute(f"DETACH {name}")
                con.close()

    def _build(
        self,
        con: duckdb.DuckDBPyConnection,
        model: Model,
        inputs: Mapping[str, str],
        code: str,
        views: Mapping[str, str],
        checker: Checker,
        staged: Path,
    ) -> Note:
        _attach(con, model.upstream, views)
        columns = ", ".join(f"{quoted(c.name)} {c.type}" for c in model.columns)
        order = ", ".join(f"{quoted(g)} NULLS FIRST" for g in model.grain)
        try:
            got = [d[0] for d in con.execute(f"SELECT * FROM ({model.query}) LIMIT 0").description]
            wanted = [c.name for c in model.columns]
            if got != wanted:
                odd = sorted(set(got) ^ set(wanted)) or ["their order"]
                raise BuildError(
                    f"{model.name}: query and header differ in {', '.join(odd)}: "
                    f"make the SELECT give the header's columns in the header's order"
                )
            con.execute(f"CREATE TABLE this ({columns})")
            con.execute(f"INSERT INTO this SELECT * FROM ({model.query})")
            con.execute(
                f"COPY (SELECT * FROM this ORDER BY {order}) TO {literal(staged.as_posix())} "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{pandas: {literal(_pandas(model.columns))}}})"
            )
        except BuildError:
            raise
        except Exception as error:
            first = str(error).strip().splitlines()[0]
            raise BuildError(
                f"{model.name}: {first} (sql/{model.layer}/{model.table}.sql)"
            ) from error
        checks = self._check(con, model, checker)
        row = con.execute("SELECT count(*) FROM this").fetchone()
        note = Note(
            model.name,
            _fingerprint(model, inputs, code),
            _sha(staged),
            int(row[0]) if row else 0,
            dict(inputs),
            checks,
            _preview(con, order) if model.layer == "marts" else "",
        )
        self._store(note, staged)
        return note

    def _check(
        self, con: duckdb.DuckDBPyConnection, model: Model, checker: Checker
    ) -> list[CheckResult]:
        import pandas as pd

        frame = _frame(con, model)
        of_table = [e for e in model.expectations if e.kind != "no_rows"]
        wanted = [(e.kind, _options(e, model)) for e in of_table]
        asked = checker.submit(frame, wanted)
        # All questions whose answer must be "none" as a row of one frame: a suite of their own
        # for each would take longer than the query.
        none = [e for e in model.expectations if e.kind == "no_rows"]
        found = {e.name: _rows_found(con, e, model) for e in none}
        tickets: list[Ticket] = []
        if none:
            counts = pd.DataFrame({"rows": [found[e.name][0] for e in none]})
            no_rows = [("between", {"column": "rows", "min": 0, "max": 0})]
            tickets = checker.submit_parts(counts, range(len(none)), [no_rows] * len(none))
        outcomes = [
            *zip(of_table, asked.result(), strict=True),
            *((e, ticket.result()[0]) for e, ticket in zip(none, tickets, strict=True)),
        ]
        results = {
            e.name: CheckResult(
                e.name,
                severity=e.severity,
                blocking=e.blocking,
                description=e.description,
                **{**outcome, **_shown(found.get(e.name))},
            )
            for e, outcome in outcomes
        }
        return [results[e.name] for e in model.expectations]


def _frame(con: duckdb.DuckDBPyConnection, model: Model) -> pd.DataFrame:
    """The table as pandas. Lists stay Arrow's: as objects they are slow to make, send and hash."""
    lists = [quoted(c.name) for c in model.columns if c.type.endswith("[]")]
    if not lists:
        return con.execute("SELECT * FROM this").df()
    import pandas as pd

    without = ", ".join(f"NULL AS {name}" for name in lists)
    frame = con.execute(f"SELECT * REPLACE ({without}) FROM this").df()
    arrow = con.sql(f"SELECT {', '.join(lists)} FROM this").to_arrow_table()
    for name, column in zip(arrow.column_names, arrow.columns, strict=True):
        frame[name] = pd.Series(pd.arrays.ArrowExtensionArray(column))
    return frame


def _preview(con: duckdb.DuckDBPyConnection, order: str) -> str:
    """The first rows as a Markdown table."""
    cursor = con.execute(f"SELECT * FROM this ORDER BY {order} LIMIT {_PREVIEW:d}")
    names = [d[0] for d in cursor.description or []]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in cursor.fetchall():
        cells = (str("" if v is None else v).replace("|", "\\|")[:60] for v in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _options(expectation: Expectation, model: Model) -> dict[str, Any]:
    if expectation.kind == "schema":
        return {"columns": [c.name for c in model.columns]}
    return dict(expectation.options)


def _pandas(columns: Iterable[Column]) -> str:
    """What pandas reads beside the Parquet schema: whole numbers stay so where some are missing.

    Without it a year beside an empty cell becomes 2030.0.
    """
    whole = {"INTEGER": "Int32", "BIGINT": "Int64"}
    return json.dumps(
        {
            "index_columns": [],
            "column_indexes": [],
            "columns": [
                {
                    "name": c.name,
                    "field_name": c.name,
                    "pandas_type": whole[c.type].lower(),
                    "numpy_type": whole[c.type],
                    "metadata": None,
                }
                for c in columns
                if c.type in whole
            ],
        }
    )


def _rows_found(
    con: duckdb.DuckDBPyConnection, expectation: Expectation, model: Model
) -> tuple[int, list[dict[str, Any]]]:
    """How many rows the check's query gives, and the first of them."""
    sql = expectation.options["sql"].replace(model.name, "this")
    cursor = con.execute(sql)
    names = [d[0] for d in cursor.description or []]
    rows = cursor.fetchall()
    shown = [dict(zip(names, map(plain, row), strict=True)) for row in rows[:SHOWN]]
    return len(rows), shown


def _shown(found: tuple[int, list[dict[str, Any]]] | None) -> dict[str, Any]:
    """What a person sees of such a check: the rows themselves, not their count in a frame."""
    if found is None:
        return {}
    return {"observed": f"{found[0]} rows", "failing_rows": found[0], "rows": found[1]}


def _attach(con: duckdb.DuckDBPyConnection, names: Iterable[str], views: Mapping[str, str]) -> None:
    for name in sorted(names):
        schema, table = name.split(".")
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        con.execute(f"CREATE VIEW {quoted(schema)}.{quoted(table)} AS {views[name]}")


def _fingerprint(model: Model, inputs: Mapping[str, str], code: str) -> str:
    content = dump([model.path.read_text("utf-8"), dict(inputs), code])
    return hashlib.sha256(content).hexdigest()


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
