"""One run: its reference date, registry, lock, checker and work folder.

The edge at which clock and environment come in; everything below gets them as arguments. The
process in which a session runs beside Dagster is in session_process.py.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.clock import today
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.quality.results import Checker, CheckResult
from pipeline.vintages.store import dump
from pipeline.vintages.validate import PULLED, Intake, Settled, code_version
from pipeline.warehouse.build import BuildError, Note, Warehouse, literal
from pipeline.warehouse.model import Model, load_models

if TYPE_CHECKING:
    from pipeline.registry import Registry
    from pipeline.release.publish import Prepared
    from pipeline.report.board import Standing
    from pipeline.vintages.pull import Outcome

_WAIT_SECONDS = 1800.0
# Tables built at the same time: DuckDB and the checker work on one while Python prepares another.
_BUILDERS = 3
_HEAD = dict.fromkeys(("source", "dataset", "vintage_id", "series_key", "geo", "period"), "VARCHAR")
_OBSERVATIONS = {
    **_HEAD,
    "year": "INTEGER",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "flags": "VARCHAR[]",
}
_REJECTS = {
    **_HEAD,
    "line": "BIGINT",
    "value": "VARCHAR",
    "flags": "VARCHAR[]",
    "reason": "VARCHAR",
}


@dataclass(frozen=True)
class DatasetState:
    """A dataset after its vintages were judged: what a person sees of it. `observations` and
    `rejects`: rows of the vintage in use, None if there is none. `quarantined`: why a newer
    vintage is not in use."""

    vintage_id: str
    known_from: str
    origin: str
    vintages: int
    quarantined: str
    observations: int | None
    rejects: int | None
    checks: list[CheckResult]


@dataclass
class Session:
    """Open with `begin`, close with `end`. One at a time for each root of data."""

    paths: Paths
    reference: date
    say: Callable[[str], None] = print
    settled: dict[str, Settled] = field(default_factory=dict)
    pulled: dict[str, Outcome] = field(default_factory=dict)
    # Where the clocks (wall, CPU) stood when the run's own work began.
    began: tuple[float, float] = field(
        default_factory=lambda: (time.perf_counter(), time.process_time())
    )
    _prepared: Prepared | None = None
    _views: dict[str, str] = field(default_factory=dict)
    _run_put: bool = False

    _lock: FileLock | None = None

    def begin(self) -> Session:
        """Take the lock (waits for a run that is at work) and see that the first vintages are there."""
        self.paths.data.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.paths.lock)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self.say("another run is at work on this data; waiting for it to end")
            try:
                self._lock.acquire(timeout=_WAIT_SECONDS)
            except Timeout as error:
                raise BuildError(
                    f"another run has held {self.paths.lock} for half an hour: look at it first"
                ) from error
        try:
            self.intake.archive.seed()
        except BaseException:
            self.end()
            raise
        return self

    def pull(
        self, sources: Sequence[str] = (), only: Sequence[str] | None = None, run_id: str = ""
    ) -> None:
        """Ask the publishers; what failed is in `pulled`, and nothing is raised for it.

        Nothing is asked for a date that has passed, nor with MISSIEMONITOR_OFFLINE set. `only`:
        the datasets that this run makes. A run that did pull (`run_id`) does not do so twice.
        """
        import os

        if self.reference < today() or os.environ.get("MISSIEMONITOR_OFFLINE", "0") not in (
            "",
            "0",
        ):
            return
        from pipeline.publishers.http import Transport
        from pipeline.vintages.pull import Pulls, keep_outcomes, outcomes_of, to_watch

        archive = self.intake.archive
        if run_id and (found := outcomes_of(archive, run_id)):
            self.pulled = found
            return
        transport = Transport(ledger=archive.ledger)
        try:
            # Past midnight a run still is of the day on which it began.
            day = min(self.reference, today())
            pulls = Pulls(self.paths, self.registry, day, os.environ, transport)
            names = [n for n in pulls.names(sources) if only is None or n in only]
            self.pulled = pulls.run(names, to_watch())
        finally:
            transport.close()
        keep_outcomes(archive, run_id, self.pulled)
        states = [o.state for o in self.pulled.values()]
        self.say(
            f"pulled {len(states)} datasets: {states.count('new')} new, "
            f"{states.count('unchanged')} unchanged, {states.count('failed')} failed"
        )

    def pull_check(self, name: str) -> CheckResult:
        """How tonight's pull of a dataset ended, as a check. It stays out of the published set,
        which may not depend on the network."""
        outcome = self.pulled.get(name)
        if outcome is None:
            said = "not asked in this run"
        elif outcome.good:
            said = "new figures" if outcome.state == "new" else "nothing new"
        else:
            said = f"{outcome.reason}; the last good vintage stays"
        good = outcome is None or outcome.good
        return CheckResult("pulled", good, "error", False, said, 0 if good else 1, [], PULLED)

    def warm_up(self, names: Sequence[str]) -> None:
        """Begin to judge these datasets' vintages that have no verdict yet."""
        self.intake.prefetch_all(names, self.reference)

    def end(self) -> None:
        self._discard()
        self.checker.close()
        if self._lock is not None:
            self._lock.release()

    @cached_property
    def checker(self) -> Checker:
        return Checker()

    @cached_property
    def registry(self) -> Registry:
        from pipeline.registry import load

        return load(registry_root())

    @cached_property
    def models(self) -> dict[str, Model]:
        return load_models(sql_root())

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.paths, self.registry, self.checker)

    @cached_property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.paths.work)

    def dataset(self, name: str) -> DatasetState:
        """Judge a dataset's vintages, and note for the models which one is in use."""
        import pyarrow.parquet as pq

        settled = self.settle(name)
        current = settled.current
        rows, rejects = (
            pq.read_metadata(file).num_rows if file else None
            for file in (settled.parsed, settled.rejects)
        )
        checks = list(settled.checks)
        if self.registry.datasets[name].live:
            checks.append(self.pull_check(name))
        return DatasetState(
            current.vintage_id if current else "none",
            str(current.known_from) if current else "none",
            str(current.manifest.get("origin")) if current else "",
            len(settled.chain),
            settled.pending,
            rows,
            rejects,
            checks,
        )

    def build_all(self, names: Sequence[str]) -> Iterator[tuple[str, Note]]:
        """Build tables, upstream first and several at a time, each given as it is done.

        After a table that failed a blocking check, or could not be built (BuildError as for
        `build`), none is begun any more.
        """
        from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

        if not names:
            return
        models = self.models
        # What all of them share is made before any of them begins.
        _ = self.registry_hashes, self._code, self.warehouse.engine
        if any("run.reference" in models[n].upstream for n in names):
            self.put_run()
        # The checks' own table has every table that is checked before it.
        checked = {n for n, m in models.items() if "checks.results" not in m.upstream}
        waits = {
            n: (set(models[n].upstream) | (set() if n in checked else checked)) & set(names)
            for n in names
        }
        with ThreadPoolExecutor(_BUILDERS) as pool:
            at_work: dict[Future[Note], str] = {}
            failed: BaseException | None = None
            while waits or at_work:
                for name in [n for n, upstream in waits.items() if not upstream]:
                    del waits[name]
                    at_work[pool.submit(self.build, name)] = name
                done, _rest = wait(at_work, return_when=FIRST_COMPLETED)
                for future in done:
                    name = at_work.pop(future)
                    if error := future.exception():
                        failed = failed or error
                        waits.clear()
                        continue
                    note = future.result()
                    for upstream in waits.values():
                        upstream.discard(name)
                    if not note.sound:
                        waits.clear()
                    yield name, note
            if failed:
                raise failed

    def prepare(self) -> None:
        """Write the release that `publish` will swap in. BuildError as for `publish`."""
        from pipeline.release.publish import prepare

        self._discard()
        self._prepared = prepare(self)

    def publish(self) -> Path:
        """Swap in the release of what lies in the work folder; give its folder.

        BuildError, with the published set as it was, if the tables do not belong together.
        """
        from pipeline.release.publish import commit, prepare

        prepared, self._prepared = self._prepared or prepare(self), None
        try:
            return commit(self, prepared)
        finally:
            prepared.discard()

    def _discard(self) -> None:
        if self._prepared is not None:
            self._prepared.discard()
            self._prepared = None

    def missions(self) -> dict[str, tuple[Standing, str | None]]:
        """Where each mission of the published set stands, and its picture as SVG.

        A fault in drawing does not cost the release: it is said, and there are no pictures.
        """
        from pipeline.report.board import standings
        from pipeline.report.plots import pictures

        missions = [m.id for m in self.registry.missions.values() if m.level == "mission"]
        stands = standings((self.paths.marts / "current").resolve(), missions)
        drawn: dict[str, str | None] = dict.fromkeys(missions)
        try:
            drawn = pictures(self.warehouse.file, missions)
        except Exception as error:
            self.say(f"no pictures of the missions: {error}")
        return {m: (stands[m], drawn[m]) for m in missions}

    @cached_property
    def _code(self) -> str:
        return code_version(
            "pipeline/progress", "pipeline/warehouse/build.py", "pipeline/quality/worker.py"
        )

    def settle(self, name: str) -> Settled:
        """A dataset's verdicts, and its state noted in the work folder for the models."""
        import pyarrow as pa

        source, dataset = name.split("/", 1)
        settled = self.intake.settle(source, dataset, self.reference)
        self.settled[name] = settled
        self._views.clear()
        self._discard()
        self.warehouse.put(
            f"raw.{_flat(name)}", pa.Table.from_pylist(settled.chain, schema=_chain_schema(pa))
        )
        write = self.paths.work / "raw" / f"{_flat(name)}.checks.json"
        from pipeline.paths import write_atomic

        write_atomic(write, dump([c.to_json() for c in settled.checks]))
        return settled

    def put_registry(self) -> list[Note]:
        return [
            self.warehouse.put(f"registry.{name}", table)
            for name, table in sorted(self.registry.tables().items())
        ]

    def put_run(self) -> Note:
        """The run's explicit inputs as a table: reference date and version of the method."""
        import pyarrow as pa

        from pipeline.progress.assess import METHOD_VERSION

        row = {"reference_date": self.reference, "method_version": METHOD_VERSION}
        note = self.warehouse.put("run.reference", pa.Table.from_pylist([row]))
        self._run_put = True
        return note

    def build(self, name: str) -> Note:
        """Build one model from what lies in the work folder. BuildError in one line."""
        model = self.models[name]
        if "run.reference" in model.upstream and not self._run_put:
            self.put_run()
        if any(u.startswith("registry.") for u in model.upstream):
            known = self.registry_hashes
            for upstream in model.upstream:
                if upstream.startswith("registry.") and upstream not in known:
                    raise BuildError(f"{name}: reads {upstream}, which the registry does not have")
        inputs = self.warehouse.inputs(model, self.hash_of)
        if note := self.warehouse.fresh(model, inputs, self._code):
            return note
        self._discard()
        views = {u: self.view_of(u) for u in model.upstream}
        return self.warehouse.build(model, inputs, self._code, views, self.checker)

    @cached_property
    def registry_hashes(self) -> dict[str, str]:
        return {note.table: note.sha256 for note in self.put_registry()}

    def hash_of(self, table: str) -> str:
        schema = table.split(".")[0]
        if schema == "raw":
            return hashlib.sha256(dump([self._chain_hash(n) for n in self._datasets])).hexdigest()
        if schema == "checks":
            return hashlib.sha256(dump(self.check_rows())).hexdigest()
        if schema == "registry":
            return self.registry_hashes[table]
        note = self.warehouse.note(table)
        if note is None:
            raise BuildError(f"{table} has not been built: materialise it first")
        return note.sha256

    @property
    def _datasets(self) -> list[str]:
        return sorted(self.registry.datasets)

    def _chain_hash(self, name: str) -> str:
        note = self.warehouse.note(f"raw.{_flat(name)}")
        if note is None:
            raise BuildError(f"dataset {name} has not been taken in: materialise it first")
        return note.sha256

    def view_of(self, table: str) -> str:
        """A SELECT that gives an upstream table."""
        if table == "raw.vintages":
            files = [self.warehouse.file(f"raw.{_flat(n)}") for n in self._datasets]
            return f"SELECT * FROM read_parquet({_list(files)})"
        if table in ("raw.observations", "raw.rejects", "raw.all_observations"):
            if table not in self._views:
                self._views[table] = self._raw_view(table.split(".")[1])
            return self._views[table]
        if table == "checks.results":
            path = self.paths.work / "checks" / "results.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write_checks()
            return f"SELECT * FROM read_parquet({literal(path.as_posix())})"
        return f"SELECT * FROM read_parquet({literal(self.warehouse.file(table).as_posix())})"

    def _raw_view(self, kind: str) -> str:
        column = "rejects" if kind == "rejects" else "observations"
        parts = []
        for name in self._datasets:
            for entry in self.chain(name):
                if entry[column] and (entry["is_current"] or kind == "all_observations"):
                    head = ", ".join(
                        f"{literal(str(entry[k]))} AS {k}"
                        for k in ("source", "dataset", "vintage_id")
                    )
                    parts.append(f"SELECT {head}, * FROM read_parquet({literal(entry[column])})")
        if not parts:
            # No figures at all is a state too: every row says no_data.
            columns = _REJECTS if kind == "rejects" else _OBSERVATIONS
            nulls = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in columns.items())
            return f"SELECT {nulls} WHERE false"
        return " UNION ALL BY NAME ".join(parts)

    def chain(self, name: str) -> list[dict[str, Any]]:
        """A dataset's vintages, oldest first: as this run has judged them, else as the last did."""
        if name in self.settled:
            return self.settled[name].chain
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = pq.read_table(
            self.warehouse.file(f"raw.{_flat(name)}")
        ).to_pylist()
        return rows

    def check_rows(self) -> list[dict[str, Any]]:
        """Every check's outcome in this release, for the mart check_results."""
        import json

        rows = []
        for name in self._datasets:
            path = self.paths.work / "raw" / f"{_flat(name)}.checks.json"
            for c in json.loads(path.read_text("utf-8")):
                rows.append({"asset": f"raw/{name}", **c})
        for model in self.models.values():
            if "checks.results" in model.upstream:
                continue
            note = self.warehouse.note(model.name)
            if note is None:
                raise BuildError(f"{model.name} has not been built: materialise it first")
            rows += [{"asset": model.name.replace(".", "/"), **c.to_json()} for c in note.checks]
        for row in rows:
            row["example"] = dump(row.pop("rows")[:3]).decode() if not row["passed"] else None
        return rows

    def _write_checks(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.paths.work / "checks" / "results.parquet"
        staged = path.with_suffix(".tmp")
        schema = pa.schema(
            [
                ("asset", pa.string()),
                ("name", pa.string()),
                ("description", pa.string()),
                ("passed", pa.bool_()),
                ("severity", pa.string()),
                ("blocking", pa.bool_()),
                ("observed", pa.string()),
                ("failing_rows", pa.int64()),
                ("example", pa.string()),
            ]
        )
        pq.write_table(pa.Table.from_pylist(self.check_rows(), schema=schema), staged)
        staged.replace(path)


def _flat(name: str) -> str:
    return name.replace("/", "__").replace(".", "-")


def _list(files: list[Any]) -> str:
    return "[" + ", ".join(literal(f.as_posix()) for f in files) + "]"


def _chain_schema(pa: Any) -> Any:
    text = [
        "source", "dataset", "vintage_id", "known_from", "known_from_basis", "origin", "scope",
        "verdict", "reason", "found_in", "observations", "rejects",
    ]  # fmt: skip
    return pa.schema(
        [(name, pa.string()) for name in text]
        + [("partial", pa.bool_()), ("is_current", pa.bool_()), ("position", pa.int32())]
    )
