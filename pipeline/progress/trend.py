"""The trend of a series and whether it is more than noise: METHOD.md §3.

Theil-Sen's slope and Kendall's S between year and value. What a trend means for a status belongs
in status.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from statistics import median

from scipy.special import ndtr, ndtri

from pipeline.progress.method import (
    EXACT_UP_TO,
    MIN_POINTS,
    MIN_SPAN,
    PERSISTENCE_FROM,
    TREND_WINDOW,
    TURN_PCT,
    TURN_YEARS,
)
from pipeline.progress.paces import finite

_ROUNDING = 1e-12  # residuals below this share of the heights are those of a straight line


@dataclass(frozen=True)
class Trend:
    """A trend from the year `start` to `latest` with `n` observations.

    `heights` (by year) are what the slope is taken of: ln of the values (`scale` log) or, where a
    value is not above 0, % of their median `middle` (`share`); `slope` is a year's, on that
    scale. All are None, and `heights` empty, where neither scale applies. `p` is two-sided,
    corrected for persistence.
    """

    start: int
    latest: int
    n: int
    p: float
    heights: Mapping[int, float]
    scale: str | None = None
    middle: float | None = None
    slope: float | None = None

    @property
    def pct(self) -> float | None:
        """The slope in % a year; None without a finite one."""
        return None if self.slope is None else in_pct(self.scale, self.slope)

    @property
    def turning(self) -> bool:
        """Whether the last TURN_YEARS years, or the nearest span that is longer, went the other
        way by at least TURN_PCT % a year."""
        earlier = [year for year in self.heights if year <= self.latest - TURN_YEARS]
        if self.slope is None or not earlier:
            return False
        since = max(earlier)
        change = (self.heights[self.latest] - self.heights[since]) / (self.latest - since)
        lately = in_pct(self.scale, change)
        return lately is not None and lately * self.slope < 0 and abs(lately) >= TURN_PCT


def in_pct(scale: str | None, slope: float) -> float | None:
    """A slope on the scale of a trend in % a year."""
    if scale != "log":
        return finite(slope)
    try:
        return finite(100 * math.expm1(slope))
    except OverflowError:
        return None


def trend_of(
    values: Mapping[int, float],
    breaks: Sequence[int] = (),
    *,
    may_be_zero: bool = False,
    length: int = TREND_WINDOW,
) -> Trend | None:
    """The trend of the last `length` years, after the last break in `breaks`.

    None with fewer than MIN_POINTS observations there, or where the first of them is less than
    MIN_SPAN years before the last.
    """
    latest = max(values)
    low = max([latest - length, *(year for year in breaks if year <= latest)])
    inside = {year: values[year] for year in sorted(values) if year >= low}
    start = min(inside)
    if len(inside) < MIN_POINTS or latest - start < MIN_SPAN:
        return None
    p = kendall_p(list(inside), list(inside.values()))
    middle = median(inside.values())
    if min(inside.values()) > 0:
        scale, heights = "log", {year: math.log(value) for year, value in inside.items()}
    elif may_be_zero and middle > 0:
        scale, heights = "share", {year: 100 * value / middle for year, value in inside.items()}
    else:
        return Trend(start, latest, len(inside), p, {})
    if not all(map(math.isfinite, heights.values())):
        return Trend(start, latest, len(inside), p, {})
    slope = _slope(heights)
    if slope is not None:
        p = _persistent(p, heights, slope)
    return Trend(start, latest, len(inside), p, heights, scale, middle, slope)


def _slope(heights: Mapping[int, float]) -> float | None:
    """Theil and Sen's: the median of the slopes between all pairs (scipy.stats.theilslopes gives
    the same, and an interval that nobody asks for at fifty times the cost)."""
    pairs = combinations(heights.items(), 2)
    return finite(median((b - a) / (later - year) for (year, a), (later, b) in pairs))


def kendall_p(years: Sequence[int], values: Sequence[float]) -> float:
    """Two-sided p of Kendall's S between `years` (ascending) and `values`.

    For up to EXACT_UP_TO observations exact over all orderings of the values, ties as they are;
    beyond, scipy.stats.kendalltau. 1 where all values are equal.
    """
    order = {value: place for place, value in enumerate(sorted(set(values)))}
    return _p_of_ranks(tuple(order[value] for value in values))


@cache
def _p_of_ranks(ranks: tuple[int, ...]) -> float:
    if len(set(ranks)) == 1:
        return 1.0
    if len(ranks) > EXACT_UP_TO:
        # Imported here: it costs each quick command half a second that it has no use for.
        from scipy.stats import kendalltau

        return float(kendalltau(range(len(ranks)), ranks).pvalue)
    sizes = Counter(ranks)
    orderings = _inversions(tuple(sizes[rank] for rank in sorted(sizes)))
    apart = sum(1 for a, b in combinations(ranks, 2) if a != b)  # pairs that can be inverted
    inverted = sum(1 for a, b in combinations(ranks, 2) if a > b)
    extreme = abs(apart - 2 * inverted)
    as_far = sum(n for k, n in enumerate(orderings) if abs(apart - 2 * k) >= extreme)
    return as_far / sum(orderings)


@cache
def _inversions(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """How many orderings of a multiset have 0, 1, 2 … inversions; `sizes` counts its equal
    members, smallest first."""
    if sum(sizes) == 0:
        return (1,)
    found: Counter[int] = Counter()
    for place, size in enumerate(sizes):
        if size == 0:
            continue
        rest = (*sizes[:place], size - 1, *sizes[place + 1 :])
        before = sum(sizes[:place])  # smaller ones that come after this one
        for k, n in enumerate(_inversions(rest)):
            found[k + before] += n
    return tuple(found[k] for k in range(max(found) + 1))


def _persistent(p: float, heights: Mapping[int, float], slope: float) -> float:
    """p for a series whose values follow one another: fewer observations than it seems."""
    if len(heights) < PERSISTENCE_FROM:
        return p
    start = min(heights)
    residuals = [height - slope * (year - start) for year, height in heights.items()]
    largest = max(map(abs, residuals))
    if not math.isfinite(largest) or largest <= _ROUNDING * max(map(abs, heights.values())):
        return p
    residuals = [e / largest for e in residuals]  # squares of more than 1e154 have no float
    middle = math.fsum(residuals) / len(residuals)
    residuals = [e - middle for e in residuals]
    squares = math.fsum(e * e for e in residuals)
    if squares <= len(residuals) * _ROUNDING**2:
        return p
    r = math.fsum(a * b for a, b in pairwise(residuals)) / squares
    if r <= 0:
        return p
    z = -ndtri(p / 2) * math.sqrt((1 - r) / (1 + r))
    return float(2 * ndtr(-z))
