"""PostgreSQL, Redis, a bucket, the web server, the daemon and workers, each a real process: what a
cluster of several machines has, on this one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from test_ui import free_port, post, wait_for

SECRET = "s3cret/of:all@"  # what no file, message or record may show
QUOTED = "s3cret%2Fof%3Aall%40"
LOCATION = "assets.celery_definitions"
BIN = Path(sys.executable).parent
STARTS = 300.0
Process = subprocess.Popen[bytes]


def postgres_bin() -> Path | None:
    """The folder of Debian's newest PostgreSQL; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def end(process: Process) -> None:
    """End a process with all that it started."""
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)


@contextmanager
def running(
    words: list[str], log: Path, env: Mapping[str, str] | None = None, user: str | None = None
) -> Iterator[Process]:
    """A process with a group of its own; what it prints goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            words, env=env, stdout=out, stderr=out, start_new_session=True, user=user
        )
    try:
        yield process
    finally:
        end(process)


@contextmanager
def postgres(logs: Path) -> Iterator[str]:
    """An address of an empty database. The server refuses root: it runs as another user then."""
    where = postgres_bin()
    assert where is not None
    # Not below pytest's folder, which is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    (folder / "password").write_text(SECRET)
    if user:
        shutil.chown(folder / "password", user)
    try:
        subprocess.run(
            [
                where / "initdb", "-D", folder / "data", "-U", "dagster", "-A", "scram-sha-256",
                "--pwfile", folder / "password", "-N", "-E", "UTF8", "--locale", "C",
            ],
            check=True, user=user, cwd=folder, capture_output=True,
        )  # fmt: skip
        port = str(free_port())
        words = [
            str(where / "postgres"), "-D", str(folder / "data"), "-p", port, "-k", str(folder),
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
        ]  # fmt: skip
        with running(words, logs / "postgres", user=user):
            ready = [where / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
            wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, STARTS)
            yield f"postgresql+psycopg2://dagster:{QUOTED}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis(logs: Path) -> Iterator[str]:
    """An address of an empty Redis."""
    port = free_port()
    # By its standard input: in its words any user of this machine could read the password.
    with (logs / "redis").open("ab") as out:
        process = subprocess.Popen(
            ["redis-server", "-"], stdin=subprocess.PIPE, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdin
        process.stdin.write(
            f'port {port}\nbind 127.0.0.1\nsave ""\nrequirepass "{SECRET}"\n'.encode()
        )
        process.stdin.close()
        yield f"redis://:{QUOTED}@127.0.0.1:{port}/0"
    finally:
        end(process)


@contextmanager
def bucket(logs: Path) -> Iterator[dict[str, str]]:
    """An S3 server with a bucket `monitor`: what its clients find in their environment."""
    port = free_port()
    words = [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    address = f"http://127.0.0.1:{port}"
    with running(words, logs / "s3"):
        request = urllib.request.Request(f"{address}/monitor", method="PUT")
        wait_for(lambda: urllib.request.urlopen(request, timeout=5).status == 200, STARTS)
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "monitor",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "eu-west-1",
        }


class Cluster:
    """All of them at work on one folder of data."""

    def __init__(
        self, data: Path, logs: Path, root: Path, stack: ExitStack, env: Mapping[str, str]
    ) -> None:
        self.data, self.logs, self.root, self.stack = data, logs, root, stack
        broker, port = stack.enter_context(redis(logs)), free_port()
        self.env = {
            **os.environ,
            **stack.enter_context(bucket(logs)),
            "MISSIEMONITOR_DATA": str(data),
            "MISSIEMONITOR_INSTANCE": str(data / "dagster"),
            "MISSIEMONITOR_POSTGRES_URL": stack.enter_context(postgres(logs)),
            "MISSIEMONITOR_PUBLISH_TO": "s3://monitor/releases",
            "DAGSTER_HOME": str(root / "deploy"),
            "CELERY_BROKER_URL": broker,
            "CELERY_RESULT_BACKEND": broker,
            **env,
        }
        (data / "dagster").mkdir(parents=True)
        self.url = f"http://127.0.0.1:{port}/graphql"
        web = ["dagster-webserver", "-m", LOCATION, "-h", "127.0.0.1", "-p", str(port)]
        self.start("web", *web)
        # It makes the tables: two that do so at once are in each other's way.
        loaded = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
        wait_for(lambda: '"LOADED"' in json.dumps(post(self.url, loaded)), STARTS)
        self.daemon = self.start("daemon", "dagster-daemon", "run", "-m", LOCATION)

    def start(self, name: str, *words: str) -> Process:
        """One of its processes, by the command that compose.yaml has too."""
        return self.stack.enter_context(
            running([str(BIN / words[0]), *words[1:]], self.logs / name, self.env)
        )

    def worker(self, name: str, queues: str) -> Process:
        return self.start(
            name, "celery", "-A", "dagster_celery.app", "worker", "-Q", queues,
            "--concurrency", "1", "--disable-prefetch", "-n", f"{name}@%h",
        )  # fmt: skip


@contextmanager
def cluster(data: Path, logs: Path, root: Path, **env: str) -> Iterator[Cluster]:
    """A cluster without a worker yet."""
    with ExitStack() as stack:
        yield Cluster(data, logs, root, stack, env)
