"""What is asked of a publisher and what came, and a publisher's address over the transport.

How each publisher is asked belongs in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from pipeline.publishers.addresses import allowed_hosts
from pipeline.publishers.errors import PullError
from pipeline.publishers.http import Transport
from pipeline.publishers.reply import Reply, must_be_data
from pipeline.registry.schema import RateLimit, Titled

Dimensions = Mapping[str, str | Titled]


@dataclass(frozen=True)
class FetchRequest:
    """One dataset's request. `series`: registry's series key → the publisher's dimensions, or
    `only` for the one series that comes. `geos`: Eurostat's area codes, empty: all there are.
    `since`, `until`: years, both included. `pins`: codes that were resolved by title before.
    `validators`: headers of the answer before, sent where one request brings everything."""

    name: str
    code: str
    series: Mapping[str, Dimensions | Literal["only"]]
    geos: tuple[str, ...] = ()
    since: int = 1990
    until: int = 2100
    route: str = ""
    order: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    validators: Mapping[str, str] = field(default_factory=dict)

    def codes(self) -> dict[str, list[str]]:
        """Dimension → the codes asked for, over all series. PullError if one is a title."""
        found: dict[str, list[str]] = {}
        for dimensions in self.series.values():
            if isinstance(dimensions, Mapping):
                for dim, code in dimensions.items():
                    if not isinstance(code, str):
                        raise PullError(f"{self.name}: {dim} has a title where a code is needed")
                    if code not in found.setdefault(dim, []):
                        found[dim].append(code)
        return found


@dataclass
class FetchResult:
    """What came. `format` and `states`: how it is read, and the code it must state. `keys`: the
    publisher's series key → the registry's. `filtered`: what the request was limited to
    (`series`, `geos`, `years`): nothing else may come back. `updated`: the publisher's stamp.
    `requests`: the addresses asked. `unchanged`: HTTP 304, and an empty body."""

    body: bytes
    format: str
    states: str | None = None
    keys: dict[str, str] = field(default_factory=dict)
    filtered: tuple[str, ...] = ()
    updated: str = ""
    requests: list[str] = field(default_factory=list)
    pins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    validators: dict[str, str] = field(default_factory=dict)
    unchanged: bool = False


class Publisher:
    """A publisher's address and rate limit, over the shared transport."""

    def __init__(
        self,
        source: str,
        base: str,
        transport: Transport,
        rate_limit: RateLimit | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        self.source, self.base = source, base.rstrip("/")
        self.transport = transport
        self._rate_limit = rate_limit or RateLimit()
        self._hosts = allowed_hosts(self.base, hosts)

    @property
    def sleep(self) -> Callable[[float], None]:
        return self.transport.sleep

    @property
    def clock(self) -> Callable[[], float]:
        return self.transport.clock

    def get_any(
        self,
        where: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        download: bool = True,
    ) -> Reply:
        """Any answer with HTTP 200 or 304; `where` is a path below the base or a full address.
        PullError as for `Transport.get`."""
        url = where if "://" in where else self.base + where
        return self.transport.get(
            url,
            params,
            hosts=self._hosts,
            rate_limit=self._rate_limit,
            headers=headers,
            download=download,
        )

    def get(
        self, where: str, params: Sequence[tuple[str, str]] = (), form: str = "json", **more: Any
    ) -> Reply:
        """An answer that can be data of that form (`csv`, `json`, `xml`), or HTTP 304. PullError
        for pages, faults and errors."""
        reply = self.get_any(where, params, **more)
        return reply if reply.unchanged else must_be_data(reply, form)


def likely(code: str, codes: Sequence[str], cutoff: float = 0.6) -> str:
    """The code that was likely meant, else the first there are, as words to add to a line."""
    upper = {c.upper(): c for c in codes}
    near = get_close_matches(code.upper(), list(upper), n=1, cutoff=cutoff)
    if near:
        return f"; likely {upper[near[0]]}"
    return f"; it has {', '.join(list(codes)[:8])}" if codes else ""


def validators_of(reply: Reply) -> dict[str, str]:
    """The headers with which the same answer can be asked for again only if it changed."""
    found = {}
    if etag := reply.headers.get("etag"):
        found["If-None-Match"] = etag
    if changed := reply.headers.get("last-modified"):
        found["If-Modified-Since"] = changed
    return {k: v[:200] for k, v in found.items() if v.isprintable()}
