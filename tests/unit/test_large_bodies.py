"""DuckDB's reading against a naive one of the same rules, and bodies that pass from file to file."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.formats import DatasetSpec, ParseError, bodies, parse, parse_file
from pipeline.formats.geo import AREAS

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Unicode's space separators are blanks around a cell; a tab is not.
BLANKS = "".join(chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i)) == "Zs")
NULLS = {"", ":", "..", "nan", "#n/a"}
NOT_FINITE = {"inf", "-inf", "+inf", "infinity", "-infinity"}


def spec(*forms: str) -> DatasetSpec:
    return DatasetSpec("s", "d", "sdmx_csv", "ENV_X", frozenset(forms))


def naive(text: str, forms: frozenset[str]) -> tuple[list[Any], list[Any]]:
    """What parse() must give, written down as simply as the rules allow."""
    header, *lines = list(csv.reader(io.StringIO(text.strip() + "\n", newline="")))
    header = [c.strip() for c in header]
    dims = sorted(c for c in header if c == c.lower() and c != "geo")
    rows = []
    for number, cells in enumerate((c for c in lines if c), 1):
        row = dict(zip(header, cells, strict=True))
        period, value = row["TIME_PERIOD"].strip(BLANKS), row["OBS_VALUE"].strip(BLANKS)
        flags = set(re.findall("[A-Za-z]", row.get("OBS_FLAG", "")))
        year = int(period) if re.fullmatch("[0-9]{4}", period) else None
        spans = re.fullmatch(r"[0-9]{4}\s*[-/–_]\s*([0-9]{4})", period)
        season = re.fullmatch(r"([0-9]{4})/([0-9]{2})", period)
        about = re.fullmatch(r"(?:c\.|ca\.|circa)\s*([0-9]{4})|([0-9]{4})e", period)
        if "range" in forms and spans:
            year = int(spans[1])
        if "range" in forms and season and (int(season[1]) + 1) % 100 == int(season[2]):
            year = int(season[1]) + 1
        if "circa" in forms and about:
            year = int(about[1] or about[2])
            flags.add("e")
        x = float(value) if NUMBER.fullmatch(value) else None
        part = re.fullmatch(r"([0-9]+)\s+(?:in|of)\s+([0-9]+)", value)
        if "fraction" in forms and part and int(part[2]):
            x = 100.0 * int(part[1]) / int(part[2])
        why = None
        secret = row.get("CONF_STATUS", "").strip(BLANKS) == "C" and value.lower() in NULLS
        if year is None and re.match("[0-9]{4}[-_]", period) and not (secret and spans):
            why = "not_annual"
        elif secret:
            why = "confidential"
        elif "f" in flags:
            why = "forecast"
        elif value.lower() in NULLS:
            why = "confidential" if "c" in flags else "no_value"
        elif value.lower() in NOT_FINITE:
            why = "not_finite"
        elif x is None:
            why = "not_a_number"
        elif not math.isfinite(x):
            why = "not_finite"
        elif year is None:
            why = "period_not_read"
        if why is None and row["geo"].strip(BLANKS) not in AREAS:
            why = "unknown_area"
        unit = row["unit"].strip(BLANKS) if "unit" in row else None
        rows.append({
            "line": number, "series_key": "|".join(f"{d}={row[d].strip(BLANKS)}" for d in dims),
            "geo": row["geo"].strip(BLANKS), "period": period, "year": year, "value": x,
            "unit": unit, "flags": sorted(flags), "reason": why, "text": row["OBS_VALUE"],
        })  # fmt: skip
    cells_of = defaultdict(list)
    for row in rows:
        if row["reason"] is None:
            cells_of[row["series_key"], row["geo"], row["year"]].append(row)
    for same in cells_of.values():
        if len({r["value"] for r in same}) > 1:
            for row in same:
                row["reason"] = "duplicate_differs"
        else:
            for row in sorted(same, key=lambda r: (len(r["flags"]), r["line"]))[1:]:
                row["reason"] = "duplicate_same"
    good = [r for r in rows if r["reason"] is None]
    good.sort(key=lambda r: (r["series_key"].encode(), r["geo"].encode(), r["year"], r["line"]))
    columns = ("series_key", "geo", "period", "year", "value", "unit", "flags")
    return (
        [{c: r[c] for c in columns} for r in good],
        [
            {"line": r["line"], **{c: r[c] for c in ("series_key", "geo", "period")},
             "value": r["text"], "flags": r["flags"], "reason": r["reason"]}
            for r in rows if r["reason"]
        ],
    )  # fmt: skip


CODES = ["A", " A ", "a", "B", "Ünit", "x,y", 'say "no"', "two\nlines", "", "Z9\t", "\u00a0A", "|="]
CELLS = {
    "DATAFLOW": ["ESTAT:ENV_X(1.0)", "ESTAT:ENV_X(2.0)", "env_x"],
    "LAST UPDATE": ["19/09/26 23:00:00", ""],
    "freq": ["A", "A "], "unit": CODES, "zone": CODES, "geo": ["NL", " NL", "BE", "EU27_2020", "é"],
    "TIME_PERIOD": ["2019", "2020", " 2020 ", "2020-05", "2020-Q1", "20205", "", "0000", "202",
                    "c. 2019", "2018e", "2019/2022", "2019-2022", "2019_2022", "2019/20", "2019/21", "２０２０", "\u30002020\u00a0"],
    "OBS_VALUE": ["1", "1.0", "2", "2.50 ", " 1", "+1", "-0", "0", ".5", "5.", "1e3", "1E+2", ":",
                  "", " ", " : ", "1,5", "1_0", "n/a", "NaN", "nan(1)", "inf", "-Infinity", "1e999",
                  "1e308", "4e-324", "1e-999", "0x10", "\t5", "5\n", "1 in 8", "3 of 0", "9" * 400,
                  "1d5", "--1", "+-1", "٣", "\u00a07", "\u200a8\u2003"],
    "OBS_FLAG": ["", "b", "bp", "pb", "c", "f", "F", "b;e", "!", "bb", " p", "e"],
    "CONF_STATUS": ["", "C", " C ", "N", "c"],
    "OBS_NOTE": ["", "text", 'a "b", c'],
}  # fmt: skip
NEEDED = ["DATAFLOW", "freq", "geo", "TIME_PERIOD", "OBS_VALUE"]
FEW = {
    "OBS_VALUE": ["1", "1", "1.0", "2", ""], "TIME_PERIOD": ["2019", "2020"], "unit": ["A", " A"],
    "zone": ["B"], "geo": ["NL", "BE"], "OBS_FLAG": ["", "b", "pb"], "CONF_STATUS": ["", "C"],
}  # fmt: skip


@st.composite
def csv_texts(draw: st.DrawFn) -> str:
    header = NEEDED + [c for c in CELLS if c not in NEEDED and draw(st.booleans())]
    header = draw(st.permutations(header))
    # With few texts cells are given twice, with many each rule gets its turn.
    texts = {**CELLS, **(FEW if draw(st.booleans()) else {})}
    row = st.tuples(*(st.sampled_from(texts[c]) for c in header))
    rows = draw(st.lists(row, min_size=1, max_size=40))
    out = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    # Only data cells are quoted everywhere: a publisher's header is plain.
    csv.writer(out, lineterminator=end).writerow(header)
    writer.writerows(rows)
    around = draw(st.sampled_from([("", ""), ("\ufeff", ""), ("\n \n", "  \n\n"), ("", " \t\r\n")]))
    return around[0] + out.getvalue() + around[1]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that characters, line ends and quoted cells fall across blocks."""
    monkeypatch.setattr(bodies, "_BLOCK", 7)


