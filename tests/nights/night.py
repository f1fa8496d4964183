"""One night: pull, resolve, build, publish, by the functions that the nightly job's assets call; and
what must hold afterwards.
"""

from __future__ import annotations

import random
import shutil
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest import mock

import duckdb
import pyarrow.parquet as pq

from pipeline.areas import HOME
from pipeline.outcome import Fault as StepFault
from pipeline.outcome import Outcome, outcome_of
from pipeline.paths import Paths, sql_root
from pipeline.publishers.http import Limits, Transport
from pipeline.registry import Registry, load
from pipeline.release.publish import publish
from pipeline.release.record import written_by
from pipeline.vintages.pull import Puller, load_pull_results
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import Archive
from pipeline.vintages.validate import Validator, rules_of
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models
from pipeline.warehouse.records import BuildError
from tests.conftest import run_cli
from tests.nights.bench import DATASETS, Cells, Sayings, Version, same, small_registry
from tests.publisher import Publisher, World

FIRST = date(2026, 11, 24)
# Far beyond what an answer of the bench takes; what hangs is waited for twice.
# The tables of figures; what else is made of them, statuses and the page, takes most of a night.
TABLES = ("marts.observations", "marts.peers", "marts.source_status")
LIMITS = Limits(connect=10.0, read=3.0, total=6.0, attempts=2, wire=8 << 20, body=32 << 20)


@dataclass
class Report:
    """What a night was and left. `wrong`: published numbers that nobody ever said, or beyond what is
    plausible: there must be none. `stopped`: why nothing was published; empty on every good night.
    `believed`: datasets whose figure in use was said and never true, which only its plausible value
    could have told. `behind`: datasets without an error tonight that are not at what is true now."""

    number: int
    day: date
    code: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stopped: str = ""
    believed: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    vintages: int = 0
    raw: int = 0  # bytes, as the next two
    work: int = 0
    dagster: int = 0
    seconds: float = 0.0  # of CPU
    whole: bool = False

    @property
    def holds(self) -> bool:
        return not self.wrong and not self.stopped and self.code in (0, 3)

    def __str__(self) -> str:
        said = [f"{n.split('/')[1]} {e}" for n, e in self.errors.items()] + self.news
        marks = [
            f"{what} {', '.join(found)}"
            for what, found in (
                ("believed", self.believed), ("behind", self.behind), ("WRONG", self.wrong[:3]),
                ("STOPPED", [self.stopped] if self.stopped else []),
            )
            if found
        ]  # fmt: skip
        size = f"{self.raw / 1024:+.0f} kB raw, {self.work / 1024:+.0f} kB work"
        if self.whole:
            size += f", {self.dagster / 1024:+.0f} kB Dagster"
        return (
            f"{self.number:4} {self.day} exit {self.code} {self.seconds:5.2f} s, +{self.vintages} "
            f"vintages, {size} | {'; '.join(said) or 'nothing'}"
            + "".join(f" | {mark}" for mark in marks)
        )


def few_tables(folder: Path) -> Path:
    """The SQL files of TABLES and of what they are made from."""
    models = load_models(sql_root())
    wanted: set[str] = set()
    left = list(TABLES)
    while left:
        if (name := left.pop()) in models and name not in wanted:
            wanted.add(name)
            left += models[name].upstream
    for model in (models[name] for name in wanted):
        copy = folder / model.layer / f"{model.table}.sql"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sql_root() / model.layer / copy.name, copy)
        for check in (sql_root() / "checks").glob(f"{model.layer}.{model.table}.*.sql"):
            (folder / "checks").mkdir(exist_ok=True)
            shutil.copy(check, folder / "checks")
    return folder


def _no_page(folder: Path, dictionary: object) -> str:
    return "<!doctype html><title>-</title>"


