"""The nightly run on the bundled figures: what is published, and that it is what was worked out
by hand (tests/expected)."""

from __future__ import annotations

import csv
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]


def expected(root: Path, name: str) -> list[dict[str, str]]:
    with (root / "tests" / "expected" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hashes(data: Path) -> dict[str, str]:
    release = (data / "marts" / "current").resolve()
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in release.glob("*.parquet")}


def test_every_mission_has_its_row(first_run: dict[str, Any], ask: Ask) -> None:
    data = first_run["data"]
    levels = ask(data, "SELECT level, count(*) AS n FROM marts.missions GROUP BY 1 ORDER BY 1")
    assert {r["level"]: r["n"] for r in levels} == {
        "mission": 5, "sub_mission": 21, "interim_goal": 4,
    }  # fmt: skip
    assert ask(data, "SELECT count(*) AS n FROM marts.sub_mission_progress") == [{"n": 25}]
    assert ask(data, "SELECT count(*) AS n FROM marts.mission_progress") == [{"n": 5}]


def test_every_indicator_has_dutch_observations_or_waits(
    first_run: dict[str, Any], ask: Ask
) -> None:
    without = ask(
        first_run["data"],
        "SELECT indicator_id FROM marts.indicators ANTI JOIN "
        "(SELECT * FROM marts.observations WHERE geo = 'NL') o USING (indicator_id)",
    )
    waits = ask(
        first_run["data"], "SELECT indicator_id FROM marts.gaps WHERE gap = 'waits_for_pull'"
    )
    assert {r["indicator_id"] for r in without} == {r["indicator_id"] for r in waits}
    assert len(waits) == 7
    number = ask(first_run["data"], "SELECT count(*) AS n FROM marts.indicators")[0]["n"]
    assert number >= 75


def test_sub_missions_stand_where_the_hand_calculation_puts_them(
    first_run: dict[str, Any], ask: Ask, root: Path
) -> None:
    rows = ask(first_run["data"], "SELECT * FROM marts.sub_mission_progress")
    got = {r["mission_id"]: r for r in rows}
    wanted = expected(root, "sub_missions_2026-11-23.csv")
    assert len(wanted) == 25
    for row in wanted:
        found = got[row["mission_id"]]
        for key in (
            "status", "reason", "basis", "worst_indicator_id", "worst_target_id", "confidence",
        ):  # fmt: skip
            assert (found[key] or "") == row[key], (row["mission_id"], key, row["working"])
        assert " ".join(found["law_failing"] or ()) == row["law_failing"], row


def test_missions_own_headlines_stand_where_the_hand_calculation_puts_them(
    first_run: dict[str, Any], ask: Ask, root: Path
) -> None:
    rows = ask(first_run["data"], "SELECT * FROM marts.mission_progress")
    got = {r["mission_id"]: r for r in rows}
    for row in expected(root, "missions_2026-11-23.csv"):
        found = got[row["mission_id"]]
        for key in (
            "own_status", "own_reason", "own_worst_indicator_id", "own_worst_target_id",
            "own_confidence", "n_assessed", "n_sub_missions", "n_on_course", "n_gaining",
            "n_failing", "n_unclear", "n_unassessed", "n_solid", "worst_sub_mission_id",
        ):  # fmt: skip
            assert str(found[key] if found[key] is not None else "") == row[key], (row, key)
        for key in ("failing", "unclear"):
            assert "; ".join(sorted(found[key] or ())) == row[key], (row, key)


def decides(found: dict[str, Any]) -> Any:
    """The number that a row is judged by."""
    by_trend = found["target_id"].endswith(":direction") or found["target_impossible"]
    return found["trend_pct"] if by_trend else found["ratio_short"]


def agrees(found: dict[str, Any], row: dict[str, str]) -> None:
    """A published row has the numbers and words of the hand calculation."""
    if row["ratio_or_growth"]:
        assert decides(found) == pytest.approx(float(row["ratio_or_growth"]), abs=6e-3), row
    for key, digits in (("trend_pct", 2), ("trend_p", 4), ("status_probability", 3)):
        if row.get(key):
            assert found[key] == pytest.approx(float(row[key]), abs=0.6 * 10**-digits), (row, key)
    for key in ("position", "confidence"):
        assert (found[key] or "") == row[key], (row, key)
    if row["turning"]:
        assert found["turning"] == (row["turning"] == "true"), row
    assert sorted(found["fragile_reasons"] or ()) == row["fragile_reasons"].split(), row
    if row["latest_year"]:
        assert str(found["latest_year"]) == row["latest_year"], row


def test_what_decides_a_mission_is_what_was_worked_out_by_hand(
    first_run: dict[str, Any], ask: Ask, root: Path
) -> None:
    rows = ask(first_run["data"], "SELECT * FROM marts.indicator_progress")
    got = {(r["indicator_id"], r["target_id"]): r for r in rows}
    worked = [r for r in expected(root, "sub_missions_2026-11-23.csv") if r["ratio_or_growth"]]
    assert len(worked) >= 13
    for row in worked:
        agrees(got[row["worst_indicator_id"], row["worst_target_id"]], row)
    energy = got["ghg_net_total", "energy/ghg-55-2030"]
    assert energy["ratio_short"] == pytest.approx(0.923, abs=5e-4)


