"""What containers and service accounts lack: each is one line that says what to set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.common import UserError, signed_by
from pipeline.paths import Paths, registry_root, sql_root
from tests.conftest import CLI


def said_by(*words: str, **env: str) -> str:
    """The one line with which a command is refused."""
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "USERPROFILE")}
    done = subprocess.run(words, env={**kept, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_without_docstrings(tmp_path: Path) -> None:
    env = {"MISSIEMONITOR_DATA": str(tmp_path), "HOME": "/", "PYTHONOPTIMIZE": "2"}
    assert "unset PYTHONOPTIMIZE, or set it to 1" in said_by(CLI, "run", "--offline", **env)


def test_without_a_home(tmp_path: Path) -> None:
    """A number of a user that no name goes with, and no HOME."""
    code = (
        "import os, pwd, sys\n"
        "def unknown(_): raise KeyError('uid not found')\n"
        "pwd.getpwuid = unknown\n"
        "from pipeline.cli.main import main\n"
        "sys.argv = ['missiemonitor', 'run', '--offline']\n"
        "main()\n"
    )
    line = said_by(sys.executable, "-c", code, MISSIEMONITOR_DATA=str(tmp_path))
    assert f"the user of this process ({os.getuid()}) has no home" in line and "set HOME" in line


def test_a_user_without_a_name_says_who_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", unknown)
    with pytest.raises(UserError, match="--author: say who decides it"):
        signed_by("")


@pytest.mark.parametrize(
    ("variable", "asked"),
    [
        ("MISSIEMONITOR_DATA", Paths.from_environment),
        ("MISSIEMONITOR_SQL", sql_root),
        ("MISSIEMONITOR_REGISTRY", registry_root),
    ],
)
def test_a_folder_at_nobodys_home(
    monkeypatch: pytest.MonkeyPatch, variable: str, asked: object
) -> None:
    monkeypatch.setenv(variable, "~nobody-of-that-name/x")
    with pytest.raises(ValueError, match=f"{variable}=~nobody-of-that-name/x: .* the whole path"):
        asked()  # type: ignore[operator]
