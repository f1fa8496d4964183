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
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
DIMS = ("unit", "sex", "airpol", "src_crf", "iccs")
AREAS, YEARS = 36, 30
CUBE = (1, 1, 1, 5, 20)  # of each dimension in the JSON-stat sample
FLOW = "ENV_BENCH"


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
    """The body (gzip), its sha256, and a small cube of the same cells as JSON-stat.

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
    category: dict[str, list[str]] = {"freq": ["A"]}
    category |= {n: codes[n][:size] for n, size in zip(DIMS, CUBE, strict=True)}
    category |= {"geo": codes["geo"], "time": [str(1995 + y) for y in range(YEARS)]}
    cells = 1
    for listed_codes in category.values():
        cells *= len(listed_codes)
    cube = {
        "version": "2.0", "class": "dataset", "label": FLOW, "source": "ESTAT",
        "id": list(category), "size": [len(c) for c in category.values()],
        "value": [(i * 48271 % 1000000) / 1000 for i in range(cells)],
        "dimension": {
            name: {"label": name, "category": {
                "index": {c: i for i, c in enumerate(listed)}, "label": {c: c for c in listed}}}
            for name, listed in category.items()
        },
    }  # fmt: skip
    (folder / "cube.json").write_text(json.dumps(cube))


def missiemonitor(folder: Path) -> dict[str, int]:
    from pipeline.formats import DatasetSpec, parse_file

    spec = DatasetSpec("eurostat", "env_bench", "sdmx_csv", FLOW)
    digest = json.loads((folder / "notes.json").read_text())["sha256"]
    out = folder / "observations.parquet", folder / "rejects.parquet"
    good, bad = parse_file(folder / "body.csv.gz", spec, *out, sha256=digest)
    return {"observations": good, "rejects": bad}


def pandas(folder: Path) -> dict[str, int]:
    """The same work as a careful user of pandas would write it: whole columns at a time, texts
    that repeat mapped once, and duplicates grouped only where a key occurs twice."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(folder / "body.csv.gz", dtype="str", keep_default_na=False)
    stated = {v.split(":", 1)[-1].split("(")[0] for v in frame["DATAFLOW"].unique()}
    if stated != {FLOW}:
        raise ValueError("another dataset")
    dims = sorted(c for c in frame if c == c.lower() and c != "geo")
    key = None
    for name in dims:
        part = f"{name}=" + frame[name].str.strip()
        key = part if key is None else key + "|" + part
    value = frame["OBS_VALUE"].str.strip()
    period = frame["TIME_PERIOD"].str.strip()
    flag = frame["OBS_FLAG"]
    sets = {f: sorted(set(re.findall("[A-Za-z]", f))) for f in flag.unique()}
    empty = value.isin(["", ":"])
    number = pd.to_numeric(value.mask(empty), errors="coerce")
    annual = period.str.fullmatch(r"\d{4}")
    reason = np.select(
        [
            ~annual & period.str.match(r"\d{4}-"),
            (frame["CONF_STATUS"].str.strip() == "C") & empty,
            flag.str.contains("f"),
            flag.str.contains("c") & empty,
            empty,
            number.isna(),
            ~np.isfinite(number),
            ~annual,
        ],
        ["not_annual", "confidential", "forecast", "confidential", "no_value", "not_a_number",
         "not_finite", "period_not_read"],
        default="",
    )  # fmt: skip
    table = pd.DataFrame({
        "line": np.arange(1, len(frame) + 1), "series_key": key, "geo": frame["geo"].str.strip(),
        "period": period, "value": number, "text": frame["OBS_VALUE"],
        "unit": frame["unit"].str.strip(), "flags": flag.map(sets), "reason": reason,
    })  # fmt: skip
    good = table[table["reason"] == ""].copy()
    good["year"] = good["period"].astype("int32")
    cell = ["series_key", "geo", "year"]
    twice = good[good.duplicated(cell, keep=False)].copy()
    twice["size"] = twice["flags"].str.len()
    twice = twice.sort_values([*cell, "size", "line"])
    ends = twice.groupby(cell)["value"].agg(["min", "max"])
    differs = ends[ends["min"] != ends["max"]].index
    twice["differs"] = pd.MultiIndex.from_frame(twice[cell]).isin(differs)
    again = twice["differs"] | twice.duplicated(cell)
    said = np.where(twice["differs"], "duplicate_differs", "duplicate_same")[again]
    table.loc[twice.index[again], "reason"] = said
    good = good.drop(twice.index[again]).sort_values([*cell, "line"])
    columns = ["series_key", "geo", "period", "year", "value", "unit", "flags"]
    good[columns].to_parquet(folder / "pandas.parquet", index=False)
    bad = table[table["reason"] != ""]
    columns = ["line", "series_key", "geo", "period", "text", "flags", "reason"]
    bad[columns].rename(columns={"text": "value"}).to_parquet(
        folder / "pandas_rejects.parquet", index=False
    )
    return {"observations": len(good), "rejects": len(bad)}


def duckdb(folder: Path) -> dict[str, int]:
    """The limit: every column of the file read as text, none of the work done."""
    import duckdb as engine

    source = f"read_csv('{folder / 'body.csv.gz'}', all_varchar=true, header=true)"
    with engine.connect() as con:
        names = con.sql(f"SELECT * FROM {source} LIMIT 0").columns
        sums = ", ".join(f'sum(length("{n}"))' for n in names)
        found = con.sql(f"SELECT count(*), {sums} FROM {source}").fetchall()[0]
    return {"scanned": int(found[0])}


def pyjstat(folder: Path) -> dict[str, int]:
    """A cube of cells to a frame; the rest of the work is not done."""
    import pyjstat.pyjstat as reader

    frame = reader.Dataset.read((folder / "cube.json").read_text()).write("dataframe")
    return {"scanned": len(frame)}


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
    f.__name__: f for f in (bundled, duckdb, missiemonitor, pandas, pyjstat)
}
# Imports are not what is measured.
# Imported before the clock starts. Arrow imports pandas with the first array that it makes.
IMPORTS = {
    "bundled": ("duckdb", "numpy", "pyarrow.csv", "pyarrow.compute", "yaml", "pydantic"),
    "duckdb": ("duckdb",),
    "missiemonitor": (
        "duckdb", "numpy", "pandas", "pyarrow.csv", "pyarrow.compute", "pyarrow.parquet",
    ),
    "pandas": ("pandas", "pyarrow.parquet"),
    "pyjstat": ("pyjstat.pyjstat",),
}  # fmt: skip


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
