"""The lease: one run at a time on a root of data, whatever becomes of the one that has it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline import lease
from pipeline.lease import Holder, LeaseError, read, take

DAY = "2026-11-23"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / ".lease.json"


@pytest.fixture
def other() -> Iterator[int]:
    """Another process of this host, at work until the test ends it."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.kill()
    process.wait()


def asked(path: Path, wanted: Holder, **more: Any) -> Holder:
    options: dict[str, Any] = {
        "ended": lambda _: False, "say": pytest.fail, "prepare": lambda: None, "seconds": 0.0,
    }  # fmt: skip
    return take(path, wanted, **{**options, **more})


def test_the_first_takes_it_and_its_other_steps_go_on(path: Path, other: int) -> None:
    made: list[str] = []
    first = Holder.of("one", other, DAY)
    assert read(path) is None
    assert asked(path, first, prepare=lambda: made.append("ready")) == first == read(path)
    # Another step, in another process and after midnight: the run's date stays.
    later = Holder.of("one", os.getpid(), "2026-11-24")
    assert asked(path, later, prepare=lambda: made.append("again")) == first
    assert made == ["ready"]


def test_another_run_waits_says_once_for_whom_and_goes_on_when_it_has_ended(
    path: Path, other: int
) -> None:
    asked(path, Holder.of("one", other, DAY))
    said: list[str] = []
    answers = iter([False, False, False, True])
    second = Holder.of("two", os.getpid(), DAY)
    found = asked(path, second, ended=lambda run: next(answers), say=said.append, seconds=600)
    assert found == second == read(path)
    (line,) = said
    assert "another run is at work on this data (one, since 20" in line


def test_whoever_waits_for_one_run_and_then_for_another_says_so_of_both(
    path: Path, other: int
) -> None:
    asked(path, Holder.of("one", other, DAY))
    said: list[str] = []

    def ended(run: str) -> bool:
        if run == "two":
            return len(said) == 2
        # Another that waits has it first.
        path.write_text(path.read_text().replace('"one"', '"two"'))
        return False

    third = Holder.of("three", os.getpid(), DAY)
    assert asked(path, third, ended=ended, say=said.append, seconds=600) == third
    assert [line.split("(")[1].split(",")[0] for line in said] == ["one", "two"]


def test_it_is_asked_of_the_holder_whether_it_has_ended(path: Path, other: int) -> None:
    asked(path, Holder.of("one", other, DAY))
    two = Holder.of("two", os.getpid(), DAY)
    assert asked(path, two, ended=lambda run: run == "one") == two


def test_a_run_whose_process_is_gone_has_it_no_more(path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    asked(path, Holder.of("one", process.pid, DAY))
    process.kill()
    # Not waited for yet: what is left is a zombie.
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    second = Holder.of("two", os.getpid(), DAY)
    assert asked(path, second) == second
    process.wait()
    assert asked(path, replace(second, run_id="three")).run_id == "three"


def test_a_number_that_was_given_again_is_another_process(path: Path, other: int) -> None:
    first = Holder.of("one", other, DAY)
    assert first.started is not None
    asked(path, replace(first, started=first.started - 3600))
    assert asked(path, Holder.of("two", os.getpid(), DAY)).run_id == "two"


def test_a_clock_that_is_set_takes_it_from_nobody(path: Path, other: int) -> None:
    """When a process began is counted from the start of the system, which follows the clock."""
    first = Holder.of("one", other, DAY)
    assert first.started is not None
    asked(path, replace(first, started=first.started + 1.0))
    with pytest.raises(LeaseError):
        asked(path, Holder.of("two", os.getpid(), DAY), say=lambda _: None)


@pytest.mark.parametrize("unknown", [{"host": "elsewhere"}, {"pid": None, "started": None}])
def test_of_a_process_that_cannot_be_seen_only_the_orchestrator_tells(
    path: Path, unknown: dict[str, Any]
) -> None:
    asked(path, replace(Holder.of("one", os.getpid(), DAY), **unknown))
    second = Holder.of("two", os.getpid(), DAY)
    with pytest.raises(LeaseError):
        asked(path, second, say=lambda _: None)
    assert asked(path, second, ended=lambda run: run == "one") == second


def test_after_the_time_it_is_one_line_that_says_what_to_do(path: Path, other: int) -> None:
    asked(path, Holder.of("one", other, DAY))
    with pytest.raises(LeaseError) as raised:
        asked(path, Holder.of("two", os.getpid(), DAY), say=lambda _: None, seconds=0.05)
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith("run one has been at work on") and f"process {other}" in said
    assert f"remove {path}" in said and socket.gethostname() in said
    assert read(path) is not None and read(path) != Holder.of("two", os.getpid(), DAY)


def test_of_two_at_once_one_waits_for_the_other(path: Path) -> None:
    """Each believes the holder gone at the same moment."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    asked(path, replace(Holder.of("old", gone.pid, DAY), pid=gone.pid, started=1.0))
    started = threading.Barrier(8)
    ready: list[str] = []

    def one(number: int) -> bool:
        wanted = Holder.of(f"run {number}", os.getppid(), DAY)
        started.wait()
        try:
            take(path, wanted, lambda _: False, lambda _: None,
                 lambda: ready.append(wanted.run_id), 0.2)  # fmt: skip
        except LeaseError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(one, range(8)))
    assert sum(won) == 1
    holder = read(path)
    assert holder is not None and ready == [holder.run_id] == [f"run {won.index(True)}"]


def test_steps_of_one_run_wait_until_the_data_are_ready(path: Path, other: int) -> None:
    """In whatever process: none works on data that another is still putting there."""
    entered, go_on = threading.Event(), threading.Event()
    ready: list[str] = []

    def prepare() -> None:
        entered.set()
        assert go_on.wait(60)
        ready.append("ready")

    def step() -> list[str]:
        asked(path, Holder.of("one", other, DAY), prepare=pytest.fail)
        return list(ready)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, path, Holder.of("one", other, DAY), prepare=prepare)
        assert entered.wait(60)
        second = pool.submit(step)
        assert not second.done()
        go_on.set()
        first.result(60)
        assert second.result(60) == ["ready"]


def test_data_that_cannot_be_made_ready_are_nobodys(path: Path, other: int) -> None:
    def fails() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        asked(path, Holder.of("one", other, DAY), prepare=fails)
    assert read(path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run_id": "x"}', '{"odd": 1}'])
def test_a_file_that_cannot_be_read_holds_nothing(path: Path, content: str, other: int) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert read(path) is None
    assert asked(path, Holder.of("one", other, DAY)).run_id == "one"


def test_a_process_does_one_run_at_a_time(path: Path) -> None:
    """A run before it in the same process is over, whatever its record says."""
    asked(path, Holder.of("one", os.getpid(), DAY))
    assert asked(path, Holder.of("two", os.getpid(), DAY)).run_id == "two"


def test_where_locks_do_not_hold_it_is_said(
    path: Path, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.locks_hold(path.parent.parent)

    # As on a share that grants every lock.
    def granted(file: Path, timeout: float = -1) -> Any:
        return contextlib.nullcontext()

    said: list[str] = []
    monkeypatch.setattr(lease, "FileLock", granted)
    assert asked(path, Holder.of("one", other, DAY), say=said.append).run_id == "one"
    (line,) = said
    assert line.startswith(f"file locks do not hold in {path.parent}")
    assert [p.name for p in path.parent.iterdir() if p.suffix == ".try"] == []
