"""The registry holds what the letter says, and each mistake gives its one line."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline.formats import DatasetSpec, parse
from pipeline.registry import RegistryError, load


def test_it_holds_the_letter() -> None:
    registry = load()
    levels = [m.level for m in registry.missions.values()]
    assert (levels.count("mission"), levels.count("sub_mission"), levels.count("interim_goal")) == (
        5, 21, 4,
    )  # fmt: skip
    letter = [
        t for t in registry.targets.values()
        if t.number is not None and t.strength in ("commitment", "ambition", "exploratory")
    ]  # fmt: skip
    assert len(letter) == 17
    assert sorted(t.number for t in letter if t.number is not None) == sorted(
        [-0.55, -0.6, 0, 0, 0, 0, 0, -0.5, -0.75, 55, 60, 5, -0.3, -0.3, 0.5, 0.25, 0.25]
    )
    assert len(registry.indicators) == 109


def test_every_indicator_has_one_counting_row_or_is_context() -> None:
    registry = load()
    counting: dict[str, int] = {}
    for pair in registry.pairs():
        counting[pair["indicator_id"]] = counting.get(pair["indicator_id"], 0) + pair["counts"]
    for item in registry.indicators.values():
        assert (counting[item.id] == 0) == (item.fit == "context"), item.id


def test_law_plan_ambition_and_milestones_never_count() -> None:
    registry = load()
    for pair in registry.pairs():
        if pair.get("strength") in ("law", "plan", "ambition", "exploratory"):
            assert not pair["counts"], pair
        if pair["kind"] == "milestone":
            assert not pair["counts"], pair


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("indicators/1_energy.yaml", "mission: energy\n", "mission: energie\n", "mission energie does not exist"),
        ("indicators/1_energy.yaml", "- id: renewable_share", "- id: ghg_net_total", "given twice"),
        ("indicators/1_energy.yaml", "  unit: kt CO2e\n", "", "`unit`: is missing"),
        ("indicators/1_energy.yaml", "  fit: direct\n", "  fit: perfect\n", "`fit`"),
        ("indicators/1_energy.yaml", "  fit: direct\n", "  fit: direct\n  colour: red\n", "`colour`: no such key"),
        ("indicators/1_energy.yaml", "dataset: eurostat/env_air_gge", "dataset: eurostat/env_air", "not in datasets.yaml"),
        ("indicators/1_energy.yaml", "  direction: down\n", "", "`direction`"),
        ("indicators/1_energy.yaml", "energy/ghg-55-2030", "energy/ghg-56-2030", "not in targets.yaml"),
        ("indicators/1_energy.yaml", "    base_year: 1990\n", "", "needs a base_year"),
        ("indicators/1_energy.yaml", "airpol: GHG, freq", "airpol: GHG, airpol: CO2, freq", "`airpol` is given twice"),
        ("indicators/1_energy.yaml", ", airpol: GHG, freq: A, src_crf: TOTXMEMO, unit: THS_T", "", "names its dimensions"),
        ("indicators/1_energy.yaml", "src_crf: TOTXMEMO", "src_crf: NO", "write the code of src_crf in quotes"),
        ("indicators/1_energy.yaml", "  cadence: 1\n", "  cadence: yearly\n", "`cadence`: Input should be a valid integer"),
        ("indicators/1_energy.yaml", "  cadence: 1\n", "  cadence: !x 1\n", "is not read"),
        ("indicators/1_energy.yaml", "bounds: [0, 100]", "bounds: [100, 0]", "bounds run from low to high"),
        ("indicators/1_energy.yaml", "plausible: [-20000,", "plausible: [.nan,", "`plausible.0`: Input should be a finite number"),
        ("indicators/1_energy.yaml", "    op: sum\n", "    op: add\n", "expected `series`, or `op`"),
        ("indicators/1_energy.yaml", "    op: sum\n", "    op: ratio\n", "ratio takes 2 series"),
        ("indicators/1_energy.yaml", "    op: sum\n", "    op: sum\n    from_year: soon\n", "`from_year` is a year"),
        ("indicators/1_energy.yaml", "    op: sum\n", "    op: sum\n    scale: .inf\n", "`scale` is a number"),
        ("indicators/1_energy.yaml", "energy/ghg-60-2030\n", "energy/ghg-60-2030\n    counts: true\n", "it cannot count"),
        ("indicators/3_health.yaml", "series: {dataset: eurostat/hlth_hlye, freq: A, indic_he: HLY_0, sex: T, unit: YR}", "first: 3", "`first` takes a list"),
        ("targets.yaml", "number: -0.55, ", "", "needs a number"),
        ("targets.yaml", "kind: change", "kind: chnge", "`kind`"),
        ("targets.yaml", "- {id: health/gap-30-2040", "- {id: health/healthy-years-5-2040", "given twice"),
        ("targets.yaml", "strength: law, source: Waterwet", "strength: law", "names its `source`"),
        ("targets.yaml", "id: organic_area_share/", "id: land.farming/", "the id of a plan target is"),
        ("targets.yaml", ", letter: Veilige en weerbare delta", "", "the words of the letter are missing"),
        ("targets.yaml", "number: 60, unit: \"%\"", "number: 160, unit: \"%\"", "impossible"),
        ("targets.yaml", "milestone_state: open, ", "", "needs a milestone_state"),
        ("missions.yaml", "  parent: health\n", "", "everything else has one"),
        ("missions.yaml", "  parent: health\n", "  parent: health.dementia\n", "the parent of a sub_mission is a mission"),
        ("missions.yaml", "level: sub_mission", "level: mission", "the letter has"),
        ("missions.yaml", "level: sub_mission", "level: submission", "`level`"),
        ("datasets.yaml", "id: eurostat/nrg_ind_ren", "id: eurostate/nrg_ind_ren", "not in sources.yaml"),
        ("datasets.yaml", "format: sdmx_csv", "format: sdmx", "`format`"),
        ("datasets.yaml", "id: eurostat/nrg_ind_ren", "id: nrg_ind_ren", "`id`"),
        ("datasets.yaml", "serves: backtest", "serves: test", "`serves`"),
        ("datasets.yaml", "format: sdmx_csv, ranges: {'*': [1, 10000000000]}", "format: sdmx_csv", "the series 'age=TOTAL|freq=A|sex=T|unit=NR' is read and has no range"),
        ("datasets.yaml", "serves: backtest, ranges: {'*': [-10000000000000, 10000000000000]}", "serves: backtest", "every series of it is read: give a range of '*'"),
        ("datasets.yaml", "ranges: {'*': [1, 10000000000]}", "ranges: {'*': [10, 1]}", "runs from low to high"),
        ("datasets.yaml", "ranges: {'*': [1, 10000000000]}", "ranges: {'*': [1, 10000000000], 'freq=A': [0, 1]}", "nothing reads the series 'freq=A'"),
        ("indicators/1_energy.yaml", "    plausible: [-50, 200]\n", "", "`per_head.plausible`: is missing"),
        ("indicators/1_energy.yaml", "    plausible: [-50, 200]\n", "    plausible: [200, -50]\n", "plausible runs from low to high"),
        ("indicators/3_health.yaml", "    agree: 0.005\n", "", "a `join` says in `agree`"),
        ("indicators/3_health.yaml", "    agree: 0.005\n", "    agree: 5\n", "a `join` says in `agree`"),
        ("indicators/3_health.yaml", "    agree: 0.005\n", "    agree: 0.005\n    scale: 2\n", "scale does not go with `join`"),
        ("indicators/3_health.yaml", "    - series: {dataset: curated/dgempl_avoidable_mortality, series: Preventable mortality}\n", "", "a `join` is of two or more files"),
        ("indicators/5_security.yaml", "  - indicator: online_crime_victims_ovec\n", "  - indicator: online_crime\n", "online_crime is no other indicator"),
        ("indicators/5_security.yaml", "    series: {dataset: curated/cbs_registered_crime, series: registered crimes per 1 000 inhabitants}\n", "    join:\n    - series: {dataset: curated/cbs_online_crime, series: people 15+ who were victims of online crime (12 months) | Veiligheidsmonitor}\n    - series: {dataset: curated/cbs_online_crime, series: people 15+ who were victims of online crime (12 months) | Online Veiligheid en Criminaliteit}\n    agree: 0.5\n", "registered_crime: joins the series of online_crime_victims and online_crime_victims_ovec"),
        ("indicators/5_security.yaml", "{table: StatLine 85846NED, first: 2021, last: 2025}", "{table: StatLine 85846NED}", "names a table with its first and last year, or none_found"),
        ("indicators/3_health.yaml", 'closes: {none_found: "2026-11-28"}', "closes: {none_found: never}", "`closes.none_found`: is no date"),
        ("datasets.yaml", "format: curated_csv, ranges: {'*': [0, 20000000]}, publisher: CBS and", "format: curated_csv, live_only: true, ranges: {'*': [0, 20000000]}, publisher: CBS and", "live_only: nothing says where it is pulled"),
        ("gaps.yaml", "{cadence} jaar, laatst", "{years} jaar, laatst", "{years} is not known; it takes n, needed"),
        ("gaps.yaml", "- gap: stale", "- gap: yearly", "yearly is given twice"),
        ("units.yaml", "factor: 0.001}", "factor: 0.001}\n- {unit: kt CO2e, common: t CO2e, factor: 1000}", "kt CO2e is given twice"),
        ("units.yaml", "factor: 0.001", "factor: 0", "`factor`"),
        ("datasets.yaml", "format: curated_csv, serves", "format: projection_csv, serves", "no history"),
        ("sources.yaml", "https://ec.europa.eu/eurostat/data/database", "http://ec.europa.eu/eurostat", "`landing_url`: is no address of a public page; it begins with https://"),
        ("sources.yaml", "https://ec.europa.eu/eurostat/data/database", "https://me:secret@ec.europa.eu/", "`landing_url`: names a user"),
        ("sources.yaml", "https://ec.europa.eu/eurostat/data/database", "https:///eurostat", "`landing_url`: '' is no host"),
        ("sources.yaml", "/view/{dataset}/default", "/view/{table}/default", "`dataset_url`: {table} is not known; it takes {dataset} and {code}"),
        ("sources.yaml", "/view/{dataset}/default", "/view/default", "`dataset_url`: has no {dataset} and no {code}"),
        ("sources.yaml", "/view/{dataset}/default", "/view/{dataset/default", "`dataset_url`: has no {dataset}"),
        ("sources.yaml", "https://ourworldindata.org/grapher/{dataset}", "https://{dataset}.ourworldindata.org/", "`dataset_url`: '.ourworldindata.org' is no host"),
        ("sources.yaml", "https://ourworldindata.org/grapher/{dataset}", "https://me@ourworldindata.org/{dataset}", "`dataset_url`: names a user"),
        ("datasets.yaml", "https://www.ucsusa.org/resources/satellite-database", "javascript:alert(1)", "curated/ucs_satellites: `landing_url`: is no address of a public page"),
        ("datasets.yaml", "https://www.ucsusa.org/resources/satellite-database", "https://www.ucsusa.org/resources/satellite{dataset}", "an address holds no '{'; percent-encode it"),
        ("datasets.yaml", "https://www.ucsusa.org/resources/satellite-database", "https://www.ucsusa.org\\\\@elsewhere.org", "an address holds no '\\\\'"),
        ("datasets.yaml", "https://samentegenvoedselverspilling.nl/", "https://samentegenvoedselverspilling.nl/ ", "curated/food_diet: `pages.series=solid food waste per person`: an address holds no ' '"),
        ("datasets.yaml", '"series=solid food waste per person": ', '"series=solid food wasted": ', "curated/food_diet: pages: no indicator needs the series 'series=solid food wasted'"),
        ("datasets.yaml", "landing_url: \"https://www.ucsusa", "url: \"https://www.ucsusa", "`url`: no such key"),
        ("indicators/5_security.yaml", "dataset: curated/itu_global_cybersecurity_index", "dataset: curated/statcan_cif", "serves the back-test only"),
        ("peers.yaml", "- {geo: BE}", "- {geo: NO}", "`geo`: Input should be a valid string"),
        ("overrides.yaml", "[]", "- {mission: energy, status: fine, author: a, reason: b, date: 2026-01-01, until: 2027-01-01}", "`status`"),
        ("overrides.yaml", "[]", "- {mission: energy, status: missed, author: a, reason: b, date: 2026-01-01, until: soon}", "`until`: is no date"),
        ("projections.yaml", "indicator: ghg_net_total", "indicator: ghg_net_totals", "indicator ghg_net_totals does not exist"),
        ("projections.yaml", "target: energy/ghg-55-2030", "target: land/vital", "not held against target land/vital"),
        ("projections.yaml", "dataset: curated/kev_2030_bands", "dataset: curated/security", "format projection_csv"),
        ("projections.yaml", "measure: reduction_pct", "measure: percent", "`measure`"),
        ("overrides.yaml", "[]", "- {mission: energy, status: missed, author: a, reason: b, date: 2026-01-01, until: 2026-02-01}", "judge a sub-mission"),
        ("overrides.yaml", "[]", "- {mission: moon, status: missed, author: a, reason: b, date: 2026-01-01, until: 2026-02-01}", "moon does not exist"),
        ("overrides.yaml", "[]", "- {mission: land.delta, status: missed, author: a, reason: b, date: 2026-02-02, until: 2026-02-01}", "ends before it begins"),
        ("overrides.yaml", "[]", "- {mission: land.delta, status: missed, author: a, reason: b, date: 2026-01-01, until: 2026-02-01}\n- {mission: land.delta, status: stable, author: a, reason: b, date: 2026-02-01, until: 2026-03-01}", "judged twice between 2026-02-01 and 2026-02-01"),
        ("overrides.yaml", "[]", "- {mission: land.delta, status: missed, reason: b, date: 2026-01-01, until: 2026-02-01}", "`author`: is missing"),
        ("overrides.yaml", "[]", "- {mission: land.delta, status: missed, author: a, date: 2026-01-01, until: 2026-02-01}", "`reason`: is missing"),
        ("overrides.yaml", "[]", "- {mission: land.delta, status: missed, author: a, reason: b, date: 2026-01-01}", "`until`: is missing"),
        ("indicators/4_land.yaml", "  intensive: false\n  per_head:", "  per_head:", "per_head is for totals"),
        ("indicators/1_energy.yaml", "    series: {dataset: eurostat/demo_pjan", "    series: {dataset: eurostat/demo_pyan", "'eurostat/demo_pyan' is not in datasets.yaml"),
        ("missions.yaml", "- id: energy\n", "- id: [energy\n", "not YAML"),
        ("missions.yaml", "- id: energy\n", "- id: &a energy\n  words: *a\n", "an alias (*a): write out what it stands for"),
        ("missions.yaml", "- id: energy\n", f"- id: energy\n  words: {'[' * 900}\n", "nested deeper than 20 levels"),
        ("datasets.yaml", "id: eurostat/nrg_ind_ren", "id: eurostat/env.air.gge", "env.air.gge: differs from eurostat/env_air_gge only in `.` and `_`"),
        ("datasets.yaml", "id: eurostat/nrg_ind_ren", "id: eurostat/ENV_AIR_GGE", "only in `.` and `_`, or in capitals"),
    ],
)  # fmt: skip
def test_a_mistake_gives_one_line_with_file_and_line(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    root = tmp_path / "registry"
    shutil.copytree(Path(__file__).parents[2] / "pipeline" / "registry", root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RegistryError) as error:
        load(root)
    hits = [line for line in error.value.lines if says in line]
    assert hits, error.value.lines
    assert hits[0].split(":")[0].endswith(".yaml") and hits[0].split(":")[1].isdigit()
    assert all("\n" not in line for line in error.value.lines)


def test_a_broken_entry_does_not_break_what_refers_to_it(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    shutil.copytree(Path(__file__).parents[2] / "pipeline" / "registry", root)
    for file, old, new in (
        ("missions.yaml", "level: sub_mission", "level: submission"),
        ("targets.yaml", "kind: change", "kind: chnge"),
        ("datasets.yaml", "format: sdmx_csv", "format: sdmx"),
    ):
        text = (root / file).read_text()
        (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RegistryError) as error:
        load(root)
    assert [line.split(": ")[0] for line in error.value.lines] == [
        "missions.yaml:8", "targets.yaml:4", "datasets.yaml:9",
    ]  # fmt: skip


def test_the_words_of_the_letter_are_the_letters(shared: Path) -> None:
    text = (shared / "seed" / "kamerbrief-missiegedreven-innovatiebeleid.txt").read_text("utf-8")

    def flat(words: str) -> str:
        return re.sub(r"\s+", " ", words).strip()

    registry = load()
    said = [(m.id, m.letter) for m in registry.missions.values()]
    said += [(t.id, t.letter) for t in registry.targets.values() if t.letter is not None]
    assert len(said) > 60
    assert [name for name, words in said if flat(words) not in flat(text)] == []


def test_a_page_of_a_dataset_is_its_own_or_its_publishers(tmp_path: Path) -> None:
    """What a template is given is percent-encoded; a dataset's own page comes before it."""
    root = tmp_path / "registry"
    shutil.copytree(Path(__file__).parents[2] / "pipeline" / "registry", root)
    sources = (root / "sources.yaml").read_text("utf-8")
    (root / "sources.yaml").write_text(
        sources.replace("/grapher/{dataset}", "/grapher/{dataset}?of={code}"), "utf-8"
    )
    with (root / "datasets.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "- {id: 'owid/a b&c#d', title: One, format: owid_csv, code: É/1}\n"
            "- {id: owid/plain, title: Two, format: owid_csv}\n"
            "- {id: owid/own, title: Three, format: owid_csv, landing_url: 'https://example.org/'}\n"
        )
    registry = load(root)
    assert [registry.datasets[f"owid/{n}"].landing_url for n in ("a b&c#d", "plain", "own")] == [
        "https://ourworldindata.org/grapher/a%20b%26c%23d?of=%C3%89%2F1",
        "https://ourworldindata.org/grapher/plain?of=plain",
        "https://example.org/",
    ]
    unsdg = registry.sources["unsdg"]
    assert registry.datasets["unsdg/ER_RSK_LST"].landing_url == unsdg.landing_url
    assert registry.datasets["eurostat/env_air_gge"].landing_url == (
        "https://ec.europa.eu/eurostat/databrowser/view/env_air_gge/default/table"
    )


