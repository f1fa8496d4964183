"""Other offices' methods: 132 results that Statistics Canada published, and cases worked by hand
from each publisher's text; the working stands beside each.

`tests/expected/statcan_cif*.csv`: inputs, progress values, scores and statuses of the Canadian
Indicator Framework as Statistics Canada published them on its data hub (facts, re-encoded).
"""

from __future__ import annotations

import csv
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.opinions import (
    METHODS,
    Opinion,
    destatis,
    second_opinions,
    statcan,
    statcan_roll_up,
    un_progress_chart,
    verdict,
)

LAW = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float | None:
    return float(text) if text else None


def published(row: dict[str, str]) -> Opinion:
    """The method asked for one row of our table."""
    return statcan(
        base_year=number(row["from_year"]),
        base_value=number(row["from_value"]),
        current_year=number(row["to_year"]),
        current_value=number(row["to_value"]),
        direction=row["wanted"],
        target_year=number(row["goal_year"]),
        target=number(row["goal"]),
        limit=number(row["limit"]),
    )


def same(got: float | None, wanted: float | None, within: float) -> bool:
    if got is None or wanted is None:
        return got is wanted
    return abs(got - wanted) <= within


# ---- Statistics Canada ------------------------------------------------------------------------


def test_all_132_published_results_are_reproduced(root: Path) -> None:
    rows = table(root / "tests" / "expected" / "statcan_cif.csv")
    assert len(rows) == 132
    for row in rows:
        found = published(row)
        assert found.status == row["words"], row
        assert same(found.value, number(row["measure"]), 1e-9), (row, found)
        assert same(found.score, number(row["score"]), 1e-3), (row, found)


def test_all_78_published_roll_ups_are_reproduced(root: Path) -> None:
    parts: dict[str, list[Opinion]] = {}
    for row in table(root / "tests" / "expected" / "statcan_cif.csv"):
        parts.setdefault(row["cif_indicator"], []).append(published(row))
    rolled = table(root / "tests" / "expected" / "statcan_cif_roll_up.csv")
    assert len(rolled) == 78
    for row in rolled:
        found = statcan_roll_up(parts[row["cif_indicator"]])
        available = [p for p in parts[row["cif_indicator"]] if p.status != "not_available"]
        assert len(available) == int(row["parts"])
        assert found.status == row["words"], row
        assert same(found.score, number(row["score"]), 1e-3), (row, found)


def test_our_table_says_what_the_collected_one_says(root: Path, shared: Path) -> None:
    file = shared / "conformance" / "statcan_cif_progress.csv"
    if not file.exists():
        pytest.skip("../shared/conformance is not here")
    columns = ("base_value", "current_value", "target", "limit", "progress_value", "score")
    theirs = sorted(
        (r["indicator"], r["status"], *(number(r[c]) or 0.0 for c in columns)) for r in table(file)
    )
    columns = ("from_value", "to_value", "goal", "limit", "measure", "score")
    ours = sorted(
        (r["cif_indicator"], r["words"], *(number(r[c]) or 0.0 for c in columns))
        for r in table(root / "tests" / "expected" / "statcan_cif.csv")
    )
    assert ours == theirs


def canada(base: float, current: float, direction: Any = "up", **more: Any) -> Opinion:
    """2015 → 2023, target in 2030, unless said otherwise."""
    years = {"base_year": 2015, "current_year": 2023, "target_year": 2030} | more
    return statcan(base_value=base, current_value=current, direction=direction, **years)


def test_below_zero_the_wanted_direction_of_growth_turns_round() -> None:
    # -10 → -8: (.8)^(1/8) - 1 = -.027508; -10 → -5: .5^(1/15) - 1 = -.045158; r = .6091.
    found = canada(-10, -8, target=-5)
    assert found.value == pytest.approx(0.027508 / 0.045158, abs=1e-4)
    assert found.status == "moderate_progress"
    assert found.score == pytest.approx(7.1429 * 0.60914 - 4.2857, abs=1e-3)
    assert canada(-10, -11, target=-5).status == "deterioration"


