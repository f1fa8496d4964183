"""The past carried on: a random walk with drift, its bands and the chance of a target (METHOD §6).

An extrapolation, not the effect of policy. How wide the bands must be is measured in backtest.py;
official projections are a registry entry and are not computed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from pipeline.progress.changes import yearly_changes
from pipeline.progress.method import (
    BANDS,
    CHANGES,
    HORIZON,
    LEAST_CHANGES,
    LIKELY,
    PERSISTENCE,
    PERSISTENCE_BOUNDS,
    SHRINKAGE,
    VERY_LIKELY,
    VERY_UNLIKELY,
)

Numbers = NDArray[np.float64]
_ROUNDING: Final = 1e-12


class Widening(NamedTuple):
    """How many times as wide as the walk's own a band is, on a line through the years ahead."""

    base: float = 1.0
    per_year: float = 0.0

    def at(self, h: Numbers) -> Numbers:
        return self.base + self.per_year * h


# By class of persistence, by band.
Widenings = Mapping[str, Mapping[int, Widening]]
UNWIDENED: Final[Widenings] = dict.fromkeys(PERSISTENCE, dict.fromkeys(BANDS, Widening()))


@dataclass(frozen=True)
class Point:
    """One year ahead, in the unit of the series; None where no finite number can hold it."""

    year: int
    central: float | None
    low_80: float | None
    high_80: float | None
    low_95: float | None
    high_95: float | None


@dataclass(frozen=True)
class Projection:
    """`points`: a row for each year after the latest up to the target year, without a gap.

    `central` (the median) and `bands` ({80: (low, high), 95: …}) are those of the target year,
    `probability` is that of meeting the target then. Where nothing can be projected `points` is
    empty and `reason` says why: `too_few_points`, `no_variation`, `target_year_passed`,
    `not_computable`, `bands_not_measured`. `drift` (shrunken) and `spread` are a year's, in units
    (`level`) or in ln (`log`); `persistence` is the class of the yearly changes.
    """

    points: tuple[Point, ...] = ()
    probability: float | None = None
    scale: str | None = None
    n_changes: int = 0
    drift: float | None = None
    spread: float | None = None
    persistence: str | None = None
    reason: str | None = None

    @property
    def central(self) -> float | None:
        return self.points[-1].central if self.points else None

    @property
    def bands(self) -> dict[int, tuple[float | None, float | None]]:
        if not self.points:
            return {}
        end = self.points[-1]
        return {80: (end.low_80, end.high_80), 95: (end.low_95, end.high_95)}


@dataclass(frozen=True)
class Walks:
    """Fitted random walks, an element each: mean and standard deviation of the last yearly
    changes, their number `n` and their lag-1 autocorrelation (0 where they do not vary)."""

    mean: Numbers
    spread: Numbers
    n: NDArray[np.int64]
    autocorrelation: Numbers

    def at(self, places: NDArray[np.int64]) -> Walks:
        return Walks(
            self.mean[places], self.spread[places], self.n[places], self.autocorrelation[places]
        )

    def ahead(
        self, start: Numbers, h: Numbers, shrinkage: float = SHRINKAGE
    ) -> tuple[Numbers, Numbers]:
        """(forecast, standard error) `h` years after the values `start`.

        The second term is what is not known of the drift: h²·s²/n.
        """
        return start + h * shrinkage * self.mean, self.spread * np.sqrt(h + h * h / self.n)

    def persistence(self) -> NDArray[np.int64]:
        """Places in PERSISTENCE."""
        return np.searchsorted(PERSISTENCE_BOUNDS, self.autocorrelation, side="left")


def walks_of(heights: Mapping[int, float], cadence: int) -> tuple[NDArray[np.int64], Walks]:
    """(years, walks): one as of each year of a series that has enough yearly changes up to it.

    `heights`: the series on the scale of the walk; `cadence`: the publisher's usual years between
    observations.
    """
    changes = yearly_changes(heights, cadence)
    years = np.array(sorted(heights), dtype=np.int64)
    before = np.searchsorted([c.until for c in changes], years, side="right")
    enough = before >= LEAST_CHANGES
    sizes = [max(abs(heights[c.since]), abs(heights[c.until])) for c in changes]
    # Row k: the last ones of the first k, NaN where there are fewer.
    last = [
        sliding_window_view([*repeat(math.nan, CHANGES), *numbers], CHANGES)[before[enough]]
        for numbers in ([c.yearly for c in changes], sizes)
    ]
    return years[enough], fit(*last)


def fit(changes: Numbers, sizes: Numbers) -> Walks:
    """A walk for each row of `changes`, its last yearly changes (NaN: there are fewer).

    `sizes`, of the same shape: the greater of the two heights that each change lies between. Where
    the changes differ by no more than the rounding of such heights their spread is 0.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        n = np.count_nonzero(~np.isnan(changes), axis=1)
        mean = np.nansum(changes, axis=1) / n
        rest = changes - mean[:, None]
        squares = np.nansum(rest * rest, axis=1)
        spread = np.sqrt(squares / (n - 1))
        spread = np.where(spread <= _ROUNDING * np.nanmax(sizes, axis=1), 0.0, spread)
        memory = np.nansum(rest[:, :-1] * rest[:, 1:], axis=1) / squares
    return Walks(mean, spread, n, np.where(spread > 0, memory, 0.0))


def scale_of(values: Iterable[float], target: float | None) -> str:
    """`log` where the values and the target are all above 0, else `level`.

    A target of 0 has no logarithm, so net zero is always on the level (METHOD §2).
    """
    return "log" if min(values) > 0 and (target is None or target > 0) else "level"


def last_year(kind: str, target_year: int | None, latest: int) -> int:
    """How far a row is projected: to its target's year; a direction at least HORIZON years."""
    if kind == "direction" or target_year is None:
        return max(latest + HORIZON, target_year or 0)
    return target_year


