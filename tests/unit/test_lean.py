"""What is spared in Dagster, and at the end of a process, gives what there would be without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster._core.definitions.scoped_resources_builder import (
    IContainsGenerator,
    ScopedResourcesBuilder,
)
from dagster._core.errors import DagsterUnknownResourceError

from pipeline.lean import one_empty_set_of_resources


@pytest.fixture
def dagsters_own() -> Iterator[Any]:
    kept = ScopedResourcesBuilder.build
    yield kept
    ScopedResourcesBuilder.build = kept  # type: ignore[method-assign]


@pytest.mark.parametrize("generator", [False, True])
def test_resources_are_those_that_dagster_gives(dagsters_own: Any, generator: bool) -> None:
    builder = ScopedResourcesBuilder({"run": 1, "other": 2}, generator)
    one_empty_set_of_resources()
    one_empty_set_of_resources()
    assert ScopedResourcesBuilder.build is not dagsters_own
    for keys in (None, set(), frozenset(), {"run"}, {"run", "other"}, {"unknown"}):
        for _ in range(2):
            given, wanted = builder.build(keys), dagsters_own(builder, keys)
            assert given._asdict() == wanted._asdict()  # type: ignore[attr-defined]
            assert given.original_resource_dict == wanted.original_resource_dict
            assert isinstance(given, IContainsGenerator) == generator
            with pytest.raises(DagsterUnknownResourceError):
                _ = given.unknown
    assert builder.build(set()) is builder.build(None)


def test_another_dagster_is_left_as_it_is(
    dagsters_own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScopedResourcesBuilder, "_fields", ("resources",))
    one_empty_set_of_resources()
    assert ScopedResourcesBuilder.build is dagsters_own


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
    code = (
        f"import atexit, threading, time, pipeline.cli as c; print('printed'); {work}; c._leave(3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.replace("\n", " "), done.stderr) == (3, said, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said_as_python_says_it() -> None:
    said = []
    for end in ("c._leave(0)", "sys.exit(0)"):
        code = f"import sys, pipeline.cli as c; print('printed'); {end}"
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, check=False
            )
        said.append((done.returncode, done.stderr))
    assert said[0] == said[1]
    assert said[0][0] != 0
