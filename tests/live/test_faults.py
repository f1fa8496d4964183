"""The fault table: whatever a publisher sends, the right figures or a refusal that says why.

Each row runs the real way: pull → archive → verdict, over HTTP from the bench. Never a wrong
number (every cell in use is compared with what the bench holds), never a crash, never a lost
older vintage.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.paths import Paths
from pipeline.publishers.http import Limits, Transport
from pipeline.registry import Registry, load
from pipeline.vintages.pull import Puller
from pipeline.vintages.resolve import DatasetState
from tests.publisher import Cube, Fault, Publisher, World, bundled_world
from tests.verdicts import state_of

TODAY = date(2026, 11, 25)
# What stands for each adapter, and each of Eurostat's three ways.
SUBJECTS = {
    "sdmx21": "eurostat/nrg_ind_ren",
    "sdmx30": "eurostat/env_wasmun",
    "statistics": "eurostat/hlth_rs_prs2",
    "cbs": "cbs/82610NED",
    "oecd": "oecd/DF_TABLE11",
    "worldbank": "worldbank/ER.MRN.PTMR.ZS",
    "unsdg": "unsdg/SH_ALC_CONSPT",
    "owid": "owid/electric-car-sales-share",
    "who": "unsdg/SH_PRV_SMOK",
}
EUROSTAT = ("sdmx21", "sdmx30", "statistics")
CSV = ("sdmx21", "sdmx30", "oecd", "owid")
# JSON-stat has a place for each cell: it cannot say one twice.
CELLWISE = tuple(s for s in SUBJECTS if s != "statistics")
PAGED = ("cbs", "worldbank", "unsdg")
RIGHT, REFUSED, EITHER = "right", "refused", "either"
EVERY = tuple(SUBJECTS)
# Faults in the flags themselves.
FLAGS_TOO = ("extra_flag", "status_gone")


@dataclass(frozen=True)
class Row:
    """A fault, from the `nth` request for data, `times` times (None: for ever), and what is
    expected of whom. `also`: an expectation of its own for some adapters."""

    fault: str
    expected: str
    of: tuple[str, ...] = EVERY
    nth: int = 1
    times: int | None = None
    also: tuple[tuple[str, str], ...] = ()
    says: str = ""

    @property
    def name(self) -> str:
        return (
            self.fault
            + (f"-{self.times}x" if self.times else "")
            + (f"-from{self.nth}" if self.nth > 1 else "")
        )


TABLE = [
    # The way it travels
    Row("drip", REFUSED, says="whole|time"),
    Row("reset", RIGHT, times=1),
    Row("reset", REFUSED, says="broke off"),
    Row("cut", RIGHT, times=1),
    Row("cut", REFUSED, says="broke off"),
    Row("hang", RIGHT, times=1),
    Row("hang", REFUSED, says="no answer in time"),
    Row("endless", REFUSED, says="more than .* MiB"),
    Row("gzip_bare", RIGHT),
    Row("gzip_declared", RIGHT),
    Row("gzip_twice", EITHER),
    Row("gzip_lie", RIGHT),
    Row("gzip_truncated", REFUSED, says="gzip"),
    Row("gzip_truncated", RIGHT, times=1),
    Row("gzip_declared_truncated", REFUSED, says="gzip"),
    Row("gzip_bomb", REFUSED, says="MiB unpacked"),
    Row("429_zero", RIGHT, times=2),
    Row("429_zero", REFUSED, says="429"),
    Row("429_later", RIGHT, times=1),
    Row("429_garbled", RIGHT, times=1),
    Row("429_day", REFUSED, says="429.*wait"),
    Row("503", RIGHT, times=1),
    Row("503", REFUSED, says="503"),
    Row("502", RIGHT, times=1),
    Row("500", REFUSED, says="500"),
    Row("403", REFUSED, says="403"),
    Row("401", REFUSED, says="401"),
    Row("404", REFUSED, says="404|not|no "),
    Row("redirect_loop", REFUSED, says="redirect"),
    Row("redirect_elsewhere", REFUSED, says="localhost"),
    Row("redirect_http", REFUSED, says="https"),
    Row("redirect_file", REFUSED, says="https"),
    # What is never data
    Row("html", REFUSED, says="page"),
    Row("html", REFUSED, nth=2, of=("cbs",), says="page"),
    Row("empty", REFUSED, says="empty"),
    Row("blank", REFUSED, says="empty"),
    Row("error_json", REFUSED, says="busy"),
    Row("soap_fault", REFUSED, says="not available"),
    Row("entity_bomb", REFUSED, says="XML"),
    Row("truncated", REFUSED),
    Row("number_cut", REFUSED),
    Row("last_line_open", REFUSED, says="no end", of=CSV),
    # How it is written
    Row("utf16", REFUSED),
    Row("latin1", EITHER),
    Row("bom", RIGHT),
    Row("crlf", RIGHT),
    Row("trailing_spaces", RIGHT),
    Row("padded_period", RIGHT),
    Row("column_grown", RIGHT, also=(("cbs", EITHER),)),
    Row("columns_reordered", RIGHT),
    Row("column_renamed", REFUSED),
    Row("column_twice", REFUSED, of=CSV),
    Row("upper_case_names", EITHER, of=CSV),
    Row("semicolons", REFUSED, of=CSV),
    Row("quote_open", REFUSED, of=CSV),
    Row("header_only", REFUSED),
    Row("numbers_as_text", RIGHT),
    Row("decimal_comma", REFUSED),
    Row("thousands_separated", REFUSED),
    Row("extra_flag", EITHER),
    Row("case_of_codes", EITHER),
    # What is said
    Row("nan", EITHER),
    Row("infinite", REFUSED),
    Row("huge", REFUSED, says="plausible|numbers"),
    Row("negative", REFUSED, says="plausible"),
    Row("no_number", REFUSED, says="numbers"),
    Row("zero_for_missing", EITHER),
    Row("times_1000", REFUSED),
    Row("future_year", RIGHT),
    Row("mixed_grains", RIGHT, also=tuple((s, EITHER) for s in ("oecd", "worldbank", "unsdg", "owid", "who"))),
    Row("rows_twice", EITHER, of=CELLWISE),
    Row("rows_twice_differ", REFUSED, of=CELLWISE),
    # Another word for the unit with the same figures is no wrong number; as a code it is refused.
    Row("unit_changed", REFUSED, of=("sdmx21", "sdmx30", "oecd")),
    Row("unit_changed", EITHER, of=("worldbank", "unsdg")),
    Row("other_dataset", REFUSED, of=("sdmx21", "sdmx30", "cbs", "oecd", "worldbank", "unsdg")),
    # What is left out, or too much
    Row("filter_ignored", EITHER),
    Row("code_dropped", REFUSED),
    Row("area_lost", REFUSED),
    Row("other_area_labels", REFUSED, of=tuple(s for s in SUBJECTS if s != "cbs")),
    Row("year_lost", REFUSED),
    Row("last_year_lost", REFUSED),
    Row("half_lost", REFUSED),
    Row("nothing_found", REFUSED),
    Row("values_gone", REFUSED),
    # Pages
    Row("page_loop", REFUSED, of=PAGED),
    Row("page_endless", REFUSED, of=PAGED),
    Row("page_twice", REFUSED, of=PAGED),
    Row("page_lost", REFUSED, of=PAGED),
    Row("page_elsewhere", REFUSED, of=("cbs",), says="localhost"),
    Row("total_wrong", REFUSED, of=("worldbank", "unsdg")),
    # Eurostat's own
    Row("queue", RIGHT, of=("sdmx21", "sdmx30")),
    Row("queue_never", REFUSED, of=("sdmx21", "sdmx30"), says="queue"),
    Row("queue_expired", REFUSED, of=("sdmx21", "sdmx30"), says="expired"),
    Row("queue_expired", RIGHT, of=("sdmx21", "sdmx30"), times=1),
    Row("queue_unknown", REFUSED, of=("sdmx21", "sdmx30"), says="UNKNOWN"),
    Row("warning", RIGHT, of=("statistics",), times=2),
    Row("warning", REFUSED, of=("statistics",), says="queue"),
    Row("too_big", RIGHT, of=EUROSTAT, times=3),
    Row("too_big_always", REFUSED, of=EUROSTAT, says="TOO_BIG"),
    # OECD's own
    Row("unit_mult_mixed", RIGHT, of=("oecd",)),
    Row("unit_mult_odd", REFUSED, of=("oecd",)),
    Row("empty_with_status_a", REFUSED, of=("oecd",), says="lost"),
    Row("limit_requests", RIGHT, of=("oecd",), times=1),
    Row("limit_requests", REFUSED, of=("oecd",), says="429"),
    Row("limit_downloads", REFUSED, of=("oecd",), says="429"),
    Row("key_refused", REFUSED, of=("oecd",), says="Not enough key values"),
    Row("no_records", REFUSED, of=("oecd",), says="NoRecords"),
    # World Bank's own
    Row("message_120", REFUSED, of=("worldbank",), says="not valid"),
    Row("message_175", REFUSED, of=("worldbank",), says="archived"),
    Row("xml_though_json", REFUSED, of=("worldbank",), says="XML|not found"),
    Row("null_rows", EITHER, of=("worldbank",)),
    Row("dates_ignored", RIGHT, of=("worldbank",)),
    Row("per_page_text", RIGHT, of=("worldbank",)),
    # CBS's own
    Row("padded_codes", RIGHT, of=("cbs",)),
    Row("impossible", REFUSED, of=("cbs",), says="lost"),
    Row("status_gone", EITHER, of=("cbs",)),
    Row("odata_error", REFUSED, of=("cbs",), says="property"),
    # UN's own
    Row("units_as_dimension", RIGHT, of=("unsdg",)),
    Row("unit_multiplier", EITHER, of=("unsdg",)),
    # OWID's own
    Row("short_name_changed", EITHER, of=("owid",)),
    Row("agent_refused", REFUSED, of=("owid",), says="403"),
]  # fmt: skip
# Once for each publisher: how it broke off, what was no data, how it was written, what it said, what it
# left out, and that a second try helps. The rest is slow.
EACH = ("reset", "503", "html", "truncated", "column_renamed", "times_1000", "rows_twice_differ",
        "unit_changed", "filter_ignored", "area_lost", "page_lost", "queue_expired", "warning")  # fmt: skip
RUNS = [
    pytest.param(subject, row, id=f"{row.name}:{subject}",
                 marks=() if row.fault in EACH else pytest.mark.slow)
    for row in TABLE
    for subject in row.of
]  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The registry, with one dataset for each way of asking that no dataset needs yet."""
    found: Registry = load()
    smoking = SUBJECTS["who"]
    (need,) = found.datasets[smoking].needed
    changes = {
        SUBJECTS["sdmx30"]: {"route": "sdmx30"},
        smoking: {
            "source": "who",
            "code": "M_Est_tob_curr_std",
            "series": {need: {"IndicatorCode": "M_Est_tob_curr_std", "SEX": "SEX_BTSX"}},
        },
    }
    datasets = dict(found.datasets)
    for name, change in changes.items():
        live = datasets[name].live
        assert live is not None
        datasets[name] = datasets[name].model_copy(update={"live": live.model_copy(update=change)})
    return replace(found, datasets=datasets)


