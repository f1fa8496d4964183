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
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.release.database import open_release
from pipeline.release.integrity import SUMS, damages
from pipeline.release.publish import write_database
from pipeline.release.read import Release, ReleaseError, before_it, find
from pipeline.release.record import note, written_by
from pipeline.release.swap import KEPT, KEPT_SECONDS, published_names, set_aside, swap_in
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
                (folder / file.name).chmod(0o644)
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
        ".published.json", "SHA256SUMS", "current", "releases", "a.parquet", "b.parquet",
        "datapackage.json", "missiemonitor.duckdb", "releases.json",
    }  # fmt: skip
    links = names - {"releases", ".published.json", "releases.json"}
    assert all(not (marts / n).readlink().is_absolute() for n in links)


def test_beside_the_releases_stands_when_each_was_made_and_what_came_before(tmp_path: Path) -> None:
    marts = tmp_path / "marts"

    def entries() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((marts / "releases.json").read_text())
        return found

    swap_in(marts, "release-0", fill(0))
    swap_in(marts, "release-0", fill(0))
    set_aside(marts, "release-9", fill(9))
    swap_in(marts, "release-1", fill(1))
    swap_in(marts, "release-0", fill(0))
    said = [(e["release"], e["before"], e["published"] is not None) for e in entries()]
    assert said == [
        ("release-0", None, True), ("release-9", None, False),
        ("release-1", "release-0", True), ("release-0", "release-1", True),
    ]  # fmt: skip
    # Made once, published twice.
    assert entries()[0]["made"] == entries()[3]["made"]
    assert all(datetime.fromisoformat(e["made"]).tzinfo for e in entries())
    # A version without the file published the one before.
    (marts / "releases.json").unlink()
    swap_in(marts, "release-2", fill(2))
    assert [(e["release"], e["before"], e["published"] is None) for e in entries()] == [
        ("release-0", None, True), ("release-2", "release-0", False),
    ]  # fmt: skip


