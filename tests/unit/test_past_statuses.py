"""The track record: that it holds the statuses and chances that would have been given at the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.method import BINS, DIRECTION_HORIZON, PSEUDO_TARGETS, RECORD_HORIZONS
from pipeline.progress.projection import Widening, project
from pipeline.progress.track_record import PastStatus, past_statuses

LAW = settings(max_examples=20, deadline=None, derandomize=True, database=None)
LINES = {
    name: {80: Widening(base, per_year), 95: Widening(2.0, 0.0)}
    for name, base, per_year in (("low", 0.9, 0.0), ("middle", 1.1, 0.0), ("high", 1.2, 0.07))
}
ASKED = Question(direction="down", fit="direct", cadence=1, kind="level", bound_low=20.0)
SERIES = st.lists(st.integers(20, 60).map(float), min_size=12, max_size=20)
GAPS = st.sets(st.integers(2002, 2010), max_size=3)


@LAW
@given(SERIES, GAPS, st.sampled_from(["up", "down"]), st.sampled_from([1, 2]))
def test_a_past_status_is_the_one_that_would_have_been_given(
    values: list[float], gaps: set[int], direction: str, cadence: int
) -> None:
    series = {2000 + i: v for i, v in enumerate(values) if 2000 + i not in gaps}
    question = replace(ASKED, direction=direction, cadence=cadence)
    found = {(p.year, p.horizon, p.size): p for p in past_statuses(question, series, LINES)}
    given_then: dict[tuple[int, int, float], PastStatus] = {}
    for year in series:
        known = {y: v for y, v in series.items() if y <= year}
        observed = [Observation(y, v) for y, v in known.items()]
        for horizon in RECORD_HORIZONS:
            for size in PSEUDO_TARGETS if year + horizon in series else ():
                start = min(y for y in known if y >= year - 5 * cadence)
                target = series[start] * (1 + size if direction == "up" else 1 - size)
                asked = replace(question, number=target, target_year=year + horizon)
                row = assess(asked, observed, date(year + 1, 1, 1))
                if row.status in ("achieved", "not_assessable"):
                    continue
                came = series[year + horizon]
                given_then[year, horizon, size] = PastStatus(
                    year, horizon, size, row.status, question.is_possible(target),
                    came >= target - 1e-9 * target if direction == "up" else came <= target + 1e-9 * target,
                    project(known, year + horizon, target=target, direction=direction,
                            cadence=cadence, widenings=LINES).probability,
                )  # fmt: skip
        if year + DIRECTION_HORIZON in series:
            asked = replace(question, kind="direction", number=None)
            row = assess(asked, observed, date(year + 1, 1, 1))
            if row.status != "not_assessable":
                came, now = series[year + DIRECTION_HORIZON], series[year]
                given_then[year, DIRECTION_HORIZON, 0.0] = PastStatus(
                    year, DIRECTION_HORIZON, 0.0, row.status, True,
                    came > now if direction == "up" else came < now,
                )  # fmt: skip
    assert set(found) == set(given_then)
    for key, past in given_then.items():
        assert replace(found[key], probability=None) == replace(past, probability=None)
        assert found[key].probability == pytest.approx(past.probability, abs=1e-12)


def test_what_has_no_direction_or_a_value_of_0_has_no_record() -> None:
    series = {2000 + i: 100.0 - i for i in range(20)}
    assert list(past_statuses(ASKED, series, LINES))
    assert not list(past_statuses(replace(ASKED, direction=None), series, LINES))
    assert not list(past_statuses(ASKED, series | {2003: 0.0}, LINES))
    assert not list(past_statuses(ASKED, {}, LINES))


def test_without_a_measured_band_there_is_a_status_and_no_chance() -> None:
    series = {2000 + i: 100.0 - i + i % 2 for i in range(20)}
    without = list(past_statuses(ASKED, series, {}))
    assert without == [replace(p, probability=None) for p in past_statuses(ASKED, series, LINES)]


@pytest.mark.parametrize(
    ("probability", "place"),
    [(0.0, 1), (0.1999, 1), (0.2, 2), (0.5, 3), (0.6, 4), (0.8, 5), (1.0, BINS), (None, None)],
)
def test_bins_begin_at_their_lower_edge_and_the_last_ends_at_1(
    probability: float | None, place: int | None
) -> None:
    assert PastStatus(2010, 5, 0.1, "on_track", True, True, probability).bin == place
