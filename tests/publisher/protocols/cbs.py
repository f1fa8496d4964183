"""CBS StatLine, OData v4: catalogue, code lists, observations with $filter, pages with nextLink.

Table ids are case-sensitive, codes of a dimension may be padded, a page is never longer than the
limit, and whether a year is provisional stands with the period, not with the figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from zlib import crc32

from tests.publisher.faults import Response, edited
from tests.publisher.figures import Cell, Cube
from tests.publisher.protocols.common import as_json, number, text

TITLES = {
    "T001028": "Totaal hernieuwbare energiebronnen", "E006587": "Waterkracht",
    "E006588": "Totaal windenergie", "E006637": "Windenergie op land",
    "E006638": "Windenergie op zee", "E006590": "Zonnestroom", "E006566": "Totaal biomassa",
}  # fmt: skip
Row = dict[str, Any]


class FilterError(ValueError):
    """A $filter that the server cannot read."""


def is_data(ask: Any) -> bool:
    return len(ask.path) >= 2 and ask.path[1] == "Observations"


def answer(ask: Any, publisher: Any) -> Response:
    if "odata_error" in ask.faults:
        return _error(400, "Could not find a property on the type 'Cbs.Ccb.Models.Observation'.")
    if ask.path == ("Datasets",):
        return _page(ask, publisher, "Datasets", _catalogue(publisher), "")
    cube = publisher.world.cubes.get(("cbs", ask.path[0])) if ask.path else None
    if cube is None:
        return _error(404, "Not Found")
    part = ask.path[1] if len(ask.path) > 1 else ""
    if part == "Observations":
        try:
            rows = _observations(cube, ask)
        except FilterError as error:
            return _error(400, str(error))
        if ask.path[2:] == ("$count",):
            return text(str(len(rows)))
        return _page(ask, publisher, "Observations", rows, cube.code)
    if part == "Properties":
        return as_json(_properties(cube, ask))
    lists: dict[str, Callable[[], list[Row]]] = {
        "Dimensions": lambda: _dimensions(cube, ask),
        "MeasureCodes": lambda: [
            {"Identifier": i, "Index": n, "Title": f"{m.get('Title', i)} ", "Unit": m.get("Unit"),
             "Decimals": None, "DataType": "Double"}
            for n, (i, m) in enumerate(cube.about["measures"].items(), 1)
        ],
        "MeasureGroups": list,
        "PeriodenCodes": lambda: _periods(cube, ask),
        "PeriodenGroups": list,
    }  # fmt: skip
    for dim in cube.dims[1:]:
        lists[f"{dim}Codes"] = lambda dim=dim: [  # type: ignore[misc]
            {"Identifier": _padded(c, ask), "Index": i, "Title": f"{TITLES.get(c, c)} ",
             "Description": "", "DimensionGroupId": "2"}
            for i, c in enumerate(cube.codes_of(dim), 1)
        ]  # fmt: skip
        lists[f"{dim}Groups"] = list
    if part not in lists:
        return _error(404, "Not Found")
    return _page(ask, publisher, part, lists[part](), cube.code)


def _error(code: int, said: str) -> Response:
    return as_json({"error": {"code": "", "message": said}}, code)


def _padded(code: str, ask: Any) -> str:
    return code.ljust(10) if "padded_codes" in ask.faults else code


def _code(period: str) -> str:
    """CBS's code of a period as the figures have it."""
    if found := re.fullmatch(r"(\d{4})-Q(\d)", period):
        return f"{found[1]}KW0{found[2]}"
    if found := re.fullmatch(r"(\d{4})-(\d\d)", period):
        return f"{found[1]}MM{found[2]}"
    return f"{period}JJ00" if re.fullmatch(r"\d{4}", period) else period


def _observations(cube: Cube, ask: Any) -> list[Row]:
    """The rows that the filter keeps, with whatever is wrong with them."""
    cells = list(cube.cells)
    if ask.get("$filter") and "filter_ignored" not in ask.faults:
        keep = parse_filter(ask.get("$filter"))
        cells = [c for i, c in enumerate(cells) if keep(_row(i, c, cube, ask))]
    return [_row(i, c, cube, ask) for i, c in enumerate(edited(cells, sorted(ask.faults)))]


def _row(i: int, c: Cell, cube: Cube, ask: Any) -> Row:
    faults = ask.faults
    attribute = c.attr("ValueAttribute")
    value: Any = number(c.value, faults)
    if "impossible" in faults and c.year == 2024:
        # A figure that is called impossible is none, whatever stands beside it.
        attribute, value = "Impossible", 0
    # Ids are the table's own, not those of one answer.
    row: Row = {
        "Id": crc32(f"{c.codes}{c.period}".encode()) if "rows_twice_differ" not in faults else i,
        "Measure": c.of("Measure"), "ValueAttribute": attribute, "Value": value,
        "StringValue": None,
    }  # fmt: skip
    row |= {d: _padded(c.of(d), ask) for d in cube.dims[1:]}
    row["Perioden"] = _code(c.period.strip())
    if "padded_period" in faults:
        row["Perioden"] += "  "
    return _formed(row, faults)


