"""Nights on the command line against the bench: the first after the bundle, one on which nothing
changed, one on which a figure did, one with a publisher out of order, one without a network."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.vintages.store import Archive
from tests.publisher import Cell, Fault, Publisher, bundled_world
from tests.publisher.server import SOURCES
from tests.publisher.statline import add_tables

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]
# The chance of a target is measured over all areas at hand, of which the bench has more.
STATUSES = (
    "SELECT * EXCLUDE (as_of, probability_of_target, probability_words) FROM marts.indicator_progress WHERE geo = 'NL' ORDER BY ALL",
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
        where = {"MISSIEMONITOR_OFFLINE": "0", **self.bench.environment(), **env}
        return self.cli(self.data, "run", "--lang", "en", **where)

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
    with Publisher(add_tables(bundled_world())) as bench:
        found = Nights(data, bench, cli, ask)
        offline = cli(data, "run", "--offline", "--lang", "en")
        assert offline.returncode == 0, offline.stderr
        left: dict[str, Any] = {
            "nights": found,
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
    found.bench.reset(add_tables(bundled_world()))
    return Nights(data, found.bench, found.cli, found.ask)


@pytest.mark.slow
def test_first_live_night_is_well_for_every_source(nights: dict[str, Any]) -> None:
    done, vintages, _, sources, _ = nights["first"]
    assert done.returncode == 0, done.stderr
    before = nights["offline"][0]
    assert len(LIVE) >= 30
    archive = Archive(Paths(nights["after"]))
    new = [n for n in LIVE if vintages[n] != before[n]]
    for name in LIVE:
        assert sources[name]["verdict"] == "accepted" and not sources[name]["pending"], name
        if name in new:
            assert vintages[name][:-1] == before[name], "an older vintage is lost"
            assert sources[name]["origin"] == "live", (name, sources[name])
        else:
            # The publisher says what the bundle says: seen, not stored again.
            current = nights["offline"][2][name]["vintage_id"]
            assert current in archive.seen(*name.split("/", 1)), name
    assert len(new) >= 10, new
    asked = {a.source for a in nights["first_seen"]}
    assert asked == {load().datasets[n].asked for n in LIVE}


@pytest.mark.slow
def test_statuses_stay_where_the_figures_do(nights: dict[str, Any]) -> None:
    before, after = nights["offline"][1], nights["first"][2]
    registry, compared = load(), 0
    # A series that a dataset completes of which nothing ships has other figures from then on.
    waits = {o.indicator for o in registry.operands if registry.datasets[o.dataset].live_only}
    for mart_before, mart_after in zip(before, after, strict=True):
        assert len(mart_before) == len(mart_after)
        for a, b in zip(mart_before, mart_after, strict=True):
            name = a.get("indicator_id")
            if name in (None, *waits) or (b["latest_year"] or 0) > (a["latest_year"] or 0):
                continue  # what the publishers have more of, and the missions that it serves
            compared += 1
            assert same(a, b), {k: (a[k], b[k]) for k in a if a[k] != b.get(k)}
    assert compared > 80


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        a[k] == b[k] or (isinstance(a[k], float) and b[k] == pytest.approx(a[k], rel=1e-9))
        for k in a
    )


@pytest.mark.slow
def test_nothing_is_stored_again_on_a_night_without_news(nights: dict[str, Any]) -> None:
    done, vintages, statuses, sources, release = nights["second"]
    assert done.returncode == 0, done.stderr
    assert vintages == nights["first"][1]
    assert statuses == nights["first"][2]
    assert release == nights["first"][4]
    assert sources == nights["first"][3]
    archive = Archive(Paths(nights["after"]))
    for name in LIVE:
        source, dataset = name.split("/", 1)
        seen = archive.seen(source, dataset)
        assert sources[name]["vintage_id"] in seen, (
            f"{name}: that it was seen again is not recorded"
        )


@pytest.mark.slow
def test_publishers_are_asked_politely(nights: dict[str, Any]) -> None:
    for ask in nights["first_seen"]:
        agent = ask.headers.get("user-agent", "")
        assert "missiemonitor" in agent and "python" not in agent.lower()
    by_source = {s: sum(a.source == s for a in nights["first_seen"]) for s in SOURCES}
    assert by_source["oecd"] <= 2 and by_source["eurostat"] <= 40, by_source


@pytest.mark.slow
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


# source → (what is wrong with it tonight, what the run says of it)
OUT_OF_ORDER = {
    "eurostat": ("html", "a page instead of data"),
    "worldbank": ("times_1000", "plausible"),
    "cbs": ("page_elsewhere", "not one of its hosts"),
    "owid": ("area_lost", "no figure for NL"),
}


@pytest.mark.slow
def test_publishers_out_of_order_stop_no_other(night: Nights, nights: dict[str, Any]) -> None:
    before, statuses = night.vintages(), nights["second"][2]
    night.bench.faults = [Fault(fault, source) for source, (fault, _) in OUT_OF_ORDER.items()]
    # The one that is well has news.
    night.bench.world.change(
        "unsdg", "ER_RSK_LST", lambda c: None if c.geo == "SE" and c.period == "1993" else c
    )
    night.bench.world.cubes["unsdg", "ER_RSK_LST"].cells += [
        replace(c, period="2024")
        for c in night.bench.world.cubes["unsdg", "ER_RSK_LST"].cells
        if c.geo == "SE" and c.period == "2023"
    ]
    done = night.run()
    assert done.returncode == 3, (done.stdout, done.stderr)
    for source, (_, said) in OUT_OF_ORDER.items():
        assert said in done.stderr, (source, done.stderr)
    assert "Traceback" not in done.stderr
    assert all(len(line) < 1200 for line in done.stderr.splitlines())
    now, after = night.sources(), night.vintages()
    datasets = load().datasets
    for name in LIVE:
        assert after[name][: len(before[name])] == before[name], "an older vintage is lost"
        if datasets[name].asked in OUT_OF_ORDER:
            assert now[name]["vintage_id"] == nights["second"][3][name]["vintage_id"], name
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


@pytest.mark.slow
def test_without_a_network_the_bundled_figures_are_published(
    nights: dict[str, Any], tmp_path: Path, cli: Cli, ask: Ask
) -> None:
    data = tmp_path / "data"
    shutil.copytree(nights["bundle"], data, symlinks=True)
    done = cli(data, "run", "--lang", "en", MISSIEMONITOR_OFFLINE="0", **unplugged())
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "cannot be reached" in done.stderr and "network" in done.stderr
    assert "Traceback" not in done.stderr
    # One publisher out of reach is one piece of news, not one for each of its datasets.
    assert len(done.stderr.splitlines()) <= 12, done.stderr
    found = Nights(data, nights["nights"].bench, cli, ask)
    assert found.statuses() == nights["offline"][1]
    # What is there live only waits for its first night with a network.
    assert {s["origin"] for s in found.sources().values()} == {"bundled", None}


@pytest.mark.slow
def test_a_first_night_without_a_bundle(tmp_path: Path, nights: dict[str, Any]) -> None:
    """A root that has lost its vintages is filled again from the publishers."""
    found: Nights = nights["nights"]
    found.bench.reset(add_tables(bundled_world()))
    data = tmp_path / "data"
    shutil.copytree(nights["bundle"], data, symlinks=True)
    for name in LIVE:
        shutil.rmtree(data / "raw" / name, ignore_errors=True)  # some come with the first pull
    alone = Nights(data, found.bench, found.cli, found.ask)
    done = alone.run()
    assert done.returncode == 0, done.stderr
    assert {alone.sources()[n]["origin"] for n in LIVE} == {"live"}
