"""Trends, and the statuses that they give, against cases worked by hand."""

from __future__ import annotations

import itertools
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, theilslopes

from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.status import by_trend
from pipeline.progress.trend import Trend, kendall_p, trend_of

R = date(2026, 11, 23)


def asked(**changes: Any) -> Question:
    plain: dict[str, Any] = {"direction": "up", "fit": "direct", "cadence": 1, "kind": "direction"}
    return Question(**(plain | changes))


def run(last: int, *values: float) -> list[Observation]:
    first = last - len(values) + 1
    return [Observation(first + i, float(v)) for i, v in enumerate(values)]


def series(last: int, *values: float) -> dict[int, float]:
    return {o.year: o.value for o in run(last, *values)}


def verdict(*values: float, **question: Any) -> str:
    return assess(asked(**question), run(2025, *values), R).status


# ---- Kendall's p ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "p"),
    [
        ((1, 2, 3, 4), 2 / 24),  # two of the 24 orderings lie as far from chance
        ((4, 3, 2, 1), 2 / 24),
        ((1, 2, 2, 3), 2 / 12),  # 12 orderings of 1 2 2 3, two of them sorted: a tie is no evidence
        ((1, 2, 3, 4, 5), 2 / 120),
        ((1, 2, 3, 5, 4), 10 / 120),  # S = 8: one exchange of neighbours, 4 ways, and mirrored
        ((7, 7, 7, 7, 7, 7, 7, 7, 7, 7), 1.0),
        ((7, 7, 7), 1.0),
    ],
)
def test_p_is_exact_over_all_orderings(values: tuple[float, ...], p: float) -> None:
    assert kendall_p(range(len(values)), values) == pytest.approx(p)


@given(st.lists(st.integers(1, 4), min_size=4, max_size=6))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_p_counts_every_ordering_also_with_ties(values: list[int]) -> None:
    def s(order: tuple[int, ...]) -> int:
        return sum((b > a) - (b < a) for a, b in itertools.combinations(order, 2))

    orders = list(itertools.permutations(values))
    as_far = sum(abs(s(order)) >= abs(s(tuple(values))) for order in orders)
    p = 1.0 if len(set(values)) == 1 else as_far / len(orders)
    assert kendall_p(range(len(values)), values) == pytest.approx(p)


@given(st.lists(st.floats(0.5, 99), min_size=4, max_size=14, unique=True))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_slope_and_p_are_those_that_scipy_gives(values: list[float]) -> None:
    found = trend_of(series(2025, *values), length=20)
    assert found is not None and found.slope is not None
    years, heights = list(found.heights), list(found.heights.values())
    assert found.slope == pytest.approx(theilslopes(heights, years).slope, abs=1e-12)
    assert kendall_p(years, values) == pytest.approx(kendalltau(years, values).pvalue)


# ---- the window and the scale -----------------------------------------------------------------


def test_a_trend_takes_eleven_years_and_no_break() -> None:
    values = series(2025, *range(100, 120))
    found = trend_of(values)
    assert found is not None and (found.start, found.latest, found.n) == (2015, 2025, 11)
    after = trend_of(values, (2010, 2020, 2030))
    assert after is not None and (after.start, after.n) == (2020, 6)
    # Two-yearly: five points in ten years would start in 2017; six start in 2015.
    sparse = {year: values[year] for year in range(2007, 2026, 2)}
    found = trend_of(sparse)
    assert found is not None and (found.start, found.n) == (2015, 6)


def test_too_short_is_no_trend() -> None:
    assert trend_of(series(2025, 1, 2, 3)) is None
    assert trend_of({2022: 1.0, 2023: 2.0, 2024: 3.0, 2025: 4.0}) is not None
    assert trend_of({2023: 1.0, 2024: 3.0, 2025: 4.0, 2014: 1.0}) is None
    assert trend_of(series(2025, 1, 2, 3, 4, 5), (2023,)) is None


def test_slopes_are_in_percent_a_year() -> None:
    # 10 % a year compound; then 3 a year of a median of 6.
    grows = trend_of(series(2025, 100, 110, 121, 133.1, 146.41))
    assert grows is not None and grows.scale == "log" and grows.pct == pytest.approx(10)
    level = trend_of(series(2025, 0, 3, 6, 9, 12), may_be_zero=True)
    assert level is not None and level.scale == "share" and level.pct == pytest.approx(50)
    none = trend_of(series(2025, 0, 3, 6, 9, 12))
    assert none is not None and none.pct is None


# ---- persistence ------------------------------------------------------------------------------