def _formed(row: Row, faults: frozenset[str]) -> Row:
    if "column_grown" in faults:
        # A new field, that is no dimension.
        row["ValueFootnote"] = None
    if "columns_reordered" in faults:
        row = dict(reversed(row.items()))
    if "column_renamed" in faults:
        row["Waarde"] = row.pop("Value")
    if "trailing_spaces" in faults:
        row = {
            k: f"{v}  " if isinstance(v, str) and k != "ValueAttribute" else v
            for k, v in row.items()
        }
    return row


def _periods(cube: Cube, ask: Any) -> list[Row]:
    cells = edited(list(cube.cells), sorted(ask.faults))
    out = []
    for i, period in enumerate(sorted({c.period.strip() for c in cells}), 1):
        status = cube.about["status"].get(period[:4], "Voorlopig")
        out.append({
            "Identifier": _code(period), "Index": i, "Title": f"{period} ", "Description": "",
            "DimensionGroupId": "0", "Status": None if "status_gone" in ask.faults else status,
        })  # fmt: skip
    return out


def _dimensions(cube: Cube, ask: Any) -> list[Row]:
    kinds = [(d, "Dimension") for d in cube.dims[1:]] + [("Perioden", "TimeDimension")]
    return [
        {"Identifier": d, "Title": d, "Description": "", "Kind": kind, "ContainsGroups": True,
         "ContainsCodes": True, "CodesUrl": f"{ask.base}/{cube.code}/{d}Codes",
         "GroupsUrl": f"{ask.base}/{cube.code}/{d}Groups"}
        for d, kind in kinds
    ]  # fmt: skip


def _properties(cube: Cube, ask: Any) -> Row:
    stamp = cube.updated.replace("-", "") + ("0230" if "updated_stamp" in ask.faults else "0200")
    return {
        "@odata.context": f"{ask.base}/{cube.code}/$metadata#Properties",
        "Identifier": cube.code, "Title": f"{cube.title} ", "Status": "Regulier",
        "Modified": f"{cube.updated}T02:00:00+02:00", "ReleaseDate": None,
        "ObservationsModified": f"{cube.updated}T02:00:00+02:00",
        "ObservationCount": len(cube.cells), "Version": stamp, "VersionReason": "Actualisering",
        "Frequency": "Perjaar", "DatasetType": "Numeric", "Language": "nl",
        "License": "https://creativecommons.org/licenses/by/4.0/",
    }  # fmt: skip


def _catalogue(publisher: Any) -> list[Row]:
    return [
        {"Identifier": c.code, "Title": f"{c.title} ", "Status": "Regulier",
         "DatasetType": "Numeric", "Modified": f"{c.updated}T02:00:00+02:00",
         "ObservationsModified": f"{c.updated}T02:00:00+02:00", "ObservationCount": len(c.cells)}
        for c in publisher.world.of("cbs")
    ]  # fmt: skip


def _filtered(rows: list[Row], ask: Any) -> list[Row]:
    text_ = ask.get("$filter")
    if not text_ or "filter_ignored" in ask.faults:
        return rows
    keep = parse_filter(text_)
    return [r for r in rows if keep(r)]


