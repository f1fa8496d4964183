"""The published release in a bucket, for readers who know its address only.

`current.json` names it, and is written when all of it is there and was seen to be. Which releases
there are belongs in swap.py, how a bucket is reached in pipeline/bucket.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.bucket import Bucket, BucketError
from pipeline.files import dump, sha256_of
from pipeline.release.history import FOLDER
from pipeline.release.integrity import SUMS, parsed, sums_of
from pipeline.release.record import current_of
from pipeline.release.releases import FILE as RELEASES_FILE
from pipeline.release.swap import superseded

TO = "MISSIEMONITOR_PUBLISH_TO"
SECONDS = 900.0
CURRENT = "current.json"
# What lies beside the releases, with the hash of each file.
BESIDE = "beside.json"
_MANIFEST = "datapackage.json"
_RELEASES = "releases"
# Nothing but what is called as a release is ever removed.
_RELEASE = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Copied:
    """How the bucket stands: its current release, how many files it took to get there, and the
    releases that were removed."""

    release: str
    written: int
    removed: tuple[str, ...]


def copy_current(bucket: Bucket, marts: Path, now: datetime) -> Copied:
    """Let the release that is current below `marts` be so in the bucket too.

    In this order: its files, its manifest, `current.json`, what lies beside, and then those of long
    ago are removed. Each file counts when its size and hash are seen there, and what is there is not
    written again: so a copy that broke off is completed by the next call. BucketError at the first
    thing that cannot be done; readers have the release before then, or this one, whole.
    """
    name = current_of(marts)
    if name is None:
        raise BucketError("nothing is published here yet: run `missiemonitor run`")
    if bucket.folder is not None and bucket.folder.resolve().is_relative_to(marts.resolve()):
        raise BucketError(f"{bucket.address} lies in the published set itself: name another folder")
    release = marts / _RELEASES / name
    sha256 = sha256_of(release / _MANIFEST)
    standing = standing_in(bucket)
    there = bucket.sizes(_RELEASES)
    written = 0
    readers_have = (standing.get("release"), standing.get("sha256")) == (name, sha256)
    if not (readers_have and _seems_whole(bucket, release, there, sha256)) and not _is_whole(
        bucket, release, there, sha256
    ):
        written += _write_release(bucket, release, there)
    if not readers_have:
        entry = _entry(standing, name, sha256, now)
        bucket.write(CURRENT, dump(entry))
        written += 1
        standing = entry
    written += _write_beside(bucket, marts, release)
    return Copied(name, written, tuple(_prune(bucket, standing, now)))


def standing_in(bucket: Bucket) -> dict[str, Any]:
    """What `current.json` says: `release`, `datapackage` (its name below the address), `sha256` of
    that, `published`, and the `earlier` releases, the newest last, with when each was `replaced`.
    Empty if there is none, or it cannot be understood."""
    try:
        found = json.loads(bucket.read(CURRENT) or b"")
        datetime.fromisoformat(found["published"])
        for entry in found["earlier"]:
            datetime.fromisoformat(entry["replaced"])
            str(entry["release"])
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(found) if _RELEASE.fullmatch(str(found.get("release"))) else {}


def _seems_whole(bucket: Bucket, release: Path, there: Mapping[str, int], sha256: str) -> bool:
    """Whether the manifest is what it was, and every file of its size. That each had its hash was
    seen before readers were given it."""
    files = [*sums_of(release), SUMS]
    if any(there.get(_at(release.name, f)) != (release / f).stat().st_size for f in files):
        return False
    return bucket.sha256(_at(release.name, _MANIFEST)) == sha256


def _is_whole(bucket: Bucket, release: Path, there: Mapping[str, int], sha256: str) -> bool:
    """Whether every file there has the hash that the release's own list there gives it. It then stays
    as it is, be it that another machine made it and its database differs in some bytes."""
    at = {file: _at(release.name, file) for file in [*sums_of(release), SUMS]}
    if not there.keys() >= set(at.values()):
        return False
    try:
        sums = parsed((bucket.read(at.pop(SUMS)) or b"").decode())
    except UnicodeDecodeError:
        return False
    return (
        sums.keys() == at.keys()
        and sums[_MANIFEST] == sha256
        and all(bucket.sha256(at[file]) == digest for file, digest in sums.items())
    )


def _write_release(bucket: Bucket, release: Path, there: Mapping[str, int]) -> int:
    """How many of its files were missing, or not what they should be. The manifest comes last."""
    sums = {**sums_of(release), SUMS: sha256_of(release / SUMS)}
    written = 0
    for file in sorted(sums, key=lambda f: (f == _MANIFEST, f)):
        at = _at(release.name, file)
        written += bucket.hold(at, release / file, sums[file], there.get(at))
    return written


def _at(release: str, file: str) -> str:
    return f"{_RELEASES}/{release}/{file}"


def _entry(standing: Mapping[str, Any], name: str, sha256: str, now: datetime) -> dict[str, Any]:
    moment = now.isoformat(timespec="seconds")
    earlier = [*standing.get("earlier", [])]
    if standing:
        said = {key: standing[key] for key in ("release", "published")}
        earlier.append({**said, "replaced": moment})
    # Each once, as it was replaced last, and so many as are of use.
    kept = {e["release"]: e for e in earlier if e["release"] != name}
    last = sorted(kept.values(), key=lambda e: e["replaced"])[-20:]
    return {
        "release": name,
        "datapackage": _at(name, _MANIFEST),
        "sha256": sha256,
        "published": moment,
        "earlier": last,
    }


def _write_beside(bucket: Bucket, marts: Path, release: Path) -> int:
    """The page under the name that lasts, and what changed from release to release, which it reads."""
    files = {"report/index.html": release / "report" / "index.html"}
    if (marts / RELEASES_FILE).is_file():
        files[RELEASES_FILE] = marts / RELEASES_FILE
    for file in sorted((marts / FOLDER).glob("[!.]*")):
        files[f"{FOLDER}/{file.name}"] = file
    sums = {name: sha256_of(file) for name, file in files.items()}
    known = _beside(bucket)
    there = {n: s for part in ("report", FOLDER, RELEASES_FILE) for n, s in bucket.sizes(part).items()}  # fmt: skip
    written = 0
    for name, file in files.items():
        if known.get(name) != sums[name] or there.get(name) != file.stat().st_size:
            written += bucket.hold(name, file, sums[name], there.get(name))
    if known != sums:
        bucket.write(BESIDE, dump(sums))
        written += 1
    return written


def _beside(bucket: Bucket) -> dict[str, Any]:
    try:
        return dict(json.loads(bucket.read(BESIDE) or b""))
    except (ValueError, TypeError):
        return {}


def _prune(bucket: Bucket, standing: Mapping[str, Any], now: datetime) -> list[str]:
    """Remove the releases that are not kept here either; which they were."""
    files: dict[str, list[str]] = {}
    for name in bucket.sizes(_RELEASES):
        release = name.split("/")[1]
        if _RELEASE.fullmatch(release):
            files.setdefault(release, []).append(name)
    replaced = {
        str(e["release"]): datetime.fromisoformat(e["replaced"]).timestamp()
        for e in standing["earlier"]
    }
    # The current one is the newest; of one that readers never had, or of which nobody knows, its age.
    seen = {
        release: now.timestamp()
        if release == standing["release"]
        else replaced.get(release) or bucket.modified(max(names)).timestamp()
        for release, names in files.items()
    }
    gone = superseded(seen, {*replaced, standing["release"]}, standing["release"], now.timestamp())
    for release in gone:
        bucket.remove(f"{_RELEASES}/{release}")
    return gone
