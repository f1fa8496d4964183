"""What of the page depends on libraries and our own files alone, made once at installation.

`python -m pipeline.report` puts it where the project is installed; where that was not done, or
was done for other versions, it is made on the fly. What is made belongs to its own modules.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.paths import write_atomic
from pipeline.vintages.store import dump


def installed() -> Path:
    """The folder of what was made at installation: it comes and goes with the environment."""
    return Path(sys.prefix) / "share" / "missiemonitor"


def key_of(*parts: str) -> str:
    """The name of what is made of these versions and texts."""
    return hashlib.sha256(dump(parts)).hexdigest()[:16]


def kept(name: str, make: Callable[[], bytes], *elsewhere: Path) -> bytes:
    """The content called `name`: as installed, as it lies `elsewhere`, else made and put there.

    `name` holds a key over everything that the content depends on.
    """
    for folder in (installed(), *elsewhere):
        content = _whole(folder / name)
        if content is not None:
            return content
    content = make()
    for folder in elsewhere:
        _put(folder / name, content)
    return content


def install(made: Iterable[tuple[str, Callable[[], bytes]]]) -> None:
    """Put everything of `made` (name, maker) where the project is installed, and nothing else."""
    folder = installed()
    names = []
    for name, make in made:
        if _whole(folder / name) is None:
            _put(folder / name, make())
        names.append(name)
    for old in folder.iterdir():
        if old.name not in names:
            old.unlink()


def _put(file: Path, content: bytes) -> None:
    write_atomic(file, hashlib.sha256(content).digest() + content)


def _whole(file: Path) -> bytes | None:
    """What `_put` wrote; None if it is not there or not as it was written."""
    try:
        raw = file.read_bytes()
    except OSError:
        return None
    digest, content = raw[:32], raw[32:]
    return content if hashlib.sha256(content).digest() == digest else None
