"""Nights on the command line against the bench: the first after the bundle, one on which nothing
changed, one on which a figure did, one with a publisher out of order, one without a network."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.archive import Archive
from pipeline.paths import Paths
from pipeline.registry import load
from tests.publisher import Cell, Fault, Publisher
from tests.publisher.figures import Cube
from tests.publisher.server import SOURCES

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]
STATUSES = (
    "SELECT * EXCLUDE (as_of) FROM marts.indicator_progress WHERE geo = 'NL' ORDER BY ALL",
    "SELECT * FROM marts.sub_mission_progress ORDER BY ALL",
    "SELECT * FROM marts.mission_progress ORDER BY ALL",
)


@dataclass
class Nights:
    """A root of data that lives through several nights, and what each left."""

    data: Path
    bench: Publisher
    cli: Cli
    ask: Ask

    def run(self, **env: str) -> subprocess.CompletedProcess[str]:
        return self.cli(self.data, "run", "--lang", "en", **{**self.bench.environment(), **env})

    def vintages(self) -> dict[str, list[str]]:
        archive = Archive(Paths(self.data))
        return {
            name: [v.vintage_id for v in archive.vintages(d.source, d.dataset)]
            for name, d in load().datasets.items()
        }

    def statuses(self) -> list[Any]:
        return [self.ask(self.data, sql) for sql in STATUSES]

    def sources(self) -> dict[str, dict[str, Any]]:
        rows = self.ask(self.data, "SELECT * FROM marts.source_status")
        return {f"{r['source']}/{r['dataset']}": r for r in rows}

    @property
    def release(self) -> str:
        return (self.data / "marts" / "current").resolve().name


LIVE = [n for n, d in load().datasets.items() if d.live]


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, cli: Cli, ask: Ask
) -> Iterator[dict[str, Any]]:
    """The first two nights: (offline run, live run, live run again), in order, done once."""
    data = tmp_path_factory.mktemp("nights") / "data"
    with Publisher() as bench:
        found = Nights(data, bench, cli, ask)
        started = time.monotonic()
        offline = cli(data, "run", "--offline", "--lang", "en")
        took = time.monotonic() - started
        assert offline.returncode == 0, offline.stderr
        left: dict[str, Any] = {
            "nights": found, "offline_seconds": took,
            "offline": (found.vintages(), found.statuses(), found.sources()),
        }  # fmt: skip
        left["bundle"] = data.parent / "bundle"
        shutil.copytree(data, left["bundle"], symlinks=True)
        for name in ("first", "second"):
            bench.seen.clear()
            done = found.run()
            left[name] = (done, found.vintages(), found.statuses(), found.sources(), found.release)
            left[f"{name}_seen"] = list(bench.seen)
        left["after"] = data.parent / "after"
        shutil.copytree(data, left["after"], symlinks=True)
        yield left


@pytest.fixture
def night(nights: dict[str, Any], tmp_path: Path) -> Nights:
    """A copy of the root after the second night, to do what one likes with."""
    data = tmp_path / "data"
    shutil.copytree(nights["after"], data, symlinks=True)
    found: Nights = nights["nights"]
    found.bench.reset()
    return Nights(data, found.bench, found.cli, found.ask)


def test_first_live_night_is_well_for_every_source(nights: dict[str, Any]) -> None:
    done, vintages, _, sources, _ = nights["first"]
    assert done.returncode == 0, done.stderr
    before = nights["offline"][0]
    assert len(LIVE) >= 30
    for name in LIVE:
        assert len(vintages[name]) == len(before[name]) + 1, name
        assert sources[name]["origin"] == "live", (name, sources[name])
        assert sources[name]["verdict"] == "accepted" and not sources[name]["pending"], name
    asked = {a.source for a in nights["first_seen"]}
    assert asked == {load().datasets[n].asked for n in LIVE}


def test_statuses_stay_where_the_figures_do(nights: dict[str, Any]) -> None:
    before, after = nights["offline"][1], nights["first"][2]
    for mart_before, mart_after in zip(before, after, strict=True):
        assert len(mart_before) == len(mart_after)
        for a, b in zip(mart_before, mart_after, strict=True):
            assert same(a, b), {k: (a[k], b[k]) for k in a if a[k] != b.get(k)}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        a[k] == b[k] or (isinstance(a[k], float) and b[k] == pytest.approx(a[k], rel=1e-9))
        for k in a
    )


def test_nothing_is_stored_again_on_a_night_without_news(nights: dict[str, Any]) -> None:
    done, vintages, statuses, sources, release = nights["second"]
    assert done.returncode == 0, done.stderr
    assert vintages == nights["first"][1]
    assert statuses == nights["first"][2]
    assert release == nights["first"][4]
    assert all(s["origin"] == "live" for n, s in sources.items() if n in LIVE)
    nights_: Nights = nights["nights"]
    archive = Archive(Paths(nights_.data))
    for name in LIVE:
        source, dataset = name.split("/", 1)
        seen = archive.seen(source, dataset)
        assert vintages[name][-1] in seen, f"{name}: that it was seen again is not recorded"


def test_publishers_are_asked_politely(nights: dict[str, Any]) -> None:
    for ask in nights["first_seen"]:
        agent = ask.headers.get("user-agent", "")
        assert "missiemonitor" in agent and "python" not in agent.lower()
    by_source = {s: sum(a.source == s for a in nights["first_seen"]) for s in SOURCES}
    assert by_source["oecd"] <= 2 and by_source["eurostat"] <= 40, by_source


def test_a_changed_figure_is_a_new_vintage_of_that_dataset_alone(night: Nights) -> None:
    before = night.vintages()

    def revise(cell: Cell) -> Cell:
        hit = cell.geo == "NL" and cell.period == "2024" and cell.of("nrg_bal") == "REN"
        return replace(cell, value="21.5") if hit and cell.of("unit") == "PC" else cell

    night.bench.world.change("eurostat", "NRG_IND_REN", revise)
    done = night.run()
    assert done.returncode == 0, done.stderr
    after = night.vintages()
    assert {n for n in after if after[n] != before[n]} == {"eurostat/nrg_ind_ren"}
    assert after["eurostat/nrg_ind_ren"][:-1] == before["eurostat/nrg_ind_ren"]
    rows = night.ask(
        night.data,
        "SELECT DISTINCT value, vintage_id FROM marts.observations WHERE geo = 'NL' AND "
        "period = 2024 AND indicator_id IN (SELECT indicator_id FROM marts.indicators "
        "WHERE dataset = 'nrg_ind_ren') ORDER BY value",
    )
    assert 21.5 in [r["value"] for r in rows]
    assert {r["vintage_id"] for r in rows} == {after["eurostat/nrg_ind_ren"][-1]}


def test_release_stamps_alone_are_no_news(night: Nights) -> None:
    before = night.vintages()
    for cube in night.bench.world.cubes.values():
        cube.updated = "2026-11-24"
    night.bench.faults = [Fault("updated_stamp", s) for s in SOURCES]
    done = night.run()
    assert done.returncode == 0, done.stderr
    assert night.vintages() == before


def test_new_year_and_later_stamp_come_in(night: Nights) -> None:
    cube = night.bench.world.cubes["cbs", "82610NED"]
    night.bench.world.cubes["cbs", "82610NED"] = replace(
        cube,
        cells=[*cube.cells, *_next_year(cube)],
        about={**cube.about, "status": {**cube.about["status"], "2026": "Voorlopig"}},
    )
    done = night.run()
    assert done.returncode == 0, done.stderr
    newest = night.ask(
        night.data,
        "SELECT max(period) AS year FROM marts.observations JOIN marts.indicators "
        "USING (indicator_id) WHERE dataset = '82610NED' AND geo = 'NL'",
    )
    assert newest == [{"year": 2026}]


def _next_year(cube: Cube) -> list[Cell]:
    last = max(c.year for c in cube.cells if c.year)
    return [replace(c, period=str(last + 1)) for c in cube.cells if c.year == last]


@pytest.mark.parametrize(
    ("fault", "source", "said"),
    [
        ("html", "eurostat", "page"),
        ("times_1000", "worldbank", "plausible"),
        ("page_elsewhere", "cbs", "localhost"),
        ("limit_downloads", "oecd", "429"),
        ("area_lost", "owid", "NL"),
    ],
)
def test_one_publisher_out_of_order_stops_no_other(
    night: Nights, nights: dict[str, Any], fault: str, source: str, said: str
) -> None:
    before, statuses = night.vintages(), nights["second"][2]
    night.bench.faults = [Fault(fault, source)]
    # What is asked of the others has news in it.
    night.bench.world.change("unsdg", "ER_RSK_LST", lambda c: replace(c, flags=c.flags))
    done = night.run()
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert said in done.stderr and "Traceback" not in done.stderr
    assert all(len(line) < 700 for line in done.stderr.splitlines())
    mine = [n for n in LIVE if load().datasets[n].asked == source]
    now = night.sources()
    for name in mine:
        assert now[name]["vintage_id"] == before[name][-1], name
    after = night.vintages()
    assert all(after[n][: len(before[n])] == before[n] for n in before), "an older vintage is lost"
    assert night.statuses() == statuses


def unplugged() -> dict[str, str]:
    """Addresses that lead nowhere: a port that nobody listens on, a name that is nobody's."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    found = {f"MISSIEMONITOR_{s.upper()}_URL": f"http://127.0.0.1:{port}/{s}" for s in SOURCES}
    found["MISSIEMONITOR_EUROSTAT_URL"] = "https://no-such-publisher.invalid/api"
    found["MISSIEMONITOR_UNSDG_URL"] = "https://neither-is-this.invalid/sdg"
    return found


