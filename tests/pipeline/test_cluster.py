"""A night over two Celery workers, PostgreSQL, Redis and an S3 server, each a real process: the release of
one process; a worker killed in the middle costs a retry, and nothing half published."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import s3fs
from cluster import LOCATION, SECRET, STARTS, Cluster, cluster, postgres_bin
from test_ui import LAUNCH, post, wait_for

from tests.conftest import REFERENCE, cannot_run, run_process
from tests.nights.bench import small_registry

pytestmark = pytest.mark.slow

LONG = 1500.0  # of a machine that does much else
RUNS = "{ runsOrError { ... on Runs { results { runId status parentRunId } } } }"
EVENTS = """query ($id: ID!, $after: String) { logsForRun(runId: $id, afterCursor: $after, limit: 500) {
  ... on EventConnection { cursor hasMore events { __typename
    ... on MessageEvent { message stepKey eventType }
    ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } } } } } }"""
ENDS = {"STEP_SUCCESS", "STEP_FAILURE"}


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Cluster]:
    if postgres_bin() is None or not shutil.which("redis-server"):
        cannot_run("PostgreSQL or Redis is not installed")
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "logs").mkdir()
    # All the tables, of a few datasets: a step costs more here than in one process.
    few = {"MISSIEMONITOR_REGISTRY": str(small_registry(folder / "registry"))}
    alone = run_process(folder / "alone", "run", "--as-of", REFERENCE, "--publish", **few)
    assert alone.returncode in (0, 3), alone.stderr
    with cluster(folder / "data", folder / "logs", root, **few) as found:
        yield found


def launch(url: str) -> str:
    """A night, launched over GraphQL; its id."""
    config = {"resources": {"run": {"config": {"as_of": REFERENCE, "publish": True}}}}
    before = runs(url)
    with suppress(OSError):  # an answer that takes too long: it is launched all the same
        done = post(url, LAUNCH.replace("assets.definitions", LOCATION), tags=[], config=config)
        assert done["launchRun"]["__typename"] == "LaunchRunSuccess", done
    return str(wait_for(lambda: next(iter(runs(url).keys() - before.keys()), ""), STARTS))


def runs(url: str) -> dict[str, dict[str, Any]]:
    return {run["runId"]: run for run in post(url, RUNS)["runsOrError"]["results"]}


def events(url: str, run_id: str) -> list[dict[str, Any]]:
    found, after = [], None
    while True:
        page = post(url, EVENTS, id=run_id, after=after)["logsForRun"]
        found += page["events"]
        if not page["hasMore"]:
            return found
        after = page["cursor"]


def status(url: str, run_id: str) -> str:
    return str(runs(url)[run_id]["status"])


def open_steps(url: str, run_id: str) -> set[str]:
    """The steps that have begun and not ended."""
    found = events(url, run_id)
    begun = {e["stepKey"] for e in found if e.get("eventType") == "STEP_START"}
    return begun - {e["stepKey"] for e in found if e.get("eventType") in ENDS}


def process_of(url: str, run_id: str) -> psutil.Process:
    """The run's own process, which hands out its steps."""

    def found() -> str:
        entries = [m for e in events(url, run_id) for m in e.get("metadataEntries", ())]
        return next((m["text"] for m in entries if m["label"] == "pid"), "")

    return psutil.Process(int(wait_for(found, LONG)))


def workers(url: str, run_id: str) -> set[str]:
    """The names of the workers that did steps of a run."""
    entries = [m for e in events(url, run_id) for m in e.get("metadataEntries", ())]
    return {m["text"].partition("@")[0] for m in entries if m["label"] == "Celery worker"}


def kill_within(c: Cluster, worker: Any, run_id: str, layer: str) -> str:
    """Kill a worker -9, with its processes, while it does a step of a layer; which."""

    def killed() -> str:
        os.killpg(worker.pid, signal.SIGSTOP)
        doing = {s for s in open_steps(c.url, run_id) if s.startswith(layer)}
        if doing:
            os.killpg(worker.pid, signal.SIGKILL)
            return doing.pop()
        os.killpg(worker.pid, signal.SIGCONT)
        return ""

    return str(wait_for(killed, LONG))


