"""The data dictionary of a release: every table, view and column with its meaning.

Read from the release itself (comments in the database, constraints in the data package), so it
says what is there. What a table is stands in its SQL header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.release.database import dicts, open_release
from pipeline.sql import stoppable

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Field:
    """A column. `type`: DuckDB's. `allowed`: the values it can take, where they are named."""

    name: str
    type: str
    comment: str
    required: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table or view of schema `marts`. `file` and `rows` are None for a view."""

    name: str
    comment: str
    fields: tuple[Field, ...]
    grain: tuple[str, ...] = ()
    file: str | None = None
    rows: int | None = None

    @property
    def is_view(self) -> bool:
        return self.file is None


def read_dictionary(release: Path) -> list[Table]:
    """The tables of a release by name, then its views."""
    package = json.loads((release / "datapackage.json").read_text("utf-8"))
    with stoppable(open_release(release)) as con:
        return gather(con, package)


def gather(con: duckdb.DuckDBPyConnection, package: Mapping[str, Any]) -> list[Table]:
    """The same from a release that is open, and its data package."""
    resources = {r["name"]: r for r in package["resources"]}
    objects = dicts(
        con,
        "SELECT table_name AS name, comment FROM duckdb_tables() WHERE schema_name = 'marts' "
        "UNION ALL SELECT view_name, comment FROM duckdb_views() "
        "WHERE schema_name = 'marts' AND NOT internal",
    )
    columns = dicts(
        con,
        "SELECT table_name, column_name, data_type, comment, is_nullable FROM duckdb_columns() "
        "WHERE schema_name = 'marts' ORDER BY table_name, column_index",
    )
    found = []
    for item in objects:
        resource = resources.get(item["name"])
        listed = {f["name"]: f for f in resource["schema"]["fields"]} if resource else {}
        fields = tuple(
            Field(
                c["column_name"],
                c["data_type"],
                c["comment"] or "",
                not c["is_nullable"],
                tuple(listed.get(c["column_name"], {}).get("constraints", {}).get("enum", ())),
            )
            for c in columns
            if c["table_name"] == item["name"]
        )
        found.append(
            Table(
                item["name"],
                item["comment"] or "",
                fields,
                tuple(resource["schema"].get("primaryKey", ())) if resource else (),
                resource["path"] if resource else None,
                resource["rows"] if resource else None,
            )
        )
    return sorted(found, key=lambda t: (t.is_view, t.name))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _lines(tables: Sequence[Table], identity: Mapping[str, str]) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield f"Missiemonitor, release `{identity['release_id']}`, reference date {identity['reference_date']}."
    yield "Schema `marts` of `missiemonitor.duckdb`; each table is also a Parquet file."
    yield "Empty cells are unknown or do not apply, never zero."
    yield ""
    for table in tables:
        size = "view" if table.is_view else f"{table.rows} rows, `{table.file}`"
        yield f"- [`{table.name}`](#{table.name}) ({size})"
    for table in tables:
        yield ""
        yield f"## {table.name}"
        yield ""
        yield _cell(table.comment)
        yield ""
        if table.grain:
            yield f"One row for each {', '.join(f'`{g}`' for g in table.grain)}."
            yield ""
        yield "| column | type | always given | meaning |"
        yield "| --- | --- | --- | --- |"
        for field in table.fields:
            meaning = _cell(field.comment)
            if field.allowed:
                meaning += ": " + ", ".join(f"`{' '.join(v.split())}`" for v in field.allowed)
            given = "yes" if field.required else ""
            yield f"| `{field.name}` | {field.type} | {given} | {meaning} |"


def markdown(tables: Sequence[Table], identity: Mapping[str, str]) -> str:
    """The dictionary as Markdown. `identity`: release_id and reference_date."""
    return "\n".join(_lines(tables, identity)) + "\n"
