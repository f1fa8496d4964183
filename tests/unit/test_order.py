"""One order of vintages, whatever the way in: by the day from which they are known, then as they
arrived. What is in use, what judges whom, revisions and what waits follow from it."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.clock import today
from pipeline.paths import Paths, sql_root
from pipeline.publishers.http import Limits, Transport
from pipeline.registry import Registry, load
from pipeline.vintages.clocks import ClockError, check_clock
from pipeline.vintages.pull import Puller, PullResult
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import Archive, Vintage
from pipeline.vintages.validate import Validator, rules_of
from pipeline.warehouse.build import Warehouse, connect
from pipeline.warehouse.model import load_models
from tests.conftest import Done
from tests.publisher import Publisher

NAME = ("curated", "nato_defence_expenditure")
DATASET = "/".join(NAME)
SERIES = "defence_expenditure_share_gdp"
DAY = "2026-11-23"
Cli = Callable[..., Done]


def body(last: float, first: int = 2005, to: int = 2024) -> bytes:
    """A file of 2.0 % for every year but the last one."""
    cells = "".join(
        f"{SERIES},NL,{year},{last if year == to else 2.0},% of GDP,\n"
        for year in range(first, to + 1)
    )
    return f"series,geo,period,value,unit,flag\n{cells}".encode()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


class Root:
    """A root of data with one dataset."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.paths, self.registry = Paths(folder), registry
        self.archive = Archive(self.paths)

    def add(self, content: bytes, day: str = DAY, **more: Any) -> Vintage:
        manifest = {
            "origin": "ingested", "known_from": day, "known_from_basis": "published", "scope": {},
        }  # fmt: skip
        return self.archive.add(*NAME, content, manifest | more)

    def place(self, content: bytes, day: str, base: str = "") -> Path:
        """A vintage that came by another way: shipped, or put there by hand; without a number."""
        made = Root(self.paths.data / "made", self.registry).add(content, day, origin="bundled")
        told = json.loads((made.folder / "manifest.json").read_text())
        for name in ("arrival", "arrived"):
            told.pop(name, None)
        (made.folder / "manifest.json").write_text(json.dumps(told))
        target = self.paths.raw / base / Path(*NAME) / made.folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made.folder, target)
        shutil.rmtree(self.paths.data / "made")
        return target

    def state(self, as_of: str = "2026-11-30") -> DatasetState:
        known = self.archive.vintages(*NAME, date.fromisoformat(as_of))
        dataset = self.registry.datasets[DATASET]
        validator = Validator(self.archive, self.paths.work)
        return resolve(dataset, known, rules_of(self.registry, dataset), validator)

    def last(self, as_of: str = "2026-11-30") -> float | None:
        """The last value of the vintage in use."""
        current = self.state(as_of).current
        return float(current.body().split(b",")[-3]) if current else None

    def ask(self, sql: str, as_of: str = "2026-11-30") -> list[tuple[Any, ...]]:
        """The answer over the models that order vintages."""
        models = load_models(sql_root())
        warehouse = Warehouse(self.paths.work, [DATASET], models)
        warehouse.put_registry(self.registry.tables())
        warehouse.put_run(date.fromisoformat(as_of))
        state = self.state(as_of)
        day = date.fromisoformat(as_of)
        warehouse.put_vintages(DATASET, state.table(), state.checks, day)
        con = connect()
        try:
            con.execute("CREATE SCHEMA marts")
            for name in ("core.editions", "marts.revisions", "marts.source_status"):
                warehouse.build(models[name])
                con.execute("CREATE SCHEMA IF NOT EXISTS core")
                con.execute(f"CREATE VIEW {name} AS FROM '{warehouse.file(name)}'")
            return con.execute(sql).fetchall()
        finally:
            con.close()


STATUS = f"SELECT vintage_id, pending FROM marts.source_status WHERE dataset = '{NAME[1]}'"


@pytest.fixture
def at(tmp_path: Path, registry: Registry) -> Root:
    return Root(tmp_path, registry)


def test_files_of_one_day_are_used_as_they_came(at: Root) -> None:
    used = []
    for value in (2.1, 2.2, 2.3, 2.4):
        at.add(body(value))
        used.append(at.last())
    assert used == [2.1, 2.2, 2.3, 2.4]


