"""A release in a bucket: readers see whole ones only, whatever the network does."""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.bucket import Bucket, BucketError, within
from pipeline.release.bucket import copy_current, standing_in
from pipeline.release.integrity import SUMS
from tests.buckets import KINDS, Store, publish_small, reading, release_name

NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)


def whole(store: Store) -> str:
    """The release that readers have, every file of it checked; empty if there is none."""
    return "".join(reading(store.content))


class Readers:
    """Two who read while somebody writes: one reads all between any two calls, one a file each time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.slow: Iterator[str] = iter(())
        self.saw: Counter[str] = Counter()
        self.of_the_slow = 0

    def __call__(self) -> None:
        self.saw[whole(self.store)] += 1
        try:
            self.of_the_slow += next(self.slow) != ""
        except StopIteration:
            self.slow = reading(self.store.content)


def test_200_copies_with_faults_leave_whole_releases_only(tmp_path: Path) -> None:
    marts, store, chance = tmp_path / "marts", Store(seed=16), random.Random(16)
    readers = Readers(store)
    store.each = readers
    number, copied, failed = 0, 0, 0
    for night in range(200):
        # A night in three changes nothing, one in five brings back what there was before.
        number += chance.random() < 0.66
        name = publish_small(marts, number if chance.random() < 0.8 else max(number - 2, 0))
        store.faults = chance.choice((0, 2, 6, 20))
        before = whole(store)
        limit = 0.02 if chance.random() < 0.2 else 60.0
        try:
            done = copy_current(store.bucket(limit), marts, NIGHT + timedelta(days=night))
        except BucketError as error:
            failed += 1
            assert str(error).startswith("s3://b/pub") and "\n" not in str(error)
            assert whole(store) in (before, name)
        else:
            copied += 1
            assert whole(store) == name == done.release
    assert copied > 60 and failed > 60 and set(store.seen) == set(KINDS)
    assert readers.of_the_slow > 50 and len(readers.saw) > 30
    store.faults = 0
    copy_current(store.bucket(), marts, NIGHT + timedelta(days=200))
    assert whole(store) == (marts / "current").resolve().name
    there = {path.split("/")[4] for path in store.store if "/releases/" in path}
    assert 3 <= len(there) <= 7
    assert store.content("history/history.js") == (marts / "history" / "history.js").read_bytes()


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """A published set with one small release."""
    publish_small(tmp_path / "marts", 1)
    return tmp_path / "marts"


def test_what_is_there_costs_no_upload(marts: Path) -> None:
    store = Store()
    first = copy_current(store.bucket(), marts, NIGHT)
    # The manifest is the last of the release, then it is named, then comes what lies beside.
    order = [path.removeprefix("/b/pub/") for path in store.puts]
    folder = f"releases/{first.release}/"
    assert len(order) == first.written == 13
    assert [x.startswith(folder) for x in order] == [True] * 7 + [False] * 6
    assert order[6:8] == [f"{folder}datapackage.json", "current.json"]
    assert order[-1] == "beside.json"
    store.puts.clear()
    assert copy_current(store.bucket(), marts, NIGHT).written == 0 and not store.puts
    assert not any(".reached" in path for path in store.store)


def test_what_broke_off_is_completed_and_not_begun_anew(marts: Path) -> None:
    store = Store()
    calls = []

    def power_cut() -> None:
        calls.append(1)
        if len(calls) > 9:
            raise OSError("no route to host")

    store.each = power_cut
    with pytest.raises(BucketError, match="no route to host"):
        copy_current(store.bucket(), marts, NIGHT)
    assert whole(store) == "" and len(store.puts) == 4
    store.each = lambda: None
    assert copy_current(store.bucket(), marts, NIGHT).written == 9
    assert whole(store) == release_name(1)


@pytest.mark.parametrize("file", ["a.parquet", "datapackage.json", "SHA256SUMS"])
@pytest.mark.parametrize("named", [True, False])
def test_a_name_and_a_size_are_not_trusted(marts: Path, file: str, named: bool) -> None:
    """What lies under the right name before the release is given to readers is looked into."""
    store = Store()
    copy_current(store.bucket(), marts, NIGHT)
    path = f"/b/pub/releases/{release_name(1)}/{file}"
    content = store.store[path].getvalue()
    store.pipe_file(path, bytes(reversed(content)))
    if not named:
        store.rm_file("/b/pub/current.json")
    elif file != "datapackage.json":
        store.pipe_file(
            path, content[: content.rindex(b"\n", 0, -1) + 1] if file == SUMS else content[:-1]
        )  # of a release that readers have the size tells
    store.puts.clear()
    copy_current(store.bucket(), marts, NIGHT)
    assert whole(store) == release_name(1) and path in store.puts


def test_a_whole_release_of_another_machine_stays_as_it_is(marts: Path, tmp_path: Path) -> None:
    """The same id, and some other bytes in what the data package does not name."""
    store = Store()
    other = tmp_path / "other"
    publish_small(other, 1)
    release = (other / "current").resolve()
    (release / "empty").chmod(0o644)
    (release / "empty").write_text("x")
    lines = (release / "SHA256SUMS").read_text()
    sums = release / "SHA256SUMS"
    sums.chmod(0o644)
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    sums.write_text(lines.replace(nothing, x))
    copy_current(store.bucket(), other, NIGHT)
    store.puts.clear()
    copy_current(store.bucket(), marts, NIGHT)
    assert not [path for path in store.puts if "/releases/" in path]
    assert store.content(f"releases/{release_name(1)}/empty") == b"x"


def test_old_releases_go_by_the_rule_of_the_published_set(marts: Path) -> None:
    store = Store()
    store.pipe_file("/b/pub/releases/not-ours/file", b"x")
    store.pipe_file("/b/other", b"x")

    def names() -> list[int]:
        there = {path.split("/")[4] for path in store.store if "/releases/" in path}
        return [n for n in range(20) if release_name(n) in there]

    for number in (1, 2, 3, 4, 5):  # within a day: a reader may still be at any of them
        publish_small(marts, number)
        copy_current(store.bucket(), marts, NIGHT + timedelta(hours=number))
    assert names() == [1, 2, 3, 4, 5]
    publish_small(marts, 2)  # it is the current one again
    copy_current(store.bucket(), marts, NIGHT + timedelta(hours=6))
    done = copy_current(store.bucket(), marts, NIGHT + timedelta(days=3))
    assert names() == [2, 4, 5] and set(done.removed) == {release_name(1), release_name(3)}
    assert done.written == 0
    assert whole(store) == release_name(2)
    assert [e["release"] for e in standing_in(store.bucket())["earlier"]] == [
        release_name(n) for n in (1, 3, 4, 5)
    ]
    assert {"/b/pub/releases/not-ours/file", "/b/other"} <= set(store.store)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"release": "../x"}', b"\xff"])
def test_a_damaged_current_json_is_written_anew(marts: Path, content: bytes) -> None:
    store = Store()
    copy_current(store.bucket(), marts, NIGHT)
    store.pipe_file("/b/pub/current.json", content)
    assert standing_in(store.bucket()) == {}
    assert copy_current(store.bucket(), marts, NIGHT).written == 1
    assert whole(store) == release_name(1)


def test_a_folder_is_a_bucket_too(marts: Path, tmp_path: Path) -> None:
    url = (tmp_path / "given").as_uri()
    for number in (1, 2):
        publish_small(marts, number)
        within(url, 60, lambda b: copy_current(b, marts, NIGHT))
        found = "".join(reading(lambda name: (tmp_path / "given" / name).read_bytes()))
        assert found == release_name(number)
    assert within(url, 60, lambda b: copy_current(b, marts, NIGHT)).written == 0
    assert not list((tmp_path / "given").rglob(".*"))
    with pytest.raises(BucketError, match="lies in the published set itself"):
        within((marts / "x").as_uri(), 60, lambda b: copy_current(b, marts, NIGHT))


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:s3cret@bucket/x", "s3://bucket/x?token=s3cret", "az://c/x?sig=s3cret",
        "gs://b/x#s3cret", "https://user:s3cret@host/x", "s3://key:s3/cret@bucket",
    ],
)  # fmt: skip
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BucketError, match="environment of its client") as caught:
        Bucket.at(url, 1)
    assert "s3cret" not in str(caught.value) and "cret" not in str(caught.value).split(":")[1]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "bucket", "s3://", "s3:///", "file://x/y", "http://host/x", "memory://x", "s3:///x",
     "simplecache::s3://bucket/x", "ftp://host/x"],
)  # fmt: skip
def test_what_is_no_bucket_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(BucketError, match="not the address of a bucket; write s3://"):
        Bucket.at(url, 1)


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [m for m in sys.modules if m.partition(".")[0] == "s3fs"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(BucketError, match=r"s3://b/x: .* `make .venv/.installed-cluster`"):
        Bucket.at("s3://b/x", 1)


def test_a_server_that_does_not_answer_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, "eu-west-1")
        began = time.monotonic()
        with pytest.raises(BucketError, match="s3://bucket/x: not done within 1 seconds"):
            within("s3://bucket/x", 1, standing_in)
        assert time.monotonic() - began < 20


def test_nothing_is_begun_after_the_limit(marts: Path) -> None:
    store = Store()
    bucket = store.bucket()
    bucket.close()
    with suppress(BucketError):
        copy_current(bucket, marts, NIGHT)
    assert store.puts == []


def test_nothing_to_copy_is_said(tmp_path: Path) -> None:
    with pytest.raises(BucketError, match="nothing is published here yet"):
        copy_current(Store().bucket(), tmp_path, NIGHT)


def test_current_json_says_what_came_before(marts: Path) -> None:
    store = Store()
    for number, hours in ((1, 0), (2, 24), (1, 48)):
        publish_small(marts, number)
        copy_current(store.bucket(), marts, NIGHT + timedelta(hours=hours))
    said = json.loads(store.content("current.json") or b"")
    assert said["release"] == release_name(1) and said["published"] == "2026-11-25T03:00:00+00:00"
    assert said["earlier"] == [
        {
            "release": release_name(2),
            "published": "2026-11-24T03:00:00+00:00",
            "replaced": "2026-11-25T03:00:00+00:00",
        }
    ]
