"""Where things lie: the one place that reads MISSIEMONITOR_DATA and knows the folder layout.

No path from outside is joined here: names of sources and datasets pass `safe_name` first.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def sql_root() -> Path:
    """The folder of SQL files: MISSIEMONITOR_SQL, else `sql/` of the checkout."""
    return _named("MISSIEMONITOR_SQL") or CHECKOUT / "sql"


def registry_root() -> Path:
    """The registry's folder: MISSIEMONITOR_REGISTRY, else the one that ships."""
    return _named("MISSIEMONITOR_REGISTRY") or CHECKOUT / "pipeline" / "registry"


def _named(variable: str) -> Path | None:
    """The folder that an environment variable names; ValueError for ~ where nobody is at home."""
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser().resolve()
    except RuntimeError as error:
        raise ValueError(
            f"{variable}={named}: that home is not known here; give the whole path"
        ) from error


def is_safe(name: str) -> bool:
    """Whether `name` can be one folder's name."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def safe_name(name: str) -> str:
    """`name` if it can be one folder's name; ValueError otherwise."""
    if not is_safe(name):
        raise ValueError(f"name {name!r}: letters, digits, dot, dash and underscore only")
    return name


@dataclass(frozen=True)
class Paths:
    """Folders below one root of data."""

    data: Path

    @classmethod
    def from_environment(cls) -> Paths:
        """The root that MISSIEMONITOR_DATA names, else `data/` of the checkout."""
        return cls(_named("MISSIEMONITOR_DATA") or CHECKOUT / "data")

    @property
    def raw(self) -> Path:
        """Vintages as received, and what is noted of them."""
        return self.data / "raw"

    @property
    def work(self) -> Path:
        """Tables between the steps of a run, which can all be made again."""
        return self.data / "work"

    @property
    def marts(self) -> Path:
        """The published set."""
        return self.data / "marts"

    @property
    def instance(self) -> Path:
        """Dagster's records."""
        return self.data / "dagster"

    @property
    def lease(self) -> Path:
        """The file that names the run at work."""
        return self.data / ".lease.json"

    @property
    def at_work(self) -> Path:
        """Where processes at work for a run say so."""
        return self.work / ".at_work"

    @property
    def bundle(self) -> Path:
        """The vintages that ship with the project."""
        return CHECKOUT / "data" / "raw"


def code_version(*parts: str) -> str:
    """Fingerprint of files of the checkout, and of every file below a folder: results that depend
    on them are made again when they change."""
    digest = hashlib.sha256()
    for part in parts:
        path = CHECKOUT / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.relative_to(CHECKOUT).as_posix().encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
