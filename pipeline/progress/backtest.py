"""How well the projections would have done: bands held against history that they had not seen.

Fits the widening of the bands and measures what they then hold, each series by a widening that
was fitted on all the others, and each indicator by one fitted on all other indicators. The walk
itself is in projection.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.progress.method import (
    BANDS,
    EVERY_CLASS,
    HORIZONS,
    LEAST_SERIES,
    PERSISTENCE,
    SHRINKAGE,
)
from pipeline.progress.projection import (
    Numbers,
    Widening,
    Widenings,
    quantile,
    walks_of,
)

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class History:
    """One series on the scale on which it is projected (`log` or `level`).

    `name` is the series' own: two scales of one series are held out together, and so are all
    series of one `indicator`. `lent`: it is no indicator's, and tries the bands only.
    """

    name: str
    indicator: str
    scale: str
    years: Sequence[int]
    values: Sequence[float]
    cadence: int = 1
    lent: bool = False


@dataclass(frozen=True)
class Forecasts:
    """Arrays with an element for each forecast.

    Numbers of its series and indicator, whether the series is lent, years ahead, place of its
    class in PERSISTENCE, what came minus the forecast (`missed`), its standard error, the
    Student-t's degrees of freedom and the spread of a year's change.
    """

    series: Whole
    indicator: Whole
    lent: NDArray[np.bool_]
    horizon: Whole
    persistence: Whole
    missed: Numbers
    error: Numbers
    freedom: Whole
    spread: Numbers

    def ratio(self, band: int) -> Numbers:
        """Error ÷ half-width of the un-widened band (%): how wide it should have been."""
        known, place = np.unique(self.freedom, return_inverse=True)
        quantiles = np.array([quantile(band, int(n)) for n in known], dtype=np.float64)
        return np.abs(self.missed) / (self.error * quantiles[place])


@dataclass(frozen=True)
class Coverage:
    """What held at one horizon, in one class of persistence or in all of them.

    Coverages are shares of forecasts: `raw_*` un-widened, `coverage_*` leaving one series out,
    `*_indicator_out` leaving all series of one indicator out. `n_series_lent` of the `n_series`
    are no indicator's. None: there is no other indicator to fit on. `fitted*` is the factor that this horizon and class alone ask for,
    `widening*` the one in use, on the class's line `widening_base*` + `widening_per_year*` ×
    horizon; without `_95` those of the 80 % band. All classes together have no factor.
    """

    horizon: int
    persistence: str
    n_series: int
    n_series_lent: int
    n_forecasts: int
    raw_coverage_80: float
    raw_coverage_95: float
    coverage_80: float
    coverage_95: float
    coverage_80_indicator_out: float | None
    coverage_95_indicator_out: float | None
    fitted: float | None = None
    fitted_95: float | None = None
    widening: float | None = None
    widening_95: float | None = None
    widening_base: float | None = None
    widening_per_year: float | None = None
    widening_base_95: float | None = None
    widening_per_year_95: float | None = None


def coverage(histories: Iterable[History]) -> list[Coverage]:
    """A row for each horizon and class that at least LEAST_SERIES series reach, and one for each
    horizon of all classes that could be measured (at two horizons at least)."""
    held = forecasts(histories)
    # By band: the factor that a forecast asks for; was it inside (1, 0; NaN: not measured) where
    # its series, where its indicator was left out?
    ratio = {band: held.ratio(band) for band in BANDS}
    inside = {band: np.full((2, len(held.missed)), np.nan) for band in BANDS}
    measured = np.zeros(len(held.missed), dtype=bool)
    rows = []
    for place, lines in _lines(held).items():
        mine = np.flatnonzero(held.persistence == place)
        measured[mine] = True
        for band, line in lines.items():
            for out, owner in enumerate((held.series[mine], held.indicator[mine])):
                inside[band][out][mine] = line.holds(owner)
        inner, outer = (lines[band] for band in BANDS)
        for n, h in enumerate(inner.reached):
            counted = _counted(held, mine[held.horizon[mine] == h], ratio, inside)
            widened = inner.said(n) | {f"{k}_95": v for k, v in outer.said(n).items()}
            rows.append(Coverage(h, PERSISTENCE[place], **counted, **widened))
    for h in HORIZONS:
        at = np.flatnonzero(measured & (held.horizon == h))
        if len(np.unique(held.series[at])) >= LEAST_SERIES:
            rows.append(Coverage(h, EVERY_CLASS, **_counted(held, at, ratio, inside)))
    return sorted(rows, key=lambda row: row.horizon)


def widenings(held: Forecasts) -> Widenings:
    """As all forecasts together ask; a class that cannot be measured is left out."""
    return {
        PERSISTENCE[place]: {band: line.whole for band, line in lines.items()}
        for place, lines in _lines(held).items()
    }


def _lines(held: Forecasts) -> dict[int, dict[int, _Lines]]:
    """By place of the class and by band, of the classes that two horizons reach."""
    found = {}
    for place in range(len(PERSISTENCE)):
        mine = np.flatnonzero(held.persistence == place)
        horizon, series = held.horizon[mine], held.series[mine]
        reached = [h for h in HORIZONS if len(np.unique(series[horizon == h])) >= LEAST_SERIES]
        if len(reached) >= 2:
            found[place] = {
                band: _Lines(band, reached, horizon, series, held.ratio(band)[mine])
                for band in BANDS
            }
    return found


def _counted(
    held: Forecasts, at: Whole, ratio: Mapping[int, Numbers], inside: Mapping[int, Numbers]
) -> dict[str, Any]:
    """Counts and coverages of the forecasts at these places."""
    return {
        "n_series": len(np.unique(held.series[at])),
        "n_series_lent": len(np.unique(held.series[at][held.lent[at]])),
        "n_forecasts": len(at),
        **{f"raw_coverage_{band}": float((ratio[band][at] <= 1).mean()) for band in BANDS},
        **{f"coverage_{band}": float(inside[band][0][at].mean()) for band in BANDS},
        **{f"coverage_{band}_indicator_out": _share(inside[band][1][at]) for band in BANDS},
    }


def _share(inside: Numbers) -> float | None:
    known = inside[~np.isnan(inside)]
    return float(known.mean()) if len(known) else None


class _Lines:
    """The widening of one band in one class: fitted on all forecasts, and without some of them.

    A horizon asks for the smallest factor that holds the band's share of its forecasts; the line
    through them is by least squares, each horizon by its number of series.
    """

    def __init__(
        self, band: int, reached: Sequence[int], horizon: Whole, series: Whole, ratio: Numbers
    ) -> None:
        self.band, self.reached, self.horizon, self.ratio = band, reached, horizon, ratio
        # By horizon reached: places of its forecasts by rising ratio, and of one a series.
        at = [np.flatnonzero(horizon == h) for h in reached]
        self.ranked = [x[np.argsort(ratio[x], kind="stable")] for x in at]
        self.firsts = [x[np.unique(series[x], return_index=True)[1]] for x in at]

    @cached_property
    def whole(self) -> Widening:
        """Fitted on all forecasts."""
        line = self._line(self._all_factors(), np.array([len(x) for x in self.firsts], dtype=float))
        assert line is not None  # two horizons are reached
        return line

    def said(self, n: int) -> dict[str, Any]:
        """Factors at the n-th horizon, and the line."""
        return {
            "fitted": float(self._all_factors()[n]),
            "widening": self.whole.base + self.whole.per_year * self.reached[n],
            "widening_base": self.whole.base,
            "widening_per_year": self.whole.per_year,
        }

    def holds(self, owner: Whole) -> Numbers:
        """1 where a forecast is inside a band widened as all that are not its owner's ask, else 0;
        NaN where these are too few."""
        owners, owner = np.unique(owner, return_inverse=True)
        factors = np.array([self._factors_without(x, owner, len(owners)) for x in self.ranked]).T
        weights = np.array(
            [len(x) - np.bincount(owner[x], minlength=len(owners)) for x in self.firsts],
            dtype=float,
        ).T
        lines = [self._line(f, w) or _NO_LINE for f, w in zip(factors, weights, strict=True)]
        base, per_year = np.array(lines, dtype=np.float64).reshape(-1, 2)[owner].T
        limit = base + per_year * self.horizon
        return np.where(np.isnan(limit), np.nan, self.ratio <= limit)

    def _all_factors(self) -> Numbers:
        """The factor that each horizon asks for."""
        places = [-(-self.band * len(x) // 100) - 1 for x in self.ranked]  # rounded up
        return np.array([self.ratio[x[p]] for x, p in zip(self.ranked, places, strict=True)])

    def _factors_without(self, ranked: Whole, owner: Whole, n_owners: int) -> Numbers:
        """The factor that a horizon asks for without each owner's forecasts; NaN where none is left.

        In one pass for all owners: fitting anew for each would take the square of their number.
        """
        of = owner[ranked]
        gone = np.bincount(of, minlength=n_owners)
        place = -(-self.band * (len(ranked) - gone) // 100) - 1  # among those that are left
        # `ranks`: the places of each owner's own forecasts in `ranked`, rising, owner by owner. With
        # those taken out everything behind them moves up, so what comes to stand at `place` stood
        # further on by the number of the owner's forecasts before it. The owner's k-th one (k from
        # 0) is among these exactly if its rank less k, where it would stand without the k before
        # it, is at most `place`.
        ranks = np.argsort(of, kind="stable")
        before = np.arange(len(ranks)) - np.repeat(np.cumsum(gone) - gone, gone)
        passed = of[ranks][ranks - before <= place[of[ranks]]]
        place = place + np.bincount(passed, minlength=n_owners)
        left = len(ranked) > gone
        return np.where(left, self.ratio[ranked[np.where(left, place, 0)]], np.nan)

    def _line(self, factors: Numbers, weights: Numbers) -> Widening | None:
        """One line in place of ten factors: it does not follow the noise of one horizon, and it
        goes on beyond the last one that can be measured. Never downwards: the far is not surer.
        None through fewer than two.
        """
        known = ~np.isnan(factors)
        if known.sum() < 2:
            return None
        x, y, w = np.array(self.reached, dtype=float)[known], factors[known], weights[known]
        x0, y0 = (w * x).sum() / w.sum(), (w * y).sum() / w.sum()
        slope = max(0.0, float((w * (x - x0) * (y - y0)).sum() / (w * (x - x0) ** 2).sum()))
        return Widening(float(y0 - slope * x0), slope)


def forecasts(histories: Iterable[History], shrinkage: float = SHRINKAGE) -> Forecasts:
    """Every year of every series that has enough changes before it is an origin: the walk is
    fitted to what lay before, and held against each later year at HORIZONS that has a value.
    What did not vary before is not forecast."""
    series: dict[str, int] = {}
    indicators: dict[str, int] = {}
    found = [_NO_FORECAST]
    for history in histories:
        owner = (
            series.setdefault(history.name, len(series)),
            indicators.setdefault(history.indicator, len(indicators)),
            history.lent,
        )
        years, values = np.asarray(history.years), np.asarray(history.values, dtype=np.float64)
        values = np.log(values) if history.scale == "log" else values
        heights = dict(zip(years.tolist(), values.tolist(), strict=True))
        origins, walks = walks_of(heights, history.cadence)
        wanted = origins[:, None] + np.array(HORIZONS)
        later = np.searchsorted(years, wanted).clip(max=len(years) - 1)
        came = (years[later] == wanted) & (walks.spread > 0)[:, None]
        origin, n = np.nonzero(came)
        walks, horizon = walks.at(origin), np.array(HORIZONS)[n]
        start = values[np.searchsorted(years, origins[origin])]
        middle, error = walks.ahead(start, horizon.astype(np.float64), shrinkage)
        missed = values[later[origin, n]] - middle
        owners = (np.full(len(n), number) for number in owner)
        found.append(
            (*owners, horizon, walks.persistence(), missed, error, walks.n - 1, walks.spread)
        )
    return Forecasts(*map(np.concatenate, zip(*found, strict=True)))


_NO_LINE: Final = Widening(math.nan, math.nan)
# What is joined has its types also where no series is long enough.
_NO_FORECAST: Final = tuple(
    np.zeros(0, kind) for kind in (int, int, bool, int, int, float, float, int, float)
)