def _page(ask: Any, publisher: Any, part: str, rows: list[Row], table: str) -> Response:
    """One page; what stands after it is behind @odata.nextLink."""
    if part != "Observations" and "trailing_spaces" in ask.faults:
        rows = [_formed(r, frozenset({"trailing_spaces"})) for r in rows]
    try:
        if part != "Observations":
            rows = _filtered(rows, ask)
        skip, top = int(ask.get("$skip", "0")), int(ask.get("$top", str(len(rows))))
    except ValueError as error:
        return _error(400, str(error))
    faults = ask.faults
    if "header_only" in faults and part == "Observations":
        rows = []
    size = publisher.limits.cbs_page
    if part != "Observations":
        faults = frozenset()
    if faults & {"page_loop", "page_elsewhere", "page_twice", "page_lost", "page_endless"}:
        size = max(1, len(rows) // 4)
    asked = rows[skip : skip + top]
    page = asked[:size]
    wanted = [s for s in ask.get("$select").split(",") if s]
    if wanted:
        page = [{k: v for k, v in r.items() if k in wanted} for r in page]
    base = f"{ask.base}/{table}" if table else ask.base
    name = "37789ksz" if "other_dataset" in faults else table
    body: Row = {"@odata.context": f"{ask.base}/{name}/$metadata#{part}" if table else f"{ask.base}/$metadata#{part}"}  # fmt: skip
    body["value"] = page
    if "page_endless" in faults:
        # Never the same address twice, never an end.
        body["value"] = rows[:size]
        body["@odata.nextLink"] = f"{base}/{part}?$skip={skip + size}&again=1"
    elif len(asked) > len(page):
        at = skip + size
        if "page_loop" in faults:
            at = 0
        elif "page_twice" in faults and skip == size:
            at = size
            if ask.get("twice"):
                at = 2 * size
        elif "page_lost" in faults and skip == 0:
            at = 2 * size
        more = [f"$skip={at}"]
        for key in ("$filter", "$select"):
            if ask.get(key):
                more.append(f"{key}={quote(ask.get(key))}")
        if "page_twice" in faults and at == size and skip == size:
            more.append("twice=1")
        if ask.get("$top"):
            more.append(f"$top={top - (at - skip)}")
        link = f"{base}/{part}?{'&'.join(more)}"
        if "page_elsewhere" in faults:
            link = link.replace("127.0.0.1", "localhost")
        body["@odata.nextLink"] = link
    return as_json(body)


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w./]*)|(?P<mark>[(),]))"
)


def parse_filter(said: str) -> Callable[[Row], bool]:
    """The part of OData's $filter that StatLine is used with: eq ne gt ge lt le, and or not, in,
    startswith, contains, brackets. FilterError for all else."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(said.rstrip()):
        found = _TOKEN.match(said, at)
        if not found:
            raise FilterError(f"There is an unterminated literal at position {at} in '{said}'.")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        at = found.end()
    tokens.append(("end", ""))
    place = 0

    def peek() -> tuple[str, str]:
        return tokens[place]

    def take(wanted: str = "") -> str:
        nonlocal place
        value = tokens[place][1]
        if wanted and value != wanted:
            raise FilterError(f"Syntax error: '{wanted}' was expected at '{value}' in '{said}'.")
        place += 1
        return value

    def value_of(token: tuple[str, str]) -> Any:
        kind, word = token
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        if word in ("null", "true", "false"):
            return {"null": None, "true": True, "false": False}[word]
        raise FilterError(f"A literal was expected at '{word}' in '{said}'.")

    def either() -> Callable[[Row], bool]:
        left = both()
        while peek()[1] == "or":
            take()
            a, b = left, both()
            left = lambda r, a=a, b=b: a(r) or b(r)  # noqa: E731
        return left

    def both() -> Callable[[Row], bool]:
        left = single()
        while peek()[1] == "and":
            take()
            a, b = left, single()
            left = lambda r, a=a, b=b: a(r) and b(r)  # noqa: E731
        return left

    def single() -> Callable[[Row], bool]:
        kind, word = peek()
        if word == "(":
            take()
            inner = either()
            take(")")
            return inner
        if word == "not":
            take()
            inner = single()
            return lambda r: not inner(r)
        if word in ("startswith", "contains", "endswith"):
            take()
            take("(")
            name = field()
            take(",")
            sought = value_of(("text", take()))
            take(")")
            test = {"startswith": str.startswith, "contains": str.__contains__, "endswith": str.endswith}[word]  # fmt: skip
            return lambda r: test(str(r[name]), sought)
        if kind != "word":
            raise FilterError(f"A property was expected at '{word}' in '{said}'.")
        name = field()
        op = take()
        if op == "in":
            take("(")
            wanted = [value_of((peek()[0], take()))]
            while peek()[1] == ",":
                take()
                wanted.append(value_of((peek()[0], take())))
            take(")")
            return lambda r: r[name] in wanted
        if op not in ("eq", "ne", "gt", "ge", "lt", "le"):
            raise FilterError(f"Syntax error at '{op}' in '{said}'.")
        sought = value_of((peek()[0], take()))

        def compare(r: Row) -> bool:
            have = r[name]
            if op == "eq":
                return bool(have == sought)
            if op == "ne":
                return bool(have != sought)
            if have is None or sought is None:
                return False
            return bool(
                {
                    "gt": have > sought,
                    "ge": have >= sought,
                    "lt": have < sought,
                    "le": have <= sought,
                }[op]
            )

        return compare

    def field() -> str:
        name = take()
        names.add(name)
        return name

    names: set[str] = set()
    keep = either()
    if peek()[0] != "end":
        raise FilterError(f"Syntax error at '{peek()[1]}' in '{said}'.")

    def checked(row: Row) -> bool:
        if missing := names - row.keys():
            raise FilterError(f"Could not find a property named '{sorted(missing)[0]}'.")
        return keep(row)

    return checked
