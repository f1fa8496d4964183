"""Bytes of a publisher's wire format in, observations and rejects out. No network here."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import duckdb

from pipeline.formats import bodies, cbs, documents, packed, tables, worldbank
from pipeline.formats.cells import HEAD, has_semicolons, with_commas
from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.formats.tidy import OBSERVATIONS, REJECTS, Reading, tidy
from pipeline.sql import literal, stoppable

__all__ = ["FORMATS", "DatasetSpec", "ParseError", "Parsed", "parse", "parse_file", "streams"]

_TABLES: dict[str, Callable[[bodies.Csv], Reading]] = {
    "sdmx_csv": tables.sdmx_csv,
    "sdmx_csv2": tables.sdmx_csv2,
    "eurostat_tsv": tables.eurostat_tsv,
    "oecd_csv": tables.oecd_csv,
    "owid_csv": tables.owid_csv,
    "curated_csv": tables.curated_csv,
    "projection_csv": tables.projection_csv,
}
_DOCUMENTS: dict[str, Callable[[bytes, DatasetSpec], documents.Rows]] = {
    "jsonstat": documents.jsonstat,
    "cbs_odata": cbs.cbs_odata,
    "cbs_zip": cbs.cbs_zip,
    "statline_csv": cbs.statline_csv,
    "worldbank_json": worldbank.worldbank_json,
    "worldbank_csv": worldbank.worldbank_csv,
    "unsdg_json": documents.unsdg_json,
    "gho_json": documents.gho_json,
}
FORMATS = (*_TABLES, *_DOCUMENTS)
# Tables that people make, and save from a Dutch spreadsheet with semicolons and decimal commas.
_BY_HAND = ("curated_csv", "projection_csv")
# DuckDB's own memory for a large body; what does not fit is spilled beside the output. The process
# takes some 300 MB more.
MEMORY = "700MB"
_THREADS = 2
_NO_ROW = "no row of the body can be used"


def parse(body: bytes, spec: DatasetSpec) -> Parsed:
    """Parse one body. ParseError, in one line, if it is not whole or not this dataset's."""
    parsed = read(body, spec)
    if parsed.observations.num_rows == 0:
        raise ParseError(f"{_NO_ROW}: {parsed.set_aside()}")
    return parsed


def read(body: bytes, spec: DatasetSpec) -> Parsed:
    """parse() of a body that may hold rejects only."""
    if spec.format not in FORMATS:
        raise ParseError(f"format {spec.format!r} is not one of {', '.join(FORMATS)}")
    with (
        tempfile.TemporaryDirectory(prefix="missiemonitor-") as scratch,
        stoppable(_database(os.getpid()).cursor()) as con,
        _refused(spec),
    ):
        body = _unpacked(body, spec)
        if spec.format in _TABLES:
            table = bodies.table(io.BytesIO(body), Path(scratch) / "rows.csv")
            reading = _TABLES[spec.format](table)
        else:
            reading = documents.reading(con, _DOCUMENTS[spec.format](body, spec))
        tidy(con, reading, spec)
        return Parsed(con.sql(OBSERVATIONS).to_arrow_table(), con.sql(REJECTS).to_arrow_table())


def _unpacked(body: bytes, spec: DatasetSpec) -> bytes:
    """The table that a zip, a workbook or a spreadsheet's CSV holds."""
    body = packed.plain(body)
    return with_commas(body) if spec.format in _BY_HAND else body


def streams(spec: DatasetSpec, path: Path) -> bool:
    """Whether parse_file() can read the body in this file: a CSV or TSV, plain or gzip."""
    if spec.format not in _TABLES:
        return False
    with closing(bodies.opened(path)) as raw:
        head = raw.read(HEAD)
    return not (packed.is_packed(head) or (spec.format in _BY_HAND and has_semicolons(head)))


def parse_file(
    path: Path,
    spec: DatasetSpec,
    observations: Path,
    rejects: Path,
    sha256: str | None = None,
    limit: int | None = None,
    memory: str = MEMORY,
) -> tuple[int, int]:
    """Parse the CSV body in `path` (plain or gzip) into two Parquet files, in bounded memory.

    Gives the numbers of observations and rejects; the rows are those of parse(). `sha256` is
    that of the unpacked body and `limit` its greatest size in bytes; `memory` is DuckDB's limit.
    ParseError as parse(), and if the bytes are damaged or too many; neither file is there then.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".parsing-", dir=observations.parent) as folder,
        _refused(spec),
    ):
        scratch = Path(folder)
        with closing(bodies.opened(path)) as raw:
            table = bodies.table(raw, scratch / "rows.csv", sha256, limit)
        with stoppable(_connect(_THREADS)) as con:
            con.execute(f"SET memory_limit={literal(memory)}")
            con.execute(f"SET temp_directory={literal(str(scratch / 'spilled'))}")
            tidy(con, _TABLES[spec.format](table), spec)
            good, bad = (
                _copy(con, select, scratch / name)
                for select, name in ((OBSERVATIONS, "observations"), (REJECTS, "rejects"))
            )
        if good == 0:
            raise ParseError(f"{_NO_ROW}: all {bad} are set aside")
        (scratch / "observations").replace(observations)
        (scratch / "rejects").replace(rejects)
    return good, bad


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> int:
    """Write a SELECT as Parquet; gives the number of its rows.

    DuckDB marks a column in which nothing is null as such: the types are those of parse(), what
    may be null is not part of them.
    """
    copied = con.execute(f"COPY ({select}) TO {literal(str(target))} (FORMAT parquet)").fetchall()
    return int(copied[0][0])


def _connect(threads: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET autoinstall_known_extensions=false")
    con.execute(f"SET threads={threads}")
    # DuckDB takes a CSV of any size for a small table and would put it into a join's hash table.
    con.execute("SET disabled_optimizers='join_order,build_side_probe_side'")
    return con


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """One engine for each process: making one costs more than reading a small body."""
    return _connect(threads=1)


@contextmanager
def _refused(spec: DatasetSpec) -> Iterator[None]:
    try:
        yield
    except ParseError:
        raise
    except duckdb.InvalidInputException as error:
        raise ParseError(f"the body is truncated or not a table: {str(error)[:160]}") from error
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # A field of another shape than the format's is the body's fault: one bad body must
        # end as one refused vintage, never as the end of the run.
        raise ParseError(
            f"the body is not shaped as {spec.format}: {type(error).__name__}: {str(error)[:120]}"
        ) from error
