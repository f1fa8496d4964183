"""What is asked of each publisher: request → bytes, in the form that the parsers read.

One module for each publisher, with `fetch(request, publisher) -> FetchResult` and
`check(request, publisher) -> list[str]` (what is wrong with the keys, by the publisher's own code
lists). Waiting and retrying belong in http.py, refusing what is never data in reply.py, and
whether what came is what was asked in pipeline/vintages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar

from pipeline.publishers import cbs, eurostat, oecd, owid, unsdg, who, worldbank
from pipeline.publishers.errors import PullError
from pipeline.publishers.request import FetchRequest, FetchResult, Publisher

__all__ = ["ADAPTERS", "FetchRequest", "FetchResult", "Publisher", "check", "fetch"]

ADAPTERS: Mapping[str, ModuleType] = {
    "cbs": cbs,
    "eurostat": eurostat,
    "oecd": oecd,
    "owid": owid,
    "unsdg": unsdg,
    "who": who,
    "worldbank": worldbank,
}
_Answer = TypeVar("_Answer")


def fetch(request: FetchRequest, publisher: Publisher) -> FetchResult:
    """Ask one publisher for one dataset. PullError, in one line, if nothing usable came."""
    adapter: Callable[[FetchRequest, Publisher], FetchResult] = _adapter(publisher).fetch
    return _guarded(adapter, request, publisher)


def check(request: FetchRequest, publisher: Publisher) -> list[str]:
    """What is wrong with the request's keys, a line each, by the publisher's own code lists;
    empty if nothing is. PullError, in one line, if that could not be found out."""
    adapter: Callable[[FetchRequest, Publisher], list[str]] = _adapter(publisher).check
    return _guarded(adapter, request, publisher)


def _adapter(publisher: Publisher) -> ModuleType:
    if publisher.source not in ADAPTERS:
        raise PullError(f"{publisher.source}: no adapter; it takes files only (ingest)")
    return ADAPTERS[publisher.source]


def _guarded(
    adapter: Callable[[FetchRequest, Publisher], _Answer],
    request: FetchRequest,
    publisher: Publisher,
) -> _Answer:
    try:
        return adapter(request, publisher)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # The answer has another shape than the adapter reads: a fault of this publisher only.
        raise PullError(
            f"{publisher.source}: an answer of another shape than expected for {request.name}: "
            f"{type(error).__name__}: {str(error)[:120]}"
        ) from error
