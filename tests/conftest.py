"""What tests share: one finished run at the reference date, and a way to run the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.publisher import Publisher

REFERENCE = "2026-11-23"
# Tests ask no publisher but the one on the bench, which they name themselves.
os.environ.setdefault("MISSIEMONITOR_OFFLINE", "1")
CLI = str(Path(sys.executable).with_name("missiemonitor"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared(root: Path) -> Path:
    """The folder of figures beside the project; tests that need it skip where it is absent."""
    folder = root.parent / "shared"
    if not (folder / "figures").is_dir():
        pytest.skip("../shared/figures is not here")
    return folder


def cannot_run(reason: str) -> NoReturn:
    """Skip with one line; where CI is set, which has to bring everything, fail instead."""
    if os.environ.get("CI"):
        pytest.fail(f"must run in CI: {reason}")
    pytest.skip(reason)


def run_cli(data: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`missiemonitor words…` on a root of data, outputs as text."""
    return subprocess.run(
        [CLI, *words],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data), "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run_cli


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A root of data after one run at the reference date, never written to again."""
    data = tmp_path_factory.mktemp("first") / "data"
    done = run_cli(data, "run", "--as-of", REFERENCE, "--lang", "en")
    assert done.returncode == 0, done.stderr + done.stdout
    return {"data": data, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture
def data(first_run: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the finished run's root that a test may do what it likes with."""
    copy = tmp_path / "data"
    shutil.copytree(first_run["data"], copy, symlinks=True)
    # Vintages' parsed files are named by full path in the work folder: let them be found anew.
    for note in (copy / "work" / "raw").glob("*.json"):
        note.unlink()
    return copy


@pytest.fixture(scope="session")
def ask() -> Callable[[Path, str], list[dict[str, Any]]]:
    """Rows of a query over a root's published set."""

    def asked(data: Path, sql: str) -> list[dict[str, Any]]:
        done = run_cli(data, "query", sql, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return asked


@pytest.fixture(scope="session")
def one_bench() -> Iterator[Publisher]:
    from tests.publisher import Publisher

    with Publisher() as found:
        yield found


@pytest.fixture
def bench(one_bench: Publisher) -> Publisher:
    """The publisher on the bench, as new: nothing wrong, nothing counted."""
    one_bench.reset()
    return one_bench
