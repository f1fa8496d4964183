"""Datasets that ship without a vintage: pulled from the bench, judged, and then assessable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pipeline.formats import parse
from pipeline.paths import Paths
from pipeline.progress.assess import Observation, Question, assess
from pipeline.publishers.http import Transport
from pipeline.registry import Registry, load
from pipeline.vintages.answers import spec_of
from pipeline.vintages.pull import Puller, PullResult
from pipeline.vintages.store import Archive
from tests.publisher import Publisher
from tests.verdicts import state_of

TODAY = date(2026, 11, 25)
LIVE_ONLY = [name for name, item in load().datasets.items() if item.live_only]
INDICATORS = sorted(
    {o.indicator for o in load().operands if o.dataset in LIVE_ONLY} | {"space_rnd_budget"}
)


@dataclass(frozen=True)
class Night:
    root: Path
    registry: Registry
    results: dict[str, PullResult]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, one_bench: Publisher) -> Night:
    one_bench.reset()
    registry = load()
    root = tmp_path_factory.mktemp("first-night")
    transport = Transport()
    puller = Puller(Paths(root), registry, TODAY, one_bench.environment(), transport)
    puller.archive.seed()
    names = [*LIVE_ONLY, "curated/eurostat_gbard_2018", "eurostat/hlth_cd_apr"]
    try:
        return Night(root, registry, {n: puller.pull(registry.datasets[n]) for n in names})
    finally:
        transport.close()


@pytest.mark.parametrize("name", [*LIVE_ONLY, "curated/eurostat_gbard_2018"])
def test_it_is_pulled_and_judged(name: str, night: Night) -> None:
    assert night.results[name].state == "new", night.results[name].reason
    state = state_of(night.root, name, TODAY, night.registry)
    assert state.current is not None, state.vintages[-1]["reason"]
    assert state.current.manifest["origin"] == "live" and state.accepted


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_of_it_is_assessable(name: str, night: Night) -> None:
    item, registry = night.registry.indicators[name], night.registry
    series = next(o for o in registry.operands if o.indicator == name)
    dataset = registry.datasets[series.dataset]
    current = state_of(night.root, series.dataset, TODAY, registry).current
    assert current is not None
    rows = parse(current.body(), spec_of(current, dataset)).observations.to_pylist()
    seen = [
        Observation(r["year"], series.scale * r["value"], frozenset(r["flags"]))
        for r in rows
        if r["series_key"] == series.series_key and r["geo"] == "NL"
    ]
    asked = Question(
        direction=item.direction, fit=item.fit, cadence=item.cadence, kind="direction",
        may_be_zero=item.may_be_zero, bound_low=item.bounds[0], bound_high=item.bounds[1],
    )  # fmt: skip
    found = assess(asked, seen, TODAY)
    assert found.status != "not_assessable", (found.reason, [o.year for o in seen])
    low, high = item.plausible
    assert all(low <= o.value <= high for o in seen)


@pytest.mark.parametrize("name", LIVE_ONLY)
def test_a_dataset_that_waits_is_no_fault(name: str, tmp_path: Path) -> None:
    Archive(Paths(tmp_path)).seed()
    state = state_of(tmp_path, name, TODAY)
    assert state.current is None and state.accepted
    assert {c.observed for c in state.checks} == {"not pulled yet"}


@pytest.mark.slow
def test_a_run_against_the_bench_fills_every_gap_that_a_pull_can(
    tmp_path: Path,
    bench: Publisher,
    cli: Callable[..., CompletedProcess[str]],
    ask: Callable[[Path, str], list[dict[str, Any]]],
) -> None:
    data = tmp_path / "data"
    env = {**bench.environment(), "MISSIEMONITOR_OFFLINE": "0"}
    done = cli(data, "run", "--source", "eurostat", "--source", "unsdg", **env)
    assert done.returncode == 0, done.stderr + done.stdout
    waiting = "SELECT source, dataset FROM marts.source_status WHERE waits_for_pull"
    assert ask(data, waiting) == []
    told = ask(data, "SELECT indicator_id, reason, gap FROM marts.gaps")
    assert not [r for r in told if r["gap"] == "waits_for_pull"], told
    # Of the nitrogen balance the bench has what ships; its publisher has five years more.
    assert {r["indicator_id"] for r in told if r["gap"] == "live_has_more"} == {
        "nitrogen_balance", "nitrogen_balance_farming",
    }  # fmt: skip
    counted = ask(
        data,
        "SELECT count(*) FILTER (reason IS NULL) AS n FROM marts.sub_mission_progress "
        "JOIN marts.missions USING (mission_id) WHERE level = 'sub_mission'",
    )
    # Fifteen without a network; space by the budgets, health threats by two years more.
    assert counted[0]["n"] == 17