class Clock:
    """Time that passes by itself, and at once where somebody sleeps."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


# Far beyond what the bench needs, so that a busy machine fails no test.
LIMITS = Limits(connect=10.0, read=20.0, total=40.0, attempts=3, wire=8 << 20, body=32 << 20)
# Where time itself is the fault. An answer of the bench takes some milliseconds.
SHORT = Limits(connect=10.0, read=0.7, total=1.0, attempts=3, wire=8 << 20, body=32 << 20)
SLOW = ("drip", "hang")


@pytest.fixture(scope="module")
def world() -> World:
    return bundled_world()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Callable[[str], Path]:
    """A root of data with a dataset's bundled vintages, judged; each is made once."""
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            root = tmp_path_factory.mktemp("base")
            source, dataset = name.split("/", 1)
            bundle = Paths(root).bundle / source / dataset
            shutil.copytree(bundle, Paths(root).raw / source / dataset)
            found = state_of(root, name, TODAY, registry)
            assert found.current is not None, found.pending
            made[name] = root
        return made[name]

    return of


@dataclass
class Night:
    """One pull of one dataset against the bench, and what came of it."""

    data: Path
    outcome: Any
    state: DatasetState

    @property
    def reason(self) -> str:
        return str(self.outcome.reason or self.state.pending)

    def cells(self) -> dict[tuple[str, str, int], float]:
        return {k: r["value"] for k, r in self._rows().items()}

    def flags(self) -> dict[tuple[str, str, int], frozenset[str]]:
        return {k: frozenset(r["flags"]) for k, r in self._rows().items()}

    def _rows(self) -> dict[tuple[str, str, int], dict[str, Any]]:
        (current,) = (row for row in self.state.vintages if row["is_current"])
        rows = pq.read_table(Paths(self.data).work / current["observations"]).to_pylist()
        return {(r["series_key"], r["geo"], r["year"]): r for r in rows}


