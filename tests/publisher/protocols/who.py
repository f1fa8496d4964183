"""WHO's GHO OData: a whole indicator in one body, areas and groupings and sexes mixed."""

from __future__ import annotations

from typing import Any

from tests.publisher.faults import Response, edited
from tests.publisher.figures import AREAS, Cell, Cube
from tests.publisher.protocols.cbs import FilterError, parse_filter
from tests.publisher.protocols.common import as_json, number


def is_data(ask: Any) -> bool:
    return len(ask.path) == 1 and ask.path[0] not in (
        "Indicator",
        "DIMENSION",
        "IndicatorDimension",
    )


def answer(ask: Any, publisher: Any) -> Response:
    path = ask.path
    cubes = publisher.world.of("who")
    try:
        if path == ("Indicator",):
            rows = [
                {"IndicatorCode": c.code, "IndicatorName": c.title, "Language": "EN"} for c in cubes
            ]
            return _value(ask, rows, "Indicator")
        if path[:1] == ("DIMENSION",) and len(path) == 3:
            return _value(ask, _values(path[1], cubes), "DIMENSION_CODE")
        if len(path) == 1:
            cube = publisher.world.find("who", path[0])
            if cube is None:
                return Response(404, {"Content-Type": "text/plain"}, b"")
            cells = list(cube.cells)
            if ask.get("$filter") and "filter_ignored" not in ask.faults:
                keep = parse_filter(ask.get("$filter"))
                cells = [c for i, c in enumerate(cells) if keep(_row(i, c, cube, frozenset()))]
            cells = edited(cells, sorted(ask.faults))
            rows = [_row(i, c, cube, ask.faults) for i, c in enumerate(cells)]
            return _value(ask, rows, cube.code, filtered=True)
    except (FilterError, ValueError) as error:
        return as_json({"error": {"code": "", "message": str(error)}}, 400)
    return Response(404, {"Content-Type": "text/plain"}, b"")


def _values(dim: str, cubes: list[Cube]) -> list[dict[str, Any]]:
    if dim == "COUNTRY":
        codes = {a["iso3"]: a["name"] for a in AREAS.values()}
    else:
        codes = {c: c for cube in cubes if dim in cube.dims for c in cube.codes_of(dim)}
    return [{"Code": c, "Title": t, "Dimension": dim, "ParentCode": None} for c, t in codes.items()]


def _row(i: int, c: Cell, cube: Cube, faults: frozenset[str]) -> dict[str, Any]:
    area = AREAS[c.geo]["iso3"] if c.geo in AREAS else {"WORLD": "GLOBAL"}.get(c.geo, c.geo)
    value = number(c.value, faults)
    row: dict[str, Any] = {
        "Id": i, "IndicatorCode": "TB_1" if "other_dataset" in faults else cube.code,
        "SpatialDimType": "COUNTRY" if c.geo in AREAS else "GLOBAL",
        "SpatialDim": area.lower() if "case_of_codes" in faults else area,
        "TimeDimType": "YEAR", "ParentLocationCode": "EUR", "ParentLocation": "Europe",
        "Dim1Type": "SEX", "Dim1": c.of("SEX"), "TimeDim": c.year if c.year else c.period,
        "Dim2Type": None, "Dim2": None, "Dim3Type": None, "Dim3": None,
        "DataSourceDimType": None, "DataSourceDim": None,
        "Value": f"{c.value} [{c.value}-{c.value}]", "NumericValue": value,
        "Low": value, "High": value, "Comments": None,
        "Date": "2026-10-01T09:00:00+02:00", "TimeDimensionValue": c.period,
        "TimeDimensionBegin": f"{c.period}-01-01T00:00:00+01:00",
        "TimeDimensionEnd": f"{c.period}-12-31T00:00:00+01:00",
    }  # fmt: skip
    if "column_grown" in faults:
        row["PublishState"] = "PUBLISHED"
    if "columns_reordered" in faults:
        row = dict(reversed(row.items()))
    if "column_renamed" in faults:
        row["Numeric"] = row.pop("NumericValue")
    if "trailing_spaces" in faults:
        row["SpatialDim"] = f"{area}  "
        row["Dim1"] = f"{row['Dim1']}  "
    return row


def _value(ask: Any, rows: list[dict[str, Any]], part: str, filtered: bool = False) -> Response:
    if ask.get("$filter") and not filtered:
        keep = parse_filter(ask.get("$filter"))
        rows = [r for r in rows if keep(r)]
    total = len(rows)
    order = [o.split() for o in ask.get("$orderby").split(",") if o]
    for words in reversed(order):
        rows = sorted(rows, key=lambda r: (r[words[0]] is None, r[words[0]]), reverse=words[1:] == ["desc"])  # fmt: skip
    skip = int(ask.get("$skip", "0"))
    rows = rows[skip:][: int(ask.get("$top", str(len(rows))))]
    wanted = [s for s in ask.get("$select").split(",") if s]
    if wanted:
        rows = [{k: v for k, v in r.items() if k in wanted} for r in rows]
    if "header_only" in ask.faults:
        rows = []
    body: dict[str, Any] = {"@odata.context": f"{ask.base}/$metadata#{part}"}
    if ask.get("$count") == "true":
        body["@odata.count"] = total
    body["value"] = rows
    return as_json(body)
