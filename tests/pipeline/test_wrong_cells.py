"""A wrong cell in any series that is read: refused with a reason, or what comes of it is plausible.

Verdicts come from the validator, figures from the SQL of core and of the comparison with other
areas: no whole runs. One series a dataset; every kind of fault in each of them is tried without bodies in
test_every_wrong_cell.py. What a reader of a body makes of cells belongs in tests/unit.
"""

from __future__ import annotations

import gzip
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.paths import Paths, sql_root
from pipeline.registry import Registry, load
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import Archive, Vintage
from pipeline.vintages.validate import Validator, rules_of
from pipeline.vintages.words import brief
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models
from tests.mutations import MUTATIONS, mutated

DAY = date(2026, 11, 23)
REGISTRY = load()
READ = sorted(
    (d.id, key) for d in REGISTRY.datasets.values() if not d.live_only for key in d.needed
)
ONE_EACH = sorted(dict(READ).items())
BUILT = ("core.editions", "core.observations", "core.rejects", "core.comparable", "marts.peers")
PEOPLE = ("eurostat/demo_pjan", "age=TOTAL|freq=A|sex=T|unit=NR")


@dataclass
class House:
    """An archive with the bundled vintages, all judged, and the tables made of them."""

    paths: Paths
    registry: Registry
    states: dict[str, DatasetState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.archive = Archive(self.paths)
        self.archive.seed()
        self.validator = Validator(self.archive, self.paths.work)
        self.warehouse = Warehouse(self.paths.work, self.registry.datasets, load_models(sql_root()))
        self.warehouse.put_registry(self.registry.tables())
        self.warehouse.put_run(DAY)
        for name in self.registry.datasets:
            self.judge(name)

    def judge(self, name: str, *more: Vintage) -> DatasetState:
        dataset = self.registry.datasets[name]
        known = [*self.archive.vintages(dataset.source, dataset.dataset, DAY), *more]
        state = resolve(dataset, known, rules_of(self.registry, dataset), self.validator)
        self.warehouse.put_vintages(name, state.table(), state.checks, DAY)
        self.states[name] = state
        return state

    def good(self, name: str) -> Vintage:
        dataset = self.registry.datasets[name]
        found = self.archive.vintages(dataset.source, dataset.dataset, DAY)
        return [v for v in found if not v.partial][-1]

    def next(self, name: str, body: bytes, folder: Path, **manifest: Any) -> Vintage:
        """A vintage after the bundled one, its scope as that of a file that was ingested."""
        like = self.good(name)
        digest = hashlib.sha256(body).hexdigest()
        known = max(like.known_from + timedelta(days=1), date(2026, 11, 1))
        said = {
            **like.manifest, "sha256": digest, "known_from": known.isoformat(),
            "origin": "ingested", **manifest,
        }  # fmt: skip
        place = folder / digest[:12]
        place.mkdir(parents=True, exist_ok=True)
        (place / "body.gz").write_bytes(gzip.compress(body, 1))
        return Vintage(like.source, like.dataset, place, said)

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(self.warehouse.file(table)).to_pylist()
        return found

    def build(self) -> None:
        for name in BUILT:
            record = self.warehouse.build(self.warehouse.models[name])
            stopped = [c.sentence for c in record.checks if c.blocking and not c.passed]
            assert not stopped, (name, stopped)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    found = House(Paths(tmp_path_factory.mktemp("wrong")), REGISTRY)
    found.build()
    return found


@pytest.fixture
def spoil(house: House, tmp_path: Path) -> Iterator[Callable[..., DatasetState]]:
    """`spoil(dataset, body, **manifest)`: the state with this vintage as the newest."""
    used: list[str] = []

    def spoiled(name: str, body: bytes, **manifest: Any) -> DatasetState:
        used.append(name)
        return house.judge(name, house.next(name, body, tmp_path, **manifest))

    yield spoiled
    for name in used:
        house.judge(name)


def plausible(house: House) -> None:
    """Whatever is published lies in its range."""
    house.build()
    for row in house.rows("core.observations"):
        low, high = house.registry.indicators[row["indicator_id"]].plausible
        assert math.isfinite(row["value"]), row
        assert not row["plausible"] or low <= row["value"] <= high, row
    for row in house.rows("marts.peers"):
        item = house.registry.indicators[row["indicator_id"]]
        low, high = item.per_head.plausible if row["per_head"] and item.per_head else item.plausible
        assert low <= row["latest_value"] <= high, row


@pytest.mark.slow
@pytest.mark.parametrize(("name", "series"), ONE_EACH, ids=lambda v: v[-40:])
def test_a_wrong_cell_is_refused_or_stays_plausible(
    house: House, spoil: Callable[..., DatasetState], name: str, series: str
) -> None:
    """Two kinds of fault a dataset, in turn, so that each format meets most of them."""
    format = house.registry.datasets[name].format
    at = ONE_EACH.index((name, series))
    kinds = list(MUTATIONS)
    for kind in (kinds[at % 8], kinds[(at + 3) % 8]):
        body = mutated(house.good(name).body(), format, series, kind, seed=11)
        if body is None:
            continue
        state = spoil(name, body)
        if state.accepted:
            plausible(house)
        else:
            assert state.current is not None
            assert state.current.vintage_id == house.good(name).vintage_id
            # In one line, and it names the series.
            assert brief(series) in state.pending and "\n" not in state.pending


@pytest.mark.parametrize(("name", "series"), READ, ids=lambda v: v[-40:])
def test_a_number_beyond_all_numbers_is_refused_in_every_series(name: str, series: str) -> None:
    """The range that every series has is of finite numbers: the registry's own or the unit's."""
    source, dataset = name.split("/", 1)
    low, high = REGISTRY.plausible_of(source, dataset, series) or REGISTRY.bounds_of(name, series)
    assert math.isfinite(low) and math.isfinite(high) and low < high < 1e300


def test_minus_one_person_is_refused_in_words(
    house: House, spoil: Callable[..., DatasetState]
) -> None:
    """Population of NL in 2024 = -1 gave -144,396,430 t a head, and rank 1 of 8."""
    body = house.good(PEOPLE[0]).body().decode().splitlines(keepends=True)
    head = body[0].strip().split(",")
    geo, period, value = (head.index(c) for c in ("geo", "TIME_PERIOD", "OBS_VALUE"))
    for n, line in enumerate(body):
        cells = line.split(",")
        if (cells[geo], cells[period]) == ("NL", "2024"):
            cells[value] = "-1"
            body[n] = ",".join(cells)
    state = spoil(PEOPLE[0], "".join(body).encode())
    assert f"{brief(PEOPLE[1])}, NL 2024: -1 is not between" in state.pending
    assert state.current is not None and state.current.manifest["origin"] == "bundled"


def test_a_value_far_from_history_is_refused_where_only_the_unit_says_a_range(
    house: House, spoil: Callable[..., DatasetState]
) -> None:
    """17.9 million people times ten: the unit allows it, what was accepted before does not."""
    body = house.good(PEOPLE[0]).body().decode()
    line = next(row for row in body.splitlines() if ",NL,2024," in row)
    value = line.split(",NL,2024,")[1].split(",")[0]
    other = line.replace(f",NL,2024,{value}", f",NL,2024,{float(value) * 10:.0f}")
    state = spoil(PEOPLE[0], body.replace(line, other).encode())
    assert "NL 2024: 17" in state.pending and "is not between" in state.pending
