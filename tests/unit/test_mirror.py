"""The mirror of the vintages: only added to, and data/raw comes back from it byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.bucket import BucketError
from pipeline.files import dump
from pipeline.paths import Paths
from pipeline.vintages.bundle import RESTORING
from pipeline.vintages.mirror import mirror, not_mirrored, restore
from pipeline.vintages.store import Archive
from tests.buckets import KINDS, Store

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
MANIFEST = {"origin": "live", "known_from": "2026-01-01", "known_from_basis": "x", "scope": {}}


class AddOnly(Store):
    """A store in which nothing is written over with other content, or removed."""

    def put_file(self, lpath: str, rpath: str, *args: Any, **kwargs: Any) -> None:
        before = self.store.get(rpath)
        super().put_file(lpath, rpath, *args, **kwargs)
        assert before is None or before.getvalue() == self.store[rpath].getvalue()

    def rm(self, path: str, *args: Any, **kwargs: Any) -> None:
        raise AssertionError(f"{path} was to be removed")


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A root of data with one vintage that ships, one that was pulled, and what is noted of them."""
    bundle = tmp_path / "bundle"
    (bundle / "a" / "x" / "2020-01-01_1").mkdir(parents=True)
    (bundle / "a" / "x" / "2020-01-01_1" / "manifest.json").write_text("{}")
    (bundle / "a" / "x" / "2020-01-01_1" / "body.gz").write_bytes(
        gzip.compress(b"shipped", mtime=0)
    )
    monkeypatch.setattr(Paths, "bundle", property(lambda _: bundle))
    paths = Paths(tmp_path / "data")
    archive = Archive(paths)
    archive.seed()
    vintage = archive.add("b", "y", b"pulled", MANIFEST)
    archive.note_seen(vintage, NOW)
    archive.keep_pins("b", "y", {"a title — with ë": "80000ned"})
    archive.keep_pull_state("b", "y", {"vintage_id": vintage.vintage_id})
    archive.keep_verdict(vintage, "key", {"made": "again"})
    archive.ledger.mkdir(parents=True)
    (archive.ledger / "b.json").write_text("{}")
    (paths.raw / "_accepted").mkdir()
    (paths.raw / "_accepted" / "odd.bin").write_bytes(b"\xff\x00")
    (paths.raw / "b.empty").touch()
    return paths


def tree(raw: Path) -> dict[str, bytes]:
    return {
        p.relative_to(raw).as_posix(): p.read_bytes()
        for p in raw.rglob("*")
        if p.is_file() and p.suffix != ".lock" and "_verdicts" not in p.parts and "_hours" not in p.parts
    }  # fmt: skip


def test_all_comes_back_byte_for_byte(paths: Paths, tmp_path: Path) -> None:
    store, back = AddOnly(), tmp_path / "back"
    done = mirror(store.bucket(), paths.raw, NOW)
    assert done.new and done.snapshot.number == 1
    snapshot, missing = restore(store.bucket(), back)
    assert tree(back) == tree(paths.raw) and missing == len(snapshot.files) == len(tree(back))
    assert {"_seeded.json", "_pins/b/y.json", "_pulls/b/y.json"} <= tree(back).keys()
    assert not any(p.is_dir() and p.name in ("_verdicts", "_hours") for p in back.rglob("*"))
    # Again: nothing is missing. And the archive there is the same.
    assert restore(store.bucket(), back)[1] == 0
    other = Archive(Paths(tmp_path / "other"))
    back.rename(tmp_path / "moved")
    (tmp_path / "other").mkdir()
    (tmp_path / "moved").rename(other.root)
    other.seed()
    assert [v.vintage_id for v in other.vintages("b", "y")] == [
        v.vintage_id for v in Archive(paths).vintages("b", "y")
    ]