def test_a_base_or_target_of_zero_counts_as_a_thousandth() -> None:
    # 0.001 → 1 in 8 years: 1000^(1/8) - 1 = 1.37137.
    found = canada(0, 1)
    assert found.value == pytest.approx(1.37137, abs=1e-5)
    assert (found.status, found.score, found.note) == ("substantial_progress", 5.0, "zero_replaced")
    # 100 → 50: -.082996; 100 → .001 in 15 years: (1e-5)^(1/15) - 1 = -.535841; r = .15489.
    found = canada(100, 50, "down", target=0)
    assert found.value == pytest.approx(0.15489, abs=1e-5)
    assert found.status == "limited_progress" and found.note == "zero_replaced"
    assert found.score == pytest.approx(4.1667 * 0.15489 - 2.5, abs=1e-4)
    assert canada(100, 0.0005, "down", target=0).status == "target_achieved"
    assert canada(100, 50, "down", target=10).note is None


def test_a_target_that_is_met_stays_met_whatever_the_growth() -> None:
    # 100 → 90 where 80 or more is wanted: r = -.013084/.014767 < 0, and met all the same.
    found = canada(100, 90, target=80)
    assert (found.status, found.score) == ("target_achieved", 5.0)
    assert found.value == pytest.approx(-0.8860, abs=1e-4)
    # No growth can be computed, yet the value stands beyond the target.
    assert canada(-5, 3, target=2) == Opinion("target_achieved", None, 5.0)
    assert canada(90, 90, target=90).status == "target_achieved"


def test_what_has_no_growth_rate_is_not_available() -> None:
    assert canada(-5, 3).reason == "sign_change"
    assert canada(5, -3, target=10).reason == "sign_change"
    assert canada(-10, -5, target=0).reason == "sign_change"  # a target of .001 lies across 0
    assert canada(10, 12, current_year=2015, target=20).reason == "less_than_a_year"
    assert canada(10, 12, base_year=2024, target=20).reason == "less_than_a_year"
    assert canada(50, 40, target=50).reason == "target_equals_base_value"
    assert canada(50, 60, target=70, target_year=2015).reason == "target_year_not_after_base_year"
    gone = statcan(base_year=2015, base_value=None, current_year=2020, current_value=1.0,
                   direction=1)  # fmt: skip
    assert (gone.status, gone.reason) == ("not_available", "no_base_value")
    gone = statcan(base_year=2015, base_value=1.0, current_year=None, current_value=math.nan,
                   direction=1)  # fmt: skip
    assert (gone.status, gone.value, gone.score) == ("not_available", None, None)
    with pytest.raises(ValueError, match="use up or down"):
        canada(1, 2, "sideways")


def test_two_points_are_enough_and_a_missing_target_year_is_2030() -> None:
    found = statcan(base_year=2019, base_value=10, current_year=2020, current_value=11,
                    direction=1)  # fmt: skip
    assert found.value == pytest.approx(0.1) and found.status == "substantial_progress"
    with_year = canada(10, 15, target=20)
    assert canada(10, 15, target=20, target_year=None) == with_year


@pytest.mark.parametrize(
    ("base", "limit", "scale"),
    [
        (80, 100, 1 - 0.8**4.44),  # .6287: near the top
        (120, 100, 1 - 0.8**4.44),  # as far above a lower limit
        (200, 100, 1.0),
        (300, 100, 1.0),
        (5, 0, 1.0),
        (5, None, 1.0),
    ],
)
def test_near_a_natural_limit_less_growth_is_asked(
    base: float, limit: float | None, scale: float
) -> None:
    def grown(p: float) -> Opinion:
        return statcan(base_year=2015, base_value=base, current_year=2016,
                       current_value=base * (1 + p), direction="up", limit=limit)  # fmt: skip

    assert grown(0.0151 * scale).status == "substantial_progress"
    assert grown(0.0149 * scale).status == "moderate_progress"
    assert grown(0.0049 * scale).status == "limited_progress"
    assert grown(-0.0001).status == "deterioration"
    assert grown(0.0151 * scale).score == pytest.approx(500 * 0.0151 - 5, abs=1e-6)
    assert grown(0.0149 * scale).score == pytest.approx(250 * 0.0149 - 1.25, abs=1e-6)
    assert grown(0.0049 * scale).score == pytest.approx(500 * 0.0049 - 2.5, abs=1e-6)
    assert grown(-0.01).score == pytest.approx(125 * -0.01 - 2.5)


