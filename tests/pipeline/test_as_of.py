"""A run as of a date that has passed: a release of its own, which readers see only when asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.resources import RunSettings
from pipeline.clock import today
from pipeline.paths import Paths

Cli = Callable[..., subprocess.CompletedProcess[str]]
THEN = "2024-06-10"


def current(data: Path) -> str:
    return (data / "marts" / "current").resolve().name


@pytest.fixture(scope="module")
def then(
    first_run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, cli: Cli
) -> dict[str, Any]:
    """A root with a published set, after a run as of an old day on which little was known."""
    data = tmp_path_factory.mktemp("as_of") / "data"
    shutil.copytree(first_run["data"], data, symlinks=True)
    before = {p: p.read_bytes() for p in (data / "marts" / "current").resolve().rglob("*.*")}
    done = cli(data, "run", "--as-of", THEN, "--lang", "en")
    release = done.stdout.splitlines()[-1].split("/")[-3]
    return {"data": data, "done": done, "release": release, "before": before}


@pytest.mark.slow
def test_its_release_is_written_beside_and_can_be_looked_at_in_every_way(
    then: dict[str, Any], cli: Cli
) -> None:
    data, done, name = then["data"], then["done"], then["release"]
    live = current(data)
    assert name != live and done.returncode == 3, done.stderr  # most sources had nothing yet
    assert f"reference date {THEN} · release {name}" in done.stdout
    assert f"release {name} is of a date that has passed and was not published" in done.stdout
    assert f"readers still see {live}" in done.stdout and "--publish" in done.stdout
    assert Path(done.stdout.splitlines()[-1]).is_file()
    # What readers have is untouched, byte for byte.
    assert all(path.read_bytes() == content for path, content in then["before"].items())
    assert json.loads(cli(data, "status", "--json").stdout)["release"] == live

    def asked(*words: str) -> str:
        found = cli(data, *words, "--release", name[:6])
        assert found.returncode == 0, found.stderr
        return found.stdout

    board = json.loads(asked("status", "--json"))
    assert (board["release"], board["as_of"]) == (name, THEN)
    [row] = json.loads(f"[{asked('query', 'FROM marts.release', '--json')}]")
    assert row["reference_date"] == THEN
    page = Path(asked("report").strip())
    assert page.parts[-3:] == (name, "report", "index.html") and page.is_file()
    told = json.loads(asked("explain", "ghg_net_total", "--json"))
    assert (told["release"], told["reference_date"]) == (name, THEN)
    found = json.loads(asked("diff", "--json"))
    assert (found["from"]["release"], found["to"]["release"]) == (live, name)


@pytest.mark.slow
def test_diff_names_first_figures_and_what_was_not_known_then(
    then: dict[str, Any], cli: Cli
) -> None:
    data, name = then["data"], then["release"]

    def causes(*words: str) -> dict[str, set[str]]:
        found = json.loads(cli(data, "diff", *words, "--json").stdout)
        return {c["id"]: set(c["causes"]) for c in found["changes"]}

    # Of env_air_gge and nrg_ind_ren no vintage was known in 2024; of gbard one was.
    back, forth = causes("--release", name), causes(name, "current")
    for indicator in ("ghg_net_total", "renewable_share", "municipal_recycling"):
        assert "not_known" in back[indicator] and "first_figures" in forth[indicator]
        for wrong in ("revision", "new_year", "method", "registry"):
            assert wrong not in back[indicator] | forth[indicator]
    english = cli(data, "diff", name, "current", "--lang", "en").stdout
    assert "ghg_net_total · energy/ghg-55-2030: " in english and ": first figures" in english
    dutch = cli(data, "diff", "current", name, "--lang", "nl").stdout
    assert ": toen niet bekend" in dutch
    two = cli(data, "diff", name, "current", "--release", name)
    assert two.returncode == 1 and "not both" in two.stderr


@pytest.mark.slow
def test_publish_lets_readers_see_it(then: dict[str, Any], cli: Cli, tmp_path: Path) -> None:
    data, name = tmp_path / "data", then["release"]
    shutil.copytree(then["data"], data, symlinks=True)
    done = cli(data, "run", "--as-of", THEN, "--publish")
    assert done.returncode == 3 and "not published" not in done.stdout
    assert current(data) == name
    assert done.stdout.splitlines()[-1] == str(data / "marts" / "report" / "index.html")


@pytest.mark.slow
def test_a_run_for_today_publishes_as_ever(data: Path, cli: Cli, ask: Any) -> None:
    done = cli(data, "run", "--as-of", str(today()))
    assert done.returncode == 0, done.stderr
    assert ask(data, "SELECT reference_date FROM marts.release") == [
        {"reference_date": str(today())}
    ]


def test_a_date_to_come_is_refused_in_one_line(data: Path, cli: Cli) -> None:
    before = current(data)
    for day in (str(today() + timedelta(days=1)), "2130-01-01"):
        done = cli(data, "run", "--as-of", day)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr == f"missiemonitor: --as-of {day}: has yet to come; today is {today()}\n"
    assert current(data) == before


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, True),
        ({"as_of": "2020-01-01"}, False),
        ({"as_of": "2020-01-01", "publish": True}, True),
        ({"as_of": today().isoformat()}, True),
    ],
)
def test_the_setting_says_the_same_in_the_ui(
    settings: dict[str, Any], seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launchpad's fields are those of RunSettings."""
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(tmp_path))
    (tmp_path / "raw" / "some").mkdir(parents=True)  # a root filled by hand: no bundle is copied

    @dg.asset
    def asked(run: RunSettings) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(
            metadata={"seen": run.for_readers, "day": run.reference.isoformat()}
        )

    result = dg.materialize([asked], resources={"run": RunSettings(**settings)})
    [event] = result.asset_materializations_for_node("asked")
    assert event.metadata["seen"].value is seen
    assert event.metadata["day"].value == settings.get("as_of", today().isoformat())
    assert Paths(tmp_path).lease.is_file()


def test_the_ui_refuses_a_date_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSIEMONITOR_DATA", str(tmp_path))

    @dg.asset
    def asked(run: RunSettings) -> None:
        raise AssertionError("it ran")

    day = date(today().year + 1, 1, 1).isoformat()
    result = dg.materialize(
        [asked], resources={"run": RunSettings(as_of=day)}, raise_on_error=False
    )
    assert not result.success
    assert any(f"{day}: has yet to come" in str(e.event_specific_data) for e in result.all_events)
