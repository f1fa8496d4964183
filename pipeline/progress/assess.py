"""How far one indicator has come on one target: measures and status, METHOD.md §1-4.

Standard library only. Reading data, the clock, the registry, second opinions, projections and
the roll-up to missions do not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from statistics import linear_regression
from types import MappingProxyType
from typing import Final, NamedTuple

METHOD_VERSION: Final = "1.0"

# Worst first; statuses of one rank weigh the same when missions are rolled up (METHOD §8).
ORDER: Final[tuple[tuple[str, ...], ...]] = (
    ("missed",),
    ("wrong_direction", "worsening"),
    ("insufficient", "slightly_worsening"),
    ("stable",),
    ("progress_too_slow", "slightly_improving"),
    ("on_track", "improving"),
    ("achieved",),
)
SEVERITY: Final[Mapping[str, int]] = MappingProxyType(
    {status: rank for rank, group in enumerate(ORDER, start=1) for status in group}
)

SHORT_WINDOW: Final = 5  # years; Eurostat's SDG monitoring
LONG_WINDOW: Final = 15  # years; the same
MIN_SPAN: Final = 3  # years between the two ends of a window
MIN_POINTS: Final = 4  # observations in a window, both ends counted
TOLERANCE: Final = 1e-9  # of max(1, |target|): rounding is not missing a target

_NUMERIC: Final = frozenset({"level", "change", "gain"})
_FROM_BASE: Final = frozenset({"change", "gain"})  # no number, and no window, before the base year
_UNSETTLED: Final = frozenset({"p", "e"})
_ALLOWED: Final[Mapping[str, frozenset[str | None]]] = MappingProxyType(
    {
        "direction": frozenset({"up", "down", None}),
        "fit": frozenset({"direct", "proxy", "context"}),
        "kind": _NUMERIC | {"direction", "milestone"},
        "milestone_state": frozenset({"met", "open", "overdue", None}),
        "path": frozenset({"linear", "geometric"}),
    }
)


@dataclass(frozen=True)
class Observation:
    """One value of one indicator in one geo; `value` in the indicator's own unit."""

    year: int
    value: float
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """What is asked of a series: one indicator × target pair with what the registry says of it.

    `number` is the target as written: a value (level), a fraction (change), a difference (gain).
    `breaks` holds first years of a new part; `milestones_on_path` holds (year, target value) of
    earlier commitment targets of the same indicator. Raises ValueError on an unknown word.
    """

    direction: str | None
    fit: str
    cadence: int
    kind: str
    number: float | None = None
    target_year: int | None = None
    base_year: int | None = None
    documented_baseline: float | None = None
    milestone_state: str | None = None
    may_be_zero: bool = False
    breaks: tuple[int, ...] = ()
    carried_forward: tuple[int, ...] = ()
    milestones_on_path: tuple[tuple[int, float], ...] = ()
    path: str = "linear"

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if value not in allowed:
                words = ", ".join(sorted(str(word) for word in allowed))
                raise ValueError(f"question.{name}: {value!r} is unknown; use one of {words}")
        if self.cadence < 1:
            raise ValueError(f"question.cadence: {self.cadence} years; use 1 or more")


@dataclass(frozen=True)
class Calculation:
    """How paces are taken: by default as METHOD §3 says; fragility.py asks for other ways.

    `window`: years of the short window. `fitted`: the ends of a window are those of the
    regression line through it, not the observations there. `linear`: no CAGR.
    """

    window: int = SHORT_WINDOW
    fitted: bool = False
    linear: bool = False


_PLAIN: Final = Calculation()


