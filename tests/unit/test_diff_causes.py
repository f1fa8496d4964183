"""Causes of a difference between two releases, where one of them knew less than the other."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.languages import LANGUAGES
from pipeline.progress.question import Question
from pipeline.release.diff import CAUSES, _inputs, _overrides
from pipeline.release.read import Release
from pipeline.report.messages import Messages

PAIR = ("x", "x:direction")
ASKED: dict[str, Any] = {
    "kind": "direction", "number": None, "target_year": None, "target_value": None, "base_year": None,
    "base_year_basis": None, "documented_baseline": None, "path": "linear", "strength": None,
}  # fmt: skip
ITEM: dict[str, Any] = {
    "direction": "up", "fit": "direct", "cadence": 1, "may_be_zero": False, "breaks": None,
    "formula": "a + b", "fingerprint": "f",
}  # fmt: skip


def release(
    series: dict[int, tuple[float, str]],
    vintages: dict[str, str | None],
    day: date = date(2026, 11, 23),
) -> Release:
    """A release with one indicator: year → value and vintage, and the vintage of each dataset."""
    made = Release(Path("r"))
    vars(made).update(
        {
            "progress": {PAIR: {"as_of": day}},
            "indicators": {"x": ITEM},
            "pairs": {PAIR: ASKED},
            "targets": {},
            "sources": {name: {"vintage_id": v} for name, v in vintages.items()},
            "series": {
                "x": [
                    {
                        "period": y,
                        "value": v,
                        "flags": [],
                        "vintage_id": of,
                        "carried_forward": False,
                    }
                    for y, (v, of) in series.items()
                ]
            },
        }
    )
    return made


def moved(before: Release, after: Release) -> list[tuple[str, list[tuple[int, float]]]]:
    """The steps at which the figures change, and those that are left after it."""
    found: list[tuple[str, list[tuple[int, float]]]] = []
    last = [(o.year, o.value) for o in before.observations("x")]
    for cause, question, observations, _ in _inputs(before, after, PAIR):
        assert isinstance(question, Question)
        now = [(o.year, o.value) for o in observations]
        if now != last:
            found.append((cause, now))
            last = now
    assert last == [(o.year, o.value) for o in after.observations("x")]
    return found


NOTHING = release({}, {"a": None, "b": None})
ONE = release({2020: (1.0, "a1"), 2021: (2.0, "a1")}, {"a": "a1", "b": None})
BOTH = release(
    {2020: (1.0, "a1"), 2021: (2.0, "a1"), 2022: (3.0, "a1+b1"), 2023: (4.0, "b1")},
    {"a": "a1", "b": "b1"},
)
NEWER = release({2020: (1.5, "a2"), 2021: (2.0, "a2"), 2022: (3.0, "a2")}, {"a": "a2", "b": None})


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [
        (NOTHING, ONE, ["first_figures"]),
        (ONE, NOTHING, ["not_known"]),
        # One of two datasets comes or goes: the years that need it are neither new nor withdrawn.
        (ONE, BOTH, ["first_figures"]),
        (BOTH, ONE, ["not_known"]),
        # Both at once keep their names.
        (ONE, NEWER, ["revision", "new_year"]),
        (BOTH, NEWER, ["not_known", "revision", "new_year"]),
        (NEWER, BOTH, ["revision", "first_figures"]),
    ],
)
def test_figures_of_a_dataset_without_a_vintage_are_first_ones_or_were_not_known(
    before: Release, after: Release, causes: list[str]
) -> None:
    assert [cause for cause, _ in moved(before, after)] == causes


def test_every_cause_has_a_word_in_both_languages() -> None:
    for lang in LANGUAGES:
        assert all(Messages(lang).word("diff", cause) != cause for cause in CAUSES)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        # In force from 1 to 30 November 2026; the other release lies before, within or after that.
        (None, "2024-06-10", "reference_date"),
        (None, "2026-12-01", "reference_date"),
        (None, "2026-11-20", "registry"),
        ("2024-06-10", None, "reference_date"),
        ("2026-10-31", None, "reference_date"),
        ("2026-11-20", None, "registry"),
    ],
)
def test_a_judgement_that_is_not_in_force_at_the_other_date_was_not_edited(
    before: str | None, after: str | None, cause: str
) -> None:
    held = {
        "mission_id": "m", "override_status": "on_track", "override_author": "A",
        "override_reason": "r", "override_date": date(2026, 11, 1),
        "override_until": date(2026, 11, 30),
    }  # fmt: skip

    class Judged(Release):
        def rows(self, table: str) -> list[dict[str, Any]]:
            return [held] if self.name == "with" else [{**held, "override_status": None}]

    def made(day: str | None) -> Release:
        found = Judged(Path("without" if day else "with"))
        vars(found)["progress"] = {PAIR: {"as_of": date.fromisoformat(day or "2026-11-23")}}
        return found

    [row] = _overrides(made(before), made(after))
    assert row["cause"] == cause
