"""A series key: the codes that name one series of a dataset, as `dim=code` pairs joined by `|`.

Registry, parsers, publishers and SQL (formats/sql.py) all write it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def series_key(dims: Mapping[str, Any]) -> str:
    """The key of these dimensions and codes: sorted by dimension, codes without blanks around."""
    return "|".join(f"{dim}={str(code).strip()}" for dim, code in sorted(dims.items()))


def dims_of(key: str) -> dict[str, str]:
    """Dimension → code of a key."""
    return {dim: code for dim, _, code in (pair.partition("=") for pair in key.split("|"))}
