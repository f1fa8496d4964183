"""Where the missions stand as a whole: counted over their rows, in the order of the worst.

For page and terminal alike; what is said of it belongs in the catalogue (`messages`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.progress.method import FACTS, SEVERITY
from pipeline.report.statuses import COLOUR

_LAST = 99  # after every place in the method's order
_SURE = ("firm", "likely", "uncertain")
_SUMMED = (
    "sub_missions", "assessed", "on_course", "gaining", "failing", "unclear", "unassessed", "solid",
)  # fmt: skip


def totals(
    missions: Iterable[tuple[str, Mapping[str, Any]]], parts: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Missions and sub-missions in all, and where they stand: missions by the status of their own
    headlines and their counts (`n_…`, `failing`) in the marts, sub-missions (`parts`) by how sure
    their status is.

    A mission is on course as a whole where each of its sub-missions is, and its own headlines are
    or cannot be assessed.
    """
    rows = list(missions)
    found = {name: sum(row[f"n_{name}"] or 0 for _, row in rows) for name in _SUMMED}
    behind = sum(bool(row["failing"]) for _, row in rows)
    whole = sum(
        row["n_on_course"] == row["n_sub_missions"] and COLOUR.get(own) in ("green", "dim")
        for own, row in rows
    )
    sure = Counter(p["confidence"] for p in parts if p["status"] not in FACTS)
    return {
        **found,
        **{name: sure[name] for name in _SURE},
        "missions": len(rows),
        "missions_on_course": whole,
        "missions_behind": behind,
        "missions_open": len(rows) - whole - behind,
    }


def rank(
    statuses: Iterable[str], failing: Sequence[str] | None, unclear: Sequence[str] | None
) -> tuple[int, int, int]:
    """Where a mission stands in the order of the worst: by the worst of its statuses, then by how
    many parts fail and how many are unclear."""
    worst = min((SEVERITY.get(status, _LAST) for status in statuses), default=_LAST)
    return worst, -len(failing or ()), -len(unclear or ())
