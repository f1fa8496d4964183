"""How often a publisher may be asked: over threads, processes, hosts and runs that share a ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.files import write_atomic
from pipeline.publishers.errors import PullError
from pipeline.registry.schema import RateLimit

_HOUR = 3600.0


class Ledger:
    """What processes that ask the same hosts know of each other, in small files for each host: the
    moments of the past hour's downloads, the last start, and a lock for each request at once.

    Safe to use from several processes and, on a share whose locks hold between them, hosts: reading,
    judging and noting happen under a file lock, which the system frees when a process is killed.
    `wall` gives seconds since 1970.
    """

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        self.folder, self.wall = folder, wall

    def count(self, host: str, per_hour: int) -> None:
        """Note a download from `host`; PullError if the hour's number is used up."""
        path = self._file(host, ".json")
        with FileLock(path.with_suffix(".lock")):
            now = self.wall()
            past = self._past_hour(path, now)
            if len(past) >= per_hour:
                free = datetime.fromtimestamp(past[-per_hour] + _HOUR, UTC)
                raise PullError(
                    f"{host}: its {per_hour} downloads an hour are used up; "
                    f"the next is free at {free:%H:%M} UTC"
                )
            write_atomic(path, json.dumps([*past, now]).encode())

    def next_start(self, host: str, limit: RateLimit) -> float:
        """Take the next start of a download from `host`: the seconds until then."""
        path = self._file(host, ".start.json")
        with FileLock(path.with_suffix(".lock")):
            now = self.wall()
            # At most `concurrent` processes can have taken a start ahead of now. A later one was noted
            # before the clock was set back, and does not count.
            latest = now + limit.concurrent * limit.spacing
            last = [t for t in self._past_hour(path, latest) if t > now - limit.spacing]
            start = max(last) + limit.spacing if last else now
            write_atomic(path, json.dumps([start]).encode())
        return max(0.0, start - now)

    def take_turn(self, host: str, concurrent: int) -> FileLock | None:
        """One of the host's concurrent requests, held until it is released; None if all are."""
        for number in range(concurrent):
            lock = FileLock(self._file(host, f".{number}.turn"), thread_local=False)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                return lock
        return None

    def _file(self, host: str, suffix: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{re.sub('[^A-Za-z0-9.-]', '_', host)}{suffix}"

    @staticmethod
    def _past_hour(path: Path, now: float) -> list[float]:
        try:
            noted = json.loads(path.read_text("utf-8"))
            return sorted(float(t) for t in noted if now - _HOUR < float(t) <= now)
        except (OSError, ValueError, TypeError):
            return []
