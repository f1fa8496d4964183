"""Our World in Data, grapher: the chart's full CSV with short column names, and its metadata."""

from __future__ import annotations

from typing import Any

from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, validators_of

_WHOLE = [("v", "1"), ("csvType", "full"), ("useColumnShortNames", "true")]


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """The whole chart; without its metadata only date and citation are missing."""
    reply = publisher.get(f"/{request.code}.csv", _WHOLE, form="csv", headers=request.validators)
    if reply.unchanged:
        return FetchResult(b"", "owid_csv", requests=[reply.url], unchanged=True)
    seen = [reply.url]
    notes = []
    updated = ""
    try:
        columns = _columns(request, publisher, seen)
        updated = max((str(c.get("lastUpdated") or "") for c in columns.values()), default="")
        notes = [str(c["citationLong"])[:500] for c in columns.values() if c.get("citationLong")]
    except PullError as error:
        # The figures stand without it; only its date and citation are missing.
        notes = [f"no metadata: {error}"]
    return FetchResult(
        reply.body,
        "owid_csv",
        updated=updated,
        requests=seen,
        notes=notes,
        validators=validators_of(reply),
    )


def _columns(
    request: FetchRequest, publisher: Publisher, seen: list[str]
) -> dict[str, dict[str, Any]]:
    reply = publisher.get(f"/{request.code}.metadata.json", _WHOLE, download=False)
    seen.append(reply.url)
    found = reply.json()
    columns = found.get("columns") if isinstance(found, dict) else None
    if not isinstance(columns, dict):
        raise PullError(f"owid: the metadata of {request.code} names no columns")
    return {str(k): v for k, v in columns.items() if isinstance(v, dict)}


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """The chart exists, and has one column where one is meant."""
    try:
        columns = _columns(request, publisher, [])
    except NotFound:
        return [f"chart {request.code} does not exist: it may have been renamed"]
    if any(w == "only" for w in request.series.values()) and len(columns) != 1:
        names = ", ".join(columns)
        return [f"chart {request.code}: one column was meant, there are {len(columns)}: {names}"]
    return []
