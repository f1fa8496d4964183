"""The method's constants: what SQL is given of them, and that no SQL file has its own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline.paths import sql_root
from pipeline.progress import method
from pipeline.warehouse.model import Model, load_models

MODELS = load_models(sql_root())
# What progress is made of, and what figures say of each other; no other table holds such a number.
PROGRESS = (
    "core.assessments", "core.backtest", "core.histories", "core.opinions", "core.own_status",
    "core.projections", "core.ranked", "core.rejects", "core.series", "core.track_record", "core.unbroken",
    "marts.gaps", "marts.indicator_progress", "marts.mission_progress", "marts.peers",
    "marts.probability_track_record", "marts.revisions", "marts.second_opinions",
    "marts.status_track_record",
    "marts.sub_mission_progress", "marts.target_path",
)  # fmt: skip


def statuses() -> dict[str, dict[str, Any]]:
    return {r["status"]: r for r in method.tables()["run.statuses"].to_pylist()}


def test_sql_is_given_every_status_with_its_place() -> None:
    known = next(e for e in MODELS["core.assessments"].expectations if e.name == "status_known")
    assert set(statuses()) == set(known.options["values"])
    assert {w: r["severity"] for w, r in statuses().items()} == {
        **method.SEVERITY, "not_assessable": None,
    }  # fmt: skip


def test_failing_is_too_slow_or_no_better_and_an_open_question_is_not() -> None:
    standing = {w: r["standing"] for w, r in statuses().items()}
    assert {w for w in standing if standing[w] == "failing"} == {
        w for w, place in method.SEVERITY.items() if place <= method.SEVERITY["progress_too_slow"]
    }
    assert {w for w in standing if standing[w] == "unclear"} == {"stable", "no_clear_trend"}
    assert {w for w in standing if standing[w] == "gaining"} == {
        "slightly_improving",
        "catching_up",
    }
    assert {w for w in standing if standing[w] == "unassessed"} == {"not_assessable"}


def test_our_statuses_answer_the_question_that_the_other_methods_are_asked() -> None:
    answers = {w: r["is_on_course"] for w, r in statuses().items()}
    yes = {w for w, answer in answers.items() if answer}
    assert yes == {"achieved", "on_track", "improving", "slightly_improving", "catching_up"}
    silent = {w for w, answer in answers.items() if answer is None}
    assert silent == {"no_clear_trend", "not_assessable"}


def test_the_numbers_that_sql_reads_are_one_row() -> None:
    assert method.tables()["run.method"].to_pylist() == [
        {
            "trend_window": 10,
            "peers_window": 5,
            "min_points": 4,
            "min_span": 3,
            "late_years": 2,
            "least_ranked": 5,
            "years_apart": 1,
            "range_points": 4,
            "range_spans": 3.0,
            "range_share": 0.5,
            "rebased_points": 4,
            "rebased_alike": 1.005,
            "rebased_up": 1.02,
            "rebased_down": 0.98,
        }
    ]


@pytest.mark.parametrize("cadence", [1, 2, 3, 10, 11, 25])
def test_sql_is_given_the_window_of_every_cadence(cadence: int) -> None:
    rows = method.tables()["run.windows"].to_pylist()
    found = max((r for r in rows if r["cadence"] <= cadence), key=lambda r: int(r["cadence"]))
    assert found["short_window"] == method.short_window(cadence) == (5 if cadence == 1 else 10)


def numbers(model: Model) -> set[str]:
    """Numbers in a model's query and in its checks' queries, but those in texts and comments and
    places in a list."""
    queries = [model.query, *(str(e.options["sql"]) for e in model.expectations if e.kind == "no_rows")]  # fmt: skip
    bare = re.sub(r"--[^\n]*|'[^']*'|\[\d+\]", " ", "\n".join(queries))
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?", bare))


@pytest.mark.parametrize("name", PROGRESS)
def test_no_number_of_the_method_stands_in_sql(name: str) -> None:
    # 0 and 1 are nobody's choice; 2 is the second place of an order, and 100 makes a percentage.
    assert numbers(MODELS[name]) <= {"0", "1", "2", "100"}


def test_the_text_of_the_method_says_the_numbers_that_are_used() -> None:
    text = (sql_root().parent / "docs" / "METHOD.md").read_text(encoding="utf-8")
    named = re.findall(r"`([A-Z][A-Z_]+)`\s+\(([^)]+)\)", text)
    assert len(named) > 30
    for name, said in named:
        value = getattr(method, name)
        numbers = value if isinstance(value, tuple) else (value,)
        assert [float(n) for n in said.split(",")] == list(map(float, numbers)), name
    assert f"version {method.METHOD_VERSION}" in text
