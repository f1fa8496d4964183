"""Yearly changes of a series, their spread, and the value with one of them taken out: METHOD.md §3, §7."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, stdev

from pipeline.progress.method import (
    CHANGE_STEPS,
    CHANGES,
    CONFIDENCE_CHANGES,
    LEAST_CHANGES,
)


@dataclass(frozen=True)
class Change:
    """A change a year, from one observation to the next; units of the heights it is taken of."""

    since: int
    until: int
    yearly: float


def yearly_changes(heights: Mapping[int, float], cadence: int) -> list[Change]:
    """Changes between consecutive observations, by year; those over more than CHANGE_STEPS of the
    publisher's steps (`cadence`, years) are left out."""
    return [
        Change(a, b, (heights[b] - heights[a]) / (b - a))
        for a, b in pairwise(sorted(heights))
        if b - a <= CHANGE_STEPS * cadence
    ]


def spread(changes: Iterable[Change], start: int) -> tuple[float, int] | None:
    """(standard deviation, number) of the last CHANGES changes; where these are fewer than
    LEAST_CHANGES, of those since the year `start`. None with fewer than CONFIDENCE_CHANGES."""
    last = [change.yearly for change in changes][-CHANGES:]
    if len(last) < LEAST_CHANGES:
        last = [change.yearly for change in changes if change.since >= start]
    if len(last) < CONFIDENCE_CHANGES or not all(map(math.isfinite, last)):
        return None
    try:
        return stdev(last), len(last)
    except OverflowError:
        return None


def without_largest_step(heights: Mapping[int, float], cadence: int) -> dict[int, float] | None:
    """The heights with the change that lies farthest from the median change replaced by the
    median of the others, and what comes after it moved along; None with fewer than two changes.
    Of equally far ones the earliest goes."""
    changes = yearly_changes(heights, cadence)
    if len(changes) < 2:
        return None
    middle = median(change.yearly for change in changes)
    largest = max(changes, key=lambda c: abs(c.yearly - middle))
    usual = median(change.yearly for change in changes if change is not largest)
    moved = (usual - largest.yearly) * (largest.until - largest.since)
    return {year: h + (moved if year >= largest.until else 0.0) for year, h in heights.items()}
