"""What other offices' published methods say of the same series: METHOD.md §5.

Pure functions, each after its publisher's own text, with that text's own words. Our measures
and status are in assess.py; here is the only place where 0.001 stands in for a 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

# The base year of the UN and of StatCan / Open SDG; the first later one with a value where it
# has none. It is theirs, not the target's: a second opinion is the method as it is published.
BASE_YEAR: Final = 2015
TARGET_YEAR: Final = 2030  # Open SDG: what a target without a year means
METHODS: Final = ("statcan", "destatis", "un_progress_chart")

_ZERO: Final = 0.001  # Open SDG's stand-in for a base or target of 0
_NEAR: Final = 4.44  # Open SDG: how fast the thresholds shrink towards a natural limit
_POINTS: Final = 6  # Destatis: the last six points, so five changes
_LEAST: Final = 4  # Destatis: the fewest points that still give a symbol
_ROUNDING: Final = 1e-9
_SIGN: Final[Mapping[str | float, int]] = MappingProxyType({"up": 1, "down": -1, 1: 1, -1: -1})

# What each word answers. With a target: is it on course to meet it? Without one: does it move
# the right way? Destatis itself calls sun and light cloud "on track" and the others "off track".
_BETTER: Final[Mapping[tuple[str, bool], frozenset[str]]] = MappingProxyType(
    {
        ("statcan", True): frozenset({"target_achieved", "substantial_progress"}),
        ("statcan", False): frozenset(
            {"substantial_progress", "moderate_progress", "limited_progress"}
        ),
        ("destatis", True): frozenset({"sun", "light_cloud"}),
        ("un_progress_chart", True): frozenset({"on_track"}),
        ("un_progress_chart", False): frozenset({"on_track", "fair"}),
    }
)


@dataclass(frozen=True)
class Opinion:
    """What one method says. `value` is the method's own measure, a fraction (see each function).

    `score` is on the method's own scale; `at_target` is the value that the method expects in the
    target year, in the unit of the series; `reason` says why a status is `not_available`; `note`
    is `zero_replaced` where a stand-in for 0 decides on the pace.
    """

    status: str
    value: float | None = None
    score: float | None = None
    reason: str | None = None
    note: str | None = None
    at_target: float | None = None
    method: str = ""
    base_year: int | None = None
    base_value: float | None = None
    current_year: int | None = None
    current_value: float | None = None


def statcan(
    *,
    base_year: float | None,
    base_value: float | None,
    current_year: float | None,
    current_value: float | None,
    direction: str | float,
    target_year: float | None = None,
    target: float | None = None,
    limit: float | None = None,
) -> Opinion:
    """Statistics Canada's measure, which Open SDG took over (its progress methodology).

    Observed against required compound growth from the base year where there is a target, else
    observed growth a year against .5 % and 1.5 %, smaller near a natural `limit` of the unit.
    `value` is that ratio or growth (a fraction); `score` runs from -5 to 5. A base or target of
    0 counts as 0.001. A target that is reached is `target_achieved` whatever the growth was,
    also where no growth can be computed. None and NaN both mean: not given. ValueError: a
    direction other than up, down, 1, -1.
    """
    d = _sign(direction)
    base, current, goal, limit = map(_given, (base_value, current_value, target, limit))
    begin, now, end = map(_given, (base_year, current_year, target_year))
    note = "zero_replaced" if 0 in (base, goal) else None
    if current is None or now is None:
        return _nothing("no_data")
    if goal is not None:
        end = TARGET_YEAR if end is None else end
        goal = _ZERO if goal == 0 else goal
    value, reason = _statcan_value(d, begin, base, now, current, end, goal)
    if goal is not None and d * (current - goal) >= 0:
        return Opinion("target_achieved", value, 5.0, note=note)
    if value is None:
        return _nothing(reason or "not_computable")
    if goal is not None:
        cuts, score = (0.95, 0.60), _score_with_target(value)
    else:
        assert base is not None
        scale = _closeness(base, limit)
        cuts, score = (0.015 * scale, 0.005 * scale), _score_without_target(value, scale)
    if value < 0:
        status = "deterioration"
    elif value >= cuts[0]:
        status = "substantial_progress"
    else:
        status = "moderate_progress" if value >= cuts[1] else "limited_progress"
    return Opinion(status, value, score, note=note)


def _statcan_value(
    d: int,
    begin: float | None,
    base: float | None,
    now: float,
    current: float,
    end: float | None,
    goal: float | None,
) -> tuple[float | None, str | None]:
    """(value, None), or (None, why there is none)."""
    if begin is None or base is None:
        return None, "no_base_value"
    if now - begin < 1:
        return None, "less_than_a_year"
    s = -1 if base < 0 else 1
    base = _ZERO if base == 0 else base
    observed = _cagr(base, current, now - begin)
    if observed is None:
        return None, "sign_change"
    if goal is None or end is None:
        return s * d * observed, None
    if end <= begin:
        return None, "target_year_not_after_base_year"
    required = _cagr(base, goal, end - begin)
    if required is None:
        return None, "sign_change"
    if required == 0:
        return None, "target_equals_base_value"
    ratio = s * d * observed / abs(required)
    return (ratio, None) if math.isfinite(ratio) else (None, "not_computable")


def _score_with_target(r: float) -> float:
    return min(7.1429 * r - 4.2857, 5.0) if r >= 0.6 else max(4.1667 * r - 2.5, -5.0)


def _score_without_target(p: float, scale: float) -> float:
    if p < 0:
        return max(125 * p - 2.5, -5.0)
    if scale == 0:  # the base stands at the limit and was kept
        return 5.0
    if p >= 0.015 * scale:
        return min(500 * p / scale - 5, 5.0)
    return 250 * p / scale - 1.25 if p >= 0.005 * scale else 500 * p / scale - 2.5


def _closeness(base: float, limit: float | None) -> float:
    """C, from 0 (the base stands at the limit) to 1 (far from it, or no limit)."""
    if limit is None:
        return 1.0
    b, top = abs(base), abs(limit)
    if b >= 2 * top:  # first, so that a limit of 0 divides nothing
        return 1.0
    near = b / top if b <= top else (2 * top - b) / top
    return float(1 - near**_NEAR)


def statcan_roll_up(opinions: Iterable[Opinion]) -> Opinion:
    """StatCan's status of several series together: the mean of the scores that there are.

    `target_achieved` only if every available series achieved its own.
    """
    available = [o for o in opinions if o.score is not None]
    if not available:
        return _nothing("no_score")
    score = math.fsum(o.score for o in available if o.score is not None) / len(available)
    if all(o.status == "target_achieved" for o in available):
        status = "target_achieved"
    elif score >= 2.5:
        status = "substantial_progress"
    elif score >= 0:
        status = "moderate_progress"
    else:
        status = "limited_progress" if score >= -2.5 else "deterioration"
    return Opinion(status, score=score)


def destatis(
    *,
    series: Mapping[int, float],
    year: int,
    target_year: int | None,
    target: float | None,
    direction: str | float,
) -> Opinion:
    """The weather symbol of the German sustainability strategy (Destatis, status of indicators).

    The mean of the last five yearly changes up to `year` is carried on in a straight line to
    the target year; `value` is what is then missing ÷ what is missing now (0 = reached,
    negative = passed). < 5 % `sun`, up to 20 % `light_cloud`, more `cloud`; `storm` where the
    distance stays or grows. A target that is reached is `sun`, or `light_cloud` while moving
    away from it. Takes the last six points (at least four), annualised by their true years.
    """
    d = _sign(direction)
    known = sorted(y for y, v in series.items() if y <= year and math.isfinite(v))[-_POINTS:]
    goal, end = _given(target), _given(target_year)
    if goal is None or end is None:
        return _nothing("no_target")
    if len(known) < _LEAST:
        return _nothing("too_few_points")
    first, last = known[0], known[-1]
    current = float(series[last])
    change = (current - series[first]) / (last - first)
    expected = current + change * (end - last)
    if not math.isfinite(expected):
        return _nothing("not_computable")
    missing = d * (goal - current)
    if missing <= 0:
        status = "light_cloud" if d * change < 0 else "sun"
        return Opinion(status, at_target=expected if end >= last else None)
    if end < last:
        return _nothing("target_year_passed")
    value = d * (goal - expected) / missing
    if d * change <= 0:
        status = "storm"
    elif value < 0.05 - _ROUNDING:
        status = "sun"
    else:
        status = "light_cloud" if value <= 0.20 + _ROUNDING else "cloud"
    return Opinion(status, value, at_target=expected)


def un_progress_chart(
    *,
    base_year: float | None,
    base_value: float | None,
    current_year: float | None,
    current_value: float | None,
    direction: str | float,
    target_year: float | None = None,
    target: float | None = None,
) -> Opinion:
    """The UN's SDG progress chart (its technical note of 2023).

    The growth since the base year is carried on to the target year; `value` is the share of the
    way from base to target that is done by then: ≥ .95 `on_track`, ≥ .10 `fair`, else
    `stagnation_or_regression`. A target that is reached is `on_track`. Without a target `value`
    is the growth a year in the wanted direction: ≥ 2 % `on_track`, ≥ .5 % `fair`. `score` is the
    note's 3, 2 or 1. Growth needs a base that is not 0 and no change of sign; below 0 the note
    has no rule without a target.
    """
    d = _sign(direction)
    base, current, goal = map(_given, (base_value, current_value, target))
    begin, now, end = map(_given, (base_year, current_year, target_year))
    if current is None or now is None:
        return _nothing("no_data")
    if goal is not None and d * (current - goal) >= 0:
        return Opinion("on_track", score=3.0)
    if begin is None or base is None:
        return _nothing("no_base_value")
    if now - begin < 1:
        return _nothing("less_than_a_year")
    growth = _cagr(base, current, now - begin) if base != 0 else None
    if growth is None:
        return _nothing("base_value_is_zero" if base == 0 else "sign_change")
    if goal is None:
        if base < 0:
            return _nothing("negative_base_value")
        return _un(d * growth, 0.02, 0.005, None)
    if end is None or end < now:
        return _nothing("no_target_year" if end is None else "target_year_passed")
    if d * (base - goal) >= 0:
        # The base had met the target and the latest value has not: there was no way to go, and
        # the share of it would read a fall as progress.
        return Opinion("stagnation_or_regression", score=1.0)
    try:
        expected = current * (1 + growth) ** (end - now)
        share = (expected - base) / (goal - base)
    except OverflowError:
        return _nothing("not_computable")
    return _un(share, 0.95, 0.10, expected)


def _un(value: float, high: float, low: float, expected: float | None) -> Opinion:
    if not math.isfinite(value):
        return _nothing("not_computable")
    if value >= high - _ROUNDING:
        return Opinion("on_track", value, 3.0, at_target=expected)
    if value >= low - _ROUNDING:
        return Opinion("fair", value, 2.0, at_target=expected)
    return Opinion("stagnation_or_regression", value, 1.0, at_target=expected)


def second_opinions(
    *,
    series: Mapping[int, float],
    direction: str | None,
    kind: str,
    fit: str,
    target_year: int | None = None,
    target: float | None = None,
    limit: float | None = None,
) -> list[Opinion]:
    """Every method's opinion of one indicator × target, in the order of METHODS.

    `series`: the values since the last break, in the unit of `target` and `limit` (the unit's
    bound in the wanted direction). Where our method judges nothing (context, a milestone, a
    number that cannot be given) the others are not asked.
    """
    reason = None
    if direction is None or fit == "context":
        reason = "context_only"
    elif kind == "milestone":
        reason = "milestone"
    elif kind != "direction" and target is None:
        reason = "baseline_missing"
    elif not series:
        reason = "no_data"
    if reason is not None or direction is None:
        return [replace(_nothing(reason or "context_only"), method=m) for m in METHODS]
    now, points = max(series), sorted(series)[-_POINTS:]
    # "2015, else the first year after it"; a series that ended before has no base.
    begin = min((y for y in series if y >= BASE_YEAR), default=None)
    base = None if begin is None else series[begin]
    goal, end = (None, None) if kind == "direction" else (target, target_year)
    asked: Any = {"direction": direction, "target_year": end, "target": goal}
    values: Any = {"base_value": base, "current_value": series[now]}
    found = {
        "statcan": statcan(base_year=begin, current_year=now, limit=limit, **values, **asked),
        "destatis": destatis(series=series, year=now, **asked),
        "un_progress_chart": un_progress_chart(
            base_year=begin, current_year=now, **values, **asked
        ),
    }
    return [
        replace(
            opinion,
            method=method,
            base_year=points[0] if method == "destatis" else begin,
            base_value=series[points[0]] if method == "destatis" else base,
            current_year=now,
            current_value=series[now],
        )
        for method, opinion in found.items()
    ]


def verdict(method: str, status: str, has_target: bool) -> str | None:
    """`better` or `worse`: what a method's word answers to the one question all can be asked.

    With a target: is it on course to meet it (or has it)? Without: does it move the right way?
    None where the word is no opinion. `method` is one of METHODS; our own answer is ON_COURSE in
    method.py.
    """
    if status == "not_available":
        return None
    return "better" if status in _BETTER[method, has_target] else "worse"


def _sign(direction: str | float) -> int:
    try:
        return _SIGN[direction]
    except KeyError:
        raise ValueError(f"direction: {direction!r} is unknown; use up or down") from None


def _given(number: float | None) -> float | None:
    """The number; None for None, NaN and infinity."""
    return float(number) if number is not None and math.isfinite(number) else None


def _nothing(reason: str) -> Opinion:
    return Opinion("not_available", reason=reason)


def _cagr(start: float, end: float, years: float) -> float | None:
    """Compound growth a year, None where the sign changes; `start` is not 0."""
    ratio = end / start
    if ratio < 0 or not math.isfinite(ratio):
        return None
    return float(ratio ** (1 / years) - 1)
