"""Kills at any moment, two runs at once, a mart that breaks: the published set stays whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CLI

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]
KILLS = 20

pytestmark = pytest.mark.slow


def start(data: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [CLI, *words],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def assert_whole(data: Path) -> None:
    """The published set, if any, is what its data package says, and every link leads there."""
    marts = data / "marts"
    if not (marts / "current").is_symlink():
        return
    release = (marts / "current").resolve(strict=True)
    package = json.loads((release / "datapackage.json").read_text())
    for resource in package["resources"]:
        digest = hashlib.sha256((release / resource["path"]).read_bytes()).hexdigest()
        assert resource["hash"] == f"sha256:{digest}", resource["path"]
    for link in marts.iterdir():
        if link.is_symlink():
            assert link.resolve(strict=True).exists()


def assert_no_half_vintage(data: Path) -> None:
    for body in (data / "raw").glob("[!_]*/*/*"):
        assert (body / "manifest.json").is_file() and (body / "body.gz").is_file(), body
    for verdict in (data / "raw" / "_verdicts").rglob("*.json"):
        assert json.loads(verdict.read_text())["verdict"] in ("accepted", "quarantined")


def test_twenty_kills_leave_everything_whole(
    first_run: dict[str, Any], tmp_path: Path, cli: Cli
) -> None:
    data = tmp_path / "data"
    chance = random.Random(20261123)
    shutil.copytree(first_run["data"], data, symlinks=True)
    for number in range(KILLS):
        # Some kills on a root with nothing in it, some while another date is published.
        if number % 5 == 4:
            shutil.rmtree(data / "work", ignore_errors=True)
        process = start(data, "run", "--as-of", f"2026-11-{24 + number % 4}", "--publish")
        # At any moment of its life: a run that has ended by then is a moment too.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.3, 20.0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert_whole(data)
        assert_no_half_vintage(data)
    done = cli(data, "run", "--as-of", "2026-11-23", "--publish")
    assert done.returncode == 0, done.stderr
    assert_whole(data)
    assert (data / "marts" / "current").resolve().name == (
        first_run["data"] / "marts" / "current"
    ).resolve().name


def test_two_runs_at_once_take_turns(first_run: dict[str, Any], data: Path) -> None:
    runs = [start(data, "run", "--as-of", day, "--publish") for day in ("2026-11-23", "2026-11-24")]
    assert [r.wait(timeout=900) for r in runs] == [0, 0]
    assert_whole(data)
    assert_no_half_vintage(data)


def test_a_broken_mart_leaves_the_published_set_as_it_was(data: Path, cli: Cli) -> None:
    before = {p: p.read_bytes() for p in (data / "marts").rglob("*") if p.is_file()}
    # A figure of another publisher's dataset that puts a share above 100 breaks a blocking check
    # in marts.observations; plausible ranges keep such a value out, so the break is forced in SQL.
    broken = data.parent / "sql"
    shutil.copytree(Path(__file__).parents[2] / "sql", broken)
    mart = broken / "marts" / "sub_mission_progress.sql"
    text = mart.read_text()
    mart.write_text(text.replace("WHERE m.level <> 'mission'\n", "WHERE m.level = 'mission'\n"))
    assert mart.read_text() != text
    done = cli(data, "run", "--as-of", "2026-11-23", "--publish", MISSIEMONITOR_SQL=str(broken))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "twenty_five_rows" in done.stderr
    after = {p: p.read_bytes() for p in (data / "marts").rglob("*") if p.is_file()}
    assert after == before