def test_a_client_that_opens_the_file_sees_its_tables(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    swap_in(marts, "release-0", fill(0))
    file = marts / "missiemonitor.duckdb"
    with duckdb.connect(str(file), read_only=True) as con:
        assert [r[0] for r in con.execute("SHOW TABLES").fetchall()] == ["a", "b", "both"]
        assert con.execute('FROM "both"').fetchall() == con.execute("FROM marts.both").fetchall()
        said = "SELECT comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        assert all(row[0] for row in con.execute(said).fetchall())
    # Under another name, beside another database.
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{file}' AS other (READ_ONLY)")
        assert con.execute("SELECT count(*) FROM other.a").fetchone() == (3000,)
        assert con.execute('SELECT count(*) FROM other.main."both"').fetchone() == (1,)


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


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def with_page(number: int) -> Callable[[Path], None]:
    """A release with a page, which is in a folder of its own."""

    def filled(folder: Path) -> None:
        fill(number)(folder)
        (folder / "report").mkdir()
        (folder / "report" / "index.html").write_text(f"<p>{number}")

    return filled


def test_no_file_of_a_release_can_be_written_to_and_its_owner_can_remove_it(tmp_path: Path) -> None:
    release = swap_in(tmp_path / "marts", "release-0", with_page(0))
    files = [p for p in release.rglob("*") if p.is_file()]
    assert len(files) == 6
    assert {p.stat().st_mode & 0o777 for p in files} == {0o444}
    assert all(p.stat().st_mode & 0o300 == 0o300 for p in (release, release / "report"))
    # Somebody let it be written to again: the next run with the same release takes that back.
    (release / "a.parquet").chmod(0o644)
    swap_in(tmp_path / "marts", "release-0", with_page(0))
    assert (release / "a.parquet").stat().st_mode & 0o777 == 0o444
    listed = subprocess.run(
        ["sha256sum", "--check", "--quiet", SUMS], cwd=release, capture_output=True, check=False
    )
    assert listed.returncode == 0, listed.stdout
    shutil.rmtree(release)
    assert not release.exists()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "database overwritten": (
        lambda r: overwrite(r / "missiemonitor.duckdb", b"x" * 4096),
        "missiemonitor.duckdb is not as it was published",
    ),
    "database gone": (
        lambda r: (r / "missiemonitor.duckdb").unlink(),
        "missiemonitor.duckdb is missing",
    ),
    "table overwritten": (
        lambda r: overwrite(r / "a.parquet", b"PAR1"),
        "a.parquet is not as it was published",
    ),
    "page gone": (
        lambda r: shutil.rmtree(r / "report"),
        "report/index.html is missing",
    ),
    "package cut": (
        lambda r: overwrite(r / "datapackage.json", b"{"),
        "datapackage.json is not as it was published",
    ),
    "checksums gone": (
        lambda r: (r / SUMS).unlink(),
        "SHA256SUMS cannot be read (FileNotFoundError)",
    ),
    "a client's log left": (
        lambda r: (r / "missiemonitor.duckdb.wal").write_bytes(b"x"),
        "missiemonitor.duckdb.wal is not a file of this release",
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_release_is_told_of_by_file_and_mended(tmp_path: Path, how: str) -> None:
    marts = tmp_path / "marts"
    release = swap_in(marts, "release-0", with_page(0))
    assert damages(release) == []
    table = (release / "b.parquet").read_bytes()
    spoil, said = DAMAGE[how]
    spoil(release)
    assert [str(d) for d in damages(release)] == [said]
    assert swap_in(marts, "release-0", with_page(0)) == release
    assert damages(release) == []
    assert (release / "b.parquet").read_bytes() == table
    with open_release(release) as con:
        assert con.execute("SELECT count(*), max(stamp) FROM marts.a").fetchall() == [(3000, 0)]
    assert [p.name for p in (marts / "releases").iterdir()] == ["release-0"]
    assert (marts / "report" / "index.html").read_text() == "<p>0"


def test_an_update_in_a_client_is_undone(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    release = swap_in(marts, "release-0", fill(0))
    (release / "missiemonitor.duckdb").chmod(0o644)
    with duckdb.connect(str(release / "missiemonitor.duckdb")) as con:
        con.execute("UPDATE marts.a SET stamp = 7")
    assert [d.file for d in damages(release)] == ["missiemonitor.duckdb"]
    swap_in(marts, "release-0", fill(0))
    with open_release(release) as con:
        assert con.execute("SELECT DISTINCT stamp FROM marts.a").fetchall() == [(0,)]


def test_a_client_that_has_the_database_for_writing_keeps_nobody_from_reading(
    tmp_path: Path,
) -> None:
    marts = tmp_path / "marts"
    release = swap_in(marts, "release-0", fill(0))
    (release / "missiemonitor.duckdb").chmod(0o644)
    code = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", code, str(release / "missiemonitor.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert client.stdout is not None and client.stdout.readline() == b"open\n"
        [damage] = damages(release)
        assert damage.file == "missiemonitor.duckdb" and "lock" in damage.what
        swap_in(marts, "release-0", fill(0))
        with open_release(release) as con:
            assert con.execute("SELECT count(*) FROM marts.a").fetchall() == [(3000,)]
    finally:
        client.communicate(b"\n", timeout=60)
    assert damages(release) == []


def test_a_release_set_aside_is_seen_by_nobody_and_takes_no_place(tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    aside = set_aside(marts, "aside-first", fill(90))
    assert damages(aside) == [] and published_names(marts) == []
    with pytest.raises(ReleaseError, match="not published: aside-first"):
        find(marts, "current")
    for number in range(3):
        swap_in(marts, f"release-{number}", fill(number))
    for number in range(5):
        set_aside(marts, f"aside-{number}", fill(100 + number))
    assert (marts / "current").resolve().name == "release-2"
    assert find(marts, "aside-4").name == "aside-4"
    # What a release is compared with: what readers saw before, never what nobody saw.
    assert before_it(marts, find(marts, "current")) == Release(marts / "releases" / "release-1")
    assert before_it(marts, find(marts, "aside-4")) == find(marts, "current")
    old = time.time() - KEPT_SECONDS - 60
    for folder in (marts / "releases").iterdir():
        os.utime(folder, (old, old))
    set_aside(marts, "aside-5", fill(105))
    left = {p.name for p in (marts / "releases").iterdir()}
    assert {n for n in left if n.startswith("release")} == {f"release-{n}" for n in range(3)}
    assert len({n for n in left if n.startswith("aside")}) == KEPT and "aside-5" in left
    swap_in(marts, "aside-5", fill(105))
    assert published_names(marts)[-1] == "aside-5"


def test_what_fails_after_the_swap_takes_nothing_back(tmp_path: Path) -> None:
    """What is said of a run comes from the files: a link that cannot be made is no lost release."""
    work, marts = tmp_path / "work", tmp_path / "marts"

    def publish(run_id: str, number: int) -> None:
        name = f"release-{number}"
        swap_in(
            marts,
            name,
            fill(number),
            lambda: note(work, run_id, name, for_readers=True, swapped=False),
            lambda: note(work, run_id, name, for_readers=True, swapped=True),
        )

    def breaks(folder: Path) -> None:
        raise OSError("disk full")

    publish("one", 0)
    (marts / "a.parquet").unlink()
    (marts / "a.parquet" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        publish("two", 1)
    assert (marts / "current").resolve().name == "release-1"
    for run_id, number in (("one", 0), ("two", 1)):
        found = written_by(work, marts, run_id)
        assert found is not None and found.published and found.release == f"release-{number}"
    # Killed between the note and the swap, and a run that never came so far.
    note(work, "three", "release-0", for_readers=True, swapped=False)
    assert written_by(work, marts, "three") is None and written_by(work, marts, "four") is None
    # A note after the swap that could not be written: `current` tells.
    note(work, "five", "release-1", for_readers=True, swapped=False)
    assert written_by(work, marts, "five") == written_by(work, marts, "two")
