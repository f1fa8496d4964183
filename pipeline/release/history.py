"""What changed from one published release to the next: the folder `history/` beside the releases.

An entry is one JSON file, written after publication and never again; `changes.parquet` has every
status that moved. Neither is part of a release or of its id. What is said of an entry belongs in
`report.feed`, which releases there were and when in releases.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import dump, replacing, write_atomic
from pipeline.languages import LANGUAGES
from pipeline.release.diff import Change, Diff, Verdict, compare, heading
from pipeline.release.read import Release, Row
from pipeline.release.swap import published_names

FOLDER = "history"
CHANGES = "changes.parquet"
# The release that the history has come to, with or without an entry.
_REACHED = ".reached.json"
_NEEDED = frozenset(
    {
        "number", "release", "before", "reference_date", "method_version", "published", "unread",
        "statuses", "figures", "sources", "overrides",
    }
)  # fmt: skip
_COLUMNS = pa.schema(
    [
        ("entry", pa.int32()),
        ("reference_date", pa.string()),
        ("release", pa.string()),
        *(
            (name, pa.string())
            for name in (
                "mission_id", "indicator_id", "target_id", "status_before", "reason_before",
                "status_after", "reason_after", "cause",
            )
        ),
    ]
)  # fmt: skip


def record(marts: Path, release: str, now: datetime) -> Path | None:
    """Write what changed up to the published release; give the entry's file, None if nothing did.

    `now`: when it was published, with its zone. A second call for the same release adds nothing.
    OSError if the folder cannot be written to.
    """
    folder = marts / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    known = entries(marts)
    reached = _reached(folder)
    if reached == release:
        return None
    found = _since(marts, reached, release, bool(known))
    file = None
    # The same step is not told twice, should a kill have come before it was noted as reached.
    told = known and (known[0]["release"], (known[0]["before"] or {}).get("release")) == (
        release, reached,
    )  # fmt: skip
    if found is not None and not told:
        number = known[0]["number"] + 1 if known else 1
        entry = {"number": number, "published": now.isoformat(timespec="seconds"), **found}
        file = folder / f"{number:05d}_{found['reference_date']}_{release}.json"
        write_atomic(file, dump(entry))
        _table(folder, [entry, *known])
    write_atomic(folder / _REACHED, dump({"release": release}))
    return file


def entries(marts: Path) -> list[dict[str, Any]]:
    """Every entry, the newest first; one that cannot be read is left out."""
    found = []
    for file in sorted((marts / FOLDER).glob("[0-9]*.json"), reverse=True):
        try:
            entry = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict) and entry.keys() >= _NEEDED:
            found.append(entry)
    return found


def _reached(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _REACHED).read_text("utf-8"))["release"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _since(marts: Path, reached: str | None, name: str, begun: bool) -> dict[str, Any] | None:
    """What an entry says; None where no status, no year and no source changed."""
    release = Release(marts.resolve() / "releases" / name)
    names = [n for n in published_names(marts) if n != name]
    # What was reached may be gone from disk: then from the last one that readers were given.
    earlier = reached if reached in names else names[-1] if names else None
    lists = ("statuses", "figures", "sources", "overrides")
    nothing: dict[str, Any] = {name: [] for name in lists} | {"unread": None}
    if earlier is None:
        lost = f"{reached} is no longer kept" if begun and reached else None
        return {**heading(release), "before": None, **nothing, "unread": lost}
    before = Release(marts.resolve() / "releases" / earlier)
    try:
        diff = compare(before, release)
        found: dict[str, Any] = {
            **heading(release),
            "before": heading(before),
            "statuses": [_status(diff, c) for c in diff.changes],
            "figures": list(_figures(diff)),
            "sources": list(_sources(diff)),
            "overrides": [_override(diff, row) for row in diff.overrides],
            "unread": None,
        }
    except (KeyError, ValueError) as error:
        # Another version of the project wrote it: that is said, and the next step is told again.
        why = str(error).splitlines()[0]
        return {**heading(release), "before": {"release": earlier}, **nothing, "unread": why}
    method = found["before"]["method_version"] != found["method_version"]
    return found if method or any(found[k] for k in lists) else None


def _status(diff: Diff, change: Change) -> dict[str, Any]:
    """A status that moved, with what it takes to say so in words."""
    indicator = change.level == "indicator"
    found: dict[str, Any] = {
        "mission_id": None if indicator else change.id,
        "indicator_id": change.id if indicator else None,
        "target_id": change.target_id,
        **_verdict(change.before, "before"),
        **_verdict(change.after, "after"),
        "causes": list(change.causes),
    }
    release = diff.after if change.after is not None else diff.before
    if not indicator:
        row = next(r for r in release.rows("missions") if r["mission_id"] == change.id)
        return {**found, "label_nl": row["short_nl"], "label_en": row["short_en"]}
    item = release.indicators[change.id]
    asked = release.pairs[(change.id, change.target_id or "")]
    return {
        **found,
        **{k: item[k] for k in ("label_nl", "label_en", "unit", "direction")},
        **{k: asked[k] for k in ("kind", "number", "target_year", "counts")},
    }


def _verdict(verdict: Verdict | None, when: str) -> dict[str, str | None]:
    return {
        f"status_{when}": verdict.status if verdict else None,
        f"reason_{when}": verdict.reason if verdict else None,
    }


def _override(diff: Diff, row: Row) -> dict[str, Any]:
    """A person's judgement that began, ended or changed: who gave which, and of what."""
    mission = next(r for r in diff.after.rows("missions") if r["mission_id"] == row["mission_id"])
    before, after = ((row[when] or {}).get("status") for when in ("before", "after"))
    return {
        "mission_id": row["mission_id"],
        **{f"label_{lang}": mission[f"short_{lang}"] for lang in LANGUAGES},
        "before": before,
        "after": after,
        "author": (row["after"] or row["before"])["author"],
    }


