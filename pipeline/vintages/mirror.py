"""A mirror of data/raw in a bucket, to which files are added and from which none is taken away.

`objects/` holds each file of a vintage under its sha256. A snapshot in `snapshots/` is one state of
data/raw: which file lies where, and the small notes beside the vintages themselves. It is numbered,
carries its own sha256 in its name, and is written when all that it names was seen there.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.bucket import Bucket, BucketError
from pipeline.files import dump, replacing, sha256_of, write_atomic
from pipeline.paths import is_safe
from pipeline.vintages.bundle import RESTORING

TO = "MISSIEMONITOR_MIRROR_TO"
# What a run keeps of a night's mirroring, and a person by hand: what is there by then stays.
SECONDS, BY_HAND_SECONDS = 900.0, 6 * 3600.0
_SNAPSHOTS, _OBJECTS = "snapshots", "objects"
_NAMED = re.compile(rf"{_SNAPSHOTS}/(\d{{6,}})-([0-9a-f]{{64}})\.json\.gz")
_HASH = re.compile(r"[0-9a-f]{64}")
# Made again from the vintages, or of use to one machine for an hour.
_LEFT_OUT = ("_verdicts", "_pulls/_hours", RESTORING)
# Below this folder, and those without the mark, lie vintages, which never change. Other files are notes.
_LOCAL = "_local"
# Path below data/raw → `sha256` of the file; `text` as well where it is a note.
Files = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Snapshot:
    """A state of data/raw in the mirror. `name`: its file there; `made`: when, in UTC."""

    number: int
    name: str
    made: str
    files: Files


@dataclass(frozen=True)
class Mirrored:
    """What a call did: the snapshot that holds now, whether it was written, and how many objects."""

    snapshot: Snapshot
    new: bool
    written: int


def mirror(
    bucket: Bucket, raw: Path, now: datetime, *, thorough: bool = False, changed: bool = False
) -> Mirrored:
    """Add to the mirror what lies below `raw` and is not there yet.

    What a snapshot names counts as there if its size is right; `thorough`: if its hash is, which
    reads everything. Vintages that are gone or not what they were are kept as the last snapshot has
    them, and told of; `changed`: it is meant so. BucketError also for an object that is there with other
    content: nothing is ever written over.
    """
    here = files_below(raw)
    last = newest(bucket)
    before: Files = last.files if last else {}
    differing = [] if changed else _differing(before, here)
    files = {**here, **{path: before[path] for path in differing}}
    vouched = {entry["sha256"] for entry in before.values()} if not thorough else set()
    written = _add_objects(bucket, raw, here, files, vouched)
    if last is None or files != last.files:
        last = _add_snapshot(bucket, (last.number if last else 0) + 1, now, files)
        new = True
    else:
        new = False
    if differing:
        raise BucketError(
            f"{bucket.address}: {_few(differing)} here gone, or not what was mirrored before; the mirror "
            "keeps it. Bring it back with `missiemonitor archive --restore` or, if it is meant so, say "
            "`missiemonitor archive --as-here`"
        )
    return Mirrored(last, new, written)


def not_mirrored(bucket: Bucket, raw: Path) -> tuple[Snapshot | None, list[str]]:
    """The newest snapshot, and the files below `raw` that are not in it as they are."""
    last = newest(bucket)
    before: Files = last.files if last else {}
    here = files_below(raw)
    return last, [path for path, entry in here.items() if before.get(path) != entry]


def restore(bucket: Bucket, raw: Path, number: int | None = None) -> tuple[Snapshot, int]:
    """Bring back below `raw` what a snapshot (the newest, or that of a number) holds; it, and how many
    files were missing.

    Only what is missing is written, each file whole and with its hash. BucketError, with nothing
    written, if a file is there with other content. Until all is there a mark stays in the folder, and no
    run begins; a second call goes on with the same snapshot.
    """
    mark = raw / RESTORING
    if mark.exists():
        snapshot = _read_snapshot(bucket, str(json.loads(mark.read_text("utf-8"))["snapshot"]))
        for left in raw.rglob(".*.tmp"):
            left.unlink(missing_ok=True)
    else:
        snapshot = _wanted(bucket, number)
    places = {path: _place(raw, path) for path in snapshot.files}
    other = [
        path
        for path, file in places.items()
        if file.exists() and sha256_of(file) != snapshot.files[path]["sha256"]
    ]
    if other:
        raise BucketError(
            f"{raw}: {_few(other)} there with other content than in {bucket.address}/{snapshot.name}: "
            f"nothing is written over. Remove it, or move {raw} away, and restore again"
        )
    missing = [path for path, file in places.items() if not file.exists()]
    write_atomic(mark, dump({"snapshot": snapshot.name, "from": bucket.address}))
    for path in missing:
        _bring(bucket, places[path], snapshot.files[path])
    mark.unlink()
    return snapshot, len(missing)


def files_below(raw: Path) -> Files:
    """Every file below `raw` from which a release follows and that no run makes again."""
    if (raw / RESTORING).exists():
        raise BucketError(f"{raw}: a restore was not finished; do that first")
    found: Files = {}
    for file in sorted(raw.rglob("*")):
        path = file.relative_to(raw).as_posix()
        if _left_out(path) or (file.is_dir() and not file.is_symlink()):
            continue
        if file.is_symlink() or not file.is_file():
            raise BucketError(f"{file}: not a regular file; put the file itself there")
        if not _is_name(path):
            raise BucketError(f"{file}: no name that vintages or notes have; remove or rename it")
        found[path] = _entry(path, file)
    return found


def newest(bucket: Bucket) -> Snapshot | None:
    """The snapshot with the greatest number; None if there is none."""
    names = _names(bucket)
    return _read_snapshot(bucket, max(names, key=_number)) if names else None


def _entry(path: str, file: Path) -> dict[str, str]:
    if _is_note(path):
        content = file.read_bytes()
        try:
            return {"sha256": hashlib.sha256(content).hexdigest(), "text": content.decode()}
        except UnicodeDecodeError:
            pass  # none of ours; it is kept as an object
    return {"sha256": sha256_of(file)}


def _left_out(path: str) -> bool:
    hidden = any(part.startswith(".") for part in path.split("/"))
    below = any(path == name or path.startswith(f"{name}/") for name in _LEFT_OUT)
    return hidden or below or path.endswith(".lock")


def _is_note(path: str) -> bool:
    first = path.split("/", 1)[0]
    return first.startswith("_") and first != _LOCAL


def _differing(before: Files, here: Files) -> list[str]:
    """What is gone, and what has other content though it never changes: a note may."""
    return [
        path
        for path, entry in before.items()
        if path not in here or (not _is_note(path) and here[path] != entry)
    ]


def _add_objects(
    bucket: Bucket, raw: Path, here: Files, files: Files, vouched: Collection[str]
) -> int:
    """Have an object for each file that is no note; how many were missing."""
    sizes = bucket.sizes(_OBJECTS)
    written = 0
    for path, entry in files.items():
        if "text" in entry:
            continue
        name, sha256 = _object(entry), entry["sha256"]
        size, file = sizes.get(name), raw / path
        mine = here.get(path) == entry
        if size is None and not mine:
            raise BucketError(f"{bucket.address}/{name} ({path}) is gone, and not here either")
        if size is None:
            bucket.hold(name, file, sha256, None)
            written += 1
        elif (mine and size != file.stat().st_size) or (
            sha256 not in vouched and bucket.sha256(name) != sha256
        ):
            raise BucketError(
                f"{bucket.address}/{name} ({path}) is there with other content. The mirror writes over "
                "nothing: look at it, remove it by hand, and mirror again"
            )
        sizes[name] = file.stat().st_size if mine else sizes[name]
    return written


def _add_snapshot(bucket: Bucket, number: int, now: datetime, files: Files) -> Snapshot:
    made = now.isoformat(timespec="seconds")
    content = gzip.compress(dump({"number": number, "made": made, "files": files}), 9, mtime=0)
    name = f"{_SNAPSHOTS}/{number:06d}-{hashlib.sha256(content).hexdigest()}.json.gz"
    bucket.write(name, content)
    return Snapshot(number, name, made, files)


def _names(bucket: Bucket) -> list[str]:
    return [name for name in bucket.sizes(_SNAPSHOTS) if _NAMED.fullmatch(name)]


def _number(name: str) -> tuple[int, str]:
    match = _NAMED.fullmatch(name)
    return (int(match[1]), name) if match else (0, name)


def _wanted(bucket: Bucket, number: int | None) -> Snapshot:
    names = _names(bucket)
    if not names:
        raise BucketError(f"{bucket.address}: no mirror of vintages is there")
    found = [n for n in names if _number(n)[0] == number] if number is not None else names
    if not found:
        raise BucketError(f"{bucket.address}: no snapshot {number}; they go up to {len(names)}")
    return _read_snapshot(bucket, max(found, key=_number))


def _read_snapshot(bucket: Bucket, name: str) -> Snapshot:
    match = _NAMED.fullmatch(name)
    content = bucket.read(name) if match else None
    if match is None or content is None:
        raise BucketError(f"{bucket.address}/{name}: no such snapshot")
    if hashlib.sha256(content).hexdigest() != match[2]:
        raise BucketError(
            f"{bucket.address}/{name} is damaged: remove it by hand, and the one before it counts"
        )
    try:
        found = json.loads(gzip.decompress(content))
        files = {str(path): _checked(entry) for path, entry in found["files"].items()}
        return Snapshot(int(match[1]), name, str(found["made"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BucketError(f"{bucket.address}/{name} is no snapshot of this program") from error


def _checked(entry: Mapping[str, Any]) -> dict[str, str]:
    """An entry of a snapshot; ValueError for one that is none."""
    if not _HASH.fullmatch(entry["sha256"]) or not {str} >= {type(v) for v in entry.values()}:
        raise ValueError(entry)
    return dict(entry)


def _object(entry: Mapping[str, str]) -> str:
    sha256 = entry["sha256"]
    return f"{_OBJECTS}/{sha256[:2]}/{sha256}"


def _place(raw: Path, path: str) -> Path:
    """Where a file goes. BucketError unless that lies below `raw`, whatever the mirror says."""
    file = raw / path
    if not _is_name(path) or file.is_dir() or not file.resolve().is_relative_to(raw.resolve()):
        raise BucketError(f"{path!r} is not the name of a file below {raw}: nothing was restored")
    return file


def _is_name(path: str) -> bool:
    return all(is_safe(part.removeprefix("_")) for part in path.split("/"))


def _bring(bucket: Bucket, file: Path, entry: Mapping[str, str]) -> None:
    with replacing(file) as staged:
        if "text" in entry:
            staged.write_bytes(entry["text"].encode())
        else:
            bucket.fetch(_object(entry), staged)
        if sha256_of(staged) != entry["sha256"]:
            raise BucketError(
                f"{bucket.address}/{_object(entry)} is not what was mirrored: {file} is not restored"
            )


def _few(paths: Iterable[str]) -> str:
    first, *rest = sorted(paths)
    return f"{first} and {len(rest)} more are" if rest else f"{first} is"
