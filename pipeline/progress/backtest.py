"""How well the projections would have done: bands held against history that they had not seen.

Fits the widening of the bands and measures what they then hold, each series by a factor that
was fitted on all the others (leave one series out). The walk itself is in projection.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.progress.method import BANDS, HELD, HORIZONS, LEAST_SERIES
from pipeline.progress.projection import fit, quantile, widening_at


@dataclass(frozen=True)
class History:
    """One series on the scale on which it is projected (`log` or `level`).

    `name` is the series' own: two scales of one series are held out together. `lent`: it is no
    indicator's, and tries the bands only.
    """

    name: str
    scale: str
    years: Sequence[int]
    values: Sequence[float]
    lent: bool = False


@dataclass(frozen=True)
class Coverage:
    """What held at one horizon. Coverages are shares of forecasts; `raw_*` are un-widened.
    `n_series_lent` of the `n_series` are no indicator's.

    `coverage_*` are measured leaving one series out. `fitted` is the factor that this horizon
    alone asks for; `widening` is the one in use, on the line through all horizons' factors:
    `widening_base` + `widening_per_year` × horizon.
    """

    horizon: int
    n_series: int
    n_series_lent: int
    n_forecasts: int
    raw_coverage_80: float
    raw_coverage_95: float
    coverage_80: float
    coverage_95: float
    fitted: float
    widening: float
    widening_base: float
    widening_per_year: float


def coverage(histories: Iterable[History]) -> list[Coverage]:
    """A row for each horizon that at least LEAST_SERIES series reach; empty if fewer than two do.

    Every year of every series that has enough changes before it is an origin: the walk is
    fitted to what lay before, and its band is held against each later year that has a value.
    A ratio is the error ÷ the half-width of the un-widened 80 % band, so the factor that a
    horizon asks for is the 80th percentile of its ratios.
    """
    histories = list(histories)
    lent = {h.name for h in histories if h.lent}
    errors, names = _errors(histories)
    reached = [h for h in HORIZONS if len({e[0] for e in errors.get(h, ())}) >= LEAST_SERIES]
    if len(reached) < 2:
        return []
    owner = {h: np.array([e[0] for e in errors[h]]) for h in reached}
    inner = {h: np.array([e[1] for e in errors[h]]) for h in reached}
    outer = {h: np.array([e[2] for e in errors[h]]) for h in reached}
    order = {h: np.argsort(inner[h], kind="stable") for h in reached}
    counts = np.array([len(np.unique(owner[h])) for h in reached], dtype=float)

    def line(without: int | None) -> tuple[float, float]:
        factors = []
        for h in reached:
            ranked = inner[h][order[h]]
            if without is not None:
                ranked = ranked[owner[h][order[h]] != without]
            factors.append(_percentile(ranked))
        return _line(np.array(reached, dtype=float), np.array(factors), counts)

    whole = line(None)
    held = {h: [0, 0] for h in reached}
    for series in sorted({e[0] for h in reached for e in errors[h]}):
        base, per_year = line(series)
        for h in reached:
            own, factor = owner[h] == series, widening_at(h, base, per_year)
            held[h][0] += int((inner[h][own] <= factor).sum())
            held[h][1] += int((outer[h][own] <= factor).sum())
    return [
        Coverage(
            horizon=h,
            n_series=int(n),
            n_series_lent=sum(names[s] in lent for s in {e[0] for e in errors[h]}),
            n_forecasts=len(errors[h]),
            raw_coverage_80=float((inner[h] <= 1).mean()),
            raw_coverage_95=float((outer[h] <= 1).mean()),
            coverage_80=held[h][0] / len(errors[h]),
            coverage_95=held[h][1] / len(errors[h]),
            fitted=_percentile(inner[h][order[h]]),
            widening=widening_at(h, *whole),
            widening_base=whole[0],
            widening_per_year=whole[1],
        )
        for h, n in zip(reached, counts, strict=True)
    ]


def _errors(
    histories: Iterable[History],
) -> tuple[dict[int, list[tuple[int, float, float]]], list[str]]:
    """By horizon: (series' number, error ÷ half-width of its 80 % band, ÷ that of its 95 %).
    And the series' names by their numbers."""
    found: dict[int, list[tuple[int, float, float]]] = {h: [] for h in HORIZONS}
    numbers: dict[str, int] = {}
    for history in histories:
        number = numbers.setdefault(history.name, len(numbers))
        years = history.years
        log = history.scale == "log"
        values = [math.log(v) for v in history.values] if log else list(history.values)
        for origin in range(len(years) - 1):
            walk = fit(years, values, origin)
            if walk is None or walk.spread == 0:
                continue
            q80, q95 = (quantile(0.5 + band / 200, walk.n - 1) for band in BANDS)
            for later in range(origin + 1, len(years)):
                h = years[later] - years[origin]
                if h not in HORIZONS:
                    break
                middle, error = walk.ahead(values[origin], h)
                missed = abs(values[later] - middle) / error
                found[h].append((number, missed / q80, missed / q95))
    return found, list(numbers)


def _percentile(ranked: NDArray[np.float64]) -> float:
    """The smallest ratio that the share HELD of them do not exceed."""
    return float(ranked[max(0, math.ceil(HELD * len(ranked)) - 1)])


def _line(
    horizons: NDArray[np.float64], factors: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """(base, per year) of the least-squares line, each horizon by its number of series.

    One line in place of ten factors: it does not follow the noise of one horizon, and it goes
    on beyond the last one that can be measured. Never downwards: the far is not surer.
    """
    total = weights.sum()
    x, y = (weights * horizons).sum() / total, (weights * factors).sum() / total
    slope = (weights * (horizons - x) * (factors - y)).sum() / (weights * (horizons - x) ** 2).sum()
    slope = max(0.0, float(slope))
    return float(y - slope * x), slope