def alike(text: str, given_spec: DatasetSpec, folder: Path) -> None:
    good, bad = naive(text.removeprefix("\ufeff"), given_spec.forms)
    body = text.encode()
    if not good:
        with pytest.raises(ParseError, match="no row"):
            parse(body, given_spec)
        return
    found = parse(body, given_spec)
    assert found.observations.to_pylist() == good
    assert found.rejects.to_pylist() == bad
    packed, one, two = (folder / n for n in ("body.gz", "o.parquet", "r.parquet"))
    packed.write_bytes(gzip.compress(body, 1))
    digest = hashlib.sha256(body).hexdigest()
    assert parse_file(packed, given_spec, one, two, digest, len(body)) == (len(good), len(bad))
    for path, table in ((one, found.observations), (two, found.rejects)):
        written = pq.read_table(path)
        assert written.to_pylist() == table.to_pylist()
        assert [str(f.type).split("<")[0] for f in written.schema] == [
            str(f.type).split("<")[0] for f in table.schema
        ]


LOOSE = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LOOSE
@given(text=csv_texts())
def test_our_reading_and_the_naive_one_agree(text: str, tmp_path: Path) -> None:
    alike(text, spec(), tmp_path)


@LOOSE
@given(text=csv_texts(), forms=st.sets(st.sampled_from(["range", "circa", "fraction"])))
def test_they_agree_where_a_body_falls_into_many_blocks(
    text: str, forms: set[str], tmp_path: Path, small_blocks: None
) -> None:
    alike(text, spec(*forms), tmp_path)


