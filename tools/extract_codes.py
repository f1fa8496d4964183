"""Writes the extract of Eurostat's codes that ships with the registry: what doctor can say without a network.

    python tools/extract_codes.py ../shared/design/keys/eurostat_codes.parquet

One row for each dimension of each dataset that is asked of Eurostat: all its codes (of areas those
that are asked for), so that a wrong code gets the likely right one.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import duckdb

from pipeline.areas import HOME
from pipeline.registry import load
from pipeline.registry.code_archive import COLUMNS, EXTRACT

SOURCE = "ondata/opensdmx@4c7b20e956a7 (MIT), codes that Eurostat's data held"
_ROWS = """
    SELECT df_id, dimension_id, code_id, checked_at FROM read_parquet($1)
    WHERE df_id = $2 ORDER BY dimension_id, code_id
"""


def main(archive: Path, target: Path = EXTRACT) -> None:
    """Write `target` anew; the same archive and registry give the same bytes."""
    registry = load()
    areas = {HOME, *registry.peers}
    rows = []
    for code in sorted(
        {d.asked_code.upper() for d in registry.datasets.values() if d.asked == "eurostat"}
    ):
        dimensions: dict[str, list[str]] = {}
        checked = ""
        for _, dimension, value, day in duckdb.execute(_ROWS, [str(archive), code]).fetchall():
            dimensions.setdefault(dimension, []).append(value)
            checked = max(checked, day)
        for dimension, codes in dimensions.items():
            if dimension == "geo":
                codes = [c for c in codes if c in areas]
            rows.append([code, dimension, " ".join(codes), checked, SOURCE])
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
