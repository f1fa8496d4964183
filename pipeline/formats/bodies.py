"""From a body's bytes to a table that DuckDB can read: unpacked, hashed, checked, on disk.

What the columns mean belongs in tables.py; JSON bodies are small and stay in memory.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.formats.spec import ParseError
from pipeline.sql import literal

_BLOCK = 1 << 20
_LONGEST_HEADER = 1 << 20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MOST_COLUMNS = 2000
GZIP = b"\x1f\x8b"
# A number cut short is a number still: 609.85 becomes 60.
OPEN_LINE = (
    "the last line has no end, so the body may be truncated: pull or download it again; a line end "
    "belongs behind the last line of a table that is whole"
)


@dataclass(frozen=True)
class Csv:
    """A checked CSV body: the column names, and a file that holds the rows below them. `delimiter`
    stands between its cells: a comma, or a tab."""

    names: tuple[str, ...]
    rows: Path
    delimiter: str = ","

    def require(self, *columns: str) -> None:
        """ParseError unless the header names them all; it names all that are not there."""
        if missing := [column for column in columns if column not in self.names]:
            said = (
                f"column {missing[0]} is"
                if len(missing) == 1
                else f"columns {', '.join(missing)} are"
            )
            raise ParseError(f"{said} missing; the header is {', '.join(self.names)[:200]}")

    def with_numbers(self, columns: Sequence[str]) -> set[str]:
        """Those of the columns in which some cell is a number; read until each has one."""
        left = {c: self.names.index(c) for c in columns}
        with self.rows.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, delimiter=self.delimiter):
                for column, place in list(left.items()):
                    if place < len(row) and _NUMBER.fullmatch(row[place].strip()):
                        del left[column]
                if not left:
                    break
        return set(columns) - set(left)

    def relation(self) -> str:
        """SQL that reads every cell as text. Nothing is guessed, and no row may be ragged."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.names)
        # `nullstr` is a line end, which no unquoted cell can be, so that no cell is read as null: of
        # a row with one cell too many DuckDB would drop the last one without a word if it were null.
        return (
            f"read_csv({literal(str(self.rows))}, auto_detect=false, header=false, "
            f"delim={literal(self.delimiter)}, quote='\"', escape='\"', comment='', new_line='\\n', encoding='utf-8', skip=0, "
            "strict_mode=true, null_padding=false, ignore_errors=false, nullstr=E'\\n', "
            "allow_quoted_nulls=false, compression='none', max_line_size=1048576, "
            f"buffer_size=16777216, columns={{{columns}}})"
        )


def sniff(body: bytes) -> None:
    """ParseError for what is never data: nothing, HTML, a fault, a compressed body."""
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise ParseError("the body is empty: pull or download it again")
    if head[:2] == GZIP:
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


