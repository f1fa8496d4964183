"""Build a model: upstream Parquet in, checked Parquet out.

A build opens an in-memory DuckDB, sees its upstream tables as views and writes one file with its
build record. What has the same fingerprint as before is not built again. What a table is stands in
its SQL file, where files lie in records.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import dump, sha256_of
from pipeline.paths import code_version
from pipeline.progress import method
from pipeline.quality.results import SHOWN, CheckResult, QualityError, plain
from pipeline.quality.suite import validate
from pipeline.sql import connect, literal, quoted, stoppable
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import Column, Expectation, Model
from pipeline.warehouse.records import BuildError, BuildRecord, Records

# What DuckDB holds of a table while it is built; more goes to a file.
_MEMORY = "1GB"
_KEY = dict.fromkeys(("source", "dataset", "vintage_id", "series_key", "geo", "period"), "VARCHAR")
# Columns of the tables that models read and no SQL file defines, beside those of the registry, of
# the method and of `raw.vintages`.
RAW = {
    "observations": {
        **_KEY, "year": "INTEGER", "value": "DOUBLE", "unit": "VARCHAR", "flags": "VARCHAR[]",
    },
    "rejects": {
        **_KEY, "line": "BIGINT", "value": "VARCHAR", "flags": "VARCHAR[]", "reason": "VARCHAR",
    },
}  # fmt: skip
CHECKS = pa.schema(
    [
        ("asset", pa.string()),
        ("name", pa.string()),
        ("description", pa.string()),
        ("passed", pa.bool_()),
        ("severity", pa.string()),
        ("blocking", pa.bool_()),
        ("observed", pa.string()),
        ("failing_rows", pa.int64()),
        ("example", pa.string()),
    ]
)


def computing_code() -> str:
    """Fingerprint of the code that computes and checks tables: what changes it has all built again."""
    return code_version(
        "pipeline/progress",
        "pipeline/quality",
        "pipeline/warehouse/build.py",
        "pipeline/warehouse/compute.py",
    )


def raw_table(dataset: str) -> str:
    """The table of a dataset's vintages: `raw.` and its id, in letters that a file may have."""
    return f"raw.{dataset.replace('/', '__').replace('.', '-')}"


class Warehouse(Records):
    """Builds models in a work folder. `datasets`: ids; `models`: by name, upstream first."""

    def __init__(self, root: Path, datasets: Iterable[str], models: Mapping[str, Model]) -> None:
        super().__init__(root)
        self.datasets = sorted(datasets)
        self.models = models

    @cached_property
    def _code(self) -> str:
        return computing_code()

    # What lies in the work folder

    def put_vintages(
        self, dataset: str, vintages: pa.Table, checks: Sequence[CheckResult], reference: date
    ) -> BuildRecord:
        """Note a dataset's vintages as of a date, and the checks of the newest one, for the models."""
        as_of = {"reference_date": reference.isoformat()}
        return self.put(raw_table(dataset), vintages, checks, as_of)

    def put_registry(self, tables: Mapping[str, pa.Table]) -> list[BuildRecord]:
        """Note the registry's tables for the models."""
        return [self.put(f"registry.{name}", table) for name, table in sorted(tables.items())]

    def dataset_record(self, dataset: str) -> BuildRecord:
        """The record of a dataset's vintages. BuildError if it has not been taken in."""
        record = self.record(raw_table(dataset))
        if record is None:
            raise BuildError(f"dataset {dataset} has not been taken in: materialise it first")
        return record

    def vintages(self, dataset: str) -> list[dict[str, Any]]:
        """A dataset's vintages, oldest first. BuildError if it has not been taken in."""
        self.dataset_record(dataset)
        rows: list[dict[str, Any]] = pq.read_table(self.file(raw_table(dataset))).to_pylist()
        return rows

    def put_run(self, reference: date) -> BuildRecord:
        """Note the explicit inputs of a run for the models: the reference date, and the constants
        of the method that SQL reads."""
        for name, table in method.tables().items():
            self.put(name, table)
        row = {"reference_date": reference, "method_version": method.METHOD_VERSION}
        return self.put("run.reference", pa.Table.from_pylist([row]))

    def check_rows(self) -> list[dict[str, Any]]:
        """Every check of datasets and tables, but of those that read the checks themselves."""
        rows = [
            {"asset": f"raw/{name}", **c.to_json()}
            for name in self.datasets
            for c in self.dataset_record(name).checks
        ]
        for model in self.models.values():
            if "checks.results" not in model.upstream:
                asset = model.name.replace(".", "/")
                checks = self.must_have(model.name).checks
                rows += [{"asset": asset, **c.to_json()} for c in checks]
        for row in rows:
            row["example"] = dump(row.pop("rows")[:3]).decode() if not row["passed"] else None
        return rows

    def hash_of(self, table: str) -> str:
        """Fingerprint of an upstream table. BuildError if it is not there."""
        schema = table.split(".")[0]
        if schema == "raw":
            records = [self.dataset_record(n).sha256 for n in self.datasets]
            return hashlib.sha256(dump(records)).hexdigest()
        if schema == "checks":
            return hashlib.sha256(dump(self.check_rows())).hexdigest()
        return self.must_have(table).sha256

    def head(self, table: str, rows: int) -> list[dict[str, Any]]:
        """The first rows of a table, in its order."""
        batches = pq.ParquetFile(self.file(table)).iter_batches(batch_size=rows)
        found: list[dict[str, Any]] = next(batches, pa.RecordBatch.from_pylist([])).to_pylist()
        return found

    # How a table is built

    def build(self, model: Model) -> BuildRecord:
        """Build, check and store a model, if it is not there with the same fingerprint.

        BuildError if an upstream table is missing, or the query fails or does not give the columns
        of the header.
        """
        inputs = {name: self.hash_of(name) for name in sorted(model.upstream)}
        fingerprint = hashlib.sha256(dump([model.source, inputs, self._code])).hexdigest()
        known = self.record(model.name)
        if known is not None and known.fingerprint == fingerprint:
            known.reused = True
            return known
        with (
            self.staged(model.name) as staged,
            TemporaryDirectory(prefix=".spilled-", dir=staged.parent) as spilled,
        ):
            try:
                with stoppable(connect()) as con:
                    con.execute(f"SET memory_limit={literal(_MEMORY)}")
                    con.execute(f"SET temp_directory={literal(spilled)}")
                    self._attach(con, model.upstream)
                    compute(con, model)
                    _write(con, model, staged)
                    checks = _checks(con, model)
            except (QualityError, BuildError):
                raise
            except Exception as error:
                first = str(error).strip().splitlines()[0]
                raise BuildError(f"{model.name}: {first} ({model.file})") from error
            rows = pq.read_metadata(staged).num_rows
            made = BuildRecord(model.name, fingerprint, sha256_of(staged), rows, inputs, checks)
            self.store(made, staged)
        return made

    def _attach(self, con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
        for name in sorted(tables):
            schema, table = name.split(".")
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            con.execute(
                f"CREATE VIEW {quoted(schema)}.{quoted(table)} AS {self.select(schema, table)}"
            )

    def select(self, schema: str, table: str) -> str:
        """A SELECT that gives an upstream table: one that models read."""
        if schema == "raw" and table == "vintages":
            files = ", ".join(literal(self.file(raw_table(n)).as_posix()) for n in self.datasets)
            return f"SELECT * FROM read_parquet([{files}])"
        if schema == "raw":
            return self._raw_rows(table)
        if schema == "checks":
            self.put("checks.results", pa.Table.from_pylist(self.check_rows(), schema=CHECKS))
        file = self.file(f"{schema}.{table}")
        return f"SELECT * FROM read_parquet({literal(file.as_posix())})"

    def _raw_rows(self, table: str) -> str:
        """Rows of the vintages in use (`observations`, `rejects`), or of all accepted ones."""
        kind = "rejects" if table == "rejects" else "observations"
        wanted = "true" if table == "all_observations" else "is_current"
        with stoppable(connect()) as con:
            rows = con.execute(
                f"SELECT source, dataset, vintage_id, {kind} FROM ({self.select('raw', 'vintages')}) "
                f"WHERE {kind} IS NOT NULL AND {wanted}"
            ).fetchall()
        parts = []
        for source, dataset, vintage, path in rows:
            named = {"source": source, "dataset": dataset, "vintage_id": vintage}
            head = ", ".join(f"{literal(text)} AS {name}" for name, text in named.items())
            file = literal((self.root / path).as_posix())
            parts.append(f"SELECT {head}, * FROM read_parquet({file})")
        if not parts:
            # No figures at all is a state too: every row says no_data.
            nulls = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in RAW[kind].items())
            return f"SELECT {nulls} WHERE false"
        return " UNION ALL BY NAME ".join(parts)


