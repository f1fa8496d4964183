"""A publisher's series keys told to be the registry's: pure, and written into the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.series_key import dims_of

# Codes that mean "all of it": a dimension that the registry does not name may have one of these.
_TOTALS = {
    "T", "TOTAL", "TOT", "ALL", "ALLAGE", "ALLAREA", "BOTHSEX", "Z", "NONE", "N", "SEX_BTSX",
    "RESIDENCEAREATYPE_TOTL",
}  # fmt: skip


def canonical(code: str) -> str:
    """A code whatever its case and signs: `15+`, `30-70` and `_T` as `15`, `30_70` and `T`."""
    return re.sub(r"[^A-Z0-9]+", "_", code.strip().upper()).strip("_")


def total(code: str) -> bool:
    """Does a code mean all of its dimension?"""
    return canonical(code) in _TOTALS


def align(
    found: Iterable[str],
    needed: Iterable[str],
    asked: Mapping[str, Any],
    names: Mapping[str, Sequence[str]] | None = None,
) -> tuple[dict[str, str], list[str]]:
    """(publisher's key → registry's key where they differ, what could not be settled).

    `found`: the series keys that came. `asked`: registry's key → the publisher's dimensions or
    `only`. `names`: code → what files call it instead. A key fits if its codes do, whatever their
    case and signs, and if every further dimension that it has means the total. More than one that
    fits is none.
    """
    there = sorted(set(found))
    plain = {key: {_dim(d): c for d, c in dims_of(key).items()} for key in there}
    keys: dict[str, str] = {}
    unsettled: list[str] = []
    for need in needed:
        wanted = asked.get(need)
        if need in there:
            continue
        if wanted == "only":
            if len(there) == 1:
                keys[there[0]] = need
            else:
                unsettled.append(
                    f"one series was meant to come for {need}; {len(there)} came: "
                    + ", ".join(there[:4])
                )
            continue
        dims = wanted if isinstance(wanted, Mapping) else dims_of(need)
        goal = {_dim(d): _called(code, names or {}) for d, code in dims.items()}
        if not all(goal.values()):
            continue  # resolved by title: the adapter says which key it is
        exact = [k for k in there if plain[k].keys() == goal.keys() and _fits(plain[k], goal)]
        wider = [
            k for k in there
            if _fits(plain[k], goal) and all(total(c) for d, c in plain[k].items() if d not in goal)
        ]  # fmt: skip
        fits = exact or wider
        if len(fits) == 1:
            keys[fits[0]] = need
        elif len(fits) > 1:
            unsettled.append(f"{len(fits)} series fit {need}: {', '.join(fits[:4])}")
    return {k: v for k, v in keys.items() if k != v}, unsettled


def _dim(name: str) -> str:
    """A dimension's name, of which codes and titles differ in signs: `Bron/techniek`, BronTechniek."""
    return canonical(name).replace("_", "")


def _called(code: Any, names: Mapping[str, Sequence[str]]) -> set[str]:
    """What a code may be in a file; nothing if it is known by title alone, and files name none."""
    if isinstance(code, str):
        return {canonical(c) for c in (code, *names.get(code, ()))}
    titles = getattr(code, "title", ())
    return {canonical(t) for title in titles if title in names for t in names[title]}


def _fits(key: Mapping[str, str], goal: Mapping[str, set[str]]) -> bool:
    return all(d in key and _plain(key[d]) & called for d, called in goal.items())


def _plain(code: str) -> set[str]:
    """A code, and a topic without the unit that a table for people has behind it."""
    return {canonical(code), canonical(re.sub(r"\s*\([^()]*\)$", "", code))}
