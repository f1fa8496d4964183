"""A command whose standard streams were closed ends as any other, with its own exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLOSED = """
import os, sys
from pipeline.cli.common import use_streams
use_streams()
print("said")
child = "import sys; print('said'); print(sys.stderr is None, sys.stdout is None)"
os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", child)
assert os.open(os.devnull, os.O_RDONLY) > 2
sys.exit(3)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_closed_is_no_error(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, CLOSED],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = "" if ">&- " in closed or closed == ">&-" else "said said False False"
    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (
        3,
        sorted(said.split()),
        "",
    )
