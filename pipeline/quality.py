"""Expectations → Great Expectations → results.

Great Expectations itself runs in quality_worker.py, in a process that is started when the
first check is needed. What to expect belongs to the registry, the manifests and the SQL headers.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.quality_worker import read_message, write_message

if TYPE_CHECKING:
    import pandas as pd


class QualityError(RuntimeError):
    """A check could not be run: a fault of the checks, not of the data."""


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome. `rows` are the first twenty failing rows."""

    name: str
    passed: bool
    severity: str
    blocking: bool
    observed: str
    failing_rows: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> CheckResult:
        return cls(**raw)


class Ticket:
    """A place in the queue; `result()` waits for it."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, answer: Any) -> None:
        self._answers.put(answer)

    def result(self) -> list[dict[str, Any]]:
        answer = self._answers.get()
        if isinstance(answer, str):
            raise QualityError(f"a check could not run: {answer}")
        return list(answer)


class Checker:
    """Client of one worker process. Start it early: the import runs beside other work."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the worker if it does not run yet."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.quality_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        process = self._process
        assert process is not None and process.stdout is not None
        while (ticket := self._waiting.get()) is not None:
            answer = read_message(process.stdout)  # type: ignore[arg-type]
            ticket.put("the worker ended" if answer is None else answer)

    def submit(
        self, frame: pd.DataFrame, expectations: Sequence[tuple[str, dict[str, Any]]]
    ) -> Ticket:
        """Check a frame against (kind, options) pairs. QualityError comes from `result()`."""
        self.start()
        assert self._process is not None and self._process.stdin is not None
        ticket = Ticket()
        self._waiting.put(ticket)
        try:
            write_message(self._process.stdin, (frame, list(expectations)))  # type: ignore[arg-type]
        except BrokenPipeError:
            ticket.put("the worker ended")
        return ticket

    def close(self) -> None:
        if self._process is not None:
            self._waiting.put(None)
            if self._process.stdin:
                self._process.stdin.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process = None


_EARLY: Checker | None = None


def start_early() -> None:
    """Start a checker before the run that will need it; `take_checker` hands it over."""
    global _EARLY
    if _EARLY is None:
        _EARLY = Checker()
        _EARLY.start()


def take_checker() -> Checker:
    """The checker that was started early, else a new one that starts when first asked."""
    global _EARLY
    checker, _EARLY = _EARLY, None
    return checker or Checker()


def stop_early() -> None:
    """End a checker that nobody took."""
    global _EARLY
    if _EARLY is not None:
        _EARLY.close()
        _EARLY = None
