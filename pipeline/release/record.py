"""Which run wrote which release, and whether readers were given it: what is said of a run that has
ended is read from here and from `current`, whatever went wrong afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files import dump, write_atomic

# In the work folder: the last runs that wrote a release, the newest last.
_FILE = "publication.json"
_KEPT = 20


@dataclass(frozen=True)
class Written:
    """A release that a run wrote. `published`: readers got to see it."""

    release: str
    published: bool


def note(work: Path, run_id: str, release: str, *, for_readers: bool, swapped: bool) -> None:
    """Note that a run wrote a release. `for_readers`: it is to be the current one; `swapped`: it
    became so. Called before the swap too: a kill in between leaves enough to tell by."""
    entry = {
        "run_id": run_id,
        "release": release,
        "for_readers": for_readers,
        "swapped": swapped,
    }
    others = [e for e in _entries(work) if e["run_id"] != run_id]
    write_atomic(work / _FILE, dump([*others, entry][-_KEPT:]))


def written_by(work: Path, marts: Path, run_id: str) -> Written | None:
    """The release that a run wrote, as the files say; None if there is none."""
    entry = next((e for e in _entries(work) if e["run_id"] == run_id), None)
    if entry is None:
        return None
    release = str(entry["release"])
    published = bool(entry["swapped"]) or current_of(marts) == release
    if entry["for_readers"] and not published:
        return None
    return Written(release, published)


def note_copy(work: Path, what: str, run_id: str, fault: str) -> None:
    """Note how a run's copy to a bucket ended. `what`: which copy; `fault`: empty if all went well."""
    write_atomic(_copy_note(work, what), dump({"run_id": run_id, "fault": fault}))


def copy_faults(work: Path, run_id: str) -> list[str]:
    """What went wrong with a run's copies to buckets, a line each."""
    found = []
    for file in sorted(work.glob(_copy_note(work, "*").name)):
        try:
            note = json.loads(file.read_text("utf-8"))
            found += [str(note["fault"])] if note["run_id"] == run_id and note["fault"] else []
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _copy_note(work: Path, what: str) -> Path:
    return work / f"copied_{what}.json"


def current_of(marts: Path) -> str | None:
    """The name of the release that readers see; None if nothing is published."""
    try:
        return (marts / "current").resolve(strict=True).name
    except OSError:
        return None


def _entries(work: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads((work / _FILE).read_text("utf-8"))
        return [e for e in found if {"run_id", "release", "for_readers", "swapped"} <= e.keys()]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
