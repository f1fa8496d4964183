"""Method 2.0 worked out again from a published set, straight from METHOD.md: status and measures
(naive_confidence.py: §7, naive_roll_up.py: §8).

Plain Python that shares no code with the project and calls nothing of it: where the two differ,
one of them has read the method wrongly. Not fast; second opinions, projection and track record are
not in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise, permutations
from statistics import linear_regression, mean, median
from typing import Any

import numpy as np
from scipy import stats

Row = Mapping[str, Any]
Series = Sequence[tuple[int, float, frozenset[str]]]  # year, value, flags
Values = Mapping[int, float]  # year: value, carried-forward years left out

NONE = "not_assessable"
RANK = {
    "missed": 1,
    "wrong_direction": 2, "worsening": 2,
    "insufficient": 3, "slightly_worsening": 3,
    "progress_too_slow": 4,
    "stable": 5, "no_clear_trend": 5,
    "slightly_improving": 6, "catching_up": 6,
    "on_track": 7, "improving": 7,
    "achieved": 8,
}  # fmt: skip
FAILING = {name for name, rank in RANK.items() if rank <= 4}
UNCLEAR = {"stable", "no_clear_trend"}
GAINING = {"catching_up", "slightly_improving"}
ON_COURSE = {"achieved", "on_track", "improving"}


# ---- §3: windows, the trend, the path ----------------------------------------------------------


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


def inside(values: Values, first: int, breaks: Iterable[int]) -> list[tuple[int, float]]:
    """Observations since `first` and since the last break; empty where fewer than four or where
    the earliest is less than three years before the last."""
    t = max(values)
    first = max([first, *(b for b in breaks if b <= t)])
    found = sorted((year, value) for year, value in values.items() if year >= first)
    return found if len(found) >= 4 and t - found[0][0] >= 3 else []


def kendall_p(values: Sequence[float]) -> float:
    """Two-sided p of Kendall's S between order and value; a tie counts for nothing."""
    n = len(values)
    if len(set(values)) == 1:
        return 1.0
    if n > 8:
        return float(stats.kendalltau(range(n), values).pvalue)

    def score(v: Any) -> Any:
        return sum(np.sign(v[j] - v[i]) for i in range(n) for j in range(i + 1, n))

    seen = abs(score(np.array(values)))
    return float(np.mean(np.abs(score(np.array(list(permutations(values))).T)) >= seen))


def persistence(years: Sequence[int], values: Sequence[float], slope: float) -> float:
    """Lag-1 autocorrelation of the residuals, not below 0; 0 with fewer than six."""
    e = [v - slope * y for y, v in zip(years, values, strict=True)]
    e = [x - mean(e) for x in e]
    squares = sum(x * x for x in e)
    if len(e) < 6 or squares < 1e-24 * sum(v * v for v in values):
        return 0.0
    return max(0.0, sum(a * b for a, b in pairwise(e)) / squares)


def trend(item: Row, values: Values, breaks: Iterable[int], years: int = 10) -> dict[str, Any]:
    """g (% a year, positive = better), p, n and what stands behind; empty without the
    observations, `g` None without a slope."""
    d = {"up": 1.0, "down": -1.0}[item["direction"]]
    seen = inside(values, max(values) - years, breaks)
    if not seen:
        return {}
    at, v = [y for y, _ in seen], [x for _, x in seen]
    log, middle = min(v) > 0, median(v)
    found: dict[str, Any] = {"seen": seen, "log": log, "median": middle, "g": None, "p": None}
    if not log and not (item["may_be_zero"] and middle > 0):
        return found
    scale = [math.log(x) for x in v] if log else v
    slope = float(stats.theilslopes(scale, at)[0])
    g = 100 * d * (math.exp(slope) - 1 if log else slope / middle)
    p, r = kendall_p(v), persistence(at, scale, slope)
    if r > 0:
        p = float(2 * stats.norm.sf(stats.norm.isf(p / 2) * math.sqrt((1 - r) / (1 + r))))
    # The last observation against the one at or next before t - 3.
    year, before = max(o for o in seen if o[0] <= at[-1] - 3)
    span = at[-1] - year
    if log:
        lately = 100 * d * ((v[-1] / before) ** (1 / span) - 1)
    else:
        lately = 100 * d * (v[-1] - before) / span / middle
    return {
        **found, "g": g, "p": p, "slope": slope, "r": r,
        "turning": lately * g < 0 and abs(lately) >= 0.5,
    }  # fmt: skip


