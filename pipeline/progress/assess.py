"""How far one indicator has come on one target: measures and status together, METHOD.md §1-4.

The entry to question.py, measures.py and status.py. Reading data, the clock, the registry, second
opinions, projections and the roll-up to missions do not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from pipeline.progress.confidence import confidence_of
from pipeline.progress.measures import definitive, measures, path_value, series_of, target_value
from pipeline.progress.method import CONFIRMING, NOT_ASSESSABLE, SEVERITY
from pipeline.progress.question import (
    FROM_BASE,
    Assessment,
    Calculation,
    Observation,
    Question,
)
from pipeline.progress.status import RATIO_STATUSES, assessable_from, by_ratio, status_of
from pipeline.progress.trend import Trend, trend_of

__all__ = [
    "Assessment",
    "Calculation",
    "Observation",
    "Question",
    "assess",
    "definitive",
    "path_value",
    "target_value",
]

_PLAIN: Final = Calculation()


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
    values, breaks = series_of(question, observations)
    asked = _without_impossible_target(question, values)
    trend, confirming = _trends(asked, values, breaks, how)
    row = measures(asked, values, breaks, reference, how, trend)
    status, reason = status_of(asked, row, values, reference, how, trend, confirming)
    row = replace(
        row,
        status=status,
        reason=reason,
        position=None if status == NOT_ASSESSABLE else row.position,
        target_impossible=asked is not question,
        severity=SEVERITY.get(status),
    )
    sure = confidence_of(asked, row, values, breaks, trend)
    return replace(
        row,
        status_probability=sure.probability,
        confidence=sure.word,
        windows_disagree=_windows_disagree(row),
        assessable_from=assessable_from(asked, row, values, breaks),
        tie=_tie(asked, row),
    )


def _without_impossible_target(question: Question, values: dict[int, float]) -> Question:
    """The question itself; one of direction alone where its target, derived from the baseline,
    lies at the end of the unit or beyond: nobody can be asked for 106 % (METHOD §3)."""
    if question.kind not in FROM_BASE or question.direction is None or question.base_year is None:
        return question
    baseline = values.get(question.base_year, question.documented_baseline)
    target = target_value(question.kind, question.number, baseline)
    if target is None or question.is_possible(target):
        return question
    return replace(question, kind="direction", number=None, target_year=None, base_year=None)


def _trends(
    question: Question, values: dict[int, float], breaks: tuple[int, ...], how: Calculation
) -> tuple[Trend | None, list[Trend]]:
    """The trend of the row, and of a row that it decides those that confirm it."""
    if not values or question.kind == "milestone" or not question.is_finite(values.values()):
        return None, []

    def over(length: int) -> Trend | None:
        return trend_of(values, breaks, may_be_zero=question.may_be_zero, length=length)

    trend = over(how.trend)
    if trend is None or question.kind != "direction":
        return trend, []
    return trend, [other for length in CONFIRMING if (other := over(length)) is not None]


def _windows_disagree(row: Assessment) -> bool | None:
    """Whether the long window gives another class; where the row stands now is no matter of it."""
    if row.status not in RATIO_STATUSES or row.ratio_short is None or row.ratio_long is None:
        return None
    return by_ratio(row.ratio_long) != by_ratio(row.ratio_short)


def _tie(question: Question, row: Assessment) -> float | None:
    if row.severity is None:
        return None
    return row.trend_pct if question.kind == "direction" else row.ratio_short
