"""The vintages that ship with the project, copied into a root of data. Called by store.py alone."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from pipeline.files import write_atomic

# There while vintages are brought back from a mirror: what follows from a part of them is no release.
RESTORING = "_restoring.json"


def copy_bundle(bundle: Path, root: Path) -> None:
    """Give the root `raw/` what ships and it was not given yet, each vintage whole.

    `_seeded.json` says which ones it was given: one that somebody took away stays away, and a kill
    half way is made good the next time. A root that was filled by hand has no such file and is left
    alone. RuntimeError while a restore from a mirror is not finished.
    """
    if (root / RESTORING).exists():
        raise RuntimeError(
            f"{root} is being restored from a mirror, or that broke off: finish it with "
            "`missiemonitor archive --restore URL`"
        )
    if root == bundle:
        return
    given = root / "_seeded.json"
    if not given.exists():
        if root.exists() and any(p.is_dir() and not p.name.startswith("_") for p in root.iterdir()):
            return
        _write(given, set())
    known = set(json.loads(given.read_text("utf-8")))
    bundled = {
        folder.relative_to(bundle).as_posix(): folder
        for folder in sorted(bundle.glob("[!_]*/*/*"))
        if folder.is_dir()
    }
    missing = [name for name in bundled if name not in known]
    for name in missing:
        target = root / name
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{secrets.token_hex(6)}.tmp")
        shutil.copytree(bundled[name], staged)
        try:
            staged.rename(target)
        except OSError:
            shutil.rmtree(staged, ignore_errors=True)
            if not target.exists():
                raise
    if missing:
        _write(given, known | set(bundled))


def _write(given: Path, names: set[str]) -> None:
    write_atomic(given, (json.dumps(sorted(names), indent=1, ensure_ascii=False) + "\n").encode())