def test_only_what_is_new_is_written_and_every_state_can_be_had(
    paths: Paths, tmp_path: Path
) -> None:
    store = AddOnly()
    first = tree(paths.raw)
    mirror(store.bucket(), paths.raw, NOW)
    store.puts.clear()
    assert not mirror(store.bucket(), paths.raw, NOW).new and store.puts == []
    assert not mirror(store.bucket(), paths.raw, NOW, thorough=True).new and store.puts == []
    archive = Archive(paths)
    vintage = archive.add("b", "y", b"newer", {**MANIFEST, "known_from": "2026-02-01"})
    archive.note_seen(vintage, NOW)
    assert len(not_mirrored(store.bucket(), paths.raw)[1]) == 3
    done = mirror(store.bucket(), paths.raw, NOW)
    assert (done.written, done.snapshot.number, len(store.puts)) == (2, 2, 3)
    assert not_mirrored(store.bucket(), paths.raw)[1] == []
    for number, wanted in ((1, first), (2, tree(paths.raw)), (None, tree(paths.raw))):
        back = tmp_path / f"back-{number}"
        restore(store.bucket(), back, number)
        assert tree(back) == wanted
    with pytest.raises(BucketError, match="no snapshot 3"):
        restore(store.bucket(), tmp_path / "x", 3)


@pytest.mark.parametrize("how", ["gone", "damaged"])
@pytest.mark.parametrize("file", ["body.gz", "manifest.json"])
def test_a_vintage_that_is_gone_or_damaged_here_stays_in_the_mirror(
    paths: Paths, tmp_path: Path, how: str, file: str
) -> None:
    store = AddOnly()
    mirror(store.bucket(), paths.raw, NOW)
    was = tree(paths.raw)
    archive = Archive(paths)
    path = archive.vintages("b", "y")[0].folder / file
    name = path.relative_to(paths.raw).as_posix()
    path.unlink()
    if how == "damaged":
        path.write_bytes(b"damaged")
    archive.add("c", "z", b"pulled tonight", MANIFEST)
    with pytest.raises(BucketError, match=f"{name} is here gone, or not what was mirrored"):
        mirror(store.bucket(), paths.raw, NOW)
    if how == "damaged":
        with pytest.raises(BucketError, match=f"{name} is there with other content than in"):
            restore(store.bucket(), paths.raw)
        path.unlink()
    assert restore(store.bucket(), paths.raw)[1] == 1
    assert was.items() <= tree(paths.raw).items()
    assert len(tree(paths.raw)) == len(was) + 2  # what was pulled that night is in the mirror too
    assert not mirror(store.bucket(), paths.raw, NOW).new
    # Unless a person says that it is meant so.
    path.unlink()
    assert mirror(store.bucket(), paths.raw, NOW, changed=True).new
    restore(store.bucket(), tmp_path / "back")
    assert tree(tmp_path / "back") == tree(paths.raw)


def test_a_decision_that_is_gone_stays_in_the_mirror(paths: Paths) -> None:
    store = AddOnly()
    mirror(store.bucket(), paths.raw, NOW)
    (paths.raw / "_pins" / "b" / "y.json").unlink()
    with pytest.raises(BucketError, match=r"_pins/b/y\.json is here gone"):
        mirror(store.bucket(), paths.raw, NOW)
    restore(store.bucket(), paths.raw)
    assert Archive(paths).pins("b", "y") == {"a title — with ë": "80000ned"}


