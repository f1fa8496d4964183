"""Random series judged by the project and by the naive side (tests/naive.py) alike."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import date
from typing import Any

import pytest

from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.fragility import fragility
from tests import naive, naive_confidence

REFERENCE = date(2026, 11, 23)


def test_the_naive_side_gives_the_numbers_that_the_method_names() -> None:
    assert naive.kendall_p([1, 2, 3, 4]) == pytest.approx(1 / 12)
    assert naive.kendall_p([1, 2, 2, 3]) == pytest.approx(1 / 6)
    assert naive.kendall_p([7, 7, 7, 7, 7]) == 1
    # Ten years at +2 % a year, none, and one step that is only its own window's.
    item = {"direction": "up", "may_be_zero": False}
    steady = {year: 1.02 ** (year - 2010) for year in range(2010, 2021)}
    assert naive.trend(item, steady, [])["g"] == pytest.approx(2)
    assert naive.trend({**item, "direction": "down"}, steady, [])["g"] == pytest.approx(-2)
    assert naive.trend(item, steady, [2018]) == {}
    assert naive.trend(item, {**steady, 2012: 0.0}, [])["g"] is None


def any_question(rng: random.Random) -> tuple[Question, list[Observation]]:
    """A question as the registry may hold it, and a series with gaps, ties, breaks and flags."""
    cadence, up, base = rng.choice((1, 1, 1, 2, 3)), rng.random() < 0.5, 2023 - rng.randint(1, 9)
    years = list(range(2023 - 16 * cadence, 2024, cadence))[-rng.randint(3, 17) :]
    years = [y for y in years if y == base or y == 2023 or rng.random() < 0.9]
    values, drift, noise = [rng.uniform(20, 90)], rng.gauss(0, 0.04), rng.choice((0.01, 0.04))
    for _ in years[1:]:
        values.append(values[-1] * math.exp(drift + rng.gauss(0, noise)))
    if rng.random() < 0.15:
        values = [max(0.0, v - 40) for v in values]
    flags = [frozenset(f for f, p in (("b", 0.03), ("p", 0.06)) if rng.random() < p) for _ in years]
    kind = rng.choice(("direction", "direction", "level", "change", "gain"))
    level = values[-1] * (1 + rng.uniform(-0.05, 0.6) * (1 if up else -1))
    number = {"change": 0.3 if up else -0.3, "gain": 8.0 if up else -8.0, "level": level}.get(kind)
    numbers: dict[str, Any] = {} if kind == "direction" else {
        "number": number, "target_year": rng.choice((2025, 2030, 2040)),
        "base_year_basis": rng.choice(("assumed", "letter")),
        "base_year": base if base in years else years[0],
    }  # fmt: skip
    question = Question(
        direction="up" if up else "down", fit="direct", cadence=cadence, kind=kind,
        may_be_zero=rng.random() < 0.7, modelled=rng.random() < 0.2, bound_low=0.0,
        breaks=(years[len(years) // 3],) if rng.random() < 0.2 else (), **numbers,
    )  # fmt: skip
    rounded = [round(v, 1) for v in values]
    return question, [Observation(*o) for o in zip(years, rounded, flags, strict=True)]


def test_any_series_is_judged_as_the_naive_side_does() -> None:
    seen, wrong = Counter[str](), {}
    for seed in range(160):
        question, series = any_question(random.Random(seed))
        item = {k: getattr(question, k) for k in (
            "direction", "fit", "cadence", "may_be_zero", "modelled", "bound_low", "bound_high")}  # fmt: skip
        values = {o.year: o.value for o in series}
        asked = {"target_id": "x", "strength": None, **{k: getattr(question, k) for k in (
            "kind", "number", "target_year", "base_year", "base_year_basis",
            "documented_baseline", "path")}}  # fmt: skip
        case = {
            "item": item, "asked": naive.reading(item, asked, values), "others": [],
            "milestone": None, "values": values, "today": REFERENCE,
            "breaks": {*question.breaks, *(o.year for o in series if "b" in o.flags)},
        }  # fmt: skip
        main, found = naive.assess(case), assess(question, series, REFERENCE)
        moves = main["trend"]
        probability, sure = naive_confidence.confidence(case, main)
        measures = naive.measures(case, main)
        wanted = {
            **{k: measures[k] for k in (
                "share_achieved", "gap_to_path", "pace_recent", "acceleration_factor",
                "ratio_short", "ratio_long", "windows_disagree", "assessable_from")},
            "status": main["status"], "reason": main["reason"],
            "position": main.get("position"), "trend_pct": moves.get("g"),
            "trend_p": moves.get("p"), "turning": moves.get("turning", False),
            "status_probability": probability, "confidence": sure,
            "fragile_reasons": naive_confidence.fragility(case, main) or [],
        }  # fmt: skip
        told = {k: getattr(found, k) for k in wanted if k != "fragile_reasons"}
        told["turning"] = bool(told["turning"])
        told["fragile_reasons"] = [*fragility(question, series, REFERENCE, found).changes]
        if not_alike := naive.differences(told, wanted):
            wrong[seed] = [*not_alike, question, series]
        seen[main["status"]] += 1
    assert not wrong, wrong
    assert len(seen) >= 12, seen