def test_at_the_limit_keeping_it_is_enough() -> None:
    assert canada(100, 100, limit=100).status == "substantial_progress"
    assert canada(100, 100, limit=100).score == 5
    assert canada(100, 99, limit=100).status == "deterioration"


def test_a_roll_up_is_achieved_only_if_every_part_is() -> None:
    met, slow = Opinion("target_achieved", None, 5.0), Opinion("limited_progress", 0.0, -2.5)
    gone = Opinion("not_available")
    assert statcan_roll_up([met, met, gone]).status == "target_achieved"
    assert statcan_roll_up([met, slow]) == Opinion("moderate_progress", score=1.25)
    assert statcan_roll_up([slow]).status == "limited_progress"
    assert statcan_roll_up([gone]).status == "not_available"


# ---- Destatis ---------------------------------------------------------------------------------


def germany(values: list[float], target: float | None, direction: Any = "up", end: int = 2030,
            first: int = 2018) -> Opinion:  # fmt: skip
    series = {first + i: v for i, v in enumerate(values)}
    return destatis(series=series, year=max(series, default=2023), target_year=end, target=target,
                    direction=direction)  # fmt: skip


@pytest.mark.parametrize(
    ("target", "status", "value"),
    [
        (66, "sun", 0.0),  # 50 + 2 a year in 2018-2023 → 60; + 7 × 2 = 74 in 2030
        (74, "sun", 0.0),
        (74.6, "sun", 0.6 / 14.6),  # 4.1 %
        (75, "light_cloud", 1 / 15),
        (77.5, "light_cloud", 3.5 / 17.5),  # 20 % exactly: "at most 20 %"
        (77.6, "cloud", 3.6 / 17.6),
        (90, "cloud", 16 / 30),
    ],
)
def test_five_changes_are_carried_on_in_a_straight_line(
    target: float, status: str, value: float
) -> None:
    found = germany([50, 52, 54, 56, 58, 60], target)
    assert found.status == status and found.at_target == 74
    if value:
        assert found.value == pytest.approx(value)


def test_five_percent_missing_is_no_sun() -> None:
    # 0 → 10 in 5 years, 19 more expected of 20 wanted: 1 ÷ 20 = 5 % exactly: "at least 5 %".
    assert germany([0, 2, 4, 6, 8, 10], 30, end=2033).status == "sun"
    found = germany([0, 1.9, 3.8, 5.7, 7.6, 9.5], 29.5, end=2033)
    assert (found.value, found.status) == (pytest.approx(0.05), "light_cloud")


def test_only_the_last_six_points_count() -> None:
    assert germany([900, 50, 52, 54, 56, 58, 60], 66, first=2017) == germany(
        [50, 52, 54, 56, 58, 60], 66
    )


def test_a_distance_that_stays_or_grows_is_a_storm() -> None:
    assert germany([60, 58, 56, 54, 52, 50], 66).status == "storm"
    assert germany([60, 60, 60, 60, 60, 60], 66).status == "storm"
    assert germany([50, 52, 54, 56, 58, 60], 40, "down").status == "storm"


def test_a_target_that_is_met_is_sun_or_light_cloud() -> None:
    assert germany([50, 52, 54, 56, 58, 60], 55).status == "sun"
    assert germany([60, 60, 60, 60, 60, 60], 60).status == "sun"
    assert germany([70, 68, 66, 64, 62, 60], 55).status == "light_cloud"