def opened(path: Path) -> BinaryIO:
    """The body in a file, unpacked if it is gzip by its first bytes."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
    except FileNotFoundError as error:
        raise ParseError("body.gz is missing: restore it or remove the vintage") from error
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def table(raw: BinaryIO, rows: Path, sha256: str | None = None, limit: int | None = None) -> Csv:
    """Check a CSV body and write the rows below its header to the file `rows`.

    `sha256` is that of the unpacked body and `limit` its greatest size in bytes. ParseError: the
    bytes are damaged or too many (said before anything that may follow from it), or no table.
    """
    fault: ParseError | None = None
    checks, head, names, delimiter = _Checks(), b"", None, ","
    with rows.open("wb+") as out:
        for block in _blocks(raw, sha256, limit):
            if fault is not None:
                continue  # the checksum needs every byte: damage is the fault to name
            try:
                checks.take(block)
                if names is not None:
                    out.write(checks.one_line_end(block))
                    continue
                head = (head + block).removeprefix(codecs.BOM_UTF8).lstrip()
                line, end, rest = head.partition(b"\n")
                if end or len(head) > _LONGEST_HEADER:
                    delimiter = _delimiter(line)
                    names = _header(line, delimiter)
                    out.write(checks.one_line_end(rest))
            except ParseError as error:
                fault = error
        if fault is not None:
            raise fault
        checks.finish()
        if names is None:
            delimiter = _delimiter(head)
            names = _header(head, delimiter)
        if not _strip(out):
            raise ParseError(OPEN_LINE)
    if len(names) > MOST_COLUMNS:
        raise ParseError(
            f"the header has {len(names):,} columns, more than the {MOST_COLUMNS:,} that are read: "
            "download fewer years or series at a time"
        )
    if not all(names) or any("\0" in name for name in names):
        raise ParseError("a column has no name, or one that cannot be: pull the body again")
    if len({name.lower() for name in names}) != len(names):
        # In SQL names have no case: `x` and `X` would give the same cells twice.
        raise ParseError("a column name occurs twice in the header")
    return Csv(names, rows, delimiter)


def _blocks(raw: BinaryIO, sha256: str | None, limit: int | None) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    while True:
        try:
            block = raw.read(_BLOCK)
            while block.endswith(b"\r") and (more := raw.read(1)):
                block += more  # a line end is never cut in two
        except (OSError, EOFError, zlib.error) as error:
            raise ParseError(f"stored bytes are damaged ({error}): restore body.gz") from error
        size += len(block)
        if limit is not None and size > limit:
            raise ParseError(f"body is larger than {limit:,} bytes: refused")
        if sha256 is not None:
            digest.update(block)
        if not block:
            break
        yield block
    if sha256 is not None and digest.hexdigest() != sha256:
        raise ParseError("checksum differs from the manifest's sha256: restore body.gz")


class _Checks:
    """What holds for a body as a whole, checked block by block."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._size = 0
        self._quotes = 0
        self._within = False  # at the end of the rows so far: inside a quoted cell?
        self._blank = True

    def take(self, block: bytes) -> None:
        """ParseError if the block is not UTF-8, or the body's start is not a table's."""
        if self._blank and block.strip():
            sniff(block)
            if block.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
                raise ParseError("the body is JSON, not CSV: the publisher may have sent an error")
            self._blank = False
        self._decode(block)
        self._quotes += block.count(b'"')

    def _decode(self, block: bytes, final: bool = False) -> None:
        pending = len(self._decoder.getstate()[0])
        if pending or final or not block.isascii():
            try:
                self._decoder.decode(block, final=final)
            except UnicodeDecodeError as error:
                place = self._size - pending + error.start
                raise ParseError(
                    f"the body is not UTF-8 (byte {place}): check its encoding"
                ) from error
        self._size += len(block)

    def one_line_end(self, block: bytes) -> bytes:
        """The block with LF for every line end outside quoted cells: DuckDB takes one kind."""
        if b'"' not in block and not self._within:
            return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block
        parts = block.split(b'"')
        for i in range(int(self._within), len(parts), 2):
            parts[i] = parts[i].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._within ^= len(parts) % 2 == 0
        return b'"'.join(parts)

    def finish(self) -> None:
        """ParseError if the body was empty, or ends within a character or a quoted cell."""
        if self._blank:
            sniff(b"")
        self._decode(b"", final=True)
        if self._quotes % 2:
            # A quote that never closes swallows every row after it into one cell.
            raise ParseError("the body is truncated or broken: a quoted cell is never closed")


def _delimiter(line: bytes) -> str:
    """A tab in Eurostat's TSV, whose first column has names with commas between them; else a comma."""
    return "\t" if re.match(rb"[^\t]*\\(TIME_PERIOD|time)[ \r]*\t", line) else ","


def _header(line: bytes, delimiter: str) -> tuple[str, ...]:
    try:
        text = line.decode("utf-8", "replace").strip()
        found = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise ParseError(f"the header cannot be read: {error}") from error
    names = tuple(name.strip() for name in found)
    return _labels_aside(names) if "STRUCTURE_NAME" in names else names


def _labels_aside(names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of SDMX-CSV with labels, in which `SEX` has `Sex` behind it: a label whose name is
    a code's too, whatever its case, is given another, as is one without a name."""
    seen: set[str] = set()
    found = []
    for number, name in enumerate(names, 1):
        again = not name or name.lower() in seen
        seen.add(name.lower())
        found.append(f"{name} (label, column {number})".lstrip() if again else name)
    return tuple(found)


def ends_line(body: bytes) -> bool:
    """Whether the last line that is not blank has an end."""
    return any(end in body[len(body.rstrip()) :] for end in (b"\n", b"\r"))


def _strip(file: BinaryIO) -> bool:
    """Take blanks off a file's end: blank lines around a table mean nothing.

    Whether there is nothing left, or a line end was among the blanks.
    """
    end = file.seek(0, os.SEEK_END)
    ended = False
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        block = file.read(end - start).decode("utf-8", "surrogateescape")
        tail = block.rstrip()
        ended |= "\n" in block[len(tail) :]
        end = start + len(tail.encode("utf-8", "surrogateescape"))
        if tail:
            break
    file.truncate(end)
    return ended or not end
