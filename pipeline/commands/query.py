"""`missiemonitor query`: read-only SQL over the published set."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from pipeline.commands.common import UserError, console, release_of
from pipeline.paths import Paths


def query(
    sql: Annotated[str, typer.Argument(help="One statement; tables are marts.<name>.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """Ask the published DuckDB, read-only.

    Example: missiemonitor query "SELECT mission_id, status FROM marts.sub_mission_progress"
    """
    import duckdb

    file = release_of(Paths.from_environment()) / "missiemonitor.duckdb"
    try:
        with duckdb.connect(file.as_posix(), read_only=True) as con:
            con.execute("SET autoinstall_known_extensions=false")
            con.execute("SET enable_external_access=false")
            cursor = con.execute(sql)
            names = [d[0] for d in cursor.description or []]
            rows = cursor.fetchall()
    except duckdb.Error as error:
        raise UserError(f"query: {str(error).strip().splitlines()[0]}") from error
    if as_json:
        for row in rows:
            line = dict(zip(names, row, strict=True))
            typer.echo(json.dumps(line, ensure_ascii=False, default=str))
        return
    if as_csv or not sys.stdout.isatty():
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in names:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text("" if v is None else str(v)) for v in row))
    console().print(table)
