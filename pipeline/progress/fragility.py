"""Whether a status hangs on one choice of the calculation: METHOD.md §7.

The status is worked out again in other ways. How a status is worked out belongs in assess.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from pipeline.progress.assess import assess
from pipeline.progress.changes import without_largest_step
from pipeline.progress.measures import series_of
from pipeline.progress.method import CONFIRMING, LONGER_BY, NOT_ASSESSABLE, OTHER_BASES
from pipeline.progress.question import Assessment, Calculation, Observation, Question

TOO_SHORT: Final = "too_short_to_test"


@dataclass(frozen=True)
class Fragility:
    """`fragile` is None where there is no status to change; `changes` gives, in the order of
    METHOD §7, each other way that leads to another status, and that status. Ways in which no
    status can be given stand there once, as TOO_SHORT."""

    fragile: bool | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


def fragility(
    question: Question,
    observations: Iterable[Observation],
    reference: date,
    plain: Assessment,
) -> Fragility:
    """The status of every other way that the row allows, against that of `plain`."""
    if plain.status == NOT_ASSESSABLE:
        return Fragility()
    series = list(observations)
    changes: dict[str, str] = {}
    for name, other in _other_ways(question, series, reference, plain):
        if other.status == NOT_ASSESSABLE:
            changes[TOO_SHORT] = NOT_ASSESSABLE
        elif other.status != plain.status:
            changes.setdefault(name, other.status)
    return Fragility(bool(changes), changes)


def _other_ways(
    question: Question, series: list[Observation], reference: date, plain: Assessment
) -> Iterator[tuple[str, Assessment]]:
    if question.kind == "milestone":
        return
    earlier = [o for o in series if o.year != plain.latest_year]
    yield "without_last_year", assess(question, earlier, reference)
    if _by_trend(question, plain):
        for years in CONFIRMING:
            how = Calculation(trend=years)
            yield f"trend_{years}", assess(question, series, reference, how)
    else:
        yield from _ways_to_a_number(question, series, reference, plain)
    moved = _one_step(question, series, plain)
    if moved is not None:
        yield "one_step", assess(question, moved, reference)


def _ways_to_a_number(
    question: Question, series: list[Observation], reference: date, plain: Assessment
) -> Iterator[tuple[str, Assessment]]:
    if plain.pace_basis != "cagr" or all(
        value > 0 for value in _deciding(question, series, plain).values()
    ):
        yield "regression", assess(question, series, reference, Calculation(fitted=True))
    yield "longer_window", assess(question, series, reference, Calculation(longer_by=LONGER_BY))
    if plain.pace_basis == "cagr":
        yield "other_pace_basis", assess(question, series, reference, Calculation(linear=True))
    if question.base_year is None or question.base_year_basis != "assumed":
        return
    values, _ = series_of(question, series)
    for years in OTHER_BASES:
        base = question.base_year + years
        if base in values:
            yield "base_year", assess(replace(question, base_year=base), series, reference)


def _by_trend(question: Question, plain: Assessment) -> bool:
    return question.kind == "direction" or plain.target_impossible


def _deciding(
    question: Question, series: list[Observation], plain: Assessment
) -> Mapping[int, float]:
    """The observations of the window that decides, by year; empty without one."""
    by_trend = _by_trend(question, plain)
    start = plain.trend_start if by_trend else plain.window_start
    values, _ = series_of(question, series)
    return {} if start is None else {year: v for year, v in values.items() if year >= start}


def _one_step(
    question: Question, series: list[Observation], plain: Assessment
) -> list[Observation] | None:
    """The series without the largest yearly change of the deciding window; None where it cannot
    be taken out on the basis of the row."""
    window = _deciding(question, series, plain)
    by_trend = _by_trend(question, plain)
    positive = all(value > 0 for value in window.values())
    log = positive if by_trend else plain.pace_basis == "cagr"
    if log and not positive:
        return None
    heights = {year: math.log(v) for year, v in window.items()} if log else window
    moved = without_largest_step(heights, question.cadence)
    if moved is None:
        return None
    try:
        values = {year: math.exp(h) for year, h in moved.items()} if log else moved
    except OverflowError:
        return None
    # To twelve digits: equal values stay equal, whatever a logarithm there and back leaves of them.
    return [replace(o, value=float(f"{values.get(o.year, o.value):.12g}")) for o in series]
