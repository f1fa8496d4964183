"""The bench itself: it filters, pages, queues and throttles as it says, in the shapes recorded."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.publisher import Fault, Publisher
from tests.publisher.protocols.cbs import FilterError, parse_filter

RENEWABLE = "sdmx/2.1/data/NRG_IND_REN"


def get(bench: Publisher, source: str, path: str, agent: str = "missiemonitor") -> httpx.Response:
    return httpx.get(f"{bench.url(source)}/{path}", headers={"User-Agent": agent})


def table(response: httpx.Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


def test_eurostat_filters_by_key_and_refuses_one_of_another_length(bench: Publisher) -> None:
    rows = table(
        get(bench, "eurostat", f"{RENEWABLE}/A.REN.PC.NL+DE?format=SDMX-CSV&startPeriod=2022")
    )
    assert {(r["geo"], r["TIME_PERIOD"]) for r in rows} == {
        (g, y) for g in ("NL", "DE") for y in ("2022", "2023", "2024")
    }
    refused = get(bench, "eurostat", f"{RENEWABLE}/REN.PC.NL?format=SDMX-CSV")
    assert refused.status_code == 400 and "<faultcode>140<" in refused.text
    assert get(bench, "eurostat", "sdmx/2.1/data/NOPE?format=SDMX-CSV").status_code == 404


def test_eurostat_drops_codes_it_does_not_know_and_packs_without_saying_so(
    bench: Publisher,
) -> None:
    where = "c[geo]=NL,XX&c[nrg_bal]=REN&c[unit]=PC&c[freq]=A&c[TIME_PERIOD]=ge:2023"
    path = f"sdmx/3.0/data/dataflow/ESTAT/NRG_IND_REN/1.0?{where}&format=csvdata&formatVersion=2.0"
    packed = get(bench, "eurostat", path)
    assert packed.content[:2] == b"\x1f\x8b" and "content-encoding" not in packed.headers
    plain = get(bench, "eurostat", path + "&compress=false")
    assert gzip.decompress(packed.content) == plain.content
    assert {r["geo"] for r in table(plain)} == {"NL"}
    wrong = get(bench, "eurostat", path.replace("c[unit]", "c[units]"))
    assert wrong.status_code == 400 and "<faultcode>150<" in wrong.text


def test_eurostat_queues_what_is_big_and_refuses_what_is_bigger(bench: Publisher) -> None:
    bench.limits.sync_cells, bench.limits.max_cells = 10, 100
    path = f"{RENEWABLE}/A.REN.PC.NL?format=SDMX-CSV"
    queued = get(bench, "eurostat", path)
    assert queued.status_code == 200 and "<queued>" in queued.text
    key = queued.text.split("<id>")[1].split("<")[0]
    early = get(bench, "eurostat", f"1.0/async/data/{key}")
    assert early.status_code == 400 and "DATA_NOT_YET_AVAILABLE" in early.text
    states = [get(bench, "eurostat", f"1.0/async/status/{key}").text for _ in range(2)]
    assert "SUBMITTED" in states[0] and "AVAILABLE" in states[1]
    assert len(table(get(bench, "eurostat", f"1.0/async/data/{key}"))) == 21
    big = get(bench, "eurostat", f"{RENEWABLE}/all?format=SDMX-CSV")
    assert big.status_code == 413 and "EXTRACTION_TOO_BIG" in big.text


def test_statistics_api_gives_cells_by_row_major_index(bench: Publisher) -> None:
    path = "statistics/1.0/data/nrg_ind_ren?geo=NL&geo=DE&geo=XX&unit=pc&freq=A&nrg_bal=REN"
    body = get(bench, "eurostat", path).json()
    assert body["id"][-2:] == ["geo", "time"] and body["dimension"]["geo"]["category"]["index"] == {
        "DE": 0, "NL": 1,
    }  # fmt: skip
    years = body["dimension"]["time"]["category"]["index"]
    assert body["value"][str(len(years) + years["2024"])] == 20.18
    none = get(bench, "eurostat", "statistics/1.0/data/nrg_ind_ren?colour=red")
    assert none.status_code == 400 and none.json()["error"][0]["id"] == 150


def test_cbs_filters_and_pages(bench: Publisher) -> None:
    where = "BronTechniek eq 'T001028' and Perioden ge '2020JJ00'"
    whole = get(bench, "cbs", f"82610NED/Observations?$filter={where}").json()
    assert "@odata.nextLink" not in whole and len(whole["value"]) == 36
    bench.limits.cbs_page = 10
    rows, link = [], f"{bench.url('cbs')}/82610NED/Observations?$filter={where}"
    while link:
        page = httpx.get(link).json()
        assert len(page["value"]) <= 10
        rows += page["value"]
        link = page.get("@odata.nextLink")
    assert rows == whole["value"]
    assert get(bench, "cbs", "82610ned/Properties").status_code == 404
    assert get(bench, "cbs", "82610NED/Observations?$filter=Nope eq 'x'").status_code == 400


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("A eq 'x'", [0]),
        ("A eq 'it''s'", [1]),
        ("(A eq 'x' or A eq 'y') and N ge 2", [2]),
        ("startswith(A,'it') or N eq 1", [0, 1]),
        ("A in ('x','y')", [0, 2]),
        ("not A in ('x','y')", [1]),
    ],
)
def test_filters_mean_what_odata_says(said: str, kept: list[int]) -> None:
    rows = [{"A": "x", "N": 1}, {"A": "it's", "N": None}, {"A": "y", "N": 2}]
    keep = parse_filter(said)
    assert [i for i, r in enumerate(rows) if keep(r)] == kept


@pytest.mark.parametrize("said", ["A eq 'x", "A is 'x'", "A eq 'x' and", "Z eq 1"])
def test_filters_that_mean_nothing_are_refused(said: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(said)({"A": "x"})


def test_oecd_counts_positions_and_downloads(bench: Publisher) -> None:
    flow = "data/OECD.SDD.NAD,DSD_NASEC10%40DF_TABLE11,1.1"
    short = get(bench, "oecd", f"{flow}/A.NLD?format=csvfile")
    assert (short.status_code, short.text) == (
        422, "Not enough key values in query, expecting 13 got 2",
    )  # fmt: skip
    key = "A.NLD.S13._Z.D.OTE._Z.GF02.XDC.S.V.N.T1100"
    rows = table(get(bench, "oecd", f"{flow}/{key}?format=csvfile&startPeriod=2022"))
    assert {r["TIME_PERIOD"] for r in rows} == {"2022", "2023"} and rows[0]["UNIT_MULT"] == "6"
    assert (
        get(bench, "oecd", f"{flow}/{key.replace('NLD', 'ZZZ')}?format=csvfile").status_code == 404
    )
    bench.limits.oecd_downloads = 3
    over = get(bench, "oecd", f"{flow}/{key}?format=csvfile")
    assert over.status_code == 429 and over.headers["retry-after"] == "0"


def test_world_bank_pages_and_says_no_with_200(bench: Publisher) -> None:
    path = "country/NLD;BEL/indicator/ER.MRN.PTMR.ZS?format=json&per_page=5"
    meta, first = get(bench, "worldbank", path).json()
    assert meta["pages"] > 1 and len(first) == 5 and first[0]["country"]["id"] == "BE"
    _, last = get(bench, "worldbank", f"{path}&page={meta['pages']}").json()
    assert len(last) == meta["total"] - 5 * (meta["pages"] - 1)
    unknown = get(bench, "worldbank", "country/NLD/indicator/NOPE?format=json")
    assert unknown.status_code == 200 and unknown.json()[0]["message"][0]["id"] == "175"
    ignored = get(bench, "worldbank", path + "&date=1900:1901").json()
    assert ignored[0]["total"] == meta["total"]


def test_un_values_are_text_and_pages_are_counted(bench: Publisher) -> None:
    path = "Series/Data?seriesCode=SH_IHR_CAPS&areaCode=528&pageSize=50"
    body = get(bench, "unsdg", path).json()
    assert body["totalPages"] == -(-body["totalElements"] // 50) and len(body["data"]) == 50
    assert isinstance(body["data"][0]["value"], str)


def test_owid_has_short_names_and_refuses_pythons_own_agents(bench: Publisher) -> None:
    path = "electric-car-sales-share.csv?useColumnShortNames=true&csvType=filtered&country=~NLD"
    rows = table(get(bench, "owid", path))
    assert {r["Code"] for r in rows} == {"NLD"}
    assert list(rows[0])[3] == "share_of_new_cars_that_are_electric"
    assert get(bench, "owid", path, agent="python-httpx/0.28").status_code == 403


def test_a_fault_comes_when_the_plan_says(bench: Publisher) -> None:
    bench.faults = [Fault("503", "eurostat", nth=2, times=1)]
    path = f"{RENEWABLE}/A.REN.PC.NL?format=SDMX-CSV"
    assert [get(bench, "eurostat", path).status_code for _ in range(3)] == [200, 503, 200]
    with pytest.raises(ValueError, match="no fault 'nonsense'"):
        Fault("nonsense", "eurostat")


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return shape(value[0]) if isinstance(value, list) and value else None


def lacks(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Keys of a recorded answer that the bench's has not, by path."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return []
    found = [f"{at}/{k}" for k in theirs if k not in ours]
    return found + [p for k in theirs if k in ours for p in lacks(ours[k], theirs[k], f"{at}/{k}")]


@pytest.mark.parametrize(
    ("recorded", "source", "path"),
    [
        ("cbs/82610NED/observations-page-1.json", "cbs", "82610NED/Observations?$top=1"),
        ("worldbank/jp_cpi.json", "worldbank", "country/NLD/indicator/ER.MRN.PTMR.ZS?format=json"),
        ("unsdg/series_data_DC_TOF_WASHL.json", "unsdg", "Series/Data?seriesCode=ER_RSK_LST"),
        ("who_gho/hdx_WHOSIS_000001.json", "who", "SA_0000001688"),
    ],
)
def test_answers_have_the_shape_of_recorded_ones(
    bench: Publisher, shared: Path, recorded: str, source: str, path: str
) -> None:
    bench.faults = [Fault("units_as_dimension", "unsdg"), Fault("unit_multiplier", "unsdg")]
    body = json.loads((shared / "recorded" / recorded).read_text("utf-8"))
    ours = get(bench, source, path).json()
    if source == "worldbank":
        body, ours = body[1], ours[1]
    assert lacks(shape(ours), shape(body)) == []


def test_what_was_asked_is_seen(bench: Publisher) -> None:
    get(bench, "eurostat", "sdmx/2.1/codelist/ESTAT/GEO?format=TSV")
    assert [unquote(a.target) for a in bench.seen] == [
        "/eurostat/sdmx/2.1/codelist/ESTAT/GEO?format=TSV"
    ]
