"""The Dagster UI over its GraphQL: the code location loads, one schedule runs, `nightly`
launched there gives the command line's release."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.files import dump
from pipeline.lease import Holder, read
from pipeline.paths import Paths
from tests.conftest import CLI

pytestmark = pytest.mark.slow

LAUNCH = """mutation ($tags: [ExecutionTag!], $config: RunConfigData) {
  launchRun(executionParams: {
    selector: {jobName: "nightly", repositoryName: "__repository__",
               repositoryLocationName: "assets.definitions"},
    runConfigData: $config, executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } } }"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dagster_dev(data: Path, root: Path, **env: str) -> Iterator[str]:
    """`dagster dev` as `make ui` starts it, on a port of its own."""
    port = free_port()
    instance = data / "dagster"
    instance.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster")), "dev", "-m", "assets.definitions",
            "-h", "127.0.0.1", "-p", str(port),
        ],
        cwd=root,
        env={
            **os.environ,
            "MISSIEMONITOR_DATA": str(data),
            "MISSIEMONITOR_INSTANCE": str(instance),
            "DAGSTER_HOME": str(root),
            **env,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        with suppress(ProcessLookupError):  # a test has killed it
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def ui(data: Path, root: Path) -> Iterator[str]:
    with dagster_dev(data, root) as address:
        yield address


def post(url: str, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found["data"]


def wait_for(question: Any, seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := question():
                return found
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.5)
    raise AssertionError("timed out")


MISSIONS = {"energy", "circular", "health", "land", "security"}


def assert_reads_as_a_product(ui: str) -> None:
    """Groups by mission and layer, a description on every asset, pictures and links on missions."""
    nodes = post(
        ui,
        "{ assetNodes { assetKey { path } groupName description "
        "metadataEntries { label ... on UrlMetadataEntry { url } } } }",
    )["assetNodes"]
    pages = {
        "/".join(n["assetKey"]["path"]): e["url"]
        for n in nodes
        for e in n["metadataEntries"]
        if e["label"] == "landing_url"
    }
    assert pages["raw/cbs/82610NED"] == "https://opendata.cbs.nl/#/CBS/nl/dataset/82610NED/table"
    assert "raw/curated/water_flood" not in pages and len(pages) > 40
    groups = {n["groupName"] for n in nodes}
    assert groups >= {*MISSIONS, "core", "marts", "published", "registry", "eurostat", "cbs"}
    assert [n["assetKey"]["path"] for n in nodes if not n["description"]] == []
    found = {}
    for mission in MISSIONS:
        entries = post(
            ui,
            "query ($path: [String!]!) { assetOrError(assetKey: {path: $path}) { ... on Asset { "
            "assetMaterializations(limit: 1) { metadataEntries { label ... on MarkdownMetadataEntry "
            "{ mdStr } ... on PathMetadataEntry { path } } } } } }",
            path=["marts", mission],
        )["assetOrError"]["assetMaterializations"][0]["metadataEntries"]
        found[mission] = {e["label"]: e.get("mdStr") or e.get("path") for e in entries}
        assert "sub-missions can be assessed" in found[mission]["stands"]
        assert found[mission]["page"].endswith("/report/index.html")
    picture = found["energy"]["picture"]
    head = "![energy](data:image/svg+xml;base64,"
    assert picture.startswith(head)
    drawn = base64.b64decode(picture[len(head) : -1]).decode()
    assert drawn.startswith("<svg") and "−55% in 2030" in drawn and "of the time" in drawn


def test_the_ui_loads_schedules_and_publishes_the_same_release(ui: str, data: Path) -> None:
    before = (data / "marts" / "current").resolve().name
    location = wait_for(
        lambda: post(
            ui,
            "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus "
            "locationOrLoadError { __typename ... on PythonError { message } } } } } }",
        )["workspaceOrError"]["locationEntries"],
        600,
    )
    assert [e["locationOrLoadError"]["__typename"] for e in location] == ["RepositoryLocation"]
    schedules = post(
        ui,
        '{ schedulesOrError(repositorySelector: {repositoryName: "__repository__", '
        'repositoryLocationName: "assets.definitions"}) { ... on Schedules { results { name '
        "cronSchedule executionTimezone scheduleState { status } } } } }",
    )["schedulesOrError"]["results"]
    assert sorted(schedules, key=lambda s: s["name"]) == [
        {
            "name": "every_night",
            "cronSchedule": "0 3 * * *",
            "executionTimezone": "Europe/Amsterdam",
            "scheduleState": {"status": "RUNNING"},
        },
        {
            "name": "retention_every_week",
            "cronSchedule": "30 2 * * 0",
            "executionTimezone": "Europe/Amsterdam",
            "scheduleState": {"status": "RUNNING"},
        },
    ]
    config = {"resources": {"run": {"config": {"as_of": "2026-11-23", "publish": True}}}}
    launched = post(ui, LAUNCH, tags=[], config=config)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def ended(run: str) -> str | None:
        status = post(
            ui,
            "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }",
            id=run,
        )["runOrError"]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert wait_for(lambda: ended(run_id), 900) == "SUCCESS"
    assert (data / "marts" / "current").resolve().name == before

    assert_reads_as_a_product(ui)

    # Once more, with the command line at work on the same data at the same time.
    again = post(ui, LAUNCH, tags=[], config=config)["launchRun"]["run"]["runId"]
    beside = subprocess.Popen(
        [CLI, "run", "--as-of", "2026-11-24", "--publish"],
        env={**os.environ, "MISSIEMONITOR_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert beside.wait(timeout=900) == 0
    assert wait_for(lambda: ended(again), 900) == "SUCCESS"
    release = (data / "marts" / "current").resolve()
    package = json.loads((release / "datapackage.json").read_text())
    assert package["reference_date"] in ("2026-11-23", "2026-11-24")
    for resource in package["resources"]:
        digest = hashlib.sha256((release / resource["path"]).read_bytes()).hexdigest()
        assert resource["hash"] == f"sha256:{digest}"


def test_a_run_terminated_in_the_ui_ends_with_its_processes(ui: str, data: Path) -> None:
    config = {"resources": {"run": {"config": {"as_of": "2026-11-23", "publish": True}}}}
    # A run of another host has the data: this one waits for its turn.
    holder = Holder("another", "elsewhere", 1, 1.0, "2026-11-23T03:00:00+00:00", "2026-11-23")
    Paths(data).lease.write_bytes(dump(asdict(holder)))
    launched = wait_for(
        lambda: (
            found
            if (found := post(ui, LAUNCH, tags=[], config=config)["launchRun"]).get("run")
            else None
        ),
        600,
    )
    run_id = launched["run"]["runId"]

    def run(what: str) -> Any:
        return post(
            ui, f"query ($id: ID!) {{ runOrError(runId: $id) {{ ... on Run {{ {what} }} }} }}",
            id=run_id,
        )["runOrError"]  # fmt: skip

    said = "eventConnection(limit: 1000) { events { ... on MessageEvent { message } } }"
    wait_for(
        lambda: any(
            "another run is at work" in e["message"] for e in run(said)["eventConnection"]["events"]
        ),
        600,
    )
    ended = post(
        ui,
        "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }",
        id=run_id,
    )["terminateRun"]
    assert ended["__typename"] == "TerminateRunSuccess", ended
    wait_for(lambda: run("status")["status"] == "CANCELED", 600)
    assert read(Paths(data).lease) == holder
