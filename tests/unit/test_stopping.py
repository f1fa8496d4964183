"""A stop is a stop at whatever moment it comes: no fault of a query, never lost, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.sql import connect, stoppable
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models

# No machine ends it before the signal does.
ENDLESS = "SELECT sum(a.range * b.range % 7)::BIGINT AS n FROM range(9000000) a, range(9000000) b"
MODEL = f"""/*
description: An endless sum.
grain: [n]
columns:
  n: BIGINT, the sum
*/
{ENDLESS}
"""


class Early(BaseException):
    """What the signal's handler raises; it comes through where no query is at work yet."""


def stop(work: Callable[[], object]) -> None:
    """Send a signal while the query of `work` runs, however long it takes to get there."""

    def handler(*_: object) -> None:
        raise Early

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for delay in (0.2, 2.0, 20.0, 200.0):
            sender = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGUSR1))
            sender.start()
            try:
                work()
            except Early:
                continue
            finally:
                sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_query_that_is_stopped_says_so() -> None:
    def query() -> None:
        with stoppable(connect()) as con:
            con.execute(ENDLESS)

    with pytest.raises(KeyboardInterrupt):
        stop(query)


def test_a_table_that_is_being_built_has_no_fault_when_it_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "sql" / "core").mkdir(parents=True)
    (tmp_path / "sql" / "core" / "sum.sql").write_text(MODEL)
    models = load_models(tmp_path / "sql")
    warehouse = Warehouse(tmp_path / "work", [], models)
    with pytest.raises(KeyboardInterrupt):
        stop(lambda: warehouse.build(models["core.sum"]))
    assert warehouse.record("core.sum") is None
    assert [p for p in (tmp_path / "work").rglob("*") if p.is_file()] == []


def test_another_error_is_as_it_was() -> None:
    with pytest.raises(RuntimeError, match="full"), stoppable(connect()):
        raise RuntimeError("the disk is full")


CLOSED = """
from sqlalchemy.pool import NullPool
from pipeline.cli.main import options

class Connection:
    def rollback(self): pass
    def close(self): raise KeyboardInterrupt

options(debug={debug}, _version=False)
connection = NullPool(Connection).connect()
try:
    connection.close()
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize(("debug", "traceback"), [(False, False), (True, True)])
def test_a_stop_while_a_record_of_dagsters_is_closed_shows_no_traceback(
    debug: bool, traceback: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSED.format(debug=debug)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "stopped\n"
    assert ("Traceback" in done.stderr) is traceback and bool(done.stderr) is traceback


DROPPED = """
import os, signal, time, weakref
from pipeline.cli import stops

class Thing: pass

# What started this may have it ignored, as a shell does for a job in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
thing = Thing()
seen = []
def gone(reference):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)  # where the signal's handler raises, and Python drops it
    seen.append("went on")
reference = weakref.ref(thing, gone)
try:
    with stops.heeded():
        del thing
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped", seen)
"""
FAULT = """
from pipeline.cli import stops

class Thing:
    def __del__(self): raise ValueError("a fault")

with stops.heeded():
    Thing()
print("went on")
"""


def test_a_stop_that_python_drops_comes_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DROPPED], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("stopped []\n", "")


def test_a_fault_that_python_drops_is_shown_as_ever() -> None:
    done = subprocess.run([sys.executable, "-c", FAULT], capture_output=True, text=True, check=True)
    assert done.stdout == "went on\n" and "ValueError: a fault" in done.stderr