def test_every_indicator_and_target_equals_the_hand_calculation(
    first_run: dict[str, Any], ask: Ask, root: Path
) -> None:
    rows = ask(first_run["data"], "SELECT * FROM marts.indicator_progress")
    # A milestone's own row is no calculation: it repeats a state that a person entered.
    got = {(r["indicator_id"], r["target_id"]): r for r in rows if r["reason"] != "milestone_open"}
    wanted = expected(root, "indicators_2026-11-23.csv")
    assert {(r["indicator_id"], r["target_id"]) for r in wanted} == set(got)
    for row in wanted:
        found = got[row["indicator_id"], row["target_id"]]
        assert (found["status"], found["reason"] or "") == (row["status"], row["reason"]), row
        agrees(found, row)
        assert found["fragile"] == {"": None, "true": True, "false": False}[row["fragile"]], row


def test_numbers_that_anyone_can_check(first_run: dict[str, Any], ask: Ask) -> None:
    data = first_run["data"]

    def value(indicator: str, year: int) -> float:
        rows = ask(
            data,
            "SELECT value FROM marts.observations WHERE geo = 'NL' "
            f"AND indicator_id = '{indicator}' AND period = {year}",
        )
        return float(rows[0]["value"])

    assert value("ghg_net_total", 2024) == pytest.approx(144396, abs=1)
    base = ask(
        data,
        "SELECT baseline_value, baseline_origin FROM marts.indicator_targets "
        "WHERE target_id = 'energy/ghg-55-2030'",
    )
    assert base == [{"baseline_value": 227900.0, "baseline_origin": "documented"}]
    assert round(100 * (value("ghg_net_total", 2024) / 227900 - 1), 1) == -36.6
    sectors = value("ghg_national_sectors", 2022) / value("ghg_national_sectors", 1990)
    assert round(100 * (sectors - 1), 1) == -30.5
    assert round(value("municipal_recycling", 2024), 1) == 58.0
    assert value("healthy_years_gap_income", 2022) == pytest.approx(21.4)
    assert value("renewable_power_cbs", 2025) > 0


@pytest.mark.slow
def test_same_date_gives_the_same_bytes(data: Path, cli: Cli) -> None:
    before = hashes(data)
    again = cli(data, "run", "--as-of", "2026-11-23", "--publish")
    assert again.returncode == 0, again.stderr
    assert hashes(data) == before


@pytest.mark.slow
def test_a_root_built_from_nothing_gives_the_same_bytes(
    first_run: dict[str, Any], tmp_path: Path, cli: Cli
) -> None:
    other = tmp_path / "elsewhere"
    assert cli(other, "run", "--as-of", "2026-11-23", "--publish").returncode == 0
    assert hashes(other) == hashes(first_run["data"])


@pytest.mark.slow
def test_another_date_changes_only_what_depends_on_it(
    first_run: dict[str, Any], data: Path, cli: Cli, ask: Ask
) -> None:
    before = hashes(data)
    done = cli(data, "run", "--as-of", "2026-11-27", "--publish")
    assert done.returncode == 0, done.stderr
    after = hashes(data)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"indicator_progress.parquet", "source_status.parquet", "release.parquet"}
    columns = "SELECT * EXCLUDE (as_of) FROM marts.indicator_progress ORDER BY ALL"
    assert ask(data, columns) == ask(first_run["data"], columns)
    columns = "SELECT * EXCLUDE (age_days) FROM marts.source_status ORDER BY ALL"
    assert ask(data, columns) == ask(first_run["data"], columns)


@pytest.mark.slow
def test_figures_grow_old_as_years_pass(
    data: Path, cli: Cli, ask: Ask, on_day: Callable[[str], None]
) -> None:
    on_day("2040-01-01")
    assert cli(data, "run", "--as-of", "2040-01-01").returncode == 0
    left = ask(
        data,
        "SELECT DISTINCT status, reason FROM marts.sub_mission_progress "
        "WHERE reason IS NULL OR reason NOT IN ('no_indicator', 'context_only')",
    )
    assert left == [{"status": "not_assessable", "reason": "stale"}]


def test_scoreboard_fits_100_columns_and_speaks_both_languages(
    first_run: dict[str, Any], cli: Cli
) -> None:
    english = first_run["stdout"]
    assert max(len(line) for line in english.splitlines()[:-1]) <= 100
    assert "catching up" in english and "None of the 5 missions" in english
    # The year of a dated figure must be readable, never cut short.
    assert "2022*" in english and "2021*" in english and "202…" not in english
    dutch = cli(first_run["data"], "status", "--lang", "nl").stdout
    assert (
        "inhalend" in dutch
        and "Loopt achter:" in dutch
        and max(map(len, dutch.splitlines())) <= 100
    )
    by_locale = cli(first_run["data"], "status", LANG="nl_NL.UTF-8").stdout
    assert by_locale == dutch


def test_run_leaves_the_checkout_clean(first_run: dict[str, Any], root: Path) -> None:
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    said = subprocess.run(
        ["git", "status", "--porcelain", "data"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == ""