@dataclass(frozen=True)
class Assessment:
    """One row of indicator_progress, without its keys; None where a measure does not apply.

    Values are in the indicator's unit; `pace_*` is a fraction a year (`cagr`) or units a year
    (`linear`); `gap_to_path_pct` and `growth_pct` are percentages; `year_reached` is a decimal
    year; `severity` runs from 1 (worst) to 7, None if not assessable; `tie` breaks equal
    severities, smallest first.
    """

    baseline_year: int | None = None
    baseline_value: float | None = None
    baseline_origin: str | None = None
    latest_year: int | None = None
    latest_value: float | None = None
    target_value: float | None = None
    share_achieved: float | None = None
    share_of_time: float | None = None
    gap_to_path: float | None = None
    gap_to_path_pct: float | None = None
    window_start: int | None = None
    window_value: float | None = None
    pace_recent: float | None = None
    pace_long: float | None = None
    pace_required: float | None = None
    pace_basis: str | None = None
    acceleration_factor: float | None = None
    year_reached: float | None = None
    ratio_short: float | None = None
    ratio_long: float | None = None
    growth_pct: float | None = None
    status: str = "not_assessable"
    reason: str | None = None
    is_dated: bool = False
    lapses_on: date | None = None
    windows_disagree: bool | None = None
    awaiting_target_year: bool = False
    flat_tail: bool = False
    severity: int | None = None
    tie: float | None = None


def assess(
    question: Question,
    observations: Iterable[Observation],
    reference: date,
    how: Calculation = _PLAIN,
) -> Assessment:
    """Measures and status of one indicator × geo × target at the reference date.

    The order of the observations does not matter. Every float of the result is finite. Raises
    ValueError if one year has two different values.
    """
    values, breaks = _series(question, observations)
    row = _measures(question, values, breaks, reference, how)
    status, reason = _status(question, row, values, reference, how)
    by_ratio = status in _RATIO_STATUSES and row.ratio_short is not None
    disagree = None
    if by_ratio and row.ratio_long is not None:
        disagree = _by_ratio(row.ratio_long) != status
    severity = SEVERITY.get(status)
    tie = None
    if severity is not None:
        tie = row.growth_pct / 100 if row.growth_pct is not None else row.ratio_short
    return replace(
        row, status=status, reason=reason, windows_disagree=disagree, severity=severity, tie=tie
    )


def definitive(observations: Iterable[Observation]) -> list[Observation]:
    """The observations without provisional (p) and estimated (e) ones, by year.

    A break flagged on a year that falls out passes to the next year that stays: the first of
    the new part is then that one, and growth must still not be taken across it.
    """
    kept: list[Observation] = []
    pending = False
    for seen in sorted(observations, key=lambda o: o.year):
        if seen.flags & _UNSETTLED:
            pending = pending or "b" in seen.flags
            continue
        kept.append(replace(seen, flags=seen.flags | {"b"}) if pending else seen)
        pending = False
    return kept


def target_value(kind: str, number: float | None, baseline: float | None) -> float | None:
    """The target in the indicator's unit (METHOD §2), None if it cannot be given."""
    if number is None:
        return None
    if kind == "level":
        return _finite(number)
    if baseline is None:
        return None
    if kind == "change":
        return _finite(baseline * (1 + number))
    return _finite(baseline + number) if kind == "gain" else None


def path_value(
    question: Question, baseline: float | None, target: float | None, year: int
) -> float | None:
    """Where the path to the target stands in `year`, in the indicator's unit.

    None before the base year and where there is no path; the target itself after its year.
    Geometric only if asked for and every corner is above 0: 0 has no logarithm, and a small
    number put in its place would decide the pace.
    """
    base, end = question.base_year, question.target_year
    if baseline is None or target is None or base is None or end is None:
        return None
    if end <= base or year < base:
        return None
    between = sorted(point for point in question.milestones_on_path if base < point[0] < end)
    corners = [(base, baseline), *between, (end, target)]
    geometric = question.path == "geometric" and all(value > 0 for _, value in corners)
    if year >= end:
        return _finite(target)
    (y0, v0), (y1, v1) = next(
        (left, right) for left, right in pairwise(corners) if left[0] <= year < right[0]
    )
    way = (year - y0) / (y1 - y0)
    if geometric:
        return _finite(math.pow(v0, 1 - way) * math.pow(v1, way))
    return _finite(v0 + way * (v1 - v0))


# ---- measures ---------------------------------------------------------------------------------


def _series(
    question: Question, observations: Iterable[Observation]
) -> tuple[dict[int, float], tuple[int, ...]]:
    """Values by year, ascending and without carried-forward years; and all break years."""
    values: dict[int, float] = {}
    breaks = set(question.breaks)
    for seen in sorted(observations, key=lambda o: o.year):
        if "b" in seen.flags:
            # Also where the year itself is dropped: what follows is still the new part.
            breaks.add(seen.year)
        if seen.year in question.carried_forward:
            continue
        if seen.year in values and values[seen.year] != seen.value:
            raise ValueError(
                f"observations of {seen.year}: two different values; settle duplicates before"
            )
        values[seen.year] = seen.value
    return values, tuple(sorted(breaks))


