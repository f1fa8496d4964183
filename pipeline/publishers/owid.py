"""Our World in Data, grapher: the chart's full CSV with short column names, and its metadata."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import groupby
from typing import Any

from pipeline.formats.bodies import OPEN_LINE, ends_line
from pipeline.formats.geo import FROM_ISO3
from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.reply import Reply, must_be_data
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, validators_of

_WHOLE = [("v", "1"), ("csvType", "full"), ("useColumnShortNames", "true")]


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """The whole chart; without its metadata only date and citation are missing."""
    reply = publisher.get_any(f"/{request.code}.csv", _WHOLE, headers=request.validators)
    if reply.unchanged:
        return FetchResult(b"", "owid_csv", requests=[reply.url], unchanged=True)
    reply, notes = _closed(reply, request)
    reply = must_be_data(reply, "csv")
    seen = [reply.url]
    updated = ""
    try:
        columns = _columns(request, publisher, seen)
        updated = max((str(c.get("lastUpdated") or "") for c in columns.values()), default="")
        notes += [str(c["citationLong"])[:500] for c in columns.values() if c.get("citationLong")]
    except PullError as error:
        # The figures stand without it; only its date and citation are missing.
        notes = [*notes, f"no metadata: {error}"]
    return FetchResult(
        reply.body,
        "owid_csv",
        updated=updated,
        requests=seen,
        notes=notes,
        validators=validators_of(reply),
    )


def _closed(reply: Reply, request: FetchRequest) -> tuple[Reply, list[str]]:
    """The answer without its last line if that has no end, and a note of it.

    Our World in Data writes line ends between lines and none behind the last, so a whole body and
    one that was cut look alike. The areas are sorted by name: where the last line is of an area
    that nobody asked for, and each that was asked for came, nothing of theirs can be cut. PullError
    where it can.
    """
    if ends_line(reply.body) or not reply.body.strip():
        return reply, []
    whole, _, last = reply.body.rpartition(b"\n")
    try:
        header, *lines = csv.reader(io.StringIO((whole + b"\n").decode("utf-8-sig"), newline=""))
        (end,) = csv.reader([last.decode("utf-8")])
        area, code = ([n.strip().lower() for n in header].index(n) for n in ("entity", "code"))
        # One after the other: an area that is over has no rows further on.
        came = [a for a, _ in groupby(_area(row, area, code) for row in lines if row)]
    except (ValueError, IndexError, csv.Error):
        return reply, []  # what it is, is judged by the rules for any answer
    asked = set(request.geos)  # empty: all, so whatever is cut matters
    if (
        not asked
        or len(end) != len(header)
        or _area(end, area, code) in asked
        or not asked <= set(came)
        or len(came) > len(set(came))
    ):
        raise PullError(f"owid: {request.code}: {OPEN_LINE}")
    note = f"the last line has no end and may be cut, so it is left out: {last.decode()[:200]}"
    return replace(reply, body=whole + b"\n"), [note]


def _area(row: list[str], area: int, code: int) -> str:
    return FROM_ISO3.get(row[code].strip(), row[code].strip() or row[area].strip())


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
