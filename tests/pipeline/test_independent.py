"""Every row of the published set against a naive recomputation (tests/naive.py)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import naive, naive_confidence, naive_roll_up

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
                "second_opinions",
            )
        }  # fmt: skip


@pytest.fixture(scope="module")
def modelled(root: Path) -> set[str]:
    """Indicators whose publisher gives a smooth model, by the registry's own files."""
    files = (root / "pipeline" / "registry" / "indicators").glob("*.yaml")
    entries = [entry for file in files for entry in yaml.safe_load(file.read_text("utf-8"))]
    return {entry["id"] for entry in entries if entry.get("modelled")}


@pytest.fixture(scope="module")
def recomputed(marts: Marts, modelled: set[str]) -> list[dict[str, Any]]:
    """One row for each indicator and target, worked out from the published figures."""
    states = {r["target_id"]: r["milestone_state"] for r in marts["targets"]}
    items = {
        r["indicator_id"]: {**r, "modelled": r["indicator_id"] in modelled}
        for r in marts["indicators"]
    }
    seen: dict[str, list[tuple[int, float, frozenset[str]]]] = {name: [] for name in items}
    carried: dict[str, set[int]] = {name: set() for name in items}
    for o in marts["observations"]:
        if o["geo"] == "NL":
            row = (o["period"], o["value"], frozenset(o["flags"] or ()))
            seen[o["indicator_id"]].append(row)
            if o["carried_forward"]:
                carried[o["indicator_id"]].add(o["period"])

    def case(asked: dict[str, Any], series: naive.Series) -> dict[str, Any]:
        item = items[asked["indicator_id"]]
        flagged = {year for year, _, flags in series if "b" in flags}
        values = {y: v for y, v, _ in series if y not in carried[asked["indicator_id"]]}
        return {
            "item": item, "asked": naive.reading(item, asked, values),
            "milestone": states.get(asked["target_id"]),
            "others": [o for o in marts["indicator_targets"]
                       if o["indicator_id"] == asked["indicator_id"]],
            "values": values,
            "breaks": flagged | set(item["breaks"] or ()), "today": REFERENCE,
        }  # fmt: skip

    rows = []
    for asked in marts["indicator_targets"]:
        name = asked["indicator_id"]
        mine = case(asked, seen[name])
        main = naive.assess(mine)
        settled = naive.assess(case(asked, naive.without_unsettled(seen[name])))
        words = naive_confidence.fragility(mine, main)
        probability, sure = naive_confidence.confidence(mine, main)
        moves = {} if asked["kind"] == "milestone" else main.get("trend") or {}
        wanted = {
            **(naive.measures(mine, main) if mine["values"] else {}),
            "status": main["status"], "reason": main["reason"],
            "position": main.get("position"), "trend_pct": moves.get("g"),
            "trend_p": moves.get("p"), "turning": moves.get("turning", False),
            "status_on_definitive_data": settled["status"],
            "fragile": None if words is None else bool(words), "fragile_reasons": words or [],
            "status_probability": probability, "confidence": sure,
            "counts": asked["counts"], "as_of": REFERENCE, "method_version": "2.0",
        }  # fmt: skip
        direction = mine["asked"]["kind"] == "direction"
        wanted["target_impossible"] = direction and asked["kind"] != "direction"
        item = mine["item"]
        rows.append(
            {
                **{k: item[k] for k in ("mission_id", "fit", "role")},
                **{k: asked[k] for k in (
                    "indicator_id", "target_id", "counts", "strength", "target_year")},
                "status": main["status"], "reason": main["reason"], "place": item["position"],
                "ratio": main["ratio"], "g": moves.get("g") if direction else None,
                "confidence": sure, "status_probability": probability,
                "awaiting": wanted.get("awaiting_target_year", False),
                **{k: wanted.get(k) for k in (
                    "is_dated", "latest_year", "share_achieved", "share_of_time")},
                "wanted": wanted,
            }
        )  # fmt: skip
    return rows


