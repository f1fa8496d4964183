"""When each release was made, and which one readers had before it: `releases.json`.

It lies beside the releases and not in them: the same inputs give the same release, whenever it is made.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.clock import now
from pipeline.files import write_atomic
from pipeline.release.integrity import SUMS

# Below the root of the published set, the newest last.
FILE = "releases.json"
_KEPT = 1000


def note(root: Path, release: str, *, before: str | None, published: bool) -> None:
    """Note a release that lies below `root`. `before`: the one that readers had until now;
    `published`: readers have this one from now on. Nothing is noted twice in a row."""
    entries = read(root)
    # A kill after the swap, or an older version, left the one before without its entry.
    if before is not None and before != release and entry_of(root, before) is None:
        entries.append(_entry(root, before, None, None))
    last = next((e for e in reversed(entries) if e["published"] is not None), None)
    if published and (last is None or last["release"] != release):
        moment = now().isoformat(timespec="seconds")
        entries.append(_entry(root, release, moment, None if before == release else before))
    elif not any(e["release"] == release for e in entries):
        entries.append(_entry(root, release, None, None))
    text = json.dumps(entries[-_KEPT:], indent=1, ensure_ascii=False) + "\n"
    if entries != read(root):
        write_atomic(root / FILE, text.encode())


def read(root: Path) -> list[dict[str, Any]]:
    """The entries: `release`, `made` and `published` (UTC; null: not known, or never), `before`;
    empty if there are none, or the file was damaged."""
    try:
        found = json.loads((root / FILE).read_text("utf-8"))
        return [dict(e) for e in found if {"release", "made", "published", "before"} <= e.keys()]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def entry_of(root: Path, release: str) -> dict[str, Any] | None:
    """The newest entry of a release; None if it has none."""
    return next((e for e in reversed(read(root)) if e["release"] == release), None)


def _entry(
    root: Path, release: str, published: str | None, before: str | None
) -> dict[str, str | None]:
    try:
        # Its checksums are the last of its files, and stay when the folder's age begins anew.
        moment = (root / "releases" / release / SUMS).stat().st_mtime
        made = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    except OSError:
        made = None
    return {"release": release, "made": made, "published": published, "before": before}
