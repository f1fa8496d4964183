"""How sure a status is, against cases worked by hand, and the laws that such a chance obeys."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from pipeline.progress.assess import Assessment, Observation, Question, assess
from pipeline.progress.changes import spread, without_largest_step, yearly_changes
from pipeline.progress.confidence import Pace, word_for

R = date(2026, 11, 23)
LAW = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def asked(**changes: Any) -> Question:
    plain: dict[str, Any] = {
        "direction": "down", "fit": "direct", "cadence": 1, "kind": "level", "number": 0.0,
        "target_year": 2035,
    }  # fmt: skip
    return Question(**(plain | changes))


def run(last: int, *values: float) -> list[Observation]:
    first = last - len(values) + 1
    return [Observation(first + i, float(v)) for i, v in enumerate(values)]


def seen(row: Assessment) -> tuple[str, float | None, str | None]:
    return row.status, row.status_probability, row.confidence


# ---- yearly changes ---------------------------------------------------------------------------


def test_yearly_changes_are_divided_by_their_years_and_leave_long_gaps_out() -> None:
    heights = {2010: 0.0, 2012: 4.0, 2013: 5.0, 2016: 50.0, 2018: 54.0}
    assert [(c.since, c.until, c.yearly) for c in yearly_changes(heights, 1)] == [
        (2010, 2012, 2.0), (2012, 2013, 1.0), (2016, 2018, 2.0),
    ]  # fmt: skip
    # A two-yearly series: three years are no gap there.
    assert [c.yearly for c in yearly_changes(heights, 2)] == [2.0, 1.0, 15.0, 2.0]


def test_the_spread_is_that_of_the_last_ten_or_of_the_window() -> None:
    values = dict(zip(range(2005, 2026), [(i * i) % 7 for i in range(21)], strict=True))
    changes = yearly_changes({y: float(v) for y, v in values.items()}, 1)
    ten = [c.yearly for c in changes[-10:]]
    assert spread(changes, 2020) == (pytest.approx(stdev(ten)), 10)
    # Five in all: those since 2022 are three; of two nothing is said.
    few = changes[-5:]
    assert spread(few, 2022) == (pytest.approx(stdev(c.yearly for c in few[-3:])), 3)
    assert spread(few, 2023) is None


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        # Changes 1 1 5 1: the 5 becomes 1, and what follows moves down by 4.
        ((0, 1, 2, 7, 8), (0, 1, 2, 3, 4)),
        # Four points, changes 1 2 6: median 2, the farthest 6; the median of the others 1.5.
        ((0, 1, 3, 9), (0, 1, 3, 4.5)),
        # Changes 0 2 4: both ends are 2 away; the earliest goes, to 3.
        ((0, 0, 2, 6), (0, 3, 5, 9)),
        ((0, 5), None),
    ],
)
def test_the_largest_step_is_taken_out(
    heights: tuple[float, ...], expected: tuple[float, ...] | None
) -> None:
    found = without_largest_step({2020 + i: float(h) for i, h in enumerate(heights)}, 1)
    assert found == (
        None if expected is None else {2020 + i: pytest.approx(h) for i, h in enumerate(expected)}
    )


# ---- the chance of a status -------------------------------------------------------------------


def test_of_a_row_with_a_number() -> None:
    # To 0 in 2035 by linear paces. Changes of the last ten years: −2 four times, −5 and −7 …
    values = [70, 68, 66, 65, 61, 60, 55, 52, 48, 47, 40]
    row = assess(asked(), run(2025, *values), R)
    # Window 2020 (60) to 2025 (40): mean −4; needed −60/15 = −4; ratio 1: on track. At least .95
    # of it: a pace of −3.8 or steeper. s of the ten changes, 9 degrees of freedom, five years.
    changes = [b - a for a, b in pairwise(values)]
    t = (-3.8 - -4.0) * math.sqrt(5) / stdev(changes)
    assert row.status == "on_track"
    assert row.status_probability == pytest.approx(student.cdf(t, 9))
    assert row.confidence == "uncertain"


def test_each_status_is_at_least_as_likely_as_not() -> None:
    # 100 in 2020; 0 in 2030 needs −10 a year: cuts at −9.5, −6 and 0.
    for last, status, edge, below in (
        (50.0, "on_track", -9.5, True),
        (60.0, "progress_too_slow", -9.5, False),
        (80.0, "insufficient", -6.0, False),
        (103.0, "wrong_direction", 0.0, False),
    ):
        values = [100, 97, 99, 90, 95, last]
        row = assess(asked(target_year=2030), run(2025, *values), R)
        changes = [b - a for a, b in pairwise(values)]
        t = (edge - (last - 100) / 5) * math.sqrt(5) / stdev(changes)
        chance = student.cdf(t if below else -t, 4)
        # Five changes: fewer than six, so never firm.
        word = "likely" if chance >= 0.6 else "uncertain"
        assert seen(row) == (status, pytest.approx(chance), word)
        assert chance >= 0.5


def test_a_compound_pace_is_held_against_its_threshold_in_logarithms() -> None:
    # 10 % a year from 100; 259.37 in 2030 needs 10 %: .95 of it is 9.5 %, ln 1.095.
    values = [100, 111, 120, 134, 146, 161.051]
    question = asked(direction="up", number=259.37424601, target_year=2030)
    row = assess(question, run(2025, *values), R)
    changes = [math.log(b / a) for a, b in pairwise(values)]
    t = (math.log(1.1) - math.log(1.095)) * math.sqrt(5) / stdev(changes)
    assert row.pace_basis == "cagr" and row.status == "on_track"
    assert row.status_probability == pytest.approx(student.cdf(t, 4), rel=1e-6)


def test_a_start_past_the_target_is_the_chance_of_the_wrong_way() -> None:
    values = [52, 52, 51, 51, 50, 49]
    row = assess(asked(direction="up", number=50.0), run(2025, *values), R)
    changes = [math.log(b / a) for a, b in pairwise(values)]
    t = -math.log(49 / 52) / 5 * math.sqrt(5) / stdev(changes)
    assert seen(row) == ("wrong_direction", pytest.approx(student.cdf(t, 4)), "likely")


def test_of_a_row_of_direction() -> None:
    # Eleven years; slope and spread in logarithms, ten years; improving: at least 1 %.
    values = [100, 103, 104, 108, 110, 115, 113, 118, 122, 121, 127]
    row = assess(asked(kind="direction", direction="up", number=None), run(2025, *values), R)
    heights = [math.log(v) for v in values]
    slopes = sorted(
        (heights[j] - heights[i]) / (j - i) for i in range(11) for j in range(i + 1, 11)
    )
    changes = [b - a for a, b in pairwise(heights)]
    t = (slopes[27] - math.log(1.01)) * math.sqrt(10) / stdev(changes)
    assert seen(row) == ("improving", pytest.approx(student.cdf(t, 9)), "firm")


def test_a_publishers_smooth_model_is_never_firm() -> None:
    values = [100, 103, 104, 108, 110, 115, 113, 118, 122, 121, 127]
    question = asked(kind="direction", direction="up", number=None, modelled=True)
    row = assess(question, run(2025, *values), R)
    assert row.status_probability is not None and row.status_probability > 0.9
    assert row.confidence == "likely"


def test_what_claims_nothing_has_no_chance_and_facts_are_firm() -> None:
    direction = asked(kind="direction", direction="up", number=None)
    assert seen(assess(direction, run(2025, 5, 5, 5, 5, 5, 5), R)) == ("stable", None, None)
    noise = assess(direction, run(2025, 5, 9, 2, 7, 4, 8, 3), R)
    assert seen(noise) == ("no_clear_trend", None, None)
    assert seen(assess(direction, [], R)) == ("not_assessable", None, None)
    reached = assess(asked(number=50.0), run(2025, 49), R)
    assert seen(reached) == ("achieved", None, "firm")
    late = assess(asked(number=50.0, target_year=2025), run(2025, 51), R)
    assert seen(late) == ("missed", None, "firm")


@pytest.mark.parametrize(
    ("chance", "word"),
    [(0.9, "firm"), (math.nextafter(0.9, 0), "likely"), (0.6, "likely"),
     (math.nextafter(0.6, 0), "uncertain")],
)  # fmt: skip
def test_the_words_at_their_bounds(chance: float, word: str) -> None:
    assert word_for(chance, capped=False) == word
    assert word_for(chance, capped=True) == ("likely" if word == "firm" else word)


WHOLE = st.integers(1, 200).map(float)
SERIES = st.lists(WHOLE, min_size=6, max_size=14)


@LAW
@given(SERIES, st.sampled_from(["up", "down"]), st.sampled_from(["level", "direction"]), WHOLE)
def test_a_chance_lies_between_none_and_all(
    values: list[float], direction: str, kind: str, number: float
) -> None:
    question = asked(direction=direction, kind=kind, number=number)
    row = assess(question, run(2025, *values), R)
    if row.status_probability is not None:
        assert 0 <= row.status_probability <= 1
        assert row.confidence in ("firm", "likely", "uncertain")
    claims = row.status not in ("achieved", "missed", "stable", "no_clear_trend", "not_assessable")
    assert claims or row.status_probability is None


NUMBERS = st.floats(-100, 100)


@LAW
@given(NUMBERS, st.floats(0, 50), NUMBERS, st.floats(0, 50), st.integers(3, 10), st.integers(3, 15))
def test_at_least_as_good_grows_likelier_with_a_better_pace(
    mean: float, better: float, edge: float, spread: float, n: int, years: int
) -> None:
    """With the spread as it was: a last value that leaps makes the series jumpier as well."""
    before, after = (Pace(m, spread, n, years) for m in (mean, mean + better))
    assert after.at_least(edge) >= before.at_least(edge)
    assert after.at_most(edge) <= before.at_most(edge)
    if spread > 0:
        assert before.at_least(edge) + before.at_most(edge) == pytest.approx(1)
    # Mirrored, the same chances change places.
    assert Pace(-mean, spread, n, years).at_least(-edge) == pytest.approx(before.at_most(edge))
