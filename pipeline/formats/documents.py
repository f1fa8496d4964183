"""The JSON formats of the UN, the WHO and Eurostat, and what all JSON formats share.

A vintage of several answers comes in the envelope of pages.py; each parser reads both. Each gives
a row of cells (texts or None) for every figure: series_key, geo, period, value, unit, flags, reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from pipeline.formats.bodies import sniff
from pipeline.formats.geo import FROM_ISO3, FROM_M49
from pipeline.formats.pages import unfold
from pipeline.formats.spec import DatasetSpec, ParseError, must_state
from pipeline.formats.tidy import NULLS, Reading
from pipeline.series_key import series_key

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]  # of text cells

_CELLS = ("series_key", "geo", "period", "value", "unit", "flags", "reason")
_MULTIPLIERS = {
    "": 0, "UNITS": 0, "UNIT": 0, "TENS": 1, "HUNDREDS": 2, "THOUSAND": 3, "THOUSANDS": 3,
    "MILLION": 6, "MILLIONS": 6, "BILLION": 9, "BILLIONS": 9,
}  # fmt: skip


def load(body: bytes) -> Any:
    """The JSON of a body, its numbers as the texts they came as. ParseError if it is none."""
    sniff(body)
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise ParseError(f"the body is truncated or not JSON: {str(error)[:120]}") from error


def text(value: Any) -> str:
    """A cell as text; what is not there is empty."""
    return "" if value is None else str(value).strip()


def pages_of(document: Any) -> list[Any]:
    """The answers that a body holds: those of its envelope, else itself."""
    found = unfold(document)
    return [document] if found is None else [content for _, content in found]


def _unsdg_rows(document: Any) -> list[Any]:
    """Rows of one answer, or of the pages of several series, each of them whole."""
    given = unfold(document)
    found: dict[str, list[Any]] = {}
    totals: dict[str, Any] = {}
    for part, content in [("", document)] if given is None else given:
        if not isinstance(content, dict) or not isinstance(content.get("data"), list):
            raise ParseError("the body has no `data`: the UN may have sent an error")
        found.setdefault(part, []).extend(content["data"])
        totals[part] = content.get("totalElements", -1)
    for part, rows in found.items():
        if int(totals[part]) != len(rows):
            raise ParseError(
                f"{len(rows)} rows, totalElements says {totals[part]}: pages are missing"
            )
    return [row for rows in found.values() for row in rows]


def unsdg_json(body: bytes, spec: DatasetSpec) -> Rows:
    """UN SDG: values are strings, areas M49; Units, Nature and multiplier are attributes."""
    found = _unsdg_rows(load(body))
    if found:
        must_state({text(r.get("series")) for r in found}, spec, "series")
    rows = []
    for row in found:
        dims = {
            k.replace(" ", "_"): v
            for k, v in (row.get("dimensions") or {}).items()
            if k not in ("Units", "Reporting Type")
        }
        area = text(row.get("geoAreaCode")).lstrip("0")
        attributes = row.get("attributes") or {}
        nature = text(attributes.get("Nature")).upper()
        start = text(row.get("timePeriodStart"))
        value, reason = _multiplied(text(row.get("value")), attributes)
        rows.append(
            {
                "series_key": series_key({**dims, "seriesCode": row["series"]}),
                "geo": FROM_M49.get(area, area),
                "period": start.removesuffix(".0"),
                "value": value,
                "unit": text(attributes.get("Units") or (row.get("dimensions") or {}).get("Units")),
                # Nature E: estimated by the agency.
                "flags": "e" if nature in ("E", "M") else "",
                "reason": reason,
            }
        )
    return rows


def _multiplied(value: str, attributes: Mapping[str, Any]) -> tuple[str, str | None]:
    """A value with its UnitMultiplier applied; one that is not known makes it no number yet."""
    named = text(attributes.get("UnitMultiplier")).upper()
    power = _MULTIPLIERS.get(named)
    if power == 0 or value.lower() in NULLS:
        return value, None
    if power is None:
        return value, "not_a_number"
    if re.fullmatch(r"[+-]?[0-9.]+", value):
        # Moved in the text: a product of doubles may miss the last digit.
        return f"{value}e{power}", None
    try:
        return repr(float(value) * 10**power), None
    except ValueError:
        return value, None  # tidy says why it is no number


def gho_json(body: bytes, spec: DatasetSpec) -> Rows:
    """WHO GHO: one row per area, year and breakdown; NumericValue counts, Value is for display."""
    found: list[Any] = []
    for document in pages_of(load(body)):
        if not isinstance(document, dict) or not isinstance(document.get("value"), list):
            raise ParseError("the body has no `value`: the WHO may have sent an error")
        found += document["value"]
    if found:
        must_state({text(r.get("IndicatorCode")) for r in found}, spec, "IndicatorCode")
    rows = []
    for row in found:
        dims = {
            text(row[f"Dim{n}Type"]): text(row.get(f"Dim{n}"))
            for n in (1, 2, 3)
            if row.get(f"Dim{n}Type")
        }
        if row.get("DataSourceDimType"):
            dims[text(row["DataSourceDimType"])] = text(row.get("DataSourceDim"))
        kind = text(row.get("SpatialDimType"))
        area = text(row.get("SpatialDim"))
        reason = None
        if kind not in ("COUNTRY", "REGION", "GLOBAL"):
            # Income groups and the like: another kind of area under the same codes.
            reason = "not_an_area"
        elif text(row.get("TimeDimType") or "YEAR") != "YEAR":
            reason = "not_annual"
        rows.append(
            {
                "series_key": series_key({**dims, "IndicatorCode": row["IndicatorCode"]}),
                "geo": FROM_ISO3.get(area, area),
                "period": text(row.get("TimeDim")),
                "value": text(row.get("NumericValue")),
                "unit": None,
                "flags": "",
                "reason": reason,
            }
        )
    return rows


def jsonstat(body: bytes, spec: DatasetSpec) -> Rows:
    """Eurostat's JSON-stat 2.0: a sparse cube; the order of its dimensions is that of `id`."""
    rows: Rows = []
    for document in pages_of(load(body)):
        rows += _cube(document, spec)
    return rows


