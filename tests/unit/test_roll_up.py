"""The roll-up to missions on random registries: the SQL that runs every night, over tables made
up here, against the naive one in tests/naive_roll_up.py; and no failing headline is ever hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.paths import sql_root
from pipeline.progress.method import tables
from pipeline.warehouse.build import connect
from pipeline.warehouse.model import load_models
from tests import naive, naive_roll_up

MISSIONS = [
    {"mission_id": "m", "parent_id": None, "level": "mission"},
    {"mission_id": "m.a", "parent_id": "m", "level": "sub_mission"},
    {"mission_id": "m.a.x", "parent_id": "m.a", "level": "interim_goal"},
    {"mission_id": "m.a.y", "parent_id": "m.a", "level": "interim_goal"},
    {"mission_id": "m.b", "parent_id": "m", "level": "sub_mission"},
]
MODELS = load_models(sql_root())
REASONS = ["stale", "too_few_points", "no_data"]
TABLES = {
    "registry.missions": "mission_id VARCHAR, parent_id VARCHAR, level VARCHAR, position INTEGER",
    "registry.indicators": "indicator_id VARCHAR, mission_id VARCHAR, fit VARCHAR, role VARCHAR, "
    "position INTEGER",
    "registry.indicator_targets": "indicator_id VARCHAR, target_id VARCHAR, strength VARCHAR",
    "registry.targets": "mission_id VARCHAR, kind VARCHAR, milestone_state VARCHAR",
    "registry.overrides": "mission_id VARCHAR, status VARCHAR, author VARCHAR, reason VARCHAR, "
    "date VARCHAR, until VARCHAR",
    "run.reference": "reference_date DATE",
    "core.assessments": "indicator_id VARCHAR, geo VARCHAR, target_id VARCHAR, counts BOOLEAN, "
    "target_year INTEGER, status VARCHAR, reason VARCHAR, severity INTEGER, tie DOUBLE, "
    "ratio_short DOUBLE, status_probability DOUBLE, confidence VARCHAR, "
    "awaiting_target_year BOOLEAN, is_dated BOOLEAN, latest_year INTEGER, share_achieved DOUBLE, "
    "share_of_time DOUBLE",
}
STEPS = ("core.ranked", "core.own_status", "marts.sub_mission_progress", "marts.mission_progress")

asked = st.fixed_dictionaries(
    {
        "status": st.sampled_from([*naive.RANK, naive.NONE, naive.NONE]),
        "reason": st.sampled_from(REASONS),
        "tie": st.sampled_from([None, -0.5, 0.0, 0.4, 0.4, 0.7, 1.2]),
        "has_number": st.booleans(),
        "confidence": st.sampled_from([None, "firm", "likely", "uncertain"]),
        "is_dated": st.booleans(),
        "awaiting": st.booleans(),
        "counts": st.booleans(),
        "strength": st.sampled_from(["commitment", "law", "exploratory", None]),
        "target_year": st.sampled_from([None, 2030, 2050]),
    }
)
indicator = st.fixed_dictionaries(
    {
        "mission_id": st.sampled_from([m["mission_id"] for m in MISSIONS]),
        "fit": st.sampled_from(["direct", "direct", "proxy", "context"]),
        "role": st.sampled_from(["headline", "headline", "supporting"]),
        "targets": st.lists(asked, min_size=1, max_size=3),
    }
)


def flat(registry: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each indicator and target, as a registry and its assessments would have it."""
    rows = []
    for n, item in enumerate(registry):
        for i, target in enumerate(item["targets"]):
            row = {
                **item,
                **target,
                "place": n,
                "indicator_id": f"i{n:02}",
                "target_id": f"t{i}",
            }
            if item["fit"] == "context":
                row |= {"status": naive.NONE, "reason": "context_only", "counts": False}
            if row["status"] != naive.NONE:
                row["reason"] = None
            else:
                row |= {"tie": None, "confidence": None}
            # A row has a number, and a ratio, or only a direction, and a growth.
            row["ratio"] = row["tie"] if row["has_number"] else None
            row["g"] = None if row["has_number"] else row["tie"]
            rows.append(row)
    return rows


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    found = connect()
    for schema in ("registry", "run", "core", "marts"):
        found.execute(f"CREATE SCHEMA {schema}")
    for name, columns in TABLES.items():
        found.execute(f"CREATE TABLE {name} ({columns})")
    for n, m in enumerate(MISSIONS):
        found.execute(
            "INSERT INTO registry.missions VALUES (?, ?, ?, ?)",
            [m["mission_id"], m["parent_id"], m["level"], n],
        )
    found.execute("INSERT INTO run.reference VALUES (DATE '2026-11-23')")
    found.register("words", tables()["run.statuses"])
    found.execute("CREATE TABLE run.statuses AS FROM words")
    yield found
    found.close()