def test_four_points_are_needed_and_gaps_are_not_filled() -> None:
    assert germany([50, 52, 54], 66).reason == "too_few_points"
    assert germany([50, 52, 54, 56], 66, first=2020).status == "sun"
    # 2013, 2016, 2019, 2022: 6 in 9 years is 2/3 a year, not 2; 2030: 56 + 8 × 2/3 = 61.33.
    found = destatis(series={2013: 50, 2016: 52, 2019: 54, 2022: 56}, year=2022,
                     target_year=2030, target=66, direction="up")  # fmt: skip
    assert found.at_target == pytest.approx(56 + 16 / 3) and found.status == "cloud"
    later = destatis(series={2013: 50, 2016: 52, 2019: 54, 2022: 56, 2025: 99}, year=2022,
                     target_year=2030, target=66, direction="up")  # fmt: skip
    assert later == found
    assert germany([], 66).status == "not_available"


def test_without_a_target_or_after_its_year_there_is_no_symbol() -> None:
    assert germany([50, 52, 54, 56, 58, 60], None).reason == "no_target"
    assert germany([50, 52, 54, 56, 58, 60], 66, end=2022).reason == "target_year_passed"
    assert germany([50, 52, 54, 56, 58, 60], 66, end=2023).status == "cloud"


def test_values_below_zero_and_a_target_of_zero_are_plain_numbers() -> None:
    assert germany([-10, -8, -6, -4, -2, -1], 0).status == "sun"
    # 100 → 90, 2 a year: 76 in 2030 of 90 to go: 84 % missing.
    found = germany([100, 98, 96, 94, 92, 90], 0, "down")
    assert (found.status, found.value) == ("cloud", pytest.approx(76 / 90))


# ---- United Nations ---------------------------------------------------------------------------


def nations(base: float, current: float, direction: Any = "up", **more: Any) -> Opinion:
    years = {"base_year": 2015, "current_year": 2023, "target_year": 2030} | more
    return un_progress_chart(base_value=base, current_value=current, direction=direction, **years)


@pytest.mark.parametrize(
    ("target", "status", "score"),
    # 10 → 12 in 8 years: × 1.2^(7/8) = 14.0755 in 2030; the way done is 4.0755.
    [
        (10 + 4.0755 / 0.951, "on_track", 3.0),
        (10 + 4.0755 / 0.949, "fair", 2.0),
        (10 + 4.0755 / 0.101, "fair", 2.0),
        (10 + 4.0755 / 0.099, "stagnation_or_regression", 1.0),
    ],
)
def test_growth_is_carried_on_to_the_target_year(target: float, status: str, score: float) -> None:
    found = nations(10, 12, target=target)
    assert found.at_target == pytest.approx(14.0755, abs=1e-4)
    assert (found.status, found.score) == (status, score)
    assert found.value == pytest.approx(4.0755 / (target - 10), abs=1e-4)


def test_without_a_target_two_percent_a_year_is_on_track() -> None:
    def grown(p: float, direction: str = "up") -> str:
        return un_progress_chart(base_year=2015, base_value=10, current_year=2016,
                                 current_value=10 * (1 + p), direction=direction).status  # fmt: skip

    assert [grown(p) for p in (0.02, 0.019, 0.005, 0.0049, -0.1)] == [
        "on_track", "fair", "fair", "stagnation_or_regression", "stagnation_or_regression",
    ]  # fmt: skip
    assert [grown(-p, "down") for p in (0.02, 0.019, 0.005, 0.0049)] == [
        "on_track", "fair", "fair", "stagnation_or_regression",
    ]  # fmt: skip


