"""Projections: the walk worked by hand, its laws, and what the bands hold when history is held back."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.progress.backtest import Coverage, History, coverage
from pipeline.progress.method import BANDS, HORIZON, LEAST_SERIES, PERSISTENCE
from pipeline.progress.projection import (
    Widening,
    Widenings,
    last_year,
    probability_words,
    project,
)

LAW = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def yearly(*values: float, first: int = 2015) -> dict[int, float]:
    return {first + i: float(v) for i, v in enumerate(values)}


def every(base: float, per_year: float = 0.0) -> Widenings:
    """The same widening of both bands in every class of persistence."""
    return dict.fromkeys(PERSISTENCE, dict.fromkeys(BANDS, Widening(base, per_year)))


# Seven values, six changes: -2 -4 -2 -4 -2 -4, mean -3, of which .65 are carried on: -1.95 a year;
# s² = 6 × 1 / 5 = 1.2.
FALLING = yearly(-100, -102, -106, -108, -112, -114, -118)


# ---- worked by hand ---------------------------------------------------------------------------


def test_on_the_level() -> None:
    found = project(FALLING, 2023, target=-125.0, direction="down")
    assert (found.scale, found.n_changes) == ("level", 6)
    assert found.drift == pytest.approx(-1.95)
    assert found.spread == pytest.approx(math.sqrt(1.2))
    # 2021 + 2: -118 - 3.9 = -121.9; error √1.2 × √(2 + 4/6) = 1.78885; Student-t with 5 degrees of
    # freedom: 1.47588 (80 %), 2.57058 (95 %).
    assert [p.year for p in found.points] == [2022, 2023]
    assert found.central == pytest.approx(-121.9)
    low, high = found.bands[80]
    assert (low, high) == (
        pytest.approx(-121.9 - 1.47588 * 1.78885, abs=1e-4),
        pytest.approx(-121.9 + 1.47588 * 1.78885, abs=1e-4),
    )
    low, high = found.bands[95]
    assert high == pytest.approx(-121.9 + 2.57058 * 1.78885, abs=1e-4)
    # At or below -125: t = -3.1 / 1.78885 = -1.73296, P = .0718.
    assert found.probability == pytest.approx(0.0718, abs=1e-4)
    up = project(FALLING, 2023, target=-125.0, direction="up")
    assert up.probability == pytest.approx(1 - 0.0718, abs=1e-4)


def test_on_the_log_scale() -> None:
    # Doubles and halves in turn, last up: six changes ± ln 2, drift 0, s² = 6 (ln 2)² / 5.
    series = yearly(100, 200, 100, 200, 100, 200, 100)
    found = project(series, 2022, target=100.0, direction="up")
    assert found.scale == "log" and found.drift == 0
    assert found.central == pytest.approx(100)
    error = math.log(2) * math.sqrt(1.2) * math.sqrt(1 + 1 / 6)
    low, high = found.bands[80]
    assert low == pytest.approx(100 * math.exp(-1.47588 * error), abs=1e-3)
    assert high == pytest.approx(100 * math.exp(1.47588 * error), abs=1e-2)
    assert found.probability == pytest.approx(0.5)


def test_net_zero_is_on_the_level_however_positive_the_series() -> None:
    series = yearly(118, 114, 112, 108, 106, 102, 100)
    assert project(series, 2030, target=1.0, direction="down").scale == "log"
    assert project(series, 2030, target=0.0, direction="down").scale == "level"
    assert project(series, 2030).scale == "log"


def test_only_the_last_ten_changes_count() -> None:
    recent = [100 + (i % 3) for i in range(11)]
    long = yearly(5, 7, -3, *recent, first=2010)
    assert project(long, 2030) == project(yearly(*recent, first=2013), 2030)


def test_a_change_over_a_gap_is_divided_by_its_years_and_a_wide_one_left_out() -> None:
    # 2015-2021 and 2023: seven yearly changes, 2 1 2 1 2 1 and 3 / 2, mean 1.5, s² = 1.5 / 6.
    series = {**yearly(0, 2, 3, 5, 6, 8, 9), 2023: 12.0}
    found = project(series, 2025)
    assert (found.n_changes, found.drift) == (7, pytest.approx(0.65 * 1.5))
    assert found.spread == pytest.approx(math.sqrt(0.25))
    assert found.central == pytest.approx(12 + 2 * 0.65 * 1.5)
    # A step of three years is more than twice a yearly publisher's own, and not a two-yearly one's.
    series = {**yearly(0, 2, 3, 5, 6, 8, 9), 2024: 12.0}
    assert project(series, 2025).n_changes == 6
    assert project(series, 2025, cadence=2).n_changes == 7
    assert project(series, 2025).central == pytest.approx(12 + 0.65 * 1.5)


@pytest.mark.parametrize(
    ("changes", "persistence"),
    [
        # Their mean is 0; r = Σ of products of neighbours ÷ Σ of squares.
        ((1, -1, 1, -1, 1, -1), "low"),  # -5 / 6
        ((-3, 0, 0, 1, -1, 3), "low"),  # (-1 - 3) / 20 = -.2: the bound itself
        ((2, -1, -1, 0, 0, 0), "middle"),  # (-2 + 1) / 6
        ((-3, -1, 1, 0, 0, 3), "middle"),  # (3 - 1) / 20 = .1: the bound itself
        ((-2, 0, 1, 1, 0, 0), "high"),  # 1 / 6
    ],
)
def test_persistence_by_hand(changes: tuple[int, ...], persistence: str) -> None:
    values = [0.0]
    for change in changes:
        values.append(values[-1] + change)
    assert project(yearly(*values), 2030).persistence == persistence


def test_what_cannot_be_projected_says_why() -> None:
    def why(series: dict[int, float], end: int = 2030, **more: Any) -> str | None:
        found = project(series, end, **more)
        assert found.points == () and found.bands == {}
        assert found.central is None and found.probability is None
        return found.reason

    assert why({}) == "too_few_points"
    assert why(yearly(1, 2)) == "too_few_points"
    assert why(yearly(1, 2, 3, 4, 5, 7)) == "too_few_points"
    assert why(yearly(5, 5, 5, 5, 5, 5, 5)) == "no_variation"
    assert why(yearly(1, 2, 4, 8, 16, 32, 64)) == "no_variation"  # a line on the log scale
    assert why(FALLING, 2021, target=0.0, direction="up") == "target_year_passed"
    assert why(yearly(-1e300, 1e300, -1e300, 1e300, -1e300, 1e300, 0)) == "not_computable"
    with pytest.raises(ValueError, match="finite"):
        project(yearly(1, 2, math.nan), 2030)
    with pytest.raises(ValueError, match="use up or down"):
        project(FALLING, 2030, direction="sideways")


def test_bands_end_where_the_unit_does() -> None:
    series = yearly(20, 30, 35, 50, 60, 70, 90)
    free = project(series, 2030, target=100.0, direction="up")
    kept = project(series, 2030, target=100.0, direction="up", bounds=(0, 100))
    assert free.bands[95][1] is not None and free.bands[95][1] > 100
    assert kept.bands[95][1] == 100 and kept.central == 100
    assert kept.probability == free.probability
    # What no number can hold is left out; with a bound it is the bound.
    wild = yearly(1, 1e40, 1, 1e40, 1e80, 1e120, 1e160)
    assert project(wild, 2045).bands[95][1] is None
    assert project(wild, 2045, bounds=(0, 1e300)).bands[95][1] == 1e300


def test_a_widened_band_is_that_many_times_as_wide() -> None:
    plain = project(FALLING, 2026, target=-130.0, direction="down")
    wide = project(FALLING, 2026, target=-130.0, direction="down", widenings=every(1.2, 0.06))
    for before, after, h in zip(plain.points, wide.points, range(1, 6), strict=True):
        assert None not in (before.high_80, before.low_80, after.high_80, after.low_80)
        factor = (after.high_80 - after.low_80) / (before.high_80 - before.low_80)  # type: ignore[operator]
        assert factor == pytest.approx(1.2 + 0.06 * h)
        assert after.central == before.central
    assert plain.probability is not None and wide.probability is not None
    assert abs(wide.probability - 0.5) < abs(plain.probability - 0.5)


def test_each_class_and_each_band_has_a_widening_of_its_own() -> None:
    lines = {
        "low": {80: Widening(2.0, 0.0), 95: Widening(3.0, 0.5)},
        "high": {80: Widening(7.0, 0.0), 95: Widening(7.0, 0.0)},
    }
    found = project(FALLING, 2023, target=-125.0, direction="down", widenings=lines)
    # As on the level above, the 80 % band twice as wide and the 95 % band 3 + 2 × .5 = 4 times.
    assert found.persistence == "low"
    assert found.bands[80][1] == pytest.approx(-121.9 + 2 * 1.47588 * 1.78885, abs=1e-4)
    assert found.bands[95][0] == pytest.approx(-121.9 - 4 * 2.57058 * 1.78885, abs=1e-4)
    # The chance is as wide as the 80 % band: t = -3.1 / (2 × 1.78885) = -.86648.
    assert found.probability == pytest.approx(stats.t.cdf(-0.86648, 5), abs=1e-5)
    # However the lines run, the outer band holds the inner one.
    lines["low"] = {80: Widening(0.0, 3.0), 95: Widening(1.0, 0.0)}
    crossed = project(FALLING, 2030, widenings=lines)
    assert crossed.bands[95] == crossed.bands[80]
    unknown = project(FALLING, 2030, widenings={"high": lines["high"]})
    assert (unknown.reason, unknown.points) == ("bands_not_measured", ())


def test_the_european_environment_agency_s_words() -> None:
    words = {1.0: "very_likely", 0.9: "very_likely", 0.8999: "likely_but_uncertain",
             0.5: "likely_but_uncertain", 0.4999: "unlikely_but_uncertain",
             0.1001: "unlikely_but_uncertain", 0.1: "very_unlikely", 0.0: "very_unlikely",
             None: None}  # fmt: skip
    for probability, word in words.items():
        assert probability_words(probability) == word


# ---- laws -------------------------------------------------------------------------------------

VALUES = st.lists(st.integers(1, 1000).map(float), min_size=7, max_size=16)
FACTORS = st.sampled_from([1e-6, 1e-3, 2.0, 1e3, 1e6])


@LAW
@given(VALUES, st.sampled_from([0.0, 40.0, 400.0]), FACTORS, st.sampled_from(["up", "down"]))
def test_the_unit_changes_nothing(
    values: list[float], target: float, factor: float, direction: str
) -> None:
    series = yearly(*values, first=2010)
    found = project(series, 2032, target=target, direction=direction)
    scaled = {y: v * factor for y, v in series.items()}
    other = project(scaled, 2032, target=target * factor, direction=direction)
    assert (other.reason, other.scale) == (found.reason, found.scale)
    assume(found.points)
    assert other.probability == pytest.approx(found.probability, abs=1e-9)
    for one, two in zip(found.points, other.points, strict=True):
        for name in ("central", "low_80", "high_80", "low_95", "high_95"):
            left, right = getattr(one, name), getattr(two, name)
            assert (
                (left is None)
                or right is None
                or right == pytest.approx(left * factor, rel=1e-6, abs=1e-6 * factor * max(values))
            )


@LAW
@given(VALUES, st.one_of(st.none(), st.integers(0, 2000).map(float)), st.integers(1, 30))
def test_bands_hold_each_other_and_grow(
    values: list[float], target: float | None, ahead: int
) -> None:
    series = yearly(*values, first=2010)
    end = max(series) + ahead
    found = project(
        series, end, target=target, direction="down", widenings=every(1.05, 0.03), bounds=(0, None)
    )
    assume(found.points)
    assert [p.year for p in found.points] == list(range(max(series) + 1, end + 1))
    for p in found.points:
        edges = [p.low_95, p.low_80, p.central, p.high_80, p.high_95]
        known = [e for e in edges if e is not None]
        assert known == sorted(known) and all(e >= 0 and math.isfinite(e) for e in known)
    assert (found.probability is None) == (target is None)
    if found.probability is not None:
        assert 0 <= found.probability <= 1


@LAW
@given(VALUES, st.integers(1, 2000).map(float))
def test_probability_is_that_of_the_bands(values: list[float], target: float) -> None:
    """The edge of the 80 % band has a chance of 10 %: both are of one distribution."""
    series = yearly(*values, first=2010)
    found = project(series, 2032, target=target, direction="up", widenings=every(1.1))
    assume(found.points)
    high = found.bands[80][1]
    assume(high is not None and 0 < high < 1e200)
    edge = project(series, 2032, target=high, direction="up", widenings=every(1.1))
    assert edge.probability == pytest.approx(0.1, abs=1e-6)


@LAW
@given(VALUES, st.integers(1, 10))
def test_quantiles_and_chances_are_scipy_s(values: list[float], ahead: int) -> None:
    """Recomputed with scipy.stats from the text of METHOD §6, for series without a gap."""
    series = yearly(*values, first=2010)
    end = max(series) + ahead
    found = project(series, end, target=50.0, direction="up")
    assume(found.points)
    logs = [math.log(v) for v in values][-11:]
    changes = [b - a for a, b in pairwise(logs)]
    n, drift = len(changes), sum(changes) / len(changes)
    s = math.sqrt(sum((c - drift) ** 2 for c in changes) / (n - 1))
    middle, error = logs[-1] + ahead * 0.65 * drift, s * math.sqrt(ahead + ahead**2 / n)
    t = stats.t(n - 1, middle, error)
    assert found.probability == pytest.approx(t.sf(math.log(50)), abs=1e-7)
    low, high = found.bands[95]
    assert low == pytest.approx(math.exp(t.ppf(0.025)), rel=1e-6)
    assert high is None or high == pytest.approx(math.exp(t.ppf(0.975)), rel=1e-6)


# ---- held-back history ------------------------------------------------------------------------


def walks(number: int, memory: float = 0.0, seed: int = 1, length: int = 30) -> list[History]:
    """Walks whose yearly change remembers a share of the change before."""
    chance, found = random.Random(seed), []
    for i in range(number):
        level, change, values = 0.0, 0.0, []
        for _ in range(length):
            change = memory * change + chance.gauss(0, 1)
            level += 0.5 + change
            values.append(level)
        found.append(History(f"walk {i}", f"walk {i}", "level", range(1990, 1990 + length), values))
    return found


def by_horizon(histories: list[History], persistence: str = "all") -> dict[int, Coverage]:
    return {row.horizon: row for row in coverage(histories) if row.persistence == persistence}


def test_of_true_walks_the_plain_band_holds_what_it_says() -> None:
    rows = by_horizon(walks(200))
    assert list(rows) == list(range(1, 11))
    for row in rows.values():
        assert row.n_series == 200
        # A little more: of a mean change that is shrunken less can be wrong.
        assert 0.78 <= row.raw_coverage_80 <= 0.87
        assert 0.94 <= row.raw_coverage_95 <= 0.98
        assert row.coverage_80 == pytest.approx(0.80, abs=0.03)
        assert row.coverage_95 == pytest.approx(0.95, abs=0.02)
    for row in by_horizon(walks(200), "middle").values():
        assert row.widening == pytest.approx(1, abs=0.15)


def test_of_walks_with_memory_it_holds_too_little_until_it_is_widened() -> None:
    histories = walks(200, memory=0.6)
    rows, high = by_horizon(histories), by_horizon(histories, "high")
    assert rows[5].raw_coverage_80 < 0.75 and high[5].raw_coverage_80 < 0.70
    assert high[5].widening is not None and high[5].widening > 1.3
    assert high[8].widening > high[2].widening  # type: ignore[operator]
    assert rows[5].coverage_80 == pytest.approx(0.80, abs=0.03)
    assert high[5].coverage_80 == pytest.approx(0.80, abs=0.03)


def test_each_class_has_the_width_that_it_needs() -> None:
    """Half of the series remember their last change and half go back on it."""
    histories = [
        History(f"{w.name} {memory}", w.indicator, "level", w.years, w.values)
        for memory in (-0.6, 0.6)
        for w in walks(100, memory)
    ]
    rows = {(row.horizon, row.persistence): row for row in coverage(histories)}
    low, high, whole = (rows[3, c] for c in ("low", "high", "all"))
    assert low.widening is not None and high.widening is not None
    assert low.widening < 1 < high.widening
    assert low.raw_coverage_80 > 0.83 and high.raw_coverage_80 < 0.75
    for row in (low, high, whole):
        assert row.coverage_80 == pytest.approx(0.80, abs=0.04)
    assert whole.widening is None and whole.fitted is None
    assert whole.n_forecasts == sum(rows[3, c].n_forecasts for c in ("low", "middle", "high"))


def test_what_is_left_out_is_measured_by_the_others_factor() -> None:
    """By hand, in plain Python: refit without each indicator, that is six series, and count."""
    histories = [
        History(w.name, f"indicator {i // 6}", "level", w.years, w.values)
        for i, w in enumerate(walks(48, memory=0.1, seed=7, length=24))
    ]
    rows = coverage(histories)
    classes = {(r.horizon, r.persistence): r for r in rows}
    held, total = Counter[tuple[int, str, int]](), Counter[tuple[int, str]]()
    for owner in {h.indicator for h in histories}:
        others = [h for h in histories if h.indicator != owner]
        factors = {(r.horizon, r.persistence): r for r in coverage(others)}
        for history in [h for h in histories if h.indicator == owner]:
            values = list(history.values)
            for h in (1, 3, 5):
                for origin in range(6, 24 - h):
                    steps = [
                        values[k] - values[k - 1] for k in range(max(1, origin - 9), origin + 1)
                    ]
                    n, mean = len(steps), sum(steps) / len(steps)
                    rest = [step - mean for step in steps]
                    squares = sum(r * r for r in rest)
                    r = sum(a * b for a, b in pairwise(rest)) / squares
                    place = "low" if r <= -0.2 else "middle" if r <= 0.1 else "high"
                    error = math.sqrt(squares / (n - 1)) * math.sqrt(h + h * h / n)
                    missed = abs(values[origin + h] - values[origin] - h * 0.65 * mean)
                    total[h, place] += 1
                    f = factors[h, place]
                    held[h, place, 80] += missed <= f.widening * stats.t.ppf(0.9, n - 1) * error
                    held[h, place, 95] += (
                        missed <= f.widening_95 * stats.t.ppf(0.975, n - 1) * error
                    )
    for (h, place), n in total.items():
        row = classes[h, place]
        assert row.n_forecasts == n
        for band in (80, 95):
            assert getattr(row, f"coverage_{band}_indicator_out") == pytest.approx(
                held[h, place, band] / n
            )


def test_a_series_is_left_out_as_an_indicator_is_that_has_no_other() -> None:
    for row in coverage(walks(40, memory=0.3, seed=3)):
        assert row.coverage_80 == row.coverage_80_indicator_out
        assert row.coverage_95 == row.coverage_95_indicator_out
    shared = [
        History(w.name, "" if i < 20 else w.name, "level", w.years, w.values)
        for i, w in enumerate(walks(40, memory=0.3, seed=3))
    ]
    assert any(row.coverage_80 != row.coverage_80_indicator_out for row in coverage(shared))


def test_without_another_indicator_nothing_is_measured_of_it() -> None:
    histories = [History(w.name, "one", "level", w.years, w.values) for w in walks(60)]
    for row in coverage(histories):
        assert row.coverage_80 > 0 and row.coverage_80_indicator_out is None


def test_two_scales_of_one_series_count_once_and_are_held_out_together() -> None:
    positive = [
        History(w.name, w.name, "level", w.years, [v + 1000 for v in w.values]) for w in walks(30)
    ]
    both = positive + [History(w.name, w.name, "log", w.years, w.values) for w in positive]
    one, two = by_horizon(positive)[3], by_horizon(both)[3]
    assert two.n_series == one.n_series == 30
    assert two.n_forecasts == 2 * one.n_forecasts


def test_the_order_of_the_series_does_not_matter() -> None:
    histories = walks(30, memory=0.3)
    assert coverage(histories) == coverage(list(reversed(histories)))


def test_too_few_series_measure_nothing() -> None:
    assert coverage([]) == []
    assert coverage(walks(LEAST_SERIES - 1)) == []
    short = [
        History(str(i), str(i), "level", range(2000, 2005), [1, 2, 3, 4, 5]) for i in range(50)
    ]
    assert coverage(short) == []
    flat = [History(str(i), str(i), "level", range(2000, 2020), [3.0] * 20) for i in range(50)]
    assert coverage(flat) == []


def test_a_row_is_projected_to_its_target_and_a_direction_five_years_or_further() -> None:
    assert last_year("level", 2050, 2024) == 2050
    assert last_year("direction", None, 2022) == 2022 + HORIZON == 2027
    assert last_year("direction", 2035, 2022) == 2035
    assert last_year("direction", 2024, 2022) == 2027
    assert HORIZON in by_horizon(walks(30))  # and what the band holds there is measured
