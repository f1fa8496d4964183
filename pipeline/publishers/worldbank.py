"""World Bank Indicators v2: [meta, rows], page by page.

A message array comes with HTTP 200; an ignored date filter is seen by pipeline/pull.py.
"""

from __future__ import annotations

from typing import Any

from pipeline.formats.geo import TO_ISO3
from pipeline.formats.pages import envelope
from pipeline.publishers import Ask, Publisher, Pulled, validators_of
from pipeline.publishers.http import PullError

_PER_PAGE = 20000
_PAGES = 200
_OWN = {"EU27_2020": "EUU", "WORLD": "WLD"}


def pull(ask: Ask, publisher: Publisher) -> Pulled:
    areas = [_OWN.get(g) or TO_ISO3[g] for g in ask.geos if g in _OWN or g in TO_ISO3]
    where = f"/country/{';'.join(areas) or 'all'}/indicator/{ask.code}"
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
                ("date", f"{ask.since}:{ask.until}"),
                ("per_page", str(_PER_PAGE)),
                ("page", str(number)),
            ],
            headers=ask.validators if number == 1 else None,
        )
        seen.append(reply.url)
        if reply.unchanged:
            return Pulled(b"", "worldbank_json", requests=seen, unchanged=True)
        meta, found = _page(reply.json(), ask)
        if int(meta.get("page", number)) != number:
            raise PullError(
                f"worldbank: page {meta.get('page')} came where page {number} was asked"
            )
        if not first:
            first, validators = meta, validators_of(reply)
        elif any(meta.get(k) != first.get(k) for k in ("total", "lastupdated", "pages")):
            raise PullError(f"worldbank: {ask.code} changed while its pages were pulled")
        pages = min(int(first.get("pages", 1)), _PAGES)
        rows += len(found)
        parts.append(("data", reply.body))
    if rows != int(first.get("total", rows)):
        raise PullError(f"worldbank: {rows} of {first.get('total')} rows came for {ask.code}")
    return Pulled(
        parts[0][1] if len(parts) == 1 else envelope(parts),
        "worldbank_json",
        states=ask.code,
        filtered=("series", "years", *(("geos",) if ask.geos else ())),
        updated=str(first.get("lastupdated") or ""),
        requests=seen,
        validators=validators if len(parts) == 1 else {},
    )


def _page(document: Any, ask: Ask) -> tuple[dict[str, Any], list[Any]]:
    if (
        not isinstance(document, list)
        or len(document) != 2
        or not isinstance(document[0], dict)
        or not isinstance(document[1], list | None)
    ):
        raise PullError(f"worldbank: the answer for {ask.code} is not [meta, rows]")
    return document[0], document[1] or []


def check(ask: Ask, publisher: Publisher) -> list[str]:
    try:
        reply = publisher.get(f"/indicator/{ask.code}", [("format", "json")], download=False)
    except PullError as error:
        if "message" in str(error) or "HTTP 404" in str(error):
            return [f"indicator {ask.code}: {error}"]
        raise
    _, found = _page(reply.json(), ask)
    if ask.code not in [r.get("id") for r in found]:
        return [f"indicator {ask.code} does not exist"]
    return []
