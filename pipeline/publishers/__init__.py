"""What is asked of each publisher: request → bytes, in the form that the parsers read.

One small module for each publisher, each with `pull(ask, publisher) -> Pulled` and
`check(ask, publisher) -> list[str]` (what is wrong with the keys, by the publisher's own code
lists). Waiting, retrying and refusing pages and faults belong in pipeline/http.py; whether what
came is what was asked, in pipeline/pull.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from pipeline.publishers.http import (
    Manners,
    PullError,
    Reply,
    Transport,
    allowed_hosts,
    must_be_data,
)

if TYPE_CHECKING:
    from pipeline.registry.schema import Titled

ADAPTERS = ("cbs", "eurostat", "oecd", "owid", "unsdg", "who", "worldbank")
Wanted = Mapping[str, "str | Titled"]


@dataclass(frozen=True)
class Ask:
    """One dataset's request. `series`: registry's series key → the publisher's dimensions, or
    `only` for the one series that comes. `geos`: Eurostat's area codes, empty: all there are.
    `pins`: codes that were resolved by title before."""

    name: str
    code: str
    series: Mapping[str, Wanted | Literal["only"]]
    geos: tuple[str, ...] = ()
    since: int = 1990
    until: int = 2100
    route: str = ""
    order: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    # Validators of the answer before, sent along where one request brings everything.
    validators: Mapping[str, str] = field(default_factory=dict)

    def codes(self) -> dict[str, list[str]]:
        """Dimension → the codes asked for, over all series; no titles."""
        found: dict[str, list[str]] = {}
        for wanted in self.series.values():
            if isinstance(wanted, Mapping):
                for dim, code in wanted.items():
                    if not isinstance(code, str):
                        raise PullError(f"{self.name}: {dim} has a title where a code is needed")
                    if code not in found.setdefault(dim, []):
                        found[dim].append(code)
        return found


@dataclass
class Pulled:
    """What came. `format` and `states`: how it is read, and the code it must state. `keys`: the
    publisher's series key → the registry's. `filtered`: what the request was limited to
    (`series`, `geos`, `years`): nothing else may come back. `updated`: the publisher's stamp."""

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
    """A publisher's address and manners, over the shared transport."""

    def __init__(
        self,
        source: str,
        base: str,
        transport: Transport,
        manners: Manners | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        self.source, self.base = source, base.rstrip("/")
        self.transport = transport
        self._manners = manners or Manners()
        self._hosts = allowed_hosts(self.base, hosts)

    @property
    def sleep(self) -> Callable[[float], None]:
        return self.transport.sleep

    @property
    def clock(self) -> Callable[[], float]:
        return self.transport.clock

    def ask(
        self,
        where: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        download: bool = True,
    ) -> Reply:
        """Any answer with HTTP 200 or 304; `where` is a path below the base or a full address."""
        url = where if "://" in where else self.base + where
        return self.transport.get(
            url,
            params,
            hosts=self._hosts,
            manners=self._manners,
            headers=headers,
            download=download,
        )

    def get(
        self, where: str, params: Sequence[tuple[str, str]] = (), form: str = "json", **more: Any
    ) -> Reply:
        """An answer that can be data of that form: PullError for pages, faults and errors."""
        reply = self.ask(where, params, **more)
        return reply if reply.unchanged else must_be_data(reply, form)


def pull(ask: Ask, publisher: Publisher) -> Pulled:
    """Ask one publisher for one dataset. PullError, in one line, if nothing usable came."""
    return _call("pull", ask, publisher)  # type: ignore[no-any-return]


def check(ask: Ask, publisher: Publisher) -> list[str]:
    """What is wrong with the keys, a line each, by the publisher's own code lists."""
    return _call("check", ask, publisher)  # type: ignore[no-any-return]


def _call(what: str, ask: Ask, publisher: Publisher) -> Any:
    if publisher.source not in ADAPTERS:
        raise PullError(f"{publisher.source}: no adapter; it takes files only (ingest)")
    module = import_module(f"{__name__}.{publisher.source}")
    try:
        return getattr(module, what)(ask, publisher)
    except PullError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # An answer of another shape than the publisher's: its fault, never the run's end.
        raise PullError(
            f"{publisher.source}: an answer of another shape than expected for {ask.name}: "
            f"{type(error).__name__}: {str(error)[:120]}"
        ) from error


def likely(code: str, codes: Sequence[str], cutoff: float = 0.6) -> str:
    """The code that was likely meant, else the first there are, as words to add to a line."""
    from difflib import get_close_matches

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
