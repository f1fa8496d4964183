"""What a run says of itself is what lies on disk, whatever becomes of its output or of what follows
the release."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.alerts import compose
from pipeline.cli import common
from pipeline.outcome import Fault, Outcome, outcome_despite, outcome_of
from pipeline.paths import Paths
from pipeline.release.integrity import damages
from pipeline.release.record import Written
from pipeline.vintages.pull import PullResult
from pipeline.warehouse.build import Warehouse
from tests.conftest import CLI

Cli = Callable[..., subprocess.CompletedProcess[str]]
RUN = f"{CLI} run --offline --as-of 2026-11-23 --publish --lang en"


@pytest.fixture
def hook() -> Any:
    """A receiver of alerts; `heard` counts them."""
    heard: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.heard = heard  # type: ignore[attr-defined]
    yield server
    server.shutdown()
    server.server_close()


def shell(data: Path, line: str, hook: Any, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", line],
        env={
            **os.environ,
            "MISSIEMONITOR_DATA": str(data),
            "MISSIEMONITOR_ALERT_URLS": f"json://127.0.0.1:{hook.server_port}/",
            **env,
        },
        capture_output=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "env"),
    [
        (f"{RUN} > /dev/full 2> /dev/full", {}),
        # Far beyond what a pipe holds is not needed: its reader is gone before anything is written.
        (f"{RUN} 2>&1 | true; exit ${{PIPESTATUS[0]}}", {}),
        (RUN, {"PYTHONIOENCODING": "latin-1"}),
    ],
    ids=["full", "closed early", "Latin-1"],
)
def test_an_output_that_cannot_be_written_to_is_no_failure_of_the_run(
    data: Path, hook: Any, line: str, env: dict[str, str]
) -> None:
    was = (data / "marts" / "current").resolve()
    (data / "marts" / "current").unlink()  # so that there is something to publish
    done = shell(data, line, hook, **env)
    assert done.returncode == 0, done.stderr.decode("latin-1")
    assert (data / "marts" / "current").resolve().name == was.name
    assert hook.heard == [] and done.stderr == b""
    if env:
        text = done.stdout.decode("latin-1")
        assert "! too slow" in text and "2024±" in text
        assert "?" not in text.replace("how far is the Netherlands?", "")
        lines = text.splitlines()
        assert max(len(x) for x in lines[:-1]) <= 100


def test_data_keep_every_character_in_any_locale(first_run: dict[str, Any], hook: Any) -> None:
    line = f"{CLI} query \"SELECT '≥ 5 µg → €' AS x\" --csv"
    done = shell(first_run["data"], line, hook, PYTHONIOENCODING="latin-1")
    assert done.stdout.decode("utf-8").splitlines() == ["x", "≥ 5 µg → €"]


def test_no_character_of_the_scoreboard_is_lost_on_a_plain_terminal() -> None:
    common.use_streams()
    from pipeline.report.statuses import MARK

    plain = "".join(MARK.values()).encode("ascii", "missiemonitor.plain")
    assert b"?" not in plain and len(plain) == len("".join(MARK.values()))
    assert "漢".encode("ascii", "missiemonitor.plain") == b"?"


@pytest.mark.slow
def test_a_database_that_is_open_in_a_client_fails_no_run_without_news(
    data: Path, process: Cli
) -> None:
    release = (data / "marts" / "current").resolve()
    (release / "missiemonitor.duckdb").chmod(0o644)
    with closing(duckdb.connect(str(release / "missiemonitor.duckdb"))):
        done = process(data, "run", "--offline", "--as-of", "2026-11-23", "--publish")
        assert done.returncode == 0, done.stderr
        assert "! too slow" in done.stdout
    assert (data / "marts" / "current").resolve() == release
    assert damages(release) == []


@pytest.mark.slow
def test_a_damaged_release_is_written_anew_and_doctor_names_the_file(data: Path, cli: Cli) -> None:
    release = (data / "marts" / "current").resolve()
    database = release / "missiemonitor.duckdb"
    database.chmod(0o644)
    database.write_bytes(b"gone")
    (release / "report" / "index.html").unlink()
    told = cli(data, "doctor")
    assert told.returncode == 3
    for damage in ("missiemonitor.duckdb is not as it was published", "index.html is missing"):
        [line] = [x for x in told.stderr.splitlines() if damage in x]
        assert release.name in line and "`missiemonitor run` writes it anew" in line
    done = cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish")
    assert done.returncode == 0, done.stderr
    assert (data / "marts" / "current").resolve() == release and damages(release) == []
    told = cli(data, "doctor")
    assert (told.returncode, told.stderr) == (0, "")


STANDS = Written("0123456789abcdef", True)


def test_what_fails_after_the_release_is_a_warning_and_no_lost_night(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, [], {})
    fault = Fault("published", "[Errno 28] No space left on device")
    found = outcome_of(STANDS, warehouse, {}, [fault])
    assert found.published and found.degraded and found.why == ()
    assert found.warnings == (
        "! after release 0123456789abcdef was written: published: [Errno 28] No space left on device",
    )
    lost = outcome_of(None, warehouse, {}, [fault])
    assert not lost.stands and lost.why == ("published: [Errno 28] No space left on device",)
    # The run itself broke off (Dagster's storage, the clearing of old runs, an import).
    for written, stands in ((STANDS, True), (None, False)):
        found = outcome_despite(written, OSError(28, "No space left on device"))
        assert found.stands is stands and found.degraded is stands
        alert = compose(found, Paths(tmp_path))
        assert alert is not None and alert.failed is not stands
        assert ("Nothing was published" in alert.body) is not stands


def test_a_run_of_a_day_that_has_passed_alerts_nobody(tmp_path: Path) -> None:
    bad = {"cbs/1": PullResult("cbs/1", "failed", "no answer", "", "run", "2026-11-23T03:00:00")}
    aside = Written(STANDS.release, False)
    found = outcome_of(aside, Warehouse(tmp_path, [], {}), bad, [])
    assert found == Outcome(False, True, (), found.warnings, STANDS.release)
    assert found.stands and compose(found, Paths(tmp_path)) is None
