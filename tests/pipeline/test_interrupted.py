"""A run that is stopped: one line, the right exit code, nothing left that works, and the next run
goes on. Each waits for what it is about, however busy the machine is."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline import lease
from pipeline.files import dump
from pipeline.lease import Holder
from pipeline.paths import Paths
from tests.conftest import CLI
from tests.publisher import Fault, Publisher

Cli = Callable[..., subprocess.CompletedProcess[str]]
DAY = "2026-11-23"
LONG = 600.0  # seconds after which something hangs, on whatever machine

pytestmark = pytest.mark.slow


class Terminal:
    """A run at a terminal of its own."""

    def __init__(self, data: Path, *words: str, **env: str) -> None:
        self.data, self.said = data, b""
        self.pid, self.keys = pty.fork()
        if self.pid == 0:
            os.execve(
                CLI,
                [CLI, *words],
                {**os.environ, "MISSIEMONITOR_DATA": str(data), "LANG": "C.UTF-8", **env},
            )

    def watch(self, until: Callable[[], bool]) -> None:
        """Read what it says until something is so, or it has ended."""
        end = time.monotonic() + LONG
        while not until():
            assert time.monotonic() < end, self.said[-500:]
            if select.select([self.keys], [], [], 0.02)[0] and not self._read():
                return

    def _read(self) -> bytes:
        try:
            more = os.read(self.keys, 65536)
        except OSError:  # Linux, at the end
            more = b""
        self.said += more
        return more

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.write(self.keys, b"\x03")
        self.watch(lambda: False)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.keys)
        return code


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def assert_stopped(terminal: Terminal) -> None:
    """It ends with 130 and one line, whatever was on the terminal is gone, nothing is left."""
    before = children(terminal.pid)
    assert terminal.interrupt() == 130, terminal.said[-500:]
    last = terminal.said.decode().split("\n")[-2].strip()
    assert last.endswith("missiemonitor: stopped"), last
    assert "Traceback" not in terminal.said.decode()
    assert terminal.said.rfind(b"\x1b[?25h") >= terminal.said.rfind(b"\x1b[?25l")  # cursor
    _, left = psutil.wait_procs(before, timeout=LONG)
    assert left == []


def next_run_is_well(data: Path, first_run: dict[str, Any], process: Cli) -> None:
    done = process(data, "run", "--as-of", DAY, "--publish")
    assert done.returncode == 0, done.stderr
    assert "another run" not in done.stderr
    published = [(root / "marts" / "current").resolve().name for root in (data, first_run["data"])]
    assert published[0] == published[1]
    left = [p for name in ("marts", "work") for p in (data / name).rglob("*.tmp")]
    # Those of parsed rows go when they are a day old: they may be another's.
    assert [p for p in left if "parsed" not in p.parts] == []


@pytest.fixture
def slowly(tmp_path: Path) -> dict[str, str]:
    """Environment in which a run keeps a release half written until it is stopped."""
    folder = tmp_path / "hook"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, time\n"
        "sync = os.fsync\n"
        "def held(file):\n"
        "    while 'releases' in os.readlink(f'/proc/self/fd/{file}'):\n"
        "        time.sleep(0.05)\n"
        "    sync(file)\n"
        "os.fsync = held\n"
    )
    return {"PYTHONPATH": str(folder)}


def half_published(data: Path) -> bool:
    return any((data / "marts" / "releases").glob(".*.tmp"))


def test_stopped_while_it_builds(data: Path, first_run: dict[str, Any], process: Cli) -> None:
    shutil.rmtree(data / "work")
    shutil.rmtree(data / "marts")
    terminal = Terminal(data, "run", "--as-of", DAY, "--publish")
    terminal.watch((data / "work" / "core").exists)
    assert_stopped(terminal)
    assert not (data / "marts" / "current").exists()
    next_run_is_well(data, first_run, process)


def test_stopped_while_it_publishes(
    data: Path, first_run: dict[str, Any], process: Cli, slowly: dict[str, str]
) -> None:
    shutil.rmtree(data / "marts")
    terminal = Terminal(data, "run", "--as-of", DAY, "--publish", **slowly)
    terminal.watch(lambda: half_published(data))
    assert_stopped(terminal)
    assert not half_published(data) and not (data / "marts" / "current").exists()
    next_run_is_well(data, first_run, process)


def test_stopped_while_a_publisher_keeps_it_waiting(
    data: Path, first_run: dict[str, Any], process: Cli, bench: Publisher
) -> None:
    bench.faults = [Fault("hang", "eurostat")]
    env = {**bench.environment(), "MISSIEMONITOR_OFFLINE": "0"}
    terminal = Terminal(data, "run", "--source", "eurostat", **env)
    terminal.watch(lambda: bool(bench.seen))
    assert_stopped(terminal)
    next_run_is_well(data, first_run, process)


@contextlib.contextmanager
def another_at_work(data: Path) -> Iterator[None]:
    """A run of another host, of which nobody knows whether it has ended."""
    holder = Holder("another", "elsewhere", 1, 1.0, "2026-11-23T03:00:00+00:00", DAY)
    Paths(data).lease.write_bytes(dump(asdict(holder)))
    yield
    assert lease.read(Paths(data).lease) == holder
    Paths(data).lease.unlink()


def log_of(data: Path) -> str:
    said = b""
    for file in (data / "dagster").rglob("*.db*"):
        with contextlib.suppress(FileNotFoundError):  # SQLite's own, gone in between
            said += file.read_bytes()
    return said.decode("utf-8", "replace")


def test_stopped_while_another_run_is_at_work(
    data: Path, first_run: dict[str, Any], process: Cli
) -> None:
    shutil.rmtree(data / "dagster")
    with another_at_work(data):
        terminal = Terminal(data, "run", "--as-of", DAY, "--publish")
        # Said on the terminal too, once, with what it waits for.
        terminal.watch(lambda: b"? another run is at work on this data" in terminal.said)
        assert "another run is at work on this data" in log_of(data)
        assert_stopped(terminal)
    next_run_is_well(data, first_run, process)


@pytest.mark.parametrize("at", ["work/raw", "work/core", "half published"])
def test_terminated(
    data: Path, first_run: dict[str, Any], process: Cli, slowly: dict[str, str], at: str
) -> None:
    """As a system that goes down does: Dagster takes it for a Ctrl-C."""
    shutil.rmtree(data / "work")
    shutil.rmtree(data / "marts")
    run = subprocess.Popen(
        [CLI, "run", "--as-of", DAY, "--publish"],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data), **slowly},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    end = time.monotonic() + LONG
    while not (half_published(data) if at == "half published" else (data / at).exists()):
        assert run.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    left = children(run.pid)
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=LONG)
    assert (run.returncode, said) in ((-signal.SIGTERM, b""), (130, b"missiemonitor: stopped\n"))
    _, left = psutil.wait_procs(left, timeout=LONG)
    assert left == []
    assert not (data / "marts" / "current").exists()
    next_run_is_well(data, first_run, process)
