"""What a person decided about a vintage, kept in the archive beside it: accepted, or withdrawn.

A decision holds for every reference date, as the registry does. The last one counts: whoever accepts
a vintage that was withdrawn takes it back, and the withdrawal stays on file with how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from pipeline.files import dump, write_atomic
from pipeline.paths import safe_name
from pipeline.registry import Dataset
from pipeline.vintages.store import Archive, Vintage, read_note
from pipeline.vintages.texts import said

ACCEPTED, WITHDRAWN = "_accepted", "_withdrawn"


def accept(archive: Archive, vintage: Vintage, author: str, day: date, why: str) -> None:
    """Note that a person takes a vintage as it is, whatever its checks say."""
    decision = _decision(author, day, why)
    write_atomic(_path(archive, ACCEPTED, vintage), dump(decision))
    if earlier := withdrawal(archive, vintage):
        write_atomic(_path(archive, WITHDRAWN, vintage), dump({**earlier, "ended": decision}))


def withdraw(archive: Archive, vintage: Vintage, author: str, day: date, why: str) -> None:
    """Note that a person takes a vintage out of use; the vintage stays."""
    write_atomic(_path(archive, WITHDRAWN, vintage), dump(_decision(author, day, why)))


def acceptance(archive: Archive, vintage: Vintage) -> dict[str, str]:
    """`author`, `date` and `why` of a vintage that a person accepted; nothing for others. What ships
    may have been accepted before it did, with `why_nl`: a year that was wrong looks like a lost one."""
    found = read_note(_path(archive, ACCEPTED, vintage))
    shipped = vintage.manifest.get("accepted")
    if not found and isinstance(shipped, dict) and vintage.manifest.get("origin") == "bundled":
        found = shipped
    return _texts(found)


def withdrawal(archive: Archive, vintage: Vintage) -> dict[str, str]:
    """`author`, `date` and `why` of a vintage that a person withdrew; nothing for others."""
    found = read_note(_path(archive, WITHDRAWN, vintage))
    return {} if "ended" in found else _texts(found)


def in_words(verb: str, decision: Mapping[str, str], lang: str = "en") -> str:
    """A decision as a sentence's end: `withdrawn by A. Person on 2026-11-23: why`. What a person wrote
    stays as it is; what ships may have its reason in Dutch beside it, as `why_nl`."""
    why = decision.get(f"why_{lang}") or decision.get("why")
    return said(verb, lang, author=decision.get("author"), date=decision.get("date"), why=why)


def find(archive: Archive, datasets: Iterable[Dataset], vintage_id: str) -> list[Vintage]:
    """The vintages of that id, of whichever dataset."""
    return [
        vintage
        for dataset in datasets
        for vintage in archive.vintages(dataset.source, dataset.dataset)
        if vintage.vintage_id == vintage_id
    ]


def _decision(author: str, day: date, why: str) -> dict[str, str]:
    return {"author": author, "date": day.isoformat(), "why": " ".join(why.split())}


def _texts(found: dict[str, object]) -> dict[str, str]:
    return {str(k): str(v) for k, v in found.items()}


def _path(archive: Archive, kind: str, vintage: Vintage) -> Path:
    folder = archive.root / kind / safe_name(vintage.source) / safe_name(vintage.dataset)
    return folder / f"{safe_name(vintage.vintage_id)}.json"
