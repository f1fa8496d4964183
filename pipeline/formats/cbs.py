"""The formats of CBS: OData v4, the zip of a whole table, and the CSV of StatLine's own pages.

Each gives the rows of documents.py; a StatLine table is of the Netherlands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.formats.bodies import OPEN_LINE, ends_line
from pipeline.formats.cells import cells_of, text_of, with_points
from pipeline.formats.documents import Rows, load, text
from pipeline.formats.packed import members
from pipeline.formats.pages import unfold
from pipeline.formats.spec import DatasetSpec, ParseError, must_state
from pipeline.series_key import series_key

# The dimension of time, in Dutch tables and in English ones.
TIMES = ("Perioden", "Periods")
_FIXED = {"Id", "Measure", "ValueAttribute", "Value", "StringValue"}
_PARTS = ("Observations", "PeriodenCodes", "MeasureCodes")
_TIME_CODES = tuple(f"{time}Codes" for time in TIMES)
_PROVISIONAL = ("oorlopig", "rovisional")
# What StatLine writes where there is no value.
_SYMBOLS = {"": "impossible", ".": "not_available", "x": "confidential", "-": "not_available"}
_UNIT = re.compile(r"^(.*\S)\s*\(([^()]*)\)$")
_TOPIC = re.compile(r"_\d+$")


def cbs_odata(body: bytes, spec: DatasetSpec) -> Rows:
    """CBS OData v4: observations joined to the status of their period and the unit of their
    measure. Observations, PeriodenCodes and MeasureCodes, as one document or as pages."""
    document = load(body)
    given = unfold(document)
    if given is None:
        if not isinstance(document, dict) or "error" in document:
            raise ParseError(f"CBS answered an error: {str(document)[:160]}")
        given = [(part, content) for part, content in document.items() if _part(part) in _PARTS]
    return _rows(_parts(given, spec), spec)


def cbs_zip(body: bytes, spec: DatasetSpec) -> Rows:
    """The zip of a table: Observations, PeriodenCodes and MeasureCodes as CSV, or as JSON pages.

    What is in it does not say which table it is of.
    """
    given = []
    for name, content in members(body):
        part, _, kind = name.rpartition("/")[2].rpartition(".")
        if _part(part) not in _PARTS:
            continue
        if kind.lower() == "json":
            given.append((part, {**load(content), "@odata.context": ""}))
        elif kind.lower() == "csv":
            if not ends_line(content):
                raise ParseError(f"{name}: {OPEN_LINE}")
            given.append((part, {"value": [_typed(r) for r in _csv_rows(content)]}))
    return _rows(_parts(given, spec), spec)


def _part(name: str) -> str:
    return "PeriodenCodes" if name in _TIME_CODES else name


def _csv_rows(content: bytes) -> Iterator[dict[str, str]]:
    rows = cells_of(text_of(content), ";")
    names = next(rows, [])
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ParseError(f"line {number} has {len(row)} cells, the header {len(names)}")
        yield dict(zip(names, row, strict=True))


def _typed(row: dict[str, str]) -> dict[str, str]:
    """A row of CSV with its value as JSON has it."""
    return {**row, "Value": row["Value"].replace(",", ".")} if "Value" in row else row


def _parts(given: list[tuple[str, Any]], spec: DatasetSpec) -> dict[str, list[Any]]:
    """Part → its rows, over all its pages."""
    found: dict[str, list[Any]] = {part: [] for part in _PARTS}
    links: dict[str, int] = {}
    for place, (name, payload) in enumerate(given):
        part = _part(name)
        if part not in found:
            raise ParseError(f"{name[:80]} is no part of a CBS vintage")
        if not isinstance(payload, dict) or not isinstance(payload.get("value"), list):
            raise ParseError(f"{name} is missing from the body")
        context = str(payload.get("@odata.context", ""))
        must_state({context.split("/$metadata")[0].rsplit("/", 1)[-1]}, spec, "@odata.context")
        # A page that names a next one must have a page of the same part behind it.
        if payload.get("@odata.nextLink") and not (
            place + 1 < len(given) and _part(given[place + 1][0]) == part
        ):
            raise ParseError(f"{name} ends with a nextLink: the pages after it are missing")
        found[part] += payload["value"]
        links[part] = links.get(part, 0) + 1
    for part in _PARTS:
        if not links.get(part):
            raise ParseError(f"{part} is missing from the body")
    return found


def _rows(parts: Mapping[str, list[Any]], spec: DatasetSpec) -> Rows:
    periods = {p["Identifier"].strip(): p for p in parts["PeriodenCodes"]}
    units = {m["Identifier"].strip(): text(m.get("Unit")) for m in parts["MeasureCodes"]}
    rows = []
    for row in parts["Observations"]:
        time = next((name for name in TIMES if name in row), TIMES[0])
        for needed in ("Measure", "Value", time):
            if needed not in row:
                raise ParseError(f"field {needed} is missing from Observations")
        code = row[time].strip()
        status = periods.get(code, {})
        dims = {k: v for k, v in row.items() if k not in _FIXED and k != time}
        attribute = row.get("ValueAttribute") or "None"
        period, annual = _period(code, spec, text(status.get("Title")))
        reason = None
        if not annual:
            reason = "not_annual"
        elif attribute != "None":
            reason = {"Impossible": "impossible", "Confidential": "confidential"}.get(
                attribute, "not_available"
            )
        said = status.get("Status") or ""
        rows.append(
            {
                "series_key": series_key({**dims, "Measure": row["Measure"]}),
                "geo": "NL",
                "period": period,
                "value": text(row["Value"]),
                "unit": units.get(row["Measure"].strip(), ""),
                "flags": "p" if any(word in said for word in _PROVISIONAL) else "",
                "reason": reason,
            }
        )
    return rows


def _period(code: str, spec: DatasetSpec, title: str) -> tuple[str, bool]:
    """(period, whether it is of a year or of years that may be read)."""
    if code.endswith("JJ00"):
        return code[:4], True
    if "range" in spec.forms and (several := re.fullmatch(r"(\d{4})G(\d)00", code)):
        return _range(int(several[1]), int(several[2]), title), True
    return code, False


def _range(first: int, years: int, title: str) -> str:
    """A period of several years as `2019/2022`: 2019G400. A title that says other years than the
    code gives a period that is not read."""
    said = re.findall(r"\d{4}", title)
    last = first + years - 1
    if len(said) == 2 and said != [str(first), str(last)]:
        return f"{title} ({first}/{last})"
    return f"{first}/{last}"


def statline_csv(body: bytes, spec: DatasetSpec) -> Rows:
    """The CSV of a StatLine page, with or without symbols (titles) or unprocessed (codes).

    One column for each topic. A key has the dimensions as they stand, by code or by title, and the
    topic's column as `Measure`. It does not say which table it is of.
    """
    if not ends_line(body):
        raise ParseError(OPEN_LINE)
    rows = _csv_rows(body)
    first = next(rows, None)
    if first is None:
        raise ParseError("the body has a header and no rows")
    names = list(first)
    time, topics = layout(names)
    dims = [n for n in names if n not in (*topics, time, "ID")]
    found = []
    for row in [first, *rows]:
        title = row[time].strip()
        # `2023*` is provisional, `2023**` provisional too, but revised since.
        plain = title.rstrip("*").strip()
        period, annual = _period(plain, spec, "")
        annual = annual or bool(re.fullmatch(r"\d{4}|\d{4}\s*[-/–]\s*\d{4}", plain))
        for topic in topics:
            measure = _UNIT.match(topic)
            value = row[topic].strip()
            reason = _SYMBOLS.get(value) if annual else "not_annual"
            found.append(
                {
                    "series_key": series_key({**{d: row[d] for d in dims}, "Measure": topic}),
                    "geo": "NL",
                    "period": period,
                    "value": value,
                    "unit": measure[2].strip() if measure else None,
                    "flags": "p" if title.endswith("*") else "",
                    "reason": reason,
                }
            )
    return with_points(found)


def layout(names: list[str]) -> tuple[str, list[str]]:
    """(column of the period, columns of the topics) of a StatLine CSV. ParseError if it is none."""
    time = next((n for n in TIMES if n in names), None)
    if time is None:
        raise ParseError(f"column Perioden is missing; the header is {', '.join(names)[:200]}")
    others = [n for n in names if n not in (time, "ID")]
    topics = [n for n in others if _TOPIC.search(n)] if "ID" in names else []
    topics = topics or [n for n in others if _UNIT.match(n)]
    if not topics:
        raise ParseError(
            "no column is a topic with its unit behind it: download 'CSV zonder statistische "
            "symbolen' from the StatLine page"
        )
    return time, topics
