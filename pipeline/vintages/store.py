"""The only writer of data/raw: vintages as received, their manifests and verdicts.

A vintage is a folder with `body.gz` (the bytes as received, deterministic gzip) and
`manifest.json`. It appears by one rename and never changes. There is no pointer to a "latest"
vintage that could be wrong: which one the models read follows from the vintages, their dates
and their verdicts, each time. Parsing belongs in formats/, verdicts in validate.py.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipeline.clock import now
from pipeline.files import dump, sha256_of, write_atomic
from pipeline.paths import Paths, is_safe, safe_name
from pipeline.vintages.bundle import copy_bundle
from pipeline.vintages.order import came_later, place
from pipeline.vintages.prune import used

MAX_BODY = 2 << 30
_LOCAL = "_local"
_REQUIRED = ("source", "dataset", "origin", "known_from", "known_from_basis", "sha256", "scope")


class ArchiveError(ValueError):
    """A vintage that cannot be read or stored: one line."""


@dataclass(frozen=True)
class Vintage:
    """One edition of a dataset. `fault` says why its manifest cannot be used, if so. `arrival`: its
    number among the dataset's vintages as they came into this archive; None if nobody counted."""

    source: str
    dataset: str
    folder: Path
    manifest: Mapping[str, Any]
    fault: str = ""
    arrival: int | None = None

    @property
    def vintage_id(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of the body as received; of that and
        its number of arrival, where the same bytes had come before."""
        if isinstance(self.manifest.get("returned"), str):
            return str(self.manifest["returned"])[:16]
        return str(self.manifest.get("sha256", ""))[:16] or f"unread-{self.folder.name[-12:]}"

    @property
    def known_from(self) -> date:
        """The day from which its figures were known."""
        try:
            return date.fromisoformat(str(self.manifest["known_from"]))
        except (KeyError, ValueError):
            # Only the folder's name is left to go by.
            try:
                return date.fromisoformat(self.folder.name[:10])
            except ValueError:
                return date.min

    @property
    def partial(self) -> bool:
        """Whether it holds a part of its dataset only: it is compared, and never in use."""
        return bool(self.manifest.get("partial"))

    @property
    def scope(self) -> Mapping[str, list[Any]]:
        """What it declares to hold: `series`, `geos`, `years`, `units`, as far as it does."""
        scope = self.manifest.get("scope")
        return scope if isinstance(scope, dict) else {}

    def reading(self, format: str, code: str | None) -> dict[str, Any]:
        """How its body is read: `format`, `code`, `keys`, `units`. A live vintage, or a file whose
        format was recognised, says so itself, since it may be another one than the dataset's; others
        are read as given here."""
        manifest = self.manifest
        if manifest.get("origin") != "live" and "recognised" not in manifest:
            return {"format": format, "code": code, "keys": {}, "units": {}}
        named = {
            part: {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
            for part in ("keys", "units")
            for found in (manifest.get(part),)
        }
        states = manifest.get("states")
        return {
            "format": str(manifest.get("format") or format),
            "code": str(states) if states else None,
            **named,
        }

    def stamp(self) -> str:
        """Digest of the stored bytes: a bit that flips on disk must not hide behind a verdict."""
        try:
            return sha256_of(self.folder / "body.gz")
        except OSError:
            return "missing"

    def body(self) -> bytes:
        """The bytes as received. ArchiveError if they are not whole."""
        if self.fault:
            raise ArchiveError(self.fault)
        path = self.folder / "body.gz"
        try:
            with gzip.open(path) as file:
                body = file.read(MAX_BODY + 1)
        except FileNotFoundError as error:
            raise ArchiveError("body.gz is missing: restore it or remove the vintage") from error
        except (OSError, EOFError, zlib.error) as error:
            raise ArchiveError(f"stored bytes are damaged ({error}): restore body.gz") from error
        if len(body) > MAX_BODY:
            raise ArchiveError(f"body is larger than {MAX_BODY >> 30} GiB: refused")
        if hashlib.sha256(body).hexdigest() != self.manifest["sha256"]:
            raise ArchiveError("checksum differs from the manifest's sha256: restore body.gz")
        return body

    @property
    def whole(self) -> bool:
        """Whether the bytes as received can be had."""
        try:
            self.body()
        except ArchiveError:
            return False
        return True


def _last(vintages: Iterable[Vintage]) -> int:
    """The greatest number of arrival so far."""
    return max((v.arrival or 0 for v in vintages), default=0)


def _check_scope(scope: Any) -> None:
    """ValueError if it does not declare what it declares as lists of texts, years as numbers."""
    if not isinstance(scope, dict):
        return  # nothing is declared
    for name, kind in (("series", str), ("geos", str), ("years", int), ("units", str)):
        listed = scope.get(name)
        if listed is not None and not (
            isinstance(listed, list) and all(type(value) is kind for value in listed)
        ):
            raise ValueError(f"`scope.{name}` is not a list of {kind.__name__}")


def _read_vintage(source: str, dataset: str, folder: Path, noted: int | None = None) -> Vintage:
    """`noted`: its number of arrival, where the manifest has none."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("not an object")
        if missing := [k for k in _REQUIRED if k not in manifest]:
            raise ValueError(f"no `{missing[0]}`")
        if (manifest["source"], manifest["dataset"]) != (source, dataset):
            raise ValueError(f"is for {manifest['source']}/{manifest['dataset']}")
        date.fromisoformat(manifest["known_from"])
        _check_scope(manifest["scope"])
    except (OSError, ValueError, TypeError) as error:
        fault = f"manifest.json cannot be used ({error})"
        return Vintage(source, dataset, folder, {}, fault, noted)
    arrival = manifest["arrival"] if type(manifest.get("arrival")) is int else noted
    return Vintage(source, dataset, folder, manifest, "", arrival)


class Archive:
    """Vintages below `paths.raw`: bundled ones read-only, others in `_local/` (not in git)."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.root = paths.raw

    def seed(self) -> None:
        """Give a root of data the bundled vintages, those of a later version as well, and count
        what came by another way than `add`."""
        copy_bundle(self.paths.bundle, self.root)
        datasets = {
            (folder.parent.name, folder.name)
            for base in (self.root, self.root / _LOCAL)
            for folder in base.glob("[!_.]*/[!_.]*")
            if folder.is_dir()
        }
        for source, dataset in sorted(datasets):
            if is_safe(source) and is_safe(dataset):
                self._count(source, dataset)

    def _found(self, source: str, dataset: str) -> list[Vintage]:
        """What lies there, in the order of vintages."""
        noted = self._noted(source, dataset)
        found = []
        for base in (self.root, self.root / _LOCAL):
            folder = base / safe_name(source) / safe_name(dataset)
            if folder.is_dir():
                found += [
                    _read_vintage(source, dataset, p, noted.get(self._name(p)))
                    for p in folder.iterdir()
                    if p.is_dir() and not p.name.startswith(("_", "."))
                ]
        return sorted(found, key=place)

    def _noted(self, source: str, dataset: str) -> dict[str, int]:
        """Folder → number of arrival of what did not come by `add`."""
        noted = read_note(self._beside("_arrivals", source, dataset))
        return {name: n for name, n in noted.items() if type(n) is int}

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def _count(self, source: str, dataset: str) -> None:
        """Number what came by another way than `add` (shipped with the project, put there by hand)
        after what is there. A number never changes."""
        if all(v.arrival is not None for v in self._found(source, dataset)):
            return
        with self._lock(source, dataset):
            self._number(source, dataset)

    def _number(self, source: str, dataset: str) -> list[Vintage]:
        """The dataset's vintages, each with its number; the lock is held."""
        found = self._found(source, dataset)
        new = [v for v in found if v.arrival is None]
        if not new:
            return found
        numbers = {self._name(v.folder): n for n, v in enumerate(new, _last(found) + 1)}
        whole = {**self._noted(source, dataset), **numbers}
        write_atomic(self._beside("_arrivals", source, dataset), dump(whole))
        return self._found(source, dataset)

    def _lock(self, source: str, dataset: str) -> FileLock:
        path = self._beside("_arrivals", source, dataset).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    def vintages(self, source: str, dataset: str, as_of: date | None = None) -> list[Vintage]:
        """Oldest first, in the one order of order.py. None later than `as_of`.

        A body that is there twice, pulled here and shipped with the project since, is one vintage,
        known from the earlier day and here since the first of them came.
        """
        one_each: dict[str, Vintage] = {}
        for vintage in self._found(source, dataset):
            kept = one_each.setdefault(vintage.vintage_id, vintage)
            if came_later(kept, vintage):
                one_each[vintage.vintage_id] = replace(kept, arrival=vintage.arrival)
        return [
            v
            for v in sorted(one_each.values(), key=place)
            if as_of is None or v.known_from <= as_of
        ]

    def shipped(self, vintage: Vintage) -> bool:
        """Whether it came with the project, and not by a pull or a file."""
        return _LOCAL not in vintage.folder.relative_to(self.root).parts

    def add(self, source: str, dataset: str, body: bytes, manifest: Mapping[str, Any]) -> Vintage:
        """Keep `body` as a candidate vintage, the newest of those known from its day.

        The bytes of the one just before it give that one, if they are still whole. Bytes that an
        older one had are a vintage of their own: somebody took back what was said in between.
        """
        if len(body) > MAX_BODY:
            raise ArchiveError(f"body is larger than {MAX_BODY >> 30} GiB: refused")
        digest = hashlib.sha256(body).hexdigest()
        known_from = date.fromisoformat(str(manifest["known_from"]))
        full = {**manifest, "source": source, "dataset": dataset, "sha256": digest}
        full["bytes"] = len(body)
        full.pop("returned", None)
        parent = self.root / _LOCAL / safe_name(source) / safe_name(dataset)
        # Two that come at once must not get the same number.
        with self._lock(source, dataset):
            earlier = self._number(source, dataset)
            partial = bool(manifest.get("partial"))
            before = [v for v in self.vintages(source, dataset, known_from) if v.partial == partial]
            if before and before[-1].manifest.get("sha256") == digest and before[-1].whole:
                return before[-1]
            full["arrival"] = _last(earlier) + 1
            full["arrived"] = now().isoformat(timespec="microseconds")
            name, final = digest, parent / f"{known_from.isoformat()}_{digest[:12]}"
            if final.exists() or any(v.manifest.get("sha256") == digest for v in earlier):
                name = hashlib.sha256(f"{digest} {full['arrival']}".encode()).hexdigest()
                full["returned"] = name
                final = parent / f"{known_from.isoformat()}_{name[:12]}"
            self._store(final, body, full)
        return _read_vintage(source, dataset, final)

    def _store(self, final: Path, body: bytes, manifest: Mapping[str, Any]) -> None:
        final.parent.mkdir(parents=True, exist_ok=True)
        staged = final.with_name(f".{secrets.token_hex(8)}.tmp")
        staged.mkdir()
        try:
            for part, content in (
                ("body.gz", gzip.compress(body, 9, mtime=0)),
                ("manifest.json", dump(manifest)),
            ):
                with (staged / part).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            try:
                staged.rename(final)
            except OSError as error:
                raise ArchiveError(f"cannot store the vintage: {error}") from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def verdict(self, vintage: Vintage, key: str) -> dict[str, Any] | None:
        """The verdict given under the same rules and circumstances (`key`), if there is one."""
        path = self._verdict_path(vintage, key)
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        used(path)
        return found if isinstance(found, dict) else None

    def keep_verdict(self, vintage: Vintage, key: str, verdict: Mapping[str, Any]) -> None:
        """Verdicts are added, never changed: a new rule or neighbour gives another key."""
        path = self._verdict_path(vintage, key)
        if not path.exists():
            write_atomic(path, dump(verdict))

    # What pulls leave behind: outside git, outside the published set.

    def note_seen(self, vintage: Vintage, moment: datetime) -> None:
        """The publisher still says what this vintage says: first and last time, and how often."""
        path = self._beside("_seen", vintage.source, vintage.dataset)
        seen = read_note(path)
        at = moment.isoformat(timespec="seconds")
        entry = seen.get(vintage.vintage_id)
        entry = entry if isinstance(entry, dict) else {"first": at, "times": 0}
        seen[vintage.vintage_id] = {**entry, "last": at, "times": int(entry["times"]) + 1}
        write_atomic(path, dump(seen))

    def seen(self, source: str, dataset: str) -> dict[str, Any]:
        """vintage_id → first, last and times it was seen unchanged."""
        return read_note(self._beside("_seen", source, dataset))

    def pins(self, source: str, dataset: str) -> dict[str, str]:
        """Codes that were once resolved by title; they may not change unnoticed."""
        return {
            str(k): str(v) for k, v in read_note(self._beside("_pins", source, dataset)).items()
        }

    def keep_pins(self, source: str, dataset: str, pins: Mapping[str, str]) -> None:
        """Have these pins instead of those there are; none leave them as they are."""
        if pins and dict(pins) != self.pins(source, dataset):
            write_atomic(self._beside("_pins", source, dataset), dump(dict(pins)))

    def pull_state(self, source: str, dataset: str) -> dict[str, Any]:
        """What the last good pull left (`vintage_id`, `request`, and `validators` for a 304), and
        how the last pull ended (`result`)."""
        return read_note(self._beside("_pulls", source, dataset))

    def pull_states(self) -> Iterator[dict[str, Any]]:
        """The pull state of every dataset that was ever pulled."""
        return (read_note(path) for path in sorted(self.root.glob("_pulls/[!_]*/*.json")))

    def keep_pull_state(self, source: str, dataset: str, state: Mapping[str, Any]) -> None:
        """Write these parts of the pull state; the others stay as they are."""
        whole = {**self.pull_state(source, dataset), **state}
        write_atomic(self._beside("_pulls", source, dataset), dump(whole))

    @property
    def ledger(self) -> Path:
        """Where the transport remembers downloads an hour."""
        return self.root / "_pulls" / "_hours"

    def _beside(self, kind: str, source: str, dataset: str) -> Path:
        return self.root / kind / safe_name(source) / f"{safe_name(dataset)}.json"

    def _verdict_path(self, vintage: Vintage, key: str) -> Path:
        parts = (vintage.source, vintage.dataset, vintage.folder.name)
        folder = self.root / "_verdicts"
        for part in parts:
            folder /= safe_name(part)
        return folder / f"{safe_name(key)}.json"


def read_note(path: Path) -> dict[str, Any]:
    """A small JSON file of ours; nothing if it is not there or broken: it can be made again."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