def _order(model: Model) -> str:
    return ", ".join(f"{quoted(g)} NULLS FIRST" for g in model.grain)


def _write(con: duckdb.DuckDBPyConnection, model: Model, file: Path) -> None:
    con.execute(
        f"COPY (SELECT * FROM this ORDER BY {_order(model)}) TO {literal(file.as_posix())} "
        "(FORMAT parquet, COMPRESSION zstd, "
        f"KV_METADATA {{pandas: {literal(_pandas(model.columns))}}})"
    )


def _checks(con: duckdb.DuckDBPyConnection, model: Model) -> list[CheckResult]:
    """Every expectation of the header: one suite for the table, one for the numbers of rows that
    its queries found."""
    of_table = [e for e in model.expectations if e.kind != "no_rows"]
    of_query = [e for e in model.expectations if e.kind == "no_rows"]
    found = {e.name: _rows_found(con, e, model) for e in of_query}
    counts = pd.DataFrame({name: [count] for name, (count, _) in found.items()})
    none = [("between", {"column": e.name, "min": 0, "max": 0}) for e in of_query]
    table = con.execute(f"SELECT {_as_read(model)} FROM this").df()
    outcomes = [
        *zip(
            of_table, validate(table, [(e.kind, _options(e, model)) for e in of_table]), strict=True
        ),
        *zip(of_query, validate(counts, none), strict=True),
    ]
    for expectation, outcome in outcomes:
        if expectation.kind == "no_rows":
            # What a person sees are the rows themselves, not their number in a frame.
            count, rows = found[expectation.name]
            outcome |= {"observed": f"{count} rows", "failing_rows": count, "rows": rows}
    results = {
        e.name: CheckResult(
            e.name, severity=e.severity, blocking=e.blocking, description=e.description, **outcome
        )
        for e, outcome in outcomes
    }
    return [results[e.name] for e in model.expectations]


def _as_read(model: Model) -> str:
    """The columns as Great Expectations is given them: lists as text. It hashes each frame, and one
    with lists in it takes it twenty times as long."""
    return ", ".join(
        f"{quoted(c.name)}::VARCHAR AS {quoted(c.name)}"
        if c.type.endswith("[]")
        else quoted(c.name)
        for c in model.columns
    )


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
