"""Readers at work while releases replace each other: no error, no mixed set, ever.

The releases are small but made and swapped in by the code that publishes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.release.publish import KEPT, KEPT_SECONDS, swap_in, write_database
from pipeline.warehouse.model import Column, Model, View

READERS, RELEASES = 16, 200
STAMP = (Column("stamp", "INTEGER", "number of the release"),)
TABLES = [Model("marts", name, "A table.", ("stamp",), STAMP, (), "", Path()) for name in "ab"]
VIEW = View("both", "A view.", STAMP, "FROM marts.a UNION FROM marts.b")

# Four ways to read. Each says what it saw as a set of stamps: more than one is a mixed set.
READER = """
import hashlib, json, os, random, sys, time
from pathlib import Path
import duckdb
import pyarrow.parquet as pq

os.nice(10)  # else sixteen readers leave the publisher no time
marts, stop, chance = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(int(sys.argv[3]))
read = lambda p: set(pq.ParquetFile(p).read()["stamp"].to_pylist())
package = lambda folder: json.loads((folder / "datapackage.json").read_text())

def database():
    with duckdb.connect(str(marts / "missiemonitor.duckdb"), read_only=True) as con:
        seen = set()
        for table in ("a", "b", "both"):
            time.sleep(chance.random() / 200)
            seen |= {r[0] for r in con.execute(f"FROM marts.{table}").fetchall()}
        return seen

def resolved():
    release = (marts / "current").resolve()
    said = package(release)
    for name, digest in said["hashes"].items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest, name
    return read(release / "a.parquet") | read(release / "b.parquet") | {said["stamp"]}

def one_file():
    return read(marts / "a.parquet")

def by_name_checked():
    before = package(marts)["id"]
    seen = read(marts / "a.parquet") | read(marts / "b.parquet")
    return seen if package(marts)["id"] == before else set()

ways = [database, resolved, one_file, by_name_checked]
found = {"reads": 0, "mixed": [], "errors": [], "straddled": 0, "stamps": []}
held = duckdb.connect(str((marts / "current").resolve() / "missiemonitor.duckdb"), read_only=True)
first = held.execute("FROM marts.a").fetchall()
print("ready", flush=True)
while not stop.exists():
    for way in ways:
        try:
            seen = way()
        except Exception as error:
            found["errors"].append(f"{way.__name__}: {type(error).__name__}: {error}"[:300])
            continue
        found["reads"] += 1
        found["straddled"] += not seen
        if len(seen) > 1:
            found["mixed"].append(f"{way.__name__}: {sorted(seen)}")
        found["stamps"] = sorted({*found["stamps"], *seen})
    time.sleep(chance.random() / 50)
if held.execute("FROM marts.a").fetchall() != first:
    found["mixed"].append("the connection that was open all the time")
