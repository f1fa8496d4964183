"""Eurostat: SDMX 2.1 where the order of dimensions is established, else filters by name.

Routes: `sdmx21` (a key in the order of the registry), `sdmx30` (`c[dim]=…`) and `statistics`
(JSON-stat, filters by name). Eurostat drops an unknown code in silence: vintages/answers.py
compares. Several parts of one CSV are joined under one header; of JSON-stat, kept as pages.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from pipeline.formats.pages import envelope
from pipeline.publishers.errors import NotFound, PullError, TooBig
from pipeline.publishers.reply import Reply, fault_of, must_be_data, xml
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, likely, validators_of
from pipeline.series_key import series_key

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_QUEUE_SECONDS = 900.0
_FORMAT = {"sdmx21": "sdmx_csv", "sdmx30": "sdmx_csv2", "statistics": "jsonstat"}


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """All series in one request, in halves where it is too big; a queue is waited for."""
    route = request.route or "statistics"
    codes = request.codes()
    done: list[str] = []
    replies = _parts(request, codes, list(request.geos), publisher, done)
    if len(replies) == 1 and replies[0].unchanged:
        return FetchResult(b"", _FORMAT[route], requests=done, unchanged=True)
    bodies = [r.body for r in replies]
    if len(bodies) == 1:
        body = bodies[0]
    elif route == "statistics":
        body = envelope([("data", b) for b in bodies])
    else:
        body = _joined(bodies, request)
    only = any(w == "only" for w in request.series.values())
    filtered = ("years", *(("geos",) if request.geos else ()), *(() if only else ("series",)))
    return FetchResult(
        body,
        _FORMAT[route],
        states=request.code,
        filtered=filtered,
        updated=_updated(bodies[0], route),
        requests=done,
        validators=validators_of(replies[0]) if len(replies) == 1 else {},
    )


def series_asked(request: FetchRequest) -> list[str]:
    """Every series key that the request covers: the product of its codes."""
    codes = request.codes()
    dims = sorted(codes)
    return [
        series_key(dict(zip(dims, cell, strict=True)))
        for cell in product(*(codes[d] for d in dims))
    ]


class _Expired(Exception):
    """A queued extraction that was ready and has been cleared away."""


def _parts(
    request: FetchRequest,
    codes: dict[str, list[str]],
    geos: list[str],
    publisher: Publisher,
    done: list[str],
) -> list[Reply]:
    """One answer, or those of the halves when the publisher calls the whole too big."""
    try:
        return [_one(request, codes, geos, publisher, done)]
    except TooBig:
        # A part of an answer has no validators of its own.
        bare = replace(request, validators={})
        if len(geos) > 1:
            half = len(geos) // 2
            return [
                *_parts(bare, codes, geos[:half], publisher, done),
                *_parts(bare, codes, geos[half:], publisher, done),
            ]
        widest = max(codes, key=lambda d: len(codes[d]), default="")
        if not widest or len(codes[widest]) < 2:
            raise
        half = len(codes[widest]) // 2
        return [
            *_parts(bare, {**codes, widest: codes[widest][:half]}, geos, publisher, done),
            *_parts(bare, {**codes, widest: codes[widest][half:]}, geos, publisher, done),
        ]


def _one(
    request: FetchRequest,
    codes: dict[str, list[str]],
    geos: list[str],
    publisher: Publisher,
    done: list[str],
) -> Reply:
    where, params = data_request(request, codes, geos, publisher.base)
    form = "json" if request.route in ("", "statistics") else "csv"
    end = publisher.clock() + _QUEUE_SECONDS
    pause, queue, expired = 2.0, "", False
    reply: Reply | None
    while True:
        if queue:
            try:
                reply = _queued(publisher, queue, done)
            except _Expired as error:
                if expired:
                    raise PullError(f"eurostat: the queued {request.code} expired twice") from error
                queue, reply, expired = "", None, True
        else:
            reply = publisher.get_any(where, params, headers=request.validators)
            done.append(reply.url)
        if reply is not None:
            if reply.unchanged:
                return reply
            found = queued(reply.body)
            if not found and not _later(reply.body):
                return must_be_data(reply, form)
            queue = found
        if publisher.clock() + pause > end:
            raise PullError(
                f"eurostat: {request.code} was still in its queue after {_QUEUE_SECONDS / 60:.0f} "
                "minutes; the next run asks again"
            )
        publisher.sleep(pause)
        pause = min(pause * 1.5, 30.0)


def data_request(
    request: FetchRequest, codes: dict[str, list[str]], geos: list[str], base: str
) -> tuple[str, list[tuple[str, str]]]:
    """Address and parameters of a data request."""
    if request.code.upper().startswith("DS-"):
        # Comext and Prodcom stand beside the rest.
        base = base.replace("/api/dissemination", "/api/comext/dissemination")
    if request.route == "sdmx21":
        chosen = {**codes, **({"geo": geos} if geos else {})}
        if extra := sorted(set(chosen) - set(request.order)):
            raise PullError(f"{request.name}: `order` lacks the dimension {extra[0]}")
        key = ".".join("+".join(chosen.get(d, [])) for d in request.order)
        return f"{base}/sdmx/2.1/data/{request.code.upper()}/{key}", [
            ("format", "SDMX-CSV"),
            ("startPeriod", str(request.since)),
            ("compressed", "false"),
            ("lang", "en"),
        ]
    if request.route == "sdmx30":
        chosen = {**codes, **({"geo": geos} if geos else {})}
        return f"{base}/sdmx/3.0/data/dataflow/ESTAT/{request.code.upper()}/1.0", [
            *((f"c[{d}]", ",".join(c)) for d, c in chosen.items()),
            ("c[TIME_PERIOD]", f"ge:{request.since}"),
            ("format", "csvdata"),
            ("formatVersion", "2.0"),
            ("compress", "false"),
            ("lang", "en"),
            ("labels", "id"),
        ]
    return f"{base}/statistics/1.0/data/{request.code.upper()}", [
        ("format", "JSON"),
        ("lang", "EN"),
        *((d, c) for d, found in codes.items() for c in found),
        *(("geo", g) for g in geos),
        ("sinceTimePeriod", str(request.since)),
    ]


def queued(body: bytes) -> str:
    """The id under which an extraction waits, if that is what the answer says."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<" or b"queued" not in body[:4096]:
        return ""
    root = xml(body[:65536])
    if root is None:
        return ""
    for node in root.iter():
        if str(node.tag).rsplit("}", 1)[-1] == "queued":
            for child in node:
                text = (child.text or "").strip()
                if str(child.tag).rsplit("}", 1)[-1] == "id" and re.fullmatch(_UUID, text):
                    return text
    return ""


