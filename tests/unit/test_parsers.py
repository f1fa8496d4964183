"""Each wire format: right rows, flags and rejects; and what must never be taken for data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, ParseError, parse, read


def spec(kind: str, code: str | None = None, forms: tuple[str, ...] = ()) -> DatasetSpec:
    return DatasetSpec("s", "d", kind, code, frozenset(forms))


def rows(
    body: str | bytes, given: DatasetSpec
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = parse(body if isinstance(body, bytes) else body.encode(), given)
    return found.observations.to_pylist(), found.rejects.to_pylist()


EUROSTAT = """DATAFLOW,LAST UPDATE,freq,unit,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG
ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,NL,2019,1.5,
ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,NL,2020,2,bp
ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,NL,2021,,c
ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,NL,2022,:,
ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,BE,2020,0,
"""
X = spec("sdmx_csv", "ENV_X")


def test_eurostat_flags_are_sets_and_missing_is_not_zero() -> None:
    good, bad = rows(EUROSTAT, X)
    assert [(r["geo"], r["year"], r["value"], r["flags"]) for r in good] == [
        ("BE", 2020, 0.0, []), ("NL", 2019, 1.5, []), ("NL", 2020, 2.0, ["b", "p"]),
    ]  # fmt: skip
    assert {r["series_key"] for r in good} == {"freq=A|unit=PC"}
    assert [(r["line"], r["reason"]) for r in bad] == [(3, "confidential"), (4, "no_value")]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("2019,1.5,", "2019 ,1.5 ,"),
        lambda t: t.replace("OBS_FLAG\n", "OBS_FLAG,CONF_STATUS\n").replace(",\n", ",,\n").replace("bp\n", "bp,\n").replace(",c\n", ",c,\n"),
        lambda t: "\n" + t + "  \n",
        lambda t: t.replace("OBS_FLAG\n", "OBS_FLAG,OBS_NOTE\n").replace(",\n", ",,see\n").replace("bp\n", "bp,see\n").replace(",c\n", ",c,see\n"),
        lambda t: "\n".join(",".join([*(c := line.split(","))[:2], c[3], c[2], *c[4:]]) for line in t.splitlines()) + "\n",
    ],
    ids=["bom", "crlf", "trailing spaces", "grown column",
         "blank around", "unknown attribute", "other order"],
)  # fmt: skip
def test_eurostat_drift_that_means_nothing_changes_nothing(change: Any) -> None:
    assert rows(change(EUROSTAT), X)[0] == rows(EUROSTAT, X)[0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!DOCTYPE html><html>sorry</html>", "HTML"),
        (b"<S:Fault><faultcode>100</faultcode></S:Fault>", "SOAP"),
        (b'{"error":[{"status":413}]}', "JSON"),
        (EUROSTAT.encode()[:-20], "truncated"),
        (EUROSTAT.encode()[:-1], "last line has no end"),
        (EUROSTAT.encode()[:-1] + b" ", "last line has no end"),
        (EUROSTAT.encode()[:-3] + b"\n", "truncated or not a table"),
        (EUROSTAT.replace("OBS_VALUE", "VALUE").encode(), "column OBS_VALUE is missing"),
        # Every row after a quote that stays open would end up in one cell.
        (EUROSTAT.replace("2019,1.5,", '2019,1.5,"b').encode(), "never closed"),
        (EUROSTAT.replace("LAST UPDATE", "UNIT").encode(), "occurs twice"),
        (EUROSTAT.replace("freq", "").encode(), "no name"),
        (EUROSTAT.replace("freq", "fr\0eq").encode(), "no name"),
        (b"\n".join(EUROSTAT.encode().splitlines()).replace(b"\n", b"\r"), "header"),
        (EUROSTAT.replace("ESTAT:ENV_X(1.0)", "ESTAT:ENV\nX", 1).encode(), "truncated|another"),
        (EUROSTAT.replace("ENV_X", "ENV_Y").encode(), "not ENV_X"),
        (EUROSTAT.splitlines()[0].encode() + b"\n", "no rows"),
        (EUROSTAT.encode("utf-16"), "not UTF-8"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
    ],
)
def test_what_is_not_this_datasets_data_is_refused_in_one_line(body: bytes, says: str) -> None:
    with pytest.raises(ParseError, match=says) as error:
        parse(body, X)
    assert "\n" not in str(error.value)


LATE = {
    "sdmx_csv": (EUROSTAT + "ESTAT:ENV_X(1.0),01/01/26 23:00:00,A,PC,NL,2035,9,\n", "ENV_X"),
    "oecd_csv": (
        "DATAFLOW,FREQ,REF_AREA,TIME_PERIOD,OBS_VALUE\nD:D@D(1),A,NLD,2020,1\nD:D@D(1),A,NLD,2035,9\n",
        "D",
    ),
    "owid_csv": ("Entity,Code,Year,x\nNetherlands,NLD,2020,3\nNetherlands,NLD,2035,9\n", None),
    "curated_csv": ("series,geo,period,value,unit,flag\na,NL,2020,1,%,\na,NL,2035,9,%,\n", None),
    "worldbank_json": (
        json.dumps(
            [
                {"pages": 1, "total": 2},
                [
                    {"indicator": {"id": "X"}, "country": {"id": "NL"}, "date": year, "value": 9}
                    for year in ("2020", "2035")
                ],
            ]
        ),
        "X",
    ),
}


@pytest.mark.parametrize("kind", LATE)
def test_a_year_to_come_is_a_forecast_in_every_format(kind: str) -> None:
    body, code = LATE[kind]
    good, bad = rows(body, replace(spec(kind, code), until=2026))
    assert 2035 not in {r["year"] for r in good} and good
    assert ("2035", "forecast") in [(r["period"], r["reason"]) for r in bad]
    # Who tells no last year gets what is written.
    assert 2035 in {r["year"] for r in rows(body, spec(kind, code))[0]}


def test_a_value_outside_its_limits_is_a_reject_where_the_area_is_not_judged() -> None:
    limits = {"freq=A|unit=PC": [1.0, 3.0]}
    given = replace(X, limits=limits, judged=frozenset({"NL"}))
    good, bad = rows(EUROSTAT.replace("NL,2020,2,", "NL,2020,200,"), given)
    assert ("NL", 200.0) in [(r["geo"], r["value"]) for r in good]
    assert [(r["geo"], r["value"]) for r in bad if r["reason"] == "implausible"] == [("BE", "0")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [("NaN", "no_value"), ("#N/A", "no_value"), ("..", "no_value"), ("inf", "not_finite"), ("1e999", "not_finite"), ("1,5", "not_a_number"),
     ("n/a", "not_a_number")],
)  # fmt: skip
def test_what_is_no_number_is_kept_as_a_reject(value: str, reason: str) -> None:
    _, bad = rows(EUROSTAT.replace("2019,1.5", f'2019,"{value}"'), X)
    assert bad[0]["reason"] == reason and bad[0]["value"] == value


def test_same_duplicates_collapse_and_differing_ones_are_all_rejects() -> None:
    line = EUROSTAT.splitlines()[1]
    good, bad = rows(EUROSTAT + line + "\n", X)
    assert len(good) == 3 and [r["reason"] for r in bad].count("duplicate_same") == 1
    good, bad = rows(EUROSTAT + line.replace("1.5", "1.6") + "\n", X)
    assert len(good) == 2 and [r["reason"] for r in bad].count("duplicate_differs") == 2


def test_the_largest_finite_number_is_read() -> None:
    good, _ = rows(EUROSTAT.replace("2019,1.5", "2019,1e308"), X)
    assert [r["value"] for r in good if r["year"] == 2019] == [1e308]


def test_a_confidential_cell_says_so_by_either_column() -> None:
    body = (
        "DATAFLOW,LAST UPDATE,freq,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG,CONF_STATUS\n"
        "ESTAT:ENV_X(1.0),,A,NL,2019,1,,\n"
        "ESTAT:ENV_X(1.0),,A,NL,2020,,,C\n"
    )
    _, bad = rows(body, X)
    assert [(r["period"], r["reason"]) for r in bad] == [("2020", "confidential")]


def test_months_do_not_count_as_years() -> None:
    _, bad = rows(EUROSTAT + "ESTAT:ENV_X(1.0),,A,PC,NL,2020-05,7,\n", X)
    assert bad[-1]["reason"] == "not_annual"


CURATED = """series,geo,period,value,unit,flag,note
a,NL,2019/2022,5,%,,
a,NL,2023,6,%,secondary;p,"said, so"
a,NL,2024,7,%,target,
a,NL,2025,8,%,f,
b,NL,c. 2019,1 in 8,%,parsed,
"""


def test_curated_text_is_read_only_in_the_forms_that_are_named() -> None:
    good, bad = rows(CURATED, spec("curated_csv"))
    assert [(r["year"], r["flags"]) for r in good] == [(2023, ["p", "secondary"])]
    assert [r["reason"] for r in bad] == [
        "period_not_read",
        "target_row",
        "forecast",
        "not_a_number",
    ]
    good, _ = rows(CURATED, spec("curated_csv", None, ("range", "circa", "fraction")))
    assert [(r["series_key"], r["year"], r["value"], r["flags"]) for r in good] == [
        ("series=a", 2022, 5.0, []), ("series=a", 2023, 6.0, ["p", "secondary"]),
        ("series=b", 2019, 12.5, ["e", "parsed", "u"]),
    ]  # fmt: skip


def test_an_official_projection_gives_a_series_for_each_bound_of_an_edition() -> None:
    body = (
        "edition,target_year,target_reduction_pct,low_pct,high_pct,page_url,seen\n"
        "E1,2030,49,43,48,https://a.example/x?y=1|2,yes\n"
        "E2,2030,55,,54.9,https://b.example,no\n"
    )
    good, bad = rows(body, spec("projection_csv"))
    assert {r["geo"] for r in good} == {"NL"} and {r["year"] for r in good} == {2030}
    assert {r["series_key"]: r["value"] for r in good} == {
        "bound=low|edition=E1|page_url=https://a.example/x?y=1|2": 43,
        "bound=high|edition=E1|page_url=https://a.example/x?y=1|2": 48,
        "bound=target_reduction|edition=E1|page_url=https://a.example/x?y=1|2": 49,
        "bound=high|edition=E2|page_url=https://b.example": 54.9,
        "bound=target_reduction|edition=E2|page_url=https://b.example": 55,
    }
    # A bound that is not quoted is missing, not zero.
    assert [(r["series_key"], r["reason"]) for r in bad] == [
        ("bound=low|edition=E2|page_url=https://b.example", "no_value")
    ]
    with pytest.raises(
        ParseError, match="columns edition, target_year, low_pct, high_pct, page_url are missing"
    ):
        rows(CURATED, spec("projection_csv"))


def test_oecd_multiplier_is_applied_and_empty_is_missing() -> None:
    body = (
        "DATAFLOW,FREQ,REF_AREA,EXPENDITURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS,UNIT_MULT\n"
        "OECD.SDD:DSD@DF_T(1.0),A,NLD,GF02,2020,1.5,A,6\n"
        "OECD.SDD:DSD@DF_T(1.0),A,NLD,GF02,2021,,A,6\n"
    )
    good, bad = rows(body, spec("oecd_csv", "DF_T"))
    assert good[0]["value"] == 1.5e6 and good[0]["geo"] == "NL"
    assert good[0]["series_key"] == "EXPENDITURE=GF02|FREQ=A"
    assert bad[0]["reason"] == "no_value"
    _, bad = rows(body.replace(",2021,,A,6", ",2021,7,A,x"), spec("oecd_csv", "DF_T"))
    assert [(r["value"], r["reason"]) for r in bad] == [("7", "not_a_number")]


def test_an_oecd_table_without_a_dimension_is_refused() -> None:
    body = "DATAFLOW,REF_AREA,TIME_PERIOD,OBS_VALUE\nX@D(1),NLD,2020,1\n"
    with pytest.raises(ParseError, match="no dimension between"):
        rows(body, spec("oecd_csv"))


def test_owid_header_in_any_case_and_what_is_no_area() -> None:
    body = "entity,CODE,Year,x\nNetherlands,NLD,2020,3\nAsia,,2020,4\nNetherlands,NLD,2021,\n"
    good, bad = rows(body, spec("owid_csv"))
    assert {(r["geo"], r["value"]) for r in good} == {("NL", 3.0)}
    assert [(r["geo"], r["reason"]) for r in bad] == [("Asia", "unknown_area"), ("NL", "no_value")]


def test_an_area_is_one_of_the_list_in_every_format() -> None:
    evil = "</script><b>x"
    good, bad = rows(EUROSTAT.replace(",BE,2020", f",{evil},2020"), X)
    assert {r["geo"] for r in good} == {"NL"}
    assert (evil, "unknown_area") in [(r["geo"], r["reason"]) for r in bad]
    good, bad = rows(
        f"entity,CODE,Year,x\nKosovo,OWID_KOS,2020,3\n{evil},,2020,4\nTaiwan,TWN,2020,5\n",
        spec("owid_csv"),
    )
    assert [r["geo"] for r in good] == ["TW", "XK"] and [r["geo"] for r in bad] == [evil]


def test_an_owid_value_is_of_its_original_year() -> None:
    """48 is 2021's, told again for 2022 and 2023; 50 is 2019's, and 2019 has no line of its own."""
    body = (
        "Entity,Code,Year,x,x (Original Year),region\n"
        "Netherlands,NLD,2020,50,2019,Europe\nNetherlands,NLD,2021,48,2021,Europe\n"
        "Netherlands,NLD,2022,48,2021,Europe\nNetherlands,NLD,2023,48,2021,Europe\n"
        "Netherlands,NLD,2024,45,,Europe\n"
    )
    good, bad = rows(body, spec("owid_csv"))
    assert [(r["year"], r["value"]) for r in good] == [(2019, 50.0), (2021, 48.0), (2024, 45.0)]
    assert {r["series_key"] for r in good} == {"column=x"}
    carried = [r for r in bad if r["series_key"] == "column=x"]
    assert [(r["line"], r["reason"]) for r in carried] == [
        (3, "of_another_year"), (4, "of_another_year"),
    ]  # fmt: skip


def test_owid_columns_that_differ_in_case_only_are_not_taken_for_each_other() -> None:
    with pytest.raises(ParseError, match="occurs twice"):
        rows("Entity,Code,Year,x,X\nNetherlands,NLD,2020,3,4\n", spec("owid_csv"))


def test_the_world_has_one_code_whoever_names_it() -> None:
    owid = "Entity,Code,Year,x\nWorld,OWID_WRL,2020,3\n"
    bank = [
        {"pages": 1},
        [{"indicator": {"id": "I"}, "country": {"id": "1W"}, "date": "2020", "value": 1}],
    ]
    un = {
        "totalElements": 1,
        "data": [{"series": "S", "geoAreaCode": "1", "timePeriodStart": 2020, "value": "1"}],
    }
    for body, kind in (
        (owid, "owid_csv"),
        (json.dumps(bank), "worldbank_json"),
        (json.dumps(un), "unsdg_json"),
    ):
        assert [r["geo"] for r in rows(body, spec(kind))[0]] == ["WORLD"]


def cbs(observations: list[dict[str, Any]], table: str = "1ABC") -> bytes:
    context = f"https://datasets.cbs.nl/odata/v1/CBS/{table}/$metadata#X"
    parts = {
        "Observations": observations,
        "PeriodenCodes": [
            {"Identifier": "2020JJ00", "Status": "Definitief"},
            {"Identifier": "2021JJ00", "Status": "NaderVoorlopig"},
        ],
        "MeasureCodes": [{"Identifier": "M1", "Unit": "%"}],
    }
    document = {k: {"@odata.context": context, "value": v} for k, v in parts.items()}
    return json.dumps(document).encode()


def test_cbs_period_status_grain_and_impossible_cells() -> None:
    def cell(period: str, value: float | None, attribute: str = "None") -> dict[str, Any]:
        return {"Id": 1, "Measure": "M1", "ValueAttribute": attribute, "Value": value,
                "StringValue": None, "Dim": "T1 ", "Perioden": period}  # fmt: skip

    body = cbs([cell("2020JJ00", 1), cell("2021JJ00", 2), cell("2021KW01", 9),
                cell("2022JJ00", None, "Impossible")])  # fmt: skip
    good, bad = rows(body, spec("cbs_odata", "1ABC"))
    assert [(r["year"], r["flags"], r["unit"]) for r in good] == [
        (2020, [], "%"),
        (2021, ["p"], "%"),
    ]
    assert good[0]["series_key"] == "Dim=T1|Measure=M1"
    assert [r["reason"] for r in bad] == ["not_annual", "impossible"]
    with pytest.raises(ParseError, match="another dataset"):
        parse(cbs([cell("2020JJ00", 1)], "9XYZ"), spec("cbs_odata", "1ABC"))
    with pytest.raises(ParseError, match="truncated"):
        parse(body[:-40], spec("cbs_odata", "1ABC"))


def test_world_bank_errors_come_with_status_200() -> None:
    row = {"indicator": {"id": "I"}, "country": {"id": "NL"}, "date": "2020", "value": 1.25}
    good, bad = rows(
        json.dumps([{"pages": 1, "total": 2}, [row, {**row, "date": "2021", "value": None}]]),
        spec("worldbank_json", "I"),
    )
    assert good[0]["value"] == 1.25 and bad[0]["reason"] == "no_value"
    for body, says in (
        ([{"message": [{"id": "120", "value": "not valid"}]}], "not valid"),
        ([{"pages": 1, "total": 0}, None], "no rows"),
        ([{"pages": 2, "total": 9}, [row]], "pages are missing"),
    ):
        with pytest.raises(ParseError, match=says):
            parse(json.dumps(body).encode(), spec("worldbank_json", "I"))


def test_un_values_are_text_and_pages_must_be_whole() -> None:
    row = {"series": "S", "geoAreaCode": "528", "timePeriodStart": 2020.0, "value": "4.25",
           "dimensions": {"Sex": "BOTHSEX"}, "attributes": {"Nature": "C", "Units": "PERCENT"}}  # fmt: skip
    good, bad = rows(
        json.dumps(
            {"totalElements": 2, "data": [row, {**row, "timePeriodStart": 2021, "value": "NaN"}]}
        ),
        spec("unsdg_json", "S"),
    )
    assert (good[0]["geo"], good[0]["value"], good[0]["series_key"]) == (
        "NL",
        4.25,
        "Sex=BOTHSEX|seriesCode=S",
    )
    assert bad[0]["reason"] == "no_value"
    with pytest.raises(ParseError, match="pages are missing"):
        parse(json.dumps({"totalElements": 2, "data": [row]}).encode(), spec("unsdg_json", "S"))


def test_cbs_pages_must_be_whole() -> None:
    document = json.loads(cbs([{"Measure": "M1", "Value": 1, "Perioden": "2020JJ00"}]))
    assert parse(json.dumps(document).encode(), spec("cbs_odata")).observations.num_rows == 1
    document["Observations"]["@odata.nextLink"] = "https://datasets.cbs.nl/next"
    with pytest.raises(ParseError, match="pages after it are missing"):
        parse(json.dumps(document).encode(), spec("cbs_odata"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("worldbank_json", [{"pages": 1}, [1]]),
        ("worldbank_json", [{"pages": 1}, [{"indicator": None}]]),
        ("worldbank_json", [{"pages": "x"}, [{"indicator": {"id": "I"}}]]),
        ("worldbank_json", [{"message": ["text"]}]),
        ("unsdg_json", {"totalElements": None, "data": []}),
        ("unsdg_json", {"totalElements": 1, "data": ["text"]}),
        ("unsdg_json", {"totalElements": 1, "data": [{"series": "S", "dimensions": [1]}]}),
        ("cbs_odata", {k: {"value": [{}]} for k in ("Observations", "PeriodenCodes", "MeasureCodes")}),
        ("cbs_odata", json.loads(cbs([{"Measure": "M1", "Value": 1, "Perioden": None}]))),
    ],
)  # fmt: skip
def test_a_field_of_another_shape_ends_in_one_line_and_never_in_a_crash(
    kind: str, body: Any
) -> None:
    with pytest.raises(ParseError, match=f"not shaped as {kind}"):
        parse(json.dumps(body).encode(), spec(kind))


def test_json_nested_without_end_is_refused() -> None:
    with pytest.raises(ParseError):
        parse(b"[" * 200_000, spec("unsdg_json"))


def test_what_a_message_quotes_cannot_break_its_line() -> None:
    body = json.dumps([{"message": [{"value": "first\nsecond"}]}]).encode()
    with pytest.raises(ParseError, match="first second"):
        parse(body, spec("worldbank_json"))


def test_recorded_answers_of_the_publishers_are_read(shared: Path) -> None:
    recorded = shared / "recorded"
    if not recorded.is_dir():
        pytest.skip("../shared/recorded is not here")
    eurostat = recorded / "eurostat"
    for file in sorted((eurostat / "sdmx_csv").glob("*.csv")):
        if "sdmx30" in file.name:
            continue  # another version of the format, without DATAFLOW
        try:
            found = parse(file.read_bytes(), spec("sdmx_csv"))
        except ParseError as error:
            assert "no row" in str(error), file.name
            continue
        assert found.observations.num_rows > 0
    for file in [
        *eurostat.glob("*.xml"),
        *(eurostat / "async").glob("*.xml"),
        *eurostat.glob("*.json"),
    ]:
        with pytest.raises(ParseError):
            parse(file.read_bytes(), spec("sdmx_csv"))
    for file in (recorded / "worldbank").glob("error_*.json"):
        with pytest.raises(ParseError):
            parse(file.read_bytes(), spec("worldbank_json"))
    folder = recorded / "cbs" / "82610NED"
    parts = {
        "Observations": "observations-page-1",
        "PeriodenCodes": "codes-Perioden",
        "MeasureCodes": "measure-codes",
    }
    document = {k: json.loads((folder / f"{v}.json").read_text()) for k, v in parts.items()}
    found = parse(json.dumps(document).encode(), spec("cbs_odata", "82610NED"))
    assert found.observations.num_rows + found.rejects.num_rows == len(
        document["Observations"]["value"]
    )
    found = parse((recorded / "oecd" / "gdp.csv").read_bytes(), spec("oecd_csv"))
    dims = {"MEASURE", "UNIT_MEASURE", "FREQ"}
    keys = set(found.observations.column("series_key").to_pylist())
    assert {tuple(p.split("=")[0] for p in k.split("|")) for k in keys} == {tuple(sorted(dims))}
    first = [r for r in found.observations.to_pylist() if (r["geo"], r["year"]) == ("CI", 2013)]
    assert 43228e6 in [r["value"] for r in first]  # millions, as UNIT_MULT 6 says
    with pytest.raises(ParseError, match="no row"):  # months only
        parse((recorded / "oecd" / "cli_usa_csvfile_2026-09-12.csv").read_bytes(), spec("oecd_csv"))
    for file in (recorded / "oecd").glob("error_*.txt"):
        with pytest.raises(ParseError):
            parse(file.read_bytes(), spec("oecd_csv"))
    for file in sorted((recorded / "owid").glob("*.csv")):
        # As they were written, without a line end behind the last line.
        found = read(file.read_bytes().rstrip(b"\n") + b"\n", spec("owid_csv"))
        # The entities of one of them are pollutants, which are no areas.
        assert found.observations.num_rows > 0 or "air-pollution" in file.name, file.name
    korea = (recorded / "worldbank" / "kor_arable_null_shape.json").read_bytes()
    found = parse(korea, spec("worldbank_json", "AG.LND.ARBL.HA"))
    assert [r["reason"] for r in found.rejects.to_pylist()] == ["no_value"]
    page = json.loads((recorded / "unsdg" / "series_data_DC_TOF_WASHL.json").read_bytes())
    with pytest.raises(ParseError, match="1 rows, totalElements says 2923"):
        parse(json.dumps(page).encode(), spec("unsdg_json", "DC_TOF_WASHL"))
    page["totalElements"] = 1
    found = parse(json.dumps(page).encode(), spec("unsdg_json", "DC_TOF_WASHL"))
    assert found.observations.to_pylist()[0]["series_key"] == "seriesCode=DC_TOF_WASHL"
