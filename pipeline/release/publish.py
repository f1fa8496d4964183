"""The only writer of data/marts: one release folder, swapped in by one rename.

A release is named by the hash of what it is made of; a reader that has the old one open keeps
it. What the tables are belongs in the SQL files, how a release is read in published.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.paths import CHECKOUT, sql_root, write_atomic
from pipeline.release.data_package import describe, never_null
from pipeline.release.database import DATABASE, open_release
from pipeline.vintages.store import dump
from pipeline.warehouse.build import BuildError, connect, literal, quoted
from pipeline.warehouse.model import Column, Model, View, load_views

if TYPE_CHECKING:
    import duckdb

    from pipeline.session import Session

KEPT = 3
KEPT_SECONDS = 24 * 3600
# The table that says which release it is. It cannot come from SQL: it names the others' hash.
RELEASE = Model(
    "marts",
    "release",
    "Which release this is and what it was made from: the same inputs give the same release.",
    ("release_id",),
    (
        Column(
            "release_id", "VARCHAR", "the release: name of its folder and id in datapackage.json"
        ),
        Column("reference_date", "DATE", "date to which the figures are judged"),
        Column("method_version", "VARCHAR", "version of the method"),
        Column("vintages", "VARCHAR", "hash over every vintage known and its verdict"),
        Column("registry", "VARCHAR", "hash over the registry"),
        Column("lock", "VARCHAR", "hash over the locked dependencies"),
    ),
    (),
    "",
    Path(__file__),
)
_CODE = (
    "pipeline/release/publish.py",
    "pipeline/release/data_package.py",
    "pipeline/release/dictionary.py",
    "pipeline/report",
)


Spent = tuple[float, float]


def _spent(since: Spent = (0.0, 0.0)) -> Spent:
    """Seconds by the clock and of CPU since then."""
    return time.perf_counter() - since[0], time.process_time() - since[1]


class Parts:
    """What each part of publication cost; this goes to the work folder, never into the set."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = _spent()
        try:
            yield
        finally:
            wall, cpu = _spent(start)
            before = self.spent.get(name, (0.0, 0.0))
            self.spent[name] = (before[0] + wall, before[1] + cpu)

    def record(self, began: Spent) -> dict[str, dict[str, float]]:
        whole = {**self.spent, "run": _spent(began)}
        return {
            name: {"seconds": round(wall, 4), "cpu_seconds": round(cpu, 4)}
            for name, (wall, cpu) in whole.items()
        }


@dataclass
class Prepared:
    """A release that is ready to be swapped in: its name, and the folder that holds it under
    another name (None where the release is there already)."""

    name: str
    staged: Path | None
    parts: Parts

    def discard(self) -> None:
        """Remove what was written and will not be published."""
        if self.staged is not None:
            shutil.rmtree(self.staged, ignore_errors=True)


def publish(session: Session) -> Path:
    """Publish every mart of the work folder; give the release's folder.

    BuildError, with the published set untouched, if a mart is missing, failed a blocking check,
    or was built from something else than what lies beside it.
    """
    return commit(session, prepare(session))


def prepare(session: Session) -> Prepared:
    """Write the release beside the published set, where no reader finds it. BuildError as above."""
    parts = Parts()
    with parts.part("soundness"):
        marts = [m for m in session.models.values() if m.layer == "marts"]
        _must_be_sound(session)
        views = _views(session, marts)
        identity = _identity(session)
        content = [
            {m.table: session.hash_of(m.name) for m in marts},
            identity,
            [[v.name, v.description, v.query] for v in views],
            _digest(*_CODE),
        ]
        name = hashlib.sha256(dump(content)).hexdigest()[:16]
        identity["release_id"] = name
    with parts.part("publication"):
        staged = stage(
            session.paths.marts,
            name,
            lambda folder: _fill(session, folder, [*marts, RELEASE], views, identity, parts),
        )
    return Prepared(name, staged, parts)


def commit(session: Session, prepared: Prepared) -> Path:
    """Let a prepared release be the current one; give its folder."""
    with prepared.parts.part("publication"):
        release = put_in(session.paths.marts, prepared.name, prepared.staged)
    write_atomic(
        session.paths.work / "publication.json", dump(prepared.parts.record(session.began))
    )
    return release