def test_every_indicators_row_is_the_naive_one(
    marts: Marts, recomputed: list[dict[str, Any]]
) -> None:
    published = {(r["indicator_id"], r["target_id"]): r for r in marts["indicator_progress"]}
    assert len(published) == len(recomputed) == len(marts["indicator_targets"]) > 80
    opinions: dict[tuple[str, str], list[bool]] = {}
    for r in marts["second_opinions"]:
        if r["agrees"] is not None:
            opinions.setdefault((r["indicator_id"], r["target_id"]), []).append(r["agrees"])
    wrong = {}
    for row in recomputed:
        key = row["indicator_id"], row["target_id"]
        found, agree = published[key], opinions.get(key)
        # No trend at all is not turning either.
        found = {**found, "turning": bool(found.get("turning"))}
        wanted = {**row["wanted"], "methods_agree": all(agree) if agree else None}
        if told := naive.differences(found, wanted):
            wrong[key] = told
    assert not wrong, wrong
    statuses = {r["status"] for r in recomputed}
    assert len(statuses) >= 10
    assert {"catching_up", "no_clear_trend"} <= statuses
    # Nothing that is behind its path is called on track.
    assert not any(
        r["status"] == "on_track" and r["wanted"]["position"] == "behind" for r in recomputed
    )


def test_every_missions_row_is_the_naive_one(
    marts: Marts, recomputed: list[dict[str, Any]]
) -> None:
    below, tops = naive_roll_up.roll_up(marts["missions"], recomputed)
    wrong = {}
    assert len(below) == len(marts["sub_mission_progress"]) == 25
    for found in marts["sub_mission_progress"]:
        wanted = below[found["mission_id"]]
        row, hint = wanted["row"] or {}, wanted["indication"] or {}
        first = wanted["first"] or {}
        wanted = {
            "worst_indicator_id": row.get("indicator_id"),
            "worst_target_id": row.get("target_id"), "worst_goal_id": wanted.get("goal"),
            "indication": hint.get("status"),
            "indication_indicator_id": hint.get("indicator_id"),
            "reason_indicator_id": None if row else first.get("indicator_id"),
            "latest_year": (row or first).get("latest_year"),
            "is_dated": row.get("is_dated", False), "is_solid": wanted["is_solid"],
            **{k: row.get(k) for k in (
                "status_probability", "confidence", "share_achieved", "share_of_time")},
            **{k: wanted[k] for k in (
                "status", "reason", "basis", "law_failing", "exploratory_failing",
                "n_indicators", "n_assessed")},
        }  # fmt: skip
        if told := naive.differences(found, wanted):
            wrong[found["mission_id"]] = told
    assert len(tops) == len(marts["mission_progress"]) == 5
    for found in marts["mission_progress"]:
        wanted = tops[found["mission_id"]]
        row = wanted["row"] or {}
        wanted = {
            "own_status": wanted["status"], "own_reason": wanted["reason"],
            "own_worst_indicator_id": row.get("indicator_id"),
            "own_worst_target_id": row.get("target_id"),
            "own_confidence": row.get("confidence"),
            "own_status_probability": row.get("status_probability"),
            "worst_sub_mission_id": wanted["worst_sub"],
            **{f"n_{k}": n for k, n in wanted["counts"].items()},
            **{k: wanted[k] for k in (
                "n_sub_missions", "n_assessed", "n_on_course", "n_gaining", "n_failing",
                "n_unclear", "n_unassessed", "n_solid", "failing", "unclear")},
        }  # fmt: skip
        five = ("n_on_course", "n_gaining", "n_failing", "n_unclear", "n_unassessed")
        assert sum(wanted[k] for k in five) == wanted["n_sub_missions"]
        if told := naive.differences(found, wanted):
            wrong[found["mission_id"]] = told
    assert not wrong, wrong


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
    by_trend = target["meaning"]["kind"] == "direction" or target["target_impossible"]
    years = n["window_years"]
    if len(years) < 4 or n["t"] - min(years) < 3:
        assert ("trend_pct" if by_trend else "s") not in n
        # Which of the two: with the years before the break the window may qualify.
        length = 10 if by_trend else min(5 * told["indicator"]["cadence"], 10)
        since = max(n["t"] - length, 0 if by_trend else n.get("t0", 0))
        seen = [o["year"] for o in told["observations"]
                if o["year"] >= since and not o["carried_forward"]]  # fmt: skip
        fits = len(seen) >= 4 and n["t"] - min(seen) >= 3
        return "not_assessable", "series_break" if fits else "too_few_points"
    if rule in ("not_computable", "baseline_missing"):
        assert "ratio_short" not in n and "trend_pct" not in n
        return "not_assessable", rule
    if by_trend:
        return from_the_trend(told, n, years), None
    span = n["t"] - n["s"]
    cagr = n["pace_basis"] == "cagr"
    pace = (n["y"] / n["ys"]) ** (1 / span) - 1 if cagr else (n["y"] - n["ys"]) / span
    assert pace == pytest.approx(n["pace_recent"], rel=1e-9, abs=1e-12)
    if n["d"] * (n["ys"] - n["yT"]) >= -n["tolerance"]:
        return "wrong_direction", None
    left = n["tT"] - n["s"]
    needed = (n["yT"] / n["ys"]) ** (1 / left) - 1 if cagr else (n["yT"] - n["ys"]) / left
    assert needed == pytest.approx(n["pace_needed"], rel=1e-9)
    assert pace / needed == pytest.approx(n["ratio_short"], rel=1e-9, abs=1e-12)
    behind = "gap_to_path" in n and n["gap_to_path"] > 0.10 * abs(n["path_t"] - n["y0"])
    return naive.ratio_class(pace / needed, "behind" if behind and n["t"] > n["t0"] else None), None


