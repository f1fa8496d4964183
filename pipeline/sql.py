"""An in-memory DuckDB, queries that can be stopped, and names and texts as SQL has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that fetches nothing and gives the same result every time."""
    import duckdb  # half a second, which completion and help need not pay

    con = duckdb.connect()
    con.execute("SET autoinstall_known_extensions=false")
    con.execute("SET autoload_known_extensions=false")
    # Sums of doubles depend on the order of threads.
    con.execute("SET threads=1")
    return con


@contextmanager
def stoppable(con: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection, closed at the end of the block; KeyboardInterrupt if a signal ended a query.

    DuckDB hides what the signal's handler raises behind an error of its own, which would pass for
    a fault of the query or of the figures.
    """
    try:
        yield con
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise
    finally:
        con.close()


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string literal."""
    return "'" + text.replace("'", "''") + "'"
