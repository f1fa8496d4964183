"""From indicators to missions, METHOD §8, worked out again without shared code (see naive.py)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tests.naive import FAILING, GAINING, NONE, ON_COURSE, RANK, UNCLEAR, Row


def order(row: Row) -> tuple[Any, ...]:
    """Worst first; ties: rows with a ratio, then rows with a growth, then the rest."""
    tie = row["ratio"] if row["ratio"] is not None else row["g"]
    return (
        RANK[row["status"]],
        0 if row["ratio"] is not None else 1 if row["g"] is not None else 2,
        0 if tie is None else tie,
        row["indicator_id"],
        row["target_id"],
    )


def headlines(mission: str, rows: Sequence[Row]) -> list[Row]:
    return [
        r for r in rows
        if r["mission_id"] == mission and r["role"] == "headline" and r["fit"] != "context"
        and r["counts"]
    ]  # fmt: skip


def own(mission: str, rows: Sequence[Row]) -> dict[str, Any]:
    """A mission, sub-mission or goal by its own indicators."""
    mine, heads = [r for r in rows if r["mission_id"] == mission], headlines(mission, rows)
    for fit in ("direct", "proxy"):
        found = sorted((r for r in heads if r["fit"] == fit and r["status"] != NONE), key=order)
        if found:
            return {"status": found[0]["status"], "reason": None, "basis": f"{fit}_headline",
                    "row": found[0], "first": found[0], "indication": None}  # fmt: skip
    first = sorted(
        heads,
        key=lambda r: (
            r["fit"] != "direct",
            r["place"],
            -math.inf if r["target_year"] is None else r["target_year"],
            r["target_id"],
        ),
    )
    support = sorted(
        (r for r in mine if r["role"] == "supporting" and r["counts"] and r["status"] != NONE),
        key=order,
    )
    reason = first[0]["reason"] if first else "context_only" if mine else "no_indicator"
    return {"status": NONE, "reason": reason, "basis": None, "row": None,
            "first": first[0] if first else None, "indication": support[0] if support else None}  # fmt: skip


def solid(row: Row | None) -> bool:
    """Whether what decides is direct, not dated and at least likely."""
    return bool(
        row and row["fit"] == "direct" and not row["is_dated"]
        and row["confidence"] in ("firm", "likely")
    )  # fmt: skip


def roll_up(
    missions: Sequence[Row], rows: Sequence[Row]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(sub-missions and goals, missions). `rows`: one for each indicator and target, with
    mission_id, fit, role, place, counts, strength, target_year, status, reason, ratio, g,
    confidence, is_dated, awaiting."""
    below: dict[str, dict[str, Any]] = {}
    for m in missions:
        if m["level"] == "mission":
            continue
        name = m["mission_id"]
        mine = [r for r in rows if r["mission_id"] == name]
        found = own(name, rows)
        goals = [
            (order(g["row"]), k["mission_id"], g) for k in missions
            if k["parent_id"] == name and k["level"] == "interim_goal"
            and (g := own(k["mission_id"], rows))["row"]
        ]  # fmt: skip
        for place, goal, g in sorted(goals, key=lambda x: x[:2]):
            if found["row"] is None or place < order(found["row"]):
                found = {**g, "basis": "interim_goal", "goal": goal}
        found["law_failing"] = sorted(
            r["target_id"] for r in mine if r["strength"] == "law"
            and (r["status"] in FAILING or (r["awaiting"] and r["status"] != "achieved"))
        )  # fmt: skip
        found["exploratory_failing"] = sorted(
            r["target_id"] for r in mine
            if r["strength"] == "exploratory" and r["status"] in FAILING
        )  # fmt: skip
        found["n_indicators"] = len({r["indicator_id"] for r in mine})
        found["n_assessed"] = len(
            {r["indicator_id"] for r in mine if r["counts"] and r["status"] != NONE}
        )
        found["is_solid"] = solid(found["row"])
        below[name] = found
    tops: dict[str, dict[str, Any]] = {}
    for m in missions:
        if m["level"] != "mission":
            continue
        name = m["mission_id"]
        subs = [
            k["mission_id"] for k in missions
            if k["parent_id"] == name and k["level"] == "sub_mission"
        ]  # fmt: skip
        assessed = [s for s in subs if below[s]["status"] != NONE]
        by_name = {s: below[s]["status"] for s in assessed} | {
            f"{r['indicator_id']} · {r['target_id']}": r["status"] for r in headlines(name, rows)
        }
        tops[name] = {
            **own(name, rows),
            "n_sub_missions": len(subs),
            "n_assessed": len(assessed),
            "counts": {w: sum(below[s]["status"] == w for s in subs) for w in [*RANK, NONE]},
            "n_on_course": sum(below[s]["status"] in ON_COURSE for s in subs),
            "n_gaining": sum(below[s]["status"] in GAINING for s in subs),
            "n_failing": sum(below[s]["status"] in FAILING for s in subs),
            "n_unclear": sum(below[s]["status"] in UNCLEAR for s in subs),
            "n_unassessed": len(subs) - len(assessed),
            "n_solid": sum(solid(below[s]["row"]) for s in assessed),
            "worst_sub": min(assessed, key=lambda s: order(below[s]["row"]), default=None),
            "failing": {k for k, status in by_name.items() if status in FAILING},
            "unclear": {k for k, status in by_name.items() if status in UNCLEAR},
        }
    return below, tops
