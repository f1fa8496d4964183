"""The tail that all formats share: text cells in, observations and rejects out, in one SQL pass.

Missing is not zero, a cell that cannot be read is a reject with its reason, flags are sets.
Where the cells come from belongs in the module of each format.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.formats.spec import DatasetSpec, Parsed, ParseError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CELLS = ("series_key", "geo", "period", "value", "unit", "flags", "reason")
_YEAR = r"^\d{4}$"
_RANGE = r"^\d{4}\s*[-/–]\s*(\d{4})$"
_CIRCA = r"^(?:c\.|ca\.|circa)\s*(\d{4})$|^(\d{4})e$"
_FRACTION = r"^(\d+)\s+(?:in|of)\s+(\d+)$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def sniff(body: bytes) -> None:
    """ParseError for what is never data: nothing, HTML, a fault, a compressed body."""
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise ParseError("the body is empty: pull or download it again")
    if head[:2] == b"\x1f\x8b":
        raise ParseError("the body is gzip inside gzip: unpack it first")
    low = head[:512].lower()
    if low.startswith((b"<!doctype html", b"<html")) or b"<html" in low:
        raise ParseError("the body is an HTML page, not data: the publisher may be in maintenance")
    if low.startswith(b"<"):
        kind = (
            "a SOAP or XML fault or queue notice"
            if b"fault" in low or b"envelope" in low
            else "XML"
        )
        raise ParseError(f"the body is {kind}, not data: pull it again later")


def read_csv(body: bytes, required: tuple[str, ...]) -> pa.Table:
    """A CSV as strings by header name. ParseError: truncated, or a required column missing."""
    import pyarrow as pa
    from pyarrow import csv as pacsv

    sniff(body)
    if body.lstrip()[:1] in (b"{", b"["):
        raise ParseError("the body is JSON, not CSV: the publisher may have sent an error")
    try:
        # Blank lines and spaces around the table mean nothing; no cell that counts is lost.
        text = body.decode("utf-8-sig").strip() + "\n"
    except UnicodeDecodeError as error:
        raise ParseError(
            f"the body is not UTF-8 (byte {error.start}): check its encoding"
        ) from error
    if text.count('"') % 2:
        # A quote that never closes swallows every row after it into one cell.
        raise ParseError("the body is truncated or broken: a quoted cell is never closed")
    try:
        header = [c.strip() for c in next(csv.reader(io.StringIO(text.split("\n", 1)[0])))]
    except csv.Error as error:
        raise ParseError(f"the header cannot be read: {error}") from error
    if not all(header) or any("\0" in c for c in header):
        raise ParseError("a column has no name, or one that cannot be: pull the body again")
    for column in required:
        if column not in header:
            raise ParseError(f"column {column} is missing; the header is {', '.join(header)[:200]}")
    if len({c.lower() for c in header}) != len(header):
        # In SQL names have no case: `x` and `X` would give the same cells twice.
        raise ParseError("a column name occurs twice in the header")
    data = text.encode("utf-8")
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types={c: pa.string() for c in header}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise ParseError(f"the body is truncated or not a table: {str(error)[:160]}") from error
    if table.num_rows == 0:
        raise ParseError("the body has a header and no rows")
    return table


@dataclass(frozen=True)
class Kind:
    """What the rules make of a row. `number`: the value, where the text of it was judged too."""

    period: str
    year: int | None
    flags: tuple[str, ...]
    reason: str | None
    number: float | None = None


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """One engine for each process: making one costs more than reading a small body."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET autoinstall_known_extensions=false")
    con.execute("SET threads=1")
    return con


def tidy(cells: pa.Table, sql: str, spec: DatasetSpec) -> Parsed:
    """Observations and rejects from `sql`, a SELECT over `cells` that gives line and CELLS."""
    with _database(os.getpid()).cursor() as con:
        con.register("cells", cells)
        con.execute(f"CREATE TEMP TABLE final AS {_final(_judged(sql, spec))}")
        observations = con.sql(
            "SELECT series_key, geo, period, year, number AS value, unit, flags FROM final "
            "WHERE why IS NULL ORDER BY series_key, geo, year, line"
        ).to_arrow_table()
        rejects = con.sql(
            "SELECT line, series_key, geo, period, value, flags, why AS reason FROM final "
            "WHERE why IS NOT NULL ORDER BY line, series_key"
        ).to_arrow_table()
    return Parsed(observations, rejects)


_KINDS: dict[tuple[Any, ...], Kind] = {}
_MOST_KINDS = 50_000