def test_revisions_follow_the_order_of_arrival(at: Root) -> None:
    came = [at.add(body(value)).vintage_id for value in (2.1, 2.4, 2.2, 2.3)]
    found = at.ask(
        "SELECT vintage_id, vintage_before, round(value_after, 6) FROM marts.revisions "
        "WHERE period = 2024"
    )
    assert set(found) == {
        (came[1], came[0], 2.4), (came[2], came[1], 2.2), (came[3], came[2], 2.3),
    }  # fmt: skip


def test_of_many_that_wait_the_one_that_came_last_is_named(at: Root) -> None:
    good = at.add(body(2.1))
    bad = [at.add(body(1000.0 + n)) for n in range(20)]
    assert at.state().pending.startswith(f"{bad[-1].vintage_id}: ")
    [(used, pending)] = at.ask(STATUS)
    assert used == good.vintage_id and pending.startswith(f"{bad[-1].vintage_id}: ")


def test_what_was_taken_back_is_the_newest_and_a_revision(at: Root) -> None:
    first, second, third = (at.add(body(value)) for value in (2.1, 2.2, 2.1))
    assert at.last() == 2.1
    assert at.state().vintage_id == third.vintage_id
    assert len({first.vintage_id, second.vintage_id, third.vintage_id}) == 3
    assert third.body() == first.body()
    found = at.ask(
        "SELECT vintage_id, vintage_before, round(value_before, 6), round(value_after, 6) "
        "FROM marts.revisions"
    )
    assert set(found) == {
        (second.vintage_id, first.vintage_id, 2.1, 2.2),
        (third.vintage_id, second.vintage_id, 2.2, 2.1),
    }


def test_to_and_fro_each_is_an_arrival_of_its_own(at: Root) -> None:
    came = [at.add(body(value)).vintage_id for value in (2.1, 2.2) * 4]
    assert len(set(came)) == 8
    assert [v.vintage_id for v in at.archive.vintages(*NAME)] == came
    # What the newest says already is no news.
    assert at.add(body(2.2)).vintage_id == came[-1]


def test_a_file_by_day_is_newer_than_the_pull_of_the_night(at: Root) -> None:
    at.add(body(2.1), "2026-11-22")
    night = {"origin": "live", "format": "curated_csv", "retrieved": f"{DAY}T02:00:00+00:00"}
    for pulled, corrected in itertools.pairwise((2.2, 2.3, 2.4, 2.5)):
        at.add(body(pulled), **night)
        at.add(body(corrected))
        assert at.last() == corrected


def test_the_number_counts_and_not_the_clock(at: Root) -> None:
    """A clock that is set back within a day gives moments in another order."""
    for hour, value in ((5, 2.1), (3, 2.2), (3, 2.3)):
        made = at.add(body(value), origin="live", retrieved=f"{DAY}T0{hour}:00:00+00:00")
        assert made.manifest["arrived"] > "2026"
    assert [v.arrival for v in at.archive.vintages(*NAME)] == [1, 2, 3]
    assert at.last() == 2.3


def test_what_comes_at_once_gets_a_number_each(at: Root) -> None:
    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda n: at.add(body(2 + n / 100)), range(16)))
    assert sorted(v.arrival or 0 for v in came) == list(range(1, 17))


def test_an_older_edition_taken_in_afterwards_is_history(at: Root) -> None:
    at.add(body(2.1, to=2021), "2025-01-01")
    at.add(body(2.5), "2026-01-01")
    before = at.state()
    # It has years that the one in use has not.
    history = at.add(body(2.0, first=1985, to=2022), "2025-06-01")
    assert [row["vintage_id"] for row in at.state().vintages][1] == history.vintage_id
    after = at.state()
    assert {row["verdict"] for row in after.vintages} == {"accepted"}
    assert after.vintage_id == before.vintage_id and at.last() == 2.5
    assert after.accepted and not after.pending
    assert [c.to_json() for c in after.checks] == [c.to_json() for c in before.checks]


def test_the_first_edition_of_all_taken_in_afterwards_judges_nobody(at: Root) -> None:
    at.add(body(2.5), "2026-01-01")
    at.add(body(7.0, first=1985, to=2022).replace(b",2.0,", b",7.0,"), "2020-01-01")
    assert at.last() == 2.5 and not at.state().pending
    # What comes next is held against what is in use.
    at.add(body(2.6), "2026-02-01")
    assert at.last() == 2.6
    at.add(body(0.2).replace(b",2.0,", b",0.2,"), "2026-03-01")
    assert at.last() == 2.6 and "scale_change" in at.state().pending