def _later(body: bytes) -> bool:
    # The Statistics API queues without a number: the same request is sent again.
    head = body[:2048]
    return head.lstrip()[:1] == b"{" and b'"warning"' in head and b"ASYNCHRONOUS" in head


def _queued(publisher: Publisher, uuid: str, done: list[str]) -> Reply | None:
    """The data of a queued extraction, None while it waits."""
    try:
        reply = publisher.get_any(f"/1.0/async/status/{uuid}", download=False)
    except PullError as error:
        if "NOT_YET_AVAILABLE" in str(error):
            return None
        raise
    state = status_of(reply.body)
    if state in ("SUBMITTED", "PROCESSING"):
        return None
    if state == "EXPIRED":
        # It was ready and has been cleared away since: asked for anew.
        raise _Expired(uuid)
    if state != "AVAILABLE":
        said = state or fault_of(reply.body) or "an answer that is no status"
        raise PullError(f"eurostat: the queued extraction {uuid} ended as {said}")
    try:
        reply = publisher.get_any(f"/1.0/async/data/{uuid}")
    except PullError as error:
        if "NOT_YET_AVAILABLE" in str(error):
            return None
        raise
    done.append(reply.url)
    return reply


def status_of(body: bytes) -> str:
    """SUBMITTED, PROCESSING, AVAILABLE or EXPIRED; empty if the answer says none of them."""
    root = xml(body[:65536])
    for node in root.iter() if root is not None else ():
        text = (node.text or "").strip()
        if str(node.tag).rsplit("}", 1)[-1] == "status" and text:
            return text.upper()
    return ""


def _joined(bodies: list[bytes], request: FetchRequest) -> bytes:
    """Parts of one CSV under one header. PullError if they are not of one release."""
    lines = [b.lstrip(b"\xef\xbb\xbf").strip().splitlines() for b in bodies]
    heads = {part[0] for part in lines}
    stamps = {_updated(body, "sdmx21") for body in bodies}
    if len(heads) > 1 or len(stamps) > 1:
        raise PullError(
            f"eurostat: {request.code} changed while its parts were pulled; the next run asks again"
        )
    rows = [line for part in lines for line in part[1:]]
    return b"\n".join([lines[0][0], *rows]) + b"\n"