def _measures(
    question: Question,
    values: dict[int, float],
    breaks: tuple[int, ...],
    reference: date,
    how: Calculation,
) -> Assessment:
    """Everything of the row that is not the status."""
    if not values:
        return Assessment()
    latest = max(values)
    age = reference.year - latest
    tail = list(values.values())[-3:]
    row = Assessment(
        latest_year=latest,
        latest_value=_finite(values[latest]),
        is_dated=age > max(3, 2 * question.cadence),
        lapses_on=None if _is_context(question) else _lapses_on(question, latest),
        awaiting_target_year=(
            question.kind in _NUMERIC
            and question.target_year is not None
            and latest < question.target_year < reference.year
        ),
        flat_tail=len(tail) == 3 and tail[0] == tail[1] == tail[2],
    )
    if question.kind == "milestone" or not _all_finite(question, values):
        return row
    if question.kind in _NUMERIC:
        row = _against_target(question, row, values, breaks)
    return _paces(question, row, values, breaks, how)


def _against_target(
    question: Question, row: Assessment, values: dict[int, float], breaks: tuple[int, ...]
) -> Assessment:
    """Baseline, target, shares and gap."""
    base, end = question.base_year, question.target_year
    assert row.latest_year is not None and row.latest_value is not None
    latest, value = row.latest_year, row.latest_value
    baseline = origin = None
    if base is not None:
        if base in values:
            baseline, origin = values[base], "series"
        elif question.documented_baseline is not None:
            baseline, origin = question.documented_baseline, "documented"
    target = target_value(question.kind, question.number, baseline)
    row = replace(
        row,
        baseline_year=base,
        baseline_value=baseline,
        baseline_origin=origin,
        target_value=target,
    )
    if base is None or latest < base:
        return row
    if end is not None and end > base:
        row = replace(row, share_of_time=(latest - base) / (end - base))
    if baseline is None or target is None or any(base < year <= latest for year in breaks):
        return row
    way = target - baseline
    required = path_value(question, baseline, target, latest)
    gap = None if required is None else _finite(_sign(question) * (required - value))
    return replace(
        row,
        share_achieved=_quotient(value - baseline, way),
        gap_to_path=None if question.direction is None else gap,
        gap_to_path_pct=(
            None if gap is None or question.direction is None else _quotient(100 * gap, abs(way))
        ),
    )


def _paces(
    question: Question,
    row: Assessment,
    values: dict[int, float],
    breaks: tuple[int, ...],
    how: Calculation,
) -> Assessment:
    """Paces over the two windows, the pace required, and what follows from them."""
    assert row.latest_value is not None
    short = _window_start(question, values, breaks, how.window)
    long = _window_start(question, values, breaks, LONG_WINDOW)
    first = short if short is not None else long
    if first is None:
        return row
    corners = [values[first], row.latest_value]
    if row.target_value is not None:
        corners.append(row.target_value)
    basis = "cagr" if min(corners) > 0 and not how.linear else "linear"
    recent, past = (_window(values, start, basis, fitted=how.fitted) for start in (short, long))
    row = replace(
        row,
        window_start=short,
        window_value=None if recent is None else _finite(recent.value),
        pace_basis=basis,
        pace_recent=_window_pace(basis, recent),
        pace_long=_window_pace(basis, past),
    )
    if question.kind == "direction":
        return replace(row, growth_pct=_growth(question, row, how))
    if row.target_value is None or question.target_year is None:
        return row
    return _towards_target(
        question,
        row,
        ratio_short=_ratio(question, row, recent),
        ratio_long=None if long == short else _ratio(question, row, past),
    )


