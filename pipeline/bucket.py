"""A bucket, or a folder that stands for one: files by their names below an address (fsspec).

What lies there belongs in release/bucket.py and vintages/mirror.py. Endpoint and credentials come
from the clients' own environment and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pipeline.files import replacing, sha256_of
from pipeline.redact import redacted, shown

T = TypeVar("T")
# What each client calls its limits, in seconds; a server that does not answer is given up on.
_LIMITS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 10,
            "read_timeout": 30,
            "retries": {"mode": "standard", "max_attempts": 3},
        }
    },
    "gs": {"requests_timeout": 60},
    "az": {"connection_timeout": 10, "read_timeout": 30},
    "file": {},
}
_FORMS = "s3://bucket/folder, gs://bucket/folder, az://container/folder or file:///folder"


class BucketError(RuntimeError):
    """A bucket that cannot be reached or does not hold what it should: one line, without secrets."""


class Bucket:
    """Files below `root` of an fsspec file system. `address`: what it is called to people.

    Whatever goes wrong there is a BucketError that names the file, and so is any call later than
    `seconds` after this.
    """

    def __init__(self, files: Any, root: str, address: str, seconds: float) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self.address = address.rstrip("/")
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @classmethod
    def at(cls, url: str, seconds: float) -> Bucket:
        """The bucket that an address names. BucketError for an address that is none, or whose client
        is not installed."""
        scheme = _scheme(url)
        import fsspec  # only where a bucket is used

        try:
            # Not a listing that another has made: it would hide what was written since.
            files, root = fsspec.url_to_fs(
                url, skip_instance_cache=True, use_listings_cache=False, **_LIMITS[scheme]
            )
        except ImportError as error:
            raise BucketError(
                f"{url}: the client of {scheme}:// is not installed: `make .venv/.installed-cluster` "
                "brings it (extra `bucket` in pyproject.toml)"
            ) from error
        except Exception as error:
            raise BucketError(f"{url} cannot be opened: {_said(error)}") from error
        return cls(files, root, url, seconds)

    @property
    def folder(self) -> Path | None:
        """Where it lies if it is a folder of this machine."""
        return Path(self._root) if getattr(self._files, "local_file", False) else None

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        with self._doing("read", name):
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def fetch(self, name: str, file: Path) -> None:
        """Copy a file of the bucket to a file of this machine."""
        with self._doing("read", name):
            self._files.get_file(self._path(name), str(file))

    def sha256(self, name: str) -> str:
        """The hash of what lies there, read whole: what a store calls an etag is not always one."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file"
            self.fetch(name, file)
            return sha256_of(file)

    def put(self, name: str, file: Path) -> None:
        """Write a file, over what was there. Readers find the one or the other, never half of it: so
        is a PUT, and in a folder a rename does the same."""
        with self._doing("written", name):
            if self.folder is not None:
                with replacing(Path(self._path(name))) as staged:
                    shutil.copyfile(file, staged)
            else:
                self._files.put_file(str(file), self._path(name))

    def hold(self, name: str, file: Path, sha256: str, size: int | None) -> bool:
        """Have what `file` holds under that name, and have seen it there; False if it was already.

        `sha256`: what it is to hold; `size`: in bytes, what lies there by the store's own list, None
        for nothing.
        """
        if size == file.stat().st_size and self.sha256(name) == sha256:
            return False
        self.put(name, file)
        if self.sha256(name) != sha256:
            raise BucketError(f"{self.address}/{name} is not what was written to it")
        return True

    def write(self, name: str, content: bytes) -> None:
        """Write a file from memory, and have seen it there."""
        with tempfile.TemporaryDirectory() as folder:
            # With its own ending: by that clients say what kind of file it is.
            file = Path(folder) / name.rpartition("/")[2]
            file.write_bytes(content)
            self.hold(name, file, hashlib.sha256(content).hexdigest(), None)

    def sizes(self, below: str) -> dict[str, int]:
        """The name and size in bytes of a file, or of each below a folder; empty if there is none."""
        with self._doing("listed", below):
            try:
                found = self._files.find(self._path(below), detail=True)
            except FileNotFoundError:
                return {}
            start = len(self._root) + 1
            return {path[start:]: int(info["size"]) for path, info in found.items()}

    def modified(self, name: str) -> datetime:
        """When a file was written, by the store's clock."""
        with self._doing("read", name):
            moment: datetime = self._files.modified(self._path(name))
            return moment

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it."""
        with self._doing("removed", folder):
            self._files.rm(self._path(folder), recursive=True)

    def close(self) -> None:
        """Begin nothing more."""
        self._end = float("-inf")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _doing(self, what: str, name: str) -> Iterator[None]:
        if time.monotonic() > self._end:
            raise BucketError(_too_long(self.address, self._seconds))
        try:
            yield
        except Exception as error:
            raise BucketError(f"{self.address}/{name} cannot be {what}: {_said(error)}") from error


def within(url: str, seconds: float, work: Callable[[Bucket], T]) -> T:
    """What `work` gives with the bucket at `url`. BucketError, after `seconds` at the latest.

    It is done in a thread of its own: a server that sends a byte now and then keeps to every limit
    of a client. What is under way then ends by itself, and nothing more is begun.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    opened: list[Bucket] = []

    def run() -> None:
        try:
            opened.append(Bucket.at(url, seconds))
            results.append(work(opened[0]))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="bucket", daemon=True)
    thread.start()
    try:
        thread.join(seconds + 1)
    finally:
        for bucket in opened:
            bucket.close()
    if errors:
        raise errors[0]
    if not results:
        raise BucketError(_too_long(shown(url), seconds))
    return results[0]


def _scheme(url: str) -> str:
    """The scheme of an address that can be used; BucketError, which repeats no secret, for others."""
    if "@" in url or "?" in url or "#" in url:
        raise BucketError(
            f"{shown(url)}: the address of a bucket has no user, password or token in it: they go into "
            f"the environment of its client (AWS_…, GOOGLE_…, AZURE_STORAGE_…). Write {_FORMS}"
        )
    match = re.fullmatch(r"(s3|gs|az|file)://(.+)", url.rstrip("/"))
    if match is None or "::" in url or (match[1] == "file") != match[2].startswith("/"):
        raise BucketError(f"{shown(url)}: not the address of a bucket; write {_FORMS}")
    return match[1]


def _too_long(address: str, seconds: float) -> str:
    return f"{address}: not done within {seconds:.0f} seconds"


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return redacted(text[0]) if text else type(error).__name__
