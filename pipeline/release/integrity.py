"""Whether a release is still what was published: its list of checksums, and what differs from it.

Mending one belongs in swap.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import sha256_of
from pipeline.release.database import DATABASE, open_release

# As `sha256sum -c` reads it.
SUMS = "SHA256SUMS"
_READ_ONLY = 0o444


@dataclass(frozen=True)
class Damage:
    """A file of a release, by its path within it, and what is wrong with it."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file} {self.what}"


def seal(folder: Path) -> None:
    """Write the checksums of every file of a release that is whole, and let none be written to.

    Folders stay writable: their owner must be able to remove them.
    """
    found = sorted(_files(folder))
    text = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in found)
    (folder / SUMS).write_text(text, "utf-8")
    protect(folder)


def protect(folder: Path) -> None:
    """Let no file of a release be written to."""
    for name in _files(folder):
        path = folder / name
        if path.stat().st_mode & 0o777 != _READ_ONLY:
            path.chmod(_READ_ONLY)


def sums_of(folder: Path) -> dict[str, str]:
    """File → checksum, as a release was sealed with. OSError, UnicodeDecodeError if they cannot be read."""
    return parsed((folder / SUMS).read_text("utf-8"))


def parsed(sums: str) -> dict[str, str]:
    """File → checksum, from the text of a list of them."""
    return {name: digest for digest, _, name in (x.partition("  ") for x in sums.splitlines())}


def damages(folder: Path) -> list[Damage]:
    """What differs from what was published: a file that is gone, changed or was not there, and a
    database that cannot be opened for reading, be it that another program has it for writing."""
    try:
        sums = sums_of(folder)
    except (OSError, UnicodeDecodeError) as error:
        return [Damage(SUMS, f"cannot be read ({type(error).__name__})")]
    if not sums:
        return [Damage(SUMS, "is empty")]
    there = set(_files(folder))
    found = [
        Damage(name, "is not a file of this release") for name in sorted(there - set(sums) - {SUMS})
    ]
    for name, digest in sums.items():
        if name not in there:
            found.append(Damage(name, "is missing"))
            continue
        try:
            if sha256_of(folder / name) != digest:
                found.append(Damage(name, "is not as it was published"))
        except OSError as error:
            found.append(Damage(name, f"cannot be read ({error.strerror})"))
    if DATABASE in sums and not any(d.file == DATABASE for d in found):
        found += _closed(folder)
    return found


def _closed(folder: Path) -> Iterator[Damage]:
    import duckdb  # half a second, which completion and help need not pay

    try:
        open_release(folder).close()
    except duckdb.Error as error:
        yield Damage(DATABASE, f"cannot be opened ({str(error).splitlines()[0]})")


def _files(folder: Path) -> Iterator[str]:
    return (
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_symlink() or not p.is_dir()
    )
