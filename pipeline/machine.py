"""What a run needs of the machine, and what an error of the machine means to whoever runs it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOM = 100 << 20  # bytes; a first run leaves a fifth of it
# What an error of the machine means for whoever runs this, by what its text holds.
_OF_THE_MACHINE = (
    (r"disk is full|No space left|Disk quota", "the disk is full: make room, and run again"),
    (
        r"Read-only file system|readonly database|unable to open database|Permission denied",
        "a folder cannot be written to: let this user write to it, or name another root of data in "
        "MISSIEMONITOR_DATA",
    ),
    (
        r"MemoryError|Out of Memory|Cannot allocate memory|can't start new thread|malloc of size",
        "memory ran out: a run wants 2 GB; run it where there is more",
    ),
)


def said_of(error: BaseException) -> str:
    """An error in words, and for one of the machine what to do. Its first line is for people."""
    return advised(str(error).strip() or type(error).__name__)


def advised(text: str) -> str:
    """The words of an error; if it is one of the machine, the first line of them, and what to do."""
    for pattern, advice in _OF_THE_MACHINE:
        if re.search(pattern, text, re.IGNORECASE):
            return f"{text.splitlines()[0]}; {advice}"
    return text


def check_process() -> None:
    """RuntimeError, in one line, where libraries would not load: no docstrings, no home."""
    if sys.flags.optimize > 1:
        raise RuntimeError(
            "Python leaves out docstrings here (PYTHONOPTIMIZE=2 or -OO), without which Altair does "
            "not load: unset PYTHONOPTIMIZE, or set it to 1"
        )
    try:
        Path.home()
    except RuntimeError as error:
        raise RuntimeError(
            f"the user of this process ({os.getuid()}) has no home, in which libraries look for "
            "their settings: set HOME to any folder, such as /tmp"
        ) from error


def check_room(data: Path, least: int = ROOM) -> None:
    """RuntimeError, in one line, if a run could not write what it makes below the root of data."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            free = shutil.disk_usage(data).free
    except OSError as error:
        raise RuntimeError(
            f"{data} cannot be written to ({error.strerror or error}): name another folder in "
            "MISSIEMONITOR_DATA, or let this user write to it"
        ) from error
    if free < least:
        raise RuntimeError(
            f"{data}: {free >> 20} MiB are free, and a run wants {least >> 20}: make room, or name "
            "another folder in MISSIEMONITOR_DATA"
        )