def test_an_object_with_other_content_is_named_and_not_written_over(
    paths: Paths, tmp_path: Path
) -> None:
    store = AddOnly()
    mirror(store.bucket(), paths.raw, NOW)
    body = Archive(paths).vintages("b", "y")[0].folder / "body.gz"
    sha = hashlib.sha256(body.read_bytes()).hexdigest()
    path = f"/b/pub/objects/{sha[:2]}/{sha}"
    right = store.store[path].getvalue()
    store.pipe_file(path, bytes(reversed(right)))  # of the same size
    said = (
        rf"s3://b/pub/objects/{sha[:2]}/{sha} \(_local/b/y/.*/body.gz\) is there with other content"
    )
    with pytest.raises(BucketError, match=said):
        mirror(store.bucket(), paths.raw, NOW, thorough=True)
    with pytest.raises(BucketError, match=f"objects/{sha[:2]}/{sha} is not what was mirrored"):
        restore(store.bucket(), tmp_path / "back")
    assert (
        not list((tmp_path / "back").rglob("body.gz.*"))
        and (tmp_path / "back" / RESTORING).exists()
    )
    store.pipe_file(path, right[:-1])  # a size is looked at every night
    with pytest.raises(BucketError, match=said):
        mirror(store.bucket(), paths.raw, NOW)
    store.rm_file(path)  # by hand; what is here goes there again
    assert mirror(store.bucket(), paths.raw, NOW).written == 1
    restore(store.bucket(), tmp_path / "back")
    assert tree(tmp_path / "back") == tree(paths.raw)


def test_a_damaged_snapshot_is_named(paths: Paths, tmp_path: Path) -> None:
    store = AddOnly()
    name = mirror(store.bucket(), paths.raw, NOW).snapshot.name
    store.pipe_file(f"/b/pub/{name}", b"{}")
    for call in (
        lambda: mirror(store.bucket(), paths.raw, NOW),
        lambda: restore(store.bucket(), tmp_path / "back"),
    ):
        with pytest.raises(BucketError, match=f"{name} is damaged: remove it by hand"):
            call()
    assert not (tmp_path / "back").exists()


