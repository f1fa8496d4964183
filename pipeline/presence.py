"""Which processes are at work for a run, on whatever host: each holds a lock on a file of its own, which
the system frees when the process ends, however it ends."""

from __future__ import annotations

import secrets
from pathlib import Path

from filelock import FileLock, Timeout

_SECONDS = 10.0  # a look at the file, which takes its lock, is over long before


class Presence:
    """One process at work for a run, from `begin` to `end`. `folder`: on a share whose locks hold
    between the hosts."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.file = folder / f"{run_id}.{secrets.token_hex(6)}.lock"
        self._lock = FileLock(self.file, timeout=_SECONDS, thread_local=False)

    def begin(self) -> None:
        """OSError if the folder cannot be written to."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()

    def end(self) -> None:
        self._lock.release()
        self.file.unlink(missing_ok=True)


def at_work(folder: Path, run_id: str) -> bool:
    """Whether any process is at work for a run. What a killed one left is removed."""
    for file in folder.glob(f"{run_id}.*.lock"):
        try:
            with FileLock(file, timeout=0):
                file.unlink(missing_ok=True)
        except Timeout:
            return True
    return False
