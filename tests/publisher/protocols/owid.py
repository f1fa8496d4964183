"""Our World in Data's grapher: a CSV and its metadata for each chart.

Columns have long titles, or short names where they are asked for; Python's own user agents get
403; `csvType=filtered` obeys country and time, `full` does not.
"""

from __future__ import annotations

import re
from typing import Any

from tests.publisher.faults import Response, edited
from tests.publisher.figures import AREAS, NAMES, Cell, Cube
from tests.publisher.protocols.common import as_csv, as_json, text


def is_data(ask: Any) -> bool:
    return bool(ask.path) and ask.path[-1].endswith(".csv")


def short(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def code(geo: str) -> str:
    if geo in AREAS:
        return AREAS[geo]["iso3"]
    return {"EU27_2020": "OWID_EU27", "WORLD": "OWID_WRL"}.get(geo, "")


def answer(ask: Any, publisher: Any) -> Response:
    agent = ask.headers.get("user-agent", "").lower()
    if "agent_refused" in ask.faults or not agent or agent.startswith("python"):
        return text("error code: 1010", 403)
    if len(ask.path) != 1:
        return text("Not found", 404)
    for ending, write in ((".metadata.json", _metadata), (".csv", _csv)):
        if ask.path[0].endswith(ending):
            cube = publisher.world.find("owid", ask.path[0].removesuffix(ending))
            if cube is None:
                return text("<!doctype html><html><body>Not found</body></html>", 404, "text/html")
            return write(ask, cube)
    return text("<!doctype html><html><body>A chart</body></html>", 200, "text/html")


def _name(title: str, ask: Any) -> str:
    if ask.get("useColumnShortNames") != "true":
        return f"{title}, revised" if "short_name_changed" in ask.faults else title
    return f"{short(title)}_2027" if "short_name_changed" in ask.faults else short(title)


def _csv(ask: Any, cube: Cube) -> Response:
    faults = ask.faults
    cells: list[Cell] = cube.cells
    if ask.get("csvType") == "filtered" and "filter_ignored" not in faults:
        wanted = {c for v in ask.every("country") for c in v.split("~") if c}
        if wanted:
            cells = [c for c in cells if code(c.geo) in wanted]
        if ".." in ask.get("time"):
            first, last = ask.get("time").split("..")
            cells = [
                c
                for c in cells
                if (first in ("earliest", "") or c.period >= first)
                and (last in ("latest", "") or c.period <= last)
            ]
    cells = edited(cells, sorted(faults))
    columns = cube.about["columns"]
    rows: list[list[str]] = []
    at: dict[tuple[str, str], list[list[str]]] = {}
    for c in cells:
        found = at.setdefault((c.geo, c.period), [])
        place = columns.index(c.of("column"))
        free = next((r for r in found if r[3 + place] == ""), None)
        if free is None:
            name = NAMES.get(c.geo, c.geo)
            named = code(c.geo).lower() if "case_of_codes" in faults else code(c.geo)
            free = [name, named, c.period, *[""] * len(columns)]
            found.append(free)
            rows.append(free)
        free[3 + place] = c.value
    header = ["Entity", "Code", "Year", *(_name(c, ask) for c in columns)]
    if "other_dataset" in faults:
        header[3:] = ["life_expectancy_0", *header[4:]]
    return as_csv(header, rows, "text/csv; charset=utf-8", faults, fixed=3)


def _metadata(ask: Any, cube: Cube) -> Response:
    columns = {
        _name(title, ask): {
            "titleShort": title, "titleLong": title, "descriptionShort": title, "unit": "%",
            "shortUnit": "%", "timespan": f"{cube.periods()[0]}-{cube.periods()[-1]}",
            "type": "Numeric", "owidVariableId": 1000 + i, "shortName": short(title),
            "lastUpdated": cube.updated, "citationShort": "on the bench",
            "citationLong": "on the bench",
            "fullMetadata": "https://api.ourworldindata.org/v1/indicators/1000.metadata.json",
        }
        for i, title in enumerate(cube.about["columns"])
    }  # fmt: skip
    return as_json({
        "chart": {"title": cube.title, "subtitle": "", "citation": "on the bench",
                  "originalChartUrl": f"https://ourworldindata.org/grapher/{cube.code}",
                  "selection": ["Netherlands"]},
        "columns": columns, "dateDownloaded": "2026-11-24",
    })  # fmt: skip
