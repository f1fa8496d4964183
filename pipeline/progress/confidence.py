"""How sure it is that things are at least as good, or as bad, as a status says: METHOD.md §7.

The chance that the pace lies on the status' side of its threshold, by the spread of the series'
own yearly changes. How a status is worked out belongs in status.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from scipy.special import stdtr

from pipeline.progress.changes import spread, yearly_changes
from pipeline.progress.method import (
    CLEAR_GROWTH,
    FACTS,
    FIRM_FROM,
    LEAST_CHANGES,
    LIKELY_FROM,
    ON_TRACK_FROM,
    STABLE_BELOW,
    TOO_SLOW_FROM,
)
from pipeline.progress.paces import pace
from pipeline.progress.question import Assessment, Question
from pipeline.progress.trend import Trend

# The threshold of a status, and whether it means "at least" (of a ratio, of % a year for the better).
_RATIOS = {
    "on_track": (ON_TRACK_FROM, True),
    "catching_up": (ON_TRACK_FROM, True),
    "progress_too_slow": (ON_TRACK_FROM, False),
    "insufficient": (TOO_SLOW_FROM, False),
    "wrong_direction": (0.0, False),
}
_TRENDS = {
    "improving": (CLEAR_GROWTH, True),
    "slightly_improving": (STABLE_BELOW, True),
    "slightly_worsening": (-STABLE_BELOW, False),
    "worsening": (-CLEAR_GROWTH, False),
}


class Confidence(NamedTuple):
    """`probability` in [0, 1] and its word (`firm`, `likely`, `uncertain`); None: nothing to say."""

    probability: float | None = None
    word: str | None = None


class Pace(NamedTuple):
    """A yearly change as a distribution: `mean` + `spread` ÷ √`years` × Student-t(`n` − 1)."""

    mean: float
    spread: float
    n: int
    years: int

    def at_least(self, edge: float) -> float:
        """Probability that the true pace is `edge` or more; without a spread 0 or 1."""
        if self.spread == 0:
            return float(self.mean >= edge)
        return float(stdtr(self.n - 1, (self.mean - edge) * math.sqrt(self.years) / self.spread))

    def at_most(self, edge: float) -> float:
        """Probability that the true pace is `edge` or less; without a spread 0 or 1."""
        if self.spread == 0:
            return float(self.mean <= edge)
        return float(stdtr(self.n - 1, (edge - self.mean) * math.sqrt(self.years) / self.spread))


def confidence_of(
    question: Question,
    row: Assessment,
    values: Mapping[int, float],
    breaks: tuple[int, ...],
    trend: Trend | None,
) -> Confidence:
    """Of the status of `row`; `values` by year and all `breaks` of its series.

    A status that claims neither a direction nor a pace has none; facts are firm.
    """
    if row.status in FACTS:
        return Confidence(None, "firm")
    after = max((year for year in breaks if year <= (row.latest_year or 0)), default=None)
    unbroken = {y: v for y, v in values.items() if after is None or y >= after}
    if row.status in _TRENDS and trend is not None:
        found = _of_trend(question, row.status, unbroken, trend)
    elif row.status in _RATIOS and question.kind != "direction":
        found = _of_ratio(question, row, unbroken)
    else:
        found = None
    if found is None:
        return Confidence()
    probability, n = found
    capped = question.modelled or n < LEAST_CHANGES
    return Confidence(probability, word_for(probability, capped))


def word_for(probability: float, capped: bool) -> str:
    """The word of a probability; one that is `capped` says `likely` at most."""
    if probability >= FIRM_FROM and not capped:
        return "firm"
    return "likely" if probability >= LIKELY_FROM else "uncertain"


def _of_trend(
    question: Question, status: str, unbroken: Mapping[int, float], trend: Trend
) -> tuple[float, int] | None:
    assert trend.slope is not None
    log = trend.scale == "log"
    if log:
        heights = _logs(unbroken)
    else:
        assert trend.middle is not None
        heights = {year: 100 * value / trend.middle for year, value in unbroken.items()}
    found = spread(yearly_changes(heights, question.cadence), trend.start)
    if found is None:
        return None
    growth = Pace(trend.slope, *found, trend.latest - trend.start)
    limit, at_least = _TRENDS[status]
    limit *= question.sign
    edge = math.log1p(limit / 100) if log else limit
    upwards = at_least == (question.sign > 0)
    return (growth.at_least(edge) if upwards else growth.at_most(edge)), growth.n


def _of_ratio(
    question: Question, row: Assessment, unbroken: Mapping[int, float]
) -> tuple[float, int] | None:
    start, first, end = row.window_start, row.window_value, question.target_year
    assert start is not None and first is not None and end is not None
    assert row.latest_year is not None and row.target_value is not None
    log = row.pace_basis == "cagr"
    heights = _logs(unbroken) if log else unbroken
    changes = yearly_changes(heights, question.cadence)
    inside = [change.yearly for change in changes if change.since >= start]
    found = spread(changes, start)
    if found is None or not inside:
        return None
    recent = Pace(fmean(inside), *found, row.latest_year - start)
    limit, at_least = _RATIOS[row.status]
    if row.ratio_short is None:  # the window starts past the target: any way back is the wrong way
        return (recent.at_most(0) if question.sign > 0 else recent.at_least(0)), recent.n
    needed = pace(row.pace_basis or "linear", first, row.target_value, end - start)
    assert needed is not None
    edge = math.log1p(limit * needed) if log else limit * needed
    upwards = at_least == (needed > 0)
    return (recent.at_least(edge) if upwards else recent.at_most(edge)), recent.n


def _logs(values: Mapping[int, float]) -> dict[int, float]:
    """Their logarithms, of those after the last one that has none."""
    after = max((year for year, value in values.items() if value <= 0), default=None)
    return {y: math.log(v) for y, v in values.items() if after is None or y > after}
