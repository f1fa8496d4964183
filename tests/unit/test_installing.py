"""What is installed: two locks that agree, licences that a public body can use, one line for a Python
that is too old, no wheel, and what `make clean` leaves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Set
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# As the packages name them. Nothing that asks more of whoever runs it over a network (AGPL, SSPL),
# or of what it is linked with (GPL).
ALLOWED = {
    "0BSD", "3-Clause BSD License", "Apache License 2.0", "Apache Software License", "Apache-2.0", "BSD",
    "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC License (ISCL)", "MIT", "MIT License",
    "MIT-0", "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0",
    "Python Software Foundation License", "Unlicense", "Zlib",
}  # fmt: skip
# What links to it may have any licence; nothing but PostgreSQL's client is under it.
LESSER = {"psycopg2-binary": "GNU Library or Lesser General Public License (LGPL)"}


def pins(lock: Path) -> dict[str, set[str]]:
    """Package → its versions (several where they differ between systems)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9._-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found


def test_each_lock_is_the_one_before_and_more(root: Path) -> None:
    run, dev = pins(root / "requirements.lock"), pins(root / "requirements-dev.lock")
    cluster = pins(root / "requirements-cluster.lock")
    assert run and {name: cluster.get(name) for name in run} == run
    assert {name: dev.get(name) for name in cluster} == cluster
    # None of the tools is installed for those who only run it.
    assert {"pytest", "mypy", "ruff", "dsss", "sdmx1", "playwright"} <= set(dev) - set(run)


def licences_of(name: str) -> set[str]:
    """What a package says of its licence, in the parts between AND and OR."""
    found = metadata(name)
    said = found.get("License-Expression") or "; ".join(
        words.rpartition(" :: ")[2]
        for words in found.get_all("Classifier", [])
        if words.startswith("License :: ")
    )
    return set(re.split(r" AND | OR |; ", said or found.get("License") or ""))


def needed(name: str, extras: Set[str], found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Package → its extras asked for: `name`, and all that it needs on this system; added to `found`.

    What is needed on other systems only is left out: no test can read what it says of itself.
    """
    asked = found.setdefault(canonicalize_name(name), set())
    new = {"", *extras} - asked
    asked |= new
    for need in map(Requirement, requires(name) or () if new else ()):
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in new):
            needed(need.name, need.extras, found)
    return found


def test_every_licence_is_one_that_may_be_used(root: Path) -> None:
    # Of what is installed, which need not be what is locked: also of the lowest and newest versions.
    names = needed("missiemonitor", {"build", "cluster"}, {}).keys() - {"missiemonitor"}
    assert {"dagster", "great-expectations", "psycopg2-binary", "s3fs", "editables"} <= names
    over = {name: licences_of(name) - ALLOWED - {LESSER.get(name)} for name in names}
    assert {name: found for name, found in over.items() if found} == {}


def test_the_licence_of_this_project_is_there_whole(root: Path) -> None:
    text = (root / "LICENSE").read_text("utf-8")
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    for article in range(1, 16):
        assert re.search(rf"^{article}\.[A-Z]", text, re.MULTILINE), article
    assert "‘Compatible Licences’ according to Article 5 EUPL are:" in text


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A folder with what installing reads, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", *(lock.name for lock in root.glob("*.lock"))):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def make(checkout: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MISSIEMONITOR", "MAKE"))}
    return subprocess.run(
        ["make", *words], cwd=checkout, env={**kept, **env},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["run", "test"])
def test_a_python_that_is_too_old_is_one_line_and_leaves_nothing(
    checkout: Path, target: str
) -> None:
    old = checkout / "python3.10"
    old.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "sys.version_info = (3, 10, 13)\n"
        "assert sys.argv[1] == '-c'\n"
        "exec(sys.argv[2])\n"
    )
    old.chmod(0o755)
    done = make(checkout, target, f"PYTHON={old}")
    said, of_make = done.stderr.splitlines()
    assert done.returncode == 2 and of_make.startswith("make: ***")
    assert (
        said.startswith("missiemonitor needs Python 3.11 or newer")
        and "is 3.10: make PYTHON" in said
    )
    assert not (checkout / ".venv").exists()


def test_clean_takes_what_runs_made_and_nothing_else(checkout: Path) -> None:
    data = checkout / "elsewhere"
    made = ["work/core/a", "marts/releases/b/c", "dagster/d", "raw/_verdicts/e"]
    kept = ["raw/_local/f", "raw/_pins/g", "raw/_seen/h", "raw/eurostat/i"]
    for name in (*made, *kept):
        (data / name).parent.mkdir(parents=True)
        (data / name).touch()
    (data / "marts" / "releases" / "b").chmod(0o555)
    assert make(checkout, "clean", MISSIEMONITOR_DATA=str(data)).returncode == 0
    assert sorted(f.relative_to(data).as_posix() for f in data.rglob("*") if f.is_file()) == kept


def test_a_wheel_is_refused_with_what_to_do(root: Path, tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", "tools/refuse_wheel.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0 and not list(tmp_path.rglob("*.whl"))
    assert "is not a package to install: clone the repository and run `make run`" in done.stderr