def clear(found: Row) -> bool:
    return bool(
        found and found["g"] is not None and found["p"] < 0.10
        and len(found["seen"]) >= 5 and abs(found["g"]) >= 0.05
    )  # fmt: skip


def growth_class(g: float, certain: bool) -> str:
    """`certain`: p below .10, five observations, confirmed."""
    if abs(g) < 0.05:
        return "stable"
    if not certain:
        return "no_clear_trend"
    if g > 0:
        return "improving" if g >= 1 else "slightly_improving"
    return "slightly_worsening" if g >= -1 else "worsening"


def by_trend(item: Row, values: Values, breaks: Iterable[int], found: Row) -> str:
    """The class of a trend: it must be clear, and confirmed over eight or twelve years."""
    checks = [trend(item, values, breaks, years) for years in (8, 12)]
    confirmed = not any(checks) or any(clear(c) and c["g"] * found["g"] > 0 for c in checks)
    return growth_class(found["g"], clear(found) and confirmed)


def ratio_class(ratio: float, position: str | None = None) -> str:
    if ratio < 0:
        return "wrong_direction"
    if ratio < 0.6:
        return "insufficient"
    if ratio < 0.95:
        return "progress_too_slow"
    return "catching_up" if position == "behind" else "on_track"


def baseline(asked: Row, values: Values) -> float | None:
    return values.get(asked["base_year"], asked["documented_baseline"])


def target_of(asked: Row, values: Values) -> float | None:
    y0 = baseline(asked, values)
    if asked["kind"] == "level":
        return float(asked["number"])
    if asked["kind"] not in ("change", "gain") or y0 is None:
        return None
    return float(y0 * (1 + asked["number"]) if asked["kind"] == "change" else y0 + asked["number"])


def reading(item: Row, asked: Row, values: Values) -> Row:
    """A derived target at or beyond the unit's natural limit is read as a direction."""
    target, up = target_of(asked, values), item["direction"] == "up"
    limit = item["bound_high"] if up else item["bound_low"]
    derived = asked["kind"] in ("change", "gain") and target is not None
    if derived and limit is not None and (target >= limit if up else target <= limit):
        return {**asked, "kind": "direction", "base_year": None}
    return asked


def path_at(year: int, case: Row, target: float) -> float | None:
    """The required value of a year; after the target year the target stays."""
    asked, values = case["asked"], case["values"]
    y0, base, end = baseline(asked, values), asked["base_year"], asked["target_year"]
    if y0 is None or base is None or year < base:
        return None
    points = [(base, y0), (end, target)]
    for other in case["others"]:
        value = target_of(other, values)
        if value is None or other["strength"] != "commitment":
            continue
        if base < other["target_year"] < end:
            points.append((other["target_year"], value))
    points.sort()
    bent = asked["path"] == "geometric" and all(v > 0 for _, v in points)
    log, exp = (math.log, math.exp) if bent else (float, float)
    for (a, va), (b, vb) in pairwise(points):
        if year == b:
            return vb
        if a <= year < b:
            return exp(log(va) + (log(vb) - log(va)) * (year - a) / (b - a))
    return target


def pace(start: float, end: float, years: int, basis: str) -> float:
    if basis == "cagr":
        return float((end / start) ** (1 / years) - 1)
    return (end - start) / years


# ---- §4: status --------------------------------------------------------------------------------


