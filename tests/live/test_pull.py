"""A night's pulls against the publisher on the bench: what is kept, seen, refused and left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, parse
from pipeline.paths import Paths
from pipeline.publishers import fetch, unsdg, worldbank
from pipeline.publishers.errors import PullError
from pipeline.publishers.http import Limits, Transport
from pipeline.publishers.reply import Reply
from pipeline.registry import Registry, load
from pipeline.registry.schema import Titled
from pipeline.vintages.answers import compare, digest, request_for, spec_of
from pipeline.vintages.live_keys import check_keys
from pipeline.vintages.pull import Puller, PullResult, load_pull_results
from pipeline.vintages.resolve import DatasetState
from pipeline.vintages.store import Archive
from tests.publisher import Cell, Fault, Publisher
from tests.publisher.statline import add_tables
from tests.verdicts import state_of

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


@pytest.fixture
def full(bench: Publisher, registry: Registry) -> Publisher:
    """The bench with the StatLine tables that curated datasets come from."""
    add_tables(bench.world, registry)
    return bench


class Night:
    """Pulls on a root of data of their own; `state` has the verdicts."""

    def __init__(self, root: Path, registry: Registry, bench: Publisher) -> None:
        self.paths, self.registry, self.bench = Paths(root), registry, bench
        self.archive = Archive(self.paths)
        self.archive.seed()
        self.day = TODAY
        self.slept: list[float] = []

    def puller(self, **more: Any) -> Puller:
        transport = Transport(
            ledger=self.archive.ledger, sleep=self.slept.append, chance=lambda: 0.5,
            limits=more.pop("limits", Limits(read=5, connect=2)),
        )  # fmt: skip
        moment = datetime(self.day.year, self.day.month, self.day.day, 3, tzinfo=UTC)
        return Puller(
            self.paths, more.pop("registry", self.registry), self.day, self.bench.environment(),
            transport, now=lambda: moment,
        )  # fmt: skip

    def pull(self, *names: str, run_id: str = "", **more: Any) -> dict[str, PullResult]:
        puller = self.puller(**more)
        datasets = puller.registry.datasets
        try:
            return {n: puller.pull(datasets[n], run_id) for n in puller.names(names)}
        finally:
            puller.transport.close()

    def one(self, name: str, **more: Any) -> PullResult:
        (result,) = self.pull(name, **more).values()
        return result

    def state(self, name: str, registry: Registry | None = None) -> DatasetState:
        return state_of(self.paths.data, name, self.day, registry or self.registry)

    def vintages(self, name: str) -> list[Any]:
        return self.archive.vintages(*name.split("/", 1))

    def rows(self, name: str) -> dict[tuple[str, str, int], float]:
        """What the vintage in use says."""
        state = self.state(name)
        assert state.current is not None
        found = parse(state.current.body(), spec_of(state.current, self.registry.datasets[name]))
        return {
            (r["series_key"], r["geo"], r["year"]): r["value"]
            for r in found.observations.to_pylist()
        }


@pytest.fixture
def night(tmp_path: Path, registry: Registry, full: Publisher) -> Night:
    return Night(tmp_path / "data", registry, full)


REN = "eurostat/nrg_ind_ren"


@pytest.mark.slow
def test_the_first_live_night_trips_no_check(night: Night) -> None:
    outcomes = night.pull()
    # The publisher's table says what was typed over from it: no figure is new there.
    same = {n for n, o in outcomes.items() if o.state == "unchanged"}
    assert same == {"curated/cbs_ghg_climate_sectors"}
    assert {n: o.reason for n, o in outcomes.items() if o.state != "new" and n not in same} == {}
    assert set(outcomes) == {n for n, d in night.registry.datasets.items() if d.live}
    for name in outcomes:
        state = night.state(name)
        failed = {c.name: c.observed for c in state.checks if not c.passed}
        assert (name, failed) == (name, {})
        assert state.current is not None
        assert state.current.manifest["origin"] == ("bundled" if name in same else "live")
    # Another night with nothing new stores nothing and says when it was seen.
    night.day = date(2026, 11, 26)
    again = night.pull()
    assert {o.state for o in again.values()} == {"unchanged"}
    for name, outcome in again.items():
        assert len(night.vintages(name)) == len({v.vintage_id for v in night.vintages(name)})
        if name not in same:
            assert night.vintages(name)[-1].manifest["known_from"] == "2026-11-25"
        seen = night.archive.seen(*name.split("/", 1))
        assert seen[outcome.vintage_id]["last"].startswith("2026-11-26")


def test_live_figures_are_the_publishers_under_the_registrys_names(night: Night) -> None:
    # Another status of one year makes the publisher's table news; its values stay.
    status = night.bench.world.cubes["cbs", "85669NED"].about["status"]
    status["2021"] = "Voorlopig" if status["2021"] == "Definitief" else "Definitief"
    for name in (
        "curated/cbs_ghg_climate_sectors",
        "curated/cbs_85445ned",
        "eurostat/sdg_06_40",
        "eurostat/hlth_hlye",
    ):
        before = night.rows(name)
        night.one(name)
        after = night.rows(name)
        needed = set(night.registry.datasets[name].needed)
        assert {k for k, _, _ in after} == needed
        assert {c: v for c, v in before.items() if c[0] in needed} == {
            c: v for c, v in after.items() if c in before
        }
    vintage = night.vintages("curated/cbs_ghg_climate_sectors")[-1]
    assert vintage.manifest["format"] == "cbs_odata"
    assert vintage.manifest["states"] == "85669NED"
    assert "series=industry" in vintage.manifest["keys"].values()
    found = parse(
        vintage.body(), spec_of(vintage, night.registry.datasets["curated/cbs_ghg_climate_sectors"])
    )
    assert set(found.observations.column("unit").to_pylist()) == {"Mt CO2e"}


def test_what_was_found_by_title_is_pinned(night: Night) -> None:
    night.one("curated/cbs_85445ned")
    pins = night.archive.pins("curated", "cbs_85445ned")
    assert "M000124" in pins.values() and pins["table"] == "85445NED"
    cube = night.bench.world.cubes["cbs", "85445NED"]
    cube.about["measures"] = {"M9": cube.about["measures"]["M000124"]}
    night.bench.world.change(
        "cbs", "85445NED", lambda c: replace(c, codes=(("Measure", "M9"), *c.codes[1:]))
    )
    outcome = night.one("curated/cbs_85445ned")
    assert outcome.state == "failed" and "was M000124 and is now M9" in outcome.reason


def test_codes_in_another_case_and_with_their_signs_are_the_registrys(night: Night) -> None:
    # The copies lost case and signs, and the dimension that is a total everywhere.
    def as_live(cell: Cell) -> Cell:
        codes = [(d, {"30_70": "30-70", "15": "15+"}.get(c, c)) for d, c in cell.codes]
        return replace(cell, codes=(*codes, ("Name of non-communicable disease", "_T")))

    for name in ("SH_DTH_NCOM", "SH_PRV_SMOK", "SH_ALC_CONSPT"):
        before = night.rows(f"unsdg/{name}")
        night.bench.world.change("unsdg", name, as_live)
        cube = night.bench.world.cubes["unsdg", name]
        cube.dims = (*cube.dims, "Name of non-communicable disease")
        assert night.one(f"unsdg/{name}").state == "new"
        state = night.state(f"unsdg/{name}")
        assert {c.name: c.observed for c in state.checks if not c.passed} == {}
        (need,) = night.registry.datasets[f"unsdg/{name}"].needed
        after = night.rows(f"unsdg/{name}")
        assert {c: v for c, v in before.items() if c[0] == need} == {
            c: v for c, v in after.items() if c in before
        }


def test_the_one_column_may_not_become_another(night: Night) -> None:
    name = "owid/electric-car-sales-share"
    night.one(name)
    (pinned,) = night.archive.pins("owid", "electric-car-sales-share").values()
    night.bench.faults = [Fault("short_name_changed", "owid")]
    night.bench.world.cubes["owid", "electric-car-sales-share"].cells.pop()
    night.day = date(2026, 11, 26)
    assert night.one(name).state == "new"
    state = night.state(name)
    assert f"was {pinned} and is " in state.pending
    assert state.current is not None and state.current.manifest["known_from"] == "2026-11-25"


def test_changed_figures_are_a_new_vintage_and_a_return_another(night: Night) -> None:
    last = max(c.period for c in night.bench.world.cubes["eurostat", "NRG_IND_REN"].cells if c.year)

    def edit(factor: float) -> Callable[[Cell], Cell]:
        return lambda c: (
            replace(c, value=repr(round(float(c.value) * factor, 6)))
            if c.geo == "NL" and c.period == last and c.value else c
        )  # fmt: skip

    night.one(REN)
    first = night.rows(REN)
    original = list(night.bench.world.cubes["eurostat", "NRG_IND_REN"].cells)
    night.bench.world.change("eurostat", "NRG_IND_REN", edit(1.02))
    night.day = date(2026, 11, 26)
    assert night.one(REN).state == "new"
    assert night.rows(REN) != first
    # The publisher takes it back: the very bytes of two nights ago.
    night.bench.world.cubes["eurostat", "NRG_IND_REN"].cells = original
    night.day = date(2026, 11, 27)
    assert night.one(REN).state == "new"
    assert night.rows(REN) == first
    ids = [v.vintage_id for v in night.vintages(REN)]
    assert len(set(ids)) == len(ids) == 4  # the bundle's, and three nights'
    assert sum(c["is_current"] for c in night.state(REN).vintages) == 1
    night.day = date(2026, 11, 28)
    assert night.one(REN).state == "unchanged"


def test_a_release_stamp_alone_is_nothing_new(night: Night) -> None:
    night.one(REN)
    night.bench.world.cubes["eurostat", "NRG_IND_REN"].updated = "2026-11-24"
    night.day = date(2026, 11, 26)
    assert night.one(REN).state == "unchanged"
    assert len(night.vintages(REN)) == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [("filter_ignored", "not asked for"), ("area_lost", "no figure for NL")],
)  # fmt: skip
def test_what_was_not_asked_for_is_quarantined(night: Night, fault: str, says: str) -> None:
    before = night.rows(REN)
    night.bench.faults = [Fault(fault, "eurostat")]
    assert night.one(REN).state == "new"
    state = night.state(REN)
    failed = {c.name: c for c in state.checks if not c.passed}
    assert "as_asked" in failed and says in failed["as_asked"].observed
    assert failed["as_asked"].rows and says in state.pending
    assert night.rows(REN) == before
    # What the publisher mended is taken the next night.
    night.bench.faults = []
    night.day = date(2026, 11, 26)
    assert night.one(REN).state == "new"
    state = night.state(REN)
    assert state.current is not None and state.current.manifest["known_from"] == "2026-11-26"


@pytest.mark.slow
def test_what_is_too_big_is_asked_for_in_parts(night: Night) -> None:
    for name, code in ((REN, "NRG_IND_REN"), ("eurostat/demo_pjan", "DEMO_PJAN")):
        night.bench.limits.max_cells = 10**9
        night.one(name)
        whole = night.rows(name)
        night.bench.limits.max_cells = 100
        night.bench.seen.clear()
        shutil.rmtree(night.paths.raw / "_local")
        assert night.one(name).state == "new"
        assert len([a for a in night.bench.seen if code in a.path]) > 2
        assert night.rows(name) == whole


def test_a_queued_extraction_is_waited_for(night: Night) -> None:
    night.bench.faults = [Fault("queue", "eurostat", times=1)]
    assert night.one(REN).state == "new"
    assert any("async" in a.path for a in night.bench.seen)
    night.bench.faults = [Fault("queue_never", "eurostat")]

    class Clock:
        now = 0.0

    def sleep(seconds: float) -> None:
        Clock.now += seconds

    puller = night.puller()
    puller.transport.sleep, puller.transport.clock = sleep, lambda: Clock.now
    outcome = puller.pull(night.registry.datasets[REN])
    puller.transport.close()
    assert outcome.state == "failed" and "still in its queue after 15 minutes" in outcome.reason


def test_the_three_routes_of_eurostat_say_the_same(night: Night, registry: Registry) -> None:
    item = registry.datasets[REN]
    found = set()
    puller = night.puller()
    for route in ("sdmx21", "sdmx30", "statistics"):
        request = replace(request_for(item, list(registry.peers), TODAY), route=route)
        fetched = fetch(request, puller.publisher("eurostat"))
        reading = DatasetSpec("eurostat", "nrg_ind_ren", fetched.format, fetched.states)
        compared = compare(request, fetched, reading)
        assert (compared.keys, compared.deviations) == ({}, []) and compared.parsed is not None
        found.add(digest(compared.parsed))
    puller.transport.close()
    assert len(found) == 1


@pytest.mark.slow
def test_pages_make_one_vintage_as_received(night: Night) -> None:
    for name, limit in (
        ("cbs/82610NED", "cbs_page"), ("unsdg/SH_IHR_CAPS", ""), ("worldbank/ER.MRN.PTMR.ZS", ""),
    ):  # fmt: skip
        whole = None
        night.bench.limits.cbs_page = 100_000
        night.one(name)
        whole = night.rows(name)
        if limit:
            shutil.rmtree(night.paths.raw / "_local")
            setattr(night.bench.limits, limit, 7)
            assert night.one(name).state == "new"
            document = json.loads(night.vintages(name)[-1].body())
            assert len(document["pages"]) > 6
            assert night.rows(name) == whole


def test_un_and_world_bank_pages_follow_one_another(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in (("unsdg/vaccination", unsdg), ("worldbank/ER.MRN.PTMR.ZS", worldbank)):
        night.one(name)
        whole = night.rows(name)
        shutil.rmtree(night.paths.raw / "_local")
        monkeypatch.setattr(module, "_PER_PAGE", 13)
        assert night.one(name).state == "new"
        assert len(json.loads(night.vintages(name)[-1].body())["pages"]) > 2
        assert night.rows(name) == whole


def test_a_publisher_that_fails_leaves_the_others_and_the_old_vintage(night: Night) -> None:
    night.bench.faults = [Fault("503", "eurostat")]
    outcomes = night.pull("eurostat/nrg_ind_ren", "owid")
    assert outcomes[REN].state == "failed" and "HTTP 503" in outcomes[REN].reason
    assert {o.state for n, o in outcomes.items() if n != REN} == {"new"}
    assert len(night.vintages(REN)) == 1
    assert night.state(REN).current is not None


def test_a_304_is_nothing_new(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    puller = night.puller()
    sent: list[Any] = []
    real = puller.transport.get

    def get(url: str, params: Any = (), *, headers: Any = None, **more: Any) -> Reply:
        sent.append(dict(headers or {}))
        if headers:
            return Reply(url, 304, {}, b"")
        reply = real(url, params, **more)
        return replace(reply, headers={**reply.headers, "etag": '"v1"'})

    monkeypatch.setattr(puller.transport, "get", get)
    assert puller.pull(night.registry.datasets[REN]).state == "new"
    assert puller.pull(night.registry.datasets[REN]).state == "unchanged"
    assert sent == [{}, {"If-None-Match": '"v1"'}]
    # Another request, or another vintage in between, is asked for in full.
    shutil.rmtree(night.paths.raw / "_local")
    assert puller.pull(night.registry.datasets[REN]).state == "new"
    assert sent[-1] == {}
    # So is what we would refuse today: nothing else would ever come in its place.
    newest = night.vintages(REN)[-1]
    source, dataset = REN.split("/")
    cut = night.archive.add(source, dataset, newest.body().rstrip(), newest.manifest)
    night.archive.keep_pull_state(source, dataset, {"vintage_id": cut.vintage_id})
    assert puller.pull(night.registry.datasets[REN]).state == "new"
    assert sent[-1] == {}
    puller.transport.close()


def test_a_step_that_is_tried_again_in_the_same_run_does_not_pull_again(night: Night) -> None:
    first = night.one(REN, run_id="run-1")
    assert first == PullResult(
        REN, "new", "", night.vintages(REN)[-1].vintage_id, "run-1", "2026-11-25T03:00:00+00:00"
    )
    asked = len(night.bench.seen)
    # Another process of the run has a puller of its own and reads the result from the file.
    night.day = date(2026, 11, 26)
    assert night.one(REN, run_id="run-1") == first and len(night.bench.seen) == asked
    assert load_pull_results(night.archive) == {REN: first}
    # Another run asks again, and so does a pull that names no run.
    again = night.one(REN, run_id="run-2")
    assert (again.state, again.run_id) == ("unchanged", "run-2")
    assert night.one(REN).run_id == "" and len(night.bench.seen) > asked
    assert list(night.archive.seen("eurostat", "nrg_ind_ren")[first.vintage_id]) == [
        "first", "last", "times",
    ]  # fmt: skip


def test_a_failed_pull_is_tried_again_in_the_same_run_and_forgets_nothing(night: Night) -> None:
    night.one(REN, run_id="run-1")
    kept = night.archive.pull_state("eurostat", "nrg_ind_ren")
    night.bench.faults = [Fault("html", "eurostat")]
    failed = night.one(REN, run_id="run-2")
    assert failed.state == "failed" and load_pull_results(night.archive) == {REN: failed}
    state = night.archive.pull_state("eurostat", "nrg_ind_ren")
    assert {**state, "result": None} == {**kept, "result": None}
    night.bench.faults = []
    assert night.one(REN, run_id="run-2").state == "unchanged"


@pytest.mark.parametrize("content", ["broken", "[]", '{"result": []}', '{"result": {"a": 1}}',
                                     '{"result": {"name": "x/y", "state": "odd"}}'])  # fmt: skip
def test_a_result_that_cannot_be_read_is_none(night: Night, content: str) -> None:
    file = night.paths.raw / "_pulls" / "eurostat" / "nrg_ind_ren.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert load_pull_results(night.archive) == {}
    assert night.one(REN, run_id="run-1").good


def test_an_address_that_is_no_address_is_one_line(night: Night) -> None:
    puller = night.puller()
    puller.environ = {"MISSIEMONITOR_EUROSTAT_URL": "http://example.org"}
    outcome = puller.pull(night.registry.datasets[REN])
    assert outcome.state == "failed"
    assert "MISSIEMONITOR_EUROSTAT_URL" in outcome.reason and "https" in outcome.reason


def test_a_source_that_takes_files_only_is_not_asked(night: Night) -> None:
    names = night.puller().names()
    assert "curated/nato_defence_expenditure" not in names
    assert night.puller().names(["cbs"]) == [
        n for n in names if night.registry.datasets[n].asked == "cbs"
    ]
    assert night.puller().names(["curated/cbs_hle_total"]) == ["curated/cbs_hle_total"]


def test_the_who_is_a_registry_entry_away(night: Night, tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "registry"
    shutil.copytree(root / "pipeline" / "registry", folder, ignore=shutil.ignore_patterns("*.py*"))
    with (folder / "datasets.yaml").open("a") as file:
        file.write(
            "- {id: who/NCDMORT3070, title: Premature mortality, format: gho_json, code: NCDMORT3070,\n"
            "   live: {verified: false, evidence: test}}\n"
        )
    with (folder / "indicators" / "more.yaml").open("w") as file:
        file.write(
            "- {id: ncd_who, mission: health.lifestyle, label: {nl: a, en: b}, unit: '%', direction: down,\n"
            "   fit: proxy, role: supporting, cadence: 5, plausible: [1, 40], value: {series:\n"
            "   {dataset: who/NCDMORT3070, IndicatorCode: NCDMORT3070, SEX: SEX_BTSX}}}\n"
        )
    more = load(folder)
    assert night.one("who/NCDMORT3070", registry=more).state == "new"
    state = night.state("who/NCDMORT3070", more)
    assert {c.name: c.observed for c in state.checks if not c.passed} == {}
    assert state.current is not None


# The registry's live keys


def test_doctor_finds_every_key_right_at_the_bench(night: Night) -> None:
    puller = night.puller()
    found = check_keys(puller, puller.names())
    puller.transport.close()
    assert {f.name: f.lines for f in found if f.state != "right"} == {}


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (REN, {"code": "NRG_IND_REM"}, "NRG_IND_REM does not exist; likely NRG_IND_REN"),
        (REN, {"order": ("freq", "unit", "nrg_bal", "geo")}, "the publisher's freq.nrg_bal.unit.geo"),
        ("cbs/82610NED", {"code": "82610NEE"}, "there is no table 82610NEE, in any case of letters; likely 82610NED"),
        ("owid/electric-car-sales-share", {"code": "electric-car-sales-shares"}, "does not exist"),
        ("worldbank/ER.MRN.PTMR.ZS", {"code": "ER.MRN.PTMR.ZZ"}, "ER.MRN.PTMR.ZZ"),
        ("oecd/DF_TABLE11", {"code": "OECD.SDD.NAD,DSD_NASEC10@DF_TABLE1X,"}, "no such dataflow"),
    ],
)  # fmt: skip
def test_doctor_says_what_is_wrong_and_what_was_likely_meant(
    night: Night, name: str, change: dict[str, Any], says: str
) -> None:
    puller = night.puller(registry=changed(night.registry, name, **change))
    (finding,) = check_keys(puller, [name])
    puller.transport.close()
    assert finding.state == "wrong" and says in " ".join(finding.lines)
    assert finding.words()[0].startswith(f"! {name}: ")


@pytest.mark.parametrize(
    ("name", "series", "says"),
    [
        (REN, {"freq": "A", "nrg_bal": "REN_ELEC", "unit": "PC"}, "nrg_bal has no code REN_ELEC; likely REN_ELC"),
        (REN, {"freq": "A", "nrg_ball": "REN", "unit": "PC"}, "has no dimension nrg_ball; likely nrg_bal"),
        ("cbs/82610NED", {"BronTechniek": "T001029", "Measure": "M002163"}, "BronTechniek has no code T001029; likely T001028"),
        ("cbs/82610NED", {"BronTechniek": "T001028", "Measure": Titled(title=("Opgesteld vermogen",))},
         "titled 'Opgesteld vermogen'"),
        ("unsdg/vaccination", {"seriesCode": "SH_ACS_MCV9"}, "SH_ACS_MCV9"),
        ("unsdg/SH_DTH_NCOM", {"seriesCode": "SH_DTH_NCOM", "Age": "30_71", "Sex": "BOTHSEX"}, "likely 30"),
        ("oecd/DF_TABLE11", {"EXPENDITURE": "GF022"}, "EXPENDITURE has no code GF022; likely GF02"),
    ],
)  # fmt: skip
def test_doctor_names_the_likely_code(
    night: Night, name: str, series: dict[str, Any], says: str
) -> None:
    key = night.registry.datasets[name].needed[0]
    puller = night.puller(registry=changed(night.registry, name, series={key: series}))
    (finding,) = check_keys(puller, [name])
    puller.transport.close()
    assert finding.state == "wrong" and says in " ".join(finding.lines)


def test_doctor_says_when_it_could_not_ask(night: Night) -> None:
    night.bench.faults = [Fault("html", "eurostat", path="/")]
    puller = night.puller()
    (finding,) = check_keys(puller, [REN])
    puller.transport.close()
    assert finding.state == "unknown" and "could not be checked" in finding.words()[0]


def changed(registry: Registry, name: str, **live: Any) -> Registry:
    """The registry with another `live` for one dataset."""
    item = registry.datasets[name]
    assert item.live is not None
    other = item.model_copy(update={"live": item.live.model_copy(update=live)})
    return replace(registry, datasets={**registry.datasets, name: other})


def test_pull_error_is_one_printable_line() -> None:
    assert str(PullError("a\x1b[31m\n b\x00" + "x" * 1000)) == "a [31m b " + "x" * 391
