"""Dockerfile, compose.yaml and the proxy's configuration, which nobody can run here: every command in them is
there, nothing but the proxy is reached from outside, and the proxy itself, run by a real nginx, lets in
who may come."""

from __future__ import annotations

import base64
import http.client
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster_celery import celery_executor

from assets.celery_definitions import defs
from tests.conftest import cannot_run
from tests.pipeline.test_ui import free_port, wait_for

BIN = Path(sys.executable).parent
OURS = {"web", "daemon", "pull", "compute", "bucket-made"}


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    return found


def test_every_command_is_there_and_loads_what_is_there(services: dict[str, Any]) -> None:
    assert {n for n, s in services.items() if "build" in s} == OURS
    for name in OURS:
        command = services[name]["command"]
        assert (BIN / command[0]).exists(), command
        if "-m" in command:
            assert command[command.index("-m") + 1] == "assets.celery_definitions"
    done = subprocess.run(
        [BIN / "celery", "-A", "dagster_celery.app", "worker", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in ("pull", "compute"):
        options = [w for w in services[name]["command"] if w.startswith("--")]
        assert options and all(o in done.stdout for o in options)


def test_each_queue_has_a_worker(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [services[n]["command"] for n in ("pull", "compute")]
    served = {c[c.index("-Q") + 1] for c in commands}
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://127.0.0.1")
    job = defs().resolve_job_def("nightly")
    assert job.executor_def.name == celery_executor.name
    queues = {n.name: n.definition.tags.get("dagster-celery/queue", "compute") for n in job.nodes}
    assert set(queues.values()) == served == {"pull", "compute"}
    assert queues["raw__eurostat__nrg_ind_ren"] == "pull"
    assert {queues[n] for n in ("registry", "published", "raw__curated__water_flood")} == {
        "compute"
    }


def test_all_are_watched_and_only_the_proxy_is_reached(services: dict[str, Any]) -> None:
    published = {name: s["ports"] for name, s in services.items() if "ports" in s}
    assert published == {"proxy": ["${MISSIEMONITOR_LISTEN:-127.0.0.1:8080}:8080"]}
    for name, service in services.items():
        assert "inside" in service["networks"]
        assert service.get("healthcheck"), name
        if name != "bucket-made":
            assert service["healthcheck"]["test"]
        if "build" not in service:
            assert re.search(r":[A-Z]*\.?\d+[.-]\d+", service["image"]), "its version is pinned"
    outside = {name for name, s in services.items() if "outside" in s["networks"]}
    assert outside == {"proxy", "pull", "daemon"}


def test_no_secret_is_in_it(services: dict[str, Any]) -> None:
    given = r"\$\{[A-Z0-9_]+:\?\}"  # by the environment, and not without
    for service in services.values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", key):
                assert re.fullmatch(given, value), key
            assert all(re.fullmatch(given, p) for p in re.findall(r"://[^/:]*:(.*)@", value)), key
        for word in service.get("command", ()):
            assert "${" not in word, "the words of a command are seen by whoever may list processes"


def test_the_image_is_of_the_lock_and_not_of_root(root: Path, services: dict[str, Any]) -> None:
    lines = (root / "Dockerfile").read_text().splitlines()
    assert "RUN make .venv/.installed-cluster" in lines
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {
        "python:3.11.11-slim-bookworm"
    }
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    words = next(line for line in lines if line.startswith("CMD"))
    assert yaml.safe_load(words.removeprefix("CMD ")) == services["web"]["command"]


def test_dagster_is_set_up_the_same_but_for_its_storage(root: Path) -> None:
    one = yaml.safe_load((root / "dagster.yaml").read_text())
    many = yaml.safe_load((root / "deploy" / "dagster.yaml").read_text())
    assert one.pop("storage").keys() == {"sqlite"}
    assert many.pop("storage") == {
        "postgres": {"postgres_url": {"env": "MISSIEMONITOR_POSTGRES_URL"}}
    }
    assert one == many


class _Ui(BaseHTTPRequestHandler):
    """What it was asked is its answer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers.get('Authorization')}".encode())

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def proxy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real nginx with the configuration as the container fills it in."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        cannot_run("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    ui = ThreadingHTTPServer(("127.0.0.1", 0), _Ui)
    threading.Thread(target=ui.serve_forever, daemon=True).start()
    port = free_port()
    (folder / "users").write_text("anna:{PLAIN}welcome\n")
    text = (root / "deploy" / "nginx.conf.template").read_text()
    for old, new in {
        "${MISSIEMONITOR_HOST}": "monitor.test",
        "${MISSIEMONITOR_ORIGIN}": "https://monitor.test",
        "listen 8080": f"listen 127.0.0.1:{port}",
        "http://web:3000": f"http://127.0.0.1:{ui.server_port}",
        "/run/secrets/users": str(folder / "users"),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "site").write_text(text)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    user = "user root;" if folder.owner() == "root" else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/site; }}"
    )
    words = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*words, "-t", "-q"], check=True)
    process = subprocess.Popen(words)
    try:

        def answers() -> bool:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return process.poll() is None

        wait_for(answers, 60)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)
        ui.shutdown()


ANNA = {"Authorization": "Basic " + base64.b64encode(b"anna:welcome").decode()}
OWN = {"Host": "monitor.test"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/runs", {**OWN, **ANNA}, 200),
        ("POST", "/graphql", {**OWN, **ANNA, "Origin": "https://monitor.test"}, 200),
        ("GET", "/runs", {**OWN, **ANNA, "Sec-Fetch-Site": "cross-site"}, 200),  # a link to it
        ("GET", "/runs", OWN, 401),
        ("POST", "/graphql", {**OWN, "Authorization": "Basic YW5uYTp4"}, 401),
        ("POST", "/graphql", {**OWN, **ANNA, "Origin": "https://elsewhere.test"}, 403),
        ("POST", "/graphql", {**OWN, **ANNA, "Origin": "null"}, 403),
        ("POST", "/graphql", {**OWN, **ANNA, "Origin": "http://monitor.test"}, 403),
        ("GET", "/graphql?query=x", {**OWN, **ANNA, "Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", "/graphql", {"Host": "elsewhere.test", **ANNA}, 421),
        ("GET", "/health", {"Host": "127.0.0.1"}, 204),
        ("GET", "/runs", {"Host": "127.0.0.1", **ANNA}, 421),
    ],
)
def test_the_proxy_lets_in_who_may_come(
    proxy: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == status
    if status == 200:  # and the password goes no further
        assert answer.read().decode() == f"{path} None"
    connection.close()
