"""What goes wrong, as a typed plan: a fault by name, for a source, from its nth request for data.

Three kinds: CELLS change what is published, WIRE changes how the answer travels, and FORM is
heeded by the module of a protocol as it writes (columns, pages, queues). Nothing here knows what
an adapter should make of it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from tests.publisher.figures import Cell


@dataclass
class Response:
    """An answer before it is sent. `how`: plain · drip · reset · cut · hang · endless."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    how: str = "plain"


@dataclass(frozen=True)
class Fault:
    """`nth`: the first request (from 1) of `source` for data that meets it; `times`: how many do,
    None for all after. `path`: a text that the address must contain; then every request counts,
    not those for data alone."""

    name: str
    source: str
    nth: int = 1
    times: int | None = None
    path: str = ""

    def __post_init__(self) -> None:
        if self.name not in ALL:
            raise ValueError(f"no fault {self.name!r}; there are {', '.join(sorted(ALL))}")

    def meets(self, count: int) -> bool:
        return count >= self.nth and (self.times is None or count < self.nth + self.times)


Edit = Callable[[list[Cell]], list[Cell]]
Wire = Callable[[Response], Response]


def _last(cells: list[Cell]) -> str:
    return max((c.period for c in cells if c.year and c.geo == "NL"), default="")


def _where(cells: list[Cell], edit: Callable[[Cell], Cell | None]) -> list[Cell]:
    """The Dutch figures of the last year changed: those that a status hangs on."""
    last = _last(cells)
    out = []
    for c in cells:
        found = edit(c) if c.geo == "NL" and c.period == last and c.value else c
        if found is not None:
            out.append(found)
    return out


def _value(text: str) -> Edit:
    return lambda cells: _where(cells, lambda c: replace(c, value=text))


def _all(edit: Callable[[Cell], Cell | None]) -> Edit:
    return lambda cells: [e for c in cells if (e := edit(c)) is not None]


def _future(cells: list[Cell]) -> list[Cell]:
    last = _last(cells)
    return [*cells, *(replace(c, period="2099") for c in cells if c.period == last)]


def _grains(cells: list[Cell]) -> list[Cell]:
    last = _last(cells)
    mine = [c for c in cells if c.period == last]
    return [
        *cells,
        *(replace(c, period=f"{last}-Q{q}", value=_times(c.value, 0.25)) for c in mine for q in range(1, 5)),
        *(replace(c, period=f"{last}-{m:02}", value=_times(c.value, 1 / 12)) for c in mine for m in range(1, 13)),
    ]  # fmt: skip


def _times(text: str, factor: float) -> str:
    try:
        return repr(float(text) * factor)
    except ValueError:
        return text


def _one_series_lost(cells: list[Cell]) -> list[Cell]:
    """What the Dutch figures lose when a code that is not known any more is dropped."""
    series = sorted({c.codes for c in cells})
    if len(series) == 1:
        return [c for c in cells if c.geo != "NL"]
    return [c for c in cells if c.codes != series[0]]


CELLS: dict[str, Edit] = {
    "nan": _value("NaN"),
    "infinite": _value("1e999"),
    "huge": _value("1e308"),
    "negative": lambda cells: _where(cells, lambda c: replace(c, value="-987654321.5")),
    "no_number": _value("n/a"),
    "zero_for_missing": _value("-1"),
    "times_1000": _all(lambda c: replace(c, value=_times(c.value, 1000.0))),
    "thousands_separated": lambda cells: _where(cells, lambda c: replace(c, value="1,234,567")),
    "decimal_comma": _all(lambda c: replace(c, value=c.value.replace(".", ","))),
    "future_year": _future,
    "mixed_grains": _grains,
    "year_lost": lambda cells: [c for c in cells if c.period != "2019"],
    "last_year_lost": lambda cells: [c for c in cells if c.period != _last(cells)],
    "area_lost": _all(lambda c: None if c.geo == "NL" else c),
    "code_dropped": _one_series_lost,
    "half_lost": lambda cells: cells[::2],
    "nothing_found": lambda cells: [],
    "rows_twice": lambda cells: [*cells, *cells[:50]],
    "rows_twice_differ": lambda cells: [
        *cells, *(replace(c, value=_times(c.value, 1.07)) for c in cells[:50]),
    ],
    "values_gone": lambda cells: _where(cells, lambda c: replace(c, value="")),
    "other_area_labels": _all(lambda c: replace(c, geo="NLD_XX" if c.geo == "NL" else c.geo)),
    "padded_period": _all(lambda c: replace(c, period=f" {c.period} ")),
}  # fmt: skip


def _html(response: Response) -> Response:
    page = (
        b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>Sorry</body></html>"
    )
    return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page)


def _status(code: int, **headers: str) -> Wire:
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return lambda _: Response(code, {"Content-Type": "text/plain", **named}, b"try again\n")


