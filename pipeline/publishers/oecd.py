"""OECD: csvfile by an SDMX key in the order of the registry's `order`.

`code` is `AGENCY,STRUCTURE@FLOW,VERSION`; an empty version means the latest.
"""

from __future__ import annotations

from pipeline.formats.geo import TO_ISO3
from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.eurostat import dimension_order, key_values
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, likely, validators_of

_AREA = "REF_AREA"


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """All series in one request."""
    reply = publisher.get(
        f"/data/{_flow(request)}/{key(request)}",
        [
            ("startPeriod", str(request.since)),
            ("dimensionAtObservation", "AllDimensions"),
            ("format", "csvfile"),
        ],
        form="csv",
        headers=request.validators,
    )
    if reply.unchanged:
        return FetchResult(b"", "oecd_csv", requests=[reply.url], unchanged=True)
    return FetchResult(
        reply.body,
        "oecd_csv",
        states=_name(request),
        filtered=("series", "years", *(("geos",) if request.geos else ())),
        updated=reply.headers.get("last-modified", ""),
        requests=[reply.url],
        validators=validators_of(reply),
    )


def key(request: FetchRequest) -> str:
    """The SDMX key. PullError if a dimension is not in the registry's order."""
    codes = request.codes()
    areas = [TO_ISO3[g] for g in request.geos if g in TO_ISO3]
    if areas:
        codes[_AREA] = areas
    if lacking := sorted(set(codes) - set(request.order)):
        raise PullError(f"{request.name}: `order` lacks the dimension {lacking[0]}")
    found = ".".join("+".join(codes.get(d, [])) for d in request.order)
    # A key of dots alone would be normalised away as a path segment.
    return found if found.strip(".") else "all"


def _flow(request: FetchRequest) -> str:
    return request.code.replace("@", "%40")


def _name(request: FetchRequest) -> str:
    return request.code.split(",")[1].rsplit("@", 1)[-1]


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """Codes against the content constraint, the order against the data structure."""
    agency, flow, *_ = request.code.split(",")
    path = f"/contentconstraint/{agency}/CR_A_{flow.replace('@', '%40')}"
    try:
        there = key_values(publisher.get(path, form="xml", download=False).body)
    except NotFound:
        return [f"{flow}: the OECD has no such dataflow at {agency}"]
    if not there:
        raise PullError(f"oecd: the constraint of {flow} lists no codes")
    wrong = []
    for dim, codes in request.codes().items():
        if dim.lower() not in there:
            wrong.append(f"{flow} has no dimension {dim}{likely(dim, list(there))}")
            continue
        for code in codes:
            if code not in there[dim.lower()]:
                wrong.append(f"{flow}: {dim} has no code {code}{likely(code, there[dim.lower()])}")
    structure = flow.split("@")[0]
    reply = publisher.get(f"/datastructure/{agency}/{structure}", form="xml", download=False)
    order = dimension_order(reply.body)
    if order and order != [d.lower() for d in request.order]:
        wrong.append(f"{flow}: `order` is {'.'.join(request.order)}, the OECD's {'.'.join(order)}")
    return wrong
