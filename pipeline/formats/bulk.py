"""Wide CSV into observations and rejects as a stream: the way for bodies of millions of rows.

The body passes once, block by block, and no row ever becomes a Python object. What repeats
(series, areas, periods with their flags) becomes small numbers; the rules of tidy.py judge each
*kind* of row once, a kind being what its fault, year and flags depend on. Numbers that fill the
memory go to a scratch file, and sorting is done by ranges of the key, so that fifty million rows
take no more memory than eight. Rules belong in tidy.py, column names in the module of a format.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import queue
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from isal import igzip, isal_zlib

from pipeline.formats.spec import DatasetSpec, ParseError
from pipeline.formats.tidy import Kind, judge, must_state, sniff

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[Any]

BLOCK = 4 << 20
# Rows whose numbers are held in memory; more go to a scratch file and are sorted in parts.
HELD = 8 << 20
# Rows sorted at a time; a body out of order is read once for each part, hence not too many.
PART, MOST_PARTS = 1 << 20, 16
_SLICE = 1 << 19
_SPOOLED = ("series", "geo", "kind", "number", "text")
_TAIL = 1 << 16
# What SQL's trim() takes off: Unicode's space separators, and no tab or line end.
SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


@dataclass(frozen=True)
class Layout:
    """Which columns mean what. `kinds`: columns beside the period on which fault and flags
    depend; `sql`: SELECT over them (table `kinds`, with column `value`) as judge() wants it."""

    dims: tuple[str, ...]
    geo: str
    period: str
    value: str
    unit: str | None
    kinds: tuple[str, ...]
    sql: str
    stated: str


class Sink(Protocol):
    """Takes tables in their final order, texts as dictionaries."""

    def write(self, table: pa.Table) -> None: ...


def _schema(kind: str, coded: bool) -> pa.Schema:
    """Columns of `observations` or `rejects`; `coded`: texts as dictionaries."""
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string()) if coded else pa.string()
    flags = ("flags", pa.list_(pa.string()))
    key = [("series_key", text), ("geo", text), ("period", text)]
    if kind == "observations":
        fields = [*key, ("year", pa.int32()), ("value", pa.float64()), ("unit", text), flags]
    else:
        fields = [("line", pa.int64()), *key, ("value", pa.string()), flags, ("reason", text)]
    return pa.schema(fields)


class Rows:
    """A sink that keeps its rows in memory, texts written out."""

    def __init__(self, kind: str) -> None:
        self._schema = _schema(kind, coded=False)
        self._tables: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        self._tables.append(table.cast(self._schema))

    def table(self) -> pa.Table:
        import pyarrow as pa

        return pa.concat_tables(self._tables) if self._tables else self._schema.empty_table()


class File:
    """A sink that writes Parquet as rows come; a reader finds plain texts in it."""

    def __init__(self, kind: str, path: Path) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema(kind, coded=True)
        # Without Arrow's own notes a reader sees strings: dictionaries are how, not what.
        # A dictionary of numbers that hardly repeat would cost and save nothing.
        coded = [f.name for f in self._schema if str(f.type).startswith("dictionary")]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            store_schema=False,
            use_dictionary=[*coded, "year", "flags.list.element"],
            write_statistics=["line", "year"],
        )
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


class Body:
    """A body as Arrow reads it: unpacked, hashed, capped, and without blanks around the table.

    ParseError, in one line, for what is never a table. A fault that shows while Arrow reads is
    kept in `fault`.
    """

    def __init__(self, raw: BinaryIO, sha256: str | None = None, limit: int | None = None) -> None:
        self._raw = raw
        self._sha256 = sha256
        self._limit = limit
        self._digest = hashlib.sha256() if sha256 else None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._size = 0
        self._quotes = 0
        self._tail = b""
        self._ended = False
        self._broken = False
        self._lock = threading.Lock()  # Arrow reads ahead from a thread of its own
        self.closed = False
        self.fault: ParseError | None = None

    def header(self) -> list[str]:
        """The column names, as the first line gives them; to be asked once, before read()."""
        first = self._more(BLOCK)
        while first and not first.strip() and self._size < (16 << 20):
            first = self._more(BLOCK)
        sniff(first)
        text = first.removeprefix(codecs.BOM_UTF8).lstrip()
        if text[:1] in (b"{", b"["):
            raise ParseError("the body is JSON, not CSV: the publisher may have sent an error")
        self._tail = text
        line = text.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
        try:
            found = next(csv.reader(io.StringIO(line)))
        except csv.Error as error:
            raise ParseError(f"the header cannot be read: {error}") from error
        return [name.strip() for name in found]

    def _more(self, size: int) -> bytes:
        """The next bytes as received, checked; empty at the end."""
        with self._lock:
            try:
                return self._checked(self._taken(size))
            except ParseError as error:
                self.fault = self.fault or error
                raise

    def _taken(self, size: int) -> bytes:
        try:
            block = self._raw.read(size)
        except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]
            self._broken = True
            raise ParseError(f"stored bytes are damaged ({error}): restore body.gz") from error
        self._size += len(block)
        if self._limit is not None and self._size > self._limit:
            self._broken = True
            raise ParseError(f"body is larger than {self._limit:,} bytes: refused")
        if self._digest is not None:
            self._digest.update(block)
            if not block and self._digest.hexdigest() != self._sha256:
                raise ParseError("checksum differs from the manifest's sha256: restore body.gz")
        return block

    def _checked(self, block: bytes) -> bytes:
        start = self._size - len(block)
        if start == 0 and block.strip():
            sniff(block)
        pending = len(self._decoder.getstate()[0])
        if pending or not block.isascii() or not block:
            try:
                self._decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                place = start - pending + error.start
                raise ParseError(
                    f"the body is not UTF-8 (byte {place}): check its encoding"
                ) from error
        if b'"' in block:  # far quicker than counting none
            self._quotes += block.count(b'"')
        if not block and self._quotes % 2:
            # A quote that never closes swallows every row after it into one cell.
            raise ParseError("the body is truncated or broken: a quoted cell is never closed")
        return block

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, none at the end. Blanks at the body's very end are left out."""
        size = BLOCK if size < 0 else size
        while not self._ended and len(self._tail) < size + _TAIL:
            block = self._more(size + _TAIL - len(self._tail))
            self._tail += block
            if not block:
                self._ended = True
                text = self._tail.decode("utf-8", "surrogateescape").rstrip() + "\n"
                self._tail = text.encode("utf-8", "surrogateescape")
        out, self._tail = self._tail[:size], self._tail[size:]
        return out

    def drain(self) -> None:
        """Read on to the end: damage to the bytes is the fault to name, not what came of it."""
        step = self._more if self.fault is None else self._taken
        while not self._broken and step(BLOCK):
            pass

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def opened(path: Path) -> BinaryIO:
    """The body in a file, unpacked if it is gzip by its first bytes."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if not packed:
            return path.open("rb")
        return igzip.open(path)  # type: ignore[no-any-return, no-untyped-call]
    except FileNotFoundError as error:
        raise ParseError("body.gz is missing: restore it or remove the vintage") from error


def checked(header: list[str], required: tuple[str, ...]) -> list[str]:
    """The header if it can be one. ParseError: a name missing, empty or given twice."""
    if not all(header) or any("\0" in c for c in header):
        raise ParseError("a column has no name, or one that cannot be: pull the body again")
    for column in required:
        if column not in header:
            raise ParseError(f"column {column} is missing; the header is {', '.join(header)[:200]}")
    if len({c.lower() for c in header}) != len(header):
        # In SQL names have no case: `x` and `X` would give the same cells twice.
        raise ParseError("a column name occurs twice in the header")
    return header


def _batches(
    body: Body, header: list[str], wanted: list[str], threads: bool
) -> Generator[Any, None, None]:
    import pyarrow as pa
    from pyarrow import csv as pacsv

    with pacsv.open_csv(
        pa.PythonFile(body, "r"),
        read_options=pacsv.ReadOptions(
            column_names=header, skip_rows=1, block_size=BLOCK, use_threads=threads
        ),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types={c: pa.string() for c in wanted},
            include_columns=wanted,
            strings_can_be_null=False,
        ),
    ) as reader:
        yield from reader


def _ahead(batches: Generator[Any, None, None]) -> Generator[Any]:
    """The same batches, made in a thread of their own while the one before is worked on.

    Arrow parses without Python's lock, so two cores share the work; one batch waits at most.
    What goes wrong in the thread is raised here.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=1)
    left = threading.Event()

    def put(item: tuple[Any, BaseException | None]) -> bool:
        while not left.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return True
        return False

    def make() -> None:
        try:
            with closing(batches):
                for batch in batches:
                    if not put((batch, None)):
                        return
            put((None, None))
        except BaseException as error:
            put((None, error))

    worker = threading.Thread(target=make, name="csv", daemon=True)
    worker.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is None:
                return
            yield batch
    finally:
        # The thread reads from the body: it must be at rest before anybody else does.
        left.set()
        worker.join()


