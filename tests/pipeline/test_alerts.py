"""A night that fails or is degraded is told of, to a receiver that is really there."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_ui import LAUNCH, dagster_dev, post, wait_for

from pipeline.alerts import Alert, addresses, send

Cli = Callable[..., subprocess.CompletedProcess[str]]
SECRET = "g3he1m-w00rd"


class Receiver:
    """A webhook on this machine: `messages` are what came in, `answer` is its status code."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.answer = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.messages.append(json.loads(body))
                self.send_response(outer.answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://monitor:{SECRET}@127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def broken_sql(tmp_path: Path, root: Path) -> Path:
    """SQL files of which one mart does not pass its checks."""
    folder = tmp_path / "sql"
    shutil.copytree(root / "sql", folder)
    mart = folder / "marts" / "sub_mission_progress.sql"
    text = mart.read_text()
    mart.write_text(text.replace("WHERE m.level <> 'mission'\n", "WHERE m.level = 'mission'\n"))
    assert mart.read_text() != text
    return folder


def ingest_half(data: Path, tmp_path: Path, cli: Cli) -> None:
    """Take in a file of which the second half is missing."""
    good = next((data / "raw" / "eurostat" / "nrg_ind_ren").iterdir()) / "body.gz"
    lines = gzip.decompress(good.read_bytes()).splitlines(keepends=True)
    half = tmp_path / "half.csv"
    half.write_bytes(b"".join(lines[: len(lines) // 2]))
    done = cli(data, "ingest", str(half), "--dataset", "eurostat/nrg_ind_ren",
               "--known-from", "2026-11-22")  # fmt: skip
    assert done.returncode == 3 and "is kept and waits" in done.stderr, done.stderr


@pytest.mark.slow
def test_a_degraded_night_says_which_source_stays_and_why(
    data: Path, tmp_path: Path, cli: Cli, receiver: Receiver
) -> None:
    ingest_half(data, tmp_path, cli)
    done = cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish",
               MISSIEMONITOR_ALERT_URLS=receiver.address)  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert len(receiver.messages) == 1
    said = receiver.messages[0]
    assert said["title"] == (
        "Missiemonitor: published, but one dataset does not have the newest figures"
    )
    assert "- eurostat/nrg_ind_ren stays on the vintage of 2026-" in said["message"]
    assert "because a newer one was quarantined: " in said["message"]
    assert "missiemonitor ingest FILE" in said["message"]
    assert (data / "marts" / "current").resolve().name in said["message"]
    assert said["type"] == "warning"
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_failed_night_says_why_and_bad_channels_change_nothing(
    data: Path, cli: Cli, receiver: Receiver, broken_sql: Path
) -> None:
    before = (data / "marts" / "current").resolve().name
    receiver.answer = 500
    addresses = f"{receiver.address} json://me:{SECRET}@127.0.0.1:1/ nonsense://{SECRET} {SECRET}"
    done = cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish",
               MISSIEMONITOR_SQL=str(broken_sql), MISSIEMONITOR_ALERT_URLS=addresses)  # fmt: skip
    assert done.returncode == 1
    assert (data / "marts" / "current").resolve().name == before
    said = receiver.messages[0]
    assert said["title"] == "Missiemonitor: nothing was published" and said["type"] == "failure"
    assert "twenty_five_rows" in said["message"] and f"release {before}" in said["message"]
    warned = [x for x in done.stderr.splitlines() if x.startswith("? alert")]
    assert [x.split(":")[0] for x in warned] == [
        "? alert 1 of 4 (json)", "? alert 2 of 4 (json)", "? alert 3 of 4 (nonsense)",
        "? alert 4 of 4 (unknown)",
    ]  # fmt: skip
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_good_night_is_silent_and_a_registry_that_does_not_load_is_not(
    data: Path, cli: Cli, receiver: Receiver, tmp_path: Path, root: Path
) -> None:
    file = tmp_path / "addresses"
    file.write_text(f"# the team\n{receiver.address}\n")
    done = cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish",
               MISSIEMONITOR_ALERT_FILE=str(file))  # fmt: skip
    assert done.returncode == 0 and receiver.messages == []
    registry = tmp_path / "registry"
    shutil.copytree(root / "pipeline" / "registry", registry)
    (registry / "sources.yaml").write_text("- {id: eurostat}\n")
    done = cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish",
               MISSIEMONITOR_ALERT_FILE=str(file), MISSIEMONITOR_REGISTRY=str(registry))  # fmt: skip
    assert done.returncode == 1
    assert "sources.yaml" in receiver.messages[0]["message"]
    done = cli(data, "status", MISSIEMONITOR_ALERT_FILE=str(tmp_path / "none"))
    assert done.returncode == 0


@pytest.mark.slow
def test_a_run_of_the_ui_is_told_of_by_its_sensors(
    data: Path, root: Path, receiver: Receiver, broken_sql: Path
) -> None:
    with dagster_dev(
        data, root, MISSIEMONITOR_SQL=str(broken_sql), MISSIEMONITOR_ALERT_URLS=receiver.address
    ) as ui:
        config = {
            "resources": {
                "run": {"config": {"as_of": "2026-11-23", "publish": True, "offline": True}}
            }
        }

        def launched() -> Any:
            # The sensors must be at work first: they look at what happens from then on.
            states = post(
                ui,
                '{ sensorsOrError(repositorySelector: {repositoryName: "__repository__", '
                'repositoryLocationName: "assets.definitions"}) { ... on Sensors { results { name '
                "sensorState { status ticks { status } } } } } }",
            )["sensorsOrError"]["results"]
            assert {s["name"]: s["sensorState"]["status"] for s in states} == {
                "tell_of_failed_runs": "RUNNING",
                "tell_of_degraded_runs": "RUNNING",
                "report_killed_runs": "RUNNING",
            }
            if not all(s["sensorState"]["ticks"] for s in states):
                return None
            return post(ui, LAUNCH, tags=[], config=config)["launchRun"]

        def started() -> Any:
            try:
                return launched()
            except (KeyError, AssertionError):
                return None

        answer = wait_for(started, 180)
        assert answer["__typename"] == "LaunchRunSuccess", answer
        wait_for(lambda: receiver.messages, 240)
    said = receiver.messages[0]
    assert said["title"] == "Missiemonitor: nothing was published"
    assert "twenty_five_rows" in said["message"]


def test_addresses_come_from_variable_and_file(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("# c\n\nmailto://a\n")
    assert addresses({}) == []
    found = addresses(
        {"MISSIEMONITOR_ALERT_URLS": "json://x  slack://y", "MISSIEMONITOR_ALERT_FILE": str(file)}
    )
    assert found == ["json://x", "slack://y", "mailto://a"]
    with pytest.raises(ValueError, match="MISSIEMONITOR_ALERT_FILE cannot be read"):
        addresses({"MISSIEMONITOR_ALERT_FILE": str(tmp_path / "none")})


def test_an_alert_reaches_every_channel_even_if_one_is_dead(receiver: Receiver) -> None:
    alert = Alert("title", "body", True)
    problems = send(alert, [f"json://me:{SECRET}@127.0.0.1:1/", receiver.address])
    assert len(problems) == 1 and SECRET not in problems[0]
    assert receiver.messages[0]["message"] == "body"
