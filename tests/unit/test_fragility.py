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
            # Changes -1 -.5 -.5 0 -3: the -3 becomes -.5, and -2.5 ÷ 5 over -16/16 is .5.
            "one_step": "insufficient",
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
    # To 0 in 2035 from 2019: -5/16 a year needed. 5 to 3.9 in five years: .22 over .3125 is .70;
    # from 2018 on, 6 to 3.9: .35 over 6/17 = .3529 is .99.
    assert (
        changes(asked(), run(2018, 6, 5, 5, 4.8, 4.5, 4.2, 3.9))[1]["longer_window"] == "on_track"
    )


def test_one_step() -> None:
    # 16 15 14.5 14 14 11 over 2019-2024: changes -1 -.5 -.5 0 -3. The median is -.5; -3 lies
    # farthest and becomes -.5, the median of the others: 11 becomes 13.5, a pace of -.5 over -1.
    series = run(2019, 16, 15, 14.5, 14, 14, 11)
    assert changes(asked(), series)[1]["one_step"] == "insufficient"
    # What is reached by one step alone: 12 11.5 11 10.5 10 5, target 6. Without it 9.5.
    reached = asked(number=6.0)
    status, found = changes(reached, run(2019, 12, 11.5, 11, 10.5, 10, 5))
    assert status == "achieved" and found["one_step"] == "on_track"
    # The moved value is held against the path: 100 in 2015 to 0 in 2035, 50 due by 2025; 52 is
    # near. Without the step of -13 it is 58.5 (-6.3 a year, 6 needed): too far behind.
    path = asked(base_year=2015)
    status, found = changes(path, run(2015, 100, 97, 95, 93, 92, 90, 84, 77, 70, 65, 52))
    assert status == "on_track" and found["one_step"] == "catching_up"


@pytest.mark.parametrize("level", [25.0, 66.1, 0.3, 1e6])
def test_what_is_flat_but_for_one_step_does_not_move_without_it(level: float) -> None:
    # Growth of 0, and no rounding of it: insufficient, not the wrong direction.
    question = asked(number=level / 2, target_year=2040)
    status, found = changes(question, run(2019, *[level] * 3, *[level * 0.8] * 3))
    assert found["one_step"] == "insufficient" != status
    # Every value tied: no trend at all.
    trend = asked(kind="direction", number=None, target_year=None)
    status, found = changes(trend, run(2015, *[level] * 5, *[level * 0.8] * 6))
    assert (status, found["one_step"]) == ("improving", "stable")


def test_a_trend_without_its_largest_step() -> None:
    # Flat at 100, and flat at 110 from 2021 on: nothing but one step.
    flat = [100, 100.1, 100, 100.1, 100, 100.1, 110, 110.1, 110.2, 110.3, 110.4]
    trend = asked(kind="direction", number=None, target_year=None, direction="up")
    status, found = changes(trend, run(2015, *flat))
    assert status == "improving" and "one_step" in found


def test_another_base_year_where_it_is_assumed() -> None:
    # -30 % of 2019 is 70 by 2030; the value of 2020 was a trough: of 80 it is 56.
    series = run(2018, 101, 100, 80, 92, 89, 86, 83)
    question = asked(kind="change", number=-0.3, base_year=2019, target_year=2030)
    assert "base_year" not in changes(question, series)[1]
    assumed = dataclasses.replace(question, base_year_basis="assumed")
    plain, found = changes(assumed, series)
    other = [
        assess(dataclasses.replace(assumed, base_year=base), series, R).status
        for base in (2017, 2018, 2020, 2021)
    ]
    # 2017 is not in the series and no variant: its question has no baseline.
    assert other[0] == "not_assessable"
    assert found["base_year"] == next(status for status in other[1:] if status != plain)
    assert "too_short_to_test" not in found


def test_the_trend_over_eight_and_over_twelve_years() -> None:
    # Down to 2017 and up since: over ten years up, over twelve years no clear trend.
    series = run(2013, 130, 125, 104, 102, 100, 103, 106, 109, 112, 115, 118, 121, 124)
    trend = asked(kind="direction", number=None, target_year=None, direction="up")
    status, found = changes(trend, series)
    assert status == "improving"
    assert found["trend_12"] == "no_clear_trend" and "trend_8" not in found


def test_the_other_pace_basis() -> None:
    # The national total: CAGR -0.0480 against -0.0521 is 0.92; in kt a year -8062 against
    # (102555 - 184707)/11 = -7468 it is 1.08.
    question = asked(kind="change", number=-0.55, base_year=1990, documented_baseline=227900.0,
                     target_year=2030)  # fmt: skip
    series = run(2019, 184707.42, 167820.17, 170836.91, 155927.11, 146092.36, 144396.43)
    row = assess(question, series, R, Calculation(linear=True))
    assert (row.pace_basis, row.status) == ("linear", "catching_up")
    assert row.ratio_short == pytest.approx(-8062.198 / ((102555 - 184707.42) / 11), rel=1e-6)
    assert changes(question, series)[1]["other_pace_basis"] == "catching_up"
    # A trend has one scale; no other way of taking it.
    trend = asked(kind="direction", number=None, target_year=None)
    assert "other_pace_basis" not in changes(trend, run(2019, 100, 99, 99, 98, 98, 97))[1]


def test_a_pace_that_can_only_be_linear_has_no_other_basis() -> None:
    found = changes(asked(), run(2018, 16, 16, 15, 14.5, 14, 14, 11))[1]
    assert "other_pace_basis" not in found


def test_a_status_that_hangs_on_the_last_year_alone_is_fragile() -> None:
    number = asked(target_year=2026)
    status, found = changes(number, run(2021, 10, 9, 8, 7))
    assert status == "insufficient"
    # Three observations are too few; a window a year longer holds the same four.
    assert found == {"too_short_to_test": "not_assessable"}
    # Four in order of five: a fourth of a chance in noise, so no clear trend without the last.
    trend = asked(kind="direction", number=None, target_year=None)
    assert changes(trend, run(2020, 10, 9, 8, 7, 6)) == (
        "improving",
        {"without_last_year": "no_clear_trend"},
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
