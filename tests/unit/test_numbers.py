"""Figures as a reader sees them: rounded once, the same in Python as in the page's script."""

from __future__ import annotations

import pytest

from pipeline.progress import method
from pipeline.report.numbers import for_people, plain, shown, typeset


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (46.25, 1, "46,3"),  # a half goes up, as in the script's toLocaleString
        (12.95, 1, "13,0"),  # in binary a little less
        (102554.99999999999, 0, "102.555"),
        (-0.04, 1, "0,0"),
        (-2.5, 0, "−3"),
        (1234567.5, 0, "1.234.568"),
    ],
)
def test_a_half_goes_up_and_binary_noise_does_not_count(
    value: float, decimals: int, said: str
) -> None:
    assert plain(value, decimals, "nl") == said


def test_next_to_a_threshold_a_ratio_has_a_decimal_and_another_share_has_none() -> None:
    for edge in (method.ON_TRACK_FROM, method.TOO_SLOW_FROM):
        assert shown(edge - 0.003, "ratio", "en") == f"{100 * edge - 0.3:.1f}%"
        assert shown(edge - 0.003, "pct", "en") == f"{100 * edge:.0f}%"
        assert shown(edge - 0.03, "ratio", "en") == f"{100 * edge - 3:.0f}%"


def test_units_and_names_are_those_that_people_know() -> None:
    assert for_people("kt CO2e") == ("Mt CO2e", 0.001)
    assert for_people("1 000 EUR") == ("mln EUR", 0.001)
    assert for_people("%") == ("%", 1.0)
    assert typeset("30 % minder CO2") == "30% minder CO₂"
