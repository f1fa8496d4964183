"""The end of a process loses nothing, whatever became of its standard streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("atexit.register(print, 'registered')", "printed registered "),
        (
            "threading.Thread(target=lambda: (time.sleep(.3), print('late'))).start()",
            "printed late ",
        ),
        (
            "threading.Thread(target=lambda: (time.sleep(9), print('late')), daemon=True).start()",
            "printed ",
        ),
    ],
)
def test_the_short_end_of_a_process_loses_nothing(work: str, said: str) -> None:
    code = f"import atexit, threading, time, pipeline.cli.main as c; print('printed'); {work}; c._leave(3)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.replace("\n", " "), done.stderr) == (3, said, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said_as_python_says_it() -> None:
    said = []
    for end in ("c._leave(0)", "sys.exit(0)"):
        code = f"import sys, pipeline.cli.main as c; print('printed'); {end}"
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, check=False
            )
        said.append((done.returncode, done.stderr))
    assert said[0] == said[1]
    assert said[0][0] != 0


CLOSED = """
import os, sys
import pipeline.cli.main as cli
cli._streams()
print("said")
child = "import sys; print('said'); print(sys.stderr is None, sys.stdout is None)"
os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", child)
assert os.open(os.devnull, os.O_RDONLY) > 2
cli._leave(3)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_closed_is_no_error(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, CLOSED],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = "" if ">&- " in closed or closed == ">&-" else "said said False False"
    assert (done.returncode, " ".join(done.stdout.split()), done.stderr) == (3, said, "")