def test_without_a_network_the_bundled_figures_are_published_soon(
    nights: dict[str, Any], tmp_path: Path, cli: Cli, ask: Ask
) -> None:
    data = tmp_path / "data"
    shutil.copytree(nights["bundle"], data, symlinks=True)
    started = time.monotonic()
    offline = cli(data, "run", "--offline", "--lang", "en")
    usual = time.monotonic() - started
    assert offline.returncode == 0
    started = time.monotonic()
    done = cli(data, "run", "--lang", "en", **unplugged())
    took = time.monotonic() - started
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert took < usual + 30, f"{took:.0f} s, offline {usual:.0f} s"
    assert "cannot be reached" in done.stderr and "network" in done.stderr
    assert "Traceback" not in done.stderr
    # One publisher out of reach is one piece of news, not one for each of its datasets.
    assert len(done.stderr.splitlines()) <= 12, done.stderr
    found = Nights(data, nights["nights"].bench, cli, ask)
    assert found.statuses() == nights["offline"][1]
    assert {s["origin"] for s in found.sources().values()} == {"bundled"}


def test_a_name_that_is_no_https_address_is_refused(night: Nights) -> None:
    before = night.vintages()
    done = night.run(MISSIEMONITOR_CBS_URL="http://datasets.example.org/odata")
    assert done.returncode == 3
    assert "MISSIEMONITOR_CBS_URL" in done.stderr and "https" in done.stderr
    assert night.vintages() == before


def test_a_first_night_without_a_bundle(tmp_path: Path, nights: dict[str, Any]) -> None:
    """A root that has lost its vintages is filled again from the publishers."""
    found: Nights = nights["nights"]
    found.bench.reset()
    data = tmp_path / "data"
    shutil.copytree(nights["bundle"], data, symlinks=True)
    for name in LIVE:
        shutil.rmtree(data / "raw" / name)
    alone = Nights(data, found.bench, found.cli, found.ask)
    done = alone.run()
    assert done.returncode == 0, done.stderr
    assert {alone.sources()[n]["origin"] for n in LIVE} == {"live"}