def _towards_target(
    question: Question, row: Assessment, *, ratio_short: float | None, ratio_long: float | None
) -> Assessment:
    """Required pace, acceleration and the year in which the recent pace gets there."""
    target, end, basis, recent = (
        row.target_value,
        question.target_year,
        row.pace_basis,
        row.pace_recent,
    )
    assert row.latest_year is not None and row.latest_value is not None
    assert target is not None and end is not None and basis is not None
    latest, value = row.latest_year, row.latest_value
    required = _pace(basis, value, target, end - latest)
    factor = reached = None
    if (
        recent is not None
        and question.direction is not None
        and not _reached(question, value, target)
        and recent * _sign(question) > 0
    ):
        factor = None if required is None else _quotient(required, recent)
        if basis == "linear":
            ahead = _quotient(target - value, recent)
        elif recent > -1:  # a fall too steep for a float rounds to -100 % a year
            ahead = _quotient(_log_ratio(value, target), math.log1p(recent))
        else:
            ahead = None
        reached = None if ahead is None else _finite(latest + ahead)
    return replace(
        row,
        pace_required=required,
        acceleration_factor=factor,
        year_reached=reached,
        ratio_short=ratio_short,
        ratio_long=ratio_long,
    )


def _ratio(question: Question, row: Assessment, window: _Window | None) -> float | None:
    """Pace over the window ÷ pace required from its start to the target."""
    target, end, basis = row.target_value, question.target_year, row.pace_basis
    assert target is not None and end is not None and basis is not None
    if window is None or question.direction is None:
        return None
    if _reached(question, window.value, target):
        return None
    actual = _window_pace(basis, window)
    needed = _pace(basis, window.value, target, end - window.start)
    if actual is None or needed is None:
        return None
    return _quotient(actual, needed)


def _growth(question: Question, row: Assessment, how: Calculation) -> float | None:
    """g: change in % a year over the short window, positive where that is better."""
    start = row.window_value
    if start is None or row.pace_recent is None or question.direction is None:
        return None
    if row.pace_basis == "cagr":
        return _finite(100 * _sign(question) * row.pace_recent)
    if start <= 0 or not (question.may_be_zero or how.linear):
        return None
    return _quotient(100 * _sign(question) * row.pace_recent, start)


class _Window(NamedTuple):
    """The two ends between which a pace is taken: (start, value) and (latest, end)."""

    start: int
    value: float
    latest: int
    end: float


def _window(
    values: dict[int, float], start: int | None, basis: str, *, fitted: bool
) -> _Window | None:
    """The window from `start`: its ends as observed, or on the least-squares line through it."""
    if start is None:
        return None
    latest = max(values)
    if not fitted:
        return _Window(start, values[start], latest, values[latest])
    inside = [(year, value) for year, value in values.items() if year >= start]
    in_logs = basis == "cagr"
    if in_logs and min(value for _, value in inside) <= 0:
        return None
    heights = [math.log(value) if in_logs else value for _, value in inside]
    line = linear_regression([float(year - start) for year, _ in inside], heights)
    ends = (line.intercept, line.intercept + line.slope * (latest - start))
    low, high = (math.exp(end) if in_logs else end for end in ends)
    return _Window(start, low, latest, high)


def _window_pace(basis: str, window: _Window | None) -> float | None:
    if window is None:
        return None
    return _pace(basis, window.value, window.end, window.latest - window.start)


def _window_start(
    question: Question,
    values: dict[int, float],
    breaks: tuple[int, ...],
    length: int,
) -> int | None:
    """First observation of the window of `length` years, None if the window does not qualify."""
    latest = max(values)
    low = latest - length
    if question.kind in _FROM_BASE and question.base_year is not None:
        low = max(low, question.base_year)
    low = max([low, *(year for year in breaks if year <= latest)])
    inside = [year for year in values if year >= low]
    if len(inside) < MIN_POINTS or latest - min(inside) < MIN_SPAN:
        return None
    return min(inside)


# ---- status -----------------------------------------------------------------------------------

_RATIO_STATUSES: Final = frozenset(
    {"wrong_direction", "insufficient", "progress_too_slow", "on_track"}
)


