"""The JSON formats: CBS OData v4, World Bank v2, UN SDG."""

from __future__ import annotations

import json
from typing import Any

from pipeline.sources.geo import FROM_ISO2, FROM_M49
from pipeline.sources.spec import DatasetSpec, Parsed, ParseError
from pipeline.sources.tidy import CELLS, must_state, sniff, tidy

_CBS_FIXED = {"Id", "Measure", "ValueAttribute", "Value", "StringValue"}
_CBS_TIME = "Perioden"


def _load(body: bytes) -> Any:
    sniff(body)
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise ParseError(f"the body is truncated or not JSON: {str(error)[:120]}") from error


def _rows(rows: list[dict[str, Any]], spec: DatasetSpec) -> Parsed:
    import pyarrow as pa

    if not rows:
        raise ParseError("the body holds no rows")
    columns = {c: [r[c] for r in rows] for c in CELLS}
    table = pa.table({c: pa.array(v, pa.string()) for c, v in columns.items()})
    return tidy(table, f"SELECT row_number() OVER () AS line, {', '.join(CELLS)} FROM cells", spec)


def _key(pairs: dict[str, Any]) -> str:
    return "|".join(f"{k}={str(v).strip()}" for k, v in sorted(pairs.items()))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def cbs_odata(body: bytes, spec: DatasetSpec) -> Parsed:
    """CBS OData v4: observations joined to the status of their period and the unit of their
    measure. One document with Observations, PeriodenCodes and MeasureCodes."""
    document = _load(body)
    if not isinstance(document, dict) or "error" in document:
        raise ParseError(f"CBS answered an error: {str(document)[:160]}")
    parts = {}
    for part in ("Observations", "PeriodenCodes", "MeasureCodes"):
        payload = document.get(part)
        if not isinstance(payload, dict) or not isinstance(payload.get("value"), list):
            raise ParseError(f"{part} is missing from the body")
        context = str(payload.get("@odata.context", ""))
        must_state({context.split("/$metadata")[0].rsplit("/", 1)[-1]}, spec, "@odata.context")
        if payload.get("@odata.nextLink"):
            raise ParseError(f"{part} ends with a nextLink: the pages after it are missing")
        parts[part] = payload["value"]
    status = {p["Identifier"].strip(): p.get("Status") for p in parts["PeriodenCodes"]}
    units = {m["Identifier"].strip(): _text(m.get("Unit")) for m in parts["MeasureCodes"]}
    rows = []
    for row in parts["Observations"]:
        for needed in ("Measure", "Value", _CBS_TIME):
            if needed not in row:
                raise ParseError(f"field {needed} is missing from Observations")
        period = row[_CBS_TIME].strip()
        dims = {k: v for k, v in row.items() if k not in _CBS_FIXED and k != _CBS_TIME}
        attribute = row.get("ValueAttribute") or "None"
        reason = None
        if not period.endswith("JJ00"):
            reason = "not_annual"
        elif attribute != "None":
            reason = {"Impossible": "impossible", "Confidential": "confidential"}.get(
                attribute, "not_available"
            )
        rows.append(
            {
                "series_key": _key({**dims, "Measure": row["Measure"]}),
                "geo": "NL",
                "period": period[:4] if period.endswith("JJ00") else period,
                "value": _text(row["Value"]),
                "unit": units.get(row["Measure"].strip(), ""),
                "flags": "p" if "oorlopig" in (status.get(period) or "") else "",
                "reason": reason,
            }
        )
    return _rows(rows, spec)


def worldbank_json(body: bytes, spec: DatasetSpec) -> Parsed:
    """World Bank v2: [meta, rows]; a message array comes with HTTP 200 and is an error."""
    document = _load(body)
    if isinstance(document, list) and document and "message" in (document[0] or {}):
        said = document[0]["message"]
        text = said[0].get("value") if isinstance(said, list) and said else said
        raise ParseError(f"the World Bank answered an error: {str(text)[:160]}")
    if not isinstance(document, list) or len(document) != 2 or not isinstance(document[0], dict):
        raise ParseError("the body is not [meta, rows]")
    meta, found = document
    if not found:
        raise ParseError("the World Bank sent no rows")
    if int(meta.get("pages", 1)) > 1 and int(meta.get("total", 0)) != len(found):
        raise ParseError(f"{len(found)} of {meta.get('total')} rows: pages are missing")
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
    return _rows(rows, spec)


def unsdg_json(body: bytes, spec: DatasetSpec) -> Parsed:
    """UN SDG: values are strings, areas M49; Units, Nature and status are attributes."""
    document = _load(body)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise ParseError("the body has no `data`: the UN may have sent an error")
    found = document["data"]
    if int(document.get("totalElements", -1)) != len(found):
        raise ParseError(
            f"{len(found)} rows, totalElements says {document.get('totalElements')}: pages are missing"
        )
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
        rows.append(
            {
                "series_key": _key({**dims, "seriesCode": row["series"]}),
                "geo": FROM_M49.get(area, area),
                "period": start.removesuffix(".0"),
                "value": _text(row.get("value")),
                "unit": _text(
                    attributes.get("Units") or (row.get("dimensions") or {}).get("Units")
                ),
                # Nature E: estimated by the agency.
                "flags": "e" if nature in ("E", "M") else "",
                "reason": None,
            }
        )
    return _rows(rows, spec)
