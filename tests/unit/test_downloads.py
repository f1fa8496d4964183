"""What publishers' pages hand out: recognised by content, read as the same figures as the bundled
vintage, or refused with the download that is read."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, ParseError, parse
from pipeline.formats.geo import TO_ISO3
from pipeline.formats.recognise import recognise
from pipeline.registry import load
from pipeline.vintages.admission import examine
from tests import downloads as made

ENERGY, MARINE, CARS, TABLE = (
    "eurostat/nrg_ind_ren", "worldbank/ER.MRN.PTMR.ZS", "owid/electric-car-sales-share", "oecd/DF_TABLE11",
)  # fmt: skip
WIND, POWER = "cbs/82610NED", "owid/carbon-intensity-electricity"
Cells = dict[tuple[str, str, int], tuple[float, tuple[str, ...]]]


def figures(name: str, body: bytes) -> Cells:
    """What the dataset gets from a file, as its manifest says it is read."""
    dataset = load().datasets[name]
    found = examine(dataset, body)
    spec = DatasetSpec(
        dataset.source, dataset.dataset, found.format, found.states, frozenset(dataset.forms),
        found.keys, found.units,
    )  # fmt: skip
    assert not found.deviations
    return {
        (r["series_key"], r["geo"], r["year"]): (r["value"], tuple(r["flags"]))
        for r in parse(body, spec).observations.to_pylist()
    }


def needed(name: str, cells: Cells) -> Cells:
    return {k: v for k, v in cells.items() if k[0] in load().datasets[name].needed}


def energy(**more: str) -> list[dict[str, str]]:
    """The bundled rows of renewable energy, and some of another kind."""
    rows = made.rows_of(made.bundled(ENERGY))
    return [
        *rows,
        *({**rows[0], "TIME_PERIOD": period, "OBS_VALUE": "1"} for period in more.values()),
    ]


def cbs() -> dict[str, Any]:
    return {k: v for k, v in json.loads(made.bundled(WIND)).items() if isinstance(v, dict)}


def marine() -> dict[tuple[str, str], str]:
    """(ISO 3, year) → value as the page writes it."""
    iso = {**TO_ISO3, "EU27_2020": "EUU"}
    found = json.loads(made.bundled(MARINE), parse_float=str)[1]
    return {(iso[r["country"]["id"]], r["date"]): r["value"] for r in found if r["value"]}


def explorer() -> bytes:
    rows = made.rows_of(made.bundled(TABLE))
    names = list(rows[0])
    time = names.index("TIME_PERIOD")
    head = {
        "STRUCTURE": "DATAFLOW", "STRUCTURE_ID": "OECD.SDD.NAD:DSD_NASEC10@DF_TABLE11(1.1)",
        "STRUCTURE_NAME": "Table 11", "ACTION": "I",
    }  # fmt: skip
    # Files of the Explorer may hold quarters and months beside years.
    mixed = [{**rows[0], "TIME_PERIOD": p, "OBS_VALUE": "5"} for p in ("2020-Q1", "2020-03")]
    return made.labelled([*rows, *mixed], head, names[1:time], names[time:])


def eurostat_labelled() -> bytes:
    rows = energy(quarter="2020-Q1", month="2020-03")
    head = {
        "STRUCTURE": "dataflow",
        "STRUCTURE_ID": "ESTAT:NRG_IND_REN(1.0)",
        "STRUCTURE_NAME": "Share, of energy",
    }
    dims = [n for n in rows[0] if n == n.lower()]
    return made.labelled(rows, head, dims, ["TIME_PERIOD", "OBS_VALUE", "OBS_FLAG", "CONF_STATUS"])


def owid_page() -> bytes:
    """A chart's page: full titles, a column of texts, the year again, and years long ago."""
    rows = made.rows_of(made.bundled(CARS))
    title = "Share of new cars that are electric"
    body = [
        [r["Entity"], r["Code"], r["Year"], r["Year"], r[title], "Europe", "a note"] for r in rows
    ]
    body.append(["World", "OWID_WRL", "-10000", "-10000", "0", "", ""])
    names = [
        "Entity",
        "Code",
        "Year",
        "time",
        title,
        "World region according to OWID",
        "Annotations",
    ]
    return made.written(names, body).encode()


def as_sheet(body: bytes) -> list[list[str | float]]:
    rows = made.rows_of(body)
    cells: list[list[str | float]] = [list(rows[0])]
    for row in rows:
        cells.append([float(c) if c.replace(".", "", 1).isdigit() else c for c in row.values()])
    return cells


