"""One module a publisher: `is_data(ask)`, and `answer(ask, publisher)` from the figures held."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "eurostat": "eurostat", "cbs": "cbs", "oecd": "oecd", "worldbank": "worldbank",
    "unsdg": "unsdg", "owid": "owid", "who": "who",
}  # fmt: skip


def of(source: str) -> Any:
    """The module that speaks for a source; None if there is none."""
    name = _MODULES.get(source)
    return import_module(f"tests.publisher.protocols.{name}") if name else None
