"""The status of one indicator towards one target, from its measures: METHOD.md §4."""

from __future__ import annotations

from datetime import date
from typing import Final

from pipeline.progress.method import (
    CLEAR_GROWTH,
    NOT_ASSESSABLE,
    ON_TRACK_FROM,
    STABLE_BELOW,
    TOO_SLOW_FROM,
)
from pipeline.progress.paces import window_start
from pipeline.progress.question import FROM_BASE, NUMERIC, Assessment, Calculation, Question

RATIO_STATUSES: Final = frozenset(
    {"wrong_direction", "insufficient", "progress_too_slow", "on_track"}
)


def status_of(
    question: Question,
    row: Assessment,
    values: dict[int, float],
    reference: date,
    how: Calculation,
) -> tuple[str, str | None]:
    """Status and, where not assessable, the reason; in the order of METHOD §4."""
    if question.is_context:
        return NOT_ASSESSABLE, "context_only"
    # An official state needs no series; while it is open there is nothing to say without one.
    if question.kind == "milestone" and question.milestone_state == "met":
        return "achieved", None
    if question.kind == "milestone" and question.milestone_state == "overdue":
        return "missed", None
    if row.latest_year is None:
        return NOT_ASSESSABLE, "no_data"
    if question.kind == "milestone":
        return NOT_ASSESSABLE, "milestone_open"
    if reference >= question.lapses_on(row.latest_year):
        return NOT_ASSESSABLE, "stale"
    if not question.is_finite(values.values()):
        return NOT_ASSESSABLE, "not_computable"

    base = question.base_year
    if question.kind in FROM_BASE and base is not None and row.latest_year < base:
        # Nothing has changed "since 2019" in a series that ends earlier: not even reached.
        return NOT_ASSESSABLE, "baseline_missing"
    settled = _reached_or_missed(question, row, values)
    if settled is not None:
        return settled, None
    if row.window_start is None:
        unbroken = window_start(question, values, (), how.window)
        return NOT_ASSESSABLE, "too_few_points" if unbroken is None else "series_break"
    if question.kind == "direction":
        if row.growth_pct is None:
            return NOT_ASSESSABLE, "not_computable"
        return by_growth(row.growth_pct), None
    if row.target_value is None:
        from_base = question.kind in FROM_BASE and row.baseline_value is None
        return NOT_ASSESSABLE, "baseline_missing" if from_base else "not_computable"
    if row.window_value is not None and question.reached(row.window_value, row.target_value):
        # The latest value has not reached it, so it has moved the wrong way since.
        return "wrong_direction", None
    if row.ratio_short is None:
        return NOT_ASSESSABLE, "not_computable"
    return by_ratio(row.ratio_short), None


def _reached_or_missed(question: Question, row: Assessment, values: dict[int, float]) -> str | None:
    """`achieved` or `missed` where that can be said already; needs no window."""
    if question.kind not in NUMERIC or row.target_value is None:
        return None
    assert row.latest_year is not None and row.latest_value is not None
    end = question.target_year
    if end is None or row.latest_year < end:
        return "achieved" if question.reached(row.latest_value, row.target_value) else None
    deciding = min(year for year in values if year >= end)
    return "achieved" if question.reached(values[deciding], row.target_value) else "missed"


def by_ratio(ratio: float) -> str:
    """Status of a row with a number: recent pace ÷ pace required."""
    if ratio < 0:
        return "wrong_direction"
    if ratio < TOO_SLOW_FROM:
        return "insufficient"
    return "progress_too_slow" if ratio < ON_TRACK_FROM else "on_track"


def by_growth(growth: float) -> str:
    """Status of a row without a number: % a year, positive where that is better."""
    if growth >= CLEAR_GROWTH:
        return "improving"
    if growth >= STABLE_BELOW:
        return "slightly_improving"
    if growth > -STABLE_BELOW:
        return "stable"
    return "slightly_worsening" if growth >= -CLEAR_GROWTH else "worsening"
