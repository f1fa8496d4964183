"""The only writer of data/marts: a release is a folder that appears whole, and one rename lets
readers see it.

A reader that has the old one open keeps it. What is in a release belongs in publish.py. One caller
at a time: the run that has the lease.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.files import dump, write_atomic
from pipeline.release.integrity import SUMS, damages, protect, seal
from pipeline.release.releases import note

KEPT = 3
KEPT_SECONDS = 24 * 3600
# The names of the releases that readers were given, the newest last.
_PUBLISHED = ".published.json"
# Writes the files of a release into an empty folder.
Fill = Callable[[Path], None]


def swap_in(
    root: Path,
    name: str,
    fill: Fill,
    before: Callable[[], None] | None = None,
    after: Callable[[], None] | None = None,
) -> Path:
    """Let release `name` be the current one below `root`; `fill` writes it if it is not there, or
    not whole.

    Readers see the old set or the new one. `before` is called just before that, `after` just after.
    """
    release = _written(root, name, fill)
    if before is not None:
        before()
    # A reader may have found the outgoing release a moment ago: its age counts from now.
    with suppress(OSError):
        os.utime(root / "current")
    os.utime(release)
    others = [n for n in published_names(root) if n != name]
    write_atomic(root / _PUBLISHED, dump([*others, name]))
    outgoing = (root / "current").resolve().name if (root / "current").exists() else None
    _point(root / "current", f"releases/{name}")
    if after is not None:
        after()
    entries = sorted(p.name for p in release.iterdir())
    for entry in entries:
        _point(root / entry, f"current/{entry}")
    for link in root.iterdir():
        if link.is_symlink() and link.name not in ("current", *entries):
            link.unlink()
    # Readers have the release: what is noted of it beside is no reason to call the night failed.
    with suppress(OSError):
        note(root, name, before=outgoing, published=True)
    _prune(root)
    return release


def set_aside(root: Path, name: str, fill: Fill) -> Path:
    """Have release `name` below `root`, as `swap_in`, and leave what readers see as it is."""
    release = _written(root, name, fill)
    os.utime(release)
    with suppress(OSError):
        note(root, name, before=None, published=False)
    _prune(root)
    return release


def published_names(root: Path) -> list[str]:
    """The releases below `root` that readers were given and that are kept, the newest last; all of
    them where an older version wrote them."""
    releases = root / "releases"
    try:
        listed = json.loads((root / _PUBLISHED).read_text("utf-8"))
    except (OSError, ValueError):
        return [p.name for p in sorted(_folders(releases), key=lambda p: p.stat().st_mtime)]
    return [str(name) for name in listed if (releases / str(name)).is_dir()]


def _written(root: Path, name: str, fill: Fill) -> Path:
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    _sweep(releases)
    if not (root / _PUBLISHED).exists():
        write_atomic(root / _PUBLISHED, dump(published_names(root)))
    release = releases / name
    if release.is_dir() and not damages(release):
        protect(release)
        return release
    with _staged(releases, name) as staged:
        fill(staged)
        seal(staged)
        _sync(staged)
        if release.is_dir():
            _mend(release, staged)
        else:
            staged.rename(release)
    return release


@contextmanager
def _staged(releases: Path, name: str) -> Iterator[Path]:
    staged = releases / f".{name}.{secrets.token_hex(6)}.tmp"
    staged.mkdir()
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _mend(release: Path, staged: Path) -> None:
    """Put the files of `staged` in the place of those of a damaged release.

    One by one, since no rename exchanges two folders: readers find every file at every moment, and
    what is not damaged is the same in both. The checksums come last, so that a kill half way leaves
    a release that is known to be damaged.
    """
    fresh = [p.relative_to(staged) for p in staged.rglob("*") if not p.is_dir()]
    # What a client left there, such as a write-ahead log, would be read with the new file.
    for path in sorted(release.rglob("*"), reverse=True):
        relative = path.relative_to(release)
        if path.is_dir() and not path.is_symlink():
            if relative in fresh or not any(relative in f.parents for f in fresh):
                shutil.rmtree(path)
        elif relative not in fresh:
            path.unlink()
    for relative in sorted(fresh, key=lambda p: (p.as_posix() == SUMS, p)):
        (release / relative).parent.mkdir(parents=True, exist_ok=True)
        (staged / relative).replace(release / relative)
    _sync(release)


def _point(link: Path, target: str) -> None:
    """Let a symlink point at `target` by one atomic replace."""
    if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115
        return
    staged = link.with_name(f".{link.name}.{secrets.token_hex(6)}.tmp")
    staged.symlink_to(target)
    staged.replace(link)


def _sync(folder: Path) -> None:
    """Have the disk hold every file of a folder, and the folder itself."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(releases: Path) -> None:
    """Remove what a killed run left half made; we hold the lease, so nobody is at it."""
    for path in releases.glob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for path in releases.parent.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _folders(releases: Path) -> Iterator[Path]:
    return (p for p in releases.iterdir() if p.is_dir() and not p.name.startswith("."))


def _prune(root: Path) -> None:
    current = (root / "current").resolve().name
    seen = {p.name: p.stat().st_mtime for p in _folders(root / "releases")}
    for name in superseded(seen, published_names(root), current, time.time()):
        shutil.rmtree(root / "releases" / name, ignore_errors=True)


def superseded(
    seen: Mapping[str, float], published: Collection[str], current: str, now: float
) -> list[str]:
    """Which releases are not kept: all but the current one, the last of those that readers were given
    and of those that they were not, and any that is young. `seen`: when readers last had each, or it
    was made, in seconds since 1970, as is `now`."""
    order = sorted(seen, key=lambda name: seen[name], reverse=True)
    return [
        name
        for given in (True, False)
        for name in [n for n in order if (n in published) is given][KEPT:]
        if name != current and now - seen[name] > KEPT_SECONDS
    ]