@pytest.mark.parametrize("counted", [True, False])
def test_what_shipped_is_not_judged_by_what_is_taken_in_later(at: Root, counted: bool) -> None:
    at.place(body(2.5), "2026-01-01")
    if counted:
        at.archive.seed()
    at.add(body(7.0, first=1985, to=2022).replace(b",2.0,", b",7.0,"), "2020-01-01")
    assert at.last() == 2.5 and not at.state().pending


def test_an_older_edition_that_ships_with_a_later_version_is_history_too(at: Root) -> None:
    at.add(body(2.5), "2026-01-01")
    at.place(body(7.0, first=1985, to=2022).replace(b",2.0,", b",7.0,"), "2020-01-01")
    at.archive.seed()
    assert at.last() == 2.5 and not at.state().pending


def test_of_its_day_what_ships_later_is_the_newest(at: Root) -> None:
    at.add(body(2.5))
    at.place(body(2.6), DAY)
    assert at.last() == 2.6
    at.archive.seed()
    at.add(body(2.7))
    assert at.last() == 2.7
    assert [v.arrival for v in at.archive.vintages(*NAME)] == [1, 2, 3]


def test_numbers_are_given_once(at: Root) -> None:
    at.place(body(2.2), "2026-01-02")
    at.place(body(2.1), "2026-01-01")
    at.archive.seed()
    assert [v.arrival for v in at.archive.vintages(*NAME)] == [1, 2]
    at.place(body(2.0), "2025-12-31", "_local")
    at.archive.seed()
    at.archive.seed()
    assert [v.arrival for v in at.archive.vintages(*NAME)] == [3, 1, 2]


def test_a_manifest_that_cannot_be_read_waits_as_the_last_of_its_day(at: Root) -> None:
    at.add(body(2.1))
    (at.add(body(2.2)).folder / "manifest.json").write_text("{")
    assert at.last() == 2.1 and "manifest.json cannot be used" in at.state().pending


def test_as_of_an_earlier_day_what_came_later_does_not_exist(at: Root) -> None:
    at.add(body(2.1), "2026-01-01")
    then = at.state("2026-01-31")
    at.add(body(2.2), "2026-02-01")
    at.add(body(9000.0), "2026-03-01")
    now = at.state("2026-01-31")
    assert now.vintages == then.vintages
    assert [c.to_json() for c in now.checks] == [c.to_json() for c in then.checks]
    assert not now.pending and at.state("2026-03-31").pending
    [(used, pending)] = at.ask(STATUS, "2026-01-31")
    assert used == then.vintage_id and pending is None


PULLED = "eurostat/nrg_ind_ren"


class Nights:
    """Pulls of one dataset from the bench, on days of one's own."""

    def __init__(self, folder: Path, registry: Registry, bench: Publisher) -> None:
        self.paths, self.registry, self.bench = Paths(folder), registry, bench
        self.archive = Archive(self.paths)
        self.archive.seed()

    def pull(self, day: str) -> PullResult:
        transport = Transport(ledger=self.archive.ledger, limits=Limits(read=5, connect=2))
        moment = datetime.fromisoformat(f"{day}T03:00:00+00:00")
        puller = Puller(
            self.paths, self.registry, date.fromisoformat(day), self.bench.environment(),
            transport, now=lambda: moment,
        )  # fmt: skip
        try:
            return puller.pull(self.registry.datasets[PULLED])
        finally:
            transport.close()

    def revise(self) -> None:
        """Every figure of the publisher moves by two in a hundred."""
        self.bench.world.change(
            "eurostat",
            "NRG_IND_REN",
            lambda c: replace(c, value=repr(round(float(c.value) * 1.02, 6))) if c.value else c,
        )

    def vintages(self) -> list[Vintage]:
        return self.archive.vintages(*PULLED.split("/"))


@pytest.fixture
def nights(tmp_path: Path, registry: Registry, bench: Publisher) -> Nights:
    return Nights(tmp_path, registry, bench)


