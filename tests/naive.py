"""Statuses and roll-up worked out again from a published set, straight from METHOD.md.

Plain Python that shares no code with the project and calls nothing of it: where the two differ,
one of them has read the method wrongly. Not fast, not complete beyond statuses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

Row = Mapping[str, Any]
Series = Sequence[tuple[int, float, frozenset[str]]]  # year, value, flags

RANK = {
    "missed": 1,
    "wrong_direction": 2, "worsening": 2,
    "insufficient": 3, "slightly_worsening": 3,
    "stable": 4,
    "progress_too_slow": 5, "slightly_improving": 5,
    "on_track": 6, "improving": 6,
    "achieved": 7,
}  # fmt: skip
NONE = "not_assessable"


def without_unsettled(series: Series) -> list[tuple[int, float, frozenset[str]]]:
    """The series without flags p and e; a break on a year that goes passes to the next that
    stays."""
    left: list[tuple[int, float, frozenset[str]]] = []
    carry = False
    for year, value, flags in sorted(series):
        if "p" in flags or "e" in flags:
            carry = carry or "b" in flags
        else:
            left.append((year, value, flags | {"b"} if carry else flags))
            carry = False
    return left


def status(
    item: Row, asked: Row, milestone: str | None, series: Series, carried: set[int], today: date
) -> tuple[str, str | None, float | None]:
    """(status, reason, ratio_short or growth in %) of one indicator and target."""
    kind, d = asked["kind"], {"up": 1.0, "down": -1.0}.get(item["direction"] or "")
    if item["fit"] == "context" or d is None:
        return NONE, "context_only", None
    if kind == "milestone" and milestone in ("met", "overdue"):
        return {"met": "achieved", "overdue": "missed"}[milestone], None, None
    breaks = {y for y, _, flags in series if "b" in flags} | set(item["breaks"] or [])
    values = {y: v for y, v, _ in series if y not in carried}
    if not values:
        return NONE, "no_data", None
    if kind == "milestone":
        return NONE, "milestone_open", None
    t = max(values)
    if today.year - t > max(6, 3 * item["cadence"]):
        return NONE, "stale", None

    base, target, end = asked["base_year"], None, asked["target_year"]
    y0 = values.get(base, asked["documented_baseline"])
    if kind == "level":
        target = asked["number"]
    elif kind in ("change", "gain") and y0 is not None:
        target = y0 * (1 + asked["number"]) if kind == "change" else y0 + asked["number"]
    if kind in ("change", "gain") and base is not None and base > t:
        return NONE, "baseline_missing", None

    def there(value: float) -> bool:
        assert target is not None and d is not None
        return d * (value - target) >= -1e-9 * max(1, abs(target))

    if target is not None:
        if t >= end:
            decides = values[min(y for y in values if y >= end)]
            return ("achieved" if there(decides) else "missed"), None, None
        if there(values[t]):
            return "achieved", None, None

    def window(cuts: set[int]) -> int | None:
        first = max([t - 5, *(b for b in cuts if b <= t)])
        if kind in ("change", "gain") and base is not None:
            first = max(first, base)
        inside = [y for y in values if y >= first]
        return min(inside) if len(inside) >= 4 and t - min(inside) >= 3 else None

    s = window(breaks)
    if s is None:
        return NONE, "too_few_points" if window(set()) is None else "series_break", None
    y, ys, years = values[t], values[s], t - s
    if kind == "direction":
        if ys > 0 and y > 0:
            g = 100 * d * ((y / ys) ** (1 / years) - 1)
        elif item["may_be_zero"] and ys > 0:
            g = 100 * d * ((y - ys) / years) / ys
        else:
            return NONE, "not_computable", None
        return growth_class(g), None, g
    if target is None:
        return NONE, "baseline_missing", None
    if there(ys):
        return "wrong_direction", None, None
    if ys > 0 and y > 0 and target > 0:
        ratio = ((y / ys) ** (1 / years) - 1) / ((target / ys) ** (1 / (end - s)) - 1)
    else:
        ratio = ((y - ys) / years) / ((target - ys) / (end - s))
    return ratio_class(ratio), None, ratio


def ratio_class(ratio: float) -> str:
    if ratio < 0:
        return "wrong_direction"
    if ratio < 0.6:
        return "insufficient"
    return "on_track" if ratio >= 0.95 else "progress_too_slow"


def growth_class(g: float) -> str:
    if g < -1:
        return "worsening"
    if g <= -0.05:
        return "slightly_worsening"
    if g < 0.05:
        return "stable"
    return "improving" if g >= 1 else "slightly_improving"


# ---- METHOD §8 --------------------------------------------------------------------------------


def order(row: Row) -> tuple[Any, ...]:
    """Worst first. `tie`: ratio_short or g/100."""
    tie = row["tie"]
    return (
        RANK[row["status"]],
        math.inf if tie is None else tie,
        tie is None,
        row["indicator_id"],
        row["target_id"],
    )


def own(mission: str, rows: Sequence[Row]) -> dict[str, Any]:
    """A mission, sub-mission or goal by its own indicators."""
    mine = [r for r in rows if r["mission_id"] == mission]
    heads = [r for r in mine if r["role"] == "headline" and r["counts"] and r["fit"] != "context"]
    for fit in ("direct", "proxy"):
        assessed = sorted(
            (r for r in heads if r["fit"] == fit and r["status"] != NONE), key=order
        )  # fmt: skip
        if assessed:
            worst = assessed[0]
            return {
                "status": worst["status"], "reason": None, "basis": f"{fit}_headline",
                "worst": (worst["indicator_id"], worst["target_id"]), "row": worst,
                "indication": None,
            }  # fmt: skip
    first = sorted(
        heads,
        key=lambda r: (
            r["fit"] != "direct",
            r["position"],
            -math.inf if r["target_year"] is None else r["target_year"],
            r["target_id"],
        ),
    )
    support = sorted(
        (r for r in mine if r["role"] == "supporting" and r["counts"] and r["status"] != NONE),
        key=order,
    )
    return {
        "status": NONE, "reason": first[0]["reason"] if first else "no_indicator", "basis": None,
        "worst": None, "row": None, "indication": support[0]["status"] if support else None,
    }  # fmt: skip


def roll_up(
    missions: Sequence[Row], rows: Sequence[Row]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(sub-missions and goals, missions). `rows`: one for each indicator and target, with
    mission_id, fit, role, position, counts, strength, target_year, status, reason, tie."""
    below: dict[str, dict[str, Any]] = {}
    for m in missions:
        if m["level"] == "mission":
            continue
        name = m["mission_id"]
        found = own(name, rows)
        if m["level"] == "sub_mission":
            goals = [
                (order(g["row"]), k["mission_id"], g)
                for k in missions
                if k["parent_id"] == name and k["level"] == "interim_goal"
                and (g := own(k["mission_id"], rows))["status"] != NONE
            ]  # fmt: skip
            for place, goal, g in sorted(goals, key=lambda x: x[:2]):
                if found["row"] is None or place < order(found["row"]):
                    found = {**g, "basis": "interim_goal", "goal": goal}
        found["law_failing"] = sorted(
            r["target_id"] for r in rows
            if r["mission_id"] == name and r["strength"] == "law" and RANK.get(r["status"], 9) <= 5
        )  # fmt: skip
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
        heads = [
            r for r in rows
            if r["mission_id"] == name and r["role"] == "headline" and r["counts"]
            and r["fit"] != "context"
        ]  # fmt: skip
        tops[name] = {
            **own(name, rows),
            "n_sub_missions": len(subs),
            "n_assessed": len(assessed),
            "counts": {w: sum(below[s]["status"] == w for s in subs) for w in [*RANK, NONE]},
            "worst_sub": min(assessed, key=lambda s: order(below[s]["row"]), default=None),
            "failing": {s for s in assessed if RANK[below[s]["status"]] <= 5}
            | {
                f"{r['indicator_id']} · {r['target_id']}"
                for r in heads
                if RANK.get(r["status"], 9) <= 5
            },
        }
    return below, tops
