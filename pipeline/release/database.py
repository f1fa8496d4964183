"""How a published release is opened for reading. Writing one belongs in publish.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

DATABASE = "missiemonitor.duckdb"


def open_release(release: Path) -> duckdb.DuckDBPyConnection:
    """The release's database, read-only: no other file, no network and no setting can be reached.

    A release is never written to again, so whoever has it open keeps one consistent set.
    """
    import duckdb

    con = duckdb.connect((release / DATABASE).as_posix(), read_only=True)
    con.execute("SET autoinstall_known_extensions=false")
    con.execute("SET autoload_known_extensions=false")
    con.execute("SET enable_external_access=false")
    con.execute("SET lock_configuration=true")
    return con


def dicts(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """Rows of a query as column → value."""
    cursor = con.execute(sql)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
