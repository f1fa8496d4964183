"""The nightly run with pulls, from the command line: unplugged, of one publisher, of the past."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.datasets import dataset_asset
from assets.resources import resources
from pipeline.clock import today
from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.vintages.pull import load_pull_results
from pipeline.vintages.store import Archive
from tests.publisher import Publisher

CARS = "owid/electric-car-sales-share"
SOURCES = ("eurostat", "cbs", "oecd", "worldbank", "unsdg", "owid", "who")
# Names that lead nowhere by definition (RFC 6761): a network that is not there.
UNPLUGGED = {f"MISSIEMONITOR_{s.upper()}_URL": f"https://{s}.invalid/api" for s in SOURCES}


def release(data: Path) -> str:
    return (data / "marts" / "current").resolve().name


@pytest.mark.slow
def test_unplugged_the_bundled_figures_are_published_and_it_says_why(
    data: Path, cli: Any, ask: Any
) -> None:
    offline = cli(data, "run", "--offline", "--lang", "en")
    assert offline.returncode == 0, offline.stderr
    before = release(data)
    done = cli(data, "run", "--lang", "en", MISSIEMONITOR_OFFLINE="0", **UNPLUGGED)
    assert done.returncode == 3, done.stderr
    # One line a publisher, not one a dataset; the set is a function of the vintages alone.
    lines = [line for line in done.stderr.splitlines() if line.startswith("! not pulled: ")]
    assert len(lines) == len(done.stderr.splitlines()) == 6
    for line in lines:
        assert re.search(r"\w+\.invalid cannot be reached \(.+\): look at the network", line)
        assert "The last good vintage stays for " in line
    assert done.stdout == offline.stdout
    assert release(data) == before
    rows = ask(data, "SELECT DISTINCT origin FROM marts.source_status")
    # What is there live only waits for its first night with a network.
    assert {row["origin"] for row in rows} == {"bundled", None}
    noted = load_pull_results(Archive(Paths(data)))
    assert {r.state for r in noted.values()} == {"failed"}
    assert len(noted) == sum(bool(d.live) for d in load().datasets.values())


@pytest.mark.slow
def test_a_live_night_of_one_publisher(data: Path, cli: Any, ask: Any, bench: Publisher) -> None:
    done = cli(
        data, "run", "--source", "worldbank", "--lang", "en", MISSIEMONITOR_OFFLINE="0",
        **bench.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {a.source for a in bench.seen} == {"worldbank"}
    (row,) = ask(
        data, "SELECT dataset, known_from, known_from_basis, found_in FROM marts.source_status "
        "WHERE origin = 'live'",
    )  # fmt: skip
    assert row["dataset"] == "ER.MRN.PTMR.ZS" and row["known_from"] == today().isoformat()
    assert row["known_from_basis"] == "retrieved"
    assert row["found_in"].startswith(bench.url("worldbank"))


def test_a_publisher_that_is_not_there_is_one_line(data: Path, cli: Any) -> None:
    done = cli(data, "run", "--source", "nobody")
    assert done.returncode == 1 or done.returncode == 2
    assert "nothing is pulled under that name" in done.stderr
    assert "Traceback" not in done.stderr


Materialise = Callable[..., dict[str, dg.AssetCheckEvaluation]]


@pytest.fixture
def materialise(tmp_path: Path, bench: Publisher, monkeypatch: pytest.MonkeyPatch) -> Materialise:
    """Materialise datasets alone, as somebody does in the UI; give their checks `pulled`."""
    for name, value in {
        **bench.environment(), "MISSIEMONITOR_OFFLINE": "0", "MISSIEMONITOR_DATA": str(tmp_path)
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def made(*names: str, **settings: Any) -> dict[str, dg.AssetCheckEvaluation]:
        registry = load()
        done = dg.materialize(
            [dataset_asset(registry.datasets[name], registry) for name in names],
            resources=resources(registry, {}),
            run_config={"resources": {"run": {"config": settings}}},
        )
        checks = {e.asset_key.path[-1]: e for e in done.get_asset_check_evaluations() if e.check_name == "pulled"}  # fmt: skip
        return {name: checks[name.rpartition("/")[2]] for name in names}

    return made


def said(check: dg.AssetCheckEvaluation) -> str:
    return str(check.metadata["observed"].value)


@pytest.mark.parametrize(
    "settings",
    [
        {"as_of": (today() - timedelta(days=1)).isoformat()},
        {"offline": True},
        {"sources": ["worldbank"]},
    ],
)
def test_not_asked_is_no_answer(
    materialise: Materialise, bench: Publisher, settings: dict[str, Any]
) -> None:
    check = materialise(CARS, **settings)[CARS]
    assert bench.seen == []
    assert check.passed and check.metadata["asked"].value is False
    assert said(check) == "not asked in this run"


def test_a_selection_pulls_what_it_makes_and_nothing_else(
    materialise: Materialise, bench: Publisher
) -> None:
    """Two datasets of which the id has hyphens, in a run of their own."""
    hyphens = [n for n, d in load().datasets.items() if d.live and "-" in n]
    assert CARS in hyphens and len(hyphens) >= 2
    found = materialise(*hyphens)
    assert {a.source for a in bench.seen} == {"owid"}
    for name in hyphens:
        assert found[name].passed and found[name].metadata["asked"].value is True
        assert said(found[name]) in ("new figures", "nothing new")


def test_a_failed_pull_is_a_failed_check(
    materialise: Materialise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSIEMONITOR_OWID_URL", "https://owid.invalid")
    check = materialise(CARS)[CARS]
    assert not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    assert "owid.invalid cannot be reached" in said(check)
    assert "last good vintage stays" in said(check)


def test_the_workflow_of_the_live_night_is_small_in_rights_and_pinned(root: Path) -> None:
    import yaml

    flow = yaml.safe_load((root / ".github" / "workflows" / "live.yml").read_text())
    assert flow["permissions"] == {"contents": "read"}
    steps = flow["jobs"]["night"]["steps"]
    assert all(re.fullmatch(r"[\w/-]+@v\d+", s["uses"]) for s in steps if "uses" in s)
    run = " ".join(s.get("run", "") for s in steps)
    assert "missiemonitor doctor --live" in run and "missiemonitor run" in run
    # `on` is YAML's word for true.
    assert flow[True]["schedule"]
