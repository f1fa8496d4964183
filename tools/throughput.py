"""One body of millions of rows, and each way of reading it: the inside of `make bench`.

`throughput.py make ROWS FOLDER` writes the body, `throughput.py run WAY FOLDER` reads it once in
this process and prints what that took. Figures, ratios and aims are printed by bench.py.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import other_readers
from other_readers import FLOW

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
DIMS = ("unit", "sex", "airpol", "src_crf", "iccs")
AREAS, YEARS = 36, 30


def code_lists() -> dict[str, list[str]]:
    """The codes that the bundled Eurostat vintages use, and areas as publishers code them."""
    from pipeline.formats.geo import FROM_ISO3

    found: dict[str, set[str]] = defaultdict(set)
    for path in RAW.glob("eurostat/*/*/body.gz"):
        text = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text)):
            for name in DIMS:
                if row.get(name):
                    found[name].add(row[name])
    codes = {name: sorted(found[name]) for name in DIMS}
    return {**codes, "geo": sorted(set(FROM_ISO3.values()))[:AREAS]}


def make(rows: int, folder: Path) -> None:
    """The body (gzip), and a note of its sizes and sha256.

    In order of dimension, area and year, as Eurostat sends it. Of each hundred rows two have no
    value and twelve a flag; some rows come twice, some with another value, some are of a month.
    """
    import duckdb

    codes = code_lists()
    most = AREAS * YEARS
    parts = []
    for name in reversed(DIMS):
        listed = ", ".join(f"'{c}'" for c in codes[name])
        parts.append(f"[{listed}][1 + i // {most} % {len(codes[name])}] AS {name}")
        most *= len(codes[name])
    if rows > most:
        sys.exit(f"at most {most} rows can be made")
    geo = ", ".join(f"'{c}'" for c in codes["geo"])
    body = folder / "body.csv.gz"
    # Arithmetic, not a hash function: the same rows whatever the version of DuckDB.
    duckdb.sql(f"""COPY (
      SELECT 'ESTAT:{FLOW}(1.0)' AS "DATAFLOW", '19/09/26 23:00:00' AS "LAST UPDATE", 'A' AS freq,
        {", ".join(reversed(parts))}, [{geo}][1 + i // {YEARS} % {AREAS}] AS geo,
        (1995 + i % {YEARS}) || CASE WHEN r % 5003 = 5002 THEN '-05' ELSE '' END AS "TIME_PERIOD",
        CASE WHEN h % 100 < 2 THEN CASE WHEN h % 3 = 0 THEN ':' END
             ELSE CAST(round(h % 1000000 / CASE WHEN h % 7 = 0 THEN 1 ELSE 1000 END, 3)
                       + CASE WHEN r % 100003 = 100002 THEN 1 ELSE 0 END AS VARCHAR)
        END AS "OBS_VALUE",
        CASE WHEN h % 100 < 2 THEN CASE WHEN h % 3 = 1 THEN 'c' END
             WHEN h // 100 % 100 < 12 THEN ['p', 'b', 'e', 'bp', 'u', 'd', 'f'][1 + h // 10000 % 7]
        END AS "OBS_FLAG",
        CASE WHEN h % 100 < 2 AND h % 5 = 0 THEN 'C' END AS "CONF_STATUS"
      FROM (SELECT r, i, (i * 48271 + i // 997 * 69621) % 2147483647 AS h FROM (
        SELECT r, CASE WHEN r % 20011 = 20010 OR r % 100003 = 100002 THEN r - 1 ELSE r END AS i
        FROM range({rows}) t(r)))
    ) TO '{body}' (FORMAT csv, HEADER, COMPRESSION gzip)""")
    digest, size = hashlib.sha256(), 0
    with gzip.open(body) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    notes = {"rows": rows, "bytes": size, "packed": body.stat().st_size}
    (folder / "notes.json").write_text(json.dumps({**notes, "sha256": digest.hexdigest()}))


def missiemonitor(folder: Path) -> dict[str, int]:
    """To Parquet, within what MEMORY allows DuckDB."""
    from pipeline.formats import MEMORY, DatasetSpec, parse_file

    spec = DatasetSpec("eurostat", "env_bench", "sdmx_csv", FLOW)
    memory = os.environ.get("MEMORY", MEMORY)
    digest = json.loads((folder / "notes.json").read_text())["sha256"]
    out = folder / "observations.parquet", folder / "rejects.parquet"
    good, bad = parse_file(folder / "body.csv.gz", spec, *out, sha256=digest, memory=memory)
    return {"observations": good, "rejects": bad}


def duckdb(folder: Path) -> dict[str, int]:
    """The limit: every column of the file read as text, none of the work done."""
    import duckdb as engine

    source = f"read_csv('{folder / 'body.csv.gz'}', all_varchar=true, header=true)"
    with engine.connect() as con:
        names = con.sql(f"SELECT * FROM {source} LIMIT 0").columns
        sums = ", ".join(f'sum(length("{n}"))' for n in names)
        found = con.sql(f"SELECT count(*), {sums} FROM {source}").fetchall()[0]
    return {"scanned": int(found[0])}


def bundled(folder: Path) -> dict[str, float]:
    """Every bundled vintage in memory, as a first run reads them; `folder` is not used.

    CPU seconds are of the reading alone, without the registry that says how to read."""
    from pipeline.formats import DatasetSpec, parse
    from pipeline.registry import load

    todo = []
    for name, item in sorted(load().datasets.items()):
        source, dataset = name.split("/")
        spec = DatasetSpec(source, dataset, item.format, item.code, frozenset(item.forms))
        for path in sorted((RAW / name).glob("*/body.gz")):
            todo.append((gzip.decompress(path.read_bytes()), spec))
    start = time.process_time()
    for body, spec in todo:
        parse(body, spec)
    return {"bodies": len(todo), "cpu": time.process_time() - start}


WAYS: dict[str, Callable[[Path], Any]] = {
    f.__name__: f
    for f in (bundled, duckdb, missiemonitor, other_readers.pandas, other_readers.polars)
}
# Imported before the clock starts: imports are not what is measured.
IMPORTS = {
    "bundled": ("duckdb", "pandas", "pyarrow", "yaml", "pydantic"),
    "duckdb": ("duckdb",),
    "missiemonitor": ("duckdb",),
    "pandas": ("pandas", "pyarrow.parquet"),
    "polars": ("polars",),
}


def run(way: str, folder: Path) -> dict[str, Any]:
    """Seconds of wall clock and of CPU, peak memory in MB of this process, and rows."""
    for name in IMPORTS[way]:
        __import__(name)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    rows = WAYS[way](folder)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "peak": after.ru_maxrss / 1024, **rows}


if __name__ == "__main__":
    command, what, where = sys.argv[1:4]
    if command == "make":
        make(int(what), Path(where))
    else:
        print(json.dumps(run(what, Path(where))))
