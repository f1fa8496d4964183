"""Progress arithmetic against cases worked by hand; the working stands beside each.

Laws that hold for all series are in test_progress_properties.py.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from typing import Any

import pytest

from pipeline.progress.assess import (
    Assessment,
    Observation,
    Question,
    assess,
    definitive,
    path_value,
    target_value,
)
from pipeline.progress.method import ORDER, SEVERITY
from pipeline.progress.status import by_ratio

R = date(2026, 11, 23)


def ask(**changes: Any) -> Question:
    """A question: lower is better, 0 in 2030, unless said otherwise."""
    plain: dict[str, Any] = {
        "direction": "down",
        "fit": "direct",
        "cadence": 1,
        "kind": "level",
        "number": 0.0,
        "target_year": 2030,
    }
    return Question(**(plain | changes))


def trend(**changes: Any) -> Question:
    return ask(**({"kind": "direction", "number": None, "target_year": None} | changes))


def run(first: int, *values: float) -> list[Observation]:
    """One value a year from `first` on."""
    return [Observation(first + i, float(value)) for i, value in enumerate(values)]


def at(points: dict[int, float]) -> list[Observation]:
    return [Observation(year, value) for year, value in points.items()]


def flagged(series: list[Observation], year: int, *flags: str) -> list[Observation]:
    return [dataclasses.replace(o, flags=frozenset(flags)) if o.year == year else o for o in series]


def verdict(row: Assessment) -> tuple[str, str | None]:
    return row.status, row.reason


# ---- real figures -----------------------------------------------------------------------------

# Eurostat env_air_gge, A THS_T GHG TOTXMEMO, NL, kt CO2e (copy of 2026-09-19).
GHG = run(
    2010,
    *(219038.95, 205073.22, 200439.47, 199785.75, 192383.83, 199268.04, 199467.35, 196108.85),
    *(190727.6, 184707.42, 167820.17, 170836.91, 155927.11, 146092.36, 144396.43),
)
# CBS, greenhouse gases by climate sector, electricity, NL, Mt CO2e; 1990 and 2007-2022.
ELECTRICITY = at({1990: 39.6}) + run(
    2007,
    *(50.6, 50.0, 49.9, 52.0, 47.8, 44.8, 44.9, 48.6, 53.1),
    *(52.0, 48.3, 44.6, 41.5, 32.5, 32.4, 30.5),
)
# Eurostat env_wasmun, 100 × RCY/GEN in THS_T, NL; 2021 and 2022 provisional.
RECYCLING = [
    Observation(2019, 100 * 5010 / 8806),
    Observation(2020, 100 * 5297 / 9300),
    Observation(2021, 100 * 5202 / 9003, frozenset({"p"})),
    Observation(2022, 100 * 4815 / 8365, frozenset({"p"})),
    Observation(2023, 100 * 4818 / 8316),
    Observation(2024, 100 * 4930 / 8504),
]
# Eurostat sdg_06_40, NO3 in groundwater, NL, mg/l; 2022 and 2023 are 2021 carried forward.
NITRATE = run(2014, 11.44, 12.47, 13.03, 12.9, 12.11, 10.89, 9.55, 8.34, 8.34, 8.34)


def test_greenhouse_gases_to_minus_55_percent_in_2030() -> None:
    question = ask(kind="change", number=-0.55, base_year=1990, documented_baseline=227900.0)
    row = assess(question, GHG, R)
    # Target 227900 × .45 = 102555. Window [2019, 2024], all > 0 → CAGR:
    #   recent   (144396.43/184707.42)^(1/5) − 1  = .781757^.2 − 1      = −.048049
    #   from start (102555/184707.42)^(1/11) − 1  = .555229^(1/11) − 1  = −.052083
    #   ratio = .9226; from 2024 on (102555/144396.43)^(1/6) − 1 = −.055432, ÷ recent = 1.1536
    #   year = 2024 + ln(102555/144396.43)/ln(1 − .048049) = 2024 + .342149/.049242 = 2030.95
    assert verdict(row) == ("progress_too_slow", None)
    assert (row.baseline_year, row.baseline_value) == (1990, 227900)
    assert row.baseline_origin == "documented"
    assert row.target_value == pytest.approx(102555)
    assert row.pace_basis == "cagr" and row.window_start == 2019
    assert row.pace_recent == pytest.approx(-0.048049, abs=1e-6)
    assert row.pace_required == pytest.approx(-0.055432, abs=1e-6)
    assert row.ratio_short == pytest.approx(0.92255, abs=1e-5)
    assert row.tie == row.ratio_short and row.severity == 4
    assert row.acceleration_factor == pytest.approx(1.1536, abs=1e-4)
    assert row.year_reached == pytest.approx(2030.9486, abs=1e-3)
    # Share (144396.43 − 227900)/(102555 − 227900) = 83503.57/125345; time 34/40.
    assert row.share_achieved == pytest.approx(83503.57 / 125345)
    assert row.share_of_time == 0.85
    # Path in 2024 = 227900 − .85 × 125345 = 121356.75; lower is better, so 23039.68 behind.
    assert row.gap_to_path == pytest.approx(23039.68)
    assert row.gap_to_path_pct == pytest.approx(100 * 23039.68 / 125345)
    # Due by 2024: .85 × 125345 = 106543.25; a gap of 23039.68 is 21.6 % of it: behind.
    assert row.position == "behind"
    # Long window from 2010: (144396.43/219038.95)^(1/14) − 1 = −.029325, over
    # (102555/219038.95)^(1/20) − 1 = −.037232: .7876, the same class.
    assert row.pace_long == pytest.approx(-0.029325, abs=1e-6)
    assert row.ratio_long == pytest.approx(0.7876, abs=1e-4)
    assert row.windows_disagree is False
    assert row.lapses_on == date(2031, 1, 1) and row.is_dated is False


def test_the_2050_row_of_the_same_indicator_is_linear_and_its_path_bends_in_2030() -> None:
    question = ask(
        target_year=2050,
        base_year=1990,
        documented_baseline=227900.0,
        milestones_on_path=((2030, 102555.0),),
    )
    row = assess(question, GHG, R)
    # (144396.43 − 184707.42)/5 = −8062.198 over −184707.42/31 = −5958.304: 1.3531.
    assert row.pace_basis == "linear"
    assert row.pace_recent == pytest.approx(-8062.198)
    assert row.ratio_short == pytest.approx(1.35310, abs=1e-5)
    # The pace suffices; on the path it stands 23039.68 behind, 21.6 % of what is due.
    assert (*verdict(row), row.position) == ("catching_up", None, "behind")
    # Before 2030 the path is that of the 2030 target: the same gap in kt, on a longer way.
    assert row.gap_to_path == pytest.approx(23039.68)
    assert row.gap_to_path_pct == pytest.approx(100 * 23039.68 / 227900)


def test_electricity_to_zero_in_2050() -> None:
    row = assess(ask(target_year=2050, base_year=1990), ELECTRICITY, R)
    # [2017, 2022]: (30.5 − 48.3)/5 = −3.56 over −48.3/33 = −1.463636: 2.4323.
    assert row.ratio_short == pytest.approx(3.56 * 33 / 48.3)
    # Path in 2022: 39.6 × 28/60 = 18.48; 30.5 is 12.02 behind, of 21.12 that are due.
    assert (*verdict(row), row.position) == ("catching_up", None, "behind")
    # Long from 2007: (30.5 − 50.6)/15 = −1.34 over −50.6/43: 1.1387, on track as well.
    assert row.ratio_long == pytest.approx(1.34 * 43 / 50.6)
    assert row.windows_disagree is False
    # (30.5 − 39.6)/(0 − 39.6) = 9.1/39.6; 2026 − 2022 = 4 years old: dated, not stale.
    assert row.baseline_origin == "series"
    assert row.share_achieved == pytest.approx(9.1 / 39.6)
    assert row.is_dated is True and row.lapses_on == date(2029, 1, 1)
    # 2022 + 30.5/3.56
    assert row.year_reached == pytest.approx(2022 + 30.5 / 3.56)


def test_municipal_recycling_to_60_and_55_percent() -> None:
    row = assess(ask(direction="up", number=60.0), RECYCLING, R)
    # 56.8930 → 57.9727 in 5 years: .37670 % a year; to 60 in 11 years: .48455 %; ratio .7774.
    assert row.ratio_short == pytest.approx(0.77743, abs=1e-5)
    assert verdict(row) == ("progress_too_slow", None)
    # No base year: no baseline, no shares and no path, but a status all the same.
    assert row.baseline_value is None and row.share_achieved is None
    assert row.share_of_time is None and row.gap_to_path is None

    earlier = assess(ask(direction="up", number=55.0, target_year=2025), RECYCLING, R)
    # 2024 is past 55 already; the figure of 2025 itself is not out.
    assert verdict(earlier) == ("achieved", None)
    assert earlier.awaiting_target_year is True
    # Nothing is left to speed up, and no year to wait for.
    assert earlier.acceleration_factor is None and earlier.year_reached is None


def test_carried_forward_nitrate_values_are_dropped_before_the_window() -> None:
    row = assess(trend(carried_forward=(2022, 2023)), NITRATE, R)
    # t = 2021, eight years. Of the 28 pairs 7 rise (11.44 lies below four later values, 12.47
    # below two, 13.03 and 12.9 below none, 12.11 … : 4 + 2 = 6; and 12.9 < none): S = 6 − 22 = −16.
    assert row.latest_year == 2021 and row.window_start == 2016 and row.trend_start == 2014
    assert row.trend_pct == pytest.approx(6.0, abs=1.5) and row.flat_tail is False
    assert verdict(row) == ("no_clear_trend", None) and row.tie == row.trend_pct

    as_published = assess(trend(), NITRATE, R)
    assert as_published.latest_year == 2023
    assert as_published.flat_tail is True  # three equal last values


# ---- from target to number, and the path ------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "baseline", "expected"),
    [
        ("level", 60.0, None, 60.0),
        ("change", -0.25, 200.0, 150.0),
        ("gain", 5.0, 64.0, 69.0),
        ("change", -0.25, None, None),
        ("gain", 5.0, None, None),
        ("level", None, 10.0, None),
        ("direction", 1.0, 10.0, None),
        ("milestone", 1.0, 10.0, None),
        ("level", math.inf, None, None),
        ("change", 1e300, 1e300, None),
    ],
)
def test_target_value(
    kind: str, number: float | None, baseline: float | None, expected: float | None
) -> None:
    assert target_value(kind, number, baseline) == expected


def test_the_path_runs_straight_through_earlier_targets_and_ends_with_the_last() -> None:
    question = ask(target_year=2050, base_year=1990, milestones_on_path=((2030, 40.0),))
    # 100 in 1990, 40 in 2030, 0 in 2050.
    found = {y: path_value(question, 100, 0, y) for y in (1989, 1990, 2010, 2030, 2040, 2060)}
    assert found == {1989: None, 1990: 100, 2010: 70, 2030: 40, 2040: 20, 2060: 0}


def test_the_path_leaves_out_milestones_outside_it() -> None:
    question = ask(base_year=2020, milestones_on_path=((2020, 1.0), (2030, 2.0), (2040, 3.0)))
    assert path_value(question, 100, 0, 2025) == 50


def test_a_geometric_path_needs_values_above_zero() -> None:
    question = ask(base_year=2020, path="geometric")
    assert path_value(question, 100, 25, 2025) == pytest.approx(50)  # √(100 × 25)
    assert path_value(question, 100, 0, 2025) == 50  # the straight line instead
    assert path_value(ask(base_year=2020), 100, 25, 2025) == 62.5


@pytest.mark.parametrize(
    "question", [ask(base_year=None), ask(target_year=None), ask(base_year=2030)]
)
def test_no_path_without_two_ends(question: Question) -> None:
    assert path_value(question, 100, 0, 2025) is None
    assert path_value(ask(base_year=2020), None, 0, 2025) is None
    assert path_value(ask(base_year=2020), 100, None, 2025) is None


# ---- step 1: not assessable -------------------------------------------------------------------

FALLING = run(2020, 100, 94, 88, 82, 76, 70)  # −6 a year; 0 in 2030 asks −10 from 2020: .6


def test_a_context_indicator_never_gets_a_status() -> None:
    for question in (
        ask(fit="context"),
        trend(fit="context", direction=None),
        trend(direction=None),
        ask(fit="context", kind="milestone", milestone_state="met"),
    ):
        row = assess(question, FALLING, R)
        assert verdict(row) == ("not_assessable", "context_only")
        assert row.severity is None and row.tie is None and row.lapses_on is None
        assert row.trend_pct is None or question.direction is not None
    assert verdict(assess(ask(fit="context"), [], R)) == ("not_assessable", "context_only")


def test_a_context_trend_still_shows_its_pace() -> None:
    row = assess(trend(fit="context", direction=None), run(2020, 100, 100, 100, 100, 100, 200), R)
    assert row.pace_recent == pytest.approx(2**0.2 - 1)
    assert (row.trend_pct, row.trend_p, row.turning) == (None, None, None)


def test_no_data() -> None:
    row = assess(ask(), [], R)
    assert verdict(row) == ("not_assessable", "no_data")
    assert row.latest_year is None and row.is_dated is False and row.lapses_on is None
    only_copies = assess(ask(carried_forward=(2020,)), run(2020, 5), R)
    assert verdict(only_copies) == ("not_assessable", "no_data")


@pytest.mark.parametrize(
    ("state", "series", "expected"),
    [
        ("met", FALLING, ("achieved", None)),
        ("met", [], ("achieved", None)),
        ("overdue", FALLING, ("missed", None)),
        ("overdue", run(2001, 5), ("missed", None)),
        ("open", FALLING, ("not_assessable", "milestone_open")),
        (None, FALLING, ("not_assessable", "milestone_open")),
        ("open", [], ("not_assessable", "no_data")),
        ("open", run(2001, 5), ("not_assessable", "milestone_open")),
    ],
)
def test_a_milestone_follows_its_official_state(
    state: str | None, series: list[Observation], expected: tuple[str, str | None]
) -> None:
    question = ask(kind="milestone", number=None, milestone_state=state)
    row = assess(question, series, R)
    assert verdict(row) == expected
    assert row.severity == SEVERITY.get(expected[0])
    assert row.pace_recent is None and row.share_achieved is None


@pytest.mark.parametrize(
    ("cadence", "year", "dated", "stale"),
    [
        (1, 2028, False, False),  # 3 years old: not more than max(3, 2)
        (1, 2029, True, False),
        (1, 2031, True, False),  # 6: not more than max(6, 3)
        (1, 2032, True, True),
        (3, 2031, False, False),  # 6: not more than 2 × 3
        (3, 2032, True, False),
        (3, 2034, True, False),  # 9: not more than 3 × 3
        (3, 2035, True, True),
    ],
)
def test_age(cadence: int, year: int, dated: bool, stale: bool) -> None:
    for reference in (date(year, 1, 1), date(year, 12, 31)):
        row = assess(ask(cadence=cadence, target_year=2040), FALLING, reference)
        assert row.is_dated is dated
        assert (row.reason == "stale") is stale
        assert row.lapses_on is not None
        assert (reference >= row.lapses_on) is stale


def test_stale_comes_before_achieved_and_missed() -> None:
    for number in (1000.0, 0.0):
        row = assess(ask(number=number, target_year=2025), FALLING, date(2040, 1, 1))
        assert verdict(row) == ("not_assessable", "stale")


# ---- step 2: reached or missed ----------------------------------------------------------------


def test_achieved_needs_no_window() -> None:
    row = assess(ask(direction="up", number=50.0), run(2025, 51), R)
    assert verdict(row) == ("achieved", None)
    assert row.severity == 8 and row.tie is None and row.year_reached is None


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (100 - 0.9e-7, "achieved"),  # within 1e-9 × 100
        (100 - 1.1e-7, "missed"),
        (100.0, "achieved"),
    ],
)
def test_rounding_does_not_miss_a_target(value: float, status: str) -> None:
    question = ask(direction="up", number=100.0, target_year=2025)
    assert assess(question, run(2025, value), R).status == status


@pytest.mark.parametrize(
    ("points", "status"),
    [
        ({2024: 50.0, 2025: 55.0, 2026: 40.0}, "achieved"),  # lost again afterwards
        ({2024: 56.0, 2025: 54.0, 2026: 60.0}, "missed"),  # too late
        ({2024: 50.0, 2026: 55.0}, "achieved"),  # nearest later year decides
        ({2024: 60.0, 2026: 54.0, 2027: 60.0}, "missed"),
    ],
)
def test_the_value_of_the_target_year_decides(points: dict[int, float], status: str) -> None:
    row = assess(ask(direction="up", number=55.0, target_year=2025), at(points), date(2027, 6, 1))
    assert verdict(row) == (status, None)
    assert row.pace_required is None and row.awaiting_target_year is False


def test_before_the_target_years_figure_is_out_the_row_waits_and_goes_on() -> None:
    # 2020 → 2024: (76 − 100)/4 = −6 over −100/5 = −20 from 2020 to 2025: .3.
    row = assess(ask(target_year=2025), FALLING[:5], R)
    assert row.awaiting_target_year is True
    assert verdict(row) == ("insufficient", None)
    assert row.ratio_short == pytest.approx(0.3)
    on_the_last_day = assess(ask(target_year=2025), FALLING[:5], date(2025, 12, 31))
    assert on_the_last_day.awaiting_target_year is False


# ---- step 3: windows, breaks, baselines -------------------------------------------------------


@pytest.mark.parametrize(
    ("years", "start"),
    [
        ((2022, 2023, 2024, 2025), 2022),  # 3 years and 4 points are just enough
        ((2023, 2024, 2025), None),
        ((2021, 2023, 2025), None),  # 4 years, 3 points
        ((2020, 2022, 2024, 2025), 2020),
        ((2019, 2022, 2023, 2024, 2025), 2022),  # 2019 lies outside [2020, 2025]
        ((2019, 2023, 2024, 2025), None),
    ],
)
def test_a_window_needs_three_years_and_four_points(
    years: tuple[int, ...], start: int | None
) -> None:
    row = assess(ask(), at({year: 100.0 - (year - 2000) for year in years}), R)
    assert row.window_start == start
    assert row.reason == (None if start else "too_few_points")


def test_pace_is_annualised_by_the_true_years() -> None:
    # From 2021: (76 − 100)/4 = −6, over −100/9 = −11.11: .54.
    row = assess(ask(), at({2021: 100.0, 2022: 90.0, 2024: 80.0, 2025: 76.0}), R)
    assert row.pace_recent == -6
    assert row.ratio_short == pytest.approx(0.54)


def test_a_change_is_never_measured_from_before_its_base_year() -> None:
    series = run(2018, 130, 120, 110, 100, 94, 88, 82, 80)
    row = assess(ask(kind="change", number=-0.4, base_year=2021), series, R)
    assert row.window_start == 2021
    level = assess(ask(number=60.0, base_year=2021), series, R)
    assert level.window_start == 2020
    too_young = assess(ask(kind="gain", number=-40.0, base_year=2023), series, R)
    assert verdict(too_young) == ("not_assessable", "too_few_points")


LONG = run(2012, *(140 - 5 * i for i in range(14)))  # 140 in 2012 … 75 in 2025


@pytest.mark.parametrize(
    ("breaks", "start", "reason"),
    [
        ((2021,), 2021, None),  # the break year is the first of the new part
        ((2019,), 2020, None),
        ((2026,), 2020, None),  # named for a year that is not there yet
        ((2015, 2022), 2022, None),
        ((2023,), None, "series_break"),
        ((2025,), None, "series_break"),
    ],
)
def test_growth_is_never_taken_across_a_break(
    breaks: tuple[int, ...], start: int | None, reason: str | None
) -> None:
    named = assess(ask(breaks=breaks), LONG, R)
    assert (named.window_start, named.reason) == (start, reason)
    series = LONG
    for year in breaks:
        series = flagged(series, year, "b", "p")
    by_flag = assess(ask(), series, R)
    assert (by_flag.window_start, by_flag.reason) == (start, reason)


def test_a_break_is_the_reason_only_where_the_window_would_qualify_without_it() -> None:
    assert assess(ask(breaks=(2025,)), LONG[-3:], R).reason == "too_few_points"
    # The base year alone leaves three points: the break changes nothing.
    bounded = ask(kind="change", number=-0.5, base_year=2023, breaks=(2024,))
    assert assess(bounded, LONG, R).reason == "too_few_points"


def test_a_break_on_a_dropped_year_still_parts_the_series() -> None:
    series = flagged(LONG, 2023, "b")
    row = assess(ask(carried_forward=(2023,)), series, R)
    assert verdict(row) == ("not_assessable", "series_break")


@pytest.mark.parametrize(("year", "comparable"), [(2015, True), (2016, False), (2025, False)])
def test_share_and_gap_do_not_reach_across_a_break(year: int, comparable: bool) -> None:
    row = assess(ask(base_year=2015, breaks=(year,)), LONG, R)
    assert (row.share_achieved is not None) is comparable
    assert (row.gap_to_path is not None) is comparable
    assert (row.gap_to_path_pct is not None) is comparable
    assert row.share_of_time == pytest.approx(10 / 15)
    assert row.baseline_value == 125


def test_the_series_own_baseline_goes_before_a_documented_one() -> None:
    own = assess(ask(base_year=2015, documented_baseline=999.0), LONG, R)
    assert (own.baseline_value, own.baseline_origin) == (125, "series")
    documented = assess(ask(base_year=2000, documented_baseline=200.0), LONG, R)
    assert (documented.baseline_value, documented.baseline_origin) == (200, "documented")
    neither = assess(ask(base_year=2000), LONG, R)
    assert (neither.baseline_value, neither.baseline_origin) == (None, None)
    assert neither.share_achieved is None and neither.status != "not_assessable"


def test_a_change_without_its_baseline_has_no_number() -> None:
    row = assess(ask(kind="change", number=-0.5, base_year=2000), LONG, R)
    assert verdict(row) == ("not_assessable", "baseline_missing")
    assert row.target_value is None and row.ratio_short is None
    short = assess(ask(kind="change", number=-0.5, base_year=2000), LONG[-2:], R)
    assert short.reason == "too_few_points"


@pytest.mark.parametrize("documented", [None, 20.0])
def test_a_base_year_after_the_latest_year_is_a_missing_baseline(
    documented: float | None,
) -> None:
    # With 20 documented for 2026 the target is 30, which 75 would "reach": it cannot have.
    question = ask(
        direction="up",
        kind="change",
        number=0.5,
        base_year=2026,
        documented_baseline=documented,
        breaks=(2024,),
    )
    row = assess(question, LONG, R)
    assert verdict(row) == ("not_assessable", "baseline_missing")
    assert row.share_of_time is None and row.share_achieved is None


def test_a_level_target_is_judged_before_its_base_year_too() -> None:
    row = assess(ask(base_year=2026), LONG, R)
    # (75 − 100)/5 = −5 over −100/10: .5.
    assert verdict(row) == ("insufficient", None)
    assert row.share_of_time is None and row.gap_to_path is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_not_computable(bad: float) -> None:
    for row in (
        assess(ask(), [*FALLING[:-1], Observation(2025, bad)], R),
        assess(ask(), [Observation(2001, bad), *FALLING], R),
        assess(ask(number=bad), FALLING, R),
        assess(ask(base_year=2000, documented_baseline=bad), FALLING, R),
    ):
        assert verdict(row) == ("not_assessable", "not_computable")
        assert row.ratio_short is None and row.target_value is None
    assert assess(ask(), run(2025, bad), R).latest_value is None
    stale = assess(ask(), run(2001, bad), R)
    assert stale.reason == "stale"


def test_a_target_without_a_year_or_number_is_not_computable() -> None:
    assert assess(ask(target_year=None), FALLING, R).reason == "not_computable"
    assert assess(ask(number=None), FALLING, R).reason == "not_computable"
    assert assess(ask(target_year=None, number=70.0), FALLING, R).status == "achieved"


# ---- step 4: with a number --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latest", "ratio", "status"),
    [
        (101.0, -0.02, "wrong_direction"),
        (100.0, 0.0, "insufficient"),
        (70.1, 0.598, "insufficient"),
        (70.0, 0.6, "progress_too_slow"),  # −6 over −10
        (52.6, 0.948, "progress_too_slow"),
        (52.5, 0.95, "on_track"),  # −9.5 over −10
        (10.0, 1.8, "on_track"),
    ],
)
def test_classesby_ratio(latest: float, ratio: float, status: str) -> None:
    row = assess(ask(), [*FALLING[:-1], Observation(2025, latest)], R)
    assert row.ratio_short == pytest.approx(ratio, abs=1e-12)
    assert verdict(row) == (status, None)
    assert row.severity == SEVERITY[status] and row.tie == row.ratio_short


def test_cuts_are_held_against_unrounded_numbers() -> None:
    below_95, below_60 = math.nextafter(0.95, 0), math.nextafter(0.6, 0)
    assert [by_ratio(x) for x in (0.95, below_95, 0.6, below_60, 0.0, -5e-324)] == [
        "on_track",
        "progress_too_slow",
        "progress_too_slow",
        "insufficient",
        "insufficient",
        "wrong_direction",
    ]


def test_growth_rates_where_everything_is_above_zero() -> None:
    # 10 % a year over 5 years, 259.374… = 100 × 1.1^10 asked by 2030: exactly in time.
    series = run(2020, 100, 110, 121, 133.1, 146.41, 161.051)
    row = assess(ask(direction="up", number=259.37424601), series, R)
    assert row.pace_basis == "cagr"
    assert row.pace_recent == pytest.approx(0.1) and row.pace_required == pytest.approx(0.1)
    assert row.ratio_short == pytest.approx(1) and row.acceleration_factor == pytest.approx(1)
    assert row.year_reached == pytest.approx(2030)


@pytest.mark.parametrize(
    ("first", "last", "number"), [(100.0, 70.0, 0.0), (100.0, -1.0, -5.0), (-5.0, 70.0, 90.0)]
)
def test_linear_where_an_end_or_the_target_is_not_above_zero(
    first: float, last: float, number: float
) -> None:
    direction = "up" if number > last else "down"
    row = assess(ask(direction=direction, number=number), run(2020, first, 50, 50, 50, 50, last), R)
    assert row.pace_basis == "linear"
    assert row.pace_recent == pytest.approx((last - first) / 5)
    assert row.ratio_short == pytest.approx((last - first) / 5 / ((number - first) / 10))


def test_a_fall_too_steep_for_a_float_has_no_year() -> None:
    # (1/1e308)^(1/5) − 1 = −1 + 2.5e-62 is −1 in a float, and ln(1 − 1) does not exist.
    row = assess(ask(number=0.01), run(2020, 1e308, 1, 1, 1, 1, 1), R)
    assert row.pace_basis == "cagr" and row.pace_recent == -1
    assert row.status == "on_track" and row.year_reached is None


def test_a_start_past_the_target_that_moved_back_is_the_wrong_direction() -> None:
    row = assess(ask(direction="up", number=50.0), run(2020, 52, 52, 51, 51, 50, 49), R)
    assert verdict(row) == ("wrong_direction", None)
    assert row.ratio_short is None and row.tie is None and row.windows_disagree is None
    assert row.acceleration_factor is None and row.year_reached is None


def test_acceleration_only_where_the_pace_has_the_required_sign() -> None:
    for last in (100.0, 110.0):
        row = assess(ask(), [*FALLING[:-1], Observation(2025, last)], R)
        assert row.acceleration_factor is None and row.year_reached is None
    good = assess(ask(), FALLING, R)
    # From 70 in 2025 to 0 in 2030: −14 a year against −6; 2025 + 70/6.
    assert good.pace_required == -14
    assert good.acceleration_factor == pytest.approx(14 / 6)
    assert good.year_reached == pytest.approx(2025 + 70 / 6)


def test_a_reached_target_that_slips_gets_no_acceleration() -> None:
    row = assess(ask(direction="up", number=50.0), run(2020, 60, 59, 58, 57, 56, 55), R)
    assert row.status == "achieved"
    assert row.acceleration_factor is None and row.year_reached is None


def test_the_long_window_is_shown_but_never_decides() -> None:
    # Long: (70 − 130)/15 = −4 over −130/20 = −6.5: .615. Short: .6, the same class.
    series = [Observation(2010, 130.0), *FALLING]
    same = assess(ask(), series, R)
    assert same.pace_long == -4 and same.ratio_long == pytest.approx(4 / 6.5)
    assert same.windows_disagree is False
    # (70 − 70)/15 = 0 over −70/20: 0, insufficient against progress_too_slow.
    other = assess(ask(), [Observation(2010, 70.0), *FALLING], R)
    assert other.ratio_long == 0 and other.windows_disagree is True
    assert other.status == same.status == "progress_too_slow"


def test_no_long_ratio_where_both_windows_start_together() -> None:
    row = assess(ask(), FALLING, R)
    assert row.ratio_long is None and row.windows_disagree is None
    assert row.pace_long == row.pace_recent == -6


def test_the_long_pace_keeps_the_basis_of_the_row() -> None:
    # Growth rates by the short window; none can be taken from 0 in 2012.
    series = [Observation(2012, 0.0), *run(2020, 10, 11, 12, 13, 14, 15)]
    row = assess(ask(direction="up", number=30.0), series, R)
    assert row.pace_basis == "cagr" and row.pace_recent is not None
    assert row.pace_long is None and row.ratio_long is None


def test_a_long_window_may_qualify_alone() -> None:
    row = assess(ask(cadence=4), at({2012: 100.0, 2016: 90.0, 2020: 80.0, 2024: 70.0}), R)
    assert verdict(row) == ("not_assessable", "too_few_points")
    assert row.window_start is None and row.pace_recent is None and row.ratio_short is None
    # (70 − 100)/12 = −2.5 over −100/18: .45; no status by ratio, so nothing to disagree with.
    assert row.pace_basis is None and row.pace_required is None and row.pace_long == -2.5
    assert row.ratio_long == pytest.approx(0.45)
    assert row.windows_disagree is None and row.tie is None


def test_no_window_no_pace() -> None:
    row = assess(ask(base_year=2024), run(2024, 90, 80), R)
    assert row.pace_basis is None and row.pace_required is None and row.pace_recent is None
    # (80 − 90)/(0 − 90); one of six years.
    assert row.share_achieved == pytest.approx(1 / 9)
    assert row.share_of_time == pytest.approx(1 / 6)


def test_share_is_null_where_the_target_is_the_baseline() -> None:
    row = assess(ask(number=100.0, base_year=2020), [*FALLING[:-1], Observation(2025, 103.0)], R)
    assert row.share_achieved is None and row.gap_to_path_pct is None
    # The path itself is there: 100 throughout, and 103 is 3 behind.
    assert row.gap_to_path == pytest.approx(3)


def test_after_the_target_year_the_path_is_the_target() -> None:
    row = assess(ask(target_year=2024, base_year=2020), FALLING, R)
    assert row.status == "missed" and row.gap_to_path == 70
    assert row.share_of_time == 1.25


def test_ahead_of_the_path_is_a_negative_gap() -> None:
    row = assess(ask(direction="up", number=60.0, base_year=2020), run(2020, 50, 52, 54, 57), R)
    # Path in 2023: 53; 57 is 4 ahead, 40 % of the way of 10.
    assert row.gap_to_path == pytest.approx(-4) and row.gap_to_path_pct == pytest.approx(-40)


# ---- step 4: direction only -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yearly", "direction", "status"),
    [
        (1.011, "up", "improving"),
        (1.009, "up", "slightly_improving"),
        (1.0006, "up", "slightly_improving"),
        (1.0004, "up", "stable"),
        (1.0, "up", "stable"),
        (0.9994, "up", "slightly_worsening"),
        (0.991, "up", "slightly_worsening"),
        (0.989, "up", "worsening"),
        (0.989, "down", "improving"),
        (1.011, "down", "worsening"),
    ],
)
def test_classes_by_direction(yearly: float, direction: str, status: str) -> None:
    row = assess(trend(direction=direction), run(2020, *(50 * yearly**i for i in range(6))), R)
    sign = 1 if direction == "up" else -1
    # One and the same slope between all pairs; all of six in order: p = 2/720.
    assert row.trend_pct == pytest.approx(sign * 100 * (yearly - 1))
    assert row.tie == row.trend_pct and row.turning is False
    assert row.trend_p == pytest.approx(1.0 if yearly == 1 else 2 / 720)
    assert verdict(row) == (status, None)
    assert row.severity == SEVERITY[status]
    assert (row.ratio_short, row.share_achieved, row.target_value) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "may_be_zero", "growth"),
    [
        ((10, 8, 6, 4, 2, 0), True, 40.0),  # −2 a year of 5, the median; lower is better
        ((10, 8, 6, 4, 2, 0), False, None),
        ((0, 1, 0, 0, 0, 3), True, None),  # a median of 0: nothing to take a percentage of
        ((-5, -5, -5, -5, -5, -6), True, None),
        ((32, 16, 8, 4, 2, 1), True, 50.0),  # still a growth rate
    ],
)
def test_a_direction_at_zero(
    values: tuple[float, ...], may_be_zero: bool, growth: float | None
) -> None:
    row = assess(trend(may_be_zero=may_be_zero), run(2020, *values), R)
    assert row.trend_pct == (None if growth is None else pytest.approx(growth))
    assert row.reason == ("not_computable" if growth is None else None)


def test_a_direction_ignores_the_base_year_but_not_breaks() -> None:
    row = assess(trend(base_year=2023), LONG, R)
    assert row.window_start == 2020 and row.status == "improving"
    assert assess(trend(breaks=(2024,)), LONG, R).reason == "series_break"
    assert assess(trend(), LONG[-3:], R).reason == "too_few_points"


# ---- flags, duplicates, words -----------------------------------------------------------------


def test_definitive_drops_provisional_and_estimated_values() -> None:
    series = flagged(flagged(FALLING, 2024, "e"), 2025, "p", "i")
    assert [o.year for o in definitive(series)] == [2020, 2021, 2022, 2023]
    # (82 − 100)/3 = −6 over −10: the same class on fewer years.
    assert assess(ask(), definitive(series), R).latest_year == 2023


def test_a_break_on_a_provisional_year_is_not_lost_with_it() -> None:
    kept = definitive(flagged(LONG, 2023, "b", "p"))
    assert [o.year for o in kept if "b" in o.flags] == [2024]
    assert assess(ask(), kept, R).reason == "series_break"


def test_flat_tail_is_three_equal_last_values() -> None:
    assert assess(ask(), run(2020, 9, 8, 7, 5, 5, 5), R).flat_tail is True
    assert assess(ask(), run(2020, 9, 8, 5, 5, 5, 4), R).flat_tail is False
    assert assess(ask(), run(2024, 5, 5), R).flat_tail is False


def test_two_values_for_one_year_are_an_error_and_equal_ones_are_one() -> None:
    assert assess(ask(), [*FALLING, *FALLING], R) == assess(ask(), FALLING, R)
    with pytest.raises(ValueError, match=r"observations of 2025: two different values"):
        assess(ask(), [*FALLING, Observation(2025, 71.0)], R)


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("direction", "sideways"),
        ("fit", "indirect"),
        ("kind", "relative"),
        ("milestone_state", "late"),
        ("path", "curved"),
        ("cadence", 0),
    ],
)
def test_an_unknown_word_is_an_error(field: str, word: object) -> None:
    with pytest.raises(ValueError, match=rf"question\.{field}: .*{word}"):
        ask(**{field: word})


def test_order_of_statuses() -> None:
    assert [SEVERITY[group[0]] for group in ORDER] == list(range(1, 9))
    assert SEVERITY["missed"] == 1 and SEVERITY["achieved"] == 8
    assert SEVERITY["worsening"] == SEVERITY["wrong_direction"]
    assert SEVERITY["slightly_worsening"] == SEVERITY["insufficient"]
    # A failing headline is never hidden behind an unclear one.
    assert SEVERITY["progress_too_slow"] < SEVERITY["stable"] == SEVERITY["no_clear_trend"]
    assert SEVERITY["stable"] < SEVERITY["slightly_improving"] == SEVERITY["catching_up"]
    assert SEVERITY["improving"] == SEVERITY["on_track"]
    assert "not_assessable" not in SEVERITY