print(json.dumps(found), flush=True)
"""


def fill(number: int) -> Callable[[Path], None]:
    """What is in release `number`: a few thousand rows that all say so."""

    def filled(folder: Path) -> None:
        con = duckdb.connect()
        for table in TABLES:
            con.execute(
                f"COPY (SELECT {number}::INTEGER AS stamp FROM range(3000)) "
                f"TO '{folder / table.table}.parquet' (FORMAT parquet)"
            )
        write_database(con, folder, TABLES, [VIEW])
        con.close()
        hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
        content = {"id": f"release-{number}", "stamp": number, "hashes": hashes}
        (folder / "datapackage.json").write_text(json.dumps(content))

    return filled


def readers_during(
    folder: Path, count: int, publish: Callable[[int], None]
) -> list[dict[str, Any]]:
    """What `count` readers saw while `publish` was at work from release 1 on."""
    stop = folder / "stop"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(folder / "marts"), str(stop), str(n)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready", process.communicate()[1]
        publish(1)
        stop.touch()
        outputs = [p.communicate(timeout=900) for p in processes]
    finally:
        stop.touch()
        for process in processes:
            process.kill()
            process.wait()
    assert [p.returncode for p in processes] == [0] * count, outputs
    return [json.loads(out) for out, _ in outputs]


@pytest.mark.slow
def test_sixteen_readers_never_see_an_error_or_a_mixed_set(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    swap_in(marts, "release-0", fill(0))

    def publish(start: int) -> None:
        for number in range(start, start + RELEASES):
            swap_in(marts, f"release-{number}", fill(number))

    found = readers_during(tmp_path, READERS, publish)
    assert [f["errors"] for f in found] == [[]] * READERS
    assert [f["mixed"] for f in found] == [[]] * READERS
    # They were at it: every reader saw releases come and go, in every way of reading.
    assert all(f["reads"] >= 20 and len(f["stamps"]) >= 5 for f in found), [
        (f["reads"], len(f["stamps"])) for f in found
    ]
    assert len({s for f in found for s in f["stamps"]}) > RELEASES / 4


@pytest.mark.slow
def test_readers_notice_a_set_that_is_written_file_by_file(tmp_path: Path) -> None:
    """The same readers on a publisher without a swap: they see it, so they would see ours."""
    marts = tmp_path / "marts"
    swap_in(marts, "release-0", fill(0))

    def publish(start: int) -> None:
        folder = (marts / "current").resolve()
        for number in range(start, start + 40):
            fresh = tmp_path / f"fresh-{number}"
            fresh.mkdir()
            fill(number)(fresh)
            for file in fresh.iterdir():
                shutil.copyfile(file, folder / file.name)
                time.sleep(0.01)

    found = readers_during(tmp_path, 4, publish)
    assert any(f["errors"] or f["mixed"] for f in found)


def test_the_last_three_and_the_last_day_are_kept(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    for number in range(6):
        swap_in(marts, f"release-{number}", fill(number))
    releases = marts / "releases"
    assert len(list(releases.iterdir())) == 6
    old = time.time() - KEPT_SECONDS - 60
    for number in range(6):
        os.utime(releases / f"release-{number}", (old + number, old + number))
    # The outgoing release was current until now, however old it is: its day starts now.
    swap_in(marts, "release-6", fill(6))
    assert time.time() - (releases / "release-5").stat().st_mtime < 60
    assert {p.name for p in releases.iterdir()} == {f"release-{n}" for n in (4, 5, 6)}
    assert KEPT == 3
    for number in range(7, 10):
        swap_in(marts, f"release-{number}", fill(number))
    assert (releases / "release-5").is_dir()


def test_a_release_that_comes_back_and_a_table_that_goes(tmp_path: Path) -> None:
    marts = tmp_path / "marts"

    def with_more(folder: Path) -> None:
        fill(1)(folder)
        (folder / "more.parquet").write_bytes(b"")

    swap_in(marts, "release-0", fill(0))
    swap_in(marts, "release-1", with_more)
    assert (marts / "more.parquet").exists()
    swap_in(marts, "release-0", fill(0))
    assert (marts / "current").resolve().name == "release-0"
    assert not (marts / "more.parquet").is_symlink()
    names = {p.name for p in marts.iterdir()}
    assert names == {
        "current", "releases", "a.parquet", "b.parquet", "datapackage.json", "missiemonitor.duckdb",
    }  # fmt: skip
    assert all(not os.readlink(marts / n).startswith("/") for n in names - {"releases"})  # noqa: PTH115


def test_a_failed_fill_leaves_the_set_as_it_was(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    swap_in(marts, "release-0", fill(0))

    def breaks(folder: Path) -> None:
        fill(1)(folder)
        raise OSError("disk full")

    try:
        swap_in(marts, "release-1", breaks)
    except OSError as error:
        assert str(error) == "disk full"
    else:
        raise AssertionError("the fault was swallowed")
    assert (marts / "current").resolve().name == "release-0"
    assert [p.name for p in (marts / "releases").iterdir()] == ["release-0"]