def _constant(column: Any) -> bool:
    """Whether all texts of an Arrow column are the same one, judged by its raw buffers."""
    import numpy as np
    import pyarrow as pa

    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[column.offset :][: len(column) + 1]
    start, width = int(ends[0]), int(ends[1] - ends[0])
    if int(ends[-1]) - start != width * len(column) or not (np.diff(ends) == width).all():
        return False
    if not width:
        return True
    first = data.slice(start, width).to_pybytes()
    return bool(data.slice(start, width * len(column)).equals(pa.py_buffer(first * len(column))))


def _coded(column: Any, runs: bool) -> tuple[Ints | None, Any]:
    """(number of each row, the distinct texts); no numbers if there is one text only.

    `runs`: neighbours are mostly equal.
    """
    import numpy as np
    import pyarrow.compute as pc

    if _constant(column):
        return None, column.slice(0, 1)
    if runs:
        found = pc.run_end_encode(column)
        distinct = found.values.dictionary_encode()
        ends = found.run_ends.to_numpy()
        return np.repeat(distinct.indices.to_numpy(), np.diff(ends, prepend=0)), distinct.dictionary
    distinct = column.dictionary_encode()
    return distinct.indices.to_numpy(), distinct.dictionary


def _combined(rows: int, coded: list[tuple[Ints | None, Any]]) -> tuple[Ints | int, list[Ints]]:
    """(number of each row's combination, or 0 where there is one only; for each column the
    code in each combination)."""
    import numpy as np

    mixed: Any = None
    size = 1
    for codes, distinct in coded:
        if codes is None:
            continue
        if size * len(distinct) > (1 << 62):
            mixed = np.unique(mixed, return_inverse=True)[1]
            size = rows
        mixed = codes.astype(np.int64) if mixed is None else mixed * len(distinct) + codes
        size *= len(distinct)
    if mixed is None:
        return 0, [np.zeros(1, dtype=np.int64) for _ in coded]
    if size <= 4 * rows + 1024:
        seen = np.zeros(size, dtype=np.int32)
        seen[mixed] = 1
        number = np.cumsum(seen, dtype=np.int32) - 1
        first = np.zeros(int(number[-1]) + 1, dtype=np.int64)
        combination = number[mixed]
        first[combination] = np.arange(rows)
    else:
        _, first, combination = np.unique(mixed, return_index=True, return_inverse=True)
    one = np.zeros(len(first), dtype=np.int64)
    return combination, [one if codes is None else codes[first] for codes, _ in coded]