def assess(
    case: Row,
    *,
    longer: int = 0,
    basis: str | None = None,
    regression: bool = False,
    trend_years: int = 10,
) -> dict[str, Any]:
    """Status and the measures behind it. `case`: item, asked, others (all targets of the
    indicator), milestone, values, breaks, today. What follows the star are the variants of §7."""
    item, asked, values, breaks = case["item"], case["asked"], case["values"], case["breaks"]
    kind, base, end = asked["kind"], asked["base_year"], asked["target_year"]
    out: dict[str, Any] = {"status": NONE, "reason": None, "ratio": None}
    if item["fit"] == "context" or item["direction"] is None:
        return out | {"reason": "context_only"}
    if kind == "milestone" and case["milestone"] in ("met", "overdue"):
        return out | {"status": {"met": "achieved", "overdue": "missed"}[case["milestone"]]}
    if not values:
        return out | {"reason": "no_data"}
    if kind == "milestone":
        return out | {"reason": "milestone_open"}
    d, t = {"up": 1.0, "down": -1.0}[item["direction"]], max(values)
    y, y0, target = values[t], baseline(asked, values), target_of(asked, values)
    tied = kind in ("change", "gain") and base is not None

    def there(value: float) -> bool:
        assert target is not None
        return d * (value - target) >= -1e-9 * max(1, abs(target))

    # The short window, the trend and the place against the path.
    span = min(5 * item["cadence"], 10) + longer
    since = max(t - span, base) if tied else t - span
    short = inside(values, since, breaks)
    moves = trend(item, values, breaks, trend_years)
    out |= {"t": t, "y": y, "target": target, "short": short, "trend": moves}
    if basis is None and short and target is not None:
        basis = "cagr" if min(short[0][1], y, target) > 0 else "linear"
    out["basis"] = basis
    if target is not None and not any(base is None or base < b <= t for b in breaks):
        way = path_at(t, case, target)
        if way is not None and y0 is not None:
            out["gap"], out["due"] = d * (way - y), abs(way - y0)
    position = None
    if "gap" in out and t != base:
        near = out["gap"] <= 0.10 * out["due"]
        position = "ahead" if out["gap"] <= 0 else "near" if near else "behind"
    if case["today"].year - t > max(6, 3 * item["cadence"]):
        return out | {"reason": "stale"}
    if tied and base > t:
        return out | {"reason": "baseline_missing"}
    if target is not None:
        reached = there(values[min(x for x in values if x >= end)] if t >= end else y)
        if reached or t >= end:
            return out | {"status": "achieved" if reached else "missed", "position": position}
    direction = kind == "direction"
    if not (moves if direction else short):
        whole = inside(values, t - trend_years if direction else since, [])
        return out | {"reason": "series_break" if whole else "too_few_points"}
    if direction:
        if moves["g"] is None:
            return out | {"reason": "not_computable"}
        return out | {"status": by_trend(item, values, breaks, moves)}
    if target is None:
        return out | {"reason": "baseline_missing"}
    out["position"] = position
    (s, ys), now = short[0], y
    assert basis is not None
    if regression:
        v = [math.log(x) if basis == "cagr" else x for _, x in short]
        slope, ys = linear_regression([x - s for x, _ in short], v)
        now = ys + slope * (t - s)
        if basis == "cagr":
            ys, now = math.exp(ys), math.exp(now)
    out["pace"] = pace(ys, now, t - s, basis)
    if there(ys):
        # At the row's own values this is always so: the start is past the target, y is not.
        return out | {"status": "wrong_direction" if d * (now - ys) < 0 else NONE}
    out["required_from_start"] = pace(ys, target, end - s, basis)
    out["ratio"] = out["pace"] / out["required_from_start"]
    return out | {"status": ratio_class(out["ratio"], position)}


# ---- §3: what stands beside a status -----------------------------------------------------------