def bucket(c: Cluster) -> s3fs.S3FileSystem:
    """The bucket as a reader elsewhere sees it now."""
    return s3fs.S3FileSystem(
        key=c.env["AWS_ACCESS_KEY_ID"], secret=c.env["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=c.env["AWS_ENDPOINT_URL"], use_listings_cache=False,
    )  # fmt: skip


def assert_published(c: Cluster, release: str) -> None:
    """Readers have this release and no other, here and, whole, in the bucket."""
    marts = c.data / "marts"
    assert (marts / "current").resolve().name == release
    assert [p.name for p in (marts / "releases").iterdir()] == [release]
    files, address = bucket(c), "monitor/releases"
    assert json.loads(files.cat(f"{address}/current.json"))["release"] == release
    assert files.ls(f"{address}/releases") == [f"{address}/releases/{release}"]
    package = json.loads(files.cat(f"{address}/releases/{release}/datapackage.json"))
    for resource in package["resources"]:
        body = files.cat(f"{address}/releases/{release}/{resource['path']}")
        assert resource["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_a_worker_killed_in_the_middle_and_the_night_after(at_work: Cluster) -> None:
    c = at_work
    release = (c.data.parent / "alone" / "marts" / "current").resolve().name
    c.worker("pull", "pull")
    doomed = c.worker("compute", "compute")

    first = launch(c.url)
    waiting = process_of(c.url, first)
    lost = kill_within(c, doomed, first, "core__")
    c.worker("other", "compute")
    wait_for(lambda: status(c.url, first) == "FAILURE", LONG)
    # It fails, with the reason, and nothing of it waits on; readers have seen nothing of it.
    said = [e["message"] for e in events(c.url, first) if e.get("eventType") == "RUN_FAILURE"]
    assert len(said) == 1 and "was lost: no worker is at it" in said[0]
    assert lost in open_steps(c.url, first)
    assert workers(c.url, first) >= {"pull", "compute"}
    assert not (c.data / "marts" / "current").exists()
    assert not list(c.data.glob("marts/releases/*")) and not bucket(c).exists("monitor/releases")
    wait_for(lambda: not waiting.is_running(), STARTS)

    # It is tried again, from where it was, and publishes what one process does.
    again = wait_for(
        lambda: next((r for r, run in runs(c.url).items() if run["parentRunId"] == first), ""), LONG
    )
    assert wait_for(lambda: status(c.url, again) in ("SUCCESS", "FAILURE"), LONG)
    assert status(c.url, again) == "SUCCESS", events(c.url, again)[-5:]
    assert_published(c, release)

    # The next night.
    second = launch(c.url)
    assert wait_for(lambda: status(c.url, second) in ("SUCCESS", "FAILURE"), LONG)
    assert status(c.url, second) == "SUCCESS", events(c.url, second)[-5:]
    assert workers(c.url, second) == {"pull", "other"}
    assert_published(c, release)


def test_no_password_is_printed_or_kept(at_work: Cluster) -> None:
    secret, where = SECRET[:6].encode(), postgres_bin()
    assert where is not None
    for file in [*at_work.logs.iterdir(), *at_work.data.rglob("*")]:
        assert file.is_dir() or secret not in file.read_bytes(), file
    address = at_work.env["MISSIEMONITOR_POSTGRES_URL"].replace("+psycopg2", "")
    dumped = subprocess.run([where / "pg_dump", address], capture_output=True, check=True).stdout
    assert b"raw__registry" not in dumped and b"marts__missions" in dumped
    assert secret not in dumped
    broker = redis.Redis.from_url(at_work.env["CELERY_BROKER_URL"])
    kept = [broker.dump(key) for key in broker.scan_iter()]
    assert len(kept) > 100 and not any(secret in value for value in kept if value)