def test_every_indicator_leads_to_a_publisher_but_those_that_only_the_press_tells() -> None:
    rows = load().tables()["indicators"].to_pylist()
    assert all(len(r["datasets"]) == len(r["landing_urls"]) > 0 for r in rows)
    assert {r["indicator_id"] for r in rows if None in r["landing_urls"]} == {
        "care_at_home_people", "dementia_carers_overburdened", "flood_defences_meeting_norm",
        "reused_goods_share", "sustainable_food_share",
    }  # fmt: skip
    pages = {r["indicator_id"]: r["landing_urls"] for r in rows}
    assert pages["nitrogen_below_critical"] != pages["farmland_birds"], "one table, two publishers"
    assert len(pages["drug_offences"]) == 2


def test_a_page_of_a_series_is_one_that_its_figures_were_read_from(root: Path) -> None:
    compiled = [item for item in load().datasets.values() if item.pages]
    assert len(compiled) == 7
    for item in compiled:
        read = {
            (f"series={row['series']}", row["page_url"])
            for body in (root / "data" / "raw" / item.source / item.dataset).glob("*/body.gz")
            for row in csv.DictReader(gzip.decompress(body.read_bytes()).decode().splitlines())
        }
        assert set(item.pages.items()) <= read, item.id


def test_only_datasets_that_are_read_are_registered() -> None:
    registry = load()
    official = {p.dataset for p in registry.projections.values()}
    lent = {name for name, item in registry.datasets.items() if item.serves}
    unread = {name for name, item in registry.datasets.items() if not item.needed}
    assert lent == {"curated/statcan_cif"} and unread == official | lent