def measures(case: Row, main: Row) -> dict[str, Any]:
    """Shares, paces, ratios and warnings of a row, by the names of the mart."""
    item, asked, values, breaks = case["item"], case["asked"], case["values"], case["breaks"]
    names = ("share_achieved", "share_of_time", "gap_to_path", "gap_to_path_pct", "pace_recent",
             "pace_long", "pace_required", "pace_basis", "acceleration_factor", "year_reached",
             "ratio_short", "ratio_long", "windows_disagree", "assessable_from")  # fmt: skip
    out: dict[str, Any] = dict.fromkeys(names)
    t, cadence, end = max(values), item["cadence"], asked["target_year"]
    y, base, target = values[t], asked["base_year"], target_of(asked, values)
    y0, judged = baseline(asked, values), item["direction"] and item["fit"] != "context"
    out |= {
        "latest_year": t, "latest_value": y, "target_year": end, "target_value": target,
        "is_dated": case["today"].year - t > max(3, 2 * cadence),
        "lapses_on": date(t + max(6, 3 * cadence) + 1, 1, 1) if judged else None,
        "awaiting_target_year": end is not None and case["today"].year > end > t,
        "flat_tail": len(values) > 2 and len({values[x] for x in sorted(values)[-3:]}) == 1,
    }  # fmt: skip
    if asked["kind"] == "milestone":
        return out | {"awaiting_target_year": False}
    d = {"up": 1.0, "down": -1.0, None: None}[item["direction"]]
    if base is not None and base <= t:
        out["share_of_time"] = (t - base) / (end - base)
    if target is not None and base is not None and base <= t:
        broken = any(base < b <= t for b in breaks)
        if y0 is not None and not broken:
            out["share_achieved"] = (y - y0) / (target - y0) if target != y0 else None
            way = path_at(t, case, target)
            if way is not None and d is not None:
                out["gap_to_path"] = d * (way - y)
                if target != y0:
                    out["gap_to_path_pct"] = 100 * d * (way - y) / abs(target - y0)
    tied = asked["kind"] in ("change", "gain") and base is not None

    def moved(years: int, row: str | None = None) -> tuple[int, float, str] | None:
        """(start, pace, basis) over a window; `row`: the basis that the row has already."""
        seen = inside(values, max(t - years, base) if tied else t - years, breaks)
        if not seen:
            return None
        s, ys = seen[0]
        positive = ys > 0 and y > 0 and (target is None or target > 0)
        if row == "cagr" and not positive:
            return None
        basis = row or ("cagr" if positive else "linear")
        return s, pace(ys, y, t - s, basis), basis

    def against(found: tuple[int, float, str] | None) -> float | None:
        """The pace against that required from the window's start."""
        if found is None or target is None or d is None or found[0] >= end:
            return None
        s, speed, basis = found
        if d * (values[s] - target) >= -1e-9 * max(1, abs(target)):
            return None
        return speed / pace(values[s], target, end - s, basis)

    short = moved(min(5 * cadence, 10))
    long = moved(15, short[2]) if short else moved(15)
    if long:
        out["pace_long"] = long[1]
    if short:
        _, speed, basis = short
        out |= {"pace_recent": speed, "pace_basis": basis, "ratio_short": against(short)}
        reached = target is None or d is None or d * (y - target) >= 0
        if not reached and speed * (target - y) > 0:
            if basis == "cagr":
                out["year_reached"] = t + math.log(target / y) / math.log(1 + speed)
            else:
                out["year_reached"] = t + (target - y) / speed
        if target is not None and t < end:
            needed = out["pace_required"] = pace(y, target, end - t, basis)
            if not reached and speed * needed > 0:
                out["acceleration_factor"] = needed / speed
    if long and (not short or long[0] != short[0]):
        out["ratio_long"] = against(long)
    if main["reason"] == "too_few_points" and tied:
        since = [year for year in values if year >= base]
        if inside(values, t - min(5 * cadence, 10), breaks) and since:
            left = t + (4 - len(since)) * cadence
            out["assessable_from"] = max(left, min(since) + 3)
    if main["status"] in ("achieved", "missed", NONE):
        return out
    if out["ratio_short"] is not None and out["ratio_long"] is not None:
        out["windows_disagree"] = ratio_class(out["ratio_short"]) != ratio_class(out["ratio_long"])
    return out


def differences(found: Row, wanted: Row) -> list[str]:
    """What a published row says otherwise: numbers to nine digits, lists as sets (none: empty)."""
    told = []
    for key, value in wanted.items():
        seen = found.get(key, "no such column")
        if isinstance(value, float) and isinstance(seen, float | int):
            same = math.isclose(seen, value, rel_tol=1e-9, abs_tol=1e-9)
        elif isinstance(value, list | set):
            same = seen != "no such column" and set(seen or ()) == set(value)
        else:
            same = seen == value
        if not same:
            told.append(f"{key}: {seen!r}, worked out {value!r}")
    return told
