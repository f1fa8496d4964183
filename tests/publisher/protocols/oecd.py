"""OECD's SDMX API: csvfile by key, 422 for a wrong key, 404 for nothing, 429 in two wordings."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from zlib import crc32

from tests.publisher.faults import Response, edited
from tests.publisher.figures import AREAS, Cell, Cube
from tests.publisher.protocols.common import as_csv, text
from tests.publisher.protocols.eurostat import codelist_xml, structure_xml

REQUESTS = "You have exceeded the number of requests currently permitted in the OECD Data API."
DOWNLOADS = (
    "You have exceeded the number of requests for data downloads or very large data ranges "
    "permitted in the OECD Data API."
)
_KINDS = ("dataflow", "datastructure", "contentconstraint", "availableconstraint", "codelist")


def is_data(ask: Any) -> bool:
    return "data" in ask.path[:2]


def area(geo: str) -> str:
    """OECD's code of an area: ISO 3166 alpha-3."""
    return AREAS[geo]["iso3"] if geo in AREAS else {"WORLD": "W"}.get(geo, geo)


def answer(ask: Any, publisher: Any) -> Response:
    path = ask.path
    if path[:3] == ("v2", "data", "dataflow") and len(path) in (6, 7):
        # SDMX 3: agency, flow and version are segments of the path.
        return _data(ask, publisher, ",".join(path[3:6]), path[6] if len(path) == 7 else "*")
    path = path[1:] if path[:1] == ("v2",) else path
    if path[:1] == ("data",) and len(path) in (2, 3):
        return _data(ask, publisher, path[1], path[2] if len(path) == 3 else "all")
    if path and path[0] in _KINDS:
        return _structure(path, publisher)
    return text("Could not find the requested resource", 404)


def _cube(publisher: Any, flow: str) -> Cube | None:
    parts = unquote(flow).split(",")
    name = parts[1] if len(parts) > 1 else parts[0]
    for cube in publisher.world.of("oecd"):
        agency, rest = cube.about["flow"].split(":", 1)
        if name in (rest.split("(")[0], cube.code) and (len(parts) == 1 or parts[0] == agency):
            return cube
    return None


def _data(ask: Any, publisher: Any, flow: str, key: str) -> Response:
    faults = ask.faults
    if "limit_requests" in faults:
        return Response(429, {"Content-Type": "text/plain", "Retry-After": "0"}, REQUESTS.encode())
    with publisher.lock:
        publisher.counts["oecd downloads"] += 1
        over = publisher.counts["oecd downloads"] > publisher.limits.oecd_downloads
    if "limit_downloads" in faults or over:
        return Response(429, {"Content-Type": "text/plain", "Retry-After": "0"}, DOWNLOADS.encode())
    cube = _cube(publisher, flow)
    if cube is None:
        return text(f"Could not find Dataflow and/or DSD related with this flow: {flow}", 404)
    if "firstNObservations" in dict(ask.query) or "lastNObservations" in dict(ask.query):
        return text("firstNObservations and lastNObservations are not supported here", 413)
    cells: list[Cell] = cube.cells
    if key not in ("all", "*"):
        parts = key.split(".")
        if len(parts) != len(cube.dims) or "key_refused" in faults:
            return text(
                f"Not enough key values in query, expecting {len(cube.dims)} got {len(parts)}", 422
            )
        if "filter_ignored" not in faults:
            wanted = [set(p.split("+")) if p not in ("", "*") else None for p in parts]
            cells = [
                c
                for c in cells
                if all(
                    w is None or (area(c.geo) if d == cube.area else c.of(d)) in w
                    for d, w in zip(cube.dims, wanted, strict=True)
                )
            ]
    if "filter_ignored" not in faults:
        start, end = ask.get("startPeriod"), ask.get("endPeriod")
        cells = [
            c
            for c in cells
            if (not start or c.period[: len(start)] >= start)
            and (not end or c.period[: len(end)] <= end)
        ]
    cells = edited(cells, sorted(faults))
    if "no_records" in faults or (not cells and "nothing_found" not in faults):
        return text("NoRecordsFound", 404)
    form = ask.get("format")
    if form not in ("csvfile", "csvfilewithlabels", "csv") and "csv" not in ask.headers.get(
        "accept", ""
    ):
        return text("<message:StructureSpecificData/>", 200, "application/xml")
    return _csv(cube, cells, ask, publisher.counts["oecd downloads"])


def _csv(cube: Cube, cells: list[Cell], ask: Any, turn: int) -> Response:
    faults = ask.faults
    flow = cube.about["flow"]
    if "other_dataset" in faults:
        flow = "OECD.CTP.TPS:DSD_REF_GLOBAL@DF_REFSERIES_GLOBAL(1.1)"
    attributes = [a for a, _ in cells[0].attrs] if cells else ["OBS_STATUS", "UNIT_MULT"]
    rows = []
    # Rows come in no order that means anything, and in another one the next time.
    for i, c in enumerate(sorted(cells, key=lambda c: crc32(f"{turn}{c}".encode()))):
        dims = [area(c.geo) if d == cube.area else c.of(d) for d in cube.dims]
        attrs = dict(c.attrs)
        value = c.value
        if "unit_mult_mixed" in faults and i % 3 == 0:
            # The same figure, said in another multiple.
            value = repr(float(value) * 1000)
            attrs["UNIT_MULT"] = str(int(attrs["UNIT_MULT"]) - 3)
        if "unit_mult_odd" in faults and i % 3 == 0:
            attrs["UNIT_MULT"] = "M"
        if "empty_with_status_a" in faults and i % 5 == 0:
            value = ""
        if "unit_changed" in faults and "UNIT_MEASURE" in cube.dims:
            dims[cube.dims.index("UNIT_MEASURE")] = "USD_PPP"
        if "case_of_codes" in faults:
            dims = [d.lower() for d in dims]
        if "extra_flag" in faults:
            attrs["OBS_STATUS"] = "Q"
        rows.append([flow, *dims, c.period, value, *(attrs[a] for a in attributes)])
    header = ["DATAFLOW", *cube.dims, "TIME_PERIOD", "OBS_VALUE", *attributes]
    fixed = 1 + len(cube.dims) + 1
    return as_csv(header, rows, "application/vnd.sdmx.data+csv; charset=utf-8", faults, fixed=fixed)


def _structure(path: tuple[str, ...], publisher: Any) -> Response:
    kind = path[0]
    names = path[2] if len(path) > 2 else path[1] if len(path) > 1 else ""
    agency = path[1] if len(path) > 2 else ""
    if kind == "codelist":
        dim = names.removeprefix("CL_")
        for cube in publisher.world.of("oecd"):
            if dim in cube.dims:
                codes = {(area(c) if dim == cube.area else c): c for c in cube.codes_of(dim)}
                return text(codelist_xml(names, agency, codes), kind="application/xml")
        return text("NoRecordsFound", 404)
    flow = names.removeprefix("CR_A_").split(",")
    name = flow[1] if len(flow) > 1 else flow[0]
    for cube in publisher.world.of("oecd"):
        own, rest = cube.about["flow"].split(":", 1)
        full = rest.split("(")[0]
        if name in (full, full.split("@")[0], cube.code):
            kind = "contentconstraint" if kind == "availableconstraint" else kind
            return text(
                structure_xml(cube, own, names, kind, area),
                kind="application/vnd.sdmx.structure+xml",
            )
    return text("NoRecordsFound", 404)
