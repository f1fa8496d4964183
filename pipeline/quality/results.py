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
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.quality.worker import WORKER, pack, read_message

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


class _Shared(Ticket):
    """A place in the queue whose answer is that of several tickets."""

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        super().__init__()
        self._tickets = tickets

    def put(self, answer: Any) -> None:
        for i, ticket in enumerate(self._tickets):
            ticket.put(answer if isinstance(answer, str) else answer[i])


class Checker:
    """Client of one worker process. Start it early: the import runs beside other work.

    Several threads may ask at once. One thread sends what they ask, in the order in which it
    queues the tickets, so that each answer finds its own; nobody waits for a full pipe.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._sending: queue.SimpleQueue[tuple[Ticket, bytes] | None] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the worker if it does not run yet."""
        with self._starting:
            if self._process is not None:
                return
            self._process = subprocess.Popen(
                [sys.executable, *WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        for work in (self._send, self._collect):
            threading.Thread(target=work, args=(self._process,), daemon=True).start()

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        while (asked := self._sending.get()) is not None:
            ticket, message = asked
            self._waiting.put(ticket)
            with suppress(OSError):  # who collects the answers finds out
                process.stdin.write(message)
                process.stdin.flush()
        self._waiting.put(None)
        with suppress(OSError):
            process.stdin.close()

    def _collect(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        gone = ""
        while (ticket := self._waiting.get()) is not None:
            answer: Any = gone
            if not gone:
                try:
                    answer = read_message(process.stdout)  # type: ignore[arg-type]
                except Exception as error:
                    # What comes after it is not understood either.
                    process.kill()
                    gone = f"the worker is not understood ({type(error).__name__}: {error})"
                else:
                    gone = "the worker ended" if answer is None else ""
            ticket.put(gone or answer)

    def submit(
        self, frame: pd.DataFrame, expectations: Sequence[tuple[str, dict[str, Any]]]
    ) -> Ticket:
        """Check a frame against (kind, options) pairs. QualityError comes from `result()`."""
        return self._ask(Ticket(), (frame, list(expectations)))

    def submit_parts(
        self,
        frame: pd.DataFrame,
        starts: Sequence[int],
        expectations: Sequence[Sequence[tuple[str, dict[str, Any]]]],
    ) -> list[Ticket]:
        """Check a frame that holds several ones, each from one of `starts` to the next, a ticket
        for each: the same outcomes as for frames of their own in a fraction of the time. The
        index is 0, 1, 2 …; kinds about a table as a whole cannot be asked, but for its schema."""
        tickets = [Ticket() for _ in starts]
        self._ask(_Shared(tickets), (frame, [list(e) for e in expectations], list(starts)))
        return tickets

    def _ask(self, ticket: Ticket, message: Any) -> Ticket:
        self.start()
        self._sending.put((ticket, pack(message)))
        return ticket

    def close(self) -> None:
        """End the worker, whatever it is at: nobody waits for its answers any more."""
        if self._process is not None:
            self._process.kill()
            self._sending.put(None)
            self._process.wait()
            self._process = None
