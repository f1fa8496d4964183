"""The published set as its readers meet it: comments, views, dictionary, data package, and every
tool that the README names."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from frictionless import Package

from pipeline.release.dictionary import read_dictionary
from tests.conftest import cannot_run

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]
MISSIONS = ("energy", "circular", "health", "land", "security")


@pytest.fixture(scope="module")
def release(first_run: dict[str, Any]) -> Path:
    return (first_run["data"] / "marts" / "current").resolve()


@pytest.fixture(scope="module")
def package(release: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((release / "datapackage.json").read_text())
    return content


def test_every_table_view_and_column_is_commented(release: Path) -> None:
    tables = read_dictionary(release)
    assert {t.name for t in tables if t.is_view} == {"scoreboard", *MISSIONS}
    assert len([t for t in tables if not t.is_view]) == len(list(release.glob("*.parquet")))
    for table in tables:
        assert table.comment, table.name
        for field in table.fields:
            assert field.comment, f"{table.name}.{field.name}"


def test_the_dictionary_names_every_table_and_column(release: Path) -> None:
    text = (release / "dictionary.md").read_text()
    for table in read_dictionary(release):
        part = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        for field in table.fields:
            assert f"| `{field.name}` | {field.type} |" in part
    assert "`proxy`" in text.split("\n## indicators\n")[1].split("\n## ")[0]


def test_the_scoreboard_view_has_the_thirty_rows_of_the_marts(
    first_run: dict[str, Any], ask: Ask
) -> None:
    data = first_run["data"]
    rows = ask(data, "FROM marts.scoreboard")
    assert [r["position"] for r in rows] == list(range(1, 31))
    own = {r["mission_id"]: r for r in ask(data, "FROM marts.mission_progress")}
    sub = {r["mission_id"]: r for r in ask(data, "FROM marts.sub_mission_progress")}
    for row in rows:
        name = row["mission_id"]
        if row["level"] == "mission":
            assert (row["status"], row["reason"]) == (
                own[name]["own_status"],
                own[name]["own_reason"],
            )
            assert row["failing"] == own[name]["failing"]
        else:
            assert (row["status"], row["reason"]) == (sub[name]["status"], sub[name]["reason"])
            assert row["share_achieved"] == sub[name]["share_achieved"]


def test_mission_views_hold_every_indicator_and_every_gap(
    first_run: dict[str, Any], ask: Ask
) -> None:
    data = first_run["data"]
    pairs = ask(data, "SELECT mission_id, indicator_id, target_id FROM marts.indicator_progress")
    missions = ask(data, "SELECT mission_id FROM marts.missions")
    seen, places = [], set()
    for mission in MISSIONS:
        rows = ask(data, f"FROM marts.{mission}")
        assert all(r["mission_id"].split(".")[0] == mission for r in rows)
        seen += [
            (r["mission_id"], r["indicator_id"], r["target_id"]) for r in rows if r["target_id"]
        ]
        places |= {r["mission_id"] for r in rows}
        for row in rows:
            if row["indicator_id"] is None and row["mission_id"] != mission:
                assert row["reason"], row
    assert sorted(seen) == sorted(
        (p["mission_id"], p["indicator_id"], p["target_id"]) for p in pairs
    )
    assert places == {m["mission_id"] for m in missions}


def test_the_set_says_which_release_it_is(
    release: Path, package: dict[str, Any], first_run: dict[str, Any], ask: Ask
) -> None:
    row = ask(first_run["data"], "FROM marts.release")[0]
    assert row["release_id"] == release.name == package["id"]
    assert row["reference_date"] == package["reference_date"] == "2026-11-23"
    assert pq.read_table(release / "release.parquet").to_pylist()[0]["release_id"] == release.name


def test_the_data_package_is_valid_row_by_row(release: Path, package: dict[str, Any]) -> None:
    report = Package(str(release / "datapackage.json")).validate()
    assert report.valid, report.flatten(["name", "fieldName", "message"])[:5]
    assert report.stats["tasks"] == len(list(release.glob("*.parquet")))
    for resource in package["resources"]:
        file = release / resource["path"]
        assert resource["hash"] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        assert resource["rows"] == pq.read_metadata(file).num_rows
        assert resource["licenses"] and resource["citation"], resource["name"]
        assert all(f["description"] for f in resource["schema"]["fields"])
    titles = " ".join(s["title"] for s in package["sources"])
    assert "env_air_gge" in titles and "82610NED" in titles
    assert all(s["version"] for s in package["sources"])
    paths = {s["title"]: s.get("path") for s in package["sources"]}
    assert paths["Eurostat: Greenhouse gas emissions by source sector (env_air_gge)"] == (
        "https://ec.europa.eu/eurostat/databrowser/view/env_air_gge/default/table"
    )
    assert paths["CBS, ILT and others: Water and flood safety (water_flood)"] is None


def test_a_package_that_does_not_fit_its_rows_is_not_valid(
    release: Path, package: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(release, tmp_path / "r")
    wrong = json.loads(json.dumps(package))
    table = next(r for r in wrong["resources"] if r["name"] == "missions")
    table["rows"] += 1
    next(f for f in table["schema"]["fields"] if f["name"] == "title_nl")["type"] = "integer"
    (tmp_path / "r" / "datapackage.json").write_text(json.dumps(wrong))
    report = Package(str(tmp_path / "r" / "datapackage.json")).validate()
    assert not report.valid
    assert {e[0] for e in report.flatten(["type"])} == {"row-count", "type-error"}


def test_parquet_reads_the_same_everywhere(release: Path) -> None:
    con = duckdb.connect((release / "missiemonitor.duckdb").as_posix(), read_only=True)
    try:
        for file in release.glob("*.parquet"):
            counted = con.execute(f"SELECT count(*) FROM marts.{file.stem}").fetchone()
            assert counted is not None
            assert len(pd.read_parquet(file)) == len(pl.read_parquet(file)) == counted[0]
        # A year stays a whole number in pandas, missing ones too.
        frame = pd.read_parquet(release / "indicator_progress.parquet")
        assert str(frame["target_year"].dtype) == "Int32" and frame["target_year"].isna().any()
        total = con.execute(
            "SELECT sum(latest_value), sum(target_year) FROM marts.indicator_progress"
        ).fetchone()
    finally:
        con.close()
    assert total is not None
    for read in (frame, pl.read_parquet(release / "indicator_progress.parquet")):
        assert float(read["latest_value"].sum()) == pytest.approx(total[0])
        assert int(read["target_year"].sum()) == total[1]


READ_ALL = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
names = [r[0] for r in con.execute(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1").fetchall()]
rows = {n: len(con.execute(f"SELECT * FROM marts.{n}").fetchall()) for n in names}
comments = con.execute(
    "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'marts' AND comment IS NULL").fetchone()
energy = con.execute(
    "SELECT indicator_id, target_id, status FROM marts.energy WHERE counts ORDER BY ALL").fetchall()
print(json.dumps([duckdb.__version__, rows, comments[0], energy]))
"""


