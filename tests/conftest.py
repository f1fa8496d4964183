"""What tests share: one finished run at the reference date, the command line in this process or in
one of its own, and a publisher on the bench."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from tests.publisher import Publisher

REFERENCE = "2026-11-23"
# Tests ask no publisher but the one on the bench, which they name themselves.
os.environ.setdefault("MISSIEMONITOR_OFFLINE", "1")
CLI = str(Path(sys.executable).with_name("missiemonitor"))
Done = subprocess.CompletedProcess[str]


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


def run_process(data: Path, *words: str, **env: str) -> Done:
    """`missiemonitor words…` on a root of data in a process of its own, outputs as text."""
    return subprocess.run(
        [CLI, *words],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data), "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def run_cli(data: Path, *words: str, **env: str) -> Done:
    """The same in this process, which has imported everything already: seconds less a run."""
    from pipeline.cli.main import main
    from pipeline.registry import load
    from pipeline.warehouse.model import load_models

    # Read once in a process; a test may have changed their files since.
    load.cache_clear()
    load_models.cache_clear()
    was, words_were = dict(os.environ), sys.argv
    # Files and not memory: what steps print is diverted by the number of the stream.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        os.environ |= {"MISSIEMONITOR_DATA": str(data), "LANG": "C.UTF-8", **env}
        sys.argv = [CLI, *words]
        code: Any = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = words_were
            os.environ.clear()
            os.environ.update(was)
        out.seek(0)
        err.seek(0)
        return Done([CLI, *words], code or 0, out.read(), err.read())


@pytest.fixture(scope="session")
def cli() -> Callable[..., Done]:
    """`cli(data, *words, **env)`: a command in this process."""
    return run_cli


@pytest.fixture(scope="session")
def process() -> Callable[..., Done]:
    """The same in a process of its own, for what only a process shows."""
    return run_process


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Path:
    """A folder that `make` fills once in a session of tests, however many workers it has."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have a folder each, below that of the session.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (folder / ".made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".made").touch()
    return folder


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A root of data after one run at the reference date, never written to again."""

    def make(folder: Path) -> None:
        done = run_process(
            folder / "data", "run", "--as-of", REFERENCE, "--publish", "--lang", "en"
        )
        assert done.returncode == 0, done.stderr + done.stdout
        (folder / "stdout").write_text(done.stdout, "utf-8")
        (folder / "stderr").write_text(done.stderr, "utf-8")

    folder = once(tmp_path_factory, "first", make)
    said = {name: (folder / name).read_text("utf-8") for name in ("stdout", "stderr")}
    return {"data": folder / "data", **said}


@pytest.fixture
def data(first_run: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the finished run's root that a test may do what it likes with."""
    copy = tmp_path / "data"
    shutil.copytree(first_run["data"], copy, symlinks=True)
    return copy


@pytest.fixture
def on_day(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`on_day("2040-01-01")`: what the clock says to commands in this process from then on."""

    def set_to(day: str) -> None:
        class Then(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromisoformat(f"{day}T12:00:00+00:00").astimezone(tz)

        monkeypatch.setattr("pipeline.clock.datetime", Then)

    return set_to


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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The ten files that took longest, their fixtures included, over all workers."""
    took: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                took[report.nodeid.partition("::")[0]] += report.duration
    if took:
        terminalreporter.section("ten dearest files")
    for name in sorted(took, key=lambda name: -took[name])[:10]:
        terminalreporter.write_line(f"{took[name]:8.1f} s  {name}")
