"""What changed from release to release: entries beside the releases, told once, in words."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.release import history
from pipeline.release.swap import swap_in
from pipeline.report import feed

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def base(first_run: dict[str, Any]) -> Path:
    """The release that every night starts from; not to be written to."""
    return (first_run["data"] / "marts" / "current").resolve()


def night(marts: Path, base: Path, number: int, **tables: Any) -> Path | None:
    """Publish the release with other tables, and keep its history, as a run does."""
    name = f"{number:016x}"

    def fill(folder: Path) -> None:
        for file in base.glob("*.parquet"):
            shutil.copyfile(file, folder / file.name)
        for table, change in tables.items():
            pq.write_table(
                change(pq.read_table(base / f"{table}.parquet")), folder / f"{table}.parquet"
            )

    swap_in(marts, name, fill)
    made = history.record(marts, name, START + timedelta(days=number))
    feed.write(marts)
    return made


def without_year(indicator: str, year: int) -> Any:
    def change(table: pa.Table) -> pa.Table:
        gone = pc.and_(pc.equal(table["indicator_id"], indicator), pc.equal(table["period"], year))
        return table.filter(pc.invert(gone))

    return change


def with_value(table: pa.Table, column: str, at: dict[str, Any], value: Any) -> pa.Table:
    rows = [
        {**row, column: value} if all(row[k] == v for k, v in at.items()) else row
        for row in table.to_pylist()
    ]
    return pa.Table.from_pylist(rows, pa.schema([f.with_nullable(True) for f in table.schema]))


def text(marts: Path, lang: str) -> list[str]:
    root = ElementTree.parse(marts / "history" / f"{lang}.atom").getroot()
    return [re.sub("<[^>]+>", " ", e.text or "") for e in root.findall("a:entry/a:content", ATOM)]


def test_forty_nights_are_told_by_what_changed(base: Path, tmp_path: Path) -> None:
    """Most nights change nothing; a year, a revision, a source that is lost and comes back do."""
    marts = tmp_path / "marts"
    source = {"source": "eurostat", "dataset": "env_air_gge"}
    where = {"indicator_id": "ghg_net_total", "geo": "NL", "period": 2015}

    def lost(table: pa.Table) -> pa.Table:
        return with_value(table, "vintage_id", source, None)

    def revised(table: pa.Table) -> pa.Table:
        return with_value(table, "value", where, 191_000.0)

    before = without_year("ghg_net_total", 2024)
    happens: dict[int, dict[str, Any]] = {n: {} for n in range(1, 41)}
    happens |= {n: {"observations": before} for n in range(1, 11)}
    happens |= {n: {"observations": revised} for n in range(20, 30)}
    happens |= {33: {"source_status": lost}}
    told = {n: made for n, tables in happens.items() if (made := night(marts, base, n, **tables))}
    assert list(told) == [1, 11, 20, 30, 33, 34]
    entries = history.entries(marts)
    assert [e["number"] for e in entries] == [6, 5, 4, 3, 2, 1]
    assert [e["release"] for e in entries] == [f"{n:016x}" for n in (34, 33, 30, 20, 11, 1)]
    # Releases that only stand in the history are gone from disk, and it is none the worse.
    assert len(list((marts / "releases").iterdir())) <= 40
    nl, en = text(marts, "nl"), text(marts, "en")
    assert len(nl) == len(en) == 6
    assert "Broeikasgassen, netto nationaal totaal: cijfer van 2024 erbij" in nl[4]
    assert "Greenhouse gases, net national total: figure of 2015 revised" in en[3]
    assert "Uitstoot van broeikasgassen naar bronsector, Eurostat: bron weggevallen" in nl[1]
    assert "Eerste uitgave" in nl[5] and "First release" in en[5]
    script = (marts / "history" / "history.js").read_text("utf-8")
    said = json.loads(script.removeprefix("window.missiemonitorHistory = ").rstrip(";\n"))
    assert [e["release"] for e in said] == [e["release"] for e in entries]
    assert {line["kind"] for e in said for line in e["lines"]} >= {"figure", "lost", "apart"}


def test_a_status_that_moved_is_told_with_its_cause(base: Path, tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    at = {"indicator_id": "ghg_net_total", "target_id": "energy/ghg-55-2030"}

    def moved(table: pa.Table) -> pa.Table:
        return with_value(table, "status", at, "missed")

    night(marts, base, 1, indicator_progress=moved)
    night(marts, base, 2)
    (entry, _) = history.entries(marts)
    (change,) = entry["statuses"]
    assert change["status_before"] == "missed" and change["causes"] == ["method"]
    rows = pq.read_table(marts / "history" / "changes.parquet").to_pylist()
    assert [
        (r["entry"], r["indicator_id"], r["target_id"], r["status_before"], r["cause"])
        for r in rows
    ] == [(2, *at.values(), "missed", "method")]
    assert rows[0]["mission_id"] is None and rows[0]["status_after"] == change["status_after"]
    # By its words, and never by its id.
    assert "(−55% in 2030): from ‘missed’ to" in text(marts, "en")[0]
    assert "ghg-55" not in text(marts, "nl")[0]


def test_a_persons_judgement_is_told(base: Path, tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    assert night(marts, base, 1) is not None

    def judged(table: pa.Table) -> pa.Table:
        for column, value in (
            ("override_status", "on_track"), ("override_author", "A. Person"),
            ("override_reason", "seen"), ("override_date", date(2026, 11, 1)),
            ("override_until", date(2027, 11, 1)),
        ):  # fmt: skip
            table = with_value(table, column, {"mission_id": "land.delta"}, value)
        return table

    entry = json.loads(
        str((night(marts, base, 2, sub_mission_progress=judged) or base).read_text())
    )
    (said,) = entry["overrides"]
    assert (said["mission_id"], said["before"], said["after"]) == ("land.delta", None, "on_track")
    assert "oordeel van een persoon, van ‘geen’ naar ‘op koers’ (A. Person)" in text(marts, "nl")[0]
    assert "a person’s judgement, from ‘none’ to ‘on track’ (A. Person)" in text(marts, "en")[0]
    # It ends.
    assert night(marts, base, 3) is not None
    assert "from ‘on track’ to ‘none’" in text(marts, "en")[0]


def test_nothing_is_told_twice(base: Path, tmp_path: Path) -> None:
    """A run that publishes the same again, and one that was killed between entry and note."""
    marts = tmp_path / "marts"
    assert night(marts, base, 1) and night(
        marts, base, 2, observations=without_year("smoking", 2020)
    )
    note = marts / "history" / ".reached.json"
    assert night(marts, base, 2, observations=without_year("smoking", 2020)) is None
    note.write_text(json.dumps({"release": f"{1:016x}"}), "utf-8")
    assert history.record(marts, f"{2:016x}", START) is None
    assert len(history.entries(marts)) == 2


def test_a_release_that_cannot_be_read_is_said_and_stops_nothing(
    base: Path, tmp_path: Path
) -> None:
    marts = tmp_path / "marts"
    night(marts, base, 1, indicators=lambda table: table.drop_columns(["fingerprint"]))
    made = night(marts, base, 2)
    assert made is not None and "fingerprint" in json.loads(made.read_text("utf-8"))["unread"]
    assert "niet te lezen" in text(marts, "nl")[0]
    assert night(marts, base, 3) is None


def test_text_from_outside_stays_text(base: Path, tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    hostile = "</script><script>broken()</script>\u2028"
    at = {"source": "eurostat", "dataset": "env_air_gge"}

    def first(table: pa.Table) -> pa.Table:
        return with_value(table, "vintage_id", at, None)

    night(marts, base, 1, source_status=first)
    night(marts, base, 2, source_status=lambda t: with_value(t, "title", at, hostile))
    assert "<script" not in (marts / "history" / "history.js").read_text("utf-8")
    content = ElementTree.parse(marts / "history" / "en.atom").find("a:entry/a:content", ATOM)
    assert content is not None and "&lt;script&gt;" in (content.text or "")


def test_the_run_kept_its_history_and_it_is_no_part_of_the_release(
    first_run: dict[str, Any],
) -> None:
    marts = first_run["data"] / "marts"
    (entry,) = history.entries(marts)
    assert entry["release"] == (marts / "current").resolve().name and entry["before"] is None
    assert {p.name for p in (marts / "history").iterdir()} >= {"history.js", "nl.atom", "en.atom"}
    assert not (marts / "current" / "history").exists()
