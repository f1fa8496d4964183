"""Pieces of SQL that several formats need. Rules belong in tidy.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.sql import literal, quoted


def mapped(value: str, table: Mapping[str, str]) -> str:
    """SQL that translates a text by a table, leaving what it does not name alone."""
    if not table:
        return value
    pairs = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in sorted(table.items()))
    return f"CASE {value} {pairs} ELSE {value} END"


def key_of(columns: Iterable[str]) -> str:
    """SQL for the series key: `dim=code` pairs sorted by dim, joined by `|`."""
    parts = [f"{literal(f'|{name}=')}, trim({quoted(name)})" for name in sorted(columns)]
    return f"substr(concat({', '.join(parts)}), 2)"
