"""UN SDG database: one series code at a time, page by page; every page is kept as received."""

from __future__ import annotations

from typing import Any

from pipeline.formats.geo import TO_M49
from pipeline.formats.keys import canonical, total
from pipeline.formats.pages import envelope
from pipeline.publishers.errors import NotFound, PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher, likely

_SERIES = "seriesCode"
_PER_PAGE = 5000
# Said of a figure and no part of which series it is; the parser leaves them out of the key.
_ATTRIBUTES = ("Units", "Reporting_Type")
_PAGES = 500


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """Every page of every series code; PullError if rows are missing."""
    seen: list[str] = []
    parts = [
        (code, body)
        for code in series_codes(request)
        for body in _pages(code, request, publisher, seen)
    ]
    try:
        body = parts[0][1] if len(parts) == 1 else envelope(parts)
    except UnicodeDecodeError as error:
        raise PullError(f"unsdg: an answer is not UTF-8 (byte {error.start})") from error
    return FetchResult(
        body,
        "unsdg_json",
        states=series_codes(request)[0] if len(series_codes(request)) == 1 else None,
        filtered=("geos",) if request.geos else (),
        requests=seen,
    )


def series_codes(request: FetchRequest) -> list[str]:
    """The UN's codes of the series asked for, one request each."""
    return request.codes().get(_SERIES, [])


def _pages(code: str, request: FetchRequest, publisher: Publisher, seen: list[str]) -> list[bytes]:
    found: list[bytes] = []
    rows, total, pages = 0, -1, 1
    while len(found) < pages:
        number = len(found) + 1
        reply = publisher.get(
            "/Series/Data",
            [
                (_SERIES, code),
                *(("areaCode", TO_M49[g]) for g in request.geos if g in TO_M49),
                ("page", str(number)),
                ("pageSize", str(_PER_PAGE)),
            ],
        )
        seen.append(reply.url)
        document = _document(reply.json(), code)
        if int(document.get("pageNumber") or number) != number:
            raise PullError(f"unsdg: page {document['pageNumber']} of {code} came for {number}")
        if total not in (-1, int(document["totalElements"])):
            raise PullError(f"unsdg: {code} changed while its pages were pulled")
        total = int(document["totalElements"])
        pages = min(int(document.get("totalPages") or 1), _PAGES)
        rows += len(document["data"])
        found.append(reply.body)
    if rows != total:
        raise PullError(f"unsdg: {rows} of {total} rows came for {code}")
    if total == 0:
        raise PullError(f"unsdg: the UN has no rows for {code}: it may have been renamed")
    return found


def _document(found: Any, code: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise PullError(f"unsdg: the answer for {code} has no `data`")
    return found


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """Codes against the lists and rows that each series has for home."""
    wrong = []
    for code in series_codes(request):
        try:
            reply = publisher.get(
                "/Series/Data",
                [
                    (_SERIES, code),
                    *(("areaCode", TO_M49[g]) for g in request.geos[:1]),
                    ("page", "1"),
                    ("pageSize", "1000"),
                ],
                download=False,
            )
        except NotFound:
            wrong.append(f"series {code} does not exist")
            continue
        document = _document(reply.json(), code)
        if int(document.get("totalElements") or 0) == 0:
            wrong.append(f"series {code} has no rows for home, or does not exist")
            continue
        there = _lists(document)
        for wanted in request.series.values():
            if isinstance(wanted, str) or wanted.get(_SERIES) != code:
                continue
            wrong += [
                f"{code}: dimension {dim} is not chosen; it has {', '.join(codes[:8])}"
                for dim, codes in there.items()
                if dim not in wanted and dim not in _ATTRIBUTES and not any(map(total, codes))
            ]
            for dim, one in wanted.items():
                if dim == _SERIES:
                    continue
                if dim not in there:
                    wrong.append(f"{code} has no dimension {dim}{likely(dim, list(there))}")
                elif canonical(str(one)) not in {canonical(c) for c in there[dim]}:
                    wrong.append(f"{code}: {dim} has no code {one}{likely(str(one), there[dim])}")
    return list(dict.fromkeys(wrong))


def _lists(document: dict[str, Any]) -> dict[str, list[str]]:
    """Dimension → codes, by the answer's own lists and by its rows."""
    found: dict[str, list[str]] = {}
    for dim in document.get("dimensions") or []:
        codes = [str(c.get("code")) for c in dim.get("codes") or []]
        found.setdefault(str(dim.get("id")).replace(" ", "_"), []).extend(codes)
    for row in document["data"]:
        for name, code in (row.get("dimensions") or {}).items():
            codes = found.setdefault(str(name).replace(" ", "_"), [])
            if str(code) not in codes:
                codes.append(str(code))
    return found