def test_of_equal_cells_the_one_with_the_fewest_flags_stays(tmp_path: Path) -> None:
    cell = "ESTAT:ENV_X(1.0),A,NL,2020,1"
    text = "DATAFLOW,freq,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG\n" + "".join(
        f"{cell},{flags}\n" for flags in ("bp", "p", "b")
    )
    found = parse(text.encode(), spec())
    assert found.observations.column("flags").to_pylist() == [["p"]]
    assert found.rejects.column("line").to_pylist() == [1, 3]
    alike(text, spec(), tmp_path)


GEOS = sorted(AREAS)[:40]


def large(rows: int) -> str:
    """A body over several real blocks, out of order, with cells given twice far apart."""
    lines = ["DATAFLOW,freq,unit,zone,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG,CONF_STATUS"]
    for i in range(rows):
        j = i * 7919 % rows
        j = 5 if j % 1000 == 999 else j
        value = (":", "", "n/a")[j % 3] if j % 50 == 0 else f"{(j % 977) / 8}"
        lines.append(
            f"ESTAT:ENV_X(1.0),A,{('PC', 'NR', 'KG')[j % 3]},Z{j // 3 % 31},{GEOS[j // 93 % 40]},"
            f"{1990 + j // 3720},{value},{('', '', 'p', 'be')[j % 4]},{'C' if j % 100 == 0 else ''}"
        )
    return "\n".join(lines) + "\n"


def test_two_threads_and_little_memory_give_the_same_rows_in_the_same_order(tmp_path: Path) -> None:
    # Larger than several of DuckDB's buffers, with line ends inside quoted cells.
    head, *lines = large(150_000).splitlines()
    note = '"' + 'a, ""b""\n' * 30 + '"'
    text = "\n".join([f"{head},OBS_NOTE", *(f"{line},{note}" for line in lines)]) + "\n"
    body, given_spec = text.encode(), spec()
    assert len(body) > 2 * 16_777_216
    one = parse(body, given_spec)
    packed, good, bad = (tmp_path / n for n in ("body.gz", "o.parquet", "r.parquet"))
    packed.write_bytes(gzip.compress(body, 1))
    parse_file(packed, given_spec, good, bad, memory="128MB")
    assert pq.read_table(good).equals(one.observations.cast(pq.read_schema(good)))
    assert pq.read_table(bad).equals(one.rejects.cast(pq.read_schema(bad)))
    alike(large(20_000), spec(), tmp_path)


def test_registry_names_are_given_to_a_file_as_to_a_body(tmp_path: Path) -> None:
    names = {"freq=A|unit=PC|zone=Z0": "pc='0'"}
    given_spec = DatasetSpec("s", "d", "sdmx_csv", "ENV_X", keys=names, units={"PC": "%"})
    packed, good, bad = (tmp_path / n for n in ("body.gz", "o.parquet", "r.parquet"))
    packed.write_bytes(gzip.compress(BODY, mtime=0))
    parse_file(packed, given_spec, good, bad)
    rows = pq.read_table(good).to_pylist()
    assert rows == parse(BODY, given_spec).observations.to_pylist()
    assert {r["unit"] for r in rows if r["series_key"] == "pc='0'"} == {"%"}
    assert [r["series_key"] for r in rows] == sorted(r["series_key"] for r in rows)


@pytest.mark.parametrize("kind", ["oecd_csv", "owid_csv", "curated_csv"])
def test_every_csv_format_can_go_from_file_to_file(kind: str, tmp_path: Path) -> None:
    body = {
        "oecd_csv": b"DATAFLOW,FREQ,REF_AREA,TIME_PERIOD,OBS_VALUE\nX@D(1),A,NLD,2020,1\nX@D(1),A,NLD,2021,\n",
        "owid_csv": b"Entity,Code,Year,x,y\nNetherlands,NLD,2020,3,\nAsia,,2020,4,n/a\n",
        "curated_csv": b"series,geo,period,value,unit,flag\na,NL,2020,5,%,p\na,NL,2021,,%,\n",
    }[kind]  # fmt: skip
    given_spec = DatasetSpec("s", "d", kind)
    found = parse(body, given_spec)
    path, good, bad = (tmp_path / n for n in ("body", "o.parquet", "r.parquet"))
    path.write_bytes(body)
    parse_file(path, given_spec, good, bad, hashlib.sha256(body).hexdigest())
    assert pq.read_table(good).to_pylist() == found.observations.to_pylist()
    assert pq.read_table(bad).to_pylist() == found.rejects.to_pylist()


def test_order_of_rows_does_not_change_the_observations(tmp_path: Path) -> None:
    head, *lines = large(3000).splitlines()
    turned = "\n".join([head, *reversed(lines)]) + "\n"
    one, two = (parse(t.encode(), spec()) for t in (large(3000), turned))
    assert one.observations.equals(two.observations)


BODY = large(3000).encode()


