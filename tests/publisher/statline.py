"""The StatLine tables behind curated datasets, made from the bundled figures and the registry.

What a curated table holds was typed over from these; the registry says under which codes CBS
publishes each series. Tables that were bundled as received are in figures.py.
"""

from __future__ import annotations

import csv
import gzip
import io
import re

from pipeline.registry import Registry, load
from tests.publisher.figures import ROOT, Cell, Cube, World

CBS_TITLE = "LV in als goed ervaren gezondheid"
# dataset → (code of the measure where the registry names it by title, its unit)
TABLES = {
    "cbs_ghg_climate_sectors": ("D003040", "miljard kg CO2-equivalent"),
    "cbs_hle_total": ("M000123", "jaar"),
    "cbs_85445ned": ("M000124", "jaar"),
}


def _curated(name: str) -> list[dict[str, str]]:
    folder = sorted((ROOT / "data" / "raw" / "curated" / name).iterdir())[0]
    body = gzip.decompress((folder / "body.gz").read_bytes())
    return list(csv.DictReader(io.StringIO(body.decode())))


def statline(registry: Registry, name: str, measure: str, unit: str) -> Cube:
    """The StatLine table behind a curated dataset, from the bundled figures."""
    item = registry.datasets[f"curated/{name}"]
    assert item.live is not None
    rows = _curated(name)
    cells, dims = [], []
    for key, wanted in item.live.series.items():
        assert not isinstance(wanted, str)
        dims = [d for d in wanted if d != "Measure"]
        codes = (("Measure", measure), *((d, str(wanted[d])) for d in dims))
        for row in rows:
            if f"series={row['series']}" == key and re.fullmatch(r"[\d./-]+", row["period"]):
                period = row["period"]
                if "/" in period:
                    period = f"{period[:4]}G{int(period[5:]) - int(period[:4]) + 1}00"
                cells.append(
                    Cell(codes, "NL", period, row["value"], "", (("ValueAttribute", "None"),))
                )
    once = {(c.codes, c.period): c for c in cells}
    # Whether a year is provisional stands with the figure there, with the period here.
    status = {
        row["period"][:4]: "Voorlopig" if "p" in row["flag"].split() else "Definitief"
        for row in rows
    }
    about = {"measures": {measure: {"Title": CBS_TITLE, "Unit": unit}}, "status": status}
    return Cube(
        "cbs",
        item.live.code,
        name,
        ("Measure", *dims),
        "",
        list(once.values()),
        "2026-11-20",
        about,
    )


def add_tables(world: World, registry: Registry | None = None) -> World:
    """`world` with the tables behind the curated datasets."""
    for name, (measure, unit) in TABLES.items():
        cube = statline(registry or load(), name, measure, unit)
        world.cubes["cbs", cube.code] = cube
    return world
