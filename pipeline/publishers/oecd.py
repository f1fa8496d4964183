"""OECD: csvfile by an SDMX key in the order of the registry's `order`.

`code` is `AGENCY,STRUCTURE@FLOW,VERSION`; an empty version means the latest.
"""

from __future__ import annotations

from pipeline.formats.geo import TO_ISO3
from pipeline.publishers import Ask, Publisher, Pulled, likely, validators_of
from pipeline.publishers.eurostat import dimension_order, key_values
from pipeline.publishers.http import NotFound, PullError

_AREA = "REF_AREA"


def pull(ask: Ask, publisher: Publisher) -> Pulled:
    reply = publisher.get(
        f"/data/{_flow(ask)}/{key(ask)}",
        [
            ("startPeriod", str(ask.since)),
            ("dimensionAtObservation", "AllDimensions"),
            ("format", "csvfile"),
        ],
        form="csv",
        headers=ask.validators,
    )
    if reply.unchanged:
        return Pulled(b"", "oecd_csv", requests=[reply.url], unchanged=True)
    return Pulled(
        reply.body,
        "oecd_csv",
        states=_name(ask),
        filtered=("series", "years", *(("geos",) if ask.geos else ())),
        updated=reply.headers.get("last-modified", ""),
        requests=[reply.url],
        validators=validators_of(reply),
    )


def key(ask: Ask) -> str:
    """The SDMX key. PullError if a dimension is not in the registry's order."""
    codes = ask.codes()
    areas = [TO_ISO3[g] for g in ask.geos if g in TO_ISO3]
    if areas:
        codes[_AREA] = areas
    if lacking := sorted(set(codes) - set(ask.order)):
        raise PullError(f"{ask.name}: `order` lacks the dimension {lacking[0]}")
    found = ".".join("+".join(codes.get(d, [])) for d in ask.order)
    # A key of dots alone is eaten on its way as a folder's name.
    return found if found.strip(".") else "all"


def _flow(ask: Ask) -> str:
    return ask.code.replace("@", "%40")


def _name(ask: Ask) -> str:
    return ask.code.split(",")[1].rsplit("@", 1)[-1]


def check(ask: Ask, publisher: Publisher) -> list[str]:
    agency, flow, *_ = ask.code.split(",")
    path = f"/contentconstraint/{agency}/CR_A_{flow.replace('@', '%40')}"
    try:
        there = key_values(publisher.get(path, form="xml", download=False).body)
    except NotFound:
        return [f"{flow}: the OECD has no such dataflow at {agency}"]
    if not there:
        raise PullError(f"oecd: the constraint of {flow} lists no codes")
    wrong = []
    for dim, codes in ask.codes().items():
        if dim.lower() not in there:
            wrong.append(f"{flow} has no dimension {dim}{likely(dim, list(there))}")
            continue
        for code in codes:
            if code not in there[dim.lower()]:
                wrong.append(f"{flow}: {dim} has no code {code}{likely(code, there[dim.lower()])}")
    structure = flow.split("@")[0]
    reply = publisher.get(f"/datastructure/{agency}/{structure}", form="xml", download=False)
    order = dimension_order(reply.body)
    if order and order != [d.lower() for d in ask.order]:
        wrong.append(f"{flow}: `order` is {'.'.join(ask.order)}, the OECD's {'.'.join(order)}")
    return wrong