def test_every_series_is_in_a_vintage_that_ships_or_its_dataset_waits(root: Path) -> None:
    missing = []
    for name, item in load().datasets.items():
        if item.live_only:
            assert not (root / "data" / "raw" / item.source / item.dataset).exists()
            continue
        spec = DatasetSpec(item.source, item.dataset, item.format, item.code, frozenset(item.forms))
        there: set[str] = set()
        for path in (root / "data" / "raw" / item.source / item.dataset).glob("*/manifest.json"):
            manifest = json.loads(path.read_text("utf-8"))
            if manifest["origin"] == "bundled" and not manifest["partial"]:
                body = gzip.decompress((path.parent / "body.gz").read_bytes())
                there |= set(parse(body, spec).observations.column("series_key").to_pylist())
        missing += [f"{name} {key}" for key in item.needed if key not in there]
    assert missing == []


def test_every_dataset_exists_in_the_figures(shared: Path) -> None:
    with (shared / "figures" / "PROVENANCE.csv").open() as file:
        known = {r["file"].removesuffix(".csv") for r in csv.DictReader(file)}
    renamed = {
        "unsdg/ER_RSK_LST": "unsdg/ER_RSK_LST_redlist",
        "unsdg/VC_IHR_PSRC": "unsdg/VC_IHR_PSRC_homicide",
    }
    for name, item in load().datasets.items():
        if item.serves or item.live_only:
            continue  # its vintage is the table itself, or comes with the first pull
        assert renamed.get(name, name) in known
