"""What statuses and probabilities would have been worth: METHOD.md §7.

Each year of a series taken as the present: the status then, the probability then, and whether it
came true. Counting belongs in SQL; statuses are worked out where today's are, and so are walks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.progress.method import (
    BANDS,
    BINS,
    CONFIRMING,
    DIRECTION_HORIZON,
    PERSISTENCE,
    PSEUDO_TARGETS,
    RECORD_HORIZONS,
)
from pipeline.progress.paces import pace, quotient, window_start
from pipeline.progress.projection import Widenings, chance, walks_of
from pipeline.progress.question import Question
from pipeline.progress.status import by_ratio, by_trend
from pipeline.progress.trend import trend_of


@dataclass(frozen=True)
class PastStatus:
    """A status as of `year` and what became of it `horizon` years later.

    `size`: the share by which the pseudo-target lies beyond the value at the window's start; 0
    where there is none and only the direction is judged. `possible`: whether the unit goes on
    beyond the pseudo-target; a status against one that is not is never given. `came_true`: the
    pseudo-target was reached; without one, the value was better. `probability` of reaching it, as
    projected then; None where nothing could be projected.
    """

    year: int
    horizon: int
    size: float
    status: str
    possible: bool
    came_true: bool
    probability: float | None = None

    @property
    def bin(self) -> int | None:
        """Which of BINS equal parts of [0, 1] the probability lies in, the first is 1."""
        return None if self.probability is None else min(int(self.probability * BINS) + 1, BINS)


def past_statuses(
    question: Question, series: Mapping[int, float], widenings: Widenings
) -> Iterator[PastStatus]:
    """Every status of the past of one unbroken series (value by year).

    Of `question`, the direction, cadence and bounds are asked. Nothing of a series without a
    direction, or with a value that is not above 0.
    """
    if question.direction is None or not all(value > 0 for value in series.values()):
        return
    found = list(_against_pseudo_targets(question, series))
    for (past, _), p in zip(found, _chances(question, series, found, widenings), strict=True):
        yield replace(past, probability=p)
    yield from _of_directions(question, series)


def _against_pseudo_targets(
    question: Question, series: Mapping[int, float]
) -> Iterator[tuple[PastStatus, float]]:
    """Statuses by the ratio, each with its pseudo-target, without a probability.

    A pseudo-target has no base year, so no path from it, and no position: who is `on_track` here
    might have been `catching_up`.
    """
    values: dict[int, float] = {}
    for year, value in sorted(series.items()):
        values[year] = value
        start = window_start(question, values, (), question.window)
        if start is None:
            continue
        recent = pace("cagr", values[start], value, year - start)
        for horizon in RECORD_HORIZONS:
            came = series.get(year + horizon)
            if came is None or recent is None:
                continue
            for size in PSEUDO_TARGETS:
                target = values[start] * (1 + question.sign * size)
                if question.reached(value, target):
                    continue
                needed = pace("cagr", values[start], target, year + horizon - start)
                ratio = None if needed is None else quotient(recent, needed)
                if ratio is None:
                    continue
                possible, met = question.is_possible(target), question.reached(came, target)
                yield PastStatus(year, horizon, size, by_ratio(ratio), possible, met), target


def _chances(
    question: Question,
    series: Mapping[int, float],
    found: Sequence[tuple[PastStatus, float]],
    widenings: Widenings,
) -> list[float | None]:
    """Of each pseudo-target being reached, projected from what was known in the year of its
    status; None where that was too little. Widened as projections are today."""
    heights = {year: math.log(value) for year, value in series.items()}
    origins, walks = walks_of(heights, question.cadence)
    classes = [PERSISTENCE[place] for place in walks.persistence()]
    place = {
        int(year): i
        for i, year in enumerate(origins)
        if walks.spread[i] > 0 and classes[i] in widenings
    }
    chances: list[float | None] = [None] * len(found)
    asked = [n for n, (past, _) in enumerate(found) if past.year in place]
    if not asked:
        return chances
    at = np.array([place[found[n][0].year] for n in asked])
    h = np.array([found[n][0].horizon for n in asked], dtype=np.float64)
    start = np.array([heights[found[n][0].year] for n in asked])
    goal = np.log([found[n][1] for n in asked])
    lines = np.array([widenings[classes[i]][BANDS[0]] for i in at])
    middle, error = walks.at(at).ahead(start, h)
    width = error * (lines[:, 0] + lines[:, 1] * h)
    for n, p in zip(
        asked, chance(question.sign * (middle - goal), width, walks.n[at] - 1), strict=True
    ):
        chances[n] = float(p)
    return chances


def _of_directions(question: Question, series: Mapping[int, float]) -> Iterator[PastStatus]:
    """Statuses by the trend."""
    values: dict[int, float] = {}
    for year, value in sorted(series.items()):
        values[year] = value
        came = series.get(year + DIRECTION_HORIZON)
        trend = None if came is None else trend_of(values)
        if came is None or trend is None or trend.pct is None:
            continue
        confirming = (trend_of(values, length=length) for length in CONFIRMING)
        status = by_trend(trend, (t for t in confirming if t is not None), question.sign)
        better = question.sign * (came - value) > 0
        yield PastStatus(year, DIRECTION_HORIZON, 0.0, status, True, better)