def test_values_that_follow_one_another_are_less_evidence() -> None:
    # Heights 0 1 2 6 7 8 on the scale of shares (median 4 → × 25). All in order: p = 2/720.
    # Slopes between pairs: five of 1 and one of 4 over one year; over two 1, 2.5, 2.5, 1; over
    # three 2, 2, 2; over four 7/4 twice; over five 8/5: the median of the fifteen is 7/4.
    # Residuals from 7/4: 0 −.75 −1.5 .75 0 −.75, mean −.375: .375 −.375 −1.125 1.125 .375 −.375.
    # Squares .140625 × 4 + 1.265625 × 2 = 3.09375; products of neighbours −.140625 + .421875 −
    # 1.265625 + .421875 − .140625 = −.703125: no persistence.
    plain = trend_of(series(2025, 0, 1, 2, 6, 7, 8), may_be_zero=True)
    assert plain is not None and plain.p == pytest.approx(2 / 720)
    assert plain.slope == pytest.approx(25 * 7 / 4)
    # A slow wave about a line: residuals of one sign follow each other, and p grows.
    wave = [10 + i + 2 * math.sin(i / 2) for i in range(11)]
    found = trend_of(series(2025, *wave), may_be_zero=True)
    assert found is not None
    assert kendall_p(range(11), wave) < found.p
    # With five observations nothing is said of persistence.
    short = trend_of(series(2025, 1, 2, 3, 5, 4))
    assert short is not None and short.p == pytest.approx(10 / 120)


# ---- the status -------------------------------------------------------------------------------


def made(pct: float, p: float = 0.01, n: int = 11) -> Trend:
    """A trend of `pct` % a year on the scale of shares."""
    return Trend(2015, 2025, n, p, {2015: 0.0, 2025: 10 * pct}, "share", 100.0, pct)


@pytest.mark.parametrize(
    ("pct", "status"),
    [
        (1.0, "improving"),
        (math.nextafter(1, 0), "slightly_improving"),
        (0.05, "slightly_improving"),
        (math.nextafter(0.05, 0), "stable"),
        (0.0, "stable"),
        (-math.nextafter(0.05, 0), "stable"),
        (-0.05, "slightly_worsening"),
        (-1.0, "slightly_worsening"),
        (-math.nextafter(1, 2), "worsening"),
    ],
)
def test_cuts_are_held_against_unrounded_numbers(pct: float, status: str) -> None:
    assert by_trend(made(pct), [made(pct)], 1.0) == status
    mirrored = by_trend(made(-pct), [made(-pct)], -1.0)
    assert mirrored == status


@pytest.mark.parametrize(
    ("trend", "confirming", "status"),
    [
        (made(2, p=0.10), [made(2)], "no_clear_trend"),  # p of exactly .10 is noise
        (made(2, p=math.nextafter(0.1, 0)), [made(2)], "improving"),
        (made(2, n=4), [made(2)], "no_clear_trend"),  # four points, whatever their order
        (made(2, n=5), [made(2)], "improving"),
        (made(2), [], "no_clear_trend"),  # only its own window shows it
        (made(2), [made(2, p=0.2), made(-2)], "no_clear_trend"),
        (made(2), [made(0.01), made(3, n=4)], "no_clear_trend"),
        (made(2), [made(-2), made(0.05)], "improving"),
        (made(0.01, p=0.9), [], "stable"),  # no slope is no question of evidence
    ],
)
def test_a_trend_must_be_clear_and_confirmed(
    trend: Trend, confirming: list[Trend], status: str
) -> None:
    assert by_trend(trend, confirming, 1.0) == status


def test_four_points_in_order_are_no_clear_trend_and_five_are() -> None:
    assert verdict(1, 2, 3, 4) == "no_clear_trend"
    assert verdict(1, 2, 3, 4, 5) == "improving"
    assert verdict(1, 2, 2, 3, 4) == "improving"  # 1 2 2 3 4: two of 60 orderings
    assert verdict(1, 2, 2, 3, 3) == "improving"  # two of 30: .067
    assert verdict(2, 1, 1, 3, 3) == "no_clear_trend"


def test_a_start_in_a_trough_is_no_trend() -> None:
    # 2015 to 2025 rises; from 2017 it falls, and from 2013 it fell into the trough.
    trough = (30, 20, 5, 6, 20, 19, 18, 17, 21, 16, 15.5, 15.2, 15.1)
    row = assess(asked(), run(2025, *trough), R)
    assert row.status == "no_clear_trend"


def test_a_trend_that_has_turned_of_late_says_so() -> None:
    # Up by 10 a year to 2022, then down by 1 a year: −3 of 170 over three years is −.59 % a year.
    rises = [100 + 10 * i for i in range(8)]
    row = assess(asked(), run(2025, *rises, 169, 168, 167), R)
    assert (row.status, row.turning) == ("improving", True)
    # −2 of 170 over three years is −.39 %: too little to call it turned.
    row = assess(asked(), run(2025, *rises, 170, 169, 168), R)
    assert (row.status, row.turning) == ("improving", False)
    row = assess(asked(), run(2025, *rises, 171, 172, 173), R)
    assert row.turning is False