def _updated(body: bytes, route: str) -> str:
    if route == "statistics":
        found = re.search(rb'"updated"\s*:\s*"([^"]{1,40})"', body[:65536])
        return found[1].decode("ascii", "replace") if found else ""
    if route != "sdmx21":
        return ""
    head = body[:8192].lstrip(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines()[:2]
    rows = [[c.strip() for c in row] for row in csv.reader(head)]
    if len(rows) < 2 or "LAST UPDATE" not in rows[0] or len(rows[1]) != len(rows[0]):
        return ""
    return rows[1][rows[0].index("LAST UPDATE")][:20]


# What the publisher itself says there is


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """Codes against the content constraint, the order against the data structure."""
    code = request.code.upper()
    base = publisher.base
    if code.startswith("DS-"):
        base = base.replace("/api/dissemination", "/api/comext/dissemination")
    try:
        reply = publisher.get(
            f"{base}/sdmx/2.1/contentconstraint/ESTAT/{code}/latest", form="xml", download=False
        )
    except NotFound:
        return [f"dataset {code} does not exist{_near(code, publisher)}"]
    there = key_values(reply.body)
    if not there:
        raise PullError(f"eurostat: the constraint of {code} lists no codes")
    wrong = differences(request, there)
    if request.route == "sdmx21":
        wrong += _order(request, publisher, base)
    return wrong


def differences(request: FetchRequest, there: Mapping[str, Sequence[str]]) -> list[str]:
    """Dimensions and codes of the request that are not `there` (dimension → codes), a line each
    with the one that was likely meant."""
    code = request.code.upper()
    wrong = []
    wanted = {**request.codes(), "geo": list(request.geos[:1])}
    for dim, codes in wanted.items():
        if dim not in there:
            wrong.append(f"{code} has no dimension {dim}{likely(dim, _not_asked(there, wanted))}")
            continue
        for one in codes:
            if one not in there[dim]:
                wrong.append(f"{code}: {dim} has no code {one}{likely(one, there[dim])}")
    if any(w == "only" for w in request.series.values()):
        many = {
            d: c for d, c in there.items()
            if d not in ("geo", "TIME_PERIOD", "time") and len(c) > 1 and d not in wanted
        }  # fmt: skip
        wrong += [
            f"{code}: one series was meant to come back, but {d} has {', '.join(c[:8])}"
            for d, c in many.items()
        ]
    return wrong


def _not_asked(there: Mapping[str, Sequence[str]], wanted: Mapping[str, Any]) -> list[str]:
    """The dimensions that a wrong one can be meant for: those that the request does not name, else all."""
    named = [d for d in there if d.lower() not in ("time_period", "time")]
    return [d for d in named if d not in wanted] or named


def key_values(body: bytes) -> dict[str, list[str]]:
    """Dimension → codes that a content constraint says are present, dimensions in lower case."""
    root = xml(body)
    found: dict[str, list[str]] = {}
    for node in root.iter() if root is not None else ():
        if str(node.tag).rsplit("}", 1)[-1] in ("KeyValue", "CubeRegionKey"):
            name = str(node.get("id", ""))
            name = name if name == "TIME_PERIOD" else name.lower()
            for child in node.iter():
                if str(child.tag).rsplit("}", 1)[-1] == "Value" and child.text:
                    found.setdefault(name, []).append(child.text.strip())
    return found


def dimension_order(body: bytes) -> list[str]:
    """The dimensions of a data structure in their order, in lower case, without time."""
    root = xml(body)
    placed: list[tuple[int, str]] = []
    for node in root.iter() if root is not None else ():
        if str(node.tag).rsplit("}", 1)[-1] == "Dimension" and node.get("id"):
            position = node.get("position")
            placed.append((int(position) if position else len(placed) + 1, node.get("id").lower()))
    return [name for _, name in sorted(placed)]


def _order(request: FetchRequest, publisher: Publisher, base: str) -> list[str]:
    code = request.code.upper()
    reply = publisher.get(
        f"{base}/sdmx/2.1/datastructure/ESTAT/{code}/latest", form="xml", download=False
    )
    order = dimension_order(reply.body)
    if order and order != list(request.order):
        return [f"{code}: `order` is {'.'.join(request.order)}, the publisher's {'.'.join(order)}"]
    return []


def _near(code: str, publisher: Publisher) -> str:
    try:
        reply: Any = publisher.get_any("/catalogue/toc/txt", [("lang", "en")], download=False)
    except PullError:
        return ""
    rows = reply.body.decode("utf-8", "replace").splitlines()
    names = {r.split("\t")[1].strip(' "').upper() for r in rows if r.count("\t") > 1}
    return likely(code, sorted(names)) if names else ""
