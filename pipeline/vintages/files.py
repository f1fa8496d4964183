"""A file that a person hands over, read into memory: a regular file of a bearable size, or refused.

What the bytes mean belongs in formats/.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from pathlib import Path

from pipeline.formats.bodies import GZIP

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class FileError(ValueError):
    """A file that is not taken: one line with what it is and what to do."""


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file, unpacked if they are gzip. FileError for a link, a pipe, a device
    or a folder, for what cannot be read, is damaged, or has more than `limit` bytes.

    It is looked at before it is opened, and again when it is open: another may have taken its place.
    """
    try:
        _must_be_regular(path, path.lstat().st_mode)
        # Should it have become a pipe since, opening it does not wait for somebody who writes.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            found = os.fstat(file.fileno())
            _must_be_regular(path, found.st_mode)
            if found.st_size > limit:
                raise FileError(
                    f"{path}: {found.st_size:,} bytes; no more than {limit:,} are taken"
                )
            if file.read(2) == GZIP:
                file.seek(0)
                return _unpacked(path, gzip.open(file), limit)
            file.seek(0)
            return _limited(path, file.read(limit + 1), limit)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})") from error


def _must_be_regular(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
    aim = ": name the file that it leads to" if kind == "a link" else ""
    raise FileError(f"{path}: is {kind}; only regular files are taken in{aim}")


def _unpacked(path: Path, file: gzip.GzipFile, limit: int) -> bytes:
    try:
        with file:
            return _limited(path, file.read(limit + 1), limit)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path}: damaged gzip ({error}); download it again") from error


def _limited(path: Path, body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise FileError(f"{path}: unpacks to more than {limit:,} bytes; refused")
    return body
