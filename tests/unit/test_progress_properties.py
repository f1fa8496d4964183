"""Laws of the progress arithmetic that hold for every series.

Cases with their working are in test_progress.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.progress.assess import (
    Assessment,
    Observation,
    Question,
    assess,
    definitive,
    path_value,
)
from pipeline.progress.method import SEVERITY

R = date(2026, 11, 23)
REASONS = {
    "context_only",
    "no_data",
    "milestone_open",
    "stale",
    "series_break",
    "too_few_points",
    "baseline_missing",
    "not_computable",
}
YEARS = st.integers(2008, 2026)
# The same cases in every run; the laws are meant to hold, not to be lucky.
LAW = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@st.composite
def series(draw: st.DrawFn, values: st.SearchStrategy[float], least: int = 0) -> list[Observation]:
    years = draw(st.lists(YEARS, min_size=least, max_size=19, unique=True))
    flags = st.frozensets(st.sampled_from(["b", "p", "e", "i"]), max_size=2)
    rare = st.one_of(st.just(frozenset[str]()), st.just(frozenset[str]()), flags)
    return [Observation(year, draw(values), draw(rare)) for year in years]


@st.composite
def unbroken(
    draw: st.DrawFn, values: st.SearchStrategy[float], least: int = 4
) -> list[Observation]:
    """A yearly series without flags, so that most of the cases have a window."""
    last, length = draw(st.integers(2021, 2026)), draw(st.integers(least, 17))
    return [Observation(year, draw(values)) for year in range(last - length + 1, last + 1)]


@st.composite
def questions(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> Question:
    maybe_year = st.one_of(st.none(), st.integers(2005, 2055))
    return Question(
        direction=draw(st.sampled_from(["up", "down", None])),
        fit=draw(st.sampled_from(["direct", "proxy", "context"])),
        cadence=draw(st.integers(1, 6)),
        kind=draw(st.sampled_from(["level", "change", "gain", "direction", "milestone"])),
        number=draw(st.one_of(st.none(), numbers)),
        target_year=draw(maybe_year),
        base_year=draw(maybe_year),
        documented_baseline=draw(st.one_of(st.none(), numbers)),
        milestone_state=draw(st.sampled_from(["met", "open", "overdue", None])),
        may_be_zero=draw(st.booleans()),
        breaks=tuple(draw(st.lists(YEARS, max_size=2))),
        carried_forward=tuple(draw(st.lists(YEARS, max_size=2))),
        milestones_on_path=tuple(draw(st.lists(st.tuples(YEARS, numbers), max_size=2))),
        path=draw(st.sampled_from(["linear", "geometric"])),
    )


WHOLE = st.integers(1, 1000).map(float)
SIGNED = st.integers(-1000, 1000).map(float)
BELOW = st.integers(-1000, -1).map(float)
DIRECTIONS = st.sampled_from(["up", "down"])


def target(direction: str, kind: str, number: float | None, **more: Any) -> Question:
    return Question(direction, "direct", 1, kind, number, **more)


def close(left: float | None, right: float | None, times: float = 1.0) -> bool:
    if left is None or right is None:
        return left is right
    return left * times == pytest.approx(right, rel=1e-9, abs=1e-9)


@LAW
@given(questions(st.floats()), series(st.floats()), st.dates(date(2005, 1, 1), date(2060, 1, 1)))
def test_a_row_always_has_a_status_and_only_finite_numbers(
    question: Question, observations: list[Observation], reference: date
) -> None:
    row = assess(question, observations, reference)
    assert (row.status == "not_assessable") == (row.reason in REASONS)
    assert (row.status in SEVERITY) == (row.reason is None)
    assert row.severity == SEVERITY.get(row.status)
    for name, value in asdict(row).items():
        assert not isinstance(value, float) or math.isfinite(value), name


@LAW
@given(questions(SIGNED), series(SIGNED), st.randoms(use_true_random=False))
def test_the_order_of_the_observations_does_not_matter(
    question: Question, observations: list[Observation], chance: Any
) -> None:
    shuffled = list(observations)
    chance.shuffle(shuffled)
    assert assess(question, shuffled, R) == assess(question, observations, R)
    assert definitive(shuffled) == definitive(observations)


@LAW
@given(questions(SIGNED), series(SIGNED), st.integers(0, 40))
def test_time_alone_only_makes_a_row_dated_or_stale(
    question: Question, observations: list[Observation], years: int
) -> None:
    now, later = (assess(question, observations, date(2026 + add, 6, 1)) for add in (0, years))
    assert later.status == now.status or later.reason == "stale"
    assert later.is_dated >= now.is_dated
    measured = [k for k in asdict(now) if k.startswith(("pace", "ratio", "share", "gap"))]
    assert [getattr(now, k) for k in measured] == [getattr(later, k) for k in measured]


@LAW
@given(
    unbroken(WHOLE),
    DIRECTIONS,
    st.sampled_from(["level", "change", "gain", "direction"]),
    st.integers(0, 999),
    st.integers(2027, 2050),
    st.integers(2005, 2022),
    st.one_of(st.none(), WHOLE),
    st.integers(-6, 20),
)
def test_the_unit_does_not_matter(
    observations: list[Observation],
    direction: str,
    kind: str,
    number: int,
    year: int,
    base: int,
    documented: float | None,
    power: int,
) -> None:
    # Powers of two leave the digits alone, so that even a row on a cut stays on its side; whole
    # numbers keep clear of the tolerance, which is absolute for targets below 1.
    times = 2.0**power
    written = -number / 1000 if kind == "change" else float(number)
    question = target(
        direction, kind, written, target_year=year, base_year=base, documented_baseline=documented
    )
    scaled = replace(
        question,
        number=written if kind == "change" else written * times,
        documented_baseline=None if documented is None else documented * times,
    )
    before = assess(question, observations, R)
    after = assess(scaled, [replace(o, value=o.value * times) for o in observations], R)
    assert (after.status, after.reason) == (before.status, before.reason)
    assert (after.window_start, after.pace_basis) == (before.window_start, before.pace_basis)
    unitless = ("share_achieved", "gap_to_path_pct", "ratio_short", "ratio_long", "trend_pct")
    unitless += ("trend_p", "status_probability")
    for name in (*unitless, "acceleration_factor", "year_reached", "tie"):
        assert close(getattr(before, name), getattr(after, name)), name
    exact = ("position", "turning", "confidence", "assessable_from")
    assert [getattr(after, k) for k in exact] == [getattr(before, k) for k in exact]
    for name in ("target_value", "baseline_value", "gap_to_path"):
        assert close(getattr(before, name), getattr(after, name), times), name
    rate = 1.0 if before.pace_basis == "cagr" else times
    for name in ("pace_recent", "pace_long", "pace_required"):
        assert close(getattr(before, name), getattr(after, name), rate), name


@LAW
@given(
    unbroken(BELOW),
    DIRECTIONS,
    st.sampled_from(["level", "gain"]),
    BELOW,
    st.integers(2020, 2050),
    st.integers(2005, 2026),
)
def test_a_mirrored_series_with_the_other_direction_is_the_same_question(
    observations: list[Observation],
    direction: str,
    kind: str,
    number: float,
    year: int,
    base: int,
) -> None:
    # Values and mirrored values are all below 0, so that every pace is linear: growth rates have
    # no mirror image. A level is mirrored like a value, a gain changes its sign.
    centre = -1001.0
    question = target(direction, kind, number, target_year=year, base_year=base)
    mirrored = replace(
        question,
        direction="down" if direction == "up" else "up",
        number=centre - number if kind == "level" else -number,
    )
    before = assess(question, observations, R)
    after = assess(mirrored, [replace(o, value=centre - o.value) for o in observations], R)
    assert (after.status, after.reason) == (before.status, before.reason)
    same = ("share_achieved", "share_of_time", "gap_to_path", "gap_to_path_pct", "ratio_short",
            "status_probability", "trend_p")  # fmt: skip
    for name in (*same, "ratio_long", "acceleration_factor", "year_reached", "tie"):
        assert close(getattr(before, name), getattr(after, name)), name
    for name in ("pace_recent", "pace_long", "pace_required"):
        assert close(getattr(before, name), getattr(after, name), -1), name


MIRRORED = {
    "improving": "worsening",
    "slightly_improving": "slightly_worsening",
    "stable": "stable",
    "no_clear_trend": "no_clear_trend",
    "slightly_worsening": "slightly_improving",
    "worsening": "improving",
}


@LAW
@given(unbroken(st.integers(990, 1010).map(float)), st.booleans())
def test_a_direction_row_is_turned_round_by_the_other_direction(
    observations: list[Observation], may_be_zero: bool
) -> None:
    up, down = (
        assess(target(d, "direction", None, may_be_zero=may_be_zero), observations, R)
        for d in ("up", "down")
    )
    assert up.trend_pct is not None and down.trend_pct is not None
    assert up.trend_pct == -down.trend_pct
    assert (up.trend_p, up.turning) == (down.trend_p, down.turning)
    # The cuts mirror each other but for the one at 1 %, which belongs to the better class on
    # both sides: +1 is improving, −1 slightly worsening.
    assume(abs(up.trend_pct) != 1)
    assert down.status == MIRRORED[up.status]


@LAW
@given(unbroken(SIGNED), SIGNED, st.integers(2027, 2050), st.integers(2005, 2020))
def test_a_ratio_exists_in_one_direction_at_most(
    observations: list[Observation], number: float, year: int, base: int
) -> None:
    # Pace ÷ pace required has no direction in it; but a start that has yet to reach the target
    # in one direction is past it in the other, so a ratio cannot be negated by turning round.
    up, down = (
        assess(target(d, "level", number, target_year=year, base_year=base), observations, R)
        for d in ("up", "down")
    )
    start = {o.year: o.value for o in observations}[up.window_start or 0]
    assert (up.ratio_short is not None) == (start < number)
    assert (down.ratio_short is not None) == (start > number)
    # What is said of the way itself is the same; only behind becomes ahead.
    assert up.share_achieved == down.share_achieved
    assert up.pace_recent == down.pace_recent and up.pace_required == down.pace_required
    assert close(up.gap_to_path, down.gap_to_path, -1)


@LAW
@given(
    unbroken(SIGNED, least=2),
    DIRECTIONS,
    st.sampled_from(["level", "change", "gain"]),
    st.integers(-1000, 1000),
    st.integers(2018, 2045),
    st.integers(2005, 2020),
    st.floats(0, 2000),
    st.booleans(),
)
def test_a_worse_latest_value_never_gives_a_better_status(
    observations: list[Observation],
    direction: str,
    kind: str,
    number: int,
    year: int,
    base: int,
    worse_by: float,
    may_be_zero: bool,
) -> None:
    # The base year lies before the latest year: a value that is its own baseline moves the target.
    question = target(
        direction,
        kind,
        number / 1000 if kind == "change" else float(number),
        target_year=year,
        base_year=base,
        may_be_zero=may_be_zero,
    )
    last = observations[-1]
    assume(base < last.year)
    step = worse_by if direction == "down" else -worse_by
    before = assess(question, observations, R)
    after = assess(question, [*observations[:-1], replace(last, value=last.value + step)], R)
    if before.severity is not None and after.severity is not None:
        assert after.severity <= before.severity


@LAW
@given(
    WHOLE,
    WHOLE,
    st.lists(st.tuples(st.integers(2021, 2049), WHOLE), max_size=3, unique_by=lambda p: p[0]),
    st.integers(2020, 2060),
    st.sampled_from(["linear", "geometric"]),
)
def test_a_path_goes_through_its_corners_and_stays_between_them(
    baseline: float,
    end: float,
    milestones: list[tuple[int, float]],
    year: int,
    shape: str,
) -> None:
    question = target(
        "down",
        "level",
        end,
        target_year=2050,
        base_year=2020,
        milestones_on_path=tuple(milestones),
        path=shape,
    )
    for corner, value in [(2020, baseline), *milestones, (2050, end)]:
        assert path_value(question, baseline, end, corner) == value
    values = [baseline, end, *(value for _, value in milestones)]
    found = path_value(question, baseline, end, year)
    assert found is not None
    assert min(values) * (1 - 1e-12) <= found <= max(values) * (1 + 1e-12)


def test_a_row_without_data_is_only_its_defaults() -> None:
    question = target("up", "level", 1.0, target_year=2030)
    assert assess(question, [], R) == Assessment(reason="no_data")
