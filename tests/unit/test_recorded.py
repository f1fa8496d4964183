"""Parsers and adapters against recorded answers of the publishers (`../shared/recorded`).

The recordings are not part of the project: without them these tests are skipped.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, ParseError, parse
from pipeline.formats import read as read_body
from pipeline.formats.geo import AREAS
from pipeline.publishers import FetchRequest, Publisher, check, eurostat, fetch
from pipeline.publishers.errors import NotFound, PullError, TooBig
from pipeline.publishers.reply import Reply, fault_of, must_be_data, said_by
from pipeline.registry import load
from pipeline.registry.schema import Titled
from pipeline.vintages.answers import compare, request_for, spec_of
from pipeline.vintages.store import Vintage

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def recorded(root: Path) -> Path:
    folder = root.parent / "shared" / "recorded"
    if not folder.is_dir():
        pytest.skip("../shared/recorded is not here")
    return folder


@pytest.fixture
def read(recorded: Path) -> Callable[[str], bytes]:
    def found(name: str) -> bytes:
        path = recorded / name
        if not path.is_file():
            pytest.skip(f"recorded/{name} is not here")
        return path.read_bytes()

    return found


def spec(kind: str, code: str | None = None, **more: Any) -> DatasetSpec:
    return DatasetSpec("s", "d", kind, code, **more)


def reasons(table: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for reason in table.column("reason").to_pylist():
        found[reason] = found.get(reason, 0) + 1
    return found


class Stub(Publisher):
    """A publisher that answers from files: the first name in the address picks the file."""

    def __init__(self, source: str, answers: dict[str, bytes | PullError]) -> None:
        self.source, self.base, self.answers = source, "https://stub.test", answers
        self.asked: list[str] = []

    sleep = staticmethod(lambda seconds: None)  # type: ignore[assignment]
    clock = staticmethod(lambda: 0.0)  # type: ignore[assignment]

    def get_any(self, where: str, params: Any = (), **_: Any) -> Reply:
        url = where if "://" in where else self.base + where
        self.asked.append(url)
        for part, answer in self.answers.items():
            if part in url:
                if isinstance(answer, PullError):
                    raise answer
                return Reply(url, 200, {}, answer)
        raise NotFound(f"{url}: HTTP 404")


# Eurostat


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("env_ac_ainah_r2", "ENV_AC_AINAH_R2"),
        ("ten00062", "TEN00062"),
        ("tps00001", "TPS00001"),
        ("sdmx21_lfsa_argan_flags_2026", "LFSA_ARGAN"),
        ("sdmx21_migr_resfirst_2026", "MIGR_RESFIRST"),
    ],
)
def test_every_row_of_a_recorded_csv_is_an_observation_or_a_reject_with_a_reason(
    read: Any, file: str, code: str
) -> None:
    body = read(f"eurostat/sdmx_csv/{file}.csv")
    found = parse(body, spec("sdmx_csv", code))
    lines = [line for line in body.decode("utf-8-sig").splitlines()[1:] if line.strip()]
    assert found.observations.num_rows + found.rejects.num_rows == len(lines)
    empty = sum(line.split(",")[-2 if "2026" not in file else -3] in ("", ":") for line in lines)
    said = reasons(found.rejects)
    strange = said.pop("unknown_area", 0)
    assert set(said) <= {"no_value", "confidential"}
    assert sum(said.values()) <= empty <= found.rejects.num_rows
    assert all(r["geo"] not in AREAS for r in found.rejects.to_pylist()) or not strange
    with pytest.raises(ParseError, match="another dataset"):
        parse(body, spec("sdmx_csv", "OTHER"))


def test_flags_of_a_recorded_csv_are_sets_of_letters(read: Any) -> None:
    body = read("eurostat/sdmx_csv/sdmx21_lfsa_argan_flags_2026.csv")
    rows = parse(body, spec("sdmx_csv", "LFSA_ARGAN")).observations.to_pylist()
    assert [(r["year"], r["value"], r["flags"]) for r in rows] == [
        (2021, 66.5, ["b", "d"]), (2022, 66.6, ["d"]),
    ]  # fmt: skip


def test_sdmx_csv_2_is_read_as_1_is(read: Any) -> None:
    body = read("eurostat/sdmx_csv/sdmx30_csv2_prc_hicp_manr.csv")
    found = read_body(body, spec("sdmx_csv2", "PRC_HICP_MANR"))
    assert found.observations.num_rows == 0
    assert reasons(found.rejects) == {"not_annual": 2}
    annual = body.replace(b"2026-06", b"2024").replace(b"2026-07", b"2025")
    rows = parse(annual, spec("sdmx_csv2", "PRC_HICP_MANR")).observations.to_pylist()
    assert [(r["series_key"], r["year"], r["value"], r["flags"]) for r in rows] == [
        ("coicop=CP00|freq=M|unit=RCH_A", 2024, 1.9, ["p"]),
        ("coicop=CP00|freq=M|unit=RCH_A", 2025, 2.0, []),
    ]
    with pytest.raises(ParseError, match="not SDMX-CSV 2"):
        parse(read("eurostat/sdmx_csv/tps00001.csv"), spec("sdmx_csv2", "TPS00001"))


@pytest.mark.parametrize(
    ("file", "code", "bad"),
    [
        ("statistics_prc_hicp_manr_ea", "PRC_HICP_MANR", {"not_annual": 3}),
        ("statistics_sts_inpr_m_ie_confidential", "STS_INPR_M", {"not_annual": 6}),
        ("statistics_comext_ds-045409_eu27_us_2024-01_02", "DS-045409", None),
    ],
)
def test_recorded_json_stat(read: Any, file: str, code: str, bad: Any) -> None:
    body = read(f"eurostat/{file}.json")
    if bad is None:
        # Comext has reporter and partner where others have geo: told, not guessed.
        with pytest.raises(ParseError, match="geo is missing"):
            parse(body, spec("jsonstat", code))
        return
    assert reasons(read_body(body, spec("jsonstat", code)).rejects) == bad
    document = json.loads(body)
    time = document["dimension"]["time"]["category"]
    time["index"] = {str(2010 + n): n for n in range(len(time["index"]))}
    annual = read_body(json.dumps(document).encode(), spec("jsonstat", code))
    values = list(document["value"].values())
    assert annual.observations.column("value").to_pylist() == values
    if "confidential" in file:
        assert reasons(annual.rejects) == {"confidential": 6}


def test_an_empty_recorded_cube_is_refused_and_never_zero(read: Any) -> None:
    body = read("eurostat/statistics_une_rt_m_geo_DE_XX_last1_empty.json")
    with pytest.raises(ParseError, match="no rows"):
        parse(body, spec("jsonstat", "UNE_RT_M"))


@pytest.mark.parametrize(
    ("file", "error", "says"),
    [
        ("fault_413_sdmx.xml", TooBig, "EXTRACTION_TOO_BIG"),
        ("fault_404_sdmx.xml", PullError, "ERR_NOT_FOUND_2: DATA_SET:DS-999999"),
        ("statistics_413_extraction_too_big.json", TooBig, "EXTRACTION_TOO_BIG"),
        ("statistics_404_not_found.json", PullError, "ERR_NOT_FOUND_4"),
        ("queued_extraction.xml", PullError, "XML instead of csv"),
        ("async/data_400_DATA_NOT_YET_AVAILABLE.xml", PullError, "NOT_YET_AVAILABLE"),
        ("async/data_400_UNKNOWN_REQUEST.xml", PullError, "UNKNOWN_REQUEST"),
    ],
)
def test_recorded_errors_are_never_data(
    read: Any, file: str, error: type[PullError], says: str
) -> None:
    body = read(f"eurostat/{file}")
    with pytest.raises(error, match=says):
        must_be_data(Reply("https://ec.europa.eu/x", 200, {}, body), "csv")
    with pytest.raises(ParseError):
        parse(body, spec("sdmx_csv", "X"))


def test_the_recorded_queue_notice_names_its_extraction(read: Any) -> None:
    notice = read("eurostat/queued_extraction.xml")
    assert eurostat.queued(notice) == "a801f1c5-7e21-4f8b-a19a-428ae7dec8cc"
    assert eurostat.status_of(read("eurostat/async/status_200_SUBMITTED.xml")) == "SUBMITTED"
    assert eurostat.queued(read("eurostat/fault_413_sdmx.xml")) == ""


def test_recorded_faults_of_the_queue_are_told_apart(read: Any) -> None:
    for name in ("UNKNOWN_REQUEST", "DATA_NOT_YET_AVAILABLE"):
        for kind in ("status", "data"):
            assert name in fault_of(read(f"eurostat/async/{kind}_400_{name}.xml"))


def test_a_queued_recorded_extraction_ends_as_data(read: Any) -> None:
    waits = read("eurostat/async/status_200_SUBMITTED.xml")
    data = read("eurostat/sdmx_csv/tps00001.csv")
    states = iter([waits, waits.replace(b"SUBMITTED", b"PROCESSING"),
                   waits.replace(b"SUBMITTED", b"AVAILABLE")])  # fmt: skip
    late = iter([PullError("HTTP 400, fault 100: DATA_NOT_YET_AVAILABLE"), None])

    class Queue(Stub):
        def get_any(self, where: str, params: Any = (), **more: Any) -> Reply:
            if "/async/status/" in where:
                return Reply(
                    where, 200, {}, next(states, waits.replace(b"SUBMITTED", b"AVAILABLE"))
                )
            if "/async/data/" in where and (error := next(late, None)):
                raise error
            return super().get_any(where, params, **more)

    publisher = Queue("eurostat", {
        "/async/data/": data, "/sdmx/2.1/data/": read("eurostat/queued_extraction.xml"),
    })  # fmt: skip
    request = FetchRequest("eurostat/tps00001", "TPS00001", {"freq=A|indic_de=JAN": {"freq": "A", "indic_de": "JAN"}},
              ("NL", "AD"), route="sdmx21", order=("freq", "indic_de", "geo"))  # fmt: skip
    assert fetch(request, publisher).body == data


def test_the_recorded_description_of_the_api_has_the_routes_that_are_asked(read: Any) -> None:
    paths = re.findall(
        r"^  (/[^:\s]+):", read("eurostat/openapi/eurostat-sdmx-rest-openapi.yaml").decode(), re.M
    )
    request = FetchRequest(
        "eurostat/x", "X", {"freq=A": {"freq": "A"}}, ("NL",), order=("freq", "geo")
    )
    for route, path in (
        ("sdmx21", "/sdmx/2.1/data/{flow}/{key}"),
        ("sdmx30", "/sdmx/3.0/data/dataflow/{agencyID}/{resourceID}/{version}"),
        ("statistics", "/statistics/1.0/data/{datasetCode}"),
    ):
        url, _ = eurostat.data_request(replace(request, route=route), request.codes(), ["NL"], "")
        assert path in paths
        assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), url)
    for path in ("/sdmx/2.1/contentconstraint/{agencyID}/{resourceID}/{version}",
                 "/sdmx/2.1/datastructure/{agencyID}/{resourceID}/{version}",
                 "/1.0/async/status/{uuid}", "/1.0/async/data/{uuid}", "/catalogue/toc/txt"):  # fmt: skip
        assert path in paths


# CBS


def cbs_stub(read: Any, table: str, dims: tuple[str, ...]) -> Stub:
    """All of a recorded table; the slices are cut as CBS would."""
    everything = json.loads(read(f"cbs/{table}/observations-page-1.json"))

    class Cbs(Stub):
        def get_any(self, where: str, params: Any = (), **more: Any) -> Reply:
            if "/Observations" not in where:
                return super().get_any(where, params, **more)
            ((_, terms),) = params
            wanted = [t.split(" eq ") for t in terms.split(" and ")]
            rows = [r for r in everything["value"]
                    if all(r[d] == c.strip("'") for d, c in wanted)]  # fmt: skip
            body = json.dumps({**everything, "value": rows}).encode()
            return Reply(self.base + where, 200, {}, body)

    return Cbs("cbs", {
        f"/{table}/Properties": read(f"cbs/{table}/properties.json"),
        f"/{table}/MeasureCodes": read(f"cbs/{table}/measure-codes.json"),
        f"/{table}/Dimensions": read(f"cbs/{table}/dimensions.json"),
        **{f"/{table}/{d}Codes": read(f"cbs/{table}/codes-{d}.json") for d in dims},
    })  # fmt: skip


def test_the_registered_selection_of_a_recorded_cbs_table(read: Any) -> None:
    item = load().datasets["cbs/82610NED"]
    publisher = cbs_stub(read, "82610NED", ("BronTechniek", "Perioden"))
    request = request_for(item, [], TODAY)
    fetched = fetch(request, publisher)
    reading = DatasetSpec("cbs", "82610NED", fetched.format, fetched.states, keys=fetched.keys)
    found = compare(request, fetched, reading)
    assert (found.keys, found.deviations, found.missing) == ({}, [], {})
    assert found.parsed is not None
    wanted = [
        r for r in json.loads(read("cbs/82610NED/observations-page-1.json"))["value"]
        if (r["BronTechniek"], r["Measure"]) in (("T001028", "M002416_2"), ("E006638", "M002163"))
    ]  # fmt: skip
    rows = found.parsed.observations.to_pylist()
    assert sorted((r["year"], r["value"]) for r in rows) == sorted(
        (int(r["Perioden"][:4]), r["Value"]) for r in wanted if r["Value"] is not None
    )
    assert {r["unit"] for r in rows} >= {"megawatt"}
    assert {r["year"] for r in rows if r["flags"] == ["p"]} == {2024, 2025}
    assert fetched.updated.startswith("2026-06-19")


def test_every_cell_of_a_recorded_cbs_table_is_counted(read: Any) -> None:
    from pipeline.formats.pages import envelope

    for table, states in (("82610NED", {"impossible"}), ("82242NED", {"not_annual"})):
        body = envelope([
            ("PeriodenCodes", read(f"cbs/{table}/codes-Perioden.json")),
            ("MeasureCodes", read(f"cbs/{table}/measure-codes.json")),
            ("Observations", read(f"cbs/{table}/observations-page-1.json")),
        ])  # fmt: skip
        found = parse(body, spec("cbs_odata", table))
        cells = json.loads(read(f"cbs/{table}/observations-page-1.json"))["value"]
        assert found.observations.num_rows + found.rejects.num_rows == len(cells)
        assert states <= set(reasons(found.rejects))
        if table == "82610NED":
            impossible = sum(r["ValueAttribute"] == "Impossible" for r in cells)
            assert reasons(found.rejects)["impossible"] == impossible == 288
        else:
            # JJ, KW and MM stand in one table: only years are figures of a year.
            years = sum(r["Perioden"].endswith("JJ00") for r in cells)
            assert found.observations.num_rows <= years
            assert reasons(found.rejects)["not_annual"] == len(cells) - years


def test_a_recorded_slice_is_found_by_title_and_pinned(read: Any) -> None:
    dims = ("Inkomensbegrippen", "Inkomensklassen", "KenmerkenVanHuishoudens", "Perioden")
    publisher = cbs_stub(read, "83932NED", dims)
    rows = json.loads(read("cbs/83932NED/observations-page-1.json"))["value"]
    measures = json.loads(read("cbs/83932NED/measure-codes.json"))["value"]
    first = rows[0]
    title = next(m["Title"] for m in measures if m["Identifier"] == first["Measure"])
    wanted: dict[str, Any] = {d: first[d] for d in dims[:3]}
    wanted["Measure"] = Titled(title=(f" {title.upper()} ",))
    if sum(m["Title"].strip().casefold() == title.strip().casefold() for m in measures) > 1:
        pytest.skip("the recorded measures have no title of their own")
    request = FetchRequest("cbs/83932NED", "83932NED", {"series=x": wanted}, ("NL",))
    fetched = fetch(request, publisher)
    assert fetched.keys and set(fetched.keys.values()) == {"series=x"}
    assert first["Measure"] in fetched.pins.values()
    moved = FetchRequest("cbs/83932NED", "83932NED", {"series=x": wanted}, ("NL",),
                pins={k: "M999" for k in fetched.pins if k != "table"})  # fmt: skip
    with pytest.raises(PullError, match="was M999 and is now"):
        fetch(moved, publisher)
    wanted["Measure"] = Titled(title=("Gemiddeld inkomem",))
    with pytest.raises(PullError, match="no code titled"):
        fetch(request, publisher)


# OECD


def test_recorded_oecd_files(read: Any) -> None:
    body = read("oecd/gdp.csv")
    found = parse(body, spec("oecd_csv", "DF_REFSERIES_GLOBAL"))
    lines = body.decode("utf-8-sig").splitlines()
    head = lines[0].split(",")
    value, power = head.index("OBS_VALUE"), head.index("UNIT_MULT")
    cells = [line.split(",") for line in lines[1:] if line.strip()]
    expected = sorted(float(c[value]) * 10 ** int(c[power]) for c in cells if c[value])
    got = sorted(found.observations.column("value").to_pylist())
    assert len(got) + found.rejects.num_rows == len(cells)
    assert {int(c[power]) for c in cells} >= {6}
    assert all(abs(a - b) <= 1e-9 * abs(b) for a, b in zip(got, expected, strict=True))


def test_an_empty_oecd_value_with_status_a_is_missing(read: Any) -> None:
    found = read_body(read("oecd/cli_usa_csvfile_2026-09-12.csv"), spec("oecd_csv", "DF_CLI"))
    assert found.observations.num_rows == 0
    assert set(reasons(found.rejects)) <= {"not_annual", "no_value", "period_not_read"}


@pytest.mark.parametrize(
    ("file", "says"),
    [("error_422_key.txt", "expecting 13 got 12"), ("error_429_downloads.txt", "data downloads"),
     ("error_429_requests.txt", "number of requests")],
)  # fmt: skip
def test_what_the_oecd_says_reaches_people(read: Any, file: str, says: str) -> None:
    assert says in said_by(read(f"oecd/{file}"))


# World Bank


def test_recorded_world_bank_answers(read: Any) -> None:
    whole = json.loads(read("worldbank/kor_arable_null_shape.json"))
    found = parse(json.dumps(whole).encode(), spec("worldbank_json", "AG.LND.ARBL.HA"))
    assert [(r["geo"], r["year"], r["value"]) for r in found.observations.to_pylist()] == [
        ("KR", 2023, 1571000.0)
    ]
    assert reasons(found.rejects) == {"no_value": 1}
    cut = json.loads(read("worldbank/hdx_indicators_data_indicatorsx.json"))
    with pytest.raises(ParseError, match="pages are missing"):
        parse(json.dumps(cut).encode(), spec("worldbank_json"))


@pytest.mark.parametrize(
    ("file", "says"),
    [("error_120_http200.json", "not valid"), ("error_175.json", "deleted or archived"),
     ("error_160_sources.xml", "data not found")],
)  # fmt: skip
def test_recorded_world_bank_errors_come_with_http_200(read: Any, file: str, says: str) -> None:
    body = read(f"worldbank/{file}")
    with pytest.raises(PullError, match=says):
        must_be_data(Reply("https://api.worldbank.org/x", 200, {}, body), "json")
    with pytest.raises(ParseError):
        parse(body, spec("worldbank_json", "X"))


def test_a_world_bank_answer_that_is_cut_short_is_no_vintage(read: Any) -> None:
    # The recording was trimmed: nine rows are announced.
    publisher = Stub("worldbank", {"/indicator/": read("worldbank/jp_cpi.json")})
    request = FetchRequest(
        "worldbank/FP.CPI.TOTL.ZG", "FP.CPI.TOTL.ZG", {"indicator=FP.CPI.TOTL.ZG": {}}, ()
    )
    with pytest.raises(PullError, match="of 9 rows came"):
        fetch(request, publisher)


# UN, OWID, WHO


def test_a_recorded_un_answer(read: Any) -> None:
    document = json.loads(read("unsdg/series_data_DC_TOF_WASHL.json"))
    with pytest.raises(ParseError, match="pages are missing"):
        parse(json.dumps(document).encode(), spec("unsdg_json", "DC_TOF_WASHL"))
    document |= {"totalElements": 1, "totalPages": 1}
    (row,) = parse(
        json.dumps(document).encode(), spec("unsdg_json", "DC_TOF_WASHL")
    ).observations.to_pylist()
    # 4.2785 with a multiplier of a million.
    assert (row["series_key"], row["geo"], row["year"], row["unit"]) == (
        "seriesCode=DC_TOF_WASHL", "AF", 2000, "CON_USD",
    )  # fmt: skip
    assert row["value"] == pytest.approx(4_278_500.0)
    document["data"][0]["attributes"]["UnitMultiplier"] = "LAKH"
    found = read_body(json.dumps(document).encode(), spec("unsdg_json", "DC_TOF_WASHL"))
    assert reasons(found.rejects) == {"not_a_number": 1}


@pytest.mark.parametrize("file", ["carbon-intensity-electricity", "electric-car-sales-share"])
def test_recorded_owid_charts(read: Any, file: str) -> None:
    # Two of the three have no end behind their last line, as the publisher writes them.
    body = read(f"owid/{file}.csv").rstrip(b"\n") + b"\n"
    found = parse(body, spec("owid_csv"))
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    cells = [c for row in rows[1:] if row for c in row[3:]]
    assert found.observations.num_rows + found.rejects.num_rows == len(cells)
    # Regions and groups of incomes are no areas.
    strange = reasons(found.rejects).get("unknown_area", 0)
    assert found.observations.num_rows + strange >= sum(bool(c.strip()) for c in cells)
    small = parse(body.replace(b"Entity,Code,Year", b"entity,code,year", 1), spec("owid_csv"))
    assert small.observations == found.observations


def test_a_recorded_owid_chart_is_pulled_with_its_metadata(read: Any) -> None:
    item = load().datasets["owid/carbon-intensity-electricity"]
    publisher = Stub("owid", {
        ".csv": read("owid/carbon-intensity-electricity.csv"),
        ".metadata.json": read("owid/life-expectancy.metadata.docs-example.json"),
    })  # fmt: skip
    request = request_for(item, ["BE"], TODAY)
    fetched = fetch(request, publisher)
    assert fetched.updated
    found = compare(request, fetched, spec("owid_csv"))
    assert found.deviations == []
    assert list(found.keys.values()) == ["column=carbon_intensity"]
    assert found.parsed is not None
    assert "NL" in found.parsed.observations.column("geo").to_pylist()


def test_a_recorded_owid_chart_without_a_last_line_end_is_pulled_but_for_its_last_line(
    read: Any,
) -> None:
    body = read("owid/electric-car-sales-share.csv")
    assert body.endswith(b"World,OWID_WRL,2025,25")
    item = load().datasets["owid/electric-car-sales-share"]
    request = request_for(item, ["BE", "SE", "EU27_2020"], TODAY)
    fetched = fetch(request, Stub("owid", {".csv": body}))
    assert fetched.body + b"World,OWID_WRL,2025,25" == body
    assert "left out: World,OWID_WRL,2025,25" in fetched.notes[0]
    found = compare(request, fetched, spec("owid_csv"))
    assert found.deviations == [] and found.missing == {}
    whole = parse(body + b"\n", spec("owid_csv")).observations.to_pylist()
    kept = parse(fetched.body, spec("owid_csv")).observations.to_pylist()
    assert [r for r in whole if r not in kept] == [
        r for r in whole if (r["geo"], r["year"]) == ("WORLD", 2025)
    ]


OWID = b"Entity,Code,Year,x\nBelgium,BEL,2020,1\nNetherlands,NLD,2020,609.85\n"


@pytest.mark.parametrize(
    ("body", "geos"),
    [
        (OWID[:-1], ("NL", "BE")),
        (OWID[:-3], ("NL", "BE")),
        (OWID[:-12], ("NL", "BE")),
        (OWID[:-25], ("NL", "BE")),
        (OWID + b"Zambia,ZMB,20", ("NL", "BE")),  # a line that is not whole: whose is it?
        (OWID + b"Swed", ("NL", "BE", "SE")),
        (OWID + b"Zambia,ZMB,2020,4", ("NL", "BE", "SE")),  # one that was asked for did not come
        (OWID + b"Zambia,ZMB,2020,4", ()),
        (OWID + b"Aruba,ABW,2021,1\nBelgium,BEL,2021,1\nZambia,ZMB,2020,4", ("NL", "BE")),
    ],
)
def test_an_owid_chart_whose_end_may_be_cut_is_refused(body: bytes, geos: tuple[str, ...]) -> None:
    request = FetchRequest("owid/x", "x", {"column=x": "only"}, geos)
    with pytest.raises(PullError, match="last line has no end"):
        fetch(request, Stub("owid", {".csv": body}))


def test_a_line_that_nobody_asked_for_may_be_left_out() -> None:
    request = FetchRequest("owid/x", "x", {"column=x": "only"}, ("NL", "BE"))
    fetched = fetch(request, Stub("owid", {".csv": OWID + b"Zambia,ZMB,2020,4"}))
    assert fetched.body == OWID and "Zambia" in fetched.notes[0]
    assert fetch(request, Stub("owid", {".csv": OWID})).body == OWID
    with pytest.raises(PullError, match="a page instead"):
        fetch(request, Stub("owid", {".csv": b"<html>sorry</html>"}))


def test_recorded_who_rows(read: Any) -> None:
    body = read("who_gho/hdx_MDG_0000000001.json")
    found = parse(body, spec("gho_json", "MDG_0000000001"))
    rows = {
        (r["series_key"], r["geo"], r["year"]): r["value"] for r in found.observations.to_pylist()
    }
    assert rows[("IndicatorCode=MDG_0000000001|SEX=SEX_BTSX", "AF", 2011)] == 61.76149
    nonsense = parse(read("who_gho/hdx_WHOSIS_000001.json"), spec("gho_json", "WHOSIS_000001"))
    assert nonsense.observations.num_rows == 3
    assert reasons(nonsense.rejects) == {"not_an_area": 1}
    assert parse(read("who_gho/hdx_WSH_SANITATION_BASIC.json"),
                 spec("gho_json", "WSH_SANITATION_BASIC")).observations.num_rows == 3  # fmt: skip
    assert parse(read("who_gho/hdx_TB_1.json"), spec("gho_json", "TB_1")).observations.num_rows == 3


@pytest.mark.parametrize("file", ["error_400_literal.json", "error_400_query.json"])
def test_recorded_who_errors(read: Any, file: str) -> None:
    body = read(f"who_gho/{file}")
    assert said_by(body).startswith(("There is an unterminated", "The query specified"))
    with pytest.raises(PullError, match="error:"):
        must_be_data(Reply("https://ghoapi.azureedge.net/x", 200, {}, body), "json")


def test_the_recorded_who_lists_tell_a_wrong_code(read: Any) -> None:
    publisher = Stub("who", {
        "/Indicator": read("who_gho/hdx_indicator.json"),
        "/DIMENSION/SEX/": read("who_gho/hdx_DIMENSION_SEX_DimensionValues.json"),
    })  # fmt: skip
    right = {"IndicatorCode": "WHOSIS_000001", "SEX": "SEX_MLE"}
    key = "IndicatorCode=WHOSIS_000001|SEX=SEX_MLE"
    codes = [
        v["Code"]
        for v in json.loads(read("who_gho/hdx_DIMENSION_SEX_DimensionValues.json"))["value"]
    ]
    right["SEX"] = codes[0]
    assert check(FetchRequest("who/x", "WHOSIS_000001", {key: right}, ("NL",)), publisher) == []
    (line,) = check(FetchRequest("who/x", "WHOSIS_000002", {key: right}, ("NL",)), publisher)
    assert line.endswith("likely WHOSIS_000001")
    (line,) = check(
        FetchRequest("who/x", "WHOSIS_000001", {key: {**right, "SEX": codes[0] + "X"}}, ("NL",)),
        publisher,
    )
    assert line.endswith(f"likely {codes[0]}")


def test_spec_of_reads_a_live_vintage_by_its_own_manifest(tmp_path: Path) -> None:
    item = load().datasets["curated/cbs_ghg_climate_sectors"]
    live = {"origin": "live", "format": "cbs_odata", "states": "85669NED",
            "keys": {"K=1": "series=industry"}, "units": {"a": "b"}}  # fmt: skip
    found = spec_of(Vintage(item.source, item.dataset, tmp_path, live), item)
    assert (found.format, found.code, found.keys, found.units) == (
        "cbs_odata", "85669NED", {"K=1": "series=industry"}, {"a": "b"},
    )  # fmt: skip
    bundled = spec_of(Vintage(item.source, item.dataset, tmp_path, {"format": "x"}), item)
    assert (bundled.format, bundled.code, bundled.keys) == ("curated_csv", None, {})
