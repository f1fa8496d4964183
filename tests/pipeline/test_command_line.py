"""The command line as people meet it: help, completion, one-line errors, terminal and pipe."""

from __future__ import annotations

import errno
import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import complete
from pipeline.cli.main import COMMANDS
from pipeline.paths import registry_root
from pipeline.registry import load
from tests.conftest import CLI

Cli = Callable[..., subprocess.CompletedProcess[str]]
NAMES = [c.__name__ for c in COMMANDS]


def test_every_command_of_the_contract_is_there() -> None:
    assert set(NAMES) >= {
        "run", "status", "explain", "query", "report", "diff", "ingest", "accept", "doctor",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples_that_parse(name: str, tmp_path: Path, cli: Cli) -> None:
    done = cli(tmp_path, name, "--help")
    assert done.returncode == 0 and "Examples:\n" in done.stdout
    lines = done.stdout.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    assert lines
    for line in lines:
        assert line.strip().startswith(f"missiemonitor {name}"), line
        words = shlex.split(line.split(" > ")[0].split(" < ")[0])[1:]
        # With --help every option and argument before it is still looked at.
        assert cli(tmp_path, *words, "--help").returncode == 0, line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["statsu"], "Did you mean 'status'"),
        (["status", "--misson", "energy"], "--misson"),
        (["status", "--mission"], "requires an argument"),
        (["query"], "sql"),
        (["run", "--as-of"], "requires an argument"),
    ],
)
def test_a_command_typed_wrong_is_one_line_and_2(
    tmp_path: Path, cli: Cli, words: list[str], says: str
) -> None:
    done = cli(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr and "--help`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["status"], ["report"], ["query", "SELECT 1"], ["explain", "ghg_net_total"], ["diff"]]
)
def test_nothing_published_yet_is_one_line_and_1(
    tmp_path: Path, cli: Cli, words: list[str]
) -> None:
    done = cli(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr


def test_no_words_give_the_help(tmp_path: Path, cli: Cli) -> None:
    done = cli(tmp_path)
    assert done.returncode == 0 and "Commands:" in done.stdout


def offered(*words: str, data: Path) -> list[str]:
    done = subprocess.run(
        [CLI],
        env={
            **os.environ,
            "MISSIEMONITOR_DATA": str(data),
            "_MISSIEMONITOR_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["missiemonitor", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_completion_offers_the_ids_of_the_registry(first_run: dict[str, Any]) -> None:
    data = first_run["data"]
    registry = load(registry_root())
    assert {o[0] for o in complete.missions("")} == set(registry.missions)
    assert {o[0] for o in complete.indicators("")} == set(registry.indicators)
    assert {o[0] for o in complete.datasets("")} == set(registry.datasets)
    assert {o[0] for o in complete.targets("")} == set(registry.targets)
    assert offered("status", "--mission", "energy.e", data=data) == ["energy.electricity"]
    assert "ghg_net_total" in offered("explain", "ghg_", data=data)
    assert offered("ingest", "file", "--dataset", "cbs/8", data=data) == ["cbs/82610NED"]
    assert (data / "marts" / "current").resolve().name in offered("diff", "", data=data)
    assert set(NAMES) <= set(offered("", data=data))


def test_completion_of_a_broken_registry_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "missions.yaml").write_text("- {id: [")
    monkeypatch.setenv("MISSIEMONITOR_REGISTRY", str(tmp_path))
    assert complete.missions("") == []


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys, pipeline.cli.main, pipeline.cli.complete as c; c.missions(''); "
        "print([m for m in ('dagster', 'duckdb', 'pandas', 'pyarrow', 'pydantic', 'altair', "
        "'great_expectations', 'apprise', 'rich', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def on_terminal(data: Path, *words: str) -> str:
    """What a command writes to a terminal of 100 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [CLI, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={
            **os.environ, "MISSIEMONITOR_DATA": str(data), "COLUMNS": "100", "TERM": "xterm",
            "LANG": "C.UTF-8",
        },
    )  # fmt: skip
    os.close(slave)
    said = b""
    try:
        while chunk := os.read(master, 65536):
            said += chunk
    except OSError as error:  # Linux ends a terminal's output so
        assert error.errno == errno.EIO
    os.close(master)
    assert process.wait(timeout=300) == 0, said.decode()
    return said.decode()


@pytest.mark.slow
def test_a_terminal_gets_colour_and_progress_and_a_pipe_gets_neither(
    first_run: dict[str, Any], data: Path, cli: Cli
) -> None:
    assert "\x1b[" in on_terminal(data, "status")
    assert "\x1b[" in on_terminal(data, "query", "FROM marts.release")
    assert "\x1b[" not in cli(data, "status").stdout + first_run["stdout"]
    watched = on_terminal(data, "run", "--offline", "--as-of", "2026-11-23", "--publish")
    assert "datasets: " in watched and "tables: " in watched
    assert "datasets: " not in first_run["stdout"] + first_run["stderr"]


def test_a_reader_that_goes_away_is_no_error(first_run: dict[str, Any]) -> None:
    def begun(command: str, reader: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {CLI} {command} | {reader}"],
            env={**os.environ, "MISSIEMONITOR_DATA": str(first_run["data"])},
            capture_output=True,
            text=True,
            check=False,
        )

    done = begun("query 'FROM range(3000000)' --json", "head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"range": 0}
    # `exec 0<&-` has closed the pipe before anything can be written.
    for command in ("status", "status --json", "explain ghg_net_total"):
        done = begun(command, "(exec 0<&-; sleep 5)")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command


def test_doctor_sends_a_test_alert_only_where_there_is_an_address(data: Path, cli: Cli) -> None:
    done = cli(data, "doctor", "--alert", MISSIEMONITOR_ALERT_URLS="")
    assert done.returncode == 3 and "no address" in done.stderr
    done = cli(data, "doctor", "--alert", MISSIEMONITOR_ALERT_URLS="json://u:secret@127.0.0.1:1")
    assert done.returncode == 3 and "could not be delivered" in done.stderr
    assert "secret" not in done.stdout + done.stderr
