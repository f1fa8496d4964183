"""Every status of the published set against a naive recomputation (tests/naive.py)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import naive

REFERENCE = date(2026, 11, 23)
Cli = Callable[..., subprocess.CompletedProcess[str]]
Marts = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def marts(first_run: dict[str, Any]) -> Marts:
    """The published tables as rows."""
    import duckdb

    file = first_run["data"] / "marts" / "missiemonitor.duckdb"
    with duckdb.connect(str(file), read_only=True) as con:
        return {
            name: con.sql(f"SELECT * FROM marts.{name}").to_arrow_table().to_pylist()
            for name in (
                "missions", "indicators", "targets", "indicator_targets", "observations",
                "indicator_progress", "sub_mission_progress", "mission_progress",
            )
        }  # fmt: skip


@pytest.fixture(scope="module")
def recomputed(marts: Marts) -> list[dict[str, Any]]:
    """One row for each indicator and target, its status worked out from the published figures."""
    items = {r["indicator_id"]: r for r in marts["indicators"]}
    states = {r["target_id"]: r["milestone_state"] for r in marts["targets"]}
    series: dict[str, list[tuple[int, float, frozenset[str]]]] = {}
    carried: dict[str, set[int]] = {}
    for o in marts["observations"]:
        if o["geo"] == "NL":
            row = (o["period"], o["value"], frozenset(o["flags"] or ()))
            series.setdefault(o["indicator_id"], []).append(row)
            if o["carried_forward"]:
                carried.setdefault(o["indicator_id"], set()).add(o["period"])
    rows = []
    for asked in marts["indicator_targets"]:
        name = asked["indicator_id"]
        item, seen = items[name], series.get(name, [])
        rest = (carried.get(name, set()), REFERENCE)
        state = states.get(asked["target_id"])
        status, reason, number = naive.status(item, asked, state, seen, *rest)
        settled = naive.status(item, asked, state, naive.without_unsettled(seen), *rest)
        by_growth = asked["kind"] == "direction"
        rows.append(
            {
                **{k: item[k] for k in ("mission_id", "fit", "role", "position")},
                **{k: asked[k] for k in (
                    "indicator_id", "target_id", "counts", "strength", "target_year")},
                "status": status, "reason": reason, "number": number, "definitive": settled[0],
                "tie": number / 100 if by_growth and number is not None else number,
            }
        )  # fmt: skip
    return rows


def test_every_indicators_status_is_the_naive_one(
    marts: Marts, recomputed: list[dict[str, Any]]
) -> None:
    published = {(r["indicator_id"], r["target_id"]): r for r in marts["indicator_progress"]}
    assert len(published) == len(recomputed) == len(marts["indicator_targets"]) > 80
    for row in recomputed:
        found = published[row["indicator_id"], row["target_id"]]
        assert (found["status"], found["reason"]) == (row["status"], row["reason"]), row
        assert found["status_on_definitive_data"] == row["definitive"], row
        if row["number"] is not None:
            value = found["growth_pct" if found["ratio_short"] is None else "ratio_short"]
            assert value == pytest.approx(row["number"], rel=1e-9), row
    assert len({r["status"] for r in recomputed}) >= 8


def test_every_missions_status_is_the_naive_one(
    marts: Marts, recomputed: list[dict[str, Any]]
) -> None:
    below, tops = naive.roll_up(marts["missions"], recomputed)
    assert len(below) == len(marts["sub_mission_progress"]) == 25
    for found in marts["sub_mission_progress"]:
        wanted = below[found["mission_id"]]
        worst = found["worst_indicator_id"] and (
            found["worst_indicator_id"], found["worst_target_id"]
        )  # fmt: skip
        assert {
            "status": found["status"], "reason": found["reason"], "basis": found["basis"],
            "worst": worst, "goal": found["worst_goal_id"], "indication": found["indication"],
            "law_failing": found["law_failing"] or [],
        } == {k: wanted.get(k) for k in (
            "status", "reason", "basis", "worst", "goal", "indication", "law_failing")}, found  # fmt: skip
    assert len(tops) == len(marts["mission_progress"]) == 5
    for found in marts["mission_progress"]:
        wanted = tops[found["mission_id"]]
        assert (found["own_status"], found["own_reason"]) == (wanted["status"], wanted["reason"])
        for key in ("n_sub_missions", "n_assessed"):
            assert found[key] == wanted[key], found
        assert {w: found[f"n_{w}"] for w in wanted["counts"]} == wanted["counts"]
        assert found["worst_sub_mission_id"] == wanted["worst_sub"]
        assert set(found["failing"]) == wanted["failing"]


def recompute(told: dict[str, Any], target: dict[str, Any]) -> tuple[str, str | None]:
    """The status from what `explain` says of one target, and from nothing else."""
    n = {x["name"]: x["value"] for x in target["numbers"]}
    rule = target["rule"]
    lapsed = "lapses_on" in n and date.fromisoformat(told["reference_date"]) >= date.fromisoformat(
        n["lapses_on"]
    )
    if target["milestone_state"] in ("met", "overdue"):
        return {"met": "achieved", "overdue": "missed"}[target["milestone_state"]], None
    if "d" not in n or told["indicator"]["fit"] == "context":
        return "not_assessable", "context_only"
    if "t" not in n:
        return "not_assessable", "no_data"
    if rule == "milestone_open":
        return "not_assessable", rule
    if lapsed:
        return "not_assessable", "stale"
    if "yT" in n and n["t"] >= n.get("t0", n["t"]):
        value = n.get("deciding_value", n["y"])
        if n["d"] * (value - n["yT"]) >= -n["tolerance"]:
            return "achieved", None
        if n["t"] >= n["tT"]:
            return "missed", None
    if "t0" in n and n["t"] < n["t0"]:
        return "not_assessable", "baseline_missing"
    years = n["window_years"]
    if len(years) < 4 or n["t"] - min(years) < 3:
        assert "s" not in n
        # Which of the two: with the years before the break the window may qualify.
        since = max(n["t"] - 5, n.get("t0", 0))
        seen = [o["year"] for o in told["observations"]
                if o["year"] >= since and not o["carried_forward"]]  # fmt: skip
        fits = len(seen) >= 4 and n["t"] - min(seen) >= 3
        return "not_assessable", "series_break" if fits else "too_few_points"
    if rule in ("not_computable", "baseline_missing"):
        assert "ratio_short" not in n and "growth_pct" not in n
        return "not_assessable", rule
    span = n["t"] - n["s"]
    cagr = n["pace_basis"] == "cagr"
    pace = (n["y"] / n["ys"]) ** (1 / span) - 1 if cagr else (n["y"] - n["ys"]) / span
    assert pace == pytest.approx(n["pace_recent"], rel=1e-9, abs=1e-12)
    if rule == "growth_pct":
        return naive.growth_class(100 * n["d"] * pace / (1 if cagr else n["ys"])), None
    if n["d"] * (n["ys"] - n["yT"]) >= -n["tolerance"]:
        return "wrong_direction", None
    left = n["tT"] - n["s"]
    needed = (n["yT"] / n["ys"]) ** (1 / left) - 1 if cagr else (n["yT"] - n["ys"]) / left
    assert needed == pytest.approx(n["pace_needed"], rel=1e-9)
    assert pace / needed == pytest.approx(n["ratio_short"], rel=1e-9, abs=1e-12)
    return naive.ratio_class(pace / needed), None


def test_what_explain_tells_recomputes_to_the_same_status(
    first_run: dict[str, Any], marts: Marts
) -> None:
    from pipeline.release.explain import explain
    from pipeline.release.read import Release
    from pipeline.report.explanation import lines

    release = Release((first_run["data"] / "marts" / "current").resolve())
    published = {(r["indicator_id"], r["target_id"]): r for r in marts["indicator_progress"]}
    seen = 0
    for item in marts["indicators"]:
        told = json.loads(json.dumps(explain(release, item["indicator_id"]), default=str))
        assert told["sources"] and all(s["citation"] and s["vintage_id"] for s in told["sources"])
        text = {lang: lines(told, lang) for lang in ("nl", "en")}
        for target in told["targets"]:
            found = published[item["indicator_id"], target["target_id"]]
            assert recompute(told, target) == (found["status"], found["reason"]), target
            assert target["recomputed"] == {"status": found["status"], "reason": found["reason"]}
            # Both languages print every number in full.
            for n in target["numbers"]:
                for said in text.values():
                    assert any(line.startswith(f"  {n['name']} = {n['value']}") for line in said)
            seen += 1
    assert seen == len(published)


def test_explain_on_the_command_line(first_run: dict[str, Any], cli: Cli) -> None:
    data: Path = first_run["data"]
    dutch = cli(data, "explain", "ghg_net_total", "--lang", "nl").stdout
    english = cli(data, "explain", "ghg_net_total", "--lang", "en").stdout
    assert "bekend vanaf 2026-09-19" in dutch and "known from 2026-09-19" in english
    assert "Eurostat" in english and "energy/ghg-0-2050" in english
    page = "https://ec.europa.eu/eurostat/databrowser/view/env_air_gge/default/table"
    assert any(s.startswith("bij de uitgever:") and page in s for s in dutch.splitlines())
    assert any(s.startswith("at the publisher:") and page in s for s in english.splitlines())
    one = cli(data, "explain", "ghg_net_total", "--target", "energy/ghg-55-2030", "--json")
    told = json.loads(one.stdout)
    assert [t["target_id"] for t in told["targets"]] == ["energy/ghg-55-2030"]
    assert recompute(told, told["targets"][0]) == ("progress_too_slow", None)
    wrong = cli(data, "explain", "ghg_net_totl")
    assert wrong.returncode == 1 and wrong.stdout == ""
    assert len(wrong.stderr.splitlines()) == 1
    assert "did you mean ghg_net_total" in wrong.stderr
    wrong = cli(data, "explain", "ghg_net_total", "--target", "energy/ghg-55-2031")
    assert wrong.returncode == 1 and "energy/ghg-55-2030" in wrong.stderr