@pytest.mark.slow
def test_an_old_duckdb_reads_every_table_and_view(
    release: Path, root: Path, tmp_path: Path
) -> None:
    uv = Path(sys.executable).with_name("uv")
    folder = tmp_path / "duckdb-1.1"
    done = subprocess.run(
        [
            str(uv), "pip", "install", "-q", "--python", sys.executable, "--target", str(folder),
            "--only-binary", ":all:", "--require-hashes",
            "-r", str(root / "tests" / "requirements-duckdb-1.1.txt"),
        ],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["uv failed"])[-1]
        cannot_run(f"DuckDB 1.1 cannot be installed here: {last}")

    def read(**env: str) -> Any:
        out = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(release / "missiemonitor.duckdb")],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert out.returncode == 0, out.stderr
        return json.loads(out.stdout)

    old, new = read(PYTHONPATH=str(folder)), read()
    assert old[0].startswith("1.1.") and not new[0].startswith("1.")
    assert old[1:] == new[1:]
    assert old[2] == 0 and len(old[1]) == len(list(release.glob("*.parquet"))) + 6


def test_a_dutch_spreadsheet_gets_numbers_as_numbers(
    first_run: dict[str, Any], cli: Cli, ask: Ask
) -> None:
    question = "SELECT indicator_id, label_nl, latest_value, is_dated FROM marts.energy"
    done = cli(first_run["data"], "query", question, "--excel")
    assert done.stdout.startswith("\ufeffindicator_id;label_nl;")
    frame = pd.read_csv(io.StringIO(done.stdout[1:]), sep=";", decimal=",")
    rows = ask(first_run["data"], question)
    assert list(frame["latest_value"].dropna()) == pytest.approx(
        [r["latest_value"] for r in rows if r["latest_value"] is not None]
    )
    hostile = cli(
        first_run["data"], "query", "SELECT '=1+1' AS a, '@x' AS b, -1.5::DOUBLE AS c", "--excel"
    )
    assert hostile.stdout.splitlines()[1] == "'=1+1;'@x;-1,5"


def test_csv_and_json_carry_every_row_and_type(first_run: dict[str, Any], cli: Cli) -> None:
    data = first_run["data"]
    rows = list(
        csv.DictReader(io.StringIO(cli(data, "query", "FROM marts.observations", "--csv").stdout))
    )
    lines = [
        json.loads(x)
        for x in cli(data, "query", "FROM marts.observations", "--json").stdout.splitlines()
    ]
    assert len(rows) == len(lines) > 2000  # more than one batch
    for row, line in zip(rows, lines, strict=True):
        assert float(row["value"]) == line["value"]
        assert json.loads(row["flags"]) == line["flags"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("INSERT INTO marts.missions SELECT * FROM marts.missions", "read-only"),
        ("DROP TABLE marts.missions", "read-only"),
        ("FROM read_csv('/etc/passwd')", "only the published set can be read"),
        ("COPY marts.missions TO 'x.csv'", "only the published set can be read"),
        ("ATTACH 'x.db'", "only the published set can be read"),
        ("SET enable_external_access=true", "locked"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT", "Parser Error"),
        ("FROM marts.scorebord", 'Did you mean "scoreboard"'),
    ],
)
def test_what_a_query_may_not_do_is_one_line(
    first_run: dict[str, Any], cli: Cli, tmp_path: Path, sql: str, says: str
) -> None:
    done = cli(first_run["data"], "query", sql)
    assert done.returncode == 1 and done.stdout == ""
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