def pull(
    data: Path,
    name: str,
    bench: Publisher,
    registry: Registry,
    today: date = TODAY,
    limits: Limits = LIMITS,
) -> Night:
    paths = Paths(data)
    clock = Clock()
    transport = Transport(
        limits=limits, ledger=paths.raw / "_pulls" / "_hours", clock=clock.now, wall=time.time,
        sleep=clock.sleep, chance=lambda: 0.5,
    )  # fmt: skip
    try:
        puller = Puller(paths, registry, today, bench.environment(), transport)
        outcome = puller.pull(registry.datasets[name])
    finally:
        transport.close()
    return Night(data, outcome, state_of(data, name, today, registry))


def held(
    world: World, item: Any, night: Night, what: Callable[[Cube], dict[Any, Any]] = Cube.expected
) -> dict[tuple[str, str, int], Any]:
    """What the bench holds of what the vintage in use was asked for, under the registry's keys.

    Keys are compared without case: series that nobody needs may keep the publisher's letters.
    """
    manifest = night.state.current.manifest
    scope = manifest["scope"]
    keys = {k.casefold(): v for k, v in (manifest.get("keys") or {}).items()}
    found = world.find(item.asked, item.live.code or item.dataset)
    cells: dict[tuple[str, str, int], Any] = {}
    for cube in [found] if found else world.of(item.asked):
        for (series, geo, year), value in what(cube).items():
            cells[keys.get(series.casefold(), series), geo, year] = value
    limited = manifest["asked"]["limited_to"]
    return {
        (series, geo, year): value
        for (series, geo, year), value in cells.items()
        if ("series" not in limited or series in scope["series"])
        and ("geos" not in limited or geo in scope["geos"])
        and ("years" not in limited or year in scope["years"])
    }


