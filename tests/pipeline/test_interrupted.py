"""A run that is stopped, or loses one of its processes: one line, the right exit code, and nothing
left that works, waits or holds the lock."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from pipeline.paths import Paths
from tests.conftest import CLI
from tests.publisher import Fault, Publisher

Cli = Callable[..., subprocess.CompletedProcess[str]]
DAY = "2026-11-23"
PROCESSES = ("pipeline.session_process", "pipeline.quality.worker")


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
    children: dict[int, list[int]] = {}
    for line in listed.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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

    def watch(self, until: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, self.said[-500:]
            if select.select([self.keys], [], [], 0.05)[0] and not self._read():
                return

    def _read(self) -> bytes:
        try:
            more = os.read(self.keys, 65536)
        except OSError:  # Linux, at the end
            more = b""
        self.said += more
        return more

    def interrupt(self) -> int:
        """Ctrl-C; give the exit code."""
        left = descendants(self.pid)
        assert len(left) > 1, "the session's process did not start"
        os.write(self.keys, b"\x03")
        self.watch(lambda: False, seconds=60)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.keys)
        for _ in range(100):
            if not any(map(is_there, left)):
                break
            time.sleep(0.1)
        else:
            pytest.fail("a process of the run is still there")
        return code


def assert_stopped(terminal: Terminal) -> None:
    """It ends with 130 and one line, whatever was on the terminal is gone, the lock is free."""
    assert terminal.interrupt() == 130, terminal.said[-500:]
    last = terminal.said.decode().split("\n")[-2].strip()
    assert last.endswith("missiemonitor: stopped"), last
    assert "Traceback" not in terminal.said.decode()
    assert terminal.said.rfind(b"\x1b[?25h") >= terminal.said.rfind(b"\x1b[?25l")  # cursor
    with FileLock(Paths(terminal.data).lock, timeout=0):
        pass


def staged(data: Path) -> bool:
    return any((data / "marts" / "releases").glob(".*.tmp"))


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Callable[[str, str], dict[str, str]]]:
    """Environment in which a process of the run does something else as it starts."""

    def made(module: str, code: str) -> dict[str, str]:
        assert module in PROCESSES
        folder = tmp_path / "hook"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            f"import os, signal, sys, threading\nif {module!r} in sys.orig_argv:\n    {code}\n"
        )
        return {"PYTHONPATH": str(folder)}

    yield made


def test_stopped_while_it_builds_and_while_it_publishes(
    data: Path, first_run: dict[str, Any], cli: Cli, hook: Callable[[str, str], dict[str, str]]
) -> None:
    shutil.rmtree(data / "work")
    shutil.rmtree(data / "marts")
    terminal = Terminal(data, "run", "--as-of", DAY)
    terminal.watch((data / "work" / "core").exists)
    assert_stopped(terminal)
    # Holds the publication open: it is over in less time than a busy machine takes to press a key.
    slow = hook(
        PROCESSES[0],
        "import time; sync = os.fsync; os.fsync = lambda file: (time.sleep("
        "0.1 * ('releases' in os.readlink(f'/proc/self/fd/{file}'))), sync(file))[1]",
    )
    terminal = Terminal(data, "run", "--as-of", DAY, **slow)
    terminal.watch(lambda: staged(data))
    assert_stopped(terminal)
    assert not staged(data) and not (data / "marts" / "current").exists()
    done = cli(data, "run", "--as-of", DAY)
    assert done.returncode == 0, done.stderr
    published = [(root / "marts" / "current").resolve().name for root in (data, first_run["data"])]
    assert published[0] == published[1]


def test_stopped_while_a_publisher_keeps_it_waiting(tmp_path: Path, bench: Publisher) -> None:
    bench.faults = [Fault("hang", source) for source in ("eurostat", "cbs", "oecd")]
    data = tmp_path / "data"
    env = {**bench.environment(), "MISSIEMONITOR_OFFLINE": "0"}
    terminal = Terminal(data, "run", "--source", "eurostat", **env)
    terminal.watch(lambda: b"eurostat" in terminal.said)
    started = time.monotonic()
    assert_stopped(terminal)
    assert time.monotonic() - started < 20


def test_stopped_while_another_run_is_at_work(data: Path) -> None:
    with FileLock(Paths(data).lock):
        terminal = Terminal(data, "run", "--as-of", DAY)
        time.sleep(6)
        started = time.monotonic()
        code = terminal.interrupt()
        assert (code, time.monotonic() - started < 20) == (130, True), terminal.said[-500:]


@pytest.mark.parametrize(
    ("module", "code", "says"),
    [
        (PROCESSES[0], "threading.Timer(0.8, os.kill, (os.getpid(), 9)).start()", "was killed"),
        (PROCESSES[0], "os._exit(7)", "exit code 7"),
        (PROCESSES[0], "print('a word from the site')", "is not understood"),
        (PROCESSES[1], "threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()", "worker ended"),
        (PROCESSES[1], "print('a word from the site')", "is not understood"),
    ],
)
def test_a_process_that_fails_is_told_of_in_one_line(
    tmp_path: Path,
    cli: Cli,
    hook: Callable[[str, str], dict[str, str]],
    module: str,
    code: str,
    says: str,
) -> None:
    data = tmp_path / "data"
    started = time.monotonic()
    done = cli(data, "run", "--as-of", DAY, **hook(module, code))
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert len(lines) == 1 and says in lines[0], done.stderr
    assert last == "nothing published; the published set is as it was"
    # No step is tried again and again for what no second try brings back.
    assert time.monotonic() - started < 60
    assert not (data / "marts" / "current").exists()
    with FileLock(Paths(data).lock, timeout=0):
        pass


@pytest.mark.parametrize("at", ["work/raw", "work/core"])
def test_a_run_that_is_terminated_takes_its_processes_along(data: Path, at: str) -> None:
    shutil.rmtree(data / "work")
    process = subprocess.Popen(
        [CLI, "run", "--as-of", DAY],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    while not (data / at).exists():
        assert process.poll() is None
        time.sleep(0.05)
    left = descendants(process.pid)
    assert len(left) >= 3
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    # Dagster, once it is there, takes it for a Ctrl-C.
    assert (process.returncode, said) in (
        (-signal.SIGTERM, b""),
        (130, b"missiemonitor: stopped\n"),
    )
    for _ in range(200):
        if not any(map(is_there, left[1:])):
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the run is still there")
    with FileLock(Paths(data).lock, timeout=0):
        pass