def judge(
    rows: list[tuple[str | None, ...]], names: tuple[str, ...], sql: str, spec: DatasetSpec
) -> list[Kind]:
    """What the rules make of each of `rows`: texts of the columns `names`, and of the value,
    None where it is plainly a number. `sql` is a SELECT over `kinds`, shaped as for tidy()."""
    import pyarrow as pa

    rules = (sql, names, spec.forms)
    found = {row: _KINDS.get((*rules, row)) for row in rows}
    new = [row for row, kind in found.items() if kind is None]
    if new:
        columns = [pa.array(c, pa.string()) for c in zip(*new, strict=True)]
        columns[-1] = columns[-1].fill_null("0")
        with _database(os.getpid()).cursor() as con:
            con.register("kinds", pa.table(columns, names=[*names, "value"]))
            judged = con.execute(
                f"SELECT period, year, flags, fault, number FROM ({_judged(sql, spec)}) ORDER BY line"
            ).fetchall()
        if len(_KINDS) > _MOST_KINDS:
            _KINDS.clear()
        for row, (period, year, flags, fault, number) in zip(new, judged, strict=True):
            found[row] = _KINDS[(*rules, row)] = Kind(period, year, tuple(flags), fault, number)
    return [kind for row in rows if (kind := found[row]) is not None]


def _judged(given: str, spec: DatasetSpec) -> str:
    """SELECT that reads the cells of `given` and names each one's fault, if it has one."""
    forms = spec.forms
    year = [f"WHEN regexp_matches(p, '{_YEAR}') THEN p"]
    circa = "false"
    if "range" in forms:
        year.append(f"WHEN regexp_matches(p, '{_RANGE}') THEN regexp_extract(p, '{_RANGE}', 1)")
    if "circa" in forms:
        circa = f"regexp_matches(p, '{_CIRCA}')"
        year.append(
            f"WHEN {circa} THEN regexp_extract(p, '{_CIRCA}', 1) || regexp_extract(p, '{_CIRCA}', 2)"
        )
    fraction = "NULL"
    if "fraction" in forms:
        fraction = (
            f"CASE WHEN regexp_matches(v, '{_FRACTION}') THEN "
            f"100.0 * regexp_extract(v, '{_FRACTION}', 1)::DOUBLE "
            f"/ nullif(regexp_extract(v, '{_FRACTION}', 2)::DOUBLE, 0) END"
        )
    return f"""
SELECT *, CASE
  WHEN reason IS NOT NULL THEN reason
  WHEN list_contains(flags, 'target') THEN 'target_row'
  WHEN list_contains(flags, 'f') THEN 'forecast'
  WHEN list_contains(flags, 'c') AND v IN ('', ':') THEN 'confidential'
  WHEN v IN ('', ':') THEN 'no_value'
  WHEN lower(v) IN ('nan', 'inf', '-inf', '+inf', 'infinity', '-infinity') THEN 'not_finite'
  WHEN number IS NULL THEN 'not_a_number'
  WHEN NOT isfinite(number) THEN 'not_finite'
  WHEN year IS NULL THEN 'period_not_read'
END AS fault
FROM (
  SELECT line, series_key, geo, period, value, unit, reason,
         try_cast(CASE {" ".join(year)} END AS INTEGER) AS year,
         coalesce(CASE WHEN regexp_matches(v, '{_NUMBER}') THEN try_cast(v AS DOUBLE) END,
                  {fraction}) AS number,
         v, {circa} AS circa,
         list_sort(list_distinct(list_filter(
           regexp_split_to_array(coalesce(flags, ''), '[ ,;]+') || CASE WHEN {circa} THEN ['e'] ELSE [] END,
           lambda f: f <> ''))) AS flags
  FROM (SELECT *, trim(period) AS p, trim(coalesce(value, '')) AS v FROM ({given}))
)"""


def _final(judged: str) -> str:
    """SELECT that adds to judged cells why each is no observation: its fault, or given twice."""
    return f"""
SELECT *, coalesce(fault, CASE
  WHEN low <> high THEN 'duplicate_differs'
  WHEN place > 1 THEN 'duplicate_same'
END) AS why
FROM (
  SELECT *,
    min(number) OVER cell AS low, max(number) OVER cell AS high,
    row_number() OVER (PARTITION BY series_key, geo, year, fault IS NULL
                       ORDER BY len(flags), line) AS place
  FROM ({judged})
  WINDOW cell AS (PARTITION BY series_key, geo, year, fault IS NULL)
)"""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def key_sql(columns: list[str], names: list[str] | None = None) -> str:
    """SQL for the series key: `dim=code` pairs sorted by dim, joined by `|`."""
    pairs = sorted(zip(names or columns, columns, strict=True))
    parts = [
        "'" + name.replace("'", "''") + f"=' || trim({quoted(column)})" for name, column in pairs
    ]
    return " || '|' || ".join(parts)


def must_state(found: set[Any], spec: DatasetSpec, what: str) -> None:
    """ParseError unless the body states the one code that it should."""
    if spec.code is None:
        return
    wrong = sorted(str(f) for f in found if str(f).upper() != spec.code.upper())
    if wrong or not found:
        raise ParseError(
            f"{what} is {', '.join(wrong[:3]) or 'not stated'}, not {spec.code}: another dataset"
        )
