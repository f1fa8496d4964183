"""World Bank Indicators v2: [meta, rows], page by page.

A message array comes with HTTP 200; an ignored date filter is found by vintages/answers.py.
"""

from __future__ import annotations

from typing import Any

from pipeline.formats.geo import TO_ISO3
from pipeline.formats.pages import envelope
from pipeline.publishers.errors import PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, validators_of

_PER_PAGE = 20000
_PAGES = 200
_OWN = {"EU27_2020": "EUU", "WORLD": "WLD"}


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """Every page of the indicator; PullError if rows are missing."""
    areas = [_OWN.get(g) or TO_ISO3[g] for g in request.geos if g in _OWN or g in TO_ISO3]
    where = f"/country/{';'.join(areas) or 'all'}/indicator/{request.code}"
    seen: list[str] = []
    parts: list[tuple[str, bytes]] = []
    validators: dict[str, str] = {}
    first: dict[str, Any] = {}
    rows = 0
    pages = 1
    while len(parts) < pages:
        number = len(parts) + 1
        reply = publisher.get(
            where,
            [
                ("format", "json"),
                ("date", f"{request.since}:{request.until}"),
                ("per_page", str(_PER_PAGE)),
                ("page", str(number)),
            ],
            headers=request.validators if number == 1 else None,
        )
        seen.append(reply.url)
        if reply.unchanged:
            return FetchResult(b"", "worldbank_json", requests=seen, unchanged=True)
        meta, found = _page(reply.json(), request)
        if int(meta.get("page", number)) != number:
            raise PullError(
                f"worldbank: page {meta.get('page')} came where page {number} was asked"
            )
        if not first:
            first, validators = meta, validators_of(reply)
        elif any(meta.get(k) != first.get(k) for k in ("total", "lastupdated", "pages")):
            raise PullError(f"worldbank: {request.code} changed while its pages were pulled")
        pages = min(int(first.get("pages", 1)), _PAGES)
        rows += len(found)
        parts.append(("data", reply.body))
    if rows != int(first.get("total", rows)):
        raise PullError(f"worldbank: {rows} of {first.get('total')} rows came for {request.code}")
    return FetchResult(
        parts[0][1] if len(parts) == 1 else envelope(parts),
        "worldbank_json",
        states=request.code,
        filtered=("series", "years", *(("geos",) if request.geos else ())),
        updated=str(first.get("lastupdated") or ""),
        requests=seen,
        validators=validators if len(parts) == 1 else {},
    )


def _page(document: Any, request: FetchRequest) -> tuple[dict[str, Any], list[Any]]:
    if (
        not isinstance(document, list)
        or len(document) != 2
        or not isinstance(document[0], dict)
        or not isinstance(document[1], list | None)
    ):
        raise PullError(f"worldbank: the answer for {request.code} is not [meta, rows]")
    return document[0], document[1] or []


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """The indicator exists."""
    try:
        reply = publisher.get(f"/indicator/{request.code}", [("format", "json")], download=False)
    except PullError as error:
        if "message" in str(error) or "HTTP 404" in str(error):
            return [f"indicator {request.code}: {error}"]
        raise
    _, found = _page(reply.json(), request)
    if request.code not in [r.get("id") for r in found]:
        return [f"indicator {request.code} does not exist"]
    return []
