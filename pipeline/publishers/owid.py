"""Our World in Data, grapher: the chart's full CSV with short column names, and its metadata."""

from __future__ import annotations

from typing import Any

from pipeline.publishers import Ask, Publisher, Pulled, validators_of
from pipeline.publishers.http import NotFound, PullError

_WHOLE = [("v", "1"), ("csvType", "full"), ("useColumnShortNames", "true")]


def pull(ask: Ask, publisher: Publisher) -> Pulled:
    reply = publisher.get(f"/{ask.code}.csv", _WHOLE, form="csv", headers=ask.validators)
    if reply.unchanged:
        return Pulled(b"", "owid_csv", requests=[reply.url], unchanged=True)
    seen = [reply.url]
    notes = []
    updated = ""
    try:
        columns = _columns(ask, publisher, seen)
        updated = max((str(c.get("lastUpdated") or "") for c in columns.values()), default="")
        notes = [str(c["citationLong"])[:500] for c in columns.values() if c.get("citationLong")]
    except PullError as error:
        # The figures stand without it; only its date and citation are missing.
        notes = [f"no metadata: {error}"]
    return Pulled(
        reply.body,
        "owid_csv",
        updated=updated,
        requests=seen,
        notes=notes,
        validators=validators_of(reply),
    )


def _columns(ask: Ask, publisher: Publisher, seen: list[str]) -> dict[str, dict[str, Any]]:
    reply = publisher.get(f"/{ask.code}.metadata.json", _WHOLE, download=False)
    seen.append(reply.url)
    found = reply.json()
    columns = found.get("columns") if isinstance(found, dict) else None
    if not isinstance(columns, dict):
        raise PullError(f"owid: the metadata of {ask.code} names no columns")
    return {str(k): v for k, v in columns.items() if isinstance(v, dict)}


def check(ask: Ask, publisher: Publisher) -> list[str]:
    try:
        columns = _columns(ask, publisher, [])
    except NotFound:
        return [f"chart {ask.code} does not exist: it may have been renamed"]
    if any(w == "only" for w in ask.series.values()) and len(columns) != 1:
        names = ", ".join(columns)
        return [f"chart {ask.code}: one column was meant, there are {len(columns)}: {names}"]
    return []
