"""The only writer of data/marts: one release folder, swapped in by one rename.

A release is named by the hash of its Parquet files; a reader that has the old one open keeps
it. What the tables are belongs in the SQL files.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.archive import dump
from pipeline.models import Model
from pipeline.warehouse import BuildError, literal, quoted

if TYPE_CHECKING:
    from pipeline.session import Session

KEPT = 3
KEPT_SECONDS = 24 * 3600
DATABASE = "missiemonitor.duckdb"


def publish(session: Session) -> Path:
    """Publish every mart of the work folder; give the release's folder.

    BuildError, with the published set untouched, if a mart is missing, failed a blocking check,
    or was built from something else than what lies beside it.
    """
    marts = [m for m in session.models.values() if m.layer == "marts"]
    _must_be_sound(session)
    hashes = {m.table: session.hash_of(m.name) for m in marts}
    name = hashlib.sha256(dump(hashes)).hexdigest()[:16]
    root = session.paths.marts
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    _sweep(releases)
    release = releases / name
    if not release.is_dir():
        staged = releases / f".{name}.{secrets.token_hex(6)}.tmp"
        staged.mkdir()
        try:
            _fill(session, staged, marts, name)
            staged.rename(release)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    _point(root / "current", f"releases/{name}")
    for entry in sorted(p.name for p in release.iterdir()):
        _point(root / entry, f"current/{entry}")
    _prune(root, releases)
    return release


def _must_be_sound(session: Session) -> None:
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
            if upstream.split(".")[0] != "checks" and session.hash_of(upstream) != sha:
                raise BuildError(
                    f"{model.name} was built from an older {upstream}: run the whole of nightly"
                )


def _fill(session: Session, folder: Path, marts: list[Model], name: str) -> None:
    for model in marts:
        shutil.copyfile(session.warehouse.file(model.name), folder / f"{model.table}.parquet")
    _database(folder, marts)
    (folder / "datapackage.json").write_bytes(dump(_package(session, folder, marts, name)))
    from pipeline.report.page import render

    (folder / "report").mkdir()
    page = render(folder)
    (folder / "report" / "index.html").write_text(page, "utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _database(folder: Path, marts: list[Model]) -> None:
    import duckdb

    con = duckdb.connect()
    try:
        con.execute("SET autoinstall_known_extensions=false")
        # Without this storage version clients of DuckDB 1.x cannot open the file.
        file = literal((folder / DATABASE).as_posix())
        con.execute(f"ATTACH {file} AS published (STORAGE_VERSION 'v1.0.0')")
        con.execute("CREATE SCHEMA published.marts")
        for model in marts:
            table = f"published.marts.{quoted(model.table)}"
            columns = ", ".join(
                f"{quoted(c.name)} {c.type}" + (" NOT NULL" if _never_null(model, c.name) else "")
                for c in model.columns
            )
            source = literal((folder / f"{model.table}.parquet").as_posix())
            con.execute(f"CREATE TABLE {table} ({columns})")
            con.execute(f"INSERT INTO {table} SELECT * FROM read_parquet({source})")
            con.execute(f"COMMENT ON TABLE {table} IS {literal(model.description)}")
            for column in model.columns:
                con.execute(
                    f"COMMENT ON COLUMN {table}.{quoted(column.name)} IS {literal(column.comment)}"
                )
        con.execute("DETACH published")
    finally:
        con.close()


def _never_null(model: Model, column: str) -> bool:
    return any(
        e.kind == "not_null" and e.options.get("column") == column and e.blocking
        for e in model.expectations
    )


_FRICTIONLESS = {
    "VARCHAR": "string", "INTEGER": "integer", "BIGINT": "integer", "DOUBLE": "number",
    "BOOLEAN": "boolean", "DATE": "date",
}  # fmt: skip


def _package(session: Session, folder: Path, marts: Iterable[Model], name: str) -> dict[str, Any]:
    import pyarrow.parquet as pq

    sources = [
        {"title": f"{s.publisher}: {s.citation}", "path": s.landing_url or s.base_url}
        for s in session.registry.sources.values()
    ]
    resources = []
    for model in marts:
        file = folder / f"{model.table}.parquet"
        resources.append(
            {
                "name": model.table,
                "path": file.name,
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
                "description": model.description,
                "hash": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}",
                "bytes": file.stat().st_size,
                "rows": pq.read_metadata(file).num_rows,
                "licenses": [{"name": "CC-BY-4.0", "title": "see licence per source"}],
                "sources": sources,
                "schema": {
                    "fields": [
                        {
                            "name": c.name,
                            "type": "array" if c.type.endswith("[]") else _FRICTIONLESS[c.type],
                            "description": c.comment,
                        }
                        for c in model.columns
                    ],
                    "primaryKey": list(model.grain),
                },
            }
        )
    return {
        "name": "missiemonitor",
        "title": "Missiemonitor: how far the Netherlands has come on its missions",
        "id": name,
        "version": name,
        "profile": "data-package",
        "licenses": [{"name": "CC-BY-4.0", "title": "see licence per source"}],
        "sources": sources,
        "resources": resources,
        "reference_date": session.reference.isoformat(),
    }


def _point(link: Path, target: str) -> None:
    """Let a symlink point at `target` by one atomic replace."""
    if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115
        return
    staged = link.with_name(f".{link.name}.{secrets.token_hex(6)}.tmp")
    staged.symlink_to(target)
    staged.replace(link)


def _sweep(releases: Path) -> None:
    """Remove what a killed run left half made; we hold the lock, so nobody is at it."""
    for path in releases.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
    for path in releases.parent.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _prune(root: Path, releases: Path) -> None:
    current = (root / "current").resolve()
    os.utime(current)
    found = sorted(
        (p for p in releases.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for path in found[KEPT:]:
        if path != current and time.time() - path.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