def swap_in(root: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Let release `name` be the current one below `root`; `fill` writes it if it is not there.

    Readers see the old set or the new one: the folder gets its name when it is whole, and one
    rename lets `current` point to it. One caller at a time (the session's lock).
    """
    return put_in(root, name, stage(root, name, fill))


def stage(root: Path, name: str, fill: Callable[[Path], None]) -> Path | None:
    """The folder that `fill` wrote for release `name`, on disk; None if the release is there."""
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    _sweep(releases)
    if (releases / name).is_dir():
        return None
    staged = releases / f".{name}.{secrets.token_hex(6)}.tmp"
    staged.mkdir()
    try:
        fill(staged)
        _sync(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return staged


def put_in(root: Path, name: str, staged: Path | None) -> Path:
    """Give a staged folder its name, and let `current` point to it."""
    releases = root / "releases"
    release = releases / name
    if staged is not None:
        try:
            staged.rename(release)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    # A reader may have found the outgoing release a moment ago: its age counts from now.
    with suppress(OSError):
        os.utime(root / "current")
    os.utime(release)
    _point(root / "current", f"releases/{name}")
    entries = sorted(p.name for p in release.iterdir())
    for entry in entries:
        _point(root / entry, f"current/{entry}")
    for link in root.iterdir():
        if link.is_symlink() and link.name not in ("current", *entries):
            link.unlink()
    _prune(root, releases)
    return release


def _digest(*parts: str) -> str:
    """Fingerprint of files of the checkout, and of every file below a folder."""
    digest = hashlib.sha256()
    for part in parts:
        path = CHECKOUT / part
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.suffix != ".pyc" and file.is_file():
                digest.update(file.relative_to(CHECKOUT).as_posix().encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _identity(session: Session) -> dict[str, str]:
    """What the release is made from, as the table `release` says it."""
    from pipeline.progress.assess import METHOD_VERSION

    columns = ("source", "dataset", "vintage_id", "verdict", "is_current")
    vintages = [
        [entry[c] for c in columns]
        for name in session.registry.datasets
        for entry in session.chain(name)
    ]
    # Missing ones last.
    vintages.sort(key=lambda row: [(value is None, value) for value in row])
    return {
        "reference_date": session.reference.isoformat(),
        "method_version": METHOD_VERSION,
        "vintages": hashlib.sha256(dump(vintages)).hexdigest()[:16],
        "registry": hashlib.sha256(dump(session.registry_hashes)).hexdigest()[:16],
        "lock": _digest("requirements.lock"),
    }


def _views(session: Session, marts: list[Model]) -> list[View]:
    missions = {
        m.id: m.title.en for m in session.registry.missions.values() if m.level == "mission"
    }
    views = load_views(sql_root(), missions)
    taken = {m.table for m in marts} | {RELEASE.table}
    for view in views:
        if view.name in taken:
            raise BuildError(
                f"view marts.{view.name}: a table or view is called so already; rename the "
                "mission or the SQL file"
            )
        taken.add(view.name)
    return views


def _must_be_sound(session: Session) -> None:
    # One answer for each table: many are upstream of several.
    hash_of = cache(session.hash_of)
    for model in session.models.values():
        note = session.warehouse.note(model.name)
        if note is None:
            raise BuildError(f"{model.name} has not been built: materialise it first")
        if not note.sound:
            failed = next(c for c in note.checks if not c.passed and c.blocking)
            raise BuildError(
                f"{model.name} failed {failed.name} ({failed.observed}): not published"
            )
        for upstream, sha in note.inputs.items():
            if upstream.split(".")[0] != "checks" and hash_of(upstream) != sha:
                raise BuildError(
                    f"{model.name} was built from an older {upstream}: run the whole of nightly"
                )


def _fill(
    session: Session,
    folder: Path,
    tables: list[Model],
    views: list[View],
    identity: dict[str, str],
    parts: Parts,
) -> None:
    from pipeline.release.dictionary import gather, markdown
    from pipeline.report.page import render

    with closing(connect()) as con:
        with parts.part("tables"):
            for model in tables:
                if model is not RELEASE:
                    file = session.warehouse.file(model.name)
                    shutil.copyfile(file, folder / f"{model.table}.parquet")
            _release_table(con, folder, identity)
        with parts.part("database"):
            write_database(con, folder, tables, views)
    with parts.part("package"), closing(open_release(folder)) as con:
        package = dump(describe(con, folder, tables, session.models, identity))
        (folder / "datapackage.json").write_bytes(package)
        dictionary = gather(con, json.loads(package))
        (folder / "dictionary.md").write_text(markdown(dictionary, identity), "utf-8")
    with parts.part("page"):
        (folder / "report").mkdir()
        page = render(folder, session.paths.work / "charts", dictionary)
        (folder / "report" / "index.html").write_text(page, "utf-8")


def _release_table(con: duckdb.DuckDBPyConnection, folder: Path, identity: dict[str, str]) -> None:
    values = ", ".join(
        f"{literal(identity[c.name])}::{c.type} AS {quoted(c.name)}" for c in RELEASE.columns
    )
    file = literal((folder / f"{RELEASE.table}.parquet").as_posix())
    con.execute(f"COPY (SELECT {values}) TO {file} (FORMAT parquet, COMPRESSION zstd)")


def write_database(
    con: duckdb.DuckDBPyConnection, folder: Path, tables: list[Model], views: list[View]
) -> None:
    """The database of the Parquet files in `folder`, with views and every comment.

    `con`: an in-memory DuckDB that is used for nothing else afterwards.
    """
    # It would take longest to try FSST, which a few columns then get and are no smaller for, and to
    # look for a better way to copy a file.
    con.execute("SET disabled_compression_methods='fsst'")
    con.execute("PRAGMA disable_optimizer")
    # Without this storage version clients of DuckDB 1.x cannot open the file. Blocks of the default
    # size would stand mostly empty: a file of 5 MB instead of 1.5.
    file = literal((folder / DATABASE).as_posix())
    con.execute(f"ATTACH {file} AS published (STORAGE_VERSION 'v1.0.0', BLOCK_SIZE 16384)")
    con.execute("USE published")
    con.execute("CREATE SCHEMA marts")
    con.execute("BEGIN")
    for model in tables:
        columns = ", ".join(
            f"{quoted(c.name)} {c.type}" + (" NOT NULL" if never_null(model, c.name) else "")
            for c in model.columns
        )
        source = literal((folder / f"{model.table}.parquet").as_posix())
        con.execute(f"CREATE TABLE marts.{quoted(model.table)} ({columns})")
        con.execute(f"INSERT INTO marts.{quoted(model.table)} SELECT * FROM read_parquet({source})")
        _comment(con, "TABLE", model.table, model.description, model.columns)
    for view in views:
        con.execute(f"CREATE VIEW marts.{quoted(view.name)} AS {view.query}")
        _must_have(con, view)
        _comment(con, "VIEW", view.name, view.description, view.columns)
    con.execute("COMMIT")
    con.execute("USE memory")
    con.execute("DETACH published")


def _comment(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    name: str,
    description: str,
    columns: tuple[Column, ...],
) -> None:
    place = f"marts.{quoted(name)}"
    lines = [f"COMMENT ON {kind} {place} IS {literal(description)}"]
    lines += [
        f"COMMENT ON COLUMN {place}.{quoted(c.name)} IS {literal(c.comment)}" for c in columns
    ]
    con.execute(";".join(lines))


def _must_have(con: duckdb.DuckDBPyConnection, view: View) -> None:
    got = [(r[0], r[1]) for r in con.execute(f"DESCRIBE marts.{quoted(view.name)}").fetchall()]
    if got != [(c.name, c.type) for c in view.columns]:
        odd = [n for n, _ in set(got) ^ {(c.name, c.type) for c in view.columns}] or ["order"]
        raise BuildError(f"view marts.{view.name}: query and header differ in {min(odd)}")


def _point(link: Path, target: str) -> None:
    """Let a symlink point at `target` by one atomic replace."""
    if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115
        return
    staged = link.with_name(f".{link.name}.{secrets.token_hex(6)}.tmp")
    staged.symlink_to(target)
    staged.replace(link)


def _sync(folder: Path) -> None:
    """Have the disk hold every file before the folder gets its name."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(releases: Path) -> None:
    """Remove what a killed run left half made; we hold the lock, so nobody is at it."""
    for path in releases.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
    for path in releases.parent.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _prune(root: Path, releases: Path) -> None:
    current = (root / "current").resolve()
    found = sorted(
        (p for p in releases.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for path in found[KEPT:]:
        if path != current and time.time() - path.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