@pytest.mark.parametrize(
    ("packed", "limit", "says"),
    [
        (gzip.compress(BODY, mtime=0)[:-200], None, "damaged"),
        (gzip.compress(BODY, mtime=0)[:-4] + b"\0\0\0\0", None, "damaged"),
        (gzip.compress(BODY[:-9], mtime=0), None, "checksum differs"),
        (gzip.compress(BODY, mtime=0), len(BODY) - 1, "larger"),
        (gzip.compress(BODY + b" " * (64 << 20), mtime=0), 16 << 20, "larger"),
        (gzip.compress(gzip.compress(BODY, mtime=0), mtime=0), None, "gzip inside gzip"),
        (b"", None, "empty"),
        (gzip.compress(b"", mtime=0), None, "empty"),
        (b"<!DOCTYPE html><html></html>", None, "HTML"),
        (None, None, "missing"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_refused_and_leaves_nothing(
    packed: bytes | None, limit: int | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "body.gz"
    if packed is not None:
        path.write_bytes(packed)
    digest = hashlib.sha256(BODY).hexdigest() if says in ("checksum differs", "damaged") else None
    before = set(tmp_path.iterdir())
    with pytest.raises(ParseError, match=says) as error:
        parse_file(path, spec(), tmp_path / "o.parquet", tmp_path / "r.parquet", digest, limit)
    assert "\n" not in str(error.value)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: b + b"ESTAT:ENV_Y(1.0),A,PC,Z,NL,2020,1,,\n", "ENV_Y, not ENV_X"),
        (lambda b: b + b"short,row\n", "truncated or not a table"),
        (lambda b: b + b'ESTAT:ENV_X(1.0),A,PC,Z,NL,2020,1,"open,\n', "never closed"),
        (lambda b: b + b"ESTAT:ENV_X(1.0),A,PC,\xff,NL,2020,1,,\n", r"not UTF-8 \(byte \d{5,}\)"),
        (lambda b: b[:99] + b"\xc3" + b[99:] + b"\xc3", r"not UTF-8 \(byte 99\)"),
    ],
)
def test_a_fault_far_from_the_start_is_found(change: Any, says: str) -> None:
    with pytest.raises(ParseError, match=says):
        parse(change(BODY * 1), spec())
    with pytest.raises(ParseError, match=says):
        parse(change(large(60_000).encode()), spec())


HEAD = "DATAFLOW,freq,geo,TIME_PERIOD,OBS_VALUE"
ROW = "ESTAT:ENV_X(1.0),A,NL,2020,1"


@pytest.mark.parametrize(
    "row",
    [
        f"{ROW},",  # one cell too many, and empty
        f"{ROW},,",
        ROW.removesuffix(",1"),
        f'{ROW[:-1]}"1"2',
        "",
        " ",
    ],
    ids=["empty cell more", "two more", "cell less", "text after a quote", "blank", "spaces"],
)
def test_only_a_blank_line_may_differ_from_the_header(row: str) -> None:
    body = "\n".join([HEAD, ROW, row, ROW.replace("2020", "2021"), ""]).encode()
    if not row:
        assert parse(body, spec()).observations.column("year").to_pylist() == [2020, 2021]
        return
    with pytest.raises(ParseError, match="truncated or not a table"):
        parse(body, spec())


def test_blanks_behind_the_last_line_may_fill_several_blocks(small_blocks: None) -> None:
    text = f"{HEAD}\n{ROW}"
    for blanks in ("\n" + " " * 40, " " * 40 + "\n", " " * 20 + "\r\n" + " " * 20):
        assert parse((text + blanks).encode(), spec()).observations.num_rows == 1
    with pytest.raises(ParseError, match="last line has no end"):
        parse((text + " " * 40).encode(), spec())


def test_line_ends_may_be_mixed_and_stay_as_they_are_in_a_quoted_cell() -> None:
    odd = ROW.replace(",1", ',"5\r\n6"')
    body = f"{HEAD}\r\n{ROW}\n{odd}\r\n\r\n{ROW.replace('2020', '2021')}\r".encode()
    found = parse(body, spec())
    assert found.observations.column("year").to_pylist() == [2020, 2021]
    assert [(r["line"], r["value"]) for r in found.rejects.to_pylist()] == [(2, "5\r\n6")]


def test_null_and_its_kin_are_texts_and_a_nul_is_kept() -> None:
    values = ("NULL", "#N/A", "nan", "\\N", "1\0")
    body = "\n".join([HEAD, ROW, *(ROW[:-1] + v for v in values), ""]).encode()
    rejects = parse(body, spec()).rejects.to_pylist()
    assert [r["value"] for r in rejects] == list(values)
    assert [r["reason"] for r in rejects] == [
        "not_a_number", "no_value", "no_value", "not_a_number", "not_a_number",
    ]  # fmt: skip
