"""A model's rows: what its SELECT gives or, where its header names a function, what that makes of it.

Upstream tables must be there already; checking and storing the rows belong in build.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.warehouse.model import Model, ModelError

if TYPE_CHECKING:
    import duckdb


def compute(con: duckdb.DuckDBPyConnection, model: Model, into: str = "this") -> None:
    """Create the table `into` with the header's columns and fill it.

    ModelError in one line if the header names a function that is not there, or the columns are
    not the header's. A query or function that fails raises what it raises.
    """
    wanted = [c.name for c in model.columns]
    columns = ", ".join(f'"{c.name}" {c.type}' for c in model.columns)
    if model.function is None:
        cursor = con.execute(f"SELECT * FROM ({model.query}) LIMIT 0")
        got = [d[0] for d in cursor.description or []]
        if got != wanted:
            raise ModelError(_differ("query", got, wanted))
        con.execute(f"CREATE TABLE {into} ({columns})")
        con.execute(f"INSERT INTO {into} SELECT * FROM ({model.query})")
        return
    # Here because scipy and numpy, which the functions use, take half a second to import: a run
    # in which nothing changed computes no table.
    from pipeline.progress.tables import FUNCTIONS

    if model.function not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise ModelError(f"function: {model.function} is none of {known} (progress/tables.py)")
    answers = FUNCTIONS[model.function](con.sql(model.query).to_arrow_table())
    if set(answers.column_names) != set(wanted):
        raise ModelError(_differ(f"function {model.function}", answers.column_names, wanted))
    con.execute(f"CREATE TABLE {into} ({columns})")
    con.register("answers", answers)
    try:
        con.execute(f"INSERT INTO {into} BY NAME SELECT * FROM answers")
    finally:
        con.unregister("answers")


def _differ(what: str, got: list[str], wanted: list[str]) -> str:
    odd = sorted(set(got) ^ set(wanted)) or ["their order"]
    return f"{what} and header differ in {', '.join(odd)}: make it give the header's columns" + (
        " in the header's order" if what == "query" else ""
    )
