"""Twenty nights on which publishers err at random: no wrong number, and no stop that a source causes.

More of them by hand: `python -m tests.nights --nights 500 --seed 11`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nights.bench import Version
from tests.nights.night import Nights
from tests.publisher import Publisher

pytestmark = pytest.mark.slow

NIGHTS = 20
REN = "eurostat/nrg_ind_ren"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    with Publisher() as bench:
        yield Nights(tmp_path_factory.mktemp("nights"), 11, bench)


def test_no_night_publishes_a_wrong_number_or_stops(nights: Nights) -> None:
    """The last of them by the command itself, with every table and Dagster."""
    reports = [nights.night(n, whole=n == NIGHTS - 1) for n in range(NIGHTS)]
    assert [str(r) for r in reports if not r.holds] == []
    assert reports[0].code == 0 and {r.code for r in reports} == {0, 3}
    assert sum(len(r.errors) for r in reports) > 10 and sum(len(r.news) for r in reports) > 2
    assert reports[-1].whole and reports[-1].dagster > 0


def test_a_number_that_nobody_said_is_seen(nights: Nights) -> None:
    """That the nights before were well is no accident of how they are looked at."""
    (newest,) = nights.sayings.versions[REN][-1:]
    said = {key: value * 1.0001 for key, value in newest.cells.items()}
    nights.sayings.versions[REN] = [Version(newest.night, said)]
    report = nights.night(NIGHTS)
    assert not report.holds and report.wrong[0].startswith(REN)
