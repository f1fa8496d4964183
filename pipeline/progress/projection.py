"""The past carried on: a random walk with drift, its bands and the chance of a target (METHOD §6).

An extrapolation, not the effect of policy. How far the bands must be widened is measured in
backtest.py; official projections are a registry entry and are not computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from scipy.special import stdtr, stdtrit

from pipeline.progress.method import (
    BANDS,
    CHANGES,
    HORIZON,
    LEAST_CHANGES,
    LIKELY,
    VERY_LIKELY,
    VERY_UNLIKELY,
)

_ROUNDING: Final = 1e-12


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
    `not_computable`. `drift` and `spread` are a year's, in units (`level`) or in ln (`log`).
    """

    points: tuple[Point, ...] = ()
    probability: float | None = None
    scale: str | None = None
    n_changes: int = 0
    drift: float | None = None
    spread: float | None = None
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
class Walk:
    """A fitted random walk: drift and spread of a year, from `n` changes over `span` years."""

    drift: float
    spread: float
    n: int
    span: int

    def ahead(self, start: float, h: int) -> tuple[float, float]:
        """(forecast, standard error) `h` years after the value `start`.

        The second term is what is not known of the drift: h²·s²/n, n in years.
        """
        error = self.spread * math.sqrt(h + h * h / self.span)
        return start + h * self.drift, error


def fit(years: Sequence[int], values: Sequence[float], last: int | None = None) -> Walk | None:
    """The walk up to index `last` (default: the end), None with fewer than LEAST_CHANGES changes.

    `years` ascending. A change over k years counts as k years of the walk: its mean is k·drift
    and its variance k·s², so a gap is neither filled in nor taken for one year's change.
    """
    end = len(years) - 1 if last is None else last
    n = min(end, CHANGES)
    if n < LEAST_CHANGES:
        return None
    first = end - n
    span = years[end] - years[first]
    drift = (values[end] - values[first]) / span
    try:
        squares = math.fsum(
            (values[i] - values[i - 1] - drift * (years[i] - years[i - 1])) ** 2
            / (years[i] - years[i - 1])
            for i in range(first + 1, end + 1)
        )
    except OverflowError:  # squares of more than 1e154
        squares = math.inf
    spread = math.sqrt(squares / (n - 1))
    if spread <= _ROUNDING * max(map(abs, values[first : end + 1])):
        spread = 0.0  # a straight line but for the last digits
    return Walk(drift, spread, n, span)


def scale_of(values: Sequence[float], target: float | None) -> str:
    """`log` where the last values and the target are all above 0, else `level`.

    A target of 0 has no logarithm, so net zero is always on the level (METHOD §2).
    """
    positive = all(v > 0 for v in values[-(CHANGES + 1) :])
    return "log" if positive and (target is None or target > 0) else "level"


def last_year(kind: str, target_year: int | None, latest: int) -> int:
    """How far a row is projected: to its target's year; a direction at least HORIZON years."""
    if kind == "direction" or target_year is None:
        return max(latest + HORIZON, target_year or 0)
    return target_year


def widening_at(horizon: int, base: float, per_year: float) -> float:
    """How many times as wide as the walk's own a band `horizon` years ahead is; never narrower."""
    return max(1.0, base + per_year * horizon)


def project(
    series: Mapping[int, float],
    target_year: int,
    *,
    target: float | None = None,
    direction: str | None = None,
    widening: float = 1.0,
    widening_per_year: float = 0.0,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Projection:
    """`series` (value by year, one unit throughout, no break in it) carried on to `target_year`.

    On the log scale where series and target are above 0, else on the level. Bands are those of
    a Student-t with n - 1 degrees of freedom, `widening` + `widening_per_year` × years ahead
    times as wide; they end where the unit does (`bounds`). Probability needs `target` and
    `direction` (up: at or above it). ValueError: a value that is not finite, or a direction
    other than up and down.
    """
    if direction not in ("up", "down", None):
        raise ValueError(f"direction: {direction!r} is unknown; use up or down")
    years = sorted(series)
    values = [float(series[y]) for y in years]
    if not all(map(math.isfinite, [*values, 0.0 if target is None else target])):
        raise ValueError("series and target: every value must be a finite number")
    if years and target_year <= years[-1]:
        return Projection(reason="target_year_passed")
    scale = scale_of(values, target)
    log = scale == "log"
    # Only what the walk is fitted to: what lies before may be 0 or less.
    years, values = years[-(CHANGES + 1) :], values[-(CHANGES + 1) :]
    scaled = [math.log(v) for v in values] if log else values
    walk = fit(years, scaled)
    if walk is None:
        return Projection(reason="too_few_points", n_changes=max(0, len(years) - 1))
    if not math.isfinite(walk.drift) or not math.isfinite(walk.spread):
        return Projection(reason="not_computable", n_changes=walk.n)
    if walk.spread == 0:
        # A series that never varied gives bands without width: a certainty that it cannot claim.
        return Projection(reason="no_variation", n_changes=walk.n)
    quantiles = {band: quantile(0.5 + band / 200, walk.n - 1) for band in BANDS}

    def unscaled(x: float) -> float | None:
        try:
            value = math.exp(x) if log else x
        except OverflowError:
            return None if bounds[1] is None else bounds[1]
        low, high = bounds
        value = value if low is None else max(low, value)
        value = value if high is None else min(high, value)
        return value + 0.0 if math.isfinite(value) else None

    points = []
    for year in range(years[-1] + 1, target_year + 1):
        h = year - years[-1]
        middle, error = walk.ahead(scaled[-1], h)
        error *= widening_at(h, widening, widening_per_year)
        edges = [unscaled(middle + sign * quantiles[b] * error) for b in BANDS for sign in (-1, 1)]
        points.append(Point(year, unscaled(middle), *edges))
    probability = None
    if target is not None and direction is not None:
        goal = math.log(target) if log else target
        ahead = (middle - goal) / error
        probability = _below(ahead if direction == "up" else -ahead, walk.n - 1)
    return Projection(tuple(points), probability, scale, walk.n, walk.drift, walk.spread)


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
def quantile(probability: float, freedom: int) -> float:
    """Student-t quantile."""
    return float(stdtrit(freedom, probability))


def _below(x: float, freedom: int) -> float:
    return float(stdtr(freedom, x))
