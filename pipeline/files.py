"""Files that this project writes: each whole or not at all, the same content as the same bytes.

Where they lie belongs in paths.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; what is there when the block ends takes the place of `path`.

    A reader, or a kill, never sees half of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        yield staged
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as staged:
        staged.write_bytes(content)


def dump(content: Any) -> bytes:
    """Canonical JSON: the same content gives the same bytes."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, default=str)
    return (text + "\n").encode("utf-8")


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal digits; the file may be of any size. OSError if it
    cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