@cache
def zeros() -> bytes:
    """300 MB of zeros in 1.3 MB."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(300)), packer.flush()])


def _bomb(response: Response) -> Response:
    return replace(response, body=zeros())


def _recoded(charset: str) -> Wire:
    def wire(response: Response) -> Response:
        text = response.body.decode("utf-8")
        return replace(response, body=text.encode(charset, "replace"))

    return wire


def _latin(response: Response) -> Response:
    """A label with an accent, in Latin-1, though the header says UTF-8."""
    return replace(
        response,
        body=response.body.replace(b"Netherlands", b"Pa\xefs-Bas", 1)
        if b"Netherlands" in response.body
        else response.body[:-1] + b"\xef\xe9" + response.body[-1:],
    )


def _head(response: Response, size: int) -> Response:
    return replace(response, body=response.body[:size])


WIRE: dict[str, Wire] = {
    "drip": lambda r: replace(r, how="drip"),
    "reset": lambda r: replace(r, how="reset"),
    "cut": lambda r: replace(r, how="cut"),
    "hang": lambda r: replace(r, how="hang"),
    "endless": lambda r: replace(r, how="endless"),
    "html": _html,
    "empty": lambda r: replace(r, body=b""),
    "blank": lambda r: replace(r, body=b"\r\n\r\n"),
    "error_json": lambda r: replace(r, body=b'{"error":{"code":"","message":"The service is busy"}}'),
    "soap_fault": lambda r: replace(r, headers={"Content-Type": "application/xml"}, body=(
        b'<?xml version="1.0" encoding="UTF-8"?><S:Fault xmlns:S="http://schemas.xmlsoap.org/soap/'
        b'envelope/"><faultcode>100</faultcode><faultstring>ERR_NOT_FOUND_2: not available for '
        b"dissemination.</faultstring></S:Fault>")),
    "entity_bomb": lambda r: replace(r, headers={"Content-Type": "application/xml"}, body=(
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c "&b;&b;&b;&b;&b;&b;">]><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/'
        b'envelope/"><S:Body><queued><id>&c;</id></queued></S:Body></S:Envelope>')),
    "utf16": _recoded("utf-16"),
    "latin1": _latin,
    "bom": lambda r: replace(r, body=b"\xef\xbb\xbf" + r.body),
    "crlf": lambda r: replace(r, body=r.body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    "gzip_bare": lambda r: replace(r, body=gzip.compress(r.body, mtime=0)),
    "gzip_declared": lambda r: replace(
        r, headers={**r.headers, "Content-Encoding": "gzip"}, body=gzip.compress(r.body, mtime=0)),
    "gzip_twice": lambda r: replace(
        r, headers={**r.headers, "Content-Encoding": "gzip"},
        body=gzip.compress(gzip.compress(r.body, mtime=0), mtime=0)),
    "gzip_truncated": lambda r: replace(r, body=gzip.compress(r.body, mtime=0)[:-20]),
    "gzip_declared_truncated": lambda r: replace(
        r, headers={**r.headers, "Content-Encoding": "gzip"},
        body=gzip.compress(r.body, mtime=0)[:-20]),
    "gzip_lie": lambda r: replace(r, headers={**r.headers, "Content-Encoding": "gzip"}),
    "gzip_bomb": _bomb,
    "truncated": lambda r: _head(r, int(len(r.body) * 0.7)),
    # Within the last figure: what is left of it is a number too.
    "number_cut": lambda r: _head(r, len(r.body.rstrip()) - 2),
    "last_line_open": lambda r: _head(r, len(r.body.rstrip())),
    "429_zero": _status(429, Retry_After="0"),
    "429_later": _status(429, Retry_After="1"),
    "429_day": _status(429, Retry_After="86400"),
    "429_garbled": _status(429, Retry_After="soon"),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503, Retry_After="1"),
    "403": _status(403),
    "404": _status(404),
    "401": _status(401),
    "redirect_loop": lambda r: Response(302, {"Location": "{self}"}),
    "redirect_elsewhere": lambda r: Response(302, {"Location": "{elsewhere}"}),
    "redirect_file": lambda r: Response(302, {"Location": "file:///etc/hostname"}),
    "redirect_http": lambda r: Response(302, {"Location": "http://sorry.example.org/maintenance"}),
}  # fmt: skip

# Heeded by the protocols as they write; a protocol that has no such thing ignores it.
FORM = {
    "column_grown", "columns_reordered", "column_renamed", "column_twice", "trailing_spaces",
    "header_only", "other_dataset", "semicolons", "numbers_as_text", "upper_case_names",
    "filter_ignored", "extra_flag", "case_of_codes", "unit_changed", "quote_open", "updated_stamp",
    # pages
    "page_loop", "page_elsewhere", "page_twice", "page_lost", "total_wrong", "page_endless",
    # Eurostat
    "queue", "queue_never", "queue_expired", "queue_unknown", "too_big", "too_big_always",
    "warning", "order_of_key",
    # OECD
    "unit_mult_mixed", "unit_mult_odd", "empty_with_status_a", "limit_requests", "limit_downloads",
    "key_refused", "no_records",
    # World Bank
    "message_120", "message_175", "null_rows", "dates_ignored", "per_page_text", "xml_though_json",
    # CBS
    "padded_codes", "impossible", "status_gone", "odata_error",
    # UN SDG
    "units_as_dimension", "unit_multiplier",
    # OWID
    "short_name_changed", "agent_refused",
}  # fmt: skip

ALL = CELLS.keys() | WIRE.keys() | FORM


def edited(cells: list[Cell], names: Any) -> list[Cell]:
    """The cells with every fault of CELLS among `names` done to them."""
    for name in names:
        if name in CELLS:
            cells = CELLS[name](cells)
    return cells
