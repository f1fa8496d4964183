"""Fragility against cases worked by hand, and that a zero target's status knows no unit."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.progress.assess import Calculation, Observation, Question, assess
from pipeline.progress.fragility import fragility

R = date(2026, 11, 23)


def run(first: int, *values: float) -> list[Observation]:
    return [Observation(first + i, float(v)) for i, v in enumerate(values)]


def asked(**changes: Any) -> Question:
    plain: dict[str, Any] = {
        "direction": "down", "fit": "direct", "cadence": 1, "kind": "level", "number": 0.0,
        "target_year": 2035,
    }  # fmt: skip
    return Question(**(plain | changes))


def changes(question: Question, series: list[Observation]) -> tuple[str, dict[str, str]]:
    plain = assess(question, series, R)
    return plain.status, dict(fragility(question, series, R, plain).changes)


def test_a_steady_line_is_not_fragile() -> None:
    # 1 a year to 0 in 2035, from 11 in 2024: every way gives a ratio of 1.
    question, series = asked(), run(2015, *range(20, 10, -1))
    plain = assess(question, series, R)
    found = fragility(question, series, R, plain)
    assert (plain.status, found.fragile, dict(found.changes)) == ("on_track", False, {})


def test_without_the_last_year() -> None:
    # 2019-2024: 16 to 11 is 1 a year, needed 16/16 = 1: on track. Without 2024 the window is
    # 2018-2023: (14 - 16)/5 = -0.4 against 16/17 = 0.94: 0.425, insufficient. The line through
    # 2019-2024: slope -14/17.5 = -0.8, start 16.33: 0.8/(16.33/16) = 0.78, too slow. A year more:
    # 16 (2018) to 11 is -5/6 against 16/17: 0.885, too slow.
    series = run(2018, 16, 16, 15, 14.5, 14, 14, 11)
    assert changes(asked(), series) == (
        "on_track",
        {
            "without_last_year": "insufficient",
            "regression": "progress_too_slow",
            "longer_window": "progress_too_slow",
        },
    )


def test_a_regression_line_in_place_of_the_end_points() -> None:
    # 10, 9, 9, 9, 9, 5 over 2019-2024, 0 in 2030. Ends: -1 a year against 10/11: 1.1. Line:
    # slope -12.5/17.5 = -0.714, start 10.286; needed 10.286/11 = 0.935: 0.764, too slow.
    question, series = asked(target_year=2030), run(2019, 10, 9, 9, 9, 9, 5)
    row = assess(question, series, R, Calculation(fitted=True))
    assert row.window_value == pytest.approx(8.5 + 2.5 * 12.5 / 17.5)
    assert row.pace_recent == pytest.approx(-12.5 / 17.5)
    assert row.ratio_short == pytest.approx((12.5 / 17.5) / ((8.5 + 2.5 * 12.5 / 17.5) / 11))
    assert changes(question, series)[1]["regression"] == "progress_too_slow"


def test_a_regression_on_a_compound_pace_runs_through_logarithms() -> None:
    # Halving a year exactly: the line in logarithms is the series itself.
    question = asked(number=0.5, target_year=2030)
    series = run(2019, 64, 32, 16, 8, 4, 2)
    fitted = assess(question, series, R, Calculation(fitted=True))
    assert fitted.pace_recent == pytest.approx(-0.5)
    assert fitted.window_value == pytest.approx(64)


def test_an_achieved_target_stays_so_with_a_regression() -> None:
    # Whether a target is reached is an observation, not a pace.
    assert changes(asked(number=6.0), run(2019, 10, 9, 9, 9, 9, 6))[1].get("regression") is None


def test_a_window_one_year_longer() -> None:
    # Growth 2019-2024 is 0 (stable); from 2018 on it is (10/11)^(1/6) - 1 = -1.6 %: improving.
    # 2018 is in the window of the series that ends a year earlier as well.
    question = asked(kind="direction", number=None, target_year=None)
    series = run(2018, 11, 10, 10, 10, 10, 10, 10)
    assert changes(question, series) == (
        "stable",
        {"without_last_year": "improving", "longer_window": "improving"},
    )


def test_the_other_pace_basis() -> None:
    # The national total: CAGR -0.0480 against -0.0521 is 0.92; in kt a year -8062 against
    # (102555 - 184707)/11 = -7468 it is 1.08.
    question = asked(kind="change", number=-0.55, base_year=1990, documented_baseline=227900.0,
                     target_year=2030)  # fmt: skip
    series = run(2019, 184707.42, 167820.17, 170836.91, 155927.11, 146092.36, 144396.43)
    row = assess(question, series, R, Calculation(linear=True))
    assert (row.pace_basis, row.status) == ("linear", "on_track")
    assert row.ratio_short == pytest.approx(-8062.198 / ((102555 - 184707.42) / 11), rel=1e-6)
    assert changes(question, series)[1]["other_pace_basis"] == "on_track"
    # In % of the start for a direction: -3 of 100 over 5 years is -0.6 % linear, -0.607 % compound.
    trend = asked(kind="direction", number=None, target_year=None)
    falls = run(2019, 100, 99, 99, 98, 98, 97)
    assert assess(trend, falls, R, Calculation(linear=True)).growth_pct == pytest.approx(0.6)


def test_a_pace_that_can_only_be_linear_has_no_other_basis() -> None:
    found = changes(asked(), run(2018, 16, 16, 15, 14.5, 14, 14, 11))[1]
    assert "other_pace_basis" not in found


def test_a_status_that_hangs_on_the_last_year_alone_is_fragile() -> None:
    trend = asked(kind="direction", number=None, target_year=None)
    assert changes(trend, run(2021, 10, 9, 8, 7)) == (
        "improving",
        {"without_last_year": "not_assessable"},
    )


def test_where_there_is_no_status_nothing_is_fragile() -> None:
    question = asked()
    for series in ([], run(2024, 5), run(2000, 5, 4, 3, 2)):
        plain = assess(question, series, R)
        assert plain.status == "not_assessable"
        assert fragility(question, series, R, plain).fragile is None


@given(
    values=st.lists(st.integers(1, 10**6), min_size=4, max_size=12),
    unit=st.sampled_from([1e-6, 1e-3, 0.001102, 1e3, 1e6]),
    year=st.integers(2025, 2060),
)
def test_a_net_zero_status_does_not_depend_on_the_unit(
    values: list[int], unit: float, year: int
) -> None:
    """Mt, kt or tonnes: with 0 as the target the pace is linear, and its ratio has no unit. A
    small number in the place of 0 would decide the status instead."""
    question = asked(target_year=year)
    series = run(2025 - len(values), *values)
    other = [dataclasses.replace(o, value=o.value * unit) for o in series]
    one, two = assess(question, series, R), assess(question, other, R)
    assert one.pace_basis in ("linear", None) and two.pace_basis == one.pace_basis
    # Where rounding decides between two classes there is nothing to compare.
    cuts = (0.0, 0.6, 0.95)
    if one.ratio_short is not None and min(abs(one.ratio_short - c) for c in cuts) > 1e-9:
        assert two.ratio_short == pytest.approx(one.ratio_short, rel=1e-9)
        assert (two.status, two.reason) == (one.status, one.reason)


def test_the_published_net_zero_rows_are_linear_in_every_unit() -> None:
    # The net total in kt, Mt and tonnes against 0 in 2050.
    series = run(2019, 184707.42, 167820.17, 170836.91, 155927.11, 146092.36, 144396.43)
    found = set()
    for unit in (1.0, 1e-3, 1e3):
        row = assess(
            asked(target_year=2050),
            [dataclasses.replace(o, value=o.value * unit) for o in series],
            R,
        )
        found.add((row.status, row.pace_basis, round(row.ratio_short or 0, 9)))
    assert found == {("on_track", "linear", 1.353102859)}
