"""The JSON formats: CBS OData v4, World Bank v2, UN SDG, WHO GHO and Eurostat's JSON-stat.

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
from pipeline.formats.geo import FROM_ISO2, FROM_ISO3, FROM_M49
from pipeline.formats.pages import unfold
from pipeline.formats.spec import DatasetSpec, ParseError, must_state
from pipeline.formats.tidy import NULLS, Reading

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]  # of text cells

_CELLS = ("series_key", "geo", "period", "value", "unit", "flags", "reason")
_CBS_FIXED = {"Id", "Measure", "ValueAttribute", "Value", "StringValue"}
_CBS_TIME = "Perioden"
_CBS_PARTS = ("Observations", "PeriodenCodes", "MeasureCodes")
_MULTIPLIERS = {
    "": 0, "UNITS": 0, "UNIT": 0, "TENS": 1, "HUNDREDS": 2, "THOUSAND": 3, "THOUSANDS": 3,
    "MILLION": 6, "MILLIONS": 6, "BILLION": 9, "BILLIONS": 9,
}  # fmt: skip


def _load(body: bytes) -> Any:
    sniff(body)
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise ParseError(f"the body is truncated or not JSON: {str(error)[:120]}") from error


def _key(pairs: dict[str, Any]) -> str:
    return "|".join(f"{k}={str(v).strip()}" for k, v in sorted(pairs.items()))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _pages(document: Any) -> list[Any]:
    """The answers that a body holds: those of its envelope, else itself."""
    found = unfold(document)
    return [document] if found is None else [content for _, content in found]


def _cbs_parts(document: Any, spec: DatasetSpec) -> dict[str, list[Any]]:
    """Part → its rows, over all its pages."""
    given = unfold(document)
    if given is None:
        if not isinstance(document, dict) or "error" in document:
            raise ParseError(f"CBS answered an error: {str(document)[:160]}")
        given = [(part, document.get(part)) for part in _CBS_PARTS]
    found: dict[str, list[Any]] = {part: [] for part in _CBS_PARTS}
    links: dict[str, int] = {}
    for place, (part, payload) in enumerate(given):
        if part not in found:
            raise ParseError(f"{part[:80]} is no part of a CBS vintage")
        if not isinstance(payload, dict) or not isinstance(payload.get("value"), list):
            raise ParseError(f"{part} is missing from the body")
        context = str(payload.get("@odata.context", ""))
        must_state({context.split("/$metadata")[0].rsplit("/", 1)[-1]}, spec, "@odata.context")
        # A page that names a next one must have a page of the same part behind it.
        if payload.get("@odata.nextLink") and not (
            place + 1 < len(given) and given[place + 1][0] == part
        ):
            raise ParseError(f"{part} ends with a nextLink: the pages after it are missing")
        found[part] += payload["value"]
        links[part] = links.get(part, 0) + 1
    for part in _CBS_PARTS:
        if not links.get(part):
            raise ParseError(f"{part} is missing from the body")
    return found


def cbs_odata(body: bytes, spec: DatasetSpec) -> Rows:
    """CBS OData v4: observations joined to the status of their period and the unit of their
    measure. Observations, PeriodenCodes and MeasureCodes, as one document or as pages."""
    parts = _cbs_parts(_load(body), spec)
    periods = {p["Identifier"].strip(): p for p in parts["PeriodenCodes"]}
    units = {m["Identifier"].strip(): _text(m.get("Unit")) for m in parts["MeasureCodes"]}
    rows = []
    for row in parts["Observations"]:
        for needed in ("Measure", "Value", _CBS_TIME):
            if needed not in row:
                raise ParseError(f"field {needed} is missing from Observations")
        code = row[_CBS_TIME].strip()
        status = periods.get(code, {})
        dims = {k: v for k, v in row.items() if k not in _CBS_FIXED and k != _CBS_TIME}
        attribute = row.get("ValueAttribute") or "None"
        period, annual = code, False
        if code.endswith("JJ00"):
            period, annual = code[:4], True
        elif "range" in spec.forms and (several := re.fullmatch(r"(\d{4})G(\d)00", code)):
            period, annual = _range(int(several[1]), int(several[2]), _text(status.get("Title")))
        reason = None
        if not annual:
            reason = "not_annual"
        elif attribute != "None":
            reason = {"Impossible": "impossible", "Confidential": "confidential"}.get(
                attribute, "not_available"
            )
        rows.append(
            {
                "series_key": _key({**dims, "Measure": row["Measure"]}),
                "geo": "NL",
                "period": period,
                "value": _text(row["Value"]),
                "unit": units.get(row["Measure"].strip(), ""),
                "flags": "p" if "oorlopig" in (status.get("Status") or "") else "",
                "reason": reason,
            }
        )
    return rows


def _range(first: int, years: int, title: str) -> tuple[str, bool]:
    """(period of several years as `2019/2022`, True): 2019G400. A title that says other years
    than the code gives a period that is not read."""
    said = re.findall(r"\d{4}", title)
    last = first + years - 1
    if len(said) == 2 and said != [str(first), str(last)]:
        return f"{title} ({first}/{last})", True
    return f"{first}/{last}", True


def worldbank_json(body: bytes, spec: DatasetSpec) -> Rows:
    """World Bank v2: [meta, rows]; a message array comes with HTTP 200 and is an error."""
    found: list[Any] = []
    total, pages = 0, _pages(_load(body))
    for document in pages:
        if isinstance(document, list) and document and "message" in (document[0] or {}):
            said = document[0]["message"]
            text = said[0].get("value") if isinstance(said, list) and said else said
            raise ParseError(f"the World Bank answered an error: {str(text)[:160]}")
        if (
            not isinstance(document, list)
            or len(document) != 2
            or not isinstance(document[0], dict)
        ):
            raise ParseError("the body is not [meta, rows]")
        meta, some = document
        found += some or []
        total = int(meta.get("total", 0))
        if int(meta.get("pages", 1)) != len(pages) and total != len(found):
            raise ParseError(f"{len(found)} of {meta.get('total')} rows: pages are missing")
    if not found:
        raise ParseError("the World Bank sent no rows")
    if len(pages) > 1 and total != len(found):
        raise ParseError(f"{len(found)} of {total} rows: pages are missing")
    must_state({r["indicator"]["id"] for r in found}, spec, "indicator.id")
    rows = []
    for row in found:
        code = _text(row["country"]["id"])
        rows.append(
            {
                "series_key": _key({"indicator": row["indicator"]["id"]}),
                "geo": FROM_ISO2.get(code, code),
                "period": _text(row["date"]),
                "value": _text(row.get("value")),
                "unit": _text(row.get("unit")),
                "flags": _text(row.get("obs_status")).lower(),
                "reason": None,
            }
        )
    return rows


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
    found = _unsdg_rows(_load(body))
    if found:
        must_state({_text(r.get("series")) for r in found}, spec, "series")
    rows = []
    for row in found:
        dims = {
            k.replace(" ", "_"): v
            for k, v in (row.get("dimensions") or {}).items()
            if k not in ("Units", "Reporting Type")
        }
        area = _text(row.get("geoAreaCode")).lstrip("0")
        attributes = row.get("attributes") or {}
        nature = _text(attributes.get("Nature")).upper()
        start = _text(row.get("timePeriodStart"))
        value, reason = _multiplied(_text(row.get("value")), attributes)
        rows.append(
            {
                "series_key": _key({**dims, "seriesCode": row["series"]}),
                "geo": FROM_M49.get(area, area),
                "period": start.removesuffix(".0"),
                "value": value,
                "unit": _text(
                    attributes.get("Units") or (row.get("dimensions") or {}).get("Units")
                ),
                # Nature E: estimated by the agency.
                "flags": "e" if nature in ("E", "M") else "",
                "reason": reason,
            }
        )
    return rows


def _multiplied(value: str, attributes: Mapping[str, Any]) -> tuple[str, str | None]:
    """A value with its UnitMultiplier applied; one that is not known makes it no number yet."""
    named = _text(attributes.get("UnitMultiplier")).upper()
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
    for document in _pages(_load(body)):
        if not isinstance(document, dict) or not isinstance(document.get("value"), list):
            raise ParseError("the body has no `value`: the WHO may have sent an error")
        found += document["value"]
    if found:
        must_state({_text(r.get("IndicatorCode")) for r in found}, spec, "IndicatorCode")
    rows = []
    for row in found:
        dims = {
            _text(row[f"Dim{n}Type"]): _text(row.get(f"Dim{n}"))
            for n in (1, 2, 3)
            if row.get(f"Dim{n}Type")
        }
        if row.get("DataSourceDimType"):
            dims[_text(row["DataSourceDimType"])] = _text(row.get("DataSourceDim"))
        kind = _text(row.get("SpatialDimType"))
        area = _text(row.get("SpatialDim"))
        reason = None
        if kind not in ("COUNTRY", "REGION", "GLOBAL"):
            # Income groups and the like: another kind of area under the same codes.
            reason = "not_an_area"
        elif _text(row.get("TimeDimType") or "YEAR") != "YEAR":
            reason = "not_annual"
        rows.append(
            {
                "series_key": _key({**dims, "IndicatorCode": row["IndicatorCode"]}),
                "geo": FROM_ISO3.get(area, area),
                "period": _text(row.get("TimeDim")),
                "value": _text(row.get("NumericValue")),
                "unit": None,
                "flags": "",
                "reason": reason,
            }
        )
    return rows


def jsonstat(body: bytes, spec: DatasetSpec) -> Rows:
    """Eurostat's JSON-stat 2.0: a sparse cube; the order of its dimensions is that of `id`."""
    rows: Rows = []
    for document in _pages(_load(body)):
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
        flags, _, secret = _text(status.get(str(place))).partition("|")
        period, geo, value = at.pop("time"), at.pop("geo"), _text(values.get(str(place)))
        reason = None
        if re.match(r"^\d{4}-", period):
            reason = "not_annual"
        elif "C" in secret and value.lower() in NULLS:
            reason = "confidential"
        rows.append(
            {
                "series_key": _key(at),
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
