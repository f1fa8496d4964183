"""Verdicts and parsed rows of vintages are kept to be used again: the ones used last, and no more.

They can be made again from the vintage, which is never touched here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.paths import Paths

KEPT = 5  # of each vintage: under as many registries, codes or reference dates


def used(path: Path) -> None:
    """Note that a file was used now."""
    try:
        os.utime(path)
    except OSError:
        return  # on a disk that cannot be written to it is not pruned either


def prune(paths: Paths, kept: int = KEPT) -> int:
    """Remove the verdicts and parsed rows that were not used for longest; how many files. To be called
    by a run that has done its work, or by none."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in (paths.raw / "_verdicts").glob("*/*/*/*.json"):
        groups.setdefault((path.parent, ""), []).append(path)
    for path in (paths.work / "parsed").glob("*/*/*.parquet"):
        # vintage-how.kind.parquet, and a vintage's id may hold dashes
        stem, kind, _ = path.name.rsplit(".", 2)
        vintage = stem.rpartition("-")[0]
        groups.setdefault((path.parent, f"{vintage}.{kind}"), []).append(path)
    gone = [path for group in groups.values() for path in _last_used(group)[kept:]]
    for path in gone:
        with suppress(OSError):  # what cannot be removed costs room, not the night
            path.unlink(missing_ok=True)
    return len(gone)


def _last_used(group: Iterable[Path]) -> list[Path]:
    def when(path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:  # another run has removed it
            return 0

    return sorted(group, key=when, reverse=True)
