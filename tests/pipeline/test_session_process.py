"""The session in its own process: the same answers and errors, in whatever order they are asked
for, and nothing left behind however it ends."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from assets.graph import dataset_asset
from assets.session import RunSession
from pipeline.session import DatasetState, Session
from pipeline.session_process import (
    Order,
    SessionProcess,
    SessionProcessError,
    _portable,
    _with_causes,
    asset_of,
    start_early,
    stop_early,
    take,
)

from pipeline.outcome import outcome_of
from pipeline.paths import Paths, registry_root
from pipeline.quality.results import Checker, CheckResult
from pipeline.registry import load
from pipeline.vintages.validate import CHECKS
from pipeline.warehouse.build import BuildError

DAY = date(2026, 11, 23)
DATASET = "eurostat/nrg_ind_ren"
Opener = Callable[[Order], SessionProcess]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Sessions that end with the test; what they say is dropped."""
    found: list[SessionProcess] = []

    def made(order: Order) -> SessionProcess:
        found.append(SessionProcess(order))
        return found[-1].open(lambda text: None)

    yield made
    for session in found:
        session.end()


def files_of(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def use_broken_sql(
    monkeypatch: pytest.MonkeyPatch, root: Path, data: Path, was: str, becomes: str
) -> None:
    """Let sessions read SQL files of which one says something else."""
    broken = data.parent / "sql"
    shutil.copytree(root / "sql", broken)
    mart = broken / "marts" / "sub_mission_progress.sql"
    text = mart.read_text()
    assert was in text
    mart.write_text(text.replace(was, becomes))
    monkeypatch.setenv("MISSIEMONITOR_SQL", str(broken))


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_its_answers_are_the_sessions(data: Path, opened: Opener) -> None:
    session = opened(Order(data, DAY, offline=True))
    state, note = session.dataset(DATASET), session.build("marts.targets")
    registry = session.put_registry()
    session.end()
    here = Session(Paths(data), DAY).begin()
    try:
        assert here.dataset(DATASET) == state
        assert here.put_registry() == registry
        assert here.build("marts.targets") == note
    finally:
        here.end()


def test_what_is_asked_twice_or_out_of_turn_is_answered(data: Path, opened: Opener) -> None:
    session = opened(Order(data, DAY, offline=True))
    last = session.build("marts.mission_progress")
    first = session.dataset(DATASET)
    assert session.build("marts.mission_progress").sha256 == last.sha256
    assert session.dataset(DATASET) == first
    for name in Session(Paths(data), DAY).models:
        session.build(name)
    release = session.publish()
    assert release == (data / "marts" / "current").resolve()
    stands, picture = session.mission("energy")
    assert stands.sub_missions and picture is not None and picture.startswith("<svg")


def test_only_the_ordered_assets_are_made(data: Path, opened: Opener) -> None:
    shutil.rmtree(data / "work")
    assets = frozenset({asset_of(DATASET), "registry"})
    session = opened(Order(data, DAY, offline=True, assets=assets))
    session.put_registry()
    assert session.dataset(DATASET).vintage_id != "none"
    session.end()
    made = [p.stem for p in (data / "work" / "raw").glob("*.parquet")]
    assert made == ["eurostat__nrg_ind_ren"]
    assert not (data / "work" / "marts").exists()


def test_an_error_comes_as_it_was_raised(data: Path, opened: Opener) -> None:
    shutil.rmtree(data / "work")
    session = opened(Order(data, DAY, offline=True, assets=frozenset({"marts/peers"})))
    with pytest.raises(BuildError, match="materialise it first") as raised:
        session.build("marts.peers")
    assert "in build" in raised.value.__notes__[0]
    # Asked again it fails again: nothing of the first time is left over.
    with pytest.raises(BuildError, match="materialise it first"):
        session.build("marts.peers")


class Twice(Exception):
    """Says something else when it is made again from what it says."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no {name}")


def test_an_error_crosses_with_its_words_and_its_causes() -> None:
    error = BuildError("marts.x: wrong")
    error.__cause__ = Twice("such thing")
    sent = [_portable(e) for e in _with_causes(error)]
    assert [str(pickle.loads(pickle.dumps(e))) for e in sent] == [
        "marts.x: wrong",
        "there is no such thing",
    ]


def test_a_query_that_fails_says_what_duckdb_says(
    data: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    word = "m.level <> 'mission'"
    use_broken_sql(monkeypatch, root, data, word, f"{word} AND error('boom') IS NULL")
    session = opened(Order(data, DAY, offline=True))
    with pytest.raises(BuildError, match="sub_mission_progress") as raised:
        session.build("marts.sub_mission_progress")
    assert str(raised.value.__cause__) == "Invalid Input Error: boom"


def test_tables_at_work_beside_one_that_fails_are_still_given(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(Paths(data), DAY).begin()
    try:
        fails, works = "marts.targets", "marts.revisions"
        notes = {n: session.warehouse.note(n) for n in (fails, works)}

        def build(_: Session, name: str) -> Any:
            if name == fails:
                raise BuildError("broken")
            time.sleep(0.5)
            return notes[name]

        monkeypatch.setattr(Session, "build", build)
        found = []
        work = session.build_all([fails, works])
        with pytest.raises(BuildError, match="broken"):
            for name, _note in work:
                found.append(name)
        assert found == [works]
    finally:
        session.end()


def test_an_ordinary_run_is_done_ahead_wholly(
    first_run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(first_run["data"] / "raw", data / "raw", symlinks=True)
    here = Session(Paths(data), DAY)
    asked: list[Any] = []
    said: list[str] = []
    tell = SessionProcess._tell
    monkeypatch.setattr(SessionProcess, "_tell", lambda s, m: (asked.append(m), tell(s, m))[1])
    order = Order(data, DAY, offline=True)
    session = SessionProcess(order).open(said.append)
    try:
        session.put_registry()
        for name in here.registry.datasets:
            session.dataset(name)
        for name in here.models:
            session.build(name)
        session.publish()
        for mission in ("energy", "health"):
            session.mission(mission)
    finally:
        session.end()
    assert said == []
    assert asked == [order, ("publish",), ("missions",)]
    # Where three are built at once no row and no byte is elsewhere.
    for file in (first_run["data"] / "marts" / "current").resolve().glob("*.parquet"):
        assert (data / "marts" / "current" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_run_from_the_command_line_does_all_ahead(first_run: dict[str, Any]) -> None:
    said = b"".join(p.read_bytes() for p in (first_run["data"] / "dagster").rglob("*.db"))
    assert b"STEP_SUCCESS" in said and b"not done ahead" not in said


def test_only_tables_that_read_the_date_note_it(data: Path, opened: Opener) -> None:
    reference = data / "work" / "run" / "reference.parquet"
    before = reference.read_bytes()
    day = date(2026, 12, 6)
    session = opened(Order(data, day, offline=True, assets=frozenset({asset_of(DATASET)})))
    session.dataset(DATASET)
    session.end()
    assert reference.read_bytes() == before


def test_it_ends_soon_while_it_waits_for_its_turn(data: Path) -> None:
    first = Session(Paths(data), DAY).begin()
    second = SessionProcess(Order(data, DAY, offline=True))
    time.sleep(3)
    started = time.monotonic()
    second.end()
    assert time.monotonic() - started < 3
    assert second._process.returncode in (0, 1)
    first.end()


def test_what_is_not_published_leaves_nothing(data: Path, opened: Opener) -> None:
    shutil.rmtree(data / "marts")
    session = opened(Order(data, DAY, offline=True))
    for name in Session(Paths(data), DAY).models:
        session.build(name)
    releases = data / "marts" / "releases"
    for _ in range(300):  # written ahead, and seen by nobody
        if releases.is_dir() and any(releases.glob(".*.tmp/datapackage.json")):
            break
        time.sleep(0.1)
    else:
        pytest.fail("no release was prepared")
    assert not (data / "marts" / "current").exists()
    session.end()
    assert files_of(data / "marts") == {"releases"}


def test_a_table_that_fails_ends_the_work_ahead(
    data: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    use_broken_sql(monkeypatch, root, data, "m.level <> 'mission'\n", "m.level = 'mission'\n")
    session = opened(Order(data, DAY, offline=True))
    assert not session.build("marts.sub_mission_progress").sound
    for name in Session(Paths(data), DAY).models:
        session.build(name)
    with pytest.raises(BuildError, match="sub_mission_progress"):
        session.publish()
    assert not [n for n in files_of(data / "marts" / "releases") if n.startswith(".")]


def test_a_killed_session_is_an_error_and_the_lock_is_free(data: Path, opened: Opener) -> None:
    session = opened(Order(data, DAY, offline=True))
    session._process.kill()
    with pytest.raises(SessionProcessError, match="was killed"):
        while True:
            session.dataset(DATASET)
    session.end()
    Session(Paths(data), DAY, pytest.fail).begin().end()


def test_it_ends_with_the_process_that_started_it(data: Path) -> None:
    script = (
        "import sys, time; from datetime import date; from pathlib import Path\n"
        "from pipeline.session_process import Order, SessionProcess\n"
        f"s = SessionProcess(Order(Path({str(data)!r}), date(2026, 12, 5), offline=True))\n"
        "s.open(print); print(s._process.pid, flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert is_gone(pid)
    Session(Paths(data), DAY, pytest.fail).begin().end()


def test_one_started_early_serves_its_own_order_only(data: Path) -> None:
    order = Order(data, DAY, offline=True, run_id="a")
    start_early(order)
    other = take(replace(order, run_id="b"))
    assert other.order.run_id == "b"
    other.open(pytest.fail).end()
    start_early(order)
    same = take(order)
    stop_early()  # it was taken: it goes on
    assert same.open(pytest.fail).dataset(DATASET).vintage_id != "none"
    same.end()


def test_a_session_waits_for_its_turn_and_says_so(data: Path) -> None:
    first = Session(Paths(data), DAY).begin()
    said: list[str] = []
    second = SessionProcess(Order(data, DAY, offline=True))
    opening = threading.Thread(target=lambda: second.open(said.append))
    opening.start()
    for _ in range(200):
        if said:
            break
        time.sleep(0.1)
    assert said == ["another run is at work on this data; waiting for it to end"]
    first.end()
    opening.join(timeout=60)
    assert not opening.is_alive()
    second.end()


def test_checks_asked_from_several_threads_get_their_own_answers() -> None:
    checker = Checker()
    wrong: list[Any] = []

    def ask(number: int) -> None:
        frame = pd.DataFrame({f"c{number}": [*range(number), None]})
        for _ in range(5):
            found = checker.submit(
                frame, [("not_null", {"column": f"c{number}"})] * (number % 3 + 1)
            )
            answers = found.result()
            if [a["observed"] for a in answers] != [f"1 of {number + 1} rows"] * (number % 3 + 1):
                wrong.append((number, answers))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checker.close()
    assert wrong == []


class Unsteady:
    """A session whose first answers are errors."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def dataset(self, name: str) -> DatasetState:
        if self.errors:
            raise self.errors.pop(0)
        checks = [CheckResult(c, True, s, False, "", description=d) for c, (s, d) in CHECKS.items()]
        checks.append(CheckResult("pulled", True, "error", False, ""))
        return DatasetState("0" * 16, "2026-11-23", "bundled", 1, "", 7, 0, checks)


@pytest.mark.parametrize(
    ("errors", "tried", "good"),
    [
        ([], 1, True),
        ([OSError("the disk is away")] * 2, 3, True),
        ([OSError("the disk is away")] * 9, 4, False),
        ([SessionProcessError("it was killed")], 1, False),
    ],
)
def test_a_dataset_is_tried_again_where_that_can_help(
    monkeypatch: pytest.MonkeyPatch, errors: list[Exception], tried: int, good: bool
) -> None:
    monkeypatch.setattr("assets.graph.RETRIES", dg.RetryPolicy(max_retries=3, delay=0.01))
    session = Unsteady(*errors)

    class Run(RunSession):
        def setup_for_execution(self, context: dg.InitResourceContext) -> None:
            """Nothing is started."""

        def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
            """Nothing is ended."""

        @property
        def session(self) -> Any:
            return session

    asset = dataset_asset(DATASET, load(registry_root()).datasets[DATASET])
    result = dg.materialize([asset], resources={"run": Run()}, raise_on_error=False)
    starts = [
        e for e in result.all_events if e.event_type_value in ("STEP_START", "STEP_RESTARTED")
    ]
    assert len(starts) == tried
    assert result.success == ((len(errors) < 4 and tried != 1) or not errors)
    if not result.success:
        assert str(errors[0]) in " ".join(outcome_of(False, result.all_events).why)