def files(data: Path) -> dict[str, str]:
    """Every stored file of the bundled vintages, by digest."""
    root = Paths(data).raw
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file() and not p.relative_to(root).parts[0].startswith("_")
    }


@pytest.mark.parametrize(("subject", "row"), RUNS)
def test_right_figures_or_a_refusal_that_says_why(
    subject: str,
    row: Row,
    bench: Publisher,
    world: World,
    registry: Registry,
    base: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    name = SUBJECTS[subject]
    item = registry.datasets[name]
    data = tmp_path / "data"
    shutil.copytree(base(name), data)
    before = files(data)
    bench.reset(world)
    bench.faults = [Fault(row.fault, item.asked, nth=row.nth, times=row.times)]
    limits = SHORT if row.fault in SLOW else LIMITS
    night = pull(data, name, bench, registry, limits=limits)
    assert any(row.fault in a.faults for a in bench.seen), "the fault was never met"
    judge(night, row, subject, item, world)
    assert files(data) == before, "an older vintage was touched"


def judge(night: Night, row: Row, subject: str, item: Any, world: World) -> None:
    expected = dict(row.also).get(subject, row.expected)
    current = night.state.current
    assert current is not None, f"no figures at all: {night.reason}"
    live = current.manifest["origin"] == "live"
    if live:
        # Whatever was expected: what is in use must be what the publisher holds.
        right, got = held(world, item, night), night.cells()
        assert right, "the bench holds nothing of what was asked"
        plain = {(k[0].casefold(), *k[1:]): v for k, v in right.items()}
        wrong = {
            k: v for k, v in got.items() if plain.get((k[0].casefold(), *k[1:])) != pytest.approx(v)
        }
        assert not wrong, f"wrong numbers: {dict(list(wrong.items())[:5])}"
        if row.fault not in FLAGS_TOO:
            said, letters = night.flags(), held(world, item, night, Cube.expected_flags)
            other = {k: (said[k], v) for k, v in letters.items() if said.get(k, v) != v}
            assert not other, f"wrong flags: {dict(list(other.items())[:5])}"
        declared = set(current.manifest["scope"]["series"])
        missing = sorted(k for k in right.keys() - got.keys() if k[0] in declared)
        assert not missing, f"cells lost without a word: {missing[:5]}"
    else:
        assert night.reason, "nothing came and nobody says why"
        assert "\n" not in night.reason and night.reason.isprintable(), night.reason
        assert len(night.reason) < 1000, night.reason
        if row.says and expected == REFUSED:
            assert re.search(row.says, night.reason), night.reason
    if expected != EITHER:
        assert (RIGHT if live else REFUSED) == expected, night.reason or "accepted"


def test_every_adapter_meets_at_least_twenty_faults() -> None:
    for subject in SUBJECTS:
        assert len({r.fault for r in TABLE if subject in r.of}) >= 20, subject


@pytest.mark.parametrize("subject", SUBJECTS)
def test_without_a_fault_every_cell_is_right(
    subject: str,
    bench: Publisher,
    world: World,
    registry: Registry,
    base: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    name = SUBJECTS[subject]
    data = tmp_path / "data"
    shutil.copytree(base(name), data)
    bench.reset(world)
    night = pull(data, name, bench, registry)
    assert night.outcome.state == "new", night.reason
    judge(night, Row("none", RIGHT), subject, registry.datasets[name], world)
    needed = set(registry.datasets[name].needed)
    assert needed <= {series for series, _, _ in night.cells()}