def test_the_progress_chart_s_edges() -> None:
    assert nations(10, 12, target=11) == Opinion("on_track", score=3.0)
    # Net zero: 100 → 50 in 8 years; × .5^(7/8) = 27.26 in 2030: 72.74 % of the way.
    found = nations(100, 50, "down", target=0)
    assert (found.status, found.value) == ("fair", pytest.approx(0.7274, abs=1e-4))
    # The base had met the target; a fall since is no progress on the way to it.
    assert nations(100, 80, target=90).status == "stagnation_or_regression"
    assert nations(90, 80, target=90).status == "stagnation_or_regression"
    assert nations(-10, -8, target=-5).value == pytest.approx(
        (-8 * 0.8 ** (7 / 8) + 10) / 5, abs=1e-9
    )
    assert nations(-10, -8).reason == "negative_base_value"
    assert nations(0, 8, target=9).reason == "base_value_is_zero"
    assert nations(-1, 8, target=9).reason == "sign_change"
    assert nations(10, 12, base_year=2024, target=19).reason == "less_than_a_year"
    assert nations(10, 12, target=19, target_year=2022).reason == "target_year_passed"
    assert nations(10, 12, target=19, target_year=None).reason == "no_target_year"


# ---- all of them ------------------------------------------------------------------------------

YEARLY = {2015 + i: 100.0 - 3 * i for i in range(9)}


def asked(**changes: Any) -> dict[str, Opinion]:
    plain: dict[str, Any] = {"series": YEARLY, "direction": "down", "kind": "level",
                             "fit": "direct", "target_year": 2030, "target": 60.0}  # fmt: skip
    found = second_opinions(**(plain | changes))
    assert [o.method for o in found] == list(METHODS)
    return {o.method: o for o in found}


def test_every_method_looks_from_its_own_base_year() -> None:
    found = asked(series={2010: 130.0, **YEARLY})
    assert (found["statcan"].base_year, found["statcan"].base_value) == (2015, 100.0)
    assert (found["destatis"].base_year, found["destatis"].current_year) == (2018, 2023)
    late = asked(series={y: v for y, v in YEARLY.items() if y >= 2017})
    assert late["un_progress_chart"].base_year == 2017
    # A series that ended before 2015 has no base in their sense.
    old = asked(series={y - 15: v for y, v in YEARLY.items()}, target_year=2030)
    assert old["statcan"].reason == "no_base_value"


def test_a_break_at_the_last_year_leaves_one_point_and_no_opinion() -> None:
    found = asked(series={2023: 76.0})
    assert {o.status for o in found.values()} == {"not_available"}
    assert found["destatis"].reason == "too_few_points"
    assert found["statcan"].reason == "less_than_a_year"


def test_what_we_do_not_judge_is_not_put_to_the_others() -> None:
    for reason, changes in (
        ("context_only", {"fit": "context"}),
        ("context_only", {"direction": None}),
        ("milestone", {"kind": "milestone"}),
        ("baseline_missing", {"kind": "change", "target": None}),
        ("no_data", {"series": {}}),
    ):
        assert {o.reason for o in asked(**changes).values()} == {reason}


def test_a_direction_row_ignores_the_year_of_its_target() -> None:
    found = asked(kind="direction", target=None)
    assert found["destatis"].reason == "no_target"
    assert found["statcan"].status == "substantial_progress"
    assert found["un_progress_chart"].status == "on_track"


def test_every_word_answers_the_question_or_is_no_opinion() -> None:
    answers = {
        ("statcan", True): "target_achieved substantial_progress | moderate_progress "
        "limited_progress deterioration",
        ("statcan", False): "substantial_progress moderate_progress limited_progress | "
        "deterioration",
        ("destatis", True): "sun light_cloud | cloud storm",
        ("un_progress_chart", True): "on_track | fair stagnation_or_regression",
        ("un_progress_chart", False): "on_track fair | stagnation_or_regression",
    }
    for (method, has_target), words in answers.items():
        better, worse = words.split(" | ")
        assert {verdict(method, w, has_target) for w in better.split()} == {"better"}
        assert {verdict(method, w, has_target) for w in worse.split()} == {"worse"}
    assert verdict("statcan", "not_available", True) is None


