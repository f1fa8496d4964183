"""Small tables of text, cell by cell: what several formats for people share. Large ones are read by
DuckDB (bodies.py, tables.py)."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any

from pipeline.formats.bodies import ends_line
from pipeline.formats.spec import ParseError

# Rows of such a table are Python objects: a larger one is a whole database, of which a part is wanted.
LARGEST = 256 << 20
HEAD = 4096  # bytes that a header is looked for in


def text_of(body: bytes) -> str:
    """The text of a body. ParseError if it is too large, UTF-16, or not UTF-8."""
    if len(body) > LARGEST:
        raise ParseError(
            f"the table has {len(body):,} bytes: choose the series that are needed on the "
            "publisher's page and download those"
        )
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ParseError("the body is UTF-16: save it as CSV in UTF-8")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"the body is not UTF-8 (byte {error.start}): save it as CSV in UTF-8"
        ) from error


def cells_of(text: str, delimiter: str = ",") -> Iterator[list[str]]:
    """The rows that are not blank, their cells without blanks around. ParseError if a quoted cell
    is never closed."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise ParseError(
            f"line {reader.line_num}: the body is truncated or no table: {error}"
        ) from error


def with_points(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a decimal point in their `value`, for a comma. ParseError if numbers have points
    and commas: either could be the decimal sign."""
    signs = {sign: row["value"] for row in rows for sign in ".," if sign in row["value"].strip(".")}
    if len(signs) == 2:
        raise ParseError(
            f"numbers have points and commas ({signs['.']} and {signs[',']}): which of them is the "
            "decimal sign cannot be told; download or save the table without thousands separators"
        )
    return [{**row, "value": row["value"].replace(",", ".")} for row in rows]


def has_semicolons(head: bytes) -> bool:
    """Whether the header that a body begins with has semicolons between its names."""
    line = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0]
    return b";" in line and b"," not in line


def with_commas(body: bytes) -> bytes:
    """A CSV that has semicolons between its cells, as a Dutch spreadsheet saves it, as one with
    commas, and with decimal points in the columns that hold figures; any other body as it is."""
    if not has_semicolons(body[:HEAD]):
        return body
    rows = list(cells_of(text_of(body), ";"))
    names = rows[0]
    figures = [n for n, name in enumerate(names) if name == "value" or name.endswith("_pct")]
    for place in figures:
        column = [{"value": row[place] if place < len(row) else ""} for row in rows[1:]]
        for row, cell in zip(rows[1:], with_points(column), strict=True):
            if place < len(row):
                row[place] = cell["value"]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    text = out.getvalue()
    return (text if ends_line(body) else text.rstrip("\n")).encode("utf-8")