def test_a_night_five_years_ahead_hides_no_figures(nights: Nights) -> None:
    ahead = nights.pull("2031-11-24")
    assert ahead.state == "new"
    # The same figures on the right day are news: what is known from 2031 is not known yet.
    right = nights.pull("2026-11-25")
    assert right.state == "new" and right.vintage_id != ahead.vintage_id
    assert nights.pull("2026-11-26").state == "unchanged"
    nights.revise()
    assert nights.pull("2026-11-27").state == "new"
    assert [v.known_from.year for v in nights.vintages()] == [2026, 2026, 2026, 2031]


def test_what_was_damaged_on_disk_is_kept_anew_when_it_comes_again(nights: Nights) -> None:
    nights.pull("2026-11-25")
    stored = nights.vintages()[-1].folder / "body.gz"
    stored.write_bytes(stored.read_bytes()[:-9])
    again = nights.pull("2026-11-26")
    assert again.state == "new" and nights.vintages()[-1].whole
    assert nights.pull("2026-11-27").state == "unchanged"


def ingest(cli: Cli, data: Path, value: float, *words: str, first: int = 2005) -> Done:
    file = data.parent / "file.csv"
    file.write_bytes(body(value, first=first))
    return cli(data, "ingest", str(file), "--dataset", DATASET, *words)


def test_an_ingested_file_is_undone_by_ingesting_the_one_before(
    cli: Cli, tmp_path: Path, registry: Registry
) -> None:
    at = Root(tmp_path / "data", registry)
    said = [ingest(cli, at.paths.data, value, first=2014) for value in (2.1, 2.2, 2.1, 2.1)]
    # Each lacks years that the shipped one has, and waits.
    assert [done.returncode for done in said] == [3, 3, 3, 3]
    ids = [v.vintage_id for v in at.archive.vintages(*NAME) if v.manifest["origin"] == "ingested"]
    assert len(ids) == 3
    for done, name in zip(said, [*ids, ids[-1]], strict=True):
        assert name in done.stderr
    assert "candidate" in said[2].stderr and "there already" in said[3].stderr
    assert at.archive.vintages(*NAME)[-1].body() == body(2.1, first=2014)


def test_an_older_edition_is_said_to_be_history_and_declares_nothing_of_later_ones(
    cli: Cli, tmp_path: Path, registry: Registry
) -> None:
    at = Root(tmp_path / "data", registry)
    done = ingest(cli, at.paths.data, 2.1, "--known-from", "2020-05-01")
    shipped = at.archive.vintages(*NAME)[-1]
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert "is history" in done.stdout and shipped.vintage_id in done.stdout
    old = at.archive.vintages(*NAME)[0]
    assert shipped.scope and old.known_from.year == 2020 and not old.scope
    assert at.state().vintage_id == shipped.vintage_id


def test_a_file_known_from_a_day_to_come_is_refused(cli: Cli, tmp_path: Path) -> None:
    later = (today() + timedelta(days=2)).isoformat()
    done = ingest(cli, tmp_path / "data", 2.1, "--known-from", later)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert later in done.stderr and "to come" in done.stderr
    assert not list((tmp_path / "data").rglob("_local"))


@pytest.mark.parametrize("origin", ["live", "ingested"])
def test_a_clock_behind_what_came_refuses(at: Root, origin: str) -> None:
    datasets = [at.registry.datasets[DATASET]]
    at.add(body(2.1), "2026-11-25")
    assert check_clock(at.archive, datasets, date(2026, 11, 25)) == ""
    at.add(body(2.2), "2031-11-26", origin=origin)
    at.add(body(2.3), "2031-11-27", origin=origin)
    with pytest.raises(ClockError, match=r"2026-11-26.*known from 2031-11-27.*and 1 more") as said:
        check_clock(at.archive, datasets, date(2026, 11, 26))
    assert "\n" not in str(said.value)
    shutil.rmtree(at.paths.raw / "_local")
    assert check_clock(at.archive, datasets, date(2026, 11, 26)) == ""


def test_a_clock_behind_what_ships_is_one_warning(at: Root) -> None:
    at.place(body(2.1), "2026-11-25")
    at.place(body(2.2), "2026-11-26")
    said = check_clock(at.archive, [at.registry.datasets[DATASET]], date(2026, 11, 24))
    assert "known from 2026-11-26" in said and "and 1 more" in said and "\n" not in said
