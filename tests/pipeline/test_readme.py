"""The README's examples run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from pipeline.registry import load
from tests.conftest import cannot_run

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    section = README.read_text("utf-8").split("## Query the marts")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def place(first_run: dict[str, Any], tmp_path: Path, root: Path) -> Path:
    """A folder that looks like the checkout to an example."""
    (tmp_path / "data").symlink_to(first_run["data"])
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    return tmp_path


def run(place: Path, command: list[str]) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "MISSIEMONITOR_DATA": str(place / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sql(place: Path) -> None:
    found = blocks("sql")
    assert found
    file = place / "data" / "marts" / "missiemonitor.duckdb"
    with duckdb.connect(file.as_posix(), read_only=True) as con:
        for statement in con.extract_statements("".join(found)):
            assert con.execute(statement).fetchall()


@pytest.mark.parametrize("example", blocks("python"))
def test_python(place: Path, example: str) -> None:
    assert run(place, [sys.executable, "-c", example]).strip()


@pytest.mark.slow
@pytest.mark.parametrize("example", blocks("r"))
def test_r(place: Path, example: str) -> None:
    if shutil.which("Rscript") is None:
        cannot_run("R is not installed here")
    for package in re.findall(r"library\((\w+)\)", example):
        has = f'quit(status = !requireNamespace("{package}", quietly = TRUE))'
        if subprocess.run(["Rscript", "-e", has], check=False, capture_output=True).returncode:
            pytest.skip(f"R's package {package} is not installed here (Debian has none)")
    script = place / "example.R"
    script.write_text(example, "utf-8")
    assert run(place, ["Rscript", "--vanilla", script.name]).strip()


@pytest.mark.parametrize("example", blocks("sh"))
def test_shell(place: Path, example: str) -> None:
    run(place, ["sh", "-ec", example])
    lines = (place / "observations.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("indicator_id;") and len(lines) > 100


def test_every_kind_of_example_is_there() -> None:
    assert [len(blocks(x)) for x in ("sql", "python", "r", "sh")] == [2, 2, 2, 1]


def of_section(title: str, language: str) -> list[str]:
    section = README.read_text("utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.mark.slow
def test_an_indicator_is_added_word_by_word_from_nothing_to_the_scoreboard(
    tmp_path: Path, root: Path
) -> None:
    registry, data = tmp_path / "registry", tmp_path / "data"
    shutil.copytree(root / "pipeline" / "registry", registry)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    [table], [commands] = (of_section("Add an indicator", x) for x in ("csv", "sh"))
    (tmp_path / "repair.csv").write_text(table)
    env = {
        **os.environ, "MISSIEMONITOR_REGISTRY": str(registry), "MISSIEMONITOR_DATA": str(data),
        "LANG": "C.UTF-8",
    }  # fmt: skip

    def run(script: str) -> str:
        done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=env, capture_output=True,
                              text=True, check=False, timeout=900)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    said = run(commands)
    assert "passes its checks" in said and "Products repaired" in said
    # The scoreboard has the worst headline of the goal; all of them are behind it.
    sql = (
        "SELECT p.latest_year, p.latest_value, p.status, s.n_indicators FROM marts.indicator_progress p "
        "JOIN marts.sub_mission_progress s ON s.mission_id = 'circular.economy.extend' "
        "WHERE p.indicator_id = 'repaired_products'"
    )
    row = json.loads(run(f'.venv/bin/missiemonitor query "{sql}" --json'))
    assert (row["latest_year"], row["latest_value"]) == (2024, 15)
    assert row["status"] != "not_assessable"
    of_goal = [
        i for i in load(registry).indicators.values() if i.mission == "circular.economy.extend"
    ]
    assert row["n_indicators"] == len(of_goal) > 1
    # What it wrote is what the README shows, comments aside.
    for shown, name in zip(
        of_section("Add an indicator", "yaml"),
        ("datasets.yaml", "indicators/2_circular.yaml"),
        strict=True,
    ):
        assert yaml.safe_load(shown)[0] in yaml.safe_load((registry / name).read_text())