def test_there_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(BucketError, match="s3://b/pub: no mirror of vintages is there"):
        restore(Store().bucket(), tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "path",
    ["../out", "a/../../out", "/etc/out", "a//out", "a/./out", "", ".", "a/.hidden", "a\\..\\out/x",
     "link/out", "folder", "a/out\x00", "C:out", "a/" + "x" * 300],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    store, raw = Store(), tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (raw / "folder").mkdir()
    (raw / "link").symlink_to(tmp_path / "elsewhere")
    sha = hashlib.sha256(b"bad").hexdigest()
    good = {"sha256": sha, "text": "bad"}
    content = gzip.compress(
        dump({"number": 1, "made": "x", "files": {"_a/good": good, path: good}})
    )
    name = f"snapshots/000001-{hashlib.sha256(content).hexdigest()}.json.gz"
    store.pipe_file(f"/b/pub/{name}", content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        BucketError, match=r"is not the name of a file below .*: nothing was restored"
    ):
        restore(store.bucket(), raw)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_restore_that_broke_off_is_seen_and_continued(paths: Paths, tmp_path: Path) -> None:
    store, back = Store(), Paths(tmp_path / "back")
    mirror(store.bucket(), paths.raw, NOW)
    calls = []

    def power_cut() -> None:
        calls.append(1)
        if len(calls) > 4:
            raise OSError("no route to host")

    store.each = power_cut
    with pytest.raises(BucketError, match="no route to host"):
        restore(store.bucket(), back.raw)
    assert 0 < len(list(back.raw.rglob("body.gz"))) < 2
    store.each = lambda: None
    with pytest.raises(RuntimeError, match="is being restored from a mirror, or that broke off"):
        Archive(back).seed()
    with pytest.raises(BucketError, match="a restore was not finished"):
        mirror(store.bucket(), back.raw, NOW)
    # What was mirrored since does not come in between.
    wanted = tree(paths.raw)
    Archive(paths).keep_pins("b", "y", {"other": "1"})
    mirror(store.bucket(), paths.raw, NOW)
    (back.raw / f".left.{os.getpid()}.tmp").touch()
    restore(store.bucket(), back.raw)
    assert tree(back.raw) == wanted
    assert not list(back.raw.rglob(".*"))
    Archive(back).seed()


def test_nothing_is_written_over_by_a_restore(paths: Paths, tmp_path: Path) -> None:
    store, back = Store(), tmp_path / "back"
    mirror(store.bucket(), paths.raw, NOW)
    (back / "_pins" / "b").mkdir(parents=True)
    (back / "_pins" / "b" / "y.json").write_text("{}")
    (back / "mine").write_text("stays")
    with pytest.raises(
        BucketError, match=r"_pins/b/y.json is there with other content .* Remove it"
    ):
        restore(store.bucket(), back)
    assert len(tree(back)) == 2
    (back / "_pins" / "b" / "y.json").unlink()
    restore(store.bucket(), back)
    assert tree(back) == {**tree(paths.raw), "mine": b"stays"}


@pytest.mark.parametrize("file", [{}, {"sha256": "x"}, {"sha256": "../" * 20}, "x", None])
def test_a_snapshot_that_is_none_of_ours_is_said(tmp_path: Path, file: Any) -> None:
    store = Store()
    content = gzip.compress(dump({"number": 1, "made": "x", "files": {"a": file}}))
    name = f"snapshots/000001-{hashlib.sha256(content).hexdigest()}.json.gz"
    store.pipe_file(f"/b/pub/{name}", content)
    with pytest.raises(BucketError, match=f"{name} is no snapshot of this program"):
        restore(store.bucket(), tmp_path / "back")


def test_a_name_that_could_not_come_back_is_not_mirrored(paths: Paths) -> None:
    (paths.raw / "a note.txt").touch()
    with pytest.raises(BucketError, match=r"raw/a note.txt: no name that vintages or notes have"):
        mirror(Store().bucket(), paths.raw, NOW)


def test_a_link_in_the_archive_is_not_passed_over(paths: Paths) -> None:
    (paths.raw / "c").symlink_to(paths.raw / "b")
    with pytest.raises(BucketError, match="raw/c: not a regular file"):
        mirror(Store().bucket(), paths.raw, NOW)


def test_faults_leave_a_mirror_that_can_be_restored(paths: Paths, tmp_path: Path) -> None:
    """Sixty nights, of which many break off; what `cut` leaves behind is an error that names it."""
    store, archive, chance = AddOnly(seed=3), Archive(paths), random.Random(3)
    states: dict[int, dict[str, bytes]] = {}
    failed = 0
    for night in range(60):
        archive.add("b", "y", f"figures of {night}".encode(), MANIFEST)
        store.faults = chance.choice((0, 5, 15))
        try:
            number = mirror(store.bucket(0.5), paths.raw, NOW).snapshot.number
        except BucketError as error:
            failed += 1
            said = str(error)
            if "is there with other content" in said or "is damaged" in said:
                bad = said.split("s3://b/pub/")[1].split(" ")[0]
                store.rm_file(f"/b/pub/{bad}")  # as the line says
        else:
            states[number] = tree(paths.raw)
    assert failed > 10 and len(states) > 20 and set(store.seen) == set(KINDS)
    store.faults = 0
    mirror(store.bucket(), paths.raw, NOW, thorough=True)
    for number in [*list(states)[::9], None]:
        back = tmp_path / f"back-{number}"
        restore(store.bucket(), back, number)
        assert tree(back) == (states[number] if number else tree(paths.raw))


def test_a_snapshot_reads_as_it_is_said_to(paths: Paths) -> None:
    store = Store()
    name = mirror(store.bucket(), paths.raw, NOW).snapshot.name
    content = store.content(name) or b""
    assert name == f"snapshots/000001-{hashlib.sha256(content).hexdigest()}.json.gz"
    said = json.loads(gzip.decompress(content))
    assert said["number"] == 1 and said["made"] == "2026-11-23T03:00:00+00:00"
    assert json.loads(said["files"]["_pins/b/y.json"]["text"]) == {"a title — with ë": "80000ned"}
    assert "text" not in said["files"]["a/x/2020-01-01_1/body.gz"]
