"""`missiemonitor query`: read-only SQL over the published set."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from pipeline.cli.common import RELEASE, UserError, console, release_of, until_unread, write_utf8
from pipeline.paths import Paths
from pipeline.release.database import open_release
from pipeline.sql import stoppable

_BATCH = 2000
# What a terminal shows of a long result; a pipe gets all of it.
_SHOWN = 500
Values = tuple[Any, ...]
Batches = Iterator[list[Values]]


def query(
    sql: Annotated[str, typer.Argument(help="One statement, or - for standard input.")],
    as_csv: Annotated[
        bool, typer.Option("--csv", help="As CSV (RFC 4180, UTF-8); the default in a pipe.")
    ] = False,
    as_excel: Annotated[
        bool,
        typer.Option("--excel", help="As CSV for a Dutch spreadsheet: ; and decimal comma."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, an object a line.")] = False,
    release: RELEASE = "",
) -> None:
    """Ask the published DuckDB, read-only. Tables and views are marts.<name>.

    A long result is passed on as it is read. Nothing can be written, and no other file be
    reached.

    \b
    Examples:
      missiemonitor query "FROM marts.scoreboard"
      missiemonitor query "SELECT * FROM marts.observations WHERE geo = 'NL'" --csv > nl.csv
      missiemonitor query "SELECT table_name, comment FROM duckdb_tables()"
      missiemonitor query - --json < question.sql
    """
    import duckdb  # here: help and completion do without

    if as_csv + as_excel + as_json > 1:
        raise UserError("query: one of --csv, --excel and --json")
    if sql == "-":
        sql = sys.stdin.read()
    folder = release_of(Paths.from_environment(), release)
    try:
        with until_unread(), stoppable(open_release(folder)) as con:
            statements = con.extract_statements(sql)
            if len(statements) != 1:
                raise UserError(f"query: one statement at a time, not {len(statements)}")
            con.execute(statements[0])
            names = [d[0] for d in con.description or []]
            batches = iter(lambda: con.fetchmany(_BATCH), [])
            _printer(as_csv, as_excel, as_json)(names, batches)
    except duckdb.Error as error:
        raise UserError(f"query: {_said(error)}") from error


def _said(error: Exception) -> str:
    text = str(error).strip()
    if "read-only" in text:
        return "the published set is read-only; it changes by `missiemonitor run` alone"
    if "external access" in text or "file system operations are disabled" in text:
        return "only the published set can be read here: no other file, network or extension"
    lines = text.splitlines()
    # DuckDB puts what it would have expected on a line of its own.
    hint = next((x for x in lines[1:] if x.startswith(("Did you mean", "Candidate"))), "")
    return f"{lines[0]} {hint}".strip()


def _printer(as_csv: bool, as_excel: bool, as_json: bool) -> Callable[[list[str], Batches], None]:
    if as_json or as_excel or as_csv or not sys.stdout.isatty():
        write_utf8()
    if as_json:
        return _print_json
    if as_excel:
        return _print_excel
    if as_csv or not sys.stdout.isatty():
        return _print_csv
    return _print_table


def _print_json(names: list[str], batches: Batches) -> None:
    for rows in batches:
        for row in rows:
            line = {n: _plain(v) for n, v in zip(names, row, strict=True)}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """A value as JSON has it; numbers that are none (NaN, infinite) as text."""
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(_plain(value), ensure_ascii=False)
    return value


def _print_csv(names: list[str], batches: Batches) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for rows in batches:
        writer.writerows([_cell(v) for v in row] for row in rows)


def _excel(value: Any) -> Any:
    if isinstance(value, bool):
        return "WAAR" if value else "ONWAAR"
    if isinstance(value, float | Decimal):
        return str(value).replace(".", ",")
    if isinstance(value, int | datetime | date) or value is None:
        return value
    text = str(_cell(value))
    # Text from outside must not become a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _print_excel(names: list[str], batches: Batches) -> None:
    sys.stdout.write("\ufeff")
    writer = csv.writer(sys.stdout, delimiter=";", lineterminator="\r\n")
    writer.writerow(names)
    for rows in batches:
        writer.writerows([_excel(v) for v in row] for row in rows)


def _print_table(names: list[str], batches: Batches) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for name in names:
        table.add_column(Text(name))
    shown, more = 0, False
    for rows in batches:
        for row in rows[: _SHOWN - shown]:
            table.add_row(*(Text("" if v is None else str(v)) for v in row))
        shown += len(rows[: _SHOWN - shown])
        if shown >= _SHOWN:
            more = True
            break
    out = console()
    out.print(table)
    if more:
        out.print(Text(f"the first {_SHOWN} rows; all of them with --csv or --json", style="dim"))
