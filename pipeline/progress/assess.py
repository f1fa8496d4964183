"""How far one indicator has come on one target: measures and status together, METHOD.md §1-4.

The entry to question.py, measures.py and status.py. Reading data, the clock, the registry, second
opinions, projections and the roll-up to missions do not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from pipeline.progress.measures import definitive, measures, path_value, series_of, target_value
from pipeline.progress.method import SEVERITY
from pipeline.progress.question import Assessment, Calculation, Observation, Question
from pipeline.progress.status import RATIO_STATUSES, by_ratio, status_of

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
    row = measures(question, values, breaks, reference, how)
    status, reason = status_of(question, row, values, reference, how)
    disagree = None
    has_ratio = status in RATIO_STATUSES and row.ratio_short is not None
    if has_ratio and row.ratio_long is not None:
        disagree = by_ratio(row.ratio_long) != status
    severity = SEVERITY.get(status)
    tie = None
    if severity is not None:
        tie = row.growth_pct / 100 if row.growth_pct is not None else row.ratio_short
    return replace(
        row, status=status, reason=reason, windows_disagree=disagree, severity=severity, tie=tie
    )