def _figures(diff: Diff) -> Iterator[dict[str, Any]]:
    """The indicators whose Dutch figures differ: years that came, went, or have another value."""
    for name, item in diff.after.indicators.items():
        old, new = ({r["period"]: r["value"] for r in side.series.get(name, [])}
                    for side in (diff.before, diff.after))  # fmt: skip
        added, gone = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
        revised = [y for y in sorted(old.keys() & new.keys()) if old[y] != new[y]]
        if added or gone or revised:
            yield {
                "indicator_id": name,
                **{k: item[k] for k in ("label_nl", "label_en")},
                "added": added,
                "gone": gone,
                "revised": revised,
            }


def _sources(diff: Diff) -> Iterator[dict[str, Any]]:
    """The datasets with another vintage in use, and those whose newer vintage is now refused."""
    exchanged = {row["dataset"]: row for row in diff.vintages}
    for name in sorted(diff.before.sources.keys() | diff.after.sources.keys()):
        old, new = diff.before.sources.get(name, {}), diff.after.sources.get(name, {})
        if row := exchanged.get(name):
            first, lost = row["before"] is None, row["after"] is None
            what = "lost" if lost else "first" if first else "new_vintage"
        elif new.get("pending") and not old.get("pending"):
            what = "quarantined"
        else:
            continue
        said: Row = new or old
        known = new.get("known_from")
        yield {
            "dataset": name,
            "what": what,
            "title": said.get("title"),
            "publisher": said.get("publisher"),
            "known_from": None if known is None else str(known),
        }


def _table(folder: Path, told: list[dict[str, Any]]) -> None:
    """Every status that moved, in one table, the oldest first."""
    rows = [
        {
            **{name: change.get(name) for name in _COLUMNS.names},
            "entry": entry["number"],
            "reference_date": entry["reference_date"],
            "release": entry["release"],
            "cause": ", ".join(change["causes"]),
        }
        for entry in reversed(told)
        for change in entry["statuses"]
    ]
    with replacing(folder / CHANGES) as staged:
        pq.write_table(pa.Table.from_pylist(rows, _COLUMNS), staged)
