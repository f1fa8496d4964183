"""Where things lie: the one place that reads MISSIEMONITOR_DATA and knows the folder layout.

No path from outside is joined here: names of sources and datasets pass `safe_name` first.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def sql_root() -> Path:
    """The folder of SQL files: MISSIEMONITOR_SQL, else `sql/` of the checkout."""
    named = os.environ.get("MISSIEMONITOR_SQL")
    return Path(named).expanduser().resolve() if named else CHECKOUT / "sql"


def registry_root() -> Path:
    """The registry's folder: MISSIEMONITOR_REGISTRY, else the one that ships."""
    named = os.environ.get("MISSIEMONITOR_REGISTRY")
    return Path(named).expanduser().resolve() if named else CHECKOUT / "pipeline" / "registry"


def safe_name(name: str) -> str:
    """`name` if it can be one folder's name; ValueError otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"name {name!r}: letters, digits, dot, dash and underscore only")
    return name


@dataclass(frozen=True)
class Paths:
    """Folders below one root of data."""

    data: Path

    @classmethod
    def from_environment(cls) -> Paths:
        """The root that MISSIEMONITOR_DATA names, else `data/` of the checkout."""
        named = os.environ.get("MISSIEMONITOR_DATA")
        return cls(Path(named).expanduser().resolve() if named else CHECKOUT / "data")

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def work(self) -> Path:
        return self.data / "work"

    @property
    def marts(self) -> Path:
        return self.data / "marts"

    @property
    def instance(self) -> Path:
        return self.data / "dagster"

    @property
    def lock(self) -> Path:
        return self.data / ".lock"

    @property
    def bundle(self) -> Path:
        """The vintages that ship with the project."""
        return CHECKOUT / "data" / "raw"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill, never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
