"""WHO Global Health Observatory, OData: one indicator, countries only.

An indicator mixes countries, regions and income groups, and every breakdown: areas are filtered
here, breakdowns are told apart by the parser.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from pipeline.formats.geo import TO_ISO3
from pipeline.formats.pages import envelope
from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, likely

_PAGES = 200


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """Every page of the indicator, countries only."""
    areas = [TO_ISO3[g] for g in request.geos if g in TO_ISO3]
    terms = ["SpatialDimType eq 'COUNTRY'", f"TimeDim ge {request.since}"]
    if areas:
        terms.append("(" + " or ".join(f"SpatialDim eq '{a}'" for a in areas) + ")")
    where, params = f"/{request.code}", [("$filter", " and ".join(terms))]
    seen: list[str] = []
    parts: list[tuple[str, bytes]] = []
    stamps = [""]
    visited: set[str] = set()
    while True:
        try:
            reply = publisher.get(where, params)
        except NotFound as error:
            raise NotFound(f"who: there is no indicator {request.code}") from error
        seen.append(reply.url)
        rows, link = _page(reply.json(), request)
        stamps += [str(r.get("Date") or "") for r in rows]
        parts.append(("data", reply.body))
        if not link:
            break
        where, params = urljoin(reply.url, link), []
        if where in visited or len(parts) >= _PAGES:
            raise PullError(f"who: the pages of {request.code} do not end")
        visited.add(where)
    return FetchResult(
        parts[0][1] if len(parts) == 1 else envelope(parts),
        "gho_json",
        states=request.code,
        filtered=("years", *(("geos",) if areas else ())),
        updated=max(stamps),
        requests=seen,
    )


def _page(document: Any, request: FetchRequest) -> tuple[list[dict[str, Any]], str]:
    if not isinstance(document, dict) or not isinstance(document.get("value"), list):
        raise PullError(f"who: the answer for {request.code} has no `value`")
    return document["value"], str(document.get("@odata.nextLink") or "")


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """The indicator exists, and its dimensions have the codes."""
    reply = publisher.get("/Indicator", download=False)
    rows, _ = _page(reply.json(), request)
    codes = [str(r.get("IndicatorCode", "")).strip() for r in rows]
    if request.code not in codes:
        return [f"indicator {request.code} does not exist{likely(request.code, codes)}"]
    wrong = []
    for dim, wanted in request.codes().items():
        if dim in ("IndicatorCode",):
            continue
        values = publisher.get(f"/DIMENSION/{dim}/DimensionValues", download=False).json()
        there = [str(v.get("Code", "")).strip() for v in _page(values, request)[0]]
        for code in wanted:
            if code not in there:
                wrong.append(f"{request.code}: {dim} has no code {code}{likely(code, there)}")
    return wrong
