"""The status of one indicator towards one target, from its measures: METHOD.md §4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from pipeline.progress.method import (
    CLEAR_GROWTH,
    MIN_POINTS,
    MIN_SPAN,
    NOT_ASSESSABLE,
    ON_TRACK_FROM,
    STABLE_BELOW,
    TOO_SLOW_FROM,
    TREND_P,
    TREND_POINTS,
)
from pipeline.progress.paces import window_start
from pipeline.progress.question import FROM_BASE, Assessment, Calculation, Question
from pipeline.progress.trend import Trend, trend_of

RATIO_STATUSES: Final = frozenset(
    {"wrong_direction", "insufficient", "progress_too_slow", "on_track", "catching_up"}
)


def status_of(
    question: Question,
    row: Assessment,
    values: dict[int, float],
    reference: date,
    how: Calculation,
    trend: Trend | None,
    confirming: Iterable[Trend],
) -> tuple[str, str | None]:
    """Status and, where not assessable, the reason; in the order of METHOD §4.

    `trend` is that of the row's measures, `confirming` those of the windows that confirm it.
    """
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
    if question.kind == "direction":
        return _of_direction(question, values, how, trend, confirming)
    return _of_number(question, row, values, how)


def _of_direction(
    question: Question,
    values: dict[int, float],
    how: Calculation,
    trend: Trend | None,
    confirming: Iterable[Trend],
) -> tuple[str, str | None]:
    if trend is None:
        unbroken = trend_of(values, length=how.trend)
        return NOT_ASSESSABLE, "too_few_points" if unbroken is None else "series_break"
    if trend.pct is None:
        return NOT_ASSESSABLE, "not_computable"
    return by_trend(trend, confirming, question.sign), None


def _of_number(
    question: Question, row: Assessment, values: dict[int, float], how: Calculation
) -> tuple[str, str | None]:
    assert row.latest_year is not None
    base = question.base_year
    if question.kind in FROM_BASE and base is not None and row.latest_year < base:
        # Nothing has changed "since 2019" in a series that ends earlier: not even reached.
        return NOT_ASSESSABLE, "baseline_missing"
    settled = _reached_or_missed(question, row, values)
    if settled is not None:
        return settled, None
    if row.window_start is None:
        unbroken = window_start(question, values, (), question.window + how.longer_by)
        return NOT_ASSESSABLE, "too_few_points" if unbroken is None else "series_break"
    if row.target_value is None:
        from_base = question.kind in FROM_BASE and row.baseline_value is None
        return NOT_ASSESSABLE, "baseline_missing" if from_base else "not_computable"
    if row.window_value is not None and question.reached(row.window_value, row.target_value):
        # The latest value has not reached it, so it has moved the wrong way since.
        return "wrong_direction", None
    if row.ratio_short is None:
        return NOT_ASSESSABLE, "not_computable"
    return by_ratio(row.ratio_short, row.position), None


def _reached_or_missed(question: Question, row: Assessment, values: dict[int, float]) -> str | None:
    """`achieved` or `missed` where that can be said already; needs no window."""
    if row.target_value is None:
        return None
    assert row.latest_year is not None and row.latest_value is not None
    end = question.target_year
    if end is None or row.latest_year < end:
        return "achieved" if question.reached(row.latest_value, row.target_value) else None
    deciding = min(year for year in values if year >= end)
    return "achieved" if question.reached(values[deciding], row.target_value) else "missed"


def by_ratio(ratio: float, position: str | None = None) -> str:
    """Status of a row with a number: recent pace ÷ pace required, and where it stands now."""
    if ratio < 0:
        return "wrong_direction"
    if ratio < TOO_SLOW_FROM:
        return "insufficient"
    if ratio < ON_TRACK_FROM:
        return "progress_too_slow"
    # The pace suffices, the way done so far does not: nobody would call that on track.
    return "catching_up" if position == "behind" else "on_track"


def by_trend(trend: Trend, confirming: Iterable[Trend], sign: float) -> str:
    """Status of a row without a number; `sign` is 1 where up is better, else -1."""
    assert trend.pct is not None
    growth = sign * trend.pct
    if abs(growth) < STABLE_BELOW:
        return "stable"
    # A start in a trough or on a peak is no trend: another window must say the same.
    if not _is_clear(trend) or not any(
        _is_clear(other) and other.pct is not None and other.pct * trend.pct > 0
        for other in confirming
    ):
        return "no_clear_trend"
    if growth > 0:
        return "improving" if growth >= CLEAR_GROWTH else "slightly_improving"
    return "slightly_worsening" if growth >= -CLEAR_GROWTH else "worsening"


def _is_clear(trend: Trend) -> bool:
    """Whether a trend is more than noise."""
    return (
        trend.p < TREND_P
        and trend.n >= TREND_POINTS
        and trend.pct is not None
        and abs(trend.pct) >= STABLE_BELOW
    )


def assessable_from(
    question: Question, row: Assessment, values: dict[int, float], breaks: tuple[int, ...]
) -> int | None:
    """Year whose figure makes the window long enough, where only the base year keeps it short.

    As many of the publisher's steps ahead as observations are lacking, and MIN_SPAN years after
    the first one.
    """
    base = question.base_year
    if row.reason != "too_few_points" or question.kind not in FROM_BASE or base is None:
        return None
    if window_start(replace(question, base_year=None), values, breaks, question.window) is None:
        return None
    inside = sorted(year for year in values if year >= base)
    lacking = max(0, MIN_POINTS - len(inside))
    first = inside[0] if inside else max(values) + question.cadence
    return max(first + MIN_SPAN, max(values) + lacking * question.cadence)
