"""WHO Global Health Observatory, OData: one indicator, countries only.

An indicator mixes countries, regions and income groups, and every breakdown: areas are filtered
here, breakdowns are told apart by the parser.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from pipeline.formats.geo import TO_ISO3
from pipeline.formats.pages import envelope
from pipeline.publishers import Ask, Publisher, Pulled, likely
from pipeline.publishers.http import NotFound, PullError

_PAGES = 200


def pull(ask: Ask, publisher: Publisher) -> Pulled:
    areas = [TO_ISO3[g] for g in ask.geos if g in TO_ISO3]
    terms = ["SpatialDimType eq 'COUNTRY'", f"TimeDim ge {ask.since}"]
    if areas:
        terms.append("(" + " or ".join(f"SpatialDim eq '{a}'" for a in areas) + ")")
    where, params = f"/{ask.code}", [("$filter", " and ".join(terms))]
    seen: list[str] = []
    parts: list[tuple[str, bytes]] = []
    stamps = [""]
    visited: set[str] = set()
    while True:
        try:
            reply = publisher.get(where, params)
        except NotFound as error:
            raise NotFound(f"who: there is no indicator {ask.code}") from error
        seen.append(reply.url)
        rows, link = _page(reply.json(), ask)
        stamps += [str(r.get("Date") or "") for r in rows]
        parts.append(("data", reply.body))
        if not link:
            break
        where, params = urljoin(reply.url, link), []
        if where in visited or len(parts) >= _PAGES:
            raise PullError(f"who: the pages of {ask.code} do not end")
        visited.add(where)
    return Pulled(
        parts[0][1] if len(parts) == 1 else envelope(parts),
        "gho_json",
        states=ask.code,
        filtered=("years", *(("geos",) if areas else ())),
        updated=max(stamps),
        requests=seen,
    )


def _page(document: Any, ask: Ask) -> tuple[list[dict[str, Any]], str]:
    if not isinstance(document, dict) or not isinstance(document.get("value"), list):
        raise PullError(f"who: the answer for {ask.code} has no `value`")
    return document["value"], str(document.get("@odata.nextLink") or "")


def check(ask: Ask, publisher: Publisher) -> list[str]:
    reply = publisher.get("/Indicator", download=False)
    rows, _ = _page(reply.json(), ask)
    codes = [str(r.get("IndicatorCode", "")).strip() for r in rows]
    if ask.code not in codes:
        return [f"indicator {ask.code} does not exist{likely(ask.code, codes)}"]
    wrong = []
    for dim, wanted in ask.codes().items():
        if dim in ("IndicatorCode",):
            continue
        values = publisher.get(f"/DIMENSION/{dim}/DimensionValues", download=False).json()
        there = [str(v.get("Code", "")).strip() for v in _page(values, ask)[0]]
        for code in wanted:
            if code not in there:
                wrong.append(f"{ask.code}: {dim} has no code {code}{likely(code, there)}")
    return wrong