def from_the_trend(told: dict[str, Any], n: dict[str, Any], years: list[int]) -> str:
    """The status of a direction row from the observations that `explain` lists."""
    values = {o["year"]: o["value"] for o in told["observations"] if not o["carried_forward"]}
    breaks = [b["year"] for b in told["breaks"]]
    found = naive.trend(told["indicator"], values, breaks)
    assert [year for year, _ in found["seen"]] == years
    assert found["g"] == pytest.approx(n["trend_pct"], rel=1e-9, abs=1e-12)
    assert found["p"] == pytest.approx(n["trend_p"], rel=1e-9)
    return naive.by_trend(told["indicator"], values, breaks, found)


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
        if told["observations"]:
            assert told["sources"]
            assert all(s["citation"] and s["vintage_id"] for s in told["sources"])
        text = {lang: lines(told, lang, exact=True) for lang in ("nl", "en")}
        for target in told["targets"]:
            found = published[item["indicator_id"], target["target_id"]]
            assert recompute(told, target) == (found["status"], found["reason"]), target
            assert target["recomputed"] == {"status": found["status"], "reason": found["reason"]}
            # The window that is shown is the one that decides: a target that its unit does not
            # hold leaves the trend to decide.
            n = {n["name"]: n["value"] for n in target["numbers"]}
            first = n.get("s") if found["target_value"] is not None else n.get("trend_start")
            if first is not None:
                assert min(n["window_years"]) == first, target["target_id"]
            # Both languages print every number in full if asked.
            for n in target["numbers"]:
                for said in text.values():
                    assert any(line.startswith(f"  {n['name']} = {n['value']}") for line in said)
            seen += 1
    assert seen == len(published)


def test_explain_speaks_one_language_and_rounds_for_people(first_run: dict[str, Any]) -> None:
    from pipeline.release.explain import explain
    from pipeline.release.read import Release
    from pipeline.report.explanation import lines
    from pipeline.report.messages import Messages

    release = Release((first_run["data"] / "marts" / "current").resolve())
    nl, en = Messages("nl"), Messages("en")
    groups = (
        "explain.",
        "status.",
        "fit.",
        "role.",
        "flag.",
        "opinion.",
        "known.",
        "origin.",
        "confidence.",
    )
    foreign = {
        en[key].split("{")[0].strip() for key in en
        if key.startswith(groups) and en[key] != nl[key] and len(en[key].split("{")[0]) > 8
    } - {nl[key] for key in nl}  # fmt: skip
    rules = set()
    for name in release.indicators:
        told = explain(release, name)
        rules |= {t["rule"] for t in told["targets"]}
        own = ("caveat", "let op", "bron", "gemaakt van")
        for line in lines(told, "nl")[1:]:
            if line.startswith(own):
                continue
            # Ids and names of numbers belong to no language.
            said = re.sub(r"\S+[:/_]\S+", "", line)
            assert "“" not in said and "register" not in said, line
            assert not [w for w in foreign if re.search(rf"\b{re.escape(w)}\b", said)], line
            assert not re.search(r"[.,]\d{9}", said), line
        quoted = [line for line in lines(told, "en") if "“" in line or "in English" in line]
        assert not quoted
    assert {f"explain.rules.{rule}" for rule in rules} <= set(nl)


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
