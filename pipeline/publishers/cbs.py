"""CBS StatLine, OData v4: code lists first, then one slice for each series that is needed.

Codes may be given by title; they are looked up in the code list, exactly, and pinned. A vintage
is the pages of PeriodenCodes, MeasureCodes and Observations as received.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from pipeline.formats.pages import envelope
from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, likely
from pipeline.series_key import series_key

_PAGES = 500
_TIME = "Perioden"


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """Every dimension of each series, resolved and pinned; PullError if one is missing or has moved."""
    seen: list[str] = []
    table, properties = _table(request, publisher, seen)
    lists = _Lists(table, publisher, seen)
    keys: dict[str, str] = {}
    pins: dict[str, str] = {"table": table}
    slices = []
    for key, wanted in request.series.items():
        if not isinstance(wanted, Mapping):
            raise PullError(f"{request.name}: CBS needs every dimension of {key}")
        chosen: dict[str, str] = {}
        for dim, code in wanted.items():
            found, pin = _resolve(request, lists, dim, code)
            chosen[dim] = found
            pins |= pin
        slices.append(chosen)
        keys[series_key(chosen)] = key
    parts = [
        *((f"{_TIME}Codes", b) for b in lists.raw(_TIME)),
        *(("MeasureCodes", b) for b in lists.raw("Measure")),
    ]
    for chosen in slices:
        # Only `eq` and `and` are documented for every table; codes go in as the list has them.
        terms = [f"{d} eq '{c.replace(chr(39), chr(39) * 2)}'" for d, c in chosen.items()]
        where = f"/{table}/Observations"
        pages = _pages(publisher, where, [("$filter", " and ".join(terms))], seen)
        parts += [("Observations", raw) for raw, _ in pages]
        _no_page_twice([d for _, d in pages], table)
    try:
        body = envelope(parts)
    except UnicodeDecodeError as error:
        raise PullError(f"cbs: an answer for {table} is not UTF-8 (byte {error.start})") from error
    status = str(properties.get("Status") or "Regulier")
    notes = [] if status == "Regulier" else [f"CBS calls table {table} {status}"]
    return FetchResult(
        body,
        "cbs_odata",
        states=table,
        keys={k: v for k, v in keys.items() if k != v},
        filtered=("series",),
        updated=str(properties.get("ObservationsModified") or properties.get("Modified") or ""),
        requests=seen,
        pins=pins,
        notes=notes,
    )


def _table(
    request: FetchRequest, publisher: Publisher, seen: list[str]
) -> tuple[str, dict[str, Any]]:
    """The table's name as CBS spells it (ids are case-sensitive), and its properties."""
    first = request.pins.get("table", request.code)
    names = dict.fromkeys([first, request.code, request.code.upper(), _lower_tail(request.code)])
    for name in names:
        try:
            reply = publisher.get(f"/{name}/Properties", download=False)
        except NotFound:
            continue
        seen.append(reply.url)
        found = reply.json()
        if not isinstance(found, dict):
            raise PullError(f"cbs: the properties of {name} are no object")
        return name, found
    raise NotFound(f"cbs: there is no table {request.code}, in any case of letters")


def _lower_tail(code: str) -> str:
    return re.sub(r"[A-Za-z]+$", lambda m: m[0].lower(), code)


class _Lists:
    """Code lists of one table, each fetched once, all pages."""

    def __init__(self, table: str, publisher: Publisher, seen: list[str]) -> None:
        self.table, self.publisher, self.seen = table, publisher, seen
        self._found: dict[str, list[tuple[bytes, dict[str, Any]]]] = {}

    def _of(self, dim: str) -> list[tuple[bytes, dict[str, Any]]]:
        if dim not in self._found:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,80}", dim):
                raise PullError(f"cbs: {dim!r} cannot be a dimension")
            where = f"/{self.table}/{dim}Codes"
            self._found[dim] = _pages(self.publisher, where, [], self.seen)
        return self._found[dim]

    def raw(self, dim: str) -> list[bytes]:
        return [raw for raw, _ in self._of(dim)]

    def titles(self, dim: str) -> dict[str, str]:
        """Identifier, exactly as CBS has it → title."""
        return {
            str(row["Identifier"]): str(row.get("Title") or "").strip()
            for _, document in self._of(dim)
            for row in document["value"]
        }


