"""UN SDG API: pages of rows whose values are text, areas as M49 without leading zeros."""

from __future__ import annotations

from typing import Any

from tests.publisher.faults import Response, edited
from tests.publisher.figures import AREAS, BY_M49, NAMES, Cell, Cube
from tests.publisher.protocols.common import as_json

_ATTRIBUTES = ("Nature", "Observation Status")


def is_data(ask: Any) -> bool:
    return ask.path[:2] == ("Series", "Data")


def m49(geo: str) -> str:
    return AREAS[geo]["m49"] if geo in AREAS else {"WORLD": "1", "EU27_2020": "97"}.get(geo, geo)


def answer(ask: Any, publisher: Any) -> Response:
    path = ask.path
    cubes = publisher.world.of("unsdg")
    if path == ("Series", "Data"):
        return _data(ask, publisher)
    if path == ("Series", "List"):
        return as_json([
            {"goal": ["1"], "target": ["1.1"], "indicator": ["1.1.1"], "release": "2026.Q3.G.01",
             "code": c.code, "description": c.title, "uri": f"/v1/sdg/Series/{c.code}"}
            for c in cubes
        ])  # fmt: skip
    if path == ("GeoArea", "List"):
        return as_json([
            {"geoAreaCode": code, "geoAreaName": NAMES[geo]} for code, geo in BY_M49.items()
        ])  # fmt: skip
    if len(path) == 3 and path[0] == "Series" and path[2] in ("Dimensions", "Attributes"):
        cube = publisher.world.find("unsdg", path[1])
        if cube is None:
            return as_json([])
        if path[2] == "Dimensions":
            return as_json([
                {"id": d, "codes": [{"code": c, "description": c, "sdmx": c} for c in cube.codes_of(d)]}
                for d in cube.dims[1:]
            ])  # fmt: skip
        return as_json(
            [
                {
                    "id": "Units",
                    "codes": [{"code": u} for u in sorted({c.attr("Units") for c in cube.cells})],
                }
            ]
        )
    return Response(404, {"Content-Type": "text/plain"}, b"")


def _data(ask: Any, publisher: Any) -> Response:
    faults = ask.faults
    wanted = [s for v in ask.every("seriesCode") for s in v.split(",")]
    areas = {a.lstrip("0") for v in ask.every("areaCode") for a in v.split(",")}
    years = {y for v in ask.every("timePeriod") for y in v.split(",")}
    since, until = ask.get("timePeriodStart"), ask.get("timePeriodEnd")
    pairs: list[tuple[Cube, Cell]] = []
    for code in wanted:
        cube = publisher.world.find("unsdg", code)
        if cube is None:
            # A series that is not known is no error: there is nothing of it.
            continue
        cells = [
            c
            for c in cube.cells
            if "filter_ignored" in faults
            or (
                (not areas or m49(c.geo) in areas)
                and (not years or c.period in years)
                and (not since or c.period >= since)
                and (not until or c.period <= until)
            )
        ]
        pairs += [(cube, c) for c in edited(cells, sorted(faults))]
    if "filter_ignored" in faults:
        others = [c for c in publisher.world.of("unsdg") if c.code not in wanted][:2]
        pairs += [(cube, c) for cube in others for c in cube.cells]
    rows = [_row(cube, c, faults) for cube, c in pairs]
    return _pages(ask, publisher, rows)


def _row(cube: Cube, c: Cell, faults: frozenset[str]) -> dict[str, Any]:
    codes = dict(c.codes)
    series = codes.pop("seriesCode")
    units = c.attr("Units")
    attributes = {a: c.attr(a) for a in _ATTRIBUTES if c.attr(a)}
    if "unit_changed" in faults:
        units = "NUMBER"
    attributes["Units"] = units
    row: dict[str, Any] = {
        "goal": ["1"], "target": ["1.1"], "indicator": ["1.1.1"],
        "series": "SI_POV_DAY1" if "other_dataset" in faults else series,
        "seriesDescription": cube.title, "seriesCount": str(len(cube.cells)),
        "geoAreaCode": m49(c.geo), "geoAreaName": NAMES.get(c.geo, c.geo),
        "timePeriodStart": float(c.period) if c.year else c.period,
        "value": None if c.value == "" else c.value,
        "valueType": "Float", "time_detail": None,
        "source": "on the bench", "footnotes": [""], "attributes": attributes,
        "dimensions": {**codes, "Reporting Type": "G"},
    }  # fmt: skip
    if "units_as_dimension" in faults:
        # As it was until 2020 or so.
        row["dimensions"]["Units"] = attributes.pop("Units")
    if "unit_multiplier" in faults and c.value:
        attributes["UnitMultiplier"] = "THOUSAND"
        row["value"] = repr(float(c.value) / 1000)
    if "numbers_as_text" in faults:
        row["timePeriodStart"] = c.period
    if "padded_period" in faults:
        row["timePeriodStart"] = f" {c.period.strip()} "
    if "case_of_codes" in faults:
        row["series"] = str(row["series"]).lower()
        row["dimensions"] = {k: v.lower() for k, v in codes.items()}
    if "extra_flag" in faults:
        attributes["Nature"] = "XX"
    if "column_grown" in faults:
        row["upperBound"] = None
        row["basePeriod"] = None
    if "columns_reordered" in faults:
        row = dict(reversed(row.items()))
    if "column_renamed" in faults:
        row["Value"] = row.pop("value")
    if "trailing_spaces" in faults:
        row["geoAreaCode"] = f"{row['geoAreaCode']} "
        row["value"] = f"{row['value']}  "
        row["dimensions"] = {k: f"{v} " for k, v in codes.items()}
    return row


def _pages(ask: Any, publisher: Any, rows: list[dict[str, Any]]) -> Response:
    faults = ask.faults
    size = min(int(ask.get("pageSize", "25")), publisher.limits.unsdg_page)
    if faults & {"page_loop", "page_twice", "page_lost", "page_endless"}:
        size = max(1, len(rows) // 4 + 1)
    page = int(ask.get("page", "1"))
    pages = -(-len(rows) // size) if rows else 0
    at = page
    if "page_loop" in faults:
        at = 1
    elif "page_twice" in faults and page == 3:
        at = 2
    elif "page_lost" in faults and page == 3:
        at = 99
    elif "page_endless" in faults:
        at, pages = 1, page + 1
    part = rows[(at - 1) * size : at * size]
    total = len(rows) + (7 if "total_wrong" in faults else 0)
    if "header_only" in faults:
        part, total, pages = [], 0, 0
    return as_json({
        "size": size, "totalElements": total, "totalPages": pages, "pageNumber": page,
        "attributes": [{"id": "Nature", "codes": []}], "dimensions": [], "data": part,
    })  # fmt: skip
