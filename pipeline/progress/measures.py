"""Measures of one indicator towards one target, without a status: METHOD.md §2 and §3."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import pairwise

from pipeline.progress.method import (
    DATED_STEPS,
    DATED_YEARS,
    FLAT_TAIL,
    LONG_WINDOW,
    NEAR_PATH,
    UNSETTLED,
)
from pipeline.progress.paces import (
    Window,
    finite,
    log_ratio,
    pace,
    pace_over,
    quotient,
    window_from,
    window_start,
)
from pipeline.progress.question import (
    NUMERIC,
    Assessment,
    Calculation,
    Observation,
    Question,
)
from pipeline.progress.trend import Trend


def series_of(
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


def definitive(observations: Iterable[Observation]) -> list[Observation]:
    """The observations without provisional (p) and estimated (e) ones, by year.

    A break flagged on a year that falls out passes to the next year that stays: the first of
    the new part is then that one, and growth must still not be taken across it.
    """
    kept: list[Observation] = []
    pending = False
    for seen in sorted(observations, key=lambda o: o.year):
        if seen.flags & UNSETTLED:
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
        return finite(number)
    if baseline is None:
        return None
    if kind == "change":
        return finite(baseline * (1 + number))
    return finite(baseline + number) if kind == "gain" else None


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
        return finite(target)
    (y0, v0), (y1, v1) = next(
        (left, right) for left, right in pairwise(corners) if left[0] <= year < right[0]
    )
    way = (year - y0) / (y1 - y0)
    if geometric:
        return finite(math.pow(v0, 1 - way) * math.pow(v1, way))
    return finite(v0 + way * (v1 - v0))


def measures(
    question: Question,
    values: dict[int, float],
    breaks: tuple[int, ...],
    reference: date,
    how: Calculation,
    trend: Trend | None,
) -> Assessment:
    """Everything of the row that is neither the status nor how sure it is."""
    overdue = question.kind in NUMERIC and (question.target_year or reference.year) < reference.year
    if not values:
        return Assessment(awaiting_target_year=overdue)
    latest = max(values)
    age = reference.year - latest
    tail = list(values.values())[-FLAT_TAIL:]
    row = Assessment(
        latest_year=latest,
        latest_value=finite(values[latest]),
        is_dated=age > max(DATED_YEARS, DATED_STEPS * question.cadence),
        lapses_on=None if question.is_context else question.lapses_on(latest),
        awaiting_target_year=overdue and latest < (question.target_year or latest),
        flat_tail=len(tail) == FLAT_TAIL and all(a == b for a, b in pairwise(tail)),
    )
    if question.kind == "milestone" or not question.is_finite(values.values()):
        return row
    pct = None if trend is None else trend.pct
    if trend is not None and pct is not None and question.direction is not None:
        row = replace(
            row,
            trend_start=trend.start,
            trend_pct=question.sign * pct + 0.0,
            trend_p=trend.p,
            turning=trend.turning,
        )
    if question.kind in NUMERIC:
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
    gap = None if required is None else finite(question.sign * (required - value))
    due = None if required is None else abs(required - baseline)
    return replace(
        row,
        position=_position(question, latest, gap, due),
        share_achieved=quotient(value - baseline, way),
        gap_to_path=None if question.direction is None else gap,
        gap_to_path_pct=(
            None if gap is None or question.direction is None else quotient(100 * gap, abs(way))
        ),
    )


def _position(question: Question, latest: int, gap: float | None, due: float | None) -> str | None:
    """Where the row stands against the required path; nothing is due yet in the base year."""
    if gap is None or due is None or question.direction is None or latest == question.base_year:
        return None
    if gap <= 0:
        return "ahead"
    return "near" if gap <= NEAR_PATH * due else "behind"


def _paces(
    question: Question,
    row: Assessment,
    values: dict[int, float],
    breaks: tuple[int, ...],
    how: Calculation,
) -> Assessment:
    """Paces over the two windows, the pace required, and what follows from them."""
    assert row.latest_value is not None
    short = window_start(question, values, breaks, question.window + how.longer_by)
    long = window_start(question, values, breaks, LONG_WINDOW)
    first = short if short is not None else long
    if first is None:
        return row
    corners = [values[first], row.latest_value]
    if row.target_value is not None:
        corners.append(row.target_value)
    basis = "cagr" if min(corners) > 0 and not how.linear else "linear"
    recent, past = (window_from(values, start, basis, fitted=how.fitted) for start in (short, long))
    row = replace(
        row,
        window_start=short,
        window_value=None if recent is None else finite(recent.value),
        pace_basis=basis,
        pace_recent=pace_over(basis, recent),
        pace_long=pace_over(basis, past),
    )
    if row.target_value is not None and question.target_year is not None:
        row = _towards_target(
            question,
            row,
            ratio_short=_ratio(question, row, recent),
            ratio_long=None if long == short else _ratio(question, row, past),
        )
    if short is None:
        # Without its basis nobody can tell whether a pace is in per cent or in units.
        row = replace(row, pace_basis=None, pace_required=None)
    return row


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
    required = pace(basis, value, target, end - latest)
    factor = reached = None
    if (
        recent is not None
        and question.direction is not None
        and not question.reached(value, target)
        and recent * question.sign > 0
    ):
        factor = None if required is None else quotient(required, recent)
        if basis == "linear":
            ahead = quotient(target - value, recent)
        elif recent > -1:  # a fall too steep for a float rounds to -100 % a year
            ahead = quotient(log_ratio(value, target), math.log1p(recent))
        else:
            ahead = None
        reached = None if ahead is None else finite(latest + ahead)
    return replace(
        row,
        pace_required=required,
        acceleration_factor=factor,
        year_reached=reached,
        ratio_short=ratio_short,
        ratio_long=ratio_long,
    )


def _ratio(question: Question, row: Assessment, window: Window | None) -> float | None:
    """Pace over the window ÷ pace required from its start to the target."""
    target, end, basis = row.target_value, question.target_year, row.pace_basis
    assert target is not None and end is not None and basis is not None
    if window is None or question.direction is None:
        return None
    if question.reached(window.value, target):
        return None
    actual = pace_over(basis, window)
    needed = pace(basis, window.value, target, end - window.start)
    if actual is None or needed is None:
        return None
    return quotient(actual, needed)