def _status(
    question: Question,
    row: Assessment,
    values: dict[int, float],
    reference: date,
    how: Calculation,
) -> tuple[str, str | None]:
    """Status and, where not assessable, the reason; in the order of METHOD §4."""
    if _is_context(question):
        return "not_assessable", "context_only"
    # An official state needs no series; while it is open there is nothing to say without one.
    if question.kind == "milestone" and question.milestone_state == "met":
        return "achieved", None
    if question.kind == "milestone" and question.milestone_state == "overdue":
        return "missed", None
    if row.latest_year is None:
        return "not_assessable", "no_data"
    if question.kind == "milestone":
        return "not_assessable", "milestone_open"
    if reference >= _lapses_on(question, row.latest_year):
        return "not_assessable", "stale"
    if not _all_finite(question, values):
        return "not_assessable", "not_computable"

    base = question.base_year
    if question.kind in _FROM_BASE and base is not None and row.latest_year < base:
        # Nothing has changed "since 2019" in a series that ends earlier: not even reached.
        return "not_assessable", "baseline_missing"
    settled = _reached_or_missed(question, row, values)
    if settled is not None:
        return settled, None
    if row.window_start is None:
        unbroken = _window_start(question, values, (), how.window)
        return "not_assessable", "too_few_points" if unbroken is None else "series_break"
    if question.kind == "direction":
        if row.growth_pct is None:
            return "not_assessable", "not_computable"
        return _by_growth(row.growth_pct), None
    if row.target_value is None:
        from_base = question.kind in _FROM_BASE and row.baseline_value is None
        return "not_assessable", "baseline_missing" if from_base else "not_computable"
    if row.window_value is not None and _reached(question, row.window_value, row.target_value):
        # The latest value has not reached it, so it has moved the wrong way since.
        return "wrong_direction", None
    if row.ratio_short is None:
        return "not_assessable", "not_computable"
    return _by_ratio(row.ratio_short), None


def _reached_or_missed(question: Question, row: Assessment, values: dict[int, float]) -> str | None:
    """`achieved` or `missed` where that can be said already; needs no window."""
    if question.kind not in _NUMERIC or row.target_value is None:
        return None
    assert row.latest_year is not None and row.latest_value is not None
    end = question.target_year
    if end is None or row.latest_year < end:
        return "achieved" if _reached(question, row.latest_value, row.target_value) else None
    deciding = min(year for year in values if year >= end)
    return "achieved" if _reached(question, values[deciding], row.target_value) else "missed"


def _by_ratio(ratio: float) -> str:
    if ratio < 0:
        return "wrong_direction"
    if ratio < 0.60:
        return "insufficient"
    return "progress_too_slow" if ratio < 0.95 else "on_track"


def _by_growth(growth: float) -> str:
    if growth >= 1:
        return "improving"
    if growth >= 0.05:
        return "slightly_improving"
    if growth > -0.05:
        return "stable"
    return "slightly_worsening" if growth >= -1 else "worsening"


def _lapses_on(question: Question, latest: int) -> date:
    """First day on which the latest value is older than max(6, 3 × cadence) years."""
    return date(latest + max(6, 3 * question.cadence) + 1, 1, 1)


def _is_context(question: Question) -> bool:
    # Without a direction nobody has said what better would be: worth seeing, no more.
    return question.fit == "context" or question.direction is None


# ---- numbers ----------------------------------------------------------------------------------


def _sign(question: Question) -> float:
    return -1.0 if question.direction == "down" else 1.0


def _reached(question: Question, value: float, target: float) -> bool:
    return _sign(question) * (value - target) >= -TOLERANCE * max(1.0, abs(target))


def _finite(number: float) -> float | None:
    """The number, without a negative zero; None where it is infinite or not a number."""
    return number + 0.0 if math.isfinite(number) else None


def _quotient(above: float, below: float) -> float | None:
    return None if below == 0 else _finite(above / below)


def _log_ratio(start: float, end: float) -> float:
    """ln(end / start) for numbers above 0; log1p keeps the digits where they are close."""
    change = (end - start) / start
    return math.log1p(change) if -0.5 < change < 1 else math.log(end) - math.log(start)


def _pace(basis: str, start: float, end: float, years: int) -> float | None:
    """Change a year from start to end: a fraction (`cagr`) or units (`linear`)."""
    if years <= 0:
        return None
    if basis == "linear":
        return _finite((end - start) / years)
    if start <= 0 or end <= 0:
        return None
    try:
        return _finite(math.expm1(_log_ratio(start, end) / years))
    except OverflowError:
        return None


def _all_finite(question: Question, values: dict[int, float]) -> bool:
    numbers = [*values.values(), *(value for _, value in question.milestones_on_path)]
    numbers += [n for n in (question.number, question.documented_baseline) if n is not None]
    return all(map(math.isfinite, numbers))
