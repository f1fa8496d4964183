"""Runs that copy release and vintages to a bucket: a store of another process, behind a network with faults."""

from __future__ import annotations

import hashlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from test_alerts import Receiver
from test_assets import House, checks
from test_readme import of_section

from assets.ended import outcome_of_run
from pipeline.bucket import within
from pipeline.cli.common import instance_of
from pipeline.paths import Paths, sql_root
from pipeline.release.bucket import copy_current
from pipeline.warehouse.model import load_models
from tests.buckets import reading
from tests.conftest import REFERENCE

pytestmark = pytest.mark.slow
Cli = Callable[..., subprocess.CompletedProcess[str]]
KEYS = {
    "AWS_ACCESS_KEY_ID": "anybody",
    "AWS_SECRET_ACCESS_KEY": "s3cret",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
NIGHT = ("run", "--offline", "--as-of", REFERENCE, "--publish", "--lang", "en")


class Network:
    """A way to a store that breaks connections at random. `faults`: of a hundred pieces that pass, how
    many meet one; `down`: nothing passes."""

    def __init__(self, port: int) -> None:
        self.faults, self.down = 0, False
        self.seen: Counter[str] = Counter()
        self._chance = random.Random(16)
        self._aim = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                here, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(here,), daemon=True).start()

    def _pass(self, here: socket.socket) -> None:
        if self.down:
            self.seen["down"] += 1
            here.close()
            return
        there = socket.create_connection(("127.0.0.1", self._aim))
        back = threading.Thread(target=self._carry, args=(there, here, False), daemon=True)
        back.start()
        self._carry(here, there, True)

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                kind = ""
                if self.down or self._chance.randrange(100) < self.faults:
                    kind = self._chance.choice(("refused", "cut", "slow", "503"))
                    self.seen[kind] += 1
                if kind == "refused":
                    break
                if kind == "cut":
                    target.sendall(piece[: len(piece) // 2])
                    break
                if kind == "503" and asks:
                    source.sendall(
                        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                    break
                if kind == "slow":
                    time.sleep(0.2)
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._door.close()


class Bucket:
    """A store with a bucket in it, and the environment of whoever reaches it through `network`."""

    def __init__(self, port: int) -> None:
        self.direct = f"http://127.0.0.1:{port}"
        self.network = Network(port)
        self.environment = {**KEYS, "AWS_ENDPOINT_URL": self.network.address}
        self._client = boto3.client(
            "s3",
            endpoint_url=self.direct,
            aws_access_key_id="reader",
            aws_secret_access_key="reads",
            region_name="eu-west-1",
        )
        self.name = f"bucket-{random.randrange(10**9)}"
        where = {"LocationConstraint": "eu-west-1"}
        self._client.create_bucket(Bucket=self.name, CreateBucketConfiguration=where)

    def get(self, name: str) -> bytes | None:
        try:
            found = self._client.get_object(Bucket=self.name, Key=f"monitor/{name}")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey", error
            return None
        return bytes(found["Body"].read())

    def versions(self) -> dict[str, Any]:
        """Each name there, with when it was written."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {f["Key"]: f["LastModified"] for page in pages for f in page.get("Contents", ())}

    def kind(self, name: str) -> str:
        """What kind of file a browser is told that it is."""
        found = self._client.head_object(Bucket=self.name, Key=f"monitor/{name}")
        return str(found["ContentType"])

    @property
    def url(self) -> str:
        return f"s3://{self.name}/monitor"


@pytest.fixture(scope="module")
def store() -> Iterator[int]:
    """The port of an S3 server, a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("moto_server")),
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert server.poll() is None
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()


@pytest.fixture
def bucket(store: int) -> Iterator[Bucket]:
    made = Bucket(store)
    yield made
    made.network.close()


@pytest.fixture
def house(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The code location on a finished run's data, to run one asset of it."""
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(data))
    with instance_of(Paths(data)) as instance:
        yield House(data, instance)


def current(data: Path) -> str:
    return (data / "marts" / "current").resolve().name


def copied(bucket: Bucket, marts: Path) -> None:
    within(bucket.url, 120, lambda b: copy_current(b, marts, datetime.now(UTC)))


@pytest.fixture
def reached(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, with its environment set in this process."""
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    return bucket


def test_ten_nights_with_faults_leave_whole_releases_only(
    house: House, reached: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset `published` in runs of its own; what it says makes another release each time."""
    bucket, data = reached, house.data
    shutil.copytree(sql_root(), tmp_path / "sql")
    monkeypatch.setenv("MISSIEMONITOR_SQL", str(tmp_path / "sql"))
    monkeypatch.setenv("MISSIEMONITOR_PUBLISH_TO", bucket.url)
    view = tmp_path / "sql" / "views" / "scoreboard.sql"
    text = view.read_text("utf-8")
    stop, wrong = threading.Event(), []
    saw: Counter[str] = Counter()

    def read() -> None:
        while not stop.is_set():
            try:
                saw["".join(reading(bucket.get))] += 1
            except Exception as error:
                wrong.append(f"{type(error).__name__}: {error}")
            stop.wait(1)

    def night(number: int) -> bool:
        """Whether the bucket has the release that is current afterwards."""
        other = text.replace("The scoreboard", f"The scoreboard of night {number}", 1)
        view.write_text(other, "utf-8")
        load_models.cache_clear()
        done = house.materialize(["published"])
        assert done.success, done.all_events[-1]
        (check,) = checks(done).values()
        found = outcome_of_run(house.instance, done.run_id, Paths(data))
        lines = [x for x in found.warnings if x.startswith(f"! not copied: {bucket.url}")]
        assert found.published and found.degraded == (not check.passed) == (len(lines) == 1)
        now = "".join(reading(bucket.get))
        # The answer of the last call may be lost: then the release is there, and is not known to be.
        assert now == current(data) or not check.passed
        tags = house.instance.get_run_by_id(done.run_id).tags
        assert ("missiemonitor/not_copied" in tags) == (not check.passed)
        return bool(check.passed)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        passed = []
        for number in range(10):
            bucket.network.faults = (0, 3, 10)[number % 3]
            bucket.network.down = number in (2, 7)
            passed.append(night(number))
    finally:
        stop.set()
        reader.join()
    assert wrong == [] and sum(saw.values()) > 10 and len(set(saw) - {""}) >= 2
    assert not passed[2] and not passed[7] and passed.count(True) >= 4
    assert bucket.network.seen.keys() >= {"down", "refused", "cut", "slow", "503"}
    bucket.network.faults, bucket.network.down = 0, True
    assert not night(10)
    # A night in which nothing changed mends it, and after that there is nothing to do.
    bucket.network.down = False
    assert night(10) and "".join(reading(bucket.get)) == current(data)
    before = bucket.versions()
    assert night(10) and bucket.versions() == before


def test_a_night_whose_copies_fail_is_told_of_and_mended(
    data: Path, cli: Cli, bucket: Bucket, tmp_path: Path
) -> None:
    where = {
        "MISSIEMONITOR_PUBLISH_TO": bucket.url,
        "MISSIEMONITOR_MIRROR_TO": f"s3://{bucket.name}/vintages",
        **bucket.environment,
    }
    receiver = Receiver()
    bucket.network.down = True
    done = cli(data, *NIGHT, MISSIEMONITOR_ALERT_URLS=receiver.address, **where)
    assert done.returncode == 3 and bucket.versions() == {}
    lines = [x for x in done.stderr.splitlines() if x.startswith("! not copied: ")]
    assert len(lines) == 2 and "s3cret" not in done.stderr
    (message,) = receiver.messages
    assert "published, with something to look at" in message["title"]
    assert f"not copied: {bucket.url}/" in message["message"]
    assert f"not copied: s3://{bucket.name}/vintages/" in message["message"]
    receiver.server.shutdown()
    receiver.server.server_close()
    bucket.network.down = False
    done = cli(data, "doctor", **where)
    assert done.returncode == 3 and f"its current release is not {current(data)}" in done.stderr
    assert "is not in it, nor are" in done.stderr
    done = cli(data, *NIGHT, **where)
    assert (done.returncode, done.stderr) == (0, "")
    assert "".join(reading(bucket.get)) == current(data)
    done = cli(data, "doctor", **where)
    assert done.returncode == 0, done.stderr
    assert f"in {bucket.url}: {current(data)}" in done.stdout and "snapshot 1 of" in done.stdout
    before = bucket.versions()
    done = cli(data, "archive", **where)
    assert done.returncode == 0 and "holds all there is" in done.stdout, done.stderr
    assert bucket.versions() == before
    # The rebuild from nothing but the mirror.
    empty = tmp_path / "empty"
    back = ("archive", "--restore", where["MISSIEMONITOR_MIRROR_TO"])
    done = cli(empty, *back, **bucket.environment)
    assert done.returncode == 0 and "brought back" in done.stdout, done.stderr
    assert held(empty / "raw") == held(data / "raw")
    done = cli(empty, *NIGHT)
    assert done.returncode == 0 and current(empty) == current(data)


def held(raw: Path) -> dict[str, str]:
    """Every file that a mirror is to hold, with its hash."""
    return {
        p.relative_to(raw).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in raw.rglob("*")
        if p.is_file() and "_verdicts" not in p.parts and p.suffix != ".lock"
    }


def test_a_secret_in_an_address_is_not_repeated(
    house: House, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://key:s3cret@bucket/x"
    monkeypatch.setenv("MISSIEMONITOR_PUBLISH_TO", url)
    monkeypatch.setenv("MISSIEMONITOR_MIRROR_TO", url)
    done = house.materialize(["published"], ["mirror"])
    assert done.success
    for check in checks(done).values():
        assert not check.passed
        assert check.metadata["observed"].value.startswith("s3://***@bucket/x: the address")
    found = outcome_of_run(house.instance, done.run_id, Paths(house.data))
    assert len(found.warnings) == 2
    assert all(x.startswith("! not copied: s3://***@bucket/x: the") for x in found.warnings)
    for words in (("archive", "--mirror", url), ("archive", "--restore", url)):
        done = cli(tmp_path / "x", *words)
        assert done.returncode == 1 and done.stderr.startswith("missiemonitor: s3://***@bucket/x")
        assert "s3cret" not in done.stderr + done.stdout and done.stderr.count("\n") == 1
    for file in (house.data / "dagster").rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes(), file


@pytest.mark.parametrize("example", of_section("Published to a bucket", "python"))
def test_the_readme_reads_from_the_bucket(
    first_run: dict[str, Any], reached: Bucket, example: str
) -> None:
    copied(reached, first_run["data"] / "marts")
    shown = "s3://bucket/monitor"
    assert shown in example
    done = subprocess.run(
        [sys.executable, "-c", example.replace(shown, reached.url)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert current(first_run["data"]) in done.stdout and "energy.electricity" in done.stdout


def test_a_page_in_the_bucket_has_its_history_beside_it(
    first_run: dict[str, Any], reached: Bucket
) -> None:
    marts = first_run["data"] / "marts"
    copied(reached, marts)
    page = f"releases/{current(first_run['data'])}/report/index.html"
    assert b"history/history.js" in (reached.get(page) or b"")
    assert reached.get("report/index.html") == reached.get(page)
    assert b"window.missiemonitorHistory" in (reached.get("history/history.js") or b"")
    for name in ("releases.json", "history/nl.atom", "history/en.atom"):
        assert reached.get(name) == (marts / name).read_bytes()
    # A browser shows it, and does not save it.
    assert reached.kind("report/index.html") == "text/html"
    assert reached.kind("current.json") == "application/json"