def _cube(document: Any, spec: DatasetSpec) -> Rows:
    if not isinstance(document, dict) or document.get("class") != "dataset":
        said = document.get("error") or document.get("warning") if isinstance(document, dict) else 0
        raise ParseError(f"the body is no JSON-stat dataset: {str(said or document)[:160]}")
    must_state({(document.get("extension") or {}).get("id", "")}, spec, "extension.id")
    names = [str(n) for n in document["id"]]
    sizes = [int(s) for s in document["size"]]
    values, status = _sparse(document.get("value")), _sparse(document.get("status"))
    codes = []
    for name, size in zip(names, sizes, strict=True):
        index = document["dimension"][name]["category"]["index"]
        order = (
            list(index) if isinstance(index, list) else sorted(index, key=lambda c: int(index[c]))
        )
        if len(order) != size:
            raise ParseError(f"dimension {name} has {len(order)} codes, size says {size}")
        codes.append(order)
    if "time" not in names or "geo" not in names:
        raise ParseError(f"dimension time or geo is missing; there are {', '.join(names)[:160]}")
    if outside := [k for k in (*values, *status) if not 0 <= int(k) < prod(sizes)]:
        raise ParseError(f"cell {outside[0]} lies outside the cube")
    rows = []
    # Only cells that are there: a cube is sparse, and its size is the product of its codes.
    for place in sorted({int(k) for k in (*values, *status)}):
        rest, at = place, {}
        for name, size, order in zip(
            reversed(names), reversed(sizes), reversed(codes), strict=True
        ):
            rest, position = divmod(rest, size)
            at[name] = order[position]
        flags, _, secret = text(status.get(str(place))).partition("|")
        period, geo, value = at.pop("time"), at.pop("geo"), text(values.get(str(place)))
        reason = None
        if re.match(r"^\d{4}-", period):
            reason = "not_annual"
        elif "C" in secret and value.lower() in NULLS:
            reason = "confidential"
        rows.append(
            {
                "series_key": series_key(at),
                "geo": geo,
                "period": period,
                "value": value,
                "unit": at.get("unit"),
                "flags": " ".join(re.findall("[A-Za-z]", flags)),
                "reason": reason,
            }
        )
    return rows


def _sparse(cells: Any) -> dict[str, Any]:
    """Cells by their place in the cube; JSON-stat allows a list or an object."""
    if cells is None:
        return {}
    if isinstance(cells, list):
        return {str(n): v for n, v in enumerate(cells) if v is not None}
    return {str(k): v for k, v in cells.items()}


def reading(con: duckdb.DuckDBPyConnection, rows: Rows) -> Reading:
    """The rows as a relation of `con`. ParseError if there are none."""
    # Arrow takes a while to import, and only a body needs it.
    import pyarrow as pa

    if not rows:
        raise ParseError("the body holds no rows")
    columns = {c: pa.array([r[c] for r in rows], pa.string()) for c in _CELLS}
    con.register("document", pa.table(columns))
    return Reading(
        # No unit is not an empty one.
        relation="""(SELECT coalesce(series_key, '') AS series_key, coalesce(geo, '') AS geo,
            coalesce(period, '') AS period, value, coalesce('=' || unit, '') AS unit,
            coalesce(flags, '') AS flags, coalesce(reason, '') AS reason FROM document)""",
        dims=("series_key", "unit"),
        series="series_key",
        unit="CASE WHEN unit <> '' THEN unit[2:] END",
        areas=("geo",),
        geo="geo",
        kinds=("period", "flags", "reason"),
        period="period",
        flags="flags",
        reason="nullif(reason, '')",
        value="value",
    )
