"""One run at a time on a root of data: a small file names the run at work.

The first step of a run takes the lease, its other steps find that it is theirs, in whatever
process they are. Nothing gives it back: another run takes it when the holder has ended, which the
orchestrator tells, or when its process is gone.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from pipeline.clock import now
from pipeline.files import dump, write_atomic

WAIT_SECONDS = 1800.0
_POLL_SECONDS = 0.5
_CLOCK_SECONDS = 5.0


class LeaseError(RuntimeError):
    """Another run is at work and does not end: one line with which and what to do."""


@dataclass(frozen=True)
class Holder:
    """A run at work. `pid`: its own process, not that of a step; None where that is not known.
    `started`: when that process began, seconds since 1970, since a number is given again.
    `reference`: the run's reference date, which all its steps share."""

    run_id: str
    host: str
    pid: int | None
    started: float | None
    since: str
    reference: str

    @classmethod
    def of(cls, run_id: str, pid: int | None, reference: str) -> Holder:
        """The holder that a run of this host is."""
        since = now().isoformat(timespec="seconds")
        return cls(run_id, socket.gethostname(), pid, _began(pid), since, reference)

    @property
    def gone(self) -> bool:
        """Whether its process has ended, or is this very one, which does one run at a time."""
        if self.pid is None or self.host != socket.gethostname():
            return False
        if self.pid == os.getpid():
            return True
        began = _began(self.pid)
        if began is None or self.started is None:
            return True
        # Not to the digit: the system counts from its start, which a clock that is set moves.
        return abs(began - self.started) > _CLOCK_SECONDS


def read(path: Path) -> Holder | None:
    """Who holds the lease; None if nobody ever did, or the file cannot be read."""
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def take(
    path: Path,
    wanted: Holder,
    ended: Callable[[str], bool],
    say: Callable[[str], None],
    prepare: Callable[[], None],
    seconds: float = WAIT_SECONDS,
) -> Holder:
    """The lease as this run holds it.

    Waits while another run is at work, and says so once of each. `ended`: whether a run (by its id) has
    ended. `prepare`: makes the data ready, once, before any step of the run works on them.
    LeaseError after `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    told = ""
    while True:
        # Two that wait must not both find the holder gone and both take its place.
        with FileLock(path.with_suffix(".lock")):
            holder = read(path)
            if holder is not None and holder.run_id == wanted.run_id:
                return holder
            if holder is None or holder.gone or ended(holder.run_id):
                if not locks_hold(path.parent):
                    say(
                        f"file locks do not hold in {path.parent} (a network share?): nothing keeps "
                        "two runs apart there; put the data on a local disk, or never start a run "
                        "beside another"
                    )
                # The run's other steps wait at the lock meanwhile.
                prepare()
                write_atomic(path, dump(asdict(wanted)))
                return wanted
        if holder.run_id != told:
            told = holder.run_id
            say(
                f"another run is at work on this data ({holder.run_id}, since {holder.since}); "
                "waiting for it to end"
            )
        if time.monotonic() > end:
            raise LeaseError(
                f"run {holder.run_id} has been at work on {path.parent} since {holder.since} "
                f"(process {holder.pid} on {holder.host}): wait for it or, if it is no more, "
                f"remove {path}"
            )
        time.sleep(_POLL_SECONDS)


def locks_hold(folder: Path) -> bool:
    """Whether a file lock that is held there keeps out who comes second."""
    file = folder / f".lease.{secrets.token_hex(6)}.try"
    try:
        with FileLock(file), FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # the latter from filelock where the system has no locks
        return False
    finally:
        file.unlink(missing_ok=True)


def _began(pid: int | None) -> float | None:
    """When a process of this host began; None if it is not there."""
    try:
        process = psutil.Process(pid) if pid is not None else None
        if process is None or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None