class Nights:
    """A root of data that lives through nights, by seed."""

    def __init__(self, root: Path, seed: int, bench: Publisher) -> None:
        self.seed, self.bench = seed, bench
        self.registry_root = small_registry(root / "registry")
        self.registry: Registry = load(self.registry_root)
        self.paths = Paths(root / "data")
        self.archive = Archive(self.paths)
        self.archive.seed()
        self.sql = few_tables(root / "sql")
        self.models = load_models(self.sql)
        warehouse = Warehouse(self.paths.work, self.registry.datasets, self.models)
        warehouse.put_registry(self.registry.tables())
        self.restless: set[str] = set(DATASETS)
        self.sayings = Sayings(self.registry, FIRST)
        self.states: dict[str, DatasetState] = {}
        self.sizes = self._sizes()

    def night(self, number: int, *, whole: bool = False) -> Report:
        """Live through a night and look at what it left. Night 0 is without errors. `whole`: by the
        command, with Dagster; then publishers err in cells only, since its waits are real."""
        began = time.process_time()
        day = FIRST + timedelta(days=number)
        report = Report(number, day, whole=whole)
        dice = random.Random(f"{self.seed} {number}")
        world: World = self.sayings.true
        self.bench.reset(world)
        if number:
            report.news = self.sayings.news(dice, number, day)
            world, faults, report.errors = self.sayings.errors(dice, number, cells_only=whole)
            self.bench.reset(world)
            self.bench.faults = faults
        try:
            if whole:
                report.code = self._by_command(day)
            else:
                # What has been quiet for two nights says what it said: one of those is asked too.
                asked = self.restless | self._moving(report) | {dice.choice(DATASETS)}
                report.code = self._by_functions(number, day, asked)
        except Exception as error:
            # Whatever it is, it stopped the night.
            report.code, report.stopped = 1, f"{type(error).__name__}: {error}".splitlines()[0]
        if report.code not in (0, 3):
            report.stopped = report.stopped or f"exit {report.code}"
        else:
            self._look(report)
        self.restless = self._moving(report) | {said.split()[0] for said in report.behind}
        sizes = self._sizes()
        report.vintages, report.raw, report.work, report.dagster = (
            now - was for now, was in zip(sizes, self.sizes, strict=True)
        )
        self.sizes = sizes
        report.seconds = time.process_time() - began
        return report

    @staticmethod
    def _moving(report: Report) -> set[str]:
        """The datasets that a night has something to say of."""
        return {*report.errors, *(said.split()[0] for said in report.news)}

    def _by_command(self, day: date) -> int:
        class Then(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return datetime(day.year, day.month, day.day, 2, tzinfo=UTC)

        where = {
            "MISSIEMONITOR_REGISTRY": str(self.registry_root),
            "MISSIEMONITOR_OFFLINE": "0",
            **self.bench.environment(),
        }
        with mock.patch("pipeline.clock.datetime", Then):
            return run_cli(self.paths.data, "run", **where).returncode

    def _by_functions(self, number: int, day: date, asked: set[str]) -> int:
        """The body of each asset, in the order of the graph; only some datasets are pulled."""
        validator = Validator(self.archive, self.paths.work)
        warehouse = Warehouse(self.paths.work, self.registry.datasets, self.models)
        run_id, slept = f"night {number}", [0.0]
        at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
        transport = Transport(
            limits=LIMITS,
            ledger=self.archive.ledger,
            clock=lambda: time.monotonic() + slept[0],
            wall=lambda: at.timestamp() + slept[0],
            sleep=lambda seconds: slept.append(slept.pop() + seconds),
            chance=lambda: 0.5,
        )
        with closing(transport):
            puller = Puller(
                self.paths, self.registry, day, self.bench.environment(), transport, lambda: at
            )
            for name, dataset in self.registry.datasets.items():
                if name in asked:
                    puller.pull(dataset, run_id)
                state = self.states[name] = self._state(name, day, validator)
                warehouse.put_vintages(name, state.table(), state.checks, day)
        warehouse.put_run(day)
        faults = []
        for model in self.models.values():
            record = warehouse.build(model)
            if not record.passes_blocking:
                faults.append(StepFault(model.name.replace(".", "/"), "", True))
        if not faults:
            try:
                with mock.patch.dict("os.environ", MISSIEMONITOR_SQL=str(self.sql)):
                    publish(warehouse, self.registry, self.paths.marts, day, run_id, _no_page)
            except BuildError as error:
                faults.append(StepFault("published", str(error)))
        pulled = {n: r for n, r in load_pull_results(self.archive).items() if r.run_id == run_id}
        written = written_by(self.paths.work, self.paths.marts, run_id)
        outcome: Outcome = outcome_of(written, warehouse, pulled, faults)
        if not outcome.stands:
            raise BuildError("; ".join(outcome.why))
        return 3 if outcome.degraded else 0

    def _state(self, name: str, day: date, validator: Validator) -> DatasetState:
        dataset = self.registry.datasets[name]
        known = self.archive.vintages(dataset.source, dataset.dataset, day)
        return resolve(dataset, known, rules_of(self.registry, dataset), validator)

    # What must hold

    def _look(self, report: Report) -> None:
        used: dict[str, Version] = {}
        validator = Validator(self.archive, self.paths.work)
        for name in DATASETS:
            if report.whole:
                self.states[name] = self._state(name, report.day, validator)
            cells = self._in_use(name, validator)
            version = self.sayings.matching(name, cells)
            if version is None:
                report.wrong.append(f"{name}: {self._odd(name, cells)}")
                continue
            used[name] = version
            if version.wrong:
                report.believed.append(name)
            elif name not in report.errors and version is not self.sayings.newest(name):
                report.behind.append(f"{name} ({self.states[name].pending[:150]})")
        if not report.wrong:
            self._look_at_release(report, used)

    def _in_use(self, name: str, validator: Validator) -> Cells:
        """The cells of the vintage in use that something reads."""
        dataset = self.registry.datasets[name]
        current = self.states[name].current
        assert current is not None, name
        file = validator.rows_file(current, rules_of(self.registry, dataset), "observations")
        areas = {HOME, *self.registry.peers}
        return {
            (r["series_key"], r["geo"], r["year"]): r["value"]
            for r in pq.read_table(file, columns=["series_key", "geo", "year", "value"]).to_pylist()
            if r["series_key"] in dataset.needed and r["geo"] in areas
        }

    def _odd(self, name: str, cells: Cells) -> str:
        true = self.sayings.newest(name).cells
        odd = [(k, v, true.get(k)) for k, v in cells.items() if not same(v, true.get(k))]
        return f"{odd[:2]} (cell, in use, true)"

    def _look_at_release(self, report: Report, used: dict[str, Version]) -> None:
        """Every published figure is what the versions in use make, worked out here, and plausible."""
        file = (self.paths.marts / "current").resolve() / "missiemonitor.duckdb"
        with closing(duckdb.connect(str(file), read_only=True)) as con:
            figures = con.execute(
                "SELECT indicator_id, geo, period, value FROM marts.observations "
                "WHERE geo IN (SELECT geo FROM marts.peers)"
            ).fetchall()
            levels = con.execute(
                "SELECT indicator_id, geo, latest_year, latest_value, per_head FROM marts.peers"
            ).fetchall()
        assert figures and levels
        for indicator, geo, year, value, a_head in [*((*row, False) for row in figures), *levels]:
            item = self.registry.indicators[indicator]
            right, (low, high) = self._figure(indicator, geo, year, used), item.plausible
            if a_head and item.per_head and right is not None:
                low, high = item.per_head.plausible
                people, series = item.per_head.population()
                right *= item.per_head.scale / used[people].cells[series, geo, year]
            if not same(value, right) or not low <= value <= high:
                report.wrong.append(f"{indicator} {geo} {year}: {value}, right is {right}")

    def _figure(
        self, indicator: str, geo: str, year: int, used: dict[str, Version]
    ) -> float | None:
        operands = [o for o in self.registry.operands if o.indicator == indicator]
        found = [used[o.dataset].cells.get((o.series_key, geo, year)) for o in operands]
        values = [v for v in found if v is not None]
        op, scale = operands[0].op, operands[0].scale
        if not values or (len(values) < len(operands) and operands[0].require != "any"):
            return None
        match op:
            case "series":
                return scale * values[0]
            case "sum":
                return scale * sum(values)
            case "ratio":
                return scale * values[0] / values[1]
        raise AssertionError(f"nobody says here what {op} is")

    def _sizes(self) -> tuple[int, int, int, int]:
        """Vintages, and bytes below raw/, work/ and dagster/."""

        def below(folder: Path) -> int:
            return sum(f.lstat().st_size for f in folder.rglob("*") if f.is_file())

        count = sum(1 for _ in self.paths.raw.glob("_local/*/*/*/manifest.json"))
        data = self.paths
        return count, below(data.raw), below(data.work), below(data.instance)
