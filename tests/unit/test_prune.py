"""Verdicts and parsed rows that were used last stay, of each vintage as many; nothing else goes."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.paths import Paths
from pipeline.vintages.prune import KEPT, prune, used


def made(path: Path, age: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (1_700_000_000 - age,) * 2)
    return path


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_the_ones_used_last_stay_of_each_vintage(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    verdicts = paths.raw / "_verdicts" / "eurostat" / "a"
    parsed = paths.work / "parsed" / "eurostat" / "a"
    of_one = [made(verdicts / "one" / f"{i}.json", age=i) for i in range(KEPT + 3)]
    of_two = [made(verdicts / "two" / f"{i}.json", age=i) for i in range(KEPT)]
    rows = [made(parsed / f"un-read-{i}.observations.parquet", age=i) for i in range(KEPT + 2)]
    other = [made(parsed / f"un-read-{i}.rejects.parquet", age=i) for i in range(KEPT)]
    third = made(parsed / "b-0.observations.parquet", age=10**6)
    vintages = [
        made(paths.raw / "eurostat" / "a" / "2020-01-01_x" / name, age=10**9)
        for name in ("body.gz", "manifest.json")
    ]
    beside = made(paths.raw / "_pins" / "eurostat" / "a.json", age=10**9)
    used(of_one[-1])  # the oldest, by a run of today
    assert prune(paths) == 5
    assert files(tmp_path) == {
        of_one[-1], *of_one[: KEPT - 1], *of_two, *rows[:KEPT], *other, third, *vintages, beside,
    }  # fmt: skip
    assert prune(paths) == 0


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert prune(Paths(tmp_path)) == 0
    used(tmp_path / "absent" / "x")