# ---- laws -------------------------------------------------------------------------------------

VALUES = st.lists(st.integers(1, 1000).map(float), min_size=6, max_size=12)
FACTORS = st.sampled_from([1e-6, 1e-3, 0.5, 2.0, 1e3, 1e6])


@LAW
@given(VALUES, FACTORS)
def test_net_zero_does_not_depend_on_the_unit_but_in_statcan_s_method(
    values: list[float], factor: float
) -> None:
    # The same emissions in another unit: whatever we, Destatis or the UN say stays the same.
    series = {2014 + i: v for i, v in enumerate(values)}
    scaled = {y: v * factor for y, v in series.items()}
    found, other = asked(series=series, target=0.0), asked(series=scaled, target=0.0)
    for method in ("destatis", "un_progress_chart"):
        assert other[method].status == found[method].status
        assert other[method].value == pytest.approx(found[method].value, rel=1e-9, abs=1e-9)
    question = Question("down", "direct", 1, "level", 0.0, target_year=2050)
    ours, again = (
        assess(question, [Observation(y, v) for y, v in s.items()], date(2026, 11, 23))
        for s in (series, scaled)
    )
    assert (again.status, again.reason) == (ours.status, ours.reason)
    assert again.ratio_short == pytest.approx(ours.ratio_short, rel=1e-9, abs=1e-9)


def test_statcan_s_thousandth_does_depend_on_the_unit() -> None:
    # 200 → 140 kt: to .001 kt asks 55.7 % a year; in Mt, .2 → .14, to .001 Mt only 29.8 %.
    in_kt = canada(200, 140, "down", target=0)
    in_mt = canada(0.2, 0.14, "down", target=0)
    assert in_kt.value == pytest.approx(0.0784, abs=1e-3)
    assert in_mt.value == pytest.approx(0.1463, abs=1e-3)


@LAW
@given(
    base=st.floats(allow_nan=True), current=st.floats(allow_nan=True),
    target=st.one_of(st.none(), st.floats(allow_nan=True)),
    limit=st.one_of(st.none(), st.floats(allow_nan=True)),
    years=st.tuples(*[st.integers(1990, 2060)] * 3), direction=st.sampled_from(["up", "down"]),
)  # fmt: skip
def test_every_method_gives_a_word_and_finite_numbers_only(
    base: float, current: float, target: float | None, limit: float | None,
    years: tuple[int, int, int], direction: str,
) -> None:  # fmt: skip
    ends = {"base_year": years[0], "base_value": base, "current_year": years[1],
            "current_value": current, "direction": direction, "target_year": years[2],
            "target": target}  # fmt: skip
    series = {years[0] + i: v for i, v in enumerate([base, current, base, current, base])}
    found = [
        statcan(limit=limit, **ends),  # type: ignore[arg-type]
        un_progress_chart(**ends),  # type: ignore[arg-type]
        destatis(series=series, year=max(series), target_year=years[2], target=target,
                 direction=direction),
    ]  # fmt: skip
    for opinion in found:
        assert (opinion.status == "not_available") == (opinion.reason is not None)
        for value in (opinion.value, opinion.score, opinion.at_target):
            assert value is None or math.isfinite(value)


@LAW
@given(VALUES, st.integers(1, 2000).map(float))
def test_up_and_down_mirror_each_other(values: list[float], target: float) -> None:
    series = {2014 + i: v for i, v in enumerate(values)}
    mirrored = {y: -v for y, v in series.items()}
    for up, down in zip(
        second_opinions(series=series, direction="up", kind="level", fit="direct",
                        target_year=2030, target=target),
        second_opinions(series=mirrored, direction="down", kind="level", fit="direct",
                        target_year=2030, target=-target), strict=True,
    ):  # fmt: skip
        assert (up.status, up.score) == (down.status, down.score)
