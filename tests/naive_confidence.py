"""Fragility and confidence of METHOD §7, worked out again without shared code (see naive.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean, median, stdev
from typing import Any

from scipy import stats

from tests.naive import NONE, Row, assess, reading


def yearly_changes(
    seen: Sequence[tuple[int, float]], log: bool, cadence: int
) -> list[tuple[int, float]]:
    """(year, change a year) between consecutive observations, long gaps left out."""
    found = []
    for (a, va), (b, vb) in pairwise(seen):
        if b - a <= 2 * cadence and (not log or min(va, vb) > 0):
            found.append((b, ((math.log(vb / va)) if log else vb - va) / (b - a)))
    return found


def deciding(asked: Row, main: Row) -> tuple[list[tuple[int, float]], bool]:
    """The observations that decide a row, and whether on the log scale."""
    if asked["kind"] == "direction":
        return main["trend"]["seen"], main["trend"]["log"]
    return main["short"], main.get("basis") == "cagr"


def one_step(case: Row, main: Row) -> dict[int, float] | None:
    """The series with its largest step made ordinary and later values moved along."""
    values = case["values"]
    seen, log = deciding(case["asked"], main)
    if log and min(v for _, v in seen) <= 0:
        return None
    steps = yearly_changes(seen, log, case["item"]["cadence"])
    if len(steps) < 2:
        return None
    middle = median(c for _, c in steps)
    # Of equal ones the earliest.
    at, largest = max(steps, key=lambda x: float(f"{abs(x[1] - middle):.9g}"))
    usual = median(c for year, c in steps if year != at)
    move = (usual - largest) * (at - max(year for year, _ in seen if year < at))
    return {
        year: (v * math.exp(move) if log else v + move) if year >= at else v
        for year, v in values.items()
    }


def fragility(case: Row, main: Row) -> list[str] | None:
    """The words of the tests that give another status; None where there is no status."""
    asked, values = case["asked"], case["values"]
    if main["status"] == NONE or asked["kind"] == "milestone":
        return None

    def again(changed: Mapping[str, Any] | None = None, **how: Any) -> str:
        return str(assess({**case, **(changed or {})}, **how)["status"])

    t = main["t"]
    variants = [
        ("without_last_year", again({"values": {y: v for y, v in values.items() if y != t}}))
    ]
    moved = None
    if asked["kind"] == "direction":
        variants += [(f"trend_{n}", again(trend_years=n)) for n in (8, 12)]
        moved = one_step(case, main)
    elif main["short"] and main["status"] not in ("achieved", "missed"):
        seen, basis = main["short"], main["basis"]
        if basis == "linear" or min(v for _, v in seen) > 0:
            variants.append(("regression", again(regression=True)))
        variants.append(("longer_window", again(longer=1)))
        turned = "linear" if basis == "cagr" else "cagr"
        if turned == "linear" or min(seen[0][1], main["y"], main["target"]) > 0:
            variants.append(("other_pace_basis", again(basis=turned)))
    if asked["kind"] != "direction":
        if main["short"]:
            moved = one_step(case, main)
        if asked["base_year_basis"] == "assumed":
            for base in (asked["base_year"] + n for n in (-2, -1, 1, 2)):
                if base in values:
                    other = reading(case["item"], {**asked, "base_year": base}, values)
                    variants.append(("base_year", again({"asked": other})))
    if moved:
        variants.append(("one_step", again({"values": moved})))
    words = {
        "too_short_to_test" if status == NONE else word
        for word, status in variants
        if status != main["status"]
    }
    return sorted(words)


def confidence(case: Row, main: Row) -> tuple[float | None, str | None]:
    """(status_probability, confidence)."""
    item, asked, values, breaks = case["item"], case["asked"], case["values"], case["breaks"]
    status = main["status"]
    if status in ("achieved", "missed"):
        return None, "firm"
    if status in (NONE, "no_clear_trend", "stable"):
        return None, None
    d = {"up": 1.0, "down": -1.0}[item["direction"]]
    seen, log = deciding(asked, main)
    since = max([min(values), *(b for b in breaks if b <= main["t"])])
    rest = sorted((y, v) for y, v in values.items() if y >= since)
    steps = [c for _, c in yearly_changes(rest, log, item["cadence"])][-10:]
    if len(steps) < 6:
        steps = [c for _, c in yearly_changes(seen, log, item["cadence"])]
    if len(steps) < 3:
        return None, None
    if asked["kind"] == "direction":
        middle = main["trend"]["slope"]
        g = {"improving": 1, "slightly_improving": 0.05, "slightly_worsening": -0.05,
             "worsening": -1}[status]  # fmt: skip
        bound = math.log(1 + d * g / 100) if log else d * g / 100 * main["trend"]["median"]
        better = g > 0
    else:
        middle = mean(c for _, c in yearly_changes(seen, log, item["cadence"]))
        part = {"on_track": 0.95, "catching_up": 0.95, "progress_too_slow": 0.95,
                "insufficient": 0.60, "wrong_direction": 0}[status]  # fmt: skip
        needed = part * main.get("required_from_start", 0.0)
        bound = math.log(1 + needed) if log else needed
        better = status in ("on_track", "catching_up")
    years = seen[-1][0] - seen[0][0]
    error = stdev(steps) / math.sqrt(years)
    if error == 0:
        at_least = float(d * (middle - bound) >= 0)
    else:
        at_least = float(stats.t.cdf(d * (middle - bound) / error, len(steps) - 1))
    p = at_least if better else 1 - at_least
    word = "firm" if p >= 0.9 else "likely" if p >= 0.6 else "uncertain"
    if word == "firm" and (len(steps) < 6 or item["modelled"]):
        word = "likely"
    return p, word