def rolled(con: Any, rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What the SQL makes of them."""
    for table in ("registry.indicators", "registry.indicator_targets", "core.assessments"):
        con.execute(f"DELETE FROM {table}")
    seen = set()
    for r in rows:
        if r["indicator_id"] not in seen:
            seen.add(r["indicator_id"])
            con.execute(
                "INSERT INTO registry.indicators VALUES (?, ?, ?, ?, ?)",
                [r[k] for k in ("indicator_id", "mission_id", "fit", "role", "place")],
            )
        con.execute(
            "INSERT INTO registry.indicator_targets VALUES (?, ?, ?)",
            [r[k] for k in ("indicator_id", "target_id", "strength")],
        )
        con.execute(
            "INSERT INTO core.assessments VALUES (?, 'NL', ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, "
            "2024, NULL, NULL)",
            [
                *(r[k] for k in ("indicator_id", "target_id", "counts", "target_year", "status")),
                r["reason"], naive.RANK.get(r["status"]), r["tie"], r["ratio"], r["confidence"],
                r["awaiting"], r["is_dated"],
            ],
        )  # fmt: skip
    found = {}
    for name in STEPS:
        con.execute(f"CREATE OR REPLACE TABLE {name} AS {MODELS[name].query}")
        cursor = con.execute(f"SELECT * FROM {name}")
        names = [d[0] for d in cursor.description]
        found[name] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(registry=st.lists(indicator, max_size=7))
def test_a_failing_headline_is_never_hidden_and_the_roll_up_is_the_naive_one(
    con: Any, registry: list[dict[str, Any]]
) -> None:
    rows = flat(registry)
    found = rolled(con, rows)
    goals = {"m.a": ("m.a", "m.a.x", "m.a.y")}
    for shown in found["marts.sub_mission_progress"]:
        mine = goals.get(shown["mission_id"], (shown["mission_id"],))
        for r in rows:
            if (
                r["mission_id"] in mine
                and (r["fit"], r["role"]) == ("direct", "headline")
                and r["counts"]
                and r["status"] != naive.NONE
            ):
                assert naive.RANK[shown["status"]] <= naive.RANK[r["status"]], (shown, r)
    below, tops = naive_roll_up.roll_up(MISSIONS, rows)
    assert len(found["marts.sub_mission_progress"]) == 4
    for shown in found["marts.sub_mission_progress"]:
        wanted = below[shown["mission_id"]]
        for name in ("status", "reason", "basis", "n_indicators", "n_assessed", "is_solid"):
            assert shown[name] == wanted[name], (name, shown)
        for name in ("law_failing", "exploratory_failing"):
            assert (shown[name] or []) == wanted[name], (name, shown)
        assert shown["indication"] == (wanted["indication"] or {}).get("status")
        assert shown["worst_goal_id"] == wanted.get("goal")
        row = wanted["row"] or {}
        worst = (row.get("indicator_id"), row.get("target_id"), row.get("confidence"))
        assert worst == tuple(
            shown[n] for n in ("worst_indicator_id", "worst_target_id", "confidence")
        )
    [top] = found["marts.mission_progress"]
    wanted = tops["m"]
    assert (top["own_status"], top["own_reason"]) == (wanted["status"], wanted["reason"])
    assert {w: top[f"n_{w}"] for w in wanted["counts"]} == wanted["counts"]
    assert top["worst_sub_mission_id"] == wanted["worst_sub"]
    standings = [
        f"n_{word}" for word in ("on_course", "gaining", "failing", "unclear", "unassessed")
    ]
    assert sum(top[name] for name in standings) == top["n_sub_missions"]
    for name in (*standings, "n_solid"):
        assert top[name] == wanted[name], (name, top)
    for name in ("failing", "unclear"):
        assert set(top[name]) == wanted[name], (name, top)
