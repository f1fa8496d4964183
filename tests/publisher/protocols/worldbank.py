"""World Bank Indicators v2: [meta, rows] by pages, messages with HTTP 200, null rows, aggregates.

XML unless JSON is asked for; per_page is a number on data and text elsewhere; a date window that
meets nothing is ignored.
"""

from __future__ import annotations

from typing import Any

from tests.publisher.faults import Response, edited
from tests.publisher.figures import AREAS, NAMES, Cell, Cube
from tests.publisher.protocols.common import as_json, number, text

_AGGREGATES = {"EU27_2020": ("EU", "EUU", "European Union"), "WORLD": ("1W", "WLD", "World")}


def is_data(ask: Any) -> bool:
    return "indicator" in ask.path and ask.path[0] == "country"


def answer(ask: Any, publisher: Any) -> Response:
    if ask.get("format", "xml") != "json":
        return text('<?xml version="1.0" encoding="utf-8"?><wb:data xmlns:wb="http://www.worldbank.org"/>', kind="text/xml")  # fmt: skip
    path = ask.path
    if "xml_though_json" in ask.faults:
        return text(
            '<?xml version="1.0" encoding="utf-8"?><wb:error xmlns:wb="http://www.worldbank.org">'
            '<wb:message id="160" key="Data not found.">The provided parameter value is not valid or '
            "data not found.</wb:message></wb:error>", kind="text/xml",
        )  # fmt: skip
    if len(path) == 4 and path[0] == "country" and path[2] == "indicator":
        return _data(ask, publisher, path[1], path[3])
    if path[:1] == ("country",):
        return _countries(ask)
    if path[:1] == ("indicator",) and len(path) == 2:
        cube = publisher.world.find("worldbank", path[1])
        if cube is None:
            return _message("120")
        entry = {"id": cube.code, "name": cube.title, "unit": "",
                 "source": {"id": "2", "value": "World Development Indicators"}}  # fmt: skip
        return as_json([{"page": 1, "pages": 1, "per_page": "50", "total": 1}, [entry]])
    return _message("120")


def _message(code: str) -> Response:
    said = {
        "120": ("Invalid value", "The provided parameter value is not valid"),
        "175": ("Invalid format", "The indicator was not found. It may have been deleted or archived."),
    }[code]  # fmt: skip
    return as_json([{"message": [{"id": code, "key": said[0], "value": said[1]}]}])


def _ids(geo: str) -> tuple[str, str, str]:
    if geo in AREAS:
        return AREAS[geo]["iso2"], AREAS[geo]["iso3"], NAMES[geo]
    return _AGGREGATES.get(geo, (geo, "", geo))


def _data(ask: Any, publisher: Any, areas: str, indicator: str) -> Response:
    faults = ask.faults
    if "message_120" in faults:
        return _message("120")
    if "message_175" in faults:
        return _message("175")
    cube = publisher.world.find("worldbank", indicator)
    if cube is None:
        return _message("175")
    cells: list[Cell] = cube.cells
    if areas != "all" and "filter_ignored" not in faults:
        wanted = {a.upper() for a in areas.split(";")}
        known = {i.upper() for g in cube.codes_of("country") for i in _ids(g)[:2]}
        known |= {i for a in AREAS.values() for i in (a["iso2"], a["iso3"])} | {"EUU", "EU", "WLD"}
        if wanted - known:
            return _message("120")
        cells = [c for c in cells if wanted & {i.upper() for i in _ids(c.geo)[:2]}]
    if window := ask.get("date"):
        first, _, last = window.partition(":")
        inside = [c for c in cells if first <= c.period <= (last or first)]
        if inside and not faults & {"dates_ignored", "filter_ignored"}:
            cells = inside
    cells = edited(cells, sorted(faults))
    cells = sorted(cells, key=lambda c: (_ids(c.geo)[2], -(c.year or 0)))
    rows = [_row(c, cube, faults) for c in cells]
    if "null_rows" in faults:
        rows += [{**rows[0], "country": {"id": "ZZ", "value": "Nowhere"}, "countryiso3code": "", "value": None}]  # fmt: skip
    return _pages(ask, publisher, rows, cube)


def _row(c: Cell, cube: Cube, faults: frozenset[str]) -> dict[str, Any]:
    iso2, iso3, name = _ids(c.geo)
    indicator = "SP.POP.TOTL" if "other_dataset" in faults else cube.code
    row = {
        "indicator": {"id": indicator, "value": cube.title},
        "country": {"id": iso2, "value": f"{name} "}, "countryiso3code": iso3, "date": c.period,
        "value": number(c.value, faults), "unit": "", "obs_status": "", "decimal": 0,
    }  # fmt: skip
    if "case_of_codes" in faults:
        row["country"] = {"id": iso2.lower(), "value": name}
        row["countryiso3code"] = iso3.lower()
    if "extra_flag" in faults:
        row["obs_status"] = "Q"
    if "unit_changed" in faults:
        row["unit"] = "km2"
    if "column_grown" in faults:
        row["footnote"] = "new"
    if "columns_reordered" in faults:
        row = dict(reversed(row.items()))
    if "column_renamed" in faults:
        row["observation"] = row.pop("value")
    if "trailing_spaces" in faults:
        row["date"] = f"{row['date']}  "
        row["country"] = {"id": f"{iso2} ", "value": f"{name}  "}
    return row


def _pages(ask: Any, publisher: Any, rows: list[dict[str, Any]], cube: Cube) -> Response:
    faults = ask.faults
    size = int(ask.get("per_page", "50"))
    if size > publisher.limits.worldbank_page:
        return Response(
            200, {"Content-Type": "text/html"}, b"<html><body>Request Error</body></html>"
        )
    if faults & {"page_loop", "page_twice", "page_lost", "page_endless"}:
        size = max(1, len(rows) // 4 + 1)
    page = int(ask.get("page", "1"))
    pages = -(-len(rows) // size)
    at = page
    if "page_loop" in faults:
        at = 1
    elif "page_twice" in faults and page == 3:
        at = 2
    elif "page_lost" in faults and page == 3:
        at = 99
    elif "page_endless" in faults:
        at, pages = 1, page + 1
    part: Any = rows[(at - 1) * size : at * size]
    total = len(rows) + (7 if "total_wrong" in faults else 0)
    meta = {
        "page": page, "pages": pages, "per_page": str(size) if "per_page_text" in faults else size,
        "total": total, "sourceid": "2",
        "lastupdated": "2026-11-21" if "updated_stamp" in faults else cube.updated,
    }  # fmt: skip
    if "header_only" in faults:
        part = None
    return as_json([meta, part or None])


def _countries(ask: Any) -> Response:
    rows = [
        {"id": a["iso3"], "iso2Code": a["iso2"], "name": f"{a['name']} ",
         "region": {"id": "ECS", "iso2code": "Z7", "value": "Europe & Central Asia "}}
        for a in AREAS.values()
    ]  # fmt: skip
    rows += [
        {"id": iso3, "iso2Code": iso2, "name": name,
         "region": {"id": "NA", "iso2code": "NA", "value": "Aggregates"}}
        for iso2, iso3, name in _AGGREGATES.values()
    ]  # fmt: skip
    size = int(ask.get("per_page", "50"))
    page = int(ask.get("page", "1"))
    pages = -(-len(rows) // size)
    meta = {"page": page, "pages": pages, "per_page": str(size), "total": len(rows)}
    return as_json([meta, rows[(page - 1) * size : page * size]])