def test_reasons_of_a_row_that_its_trend_decides() -> None:
    assert assess(asked(), run(2025, 1, 2, 3), R).reason == "too_few_points"
    assert assess(asked(breaks=(2024,)), run(2025, 1, 2, 3, 4, 5), R).reason == "series_break"
    assert assess(asked(), run(2025, -1, 2, 3, 4, 5), R).reason == "not_computable"
    # Not the short window: six points in ten years, two in the last five.
    sparse = [Observation(y, float(y - 1900)) for y in (2015, 2016, 2017, 2018, 2024, 2025)]
    assert assess(asked(), sparse, R).status == "slightly_improving"


# ---- rows with a number -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latest", "position", "status"),
    [
        (49.0, "ahead", "on_track"),
        (50.0, "ahead", "on_track"),  # on the path: 100 in 2015 to 0 in 2035, half-way
        (55.0, "near", "on_track"),  # 5 of the 50 that are due: exactly 10 %
        (math.nextafter(55, 56), "behind", "catching_up"),
    ],
)
def test_a_pace_that_suffices_is_on_track_where_the_way_is_done(
    latest: float, position: str, status: str
) -> None:
    # Level for years and then 9 a year: enough from 2020 on, whatever the way before.
    values = [100.0, 100, 100, 100, 100, 100, 92, 83, 74, 65, latest]
    number = asked(kind="level", direction="down", number=0.0, target_year=2035, base_year=2015)
    row = assess(number, run(2025, *values), R)
    assert row.ratio_short is not None and row.ratio_short >= 0.95
    assert (row.position, row.status) == (position, status)


def test_a_position_needs_a_path_and_a_status() -> None:
    number = asked(kind="level", direction="down", number=0.0, target_year=2035)
    assert assess(number, run(2025, *range(60, 50, -1)), R).position is None
    based = asked(kind="level", direction="down", number=0.0, target_year=2035, base_year=2025)
    assert assess(based, run(2025, *range(60, 50, -1)), R).position is None
    early = asked(kind="level", direction="down", number=0.0, target_year=2035, base_year=2023)
    row = assess(early, run(2025, 60, 59, 58), R)
    assert (row.status, row.position) == ("not_assessable", None)


def test_a_short_window_follows_the_cadence() -> None:
    number = asked(kind="level", number=50.0, target_year=2035, cadence=2)
    two_yearly = [Observation(y, float(y - 2000)) for y in range(2005, 2026, 2)]
    assert assess(number, two_yearly, R).window_start == 2015
    yearly = asked(kind="level", number=50.0, target_year=2035)
    assert assess(yearly, run(2025, *range(5, 26)), R).window_start == 2020
    rare = asked(kind="level", number=50.0, target_year=2035, cadence=5)
    every_five = [Observation(y, float(y - 2000)) for y in range(2005, 2026, 5)]
    assert assess(rare, every_five, R).reason == "too_few_points"


def test_a_target_that_the_unit_does_not_hold_leaves_the_direction() -> None:
    # 25 % more than 85 % is 106 %; the row is judged by its trend and says so.
    share = asked(kind="change", number=0.25, base_year=2019, target_year=2030, bound_high=100.0)
    row = assess(share, run(2025, 85, 86, 87, 88, 89, 90, 91), R)
    assert (row.status, row.target_impossible) == ("improving", True)
    assert row.target_value is None and row.tie == row.trend_pct
    # Exactly at the limit is beyond it; below it is a target.
    at = asked(kind="change", number=0.25, base_year=2019, target_year=2030, bound_high=106.25)
    assert assess(at, run(2025, 85, 86, 87, 88, 89, 90, 91), R).target_impossible is True
    below = asked(kind="change", number=0.1, base_year=2019, target_year=2030, bound_high=100.0)
    row = assess(below, run(2025, 85, 86, 87, 88, 89, 90, 91), R)
    assert (row.target_impossible, row.target_value) == (False, pytest.approx(93.5))


@pytest.mark.parametrize(
    ("years", "cadence", "base", "expected"),
    [
        ((2014, 2016, 2018, 2020, 2022), 2, 2020, 2026),  # 2020, 2022, 2024, 2026
        ((2019, 2020, 2021, 2022, 2023), 1, 2021, 2024),  # 2021, 2022, 2023, 2024
        ((2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023), 1, 2023, 2026),
        ((2022, 2023), 1, 2022, None),  # too few whatever the base year
        ((2019, 2020, 2021, 2022, 2023), 1, 2019, None),  # long enough
    ],
)
def test_from_which_year_a_row_can_be_judged(
    years: tuple[int, ...], cadence: int, base: int, expected: int | None
) -> None:
    gain = asked(kind="gain", number=9.0, base_year=base, target_year=2040, cadence=cadence)
    row = assess(gain, [Observation(y, float(y - 2000)) for y in years], R)
    assert row.assessable_from == expected
    assert (row.reason == "too_few_points") is (expected is not None or len(years) < 4)
