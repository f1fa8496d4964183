"""Each check on a dataset, failing on a vintage made for it, with the reason in the verdict."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.archive import Archive
from pipeline.intake import CHECKS, Intake, Settled
from pipeline.paths import Paths
from pipeline.quality import Checker
from pipeline.registry import Registry, load

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


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    found = Checker()
    yield found
    found.close()


@pytest.fixture
def settle(tmp_path: Path, checker: Checker) -> Callable[..., Settled]:
    """Put vintages into an empty archive, in order, and settle the dataset."""
    paths = Paths(tmp_path)
    registry: Registry = load()

    def settled(
        *bodies: bytes, scope: dict[str, Any] | None = None, as_of: str = "2026-11-23"
    ) -> Settled:
        archive = Archive(paths)
        for month, content in enumerate(bodies, 1):
            archive.add(
                *NAME,
                content,
                {
                    "origin": "ingested", "known_from": f"2026-{month:02d}-01",
                    "known_from_basis": "published", "scope": SCOPE if scope is None else scope,
                },
            )  # fmt: skip
        return Intake(paths, registry, checker).settle(*NAME, date.fromisoformat(as_of))

    return settled


GOOD = body(range(2005, 2025))
CASES: dict[str, tuple[tuple[bytes, ...], dict[str, Any] | None]] = {
    "schema": ((b"<html>",), None),
    "codes": ((GOOD + b"other,NL,2020,1,% of GDP,\n",), None),
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
def test_a_check_fails_on_what_it_is_for(settle: Callable[..., Settled], check: str) -> None:
    bodies, scope = CASES[check]
    found = settle(*bodies, scope=scope)
    failed = {c.name: c for c in found.checks if not c.passed}
    assert check in failed
    assert failed[check].rows and failed[check].failing_rows
    assert found.chain[-1]["verdict"] == "quarantined"
    assert (check if check != "schema" else "HTML") in found.chain[-1]["reason"]
    assert "\n" not in found.chain[-1]["reason"]
    if len(bodies) == 2:
        assert found.current is not None and found.current.known_from == date(2026, 1, 1)
        assert found.pending
    else:
        assert found.current is None


@pytest.mark.parametrize("scope", [None, {}])
def test_a_series_that_is_needed_must_be_there(
    settle: Callable[..., Settled], scope: dict[str, Any] | None
) -> None:
    found = settle(GOOD.replace(SERIES.encode(), b"other"), scope=scope)
    (codes,) = [c for c in found.checks if c.name == "codes"]
    assert not codes.passed and {"missing": f"series={SERIES}"} in codes.rows
    assert found.current is None


def test_growth_never_quarantines(settle: Callable[..., Settled]) -> None:
    wider = body(range(2000, 2026), more="b,BE,2020,1,% of GDP,\n")
    found = settle(GOOD, wider, scope={})
    assert found.current is not None and found.current.known_from == date(2026, 2, 1)
    assert not found.pending


def test_later_vintages_do_not_exist_before_their_date(settle: Callable[..., Settled]) -> None:
    found = settle(GOOD, body(range(2005, 2025), factor=1.01), as_of="2026-01-31")
    assert len(found.chain) == 1
    assert found.current is not None and found.current.known_from == date(2026, 1, 1)


def test_the_same_bytes_are_kept_once(settle: Callable[..., Settled]) -> None:
    assert len(settle(GOOD, GOOD).chain) == 1


def test_a_manifest_that_cannot_be_read_is_one_clear_line(
    settle: Callable[..., Settled], tmp_path: Path
) -> None:
    settle(GOOD)
    (manifest,) = (tmp_path / "raw" / "_local").rglob("manifest.json")
    manifest.write_text("{")
    found = settle()
    assert found.current is None
    assert "manifest.json cannot be used" in found.chain[0]["reason"]


def test_a_partial_vintage_is_compared_and_never_read(tmp_path: Path, checker: Checker) -> None:
    paths = Paths(tmp_path)
    archive = Archive(paths)
    for day, content, partial in (
        ("2026-01-01", GOOD, False), ("2026-02-01", body(range(2005, 2008)), True),
    ):  # fmt: skip
        archive.add(
            *NAME, content,
            {"origin": "ingested", "known_from": day, "known_from_basis": "published",
             "partial": partial, "scope": {}},
        )  # fmt: skip
    found = Intake(paths, load(), checker).settle(*NAME, date(2026, 11, 23))
    assert [c["verdict"] for c in found.chain] == ["accepted", "accepted"]
    assert found.current is not None and found.current.known_from == date(2026, 1, 1)


def test_two_vintages_of_one_day_are_both_kept(tmp_path: Path) -> None:
    archive = Archive(Paths(tmp_path))
    manifest = {"origin": "live", "known_from": "2026-11-26", "known_from_basis": "retrieved",
                "scope": {}}  # fmt: skip
    bodies = (GOOD, GOOD + b"\n", GOOD)
    kept = [
        archive.add(
            *NAME, b, {**manifest, "retrieved": f"2026-11-26T0{hour}:00:00+00:00"}, again=True
        )
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
    tmp_path: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = load()
    bundled = Archive(Paths(Path(__file__).parents[2] / "data")).vintages("eurostat", "nrg_ind_ren")
    given = bundled[-1]
    settled = []
    for size, folder in ((1 << 30, "memory"), (0, "stream")):
        monkeypatch.setattr("pipeline.intake._STREAM_FROM", size)
        paths = Paths(tmp_path / folder)
        kept = Archive(paths).add("eurostat", "nrg_ind_ren", given.body(), dict(given.manifest))
        settled.append(
            Intake(paths, registry, checker).settle("eurostat", "nrg_ind_ren", date(2026, 11, 23))
        )
    one, two = settled
    assert two.current is not None and two.parsed is not None and one.parsed is not None
    assert pq.read_table(two.parsed).equals(pq.read_table(one.parsed))
    assert [c.to_json() for c in two.checks] == [c.to_json() for c in one.checks]
    stored = kept.folder / "body.gz"
    stored.write_bytes(stored.read_bytes()[:-9])
    again = Intake(paths, registry, checker).settle("eurostat", "nrg_ind_ren", date(2026, 11, 23))
    assert again.current is None and "damaged" in again.pending


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
