"""What people ask of the published set on a terminal: which version, where the page is, what is behind."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.progress.method import METHOD_VERSION
from pipeline.report.board import read_board
from pipeline.report.scoreboard import print_board

Cli = Callable[..., Any]
Ask = Callable[..., list[dict[str, Any]]]


def test_version_says_program_method_and_release(
    first_run: dict[str, Any], tmp_path: Path, cli: Cli
) -> None:
    program, method, release = cli(first_run["data"], "--version").stdout.splitlines()
    assert program.startswith("missiemonitor ") and method == f"method {METHOD_VERSION}"
    marts = first_run["data"] / "marts"
    assert release.startswith(f"release {(marts / 'current').resolve().name} (reference date 2026")
    entry = json.loads((marts / "releases.json").read_text())[-1]
    assert entry["release"] == (marts / "current").resolve().name
    assert f"made {entry['made']}" in release
    done = cli(tmp_path, "--version")
    assert done.returncode == 0
    assert done.stdout.splitlines()[2] == "release none: nothing is published yet"


def test_report_names_the_path_that_lasts_and_says_when_nothing_opened(
    first_run: dict[str, Any], cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = first_run["data"]
    lasting = data / "marts" / "report" / "index.html"
    done = cli(data, "report")
    assert (done.returncode, done.stdout) == (0, f"{lasting}\n")
    name = (data / "marts" / "current").resolve().name
    assert f"/releases/{name}/" in cli(data, "report", "--release", name).stdout
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BROWSER", "none-there")
    done = cli(data, "report", "--open")
    assert (done.returncode, done.stdout) == (1, f"{lasting}\n")
    assert "nothing here opened the page" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_a_rounded_sum_comes_out_with_its_sign(
    first_run: dict[str, Any], cli: Cli, lang: str
) -> None:
    """A pace that falls reads as one: what is in the brackets makes what stands before them."""
    told = cli(first_run["data"], "explain", "wlz_in_institution", "--lang", lang).stdout
    said = re.search(r"pace_recent = (\S+)%  \[.* = (\(.*\) − 1)\]", told)
    assert said, told

    def plain(text: str) -> str:
        decimals = text.replace(",", ".") if lang == "nl" else text
        return decimals.replace("−", "-").replace("÷", "/").replace("^", "**")

    assert re.fullmatch(r"[-+*/(). \d]+", plain(said[2])), said[2]
    assert float(plain(said[1])) == pytest.approx(100 * eval(plain(said[2])), abs=0.1)
    assert float(plain(said[1])) < -3


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_no_terminal_cuts_a_label_and_the_legend_tells_of_every_mark(
    first_run: dict[str, Any], lang: str
) -> None:
    board = read_board((first_run["data"] / "marts" / "current").resolve())
    said = {}
    for width in (100, 240):
        text = io.StringIO()
        print_board(board, lang, Console(file=text, width=width, color_system=None))
        said[width] = text.getvalue()
    assert "…" not in said[100] + said[240]
    for row in board["rows"]:
        label = row[f"label_{lang}"] or ""
        assert label in said[240]
        assert all(word in said[100] for word in label.split() if len(word) < 20)
    assert all(len(line) <= 100 for line in said[100].splitlines())
    legend = next(line for line in said[240].splitlines() if "4/4:" in line)
    assert all(mark in legend for mark in ("~", "*", "±"))


def test_what_is_asked_of_the_set_is_answered(first_run: dict[str, Any], ask: Ask) -> None:
    data = first_run["data"]
    # The population of the EU comes with the first pull.
    heads = ask(data, "SELECT * FROM marts.per_head WHERE value <> 0")
    assert {"NL", "DE", "BE"} <= {h["geo"] for h in heads}
    for head in heads:
        assert head["value"] * head["people"] / head["total"] > 0, head
        assert head["total_unit"] != head["unit"], head
    people = ask(data, "SELECT people FROM marts.population WHERE geo = 'NL' AND year = 2024")
    assert [17.5e6 < p["people"] < 18.5e6 for p in people] == [True]
    years = ask(data, "SELECT geo, count(*) AS n FROM marts.peers_over_time GROUP BY geo")
    assert all(row["n"] > 50 for row in years) and len(years) > 5
    # National and sectoral greenhouse gases in one unit.
    gases = ask(
        data, "SELECT DISTINCT unit, common_unit FROM marts.observations WHERE unit LIKE '%t CO2e'"
    )
    assert {g["common_unit"] for g in gases} == {"Mt CO2e"} and len(gases) == 2
    (total,) = ask(
        data, "SELECT value, common_value FROM marts.observations WHERE indicator_id = "
        "'ghg_net_total' AND geo = 'NL' AND period = 2024",
    )  # fmt: skip
    assert total["common_value"] == pytest.approx(total["value"] / 1000)
    behind = ask(
        data, "FROM marts.behind WHERE indicator_id = 'ghg_net_total' AND target_id LIKE '%55%'"
    )
    assert behind[0]["arrival"] == "late" and 0 < behind[0]["years_late"] < 2
    flags = ask(
        data, "SELECT DISTINCT flag, meaning_nl, meaning_en FROM marts.flags WHERE unsettled"
    )
    assert ("p", "voorlopig", "provisional") in [tuple(f.values()) for f in flags]
