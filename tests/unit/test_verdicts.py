"""A vintage's verdict: each check failing on a vintage made for it, with the reason; which vintage
is in use then."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.paths import Paths
from pipeline.registry import load
from pipeline.vintages.resolve import DatasetState
from pipeline.vintages.store import Archive
from pipeline.vintages.validate import CHECKS, Validator, rules_of
from tests.faulty import BIT_FLIP, FAULTS, body_of, flip, put_vintage
from tests.verdicts import state_of

NAME = ("curated", "nato_defence_expenditure")
SERIES = "defence_expenditure_share_gdp"
HEAD = "series,geo,period,value,unit,flag\n"


def body(
    years: range, factor: float = 1.0, unit: str = "% of GDP", more: str = "", skip: int = 0
) -> bytes:
    cells = "".join(
        f"{SERIES},NL,{y},{factor * (1 + 0.01 * (y - 2000)):.4f},{unit},\n"
        for y in years
        if y != skip
    )
    return (HEAD + cells + more).encode()


SCOPE = {
    "series": [f"series={SERIES}"], "geos": ["NL"], "years": list(range(2005, 2025)),
    "units": ["% of GDP"],
}  # fmt: skip


def verdicts(root: Path) -> dict[str, bytes]:
    kept = root / "raw" / "_verdicts"
    return {p.relative_to(kept).as_posix(): p.read_bytes() for p in kept.rglob("*.json")}


def bundled(root: Path, name: str) -> Path:
    """The newest bundled vintage of a dataset, put into a root of data."""
    given = sorted((Paths(root).bundle / name).iterdir())[-1]
    folder = root / "raw" / name / given.name
    shutil.copytree(given, folder)
    return folder


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[str], DatasetState]:
    return lambda name: state_of(tmp_path, name)


@pytest.fixture
def settle(tmp_path: Path) -> Callable[..., DatasetState]:
    """Put vintages into an empty archive, in order; the state of the dataset."""

    def settled(
        *bodies: bytes, scope: dict[str, Any] | None = None, as_of: str = "2026-11-23"
    ) -> DatasetState:
        archive = Archive(Paths(tmp_path))
        for month, content in enumerate(bodies, 1):
            archive.add(
                *NAME,
                content,
                {
                    "origin": "ingested", "known_from": f"2026-{month:02d}-01",
                    "known_from_basis": "published", "scope": SCOPE if scope is None else scope,
                },
            )  # fmt: skip
        return state_of(tmp_path, "/".join(NAME), date.fromisoformat(as_of))

    return settled


GOOD = body(range(2005, 2025))
CASES: dict[str, tuple[tuple[bytes, ...], dict[str, Any] | None]] = {
    "schema": ((b"<html>",), None),
    "codes": ((GOOD.replace(SERIES.encode(), b"other"),), {}),
    "geos_declared": ((GOOD.replace(b",NL,", b",BE,"),), None),
    "years_declared": ((body(range(2005, 2025), skip=2010),), None),
    "units": ((body(range(2005, 2025), unit="EUR"),), None),
    "plausible": ((body(range(2005, 2025), factor=1000),), None),
    "no_duplicates": ((body(range(2005, 2025), more=f"{SERIES},NL,2020,9,% of GDP,\n"),), None),
    "numbers": ((body(range(2005, 2025), more=f"{SERIES},NL,2003,two,% of GDP,\n"),), None),
    "no_lost_cells": ((GOOD, body(range(2005, 2025), skip=2010)), {}),
    "size_change": ((GOOD, body(range(2005, 2020))), {}),
    "unit_change": ((GOOD, body(range(2005, 2025), unit="EUR")), {}),
    "scale_change": ((GOOD, body(range(2005, 2025), factor=2.5)), None),
}


def test_there_is_a_case_for_every_check() -> None:
    # `as_asked` is about live vintages: see test_pull.py.
    assert set(CASES) == set(CHECKS) - {"as_asked"}


@pytest.mark.parametrize("check", CASES)
def test_a_check_fails_on_what_it_is_for(settle: Callable[..., DatasetState], check: str) -> None:
    bodies, scope = CASES[check]
    found = settle(*bodies, scope=scope)
    failed = {c.name: c for c in found.checks if not c.passed}
    assert check in failed
    assert failed[check].rows and failed[check].failing_rows
    assert found.vintages[-1]["verdict"] == "quarantined"
    assert (check if check != "schema" else "HTML") in found.vintages[-1]["reason"]
    assert "\n" not in found.vintages[-1]["reason"]
    if len(bodies) == 2:
        assert found.current is not None and found.current.known_from == date(2026, 1, 1)
        assert found.pending
    else:
        assert found.current is None


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("years", [2020, None]), ("years", ["2020", 2021]), ("years", [2020.5]), ("years", 2020),
        ("series", [["a"]]), ("series", SERIES), ("units", [None]), ("geos", {"NL": 1}),
    ],
)  # fmt: skip
def test_a_scope_that_is_no_list_is_a_fault_of_its_vintage(
    settle: Callable[..., DatasetState], name: str, listed: Any
) -> None:
    assert settle(GOOD).current is not None
    found = settle(GOOD + b"\n", scope={**SCOPE, name: listed})
    assert found.current is not None and f"`scope.{name}` is not a list" in found.pending


@pytest.mark.parametrize("scope", [None, {}])
def test_a_series_that_is_needed_must_be_there(
    settle: Callable[..., DatasetState], scope: dict[str, Any] | None
) -> None:
    found = settle(GOOD.replace(SERIES.encode(), b"other"), scope=scope)
    (codes,) = [c for c in found.checks if c.name == "codes"]
    assert not codes.passed and {"missing": f"series={SERIES}"} in codes.rows
    assert found.current is None


def test_growth_never_quarantines(settle: Callable[..., DatasetState]) -> None:
    wider = body(range(2000, 2026), more="b,BE,2020,1,% of GDP,\n")
    found = settle(GOOD, wider, scope={})
    assert found.current is not None and found.current.known_from == date(2026, 2, 1)
    assert not found.pending


def test_later_vintages_do_not_exist_before_their_date(settle: Callable[..., DatasetState]) -> None:
    found = settle(GOOD, body(range(2005, 2025), factor=1.01), as_of="2026-01-31")
    assert len(found.vintages) == 1
    assert found.current is not None and found.current.known_from == date(2026, 1, 1)


def test_the_same_bytes_are_kept_once(settle: Callable[..., DatasetState]) -> None:
    assert len(settle(GOOD, GOOD).vintages) == 1


def test_a_manifest_that_cannot_be_read_is_one_clear_line(
    settle: Callable[..., DatasetState], tmp_path: Path
) -> None:
    settle(GOOD)
    (manifest,) = (tmp_path / "raw" / "_local").rglob("manifest.json")
    manifest.write_text("{")
    found = settle()
    assert found.current is None
    assert "manifest.json cannot be used" in found.vintages[0]["reason"]


def test_a_partial_vintage_is_compared_and_never_read(tmp_path: Path) -> None:
    archive = Archive(Paths(tmp_path))
    for day, content, partial in (
        ("2026-01-01", GOOD, False), ("2026-02-01", body(range(2005, 2008)), True),
    ):  # fmt: skip
        archive.add(
            *NAME, content,
            {"origin": "ingested", "known_from": day, "known_from_basis": "published",
             "partial": partial, "scope": {}},
        )  # fmt: skip
    found = state_of(tmp_path, "/".join(NAME))
    assert [c["verdict"] for c in found.vintages] == ["accepted", "accepted"]
    assert found.current is not None and found.current.known_from == date(2026, 1, 1)


def test_two_vintages_of_one_day_are_both_kept(tmp_path: Path) -> None:
    archive = Archive(Paths(tmp_path))
    manifest = {"origin": "live", "known_from": "2026-11-26", "known_from_basis": "retrieved",
                "scope": {}}  # fmt: skip
    bodies = (GOOD, GOOD + b"\n", GOOD)
    kept = [
        archive.add(*NAME, b, {**manifest, "retrieved": f"2026-11-26T0{hour}:00:00+00:00"})
        for hour, b in enumerate(bodies, 1)
    ]
    assert [v.folder.name for v in kept[:2]] == [
        f"2026-11-26_{hashlib.sha256(b).hexdigest()[:12]}" for b in bodies[:2]
    ]
    assert [v.body() for v in kept] == list(bodies)
    assert len(archive.vintages(*NAME)) == 3


def test_vintages_are_named_by_their_content(tmp_path: Path) -> None:
    archive = Archive(Paths(tmp_path))
    manifest = {"origin": "ingested", "known_from": "2026-01-01", "known_from_basis": "published",
                "scope": {}}  # fmt: skip
    vintage = archive.add(*NAME, GOOD, manifest)
    assert vintage.vintage_id == hashlib.sha256(GOOD).hexdigest()[:16]
    assert vintage.body() == GOOD
    assert json.loads((vintage.folder / "manifest.json").read_text())["bytes"] == len(GOOD)
    with pytest.raises(ValueError, match="letters, digits"):
        archive.add("..", "x", GOOD, manifest)


def test_a_large_body_goes_from_file_to_file_and_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "eurostat/nrg_ind_ren"
    given = Archive(Paths(Paths(tmp_path).bundle.parent)).vintages(*name.split("/"))[-1]
    found = []
    for size, folder in ((1 << 30, "memory"), (0, "stream")):
        monkeypatch.setattr("pipeline.vintages.validate._STREAM_FROM", size)
        root = tmp_path / folder
        kept = Archive(Paths(root)).add(*name.split("/"), given.body(), dict(given.manifest))
        state = state_of(root, name)
        (row,) = state.table().to_pylist()
        found.append((state, pq.read_table(root / "work" / row["observations"])))
    (one, rows), (two, same) = found
    assert two.current is not None and rows.to_pylist() == same.to_pylist() and len(rows) > 100
    assert [c.to_json() for c in two.checks] == [c.to_json() for c in one.checks]
    stored = kept.folder / "body.gz"
    stored.write_bytes(stored.read_bytes()[:-9])
    again = state_of(tmp_path / "stream", name)
    assert again.current is None and "damaged" in again.pending


@pytest.mark.parametrize("fault", FAULTS)
def test_beside_a_good_vintage_a_bad_one_waits(
    tmp_path: Path, judged: Callable[[str], DatasetState], fault: str
) -> None:
    name, break_it, check = FAULTS[fault]
    good = bundled(tmp_path, name)
    before = judged(name)
    put_vintage(tmp_path, name, break_it(body_of(good)), "2026-11-23", good)
    found = judged(name)
    assert check in {c.name for c in found.checks if not c.passed}
    assert found.vintage_id == before.vintage_id != "none"
    assert found.observations == before.observations
    assert found.pending and not found.accepted and "\n" not in found.pending


@pytest.mark.parametrize("fault", FAULTS)
def test_as_the_only_vintage_a_bad_one_leaves_a_gap(
    tmp_path: Path, judged: Callable[[str], DatasetState], fault: str
) -> None:
    name, break_it, check = FAULTS[fault]
    good = bundled(tmp_path, name)
    put_vintage(tmp_path, name, break_it(body_of(good)), "2026-11-01", good)
    shutil.rmtree(tmp_path / "raw" / name)
    found = judged(name)
    assert found.vintage_id == "none" and found.current is None
    assert check in {c.name for c in found.checks if not c.passed}
    (row,) = found.table().to_pylist()
    assert (row["verdict"], row["observations"]) == ("quarantined", None) and row["reason"]


def test_a_bit_that_flips_on_disk_is_seen_and_mended(
    tmp_path: Path, judged: Callable[[str], DatasetState]
) -> None:
    folder = bundled(tmp_path, BIT_FLIP)
    before = judged(BIT_FLIP)
    whole = (folder / "body.gz").read_bytes()
    flip(folder)
    found = judged(BIT_FLIP)
    assert found.vintage_id != before.vintage_id
    assert "damaged" in found.pending or "checksum" in found.pending
    (folder / "body.gz").write_bytes(whole)
    assert judged(BIT_FLIP) == before


def test_no_vintage_at_all_fails_every_check_and_is_said(
    judged: Callable[[str], DatasetState],
) -> None:
    found = judged("/".join(NAME))
    assert (found.vintage_id, found.vintages, found.pending) == ("none", [], "")
    assert {c.name for c in found.checks} == set(CHECKS) and not any(c.passed for c in found.checks)
    assert {c.observed for c in found.checks} == {"no vintage known at this date"}
    assert found.table().num_rows == 0


def test_a_verdict_is_given_once_for_the_same_rules(
    settle: Callable[..., DatasetState], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settle(GOOD, body(range(2005, 2025), factor=1.01))
    kept = verdicts(tmp_path)
    assert len(kept) == 2
    with monkeypatch.context() as during:
        during.setattr(Validator, "_judge", lambda *_: pytest.fail("judged again"))
        assert settle() == first
    # Rows that are gone are read again, and give the same verdict.
    shutil.rmtree(tmp_path / "work")
    assert settle() == first and verdicts(tmp_path) == kept
    # Another plausible range is another rule: the old verdict stays beside the new one.
    ranges = {f"series={SERIES}": [0.0, 0.5]}
    found = replace(rules_of(load(), load().datasets["/".join(NAME)]), needs=ranges)
    narrow = state_of(tmp_path, "/".join(NAME), rules=found)
    assert not narrow.accepted and {c.name for c in narrow.checks if not c.passed} == {"plausible"}
    assert kept.items() <= verdicts(tmp_path).items() and len(verdicts(tmp_path)) > len(kept)


def test_a_root_that_moves_keeps_verdicts_and_rows(
    settle: Callable[..., DatasetState], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(GOOD)
    moved = tmp_path / "elsewhere"
    for part in ("raw", "work"):
        shutil.copytree(tmp_path / part, moved / part)
    monkeypatch.setattr(Validator, "_judge", lambda *_: pytest.fail("judged again"))
    found = state_of(moved, "/".join(NAME))
    (row,) = found.table().to_pylist()
    assert (
        pq.read_metadata(moved / "work" / row["observations"]).num_rows == found.observations == 20
    )


def test_the_same_bytes_pulled_and_shipped_are_one_vintage(tmp_path: Path) -> None:
    """What was pulled here may ship with a later version of the project: it stays one vintage,
    known from the earlier day, in its place in the order."""
    archive = Archive(Paths(tmp_path))
    manifest = {"origin": "live", "known_from_basis": "retrieved", "scope": SCOPE}
    first = archive.add(*NAME, b"one", {**manifest, "known_from": "2026-01-01"})
    second = archive.add(*NAME, b"two", {**manifest, "known_from": "2026-02-01"})
    shipped = tmp_path / "raw" / "/".join(NAME) / "2026-03-01_shipped"
    shutil.copytree(first.folder, shipped)
    told = json.loads((shipped / "manifest.json").read_text()) | {"known_from": "2026-03-01"}
    (shipped / "manifest.json").write_text(json.dumps(told))
    found = archive.vintages(*NAME)
    assert [v.vintage_id for v in found] == [first.vintage_id, second.vintage_id]
    assert [v.known_from for v in found] == [date(2026, 1, 1), date(2026, 2, 1)]
