"""What holds a table and is none: a zip that was downloaded, a workbook. Unpacked in memory.

Nothing is written to disk, and no more is unpacked than LARGEST.
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from pipeline.formats.advice import EUROSTAT
from pipeline.formats.spec import ParseError

LARGEST = 512 << 20
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What zipfile raises for bytes that are not as a zip's should be, beside its own error.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, OSError, RuntimeError, ValueError,
)  # fmt: skip
# What publishers put beside a table in its zip.
_BESIDE = re.compile(r"metadata|readme|licen[cs]e", re.IGNORECASE)
_TABLES = (".csv", ".tsv", ".txt", ".json")


def is_packed(head: bytes) -> bool:
    """Whether a body that begins so is a zip or a workbook."""
    return head.startswith((ZIP, OLE))


def plain(body: bytes) -> bytes:
    """The table in a zip or workbook, as CSV; any other body, and the zip of a CBS table, as it is.

    ParseError if there is none or more than one, or it is damaged or too large.
    """
    if body.startswith(OLE):
        return _sheet(body)
    if not body.startswith(ZIP):
        return body
    names = _names(body)
    if "[Content_Types].xml" in names or "content.xml" in names:
        return _sheet(body)
    if is_cbs(names):
        return body
    found = [n for n in names if n.lower().endswith(_TABLES) and not _BESIDE.search(n)]
    # A chart's page may give its data as JSON too.
    found = [n for n in found if not n.lower().endswith(".json")] or found
    if len(found) != 1:
        said = ", ".join(found or names)[:120]
        raise ParseError(
            f"the zip holds {len(found)} tables ({said}): unpack it and take in the one that is meant"
        )
    return dict(members(body, found[0]))[found[0]]


def is_cbs(names: list[str]) -> bool:
    """Whether a zip with these members is a CBS table: observations and their code lists."""
    parts = {n.rpartition("/")[2].rpartition(".")[0] for n in names}
    return "Observations" in parts and "MeasureCodes" in parts


def _names(body: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            found = archive.infolist()
    except _DAMAGED as error:
        raise ParseError(f"the zip is damaged ({error}): download it again") from error
    if sum(item.file_size for item in found) > LARGEST:
        raise ParseError(
            f"the zip unpacks to more than {LARGEST >> 20} MB: choose the series that are needed "
            "on the publisher's page and download those"
        )
    return [item.filename for item in found if not item.is_dir()]


def members(body: bytes, only: str = "") -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the files in a zip, or of one. ParseError if it is damaged or too large."""
    wanted = [name for name in _names(body) if not only or name == only]
    left = LARGEST
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in wanted:
                with archive.open(name) as file:
                    # What a zip says of its size need not be so.
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise ParseError(f"the zip unpacks to more than {LARGEST >> 20} MB: refused")
                yield name, content
    except ParseError:
        raise
    except _DAMAGED as error:
        raise ParseError(f"the zip is damaged ({error}): download it again") from error


def _sheet(body: bytes) -> bytes:
    """The one sheet of a workbook that is a table, as CSV."""
    # Late: only a workbook needs it.
    from python_calamine import CalamineError, CalamineWorkbook

    tables: dict[str, list[list[Any]]] = {}
    of_eurostat = False
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
        names = book.sheet_names
        for name in names:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=True)
            if _is_table(rows):
                tables[name] = rows
            of_eurostat |= any(
                "Eurostat" in str(c) or "ESTAT" in str(c) for r in rows[:9] for c in r
            )
    except (CalamineError, *_DAMAGED) as error:
        raise ParseError(
            f"the workbook cannot be read ({type(error).__name__}): save it again, or as CSV"
        ) from error
    if not tables and of_eurostat:
        raise ParseError(
            f"it is the workbook of Eurostat's data browser, made to be read: {EUROSTAT}"
        )
    if len(tables) != 1:
        said = ", ".join(tables or names)[:120]
        raise ParseError(
            f"the workbook has {len(tables)} sheets that are a table with one header ({said}): "
            "save the one that is meant as CSV, or take the publisher's CSV"
        )
    [rows] = tables.values()
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([_text(c) for c in row] for row in rows)
    return out.getvalue().encode("utf-8")


def _is_table(rows: list[list[Any]]) -> bool:
    """Whether every column has a name in the first row, or in that below a World Bank heading."""
    if len(rows) < 2:
        return False
    if rows[0] and str(rows[0][0]).strip() == "Data Source":
        return any(row and str(row[0]).strip() == "Country Name" for row in rows[1:6])
    names = [str(cell).strip() for cell in rows[0]]
    return len(names) > 2 and all(names)


def _text(cell: Any) -> str:
    """A cell as CSV has it. Spreadsheets keep whole numbers as floating-point ones."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if not (cell.hour or cell.minute) else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
