"""What a release is made of: the tables that fit together, database, data package, page.

It is named by the hash of that. How its folder is swapped in belongs in swap.py, what the tables
are in the SQL files, how a release is read in read.py.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import duckdb

from pipeline.files import dump, sha256_of
from pipeline.paths import code_version, sql_root
from pipeline.progress.method import METHOD_VERSION
from pipeline.registry import Registry
from pipeline.release.data_package import describe, never_null
from pipeline.release.database import DATABASE, open_release
from pipeline.release.dictionary import Table, gather, markdown
from pipeline.release.record import note
from pipeline.release.swap import set_aside, swap_in
from pipeline.sql import connect, literal, quoted, stoppable
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Column, Model, View, load_views
from pipeline.warehouse.records import BuildError

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
    "pipeline/release/integrity.py",
    "pipeline/report",
)


# Makes the page of a release from its folder and dictionary.
Render = Callable[[Path, list[Table]], str]


def publish(
    warehouse: Warehouse,
    registry: Registry,
    marts: Path,
    reference: date,
    run_id: str,
    render: Render,
    for_readers: bool = True,
) -> Path:
    """Publish every mart of the work folder below `marts`; give the release's folder.

    A release that is there already and was damaged since is written anew. `for_readers`: let
    `current` point to it; else it is written and lies beside. BuildError, with the published set
    untouched, if a table is missing, failed a blocking check, or was built from something else than
    what lies beside it.
    """
    _must_fit(warehouse, reference)
    tables = [m for m in warehouse.models.values() if m.layer == "marts"]
    views = _views(registry, tables)
    identity = _identity(warehouse, reference)
    hashes = {m.name: warehouse.hash_of(m.name) for m in tables}
    content = [
        {m.table: hashes[m.name] for m in tables},
        identity,
        [[v.name, v.description, v.query] for v in views],
        code_version(*_CODE),
    ]
    name = hashlib.sha256(dump(content)).hexdigest()[:16]
    identity["release_id"] = name

    def fill(folder: Path) -> None:
        _copy(warehouse, folder, hashes)
        # What was copied is what lies there, and that still fits together.
        _must_fit(warehouse, reference)
        _must_be_the_same({m.name: warehouse.hash_of(m.name) for m in tables}, hashes)
        _fill(warehouse, folder, [*tables, RELEASE], views, identity, render)

    def tell(swapped: bool) -> None:
        note(warehouse.root, run_id, name, for_readers=for_readers, swapped=swapped)

    if not for_readers:
        release = set_aside(marts, name, fill)
        tell(False)
        return release
    # Before the swap and after it: whatever goes wrong then, what is said of the run is read from here.
    return swap_in(marts, name, fill, lambda: tell(False), lambda: tell(True))


def _identity(warehouse: Warehouse, reference: date) -> dict[str, str]:
    """What the release is made from, as the table `release` says it."""
    columns = ("source", "dataset", "vintage_id", "verdict", "is_current")
    vintages = [
        [row[c] for c in columns] for name in warehouse.datasets for row in warehouse.vintages(name)
    ]
    # Missing ones last.
    vintages.sort(key=lambda row: [(value is None, value) for value in row])
    registry = {
        table: warehouse.hash_of(table)
        for model in warehouse.models.values()
        for table in model.upstream
        if table.startswith("registry.")
    }
    return {
        "reference_date": reference.isoformat(),
        "method_version": METHOD_VERSION,
        "vintages": hashlib.sha256(dump(vintages)).hexdigest()[:16],
        "registry": hashlib.sha256(dump(registry)).hexdigest()[:16],
        "lock": code_version("requirements.lock"),
    }


def _views(registry: Registry, marts: list[Model]) -> list[View]:
    missions = {m.id: m.title.en for m in registry.missions.values() if m.level == "mission"}
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


def _must_fit(warehouse: Warehouse, reference: date) -> None:
    """BuildError unless every table passed its blocking checks, and was built from the files that
    it is published with, as of the date that it is published for."""
    day = reference.isoformat()
    for name in warehouse.datasets:
        as_of = warehouse.dataset_record(name).inputs.get("reference_date")
        if as_of != day:
            raise BuildError(
                f"{name} was taken in as of {as_of}, not {day}: run the whole of nightly"
            )
    records = {name: warehouse.must_have(name) for name in warehouse.models}
    # What failed first: it is why what follows it is older, the table of all checks among them.
    for name, record in records.items():
        if not record.passes_blocking:
            failed = next(c for c in record.checks if not c.passed and c.blocking)
            raise BuildError(
                f"{name} failed {failed.name} ({failed.observed}): not published; put that right "
                "and run the whole of nightly"
            )
    # One answer for each table: many are upstream of several.
    hash_of = cache(warehouse.hash_of)
    for name, record in records.items():
        for upstream, sha in record.inputs.items():
            if hash_of(upstream) != sha:
                raise BuildError(
                    f"{name} was built from an older {upstream}: run the whole of nightly"
                )


def _copy(warehouse: Warehouse, folder: Path, hashes: Mapping[str, str]) -> None:
    """Copy the tables, each of the bytes of which the release has its name."""
    copied = {}
    for name in hashes:
        target = folder / f"{warehouse.models[name].table}.parquet"
        shutil.copyfile(warehouse.file(name), target)
        copied[name] = sha256_of(target)
    _must_be_the_same(copied, hashes)


def _must_be_the_same(found: Mapping[str, str], hashes: Mapping[str, str]) -> None:
    """BuildError if another run has changed a table meanwhile: the lease did not keep it off."""
    for name, sha in hashes.items():
        if found[name] != sha:
            raise BuildError(
                f"{name} was changed while it was published: another run is at work on this data, "
                "and file locks do not keep it off; run one at a time, or on a local disk"
            )


def _fill(
    warehouse: Warehouse,
    folder: Path,
    tables: list[Model],
    views: list[View],
    identity: dict[str, str],
    render: Render,
) -> None:
    with stoppable(connect()) as con:
        _release_table(con, folder, identity)
        write_database(con, folder, tables, views)
    with stoppable(open_release(folder)) as con:
        package = dump(describe(con, folder, tables, warehouse.models, identity))
        (folder / "datapackage.json").write_bytes(package)
        dictionary = gather(con, json.loads(package))
        (folder / "dictionary.md").write_text(markdown(dictionary, identity), "utf-8")
    (folder / "report").mkdir()
    page = render(folder, dictionary)
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
    # What takes longest here is trying FSST compression, which makes the few columns that get it no
    # smaller, and optimising queries that only copy a file: neither is wanted.
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
    for name in sorted(x.table for x in tables) + sorted(v.name for v in views):
        _show(con, name)
    con.execute("COMMIT")
    con.execute("USE memory")
    con.execute("DETACH published")


def _show(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """The same name in the schema that a client looks into first: `SHOW TABLES`, and the lists of tables
    that programs show, would be empty. A file cannot say another search path."""
    con.execute(f"CREATE VIEW main.{quoted(name)} AS SELECT * FROM marts.{quoted(name)}")
    con.execute(
        f"COMMENT ON VIEW main.{quoted(name)} IS {literal(f'The same as marts.{name}, where its columns are told of.')}"
    )


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
