"""How often a publisher may be asked, and the ledger that remembers downloads from run to run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from pipeline.paths import write_atomic
from pipeline.publishers.errors import PullError

_HOUR = 3600.0


@dataclass(frozen=True)
class RateLimit:
    """Concurrent requests of one process, seconds between the starts of its downloads, and
    downloads an hour of all processes and runs together (0: no such limit)."""

    concurrent: int = 2
    spacing: float = 0.0
    per_hour: int = 0


class Ledger:
    """The moments of the past hour's downloads, a small file for each host.

    Safe to use from several processes: reading, judging and noting happen under a file lock.
    `wall` gives seconds since 1970.
    """

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        self.folder, self.wall = folder, wall

    def count(self, host: str, per_hour: int) -> None:
        """Note a download from `host`; PullError if the hour's number is used up."""
        path = self.folder / f"{re.sub('[^A-Za-z0-9.-]', '_', host)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
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

    @staticmethod
    def _past_hour(path: Path, now: float) -> list[float]:
        try:
            noted = json.loads(path.read_text("utf-8"))
            return sorted(float(t) for t in noted if now - _HOUR < float(t) <= now)
        except (OSError, ValueError, TypeError):
            return []