def _resolve(
    request: FetchRequest, lists: _Lists, dim: str, code: Any
) -> tuple[str, dict[str, str]]:
    """(identifier as CBS has it, what is to be pinned). PullError with the nearest otherwise."""
    try:
        titles = lists.titles(dim)
    except NotFound as error:
        raise PullError(f"cbs: table {lists.table} has no dimension {dim}") from error
    if isinstance(code, str):
        for identifier in titles:
            # Codes may be padded with spaces: joined without, asked for with.
            if identifier.strip() == code.strip():
                return identifier, {}
        raise PullError(
            f"cbs: {lists.table}: {dim} has no code {code}"
            + likely(code, [c.strip() for c in titles])
        )
    name = f"{dim}: {' / '.join(code.title)}"
    words = {_plain(t) for t in code.title}
    fits = [c for c, title in titles.items() if _plain(title) in words]
    if len(fits) != 1:
        said = "no code" if not fits else f"{len(fits)} codes"
        raise PullError(
            f"cbs: {lists.table}: {dim} has {said} titled {code.title[0]!r}"
            + likely(code.title[0], [t for t in titles.values() if t])
        )
    pinned = request.pins.get(name)
    if pinned is not None and pinned.strip() != fits[0].strip():
        raise PullError(
            f"cbs: {lists.table}: {code.title[0]!r} was {pinned.strip()} and is now "
            f"{fits[0].strip()}: see what changed, then remove the pin"
        )
    return fits[0], {name: fits[0]}


def _plain(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold()))


def _pages(
    publisher: Publisher, where: str, params: list[tuple[str, str]], seen: list[str]
) -> list[tuple[bytes, dict[str, Any]]]:
    """All pages of an entity set: nextLink followed as it stands, never in a circle."""
    found: list[tuple[bytes, dict[str, Any]]] = []
    visited: set[str] = set()
    while True:
        reply = publisher.get(where, params)
        seen.append(reply.url)
        document = reply.json()
        if not isinstance(document, dict) or not isinstance(document.get("value"), list):
            raise PullError(f"cbs: {reply.url} has no `value`")
        found.append((reply.body, document))
        link = document.get("@odata.nextLink")
        if not link:
            return found
        where, params = urljoin(reply.url, str(link)), []
        if where in visited or len(found) >= _PAGES:
            raise PullError(f"cbs: the pages of {seen[-len(found)]} do not end")
        visited.add(where)


def _no_page_twice(documents: list[dict[str, Any]], table: str) -> None:
    ids = [row.get("Id") for d in documents for row in d["value"] if isinstance(row, dict)]
    given = [i for i in ids if i is not None]
    if len(set(given)) != len(given):
        raise PullError(f"cbs: a page of {table} came twice")


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """Codes, titles and dimensions against the code lists of the table."""
    seen: list[str] = []
    try:
        table, properties = _table(request, publisher, seen)
    except NotFound as error:
        return [str(error) + _near(request.code, publisher)]
    wrong = []
    if table != request.code:
        wrong.append(f"table {request.code} is spelled {table}")
    if str(properties.get("Status") or "Regulier") != "Regulier":
        wrong.append(f"table {table} is {properties['Status']}")
    pages = _pages(publisher, f"/{table}/Dimensions", [], seen)
    dims = [str(d["Identifier"]) for _, doc in pages for d in doc["value"]]
    lists = _Lists(table, publisher, seen)
    done: set[tuple[str, str]] = set()
    for wanted in request.series.values():
        if not isinstance(wanted, Mapping):
            continue
        for dim in dims:
            if dim != _TIME and dim not in wanted:
                wrong.append(f"{table}: dimension {dim} is not chosen")
        for dim, code in wanted.items():
            if (dim, str(code)) in done:
                continue
            done.add((dim, str(code)))
            try:
                _resolve(request, lists, dim, code)
            except PullError as error:
                wrong.append(str(error).removeprefix("cbs: "))
    return list(dict.fromkeys(wrong))


def _near(code: str, publisher: Publisher) -> str:
    try:
        pages = _pages(publisher, "/Datasets", [("$select", "Identifier,Title,Status")], [])
    except PullError:
        return ""
    tables = [str(d["Identifier"]) for _, doc in pages for d in doc["value"]]
    near = likely(code, tables, 0.85)
    return near if "likely" in near else "; see at CBS by which table it was replaced"
