"""A bucket in memory whose network has faults, small releases, and a reader who checks what it reads."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from pipeline.bucket import Bucket
from pipeline.release.swap import swap_in

SLOW = 0.03
KINDS = ("refused", "503", "slow", "cut", "answer lost")


class Store(MemoryFileSystem):  # type: ignore[misc]
    """An object store: a PUT is whole or is not, as S3, GCS and Azure promise, but for `cut`, which leaves
    half of an object, as a worse one may. `faults`: how many of a hundred calls have one. `each`: called
    before every call, as whoever reads meanwhile. `puts`: the names of what was written."""

    cachable = False

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        # The library's stores are one; each test has its own.
        self.store: dict[str, Any] = {}
        self.pseudo_dirs = [""]
        self.chance = random.Random(seed)
        self.faults = 0
        self.seen: Counter[str] = Counter()
        self.puts: list[str] = []
        self.each: Callable[[], None] = lambda: None

    def __hash__(self) -> int:
        return id(self)

    def _fault(self) -> str:
        self.each()
        kind = ""
        if self.chance.randrange(100) < self.faults:
            kind = self.chance.choice(KINDS)
            self.seen[kind] += 1
        if kind == "refused":
            raise ConnectionRefusedError("Connect call failed ('10.0.0.1', 443)")
        if kind == "503":
            raise OSError("An error occurred (SlowDown) when calling: reduce your request rate")
        if kind == "slow":
            time.sleep(SLOW)
        return kind

    def _after(self, kind: str) -> None:
        if kind in ("cut", "answer lost"):
            raise OSError("Connection was closed before we received a valid response")

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
        self._after(self._fault())
        return bytes(super().cat_file(path, *args, **kwargs))

    def get_file(self, rpath: str, lpath: str, *args: Any, **kwargs: Any) -> None:
        kind = self._fault()
        content = super().cat_file(rpath)
        Path(lpath).write_bytes(content[: len(content) // 2] if kind == "cut" else content)
        self._after(kind)

    def put_file(self, lpath: str, rpath: str, *args: Any, **kwargs: Any) -> None:
        kind = self._fault()
        content = Path(lpath).read_bytes()
        if kind == "cut":
            content = content[: len(content) // 2]
        if kind != "cut" or not rpath.endswith("current.json"):
            self.pipe_file(rpath, content)
            self.puts.append(rpath)
        self._after(kind)

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        self._after(self._fault())
        return super().find(path, *args, **kwargs)

    def rm(self, path: str, *args: Any, **kwargs: Any) -> None:
        kind = self._fault()
        if kind == "cut":
            for name in list(super().find(path))[:1]:
                super().rm_file(name)
        else:
            super().rm(path, *args, **kwargs)
        self._after(kind)

    def bucket(self, seconds: float = 60.0) -> Bucket:
        return Bucket(self, "/b/pub", "s3://b/pub", seconds)

    def content(self, name: str) -> bytes | None:
        """What lies there, without a network."""
        found = self.store.get(f"/b/pub/{name}")
        return None if found is None else bytes(found.getvalue())


def reading(get: Callable[[str], bytes | None]) -> Iterator[str]:
    """A reader who knows the address: `current.json`, the data package, and every file by its hash. A step
    is one file; the last value is the release. AssertionError for anything that is not whole."""
    said = get("current.json")
    if said is None:
        return
    found = json.loads(said)
    yield ""
    package = get(found["datapackage"])
    assert package is not None, found
    assert hashlib.sha256(package).hexdigest() == found["sha256"], found
    described = json.loads(package)
    assert described["id"] == found["release"]
    folder = found["datapackage"].rpartition("/")[0]
    sums = get(f"{folder}/SHA256SUMS")
    assert sums is not None, folder
    hashes = {r["path"]: r["hash"].removeprefix("sha256:") for r in described["resources"]}
    assert hashes
    for line in sums.decode().splitlines():
        sha, _, name = line.partition("  ")
        yield ""
        content = get(f"{folder}/{name}")
        assert content is not None, f"{folder}/{name} is missing"
        assert hashlib.sha256(content).hexdigest() == sha == hashes.get(name, sha), name
    yield str(found["release"])


def release_name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


def publish_small(marts: Path, number: int) -> str:
    """Let release `number`, of some small files, be the current one; its name."""
    name = release_name(number)

    def fill(folder: Path) -> None:
        resources = []
        for table in ("a", "b", "c"):
            # Of one size in every release: only a hash tells them apart.
            content = f"{table} of {number:08d}".encode() * 20
            (folder / f"{table}.parquet").write_bytes(content)
            sha = hashlib.sha256(content).hexdigest()
            resources.append({"path": f"{table}.parquet", "hash": f"sha256:{sha}"})
        (folder / "report").mkdir()
        (folder / "report" / "index.html").write_text(f"<p>{number:08d}")
        (folder / "empty").touch()
        package = {"id": name, "resources": resources}
        (folder / "datapackage.json").write_text(json.dumps(package))

    swap_in(marts, name, fill)
    history = marts / "history"
    history.mkdir(exist_ok=True)
    (history / "history.js").write_text(f"window.x = {number:08d};")
    (history / f"{number:05d}.json").write_text(f"{number}")
    (history / ".reached.json").write_text(f"{number}")
    return name