def project(
    series: Mapping[int, float],
    target_year: int,
    *,
    target: float | None = None,
    direction: str | None = None,
    bounds: tuple[float | None, float | None] = (None, None),
    cadence: int = 1,
    widenings: Widenings = UNWIDENED,
) -> Projection:
    """`series` (value by year, one unit throughout, no break in it) carried on to `target_year`.

    On the log scale where series and target are above 0, else on the level. Bands are those of a
    Student-t with n - 1 degrees of freedom, as many times as wide as `widenings` says for the
    series' class of persistence; a class that it lacks is not projected. They end where the unit
    does (`bounds`). Probability needs `target` and `direction` (up: at or above it) and is as wide
    as the inner band. `cadence`: the publisher's usual years between observations. ValueError: a
    value that is not finite, or a direction other than up and down.
    """
    if direction not in ("up", "down", None):
        raise ValueError(f"direction: {direction!r} is unknown; use up or down")
    if not all(map(math.isfinite, [*series.values(), 0.0 if target is None else target])):
        raise ValueError("series and target: every value must be a finite number")
    if series and target_year <= max(series):
        return Projection(reason="target_year_passed")
    last = yearly_changes(series, cadence)[-CHANGES:]
    if len(last) < LEAST_CHANGES:
        return Projection(reason="too_few_points", n_changes=len(last))
    # Only what the walk is fitted to: what lies before may be 0 or less.
    used = {year: float(v) for year, v in series.items() if year >= last[0].since}
    scale = scale_of(used.values(), target)
    heights = {y: math.log(v) for y, v in used.items()} if scale == "log" else used
    walk = walks_of(heights, cadence)[1].at(np.array([-1]))
    n, mean, spread = int(walk.n[0]), float(walk.mean[0]), float(walk.spread[0])
    if not math.isfinite(mean) or not math.isfinite(spread):
        return Projection(reason="not_computable", n_changes=n)
    if spread == 0:
        # A series that never varied gives bands without width: a certainty that it cannot claim.
        return Projection(reason="no_variation", n_changes=n)
    persistence = PERSISTENCE[walk.persistence()[0]]
    widening = widenings.get(persistence)
    if widening is None:
        return Projection(reason="bands_not_measured", n_changes=n, persistence=persistence)
    latest = max(series)
    h = np.arange(1, target_year - latest + 1, dtype=np.float64)
    middle, error = walk.ahead(np.array([heights[latest]]), h)
    points = [
        Point(latest + int(k), *(_unscaled(float(e), scale, bounds) for e in at))
        for k, at in zip(h, _edges(middle, error, h, n - 1, widening), strict=True)
    ]
    probability = None
    if target is not None and direction is not None:
        goal = math.log(target) if scale == "log" else target
        width = error * widening[BANDS[0]].at(h)
        sign = 1 if direction == "up" else -1
        probability = float(chance(sign * (middle - goal), width, walk.n - 1)[-1])
    return Projection(tuple(points), probability, scale, n, SHRINKAGE * mean, spread, persistence)


def _edges(
    middle: Numbers, error: Numbers, h: Numbers, freedom: int, widening: Mapping[int, Widening]
) -> Numbers:
    """Array of years ahead × 5 on the scale of the walk: the middle, then the low and the high edge
    of each band, the inner one first."""
    edges, half = [middle], np.zeros_like(h)
    for band in BANDS:
        # An outer band is never inside an inner one, however far their lines go.
        half = np.maximum(half, quantile(band, freedom) * error * widening[band].at(h))
        edges += [middle - half, middle + half]
    return np.array(edges).T


def chance(ahead: Numbers, width: Numbers, freedom: NDArray[np.int64]) -> Numbers:
    """Probability of what lies `ahead` (behind: negative) of the target being at it or beyond it.

    `width`: the standard error as wide as the inner band is drawn.
    """
    found: Numbers = stdtr(freedom, ahead / width)
    return found


def probability_words(probability: float | None) -> str | None:
    """The European Environment Agency's word for the prospects of meeting a target."""
    if probability is None:
        return None
    if probability >= VERY_LIKELY:
        return "very_likely"
    if probability <= VERY_UNLIKELY:
        return "very_unlikely"
    return "likely_but_uncertain" if probability >= LIKELY else "unlikely_but_uncertain"


@cache
def quantile(band: int, freedom: int) -> float:
    """Half the width of the Student-t's central `band` %, in standard errors."""
    return float(stdtrit(freedom, 0.5 + band / 200))


def _unscaled(x: float, scale: str, bounds: tuple[float | None, float | None]) -> float | None:
    """A number on the scale of the walk in the unit of the series, cut at its bounds."""
    low, high = bounds
    try:
        value = math.exp(x) if scale == "log" else x
    except OverflowError:
        return high
    value = value if low is None else max(low, value)
    value = value if high is None else min(high, value)
    return value + 0.0 if math.isfinite(value) else None
