"""Each figure that was added is traced to the file that it came from, cell by cell."""

from __future__ import annotations

import csv
import gzip
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, parse
from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.vintages.store import Archive
from tests.verdicts import state_of

ADDED = (
    "eurostat/hlth_cd_apr", "curated/cbs_leefstijl", "curated/cbs_online_crime",
    "curated/cbs_registered_crime", "curated/monitor_duurzaam_voedsel",
    "curated/deltafonds_waterveiligheid", "curated/dmf_defensiematerieel",
    "curated/mlz_wlz_leveringsvorm", "curated/bkn_kringloop",
)  # fmt: skip
# What a publisher gives beside its table, later than it: no part of this vintage.
ANOTHER_TABLE = "StatLine 84529NED"


def newest(root: Path, name: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Rows of the newest bundled vintage as it is stored, and its manifest."""
    folder = sorted((root / "data" / "raw" / name).iterdir())[-1]
    body = gzip.decompress((folder / "body.gz").read_bytes()).decode("utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return list(csv.DictReader(body.splitlines())), manifest


@pytest.mark.parametrize("name", ADDED)
def test_a_vintage_is_the_file_it_came_from(name: str, root: Path, shared: Path) -> None:
    with (shared / "figures" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = [r for r in csv.DictReader(file) if r.get("dataset") != ANOTHER_TABLE]
    rows, manifest = newest(root, name)
    assert len(rows) == len(found) > 5
    for stored, row in zip(rows, found, strict=True):
        if "series" in row:
            # Two surveys under one name are told apart by the survey, and by nothing else.
            survey = re.sub(r" \d{4}.*", "", row["dataset"])
            assert stored["series"] in (row["series"], f"{row['series']} | {survey}")
        assert {k: v for k, v in stored.items() if k != "series"} == {
            k: v for k, v in row.items() if k != "series"
        }
    with (shared / "figures" / "PROVENANCE.csv").open(encoding="utf-8", newline="") as file:
        (said,) = (r for r in csv.DictReader(file) if r["file"] == f"{name}.csv")
    assert manifest["licence"] == said["licence"] and manifest["found_in"] == said["collected_from"]
    assert manifest["known_from"] >= said["updated"][:4]


def test_what_is_read_is_what_was_copied(root: Path) -> None:
    """The project's own copy of the figures that the new indicators read."""
    with (root / "tests" / "expected" / "figures_added.csv").open(encoding="utf-8") as file:
        copied = {
            (r["dataset"], r["series"], r["geo"], int(r["year"])): float(r["value"])
            for r in csv.DictReader(file)
        }
    read = {}
    for name in ADDED:
        item = load().datasets[name]
        for path in (root / "data" / "raw" / name).glob("*/body.gz"):
            spec = DatasetSpec(item.source, item.dataset, item.format, item.code)
            for r in parse(gzip.decompress(path.read_bytes()), spec).observations.to_pylist():
                if r["series_key"] in item.needed:
                    read[name, r["series_key"], r["geo"], r["year"]] = r["value"]
    assert read == copied and len(copied) > 110


def test_the_two_years_that_were_wrong_are_right_in_a_vintage_of_their_own(root: Path) -> None:
    folders = sorted((root / "data" / "raw" / "curated" / "care_participation").iterdir())
    assert [f.name[:10] for f in folders] == ["2026-11-23", "2026-11-28"]
    was, now = (
        list(csv.DictReader(gzip.decompress((f / "body.gz").read_bytes()).decode().splitlines()))
        for f in folders
    )
    changed = [(a, b) for a, b in zip(was, now, strict=True) if a != b]
    assert [(a["series"], a["value"], a["period"], b["period"]) for a, b in changed] == [
        ("people with Wlz care living at home", "80000", "2019", "2018"),
        ("people with Wlz care living in institution", "198000", "2019", "2018"),
    ]
    assert all({**a, "period": "2018"} == b for a, b in changed)


def test_the_corrected_vintage_is_in_use_from_its_day_on(root: Path, tmp_path: Path) -> None:
    """That two years moved looks like figures that are gone: it ships as accepted, and says why."""
    Archive(Paths(tmp_path)).seed()
    name = "curated/care_participation"
    before, after = (state_of(tmp_path, name, date(2026, 11, day)) for day in (27, 28))
    assert before.current is not None and after.current is not None
    assert before.current.known_from == date(2026, 11, 23)
    assert after.current.known_from == date(2026, 11, 28) and len(after.vintages) == 2
    (lost,) = (c for c in after.checks if c.name == "no_lost_cells")
    assert (
        lost.passed and "accepted by Missiemonitor on 2026-11-28: the two figures" in lost.observed
    )
    assert not after.pending