class _Numbers:
    """Texts to numbers, in order of appearance."""

    def __init__(self) -> None:
        self.of: dict[Any, int] = {}

    def __call__(self, keys: list[Any]) -> Ints:
        import numpy as np

        of = self.of
        return np.array([of.setdefault(key, len(of)) for key in keys], dtype=np.int32)

    def ranks(self) -> tuple[list[Any], Ints]:
        """(sorted texts, the rank of each number)."""
        import numpy as np

        names = list(self.of)
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names), dtype=np.int64)
        rank[order] = np.arange(len(names))
        return [names[i] for i in order], rank


class _Spool:
    """Batches of numbers in the order of the body: in memory, or in a file once there are many."""

    def __init__(self, scratch: Path | None) -> None:
        self._scratch = scratch
        self._held: list[Any] = []
        self._file: Any = None
        self._writer: Any = None
        self.sizes: list[int] = []
        self.rows = 0

    def add(self, batch: Any) -> None:
        self.rows += batch.num_rows
        self.sizes.append(batch.num_rows)
        self._held.append(batch)
        if self.rows > HELD:
            if self._writer is None:
                import pyarrow as pa

                self._file = tempfile.TemporaryFile(buffering=0, dir=self._scratch)  # noqa: SIM115
                self._writer = pa.ipc.new_file(self._file, batch.schema)
            for held in self._held:
                self._writer.write_batch(held)
            self._held = []

    def reader(self, names: list[str]) -> tuple[int, Callable[[int], tuple[Any, ...]]]:
        """(number of batches, function that gives a batch's columns `names`, numbers as NumPy)."""
        import pyarrow as pa

        batch: Callable[[int], Any] = self._held.__getitem__
        if self._file is not None:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            fields = [_SPOOLED.index(n) for n in names]
            options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
            batch = pa.ipc.open_file(pa.PythonFile(self._file, "r"), options=options).get_batch

        def columns(i: int) -> tuple[Any, ...]:
            given = batch(i)
            found = (given.column(n) for n in names)
            return tuple(c if pa.types.is_string(c.type) else c.to_numpy() for c in found)

        return len(self.sizes), columns

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _values(texts: Any) -> tuple[npt.NDArray[np.float64], Any]:
    """(numbers, texts that are not plainly one). A row of the second is null where it is."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(texts, value_set=pa.array(["", ":"]))
    try:
        number = pc.cast(pc.if_else(missing, pa.scalar(None, pa.string()), texts), pa.float64())
    except pa.ArrowInvalid:
        texts = pc.utf8_trim(texts, SPACES)
        plain = pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        number = pc.cast(pc.if_else(plain, texts, pa.scalar(None, pa.string())), pa.float64())
    values = number.to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    if finite.all():
        return values, pa.nulls(len(texts), pa.string())
    return values, pc.if_else(pa.array(finite), pa.scalar(None, pa.string()), texts)


class _Run:
    """One body on its way from blocks to sinks."""

    def __init__(self, layout: Layout, spec: DatasetSpec, spool: _Spool) -> None:
        self.layout = layout
        self.spec = spec
        self.series = _Numbers()
        self.units: list[str | None] = []
        self.geos = _Numbers()
        self.kinds = _Numbers()
        self.stated: set[str] = set()
        self.spool = spool
        self.judged = (layout.period, *layout.kinds)

    def take(self, batch: Any) -> None:
        """Encode one block and keep its numbers."""
        import numpy as np
        import pyarrow as pa

        lay = self.layout
        rows = batch.num_rows
        if rows == 0:
            return
        self.stated.update(_coded(batch.column(lay.stated), True)[1].to_pylist())
        series = self._series(rows, [_coded(batch.column(c), True) for c in lay.dims])
        codes, distinct = _coded(batch.column(lay.geo), True)
        geo = self.geos([g.strip(SPACES) for g in distinct.to_pylist()])[
            0 if codes is None else codes
        ]
        texts = batch.column(lay.value)
        values, odd = _values(texts)
        kind, values = self._kind(batch, values, odd)
        self.spool.add(
            pa.record_batch(
                [*(pa.array(np.broadcast_to(c, rows)) for c in (series, geo, kind, values)), texts],
                names=list(_SPOOLED),
            )
        )

    def _series(self, rows: int, coded: list[tuple[Ints | None, Any]]) -> Ints:
        import pyarrow as pa
        import pyarrow.compute as pc

        dims = self.layout.dims
        combination, columns = _combined(rows, coded)
        parts: list[Any] = []
        unit = None
        for name, codes, (_, distinct) in zip(dims, columns, coded, strict=True):
            text = pc.utf8_trim(distinct, SPACES).take(pa.array(codes))
            parts += [pa.scalar(f"{'|' if parts else ''}{name}="), text]
            unit = text if name == self.layout.unit else unit
        keys = pc.binary_join_element_wise(*parts, "").to_pylist()
        keys = [self.spec.keys.get(k, k) for k in keys] if self.spec.keys else keys
        numbers = self.series(keys)
        if len(self.series.of) > len(self.units):
            units = unit.to_pylist() if unit is not None else [None] * len(keys)
            self.units += [None] * (len(self.series.of) - len(self.units))
            for number, name in zip(numbers.tolist(), units, strict=True):
                self.units[number] = self.spec.units.get(name, name) if name else name
        return numbers[combination]

    def _kind(self, batch: Any, values: Any, odd: Any) -> tuple[Ints, Any]:
        import numpy as np
        import pyarrow as pa

        lay = self.layout
        coded = [_coded(batch.column(c), False) for c in self.judged]
        if odd.null_count < len(odd):
            strange = odd.dictionary_encode()
            codes = strange.indices.fill_null(-1).to_numpy() + 1
            coded.append((codes, pa.concat_arrays([pa.nulls(1, pa.string()), strange.dictionary])))
        combination, columns = _combined(len(odd), coded)
        texts = [d.take(pa.array(c)).to_pylist() for c, (_, d) in zip(columns, coded, strict=True)]
        if len(texts) == len(self.judged):
            texts.append([None] * len(columns[0]))
        kinds: list[Any] = list(zip(*texts, strict=True))
        given = np.full(len(kinds), np.nan)
        # A value that is some other text is judged with its kind, now; the rest at the end.
        odd_kinds = [i for i, kind in enumerate(kinds) if kind[-1] not in (None, "", ":")]
        found = judge([kinds[i] for i in odd_kinds], self.judged, lay.sql, self.spec)
        for i, kind in zip(odd_kinds, found, strict=True):
            kinds[i] = replace(kind, number=None)
            given[i] = np.nan if kind.number is None else kind.number
        if not np.isnan(given).all():
            row = given[combination]
            values = np.where(np.isnan(row), values, row)
        return self.kinds(kinds)[combination], values

    def _judged(self) -> list[Kind]:
        """Each kind by its number."""
        waiting = [k for k in self.kinds.of if not isinstance(k, Kind)]
        found = dict(
            zip(waiting, judge(waiting, self.judged, self.layout.sql, self.spec), strict=True)
        )
        return [found.get(k, k) for k in self.kinds.of]

    def finish(self, observations: Sink, rejects: Sink) -> None:
        """Sort, find the cells given twice, and write: observations by key, rejects by line."""
        import numpy as np

        names, series_rank = self.series.ranks()
        geos, geo_rank = self.geos.ranks()
        kinds = self._judged()
        years = sorted({k.year for k in kinds if k.reason is None and k.year is not None})
        year_of = {year: i for i, year in enumerate(years)}
        year_rank = np.array([year_of.get(k.year or 0, 0) for k in kinds], dtype=np.int64)
        usable = np.array([k.reason is None for k in kinds], dtype=bool)
        flags = np.array([len(k.flags) for k in kinds], dtype=np.int64)
        out = _Writer(names, geos, kinds, self.units, self.series, observations, rejects)
        count, numbers = self.spool.reader(["series", "geo", "kind", "number"])

        def keyed(i: int) -> tuple[Any, ...]:
            """Key, place in the batch, kind and number of a batch's usable rows."""
            series, geo, kind, number = numbers(i)
            rows = np.flatnonzero(usable[kind])
            kind = kind[rows]
            key = series_rank[series[rows]] * len(geos) + geo_rank[geo[rows]]
            return key * max(len(years), 1) + year_rank[kind], rows, kind, number[rows]

        # A first pass over the keys: where each batch lies, and where to cut.
        status = np.full(self.spool.rows, _FAULT, dtype=np.uint8)
        starts = np.r_[0, np.cumsum(self.spool.sizes)]
        spans, sample, held = [], [], []
        for i in range(count):
            key, rows, _, _ = found = keyed(i)
            held += [found] if self.spool.rows <= HELD else []
            status[starts[i] + rows] = 0
            spans.append((int(key.min()), int(key.max())) if len(key) else (0, -1))
            sample.append(key[:: max(1, len(key) // 256)])
        for low, high in pairwise(_edges(np.concatenate(sample), self.spool.rows)):
            chunks = []
            for i, (least, most) in enumerate(spans):
                if low <= most and least < high and least <= most:
                    key, rows, kind, number = held[i] if held else keyed(i)
                    rows = rows + starts[i]
                    if least < low or most >= high:
                        inside = (key >= low) & (key < high)
                        key, rows = key[inside], rows[inside]
                        kind, number = kind[inside], number[inside]
                    chunks.append((key, rows, kind, number))
            if not chunks:
                continue
            key, rows, kind, number = (np.concatenate(c) for c in zip(*chunks, strict=True))
            if not (key[1:] >= key[:-1]).all():
                order = np.argsort(key, kind="stable")
                key, rows, kind, number = key[order], rows[order], kind[order], number[order]
            fault = _twice(key, rows, number, flags[kind])
            if fault is not None:
                status[rows] = fault
                kept = fault == 0
                key, kind, number = key[kept], kind[kept], number[kept]
            out.observations(key // max(len(years), 1), kind, number)
        if not status.any():
            return
        count, columns = self.spool.reader(["series", "geo", "kind", "text"])
        for i in range(count):
            rows = np.flatnonzero(status[starts[i] : starts[i + 1]])
            if len(rows):
                series, geo, kind, text = columns(i)
                out.rejects(
                    starts[i] + rows + 1,
                    series_rank[series[rows]],
                    geo_rank[geo[rows]],
                    kind[rows],
                    text.take(rows),
                    status[starts[i] + rows],
                )


def _edges(sample: Ints, rows: int) -> list[int]:
    """Keys at which to cut `rows` rows into parts of about equal size, from a sample of keys."""
    import numpy as np

    parts = min(-(-rows // PART), MOST_PARTS)
    ordered = np.sort(sample)
    cuts = {int(ordered[len(ordered) * p // parts]) for p in range(1, parts) if len(ordered)}
    return [0, *sorted(cuts - {0}), np.iinfo(np.int64).max]


_FAULT, _SAME, _DIFFERS = 1, 2, 3


def _twice(key: Any, line: Any, number: Any, flags: Any) -> Any:
    """For rows sorted by key: which are a cell given twice; None if no cell is.

    Of equal ones the row with the fewest flags stays, then the first; of differing ones none.
    """
    import numpy as np

    equal = key[1:] == key[:-1]
    if not equal.any():
        return None
    among = np.zeros(len(key), dtype=bool)
    among[1:] |= equal
    among[:-1] |= equal
    rows = np.flatnonzero(among)
    rows = rows[np.lexsort((line[rows], flags[rows], key[rows]))]
    heads = np.flatnonzero(np.r_[True, key[rows][1:] != key[rows][:-1]])
    sizes = np.diff(np.r_[heads, len(rows)])
    low = np.minimum.reduceat(number[rows], heads)
    high = np.maximum.reduceat(number[rows], heads)
    fault = np.zeros(len(key), dtype=np.uint8)
    verdict = np.repeat(np.where(low != high, _DIFFERS, _SAME), sizes).astype(np.uint8)
    first = np.zeros(len(rows), dtype=bool)
    first[heads] = True
    verdict[first & (verdict == _SAME)] = 0
    fault[rows] = verdict
    return fault


class _Writer:
    """Numbers back into texts, a slice at a time."""

    def __init__(
        self,
        names: list[str],
        geos: list[str],
        kinds: list[Kind],
        units: list[str | None],
        series: _Numbers,
        observations: Sink,
        rejects: Sink,
    ) -> None:
        import numpy as np
        import pyarrow as pa

        self._good, self._bad = observations, rejects
        self._names = pa.array(names, pa.string())
        self._geos = pa.array(geos, pa.string())
        unit_names = sorted({u for u in units if u is not None})
        numbers = {u: i for i, u in enumerate(unit_names)}
        self._units = pa.array(unit_names, pa.string())
        of = dict(zip(series.of, units, strict=True))
        self._unit_of = np.array([numbers.get(of[n], -1) for n in names], dtype=np.int32)
        periods = list(dict.fromkeys(k.period for k in kinds))
        self._periods = pa.array(periods, pa.string())
        at = {p: i for i, p in enumerate(periods)}
        self._period_of = np.array([at[k.period] for k in kinds], dtype=np.int32)
        self._year_of = np.array([k.year or 0 for k in kinds], dtype=np.int32)
        self._flags = pa.array([list(k.flags) for k in kinds], pa.list_(pa.string()))
        reasons = sorted({k.reason for k in kinds if k.reason})
        self._reasons = pa.array([*reasons, "duplicate_same", "duplicate_differs"], pa.string())
        self._reason_of = np.array(
            [reasons.index(k.reason) if k.reason else -1 for k in kinds], dtype=np.int32
        )

    @staticmethod
    def _text(codes: Any, texts: Any, nulls: bool = False) -> Any:
        import pyarrow as pa

        indices = pa.array(codes.astype("int32", copy=False), mask=codes < 0 if nulls else None)
        return pa.DictionaryArray.from_arrays(indices, texts)

    def observations(self, cell: Any, kind: Any, number: Any) -> None:
        """`cell`: series and area in one number, as finish() makes them."""
        import pyarrow as pa

        for start in range(0, len(cell), _SLICE):
            here = slice(start, start + _SLICE)
            series, geo = cell[here] // len(self._geos), cell[here] % len(self._geos)
            self._good.write(
                pa.table(
                    {
                        "series_key": self._text(series, self._names),
                        "geo": self._text(geo, self._geos),
                        "period": self._text(self._period_of[kind[here]], self._periods),
                        "year": pa.array(self._year_of[kind[here]]),
                        "value": pa.array(number[here]),
                        "unit": self._text(self._unit_of[series], self._units, nulls=True),
                        "flags": self._flags.take(pa.array(kind[here])),
                    }
                )
            )

    def rejects(self, line: Any, series: Any, geo: Any, kind: Any, text: Any, status: Any) -> None:
        import numpy as np
        import pyarrow as pa

        last = len(self._reasons)
        reason = np.select(
            [status == _SAME, status == _DIFFERS], [last - 2, last - 1], self._reason_of[kind]
        )
        self._bad.write(
            pa.table(
                {
                    "line": pa.array(line.astype("int64", copy=False)),
                    "series_key": self._text(series, self._names),
                    "geo": self._text(geo, self._geos),
                    "period": self._text(self._period_of[kind], self._periods),
                    "value": text,
                    "flags": self._flags.take(pa.array(kind)),
                    "reason": self._text(reason, self._reasons),
                }
            )
        )


def normalise(
    body: Body,
    layout_of: Callable[[list[str]], Layout],
    spec: DatasetSpec,
    observations: Sink,
    rejects: Sink,
    scratch: Path | None = None,
    threads: bool = True,
) -> None:
    """Read the table in `body` into two sinks. ParseError if it is not whole or another's."""
    import pyarrow as pa

    spool = _Spool(scratch)
    try:
        header = body.header()
        layout = layout_of(header)
        run = _Run(layout, spec, spool)
        wanted = [layout.stated, *layout.dims, layout.geo, layout.period, layout.value]
        try:
            batches = _batches(body, header, [*wanted, *layout.kinds], threads)
            with closing(_ahead(batches) if threads else batches) as given:
                for batch in given:
                    run.take(batch)
        except pa.ArrowInvalid as error:
            raise body.fault or ParseError(
                f"the body is truncated or not a table: {str(error)[:160]}"
            ) from error
        if spool.rows == 0:
            raise ParseError("the body has a header and no rows")
        stated = {str(v).split(":", 1)[-1].split("(")[0] for v in run.stated}
        must_state(stated, spec, layout.stated)
        run.finish(observations, rejects)
    except ParseError:
        body.drain()
        raise
    finally:
        spool.close()