WIND_TOPICS = {
    "M002416_2": "Genormaliseerde bruto productie (in % van het verbruik)",
    "M002416_1": "Genormaliseerde bruto productie (mln kWh)",
    "M002163": "Opgesteld elektrisch vermogen einde jaar (megawatt)",
}
WIND_SOURCES = {"T001028": "Totaal hernieuwbare energiebronnen", "E006638": "Windenergie op zee"}
SAME = {
    "Eurostat TSV": (ENERGY, "eurostat_tsv", lambda: made.tsv(energy())),
    "Eurostat TSV with quarters": (ENERGY, "eurostat_tsv", lambda: made.tsv(energy(q="2020-Q1", m="2020-03"))),
    "Eurostat SDMX-CSV 2.0 with labels": (ENERGY, "sdmx_csv2", eurostat_labelled),
    "Eurostat JSON-stat": (ENERGY, "jsonstat", lambda: made.json_stat(energy(), "nrg_ind_ren")),
    "OECD Data Explorer": (TABLE, "oecd_csv", explorer),
    "World Bank page": (MARINE, "worldbank_csv", lambda: made.world_bank(marine(), "ER.MRN.PTMR.ZS", True)),
    "World Bank zip": (
        MARINE, "worldbank_csv",
        lambda: made.zipped(**{
            "Metadata_Indicator_API_ER.csv": "INDICATOR_CODE\nx\n",
            "API_ER.MRN.PTMR.ZS_DS2.csv": made.world_bank(marine(), "ER.MRN.PTMR.ZS", True),
        }),
    ),
    "World Bank DataBank": (MARINE, "worldbank_csv", lambda: made.world_bank(marine(), "ER.MRN.PTMR.ZS", False)),
    "Our World in Data page": (CARS, "owid_csv", owid_page),
    "Our World in Data by title": (
        POWER, "owid_csv",
        lambda: made.bundled(POWER).replace(b"carbon_intensity", b"Carbon intensity of electricity - gCO2/kWh", 1),
    ),
    "Our World in Data zip": (
        CARS, "owid_csv",
        lambda: made.zipped(**{"cars.csv": owid_page(), "cars.metadata.json": "{}", "readme.md": "#"}),
    ),
    "a workbook": (ENERGY, "sdmx_csv", lambda: made.workbook([["About"]], as_sheet(made.bundled(ENERGY)))),
    "CBS zip": (WIND, "cbs_zip", lambda: made.cbs_zip(cbs())),
    "CBS zip of pages": (
        WIND, "cbs_zip", lambda: made.zipped(**{f"{k}.json": json.dumps(v) for k, v in cbs().items()}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "format", "make"), SAME.values(), ids=SAME)
def test_a_download_gives_the_figures_of_the_interface(name: str, format: str, make: Any) -> None:
    body = make()
    assert recognise(body) == format
    assert figures(name, body) == figures(name, made.bundled(name))


def test_statline_gives_the_figures_that_are_read_by_title() -> None:
    body = made.statline(cbs(), WIND_TOPICS, WIND_SOURCES)
    assert recognise(body) == "statline_csv"
    cells = needed(WIND, figures(WIND, body))
    assert cells == needed(WIND, figures(WIND, made.bundled(WIND))) and len(cells) > 50


def test_statline_unprocessed_has_codes_and_symbols() -> None:
    body = (
        '"ID";"Geslacht";"Perioden";"LevensverwachtingBijGeboorte_1"\n'
        '"0";"3000   ";"2020JJ00";"   79,7"\n"1";"3000   ";"2021JJ00";"      ."\n'
        '"2";"3000   ";"2021KW01";"   79,1"\n"3";"3000   ";"2022JJ00";"      x"\n'
        '"4";"3000   ";"2023JJ00";""\n'
    )
    found = parse(body.encode(), DatasetSpec("s", "d", "statline_csv"))
    assert found.observations.to_pylist() == [
        {"series_key": "Geslacht=3000|Measure=LevensverwachtingBijGeboorte_1", "geo": "NL",
         "period": "2020", "year": 2020, "value": 79.7, "unit": None, "flags": []}
    ]  # fmt: skip
    assert found.rejects.column("reason").to_pylist() == [
        "not_available", "not_annual", "confidential", "impossible",
    ]  # fmt: skip


def test_an_english_table_has_periods_and_provisional_figures() -> None:
    said = (
        json.dumps(cbs())
        .replace("Perioden", "Periods")
        .replace("NaderVoorlopig", "Revised provisional")
    )
    assert figures(WIND, said.encode()) == figures(WIND, made.bundled(WIND))


def test_flags_and_secrets_of_a_tsv() -> None:
    body = (
        "freq,unit,geo\\TIME_PERIOD\t2019 \t2020 \t2021 \t2022 \nA,PC,NL\t14.3 be\t: c\t: @C\t: \n"
    )
    found = parse(body.encode(), DatasetSpec("s", "d", "eurostat_tsv"))
    assert [(r["year"], r["value"], r["flags"]) for r in found.observations.to_pylist()] == [
        (2019, 14.3, ["b", "e"])
    ]
    assert [r["reason"] for r in found.rejects.to_pylist()] == [
        "confidential",
        "confidential",
        "no_value",
    ]
    assert found.rejects.column("line").to_pylist() == [1, 1, 1]


def test_a_row_of_a_tsv_with_codes_that_do_not_fit_its_header_is_of_no_area() -> None:
    body = "freq,unit,geo\\TIME_PERIOD\t2019 \nA,PC,NL\t1 \nA,X,PC,NL\t2 \n"
    found = parse(body.encode(), DatasetSpec("s", "d", "eurostat_tsv"))
    assert found.rejects.column("reason").to_pylist() == ["unknown_area"]


@pytest.mark.parametrize(
    ("period", "year"),
    [
        ("2006-2008", 2008),
        ("2006_2008", 2008),
        ("2019/20", 2020),
        ("1999/00", 2000),
        ("2019/21", None),
    ],
)
@pytest.mark.parametrize("format", ["sdmx_csv", "curated_csv"])
def test_years_together_are_read_where_the_registry_allows_them(
    format: str, period: str, year: int | None
) -> None:
    body = {
        "sdmx_csv": f"DATAFLOW,freq,geo,TIME_PERIOD,OBS_VALUE\nE:X(1),A,NL,{period},5\nE:X(1),A,NL,2001,1\n",
        "curated_csv": f"series,geo,period,value,unit,flag\na,NL,{period},5,%,\na,NL,2001,1,%,\n",
    }[format].encode()
    free = parse(body, DatasetSpec("s", "d", format, None, frozenset({"range"})))
    years = free.observations.column("year").to_pylist()
    assert years == sorted([2001, *([year] if year else [])])
    bound = parse(body, DatasetSpec("s", "d", format))
    assert bound.observations.column("year").to_pylist() == [2001]


def test_years_of_thousands_ago_are_set_aside() -> None:
    body = b"Entity,Code,Year,x\nWorld,OWID_WRL,-10000,5\nWorld,OWID_WRL,500,5\nWorld,OWID_WRL,2000,6\n"
    found = parse(body, DatasetSpec("s", "d", "owid_csv"))
    assert found.rejects.column("reason").to_pylist() == ["long_ago", "long_ago"]


CURATED = b"series;geo;period;value;unit;flag\na;NL;2020;12,5;%;\na;NL;2021;13;%;\n"


def test_a_dutch_spreadsheet_saves_semicolons_and_decimal_commas() -> None:
    spec = DatasetSpec("s", "d", "curated_csv")
    assert recognise(CURATED) == "curated_csv"
    found = parse(CURATED, spec)
    assert found.observations.column("value").to_pylist() == [12.5, 13]
    with pytest.raises(ParseError, match=r"points and commas \(1\.250 and 12,5\)"):
        parse(CURATED.replace(b";13;", b";1.250;"), spec)
    with pytest.raises(ParseError, match="last line has no end"):
        parse(CURATED.rstrip(), spec)


@pytest.mark.parametrize("name", [MARINE, WIND])
@pytest.mark.parametrize("cut", [1, 3, 30])
def test_small_tables_that_were_cut_are_refused(name: str, cut: int) -> None:
    body = (
        SAME["World Bank page"][2]()
        if name == MARINE
        else made.statline(cbs(), WIND_TOPICS, WIND_SOURCES)
    )
    with pytest.raises(ParseError, match=r"last line has no end|truncated"):
        figures(name, body[:-cut])


PLAIN = b"series,geo,period,value,unit,flag\na,NL,2020,1,%,\n"
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b" \n", "empty"),
    "a web page": (b"<!DOCTYPE html><html>x</html>", "web page"),
    "SDMX-ML": (b'<?xml version="1.0"?><message:GenericData xmlns="http://www.sdmx.org/x"/>', "SDMX-ML.*SDMX-CSV"),
    "a PDF": (b"%PDF-1.7 x", "PDF"),
    "Parquet": (b"PAR1xxxx", "Parquet"),
    "UTF-16": ("series,geo".encode("utf-16"), "UTF-16"),
    "Windows' letters": (PLAIN.replace(b"a,", b"\xe9,"), "UTF-8"),
    "gzip in gzip": (gzip.compress(gzip.compress(PLAIN)), "gzip"),
    "cut JSON": (b'{"class": "dataset", "va', "cut off"),
    "an error": (b'{"error": [{"status": 404}]}', "error of the publisher"),
    "a page of observations": (b'{"@odata.context": "x#Observations", "value": []}', "without its lists.*StatLine"),
    "CBS v3": (b'{"odata.metadata": "x", "value": [{"ID": 1}]}', "OData v3.*StatLine"),
    "observations alone": (b"Id;Measure;ValueAttribute;Value;Perioden\n1;M;None;1;2020JJ00\n", "Observations.csv.*zip"),
    "StatLine's layout": (b'"Energie"\n\n"Onderwerp";"Perioden"\n"x";"2020"\n"Bron: CBS"\n', "layout.*zonder"),
    "labels alone": (b"STRUCTURE,STRUCTURE_NAME,Time frequency,Time\nd,x,Annual,2020\n", "labels in place of codes"),
    "UN CSV": (b"Goal,SeriesCode,GeoAreaCode,Value\n1,X,528,1\n", "UN SDG.*unstats"),
    "WHO CSV": (b"IndicatorCode,Indicator,ParentLocation\nX,y,z\n", "WHO.*ghoapi"),
    "days": (b"Entity,Code,Day,x\nWorld,OWID_WRL,2020-01-01,1\n", "by day"),
    "columns missing": (b"series,geo,jaar,waarde\na,NL,2020,1\n", "lacks the columns period, value, unit, flag"),
    "some table": (b"a,b\n1,2\n", "no format that is known; its header is a, b"),
    "a broken zip": (b"PK\x03\x04xxxxxxxx", "zip is damaged"),
    "two tables": (made.zipped(**{"a.csv": PLAIN, "b.csv": PLAIN}), "holds 2 tables"),
    "no table in a workbook": (made.workbook([["About"], ["x"]]), "0 sheets that are a table"),
    "the data browser's workbook": (
        made.workbook(
            [["Data extracted on 26/05/2026 from [ESTAT]"], ["Dataset: ", "Share of energy"]],
            [["Data extracted on 26/05/2026 from [ESTAT]"], [""], ["TIME", "2019", ""], ["NL", 1.5, "p"]],
        ),
        "workbook of Eurostat's data browser.*download TSV",
    ),
    "two sheets": (made.workbook([["a", "b", "c"], ["1", "2", "3"]], [["a", "b", "c"], ["1", "2", "3"]]), "2 sheets"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_named_with_what_to_download(body: bytes, says: str) -> None:
    inner = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    with pytest.raises(ParseError, match=f"(?s){says}") as error:
        recognise(inner)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    "kind", ["World Bank zip", "Our World in Data zip", "a workbook", "CBS zip"]
)
def test_damaged_zips_are_refused_in_one_line(kind: str) -> None:
    name, _, make = SAME[kind]
    whole, refused = make(), 0
    for place in range(4, len(whole), len(whole) // 25):
        for body in (whole[:place], whole[:place] + whole[place + 9 :]):
            try:
                # Damage in what lies beside the table is none of the table's.
                assert figures(name, body) == figures(name, whole)
            except ParseError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused >= 45


def test_a_zip_that_unpacks_to_more_than_it_may_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.formats.packed.LARGEST", 1000)
    with pytest.raises(ParseError, match="unpacks to more"):
        recognise(made.zipped(**{"a.csv": b"0" * 2000}))


def test_a_file_of_another_publisher_or_table_is_refused_for_a_dataset() -> None:
    datasets = load().datasets
    with pytest.raises(
        ParseError, match=r"it is OECD CSV; eurostat/nrg_ind_ren takes Eurostat SDMX-CSV 1\.0"
    ):
        examine(datasets[ENERGY], explorer())
    with pytest.raises(ParseError, match="another dataset"):
        examine(datasets[ENERGY], made.bundled("eurostat/env_ac_cur"))
    with pytest.raises(
        ParseError, match="none of the series that eurostat/nrg_ind_ren is read for"
    ):
        examine(datasets[ENERGY], made.tsv(made.rows_of(made.bundled("eurostat/env_ac_cur"))))
