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

from pipeline.paths import Paths
from pipeline.quality.results import Checker, Ticket
from pipeline.registry import Registry, load
from pipeline.vintages.store import Archive
from pipeline.vintages.validate import CHECKS, Intake, Settled
from tests.pipeline.test_bad_input import (
    FAULTS,
    body_of,
    country_lost,
    put_vintage,
    times_1000,
    unit_changed,
    vintage_of,
    year_lost,
)

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


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("years", [2020, None]), ("years", ["2020", 2021]), ("years", [2020.5]), ("years", 2020),
        ("series", [["a"]]), ("series", SERIES), ("units", [None]), ("geos", {"NL": 1}),
    ],
)  # fmt: skip
def test_a_scope_that_is_no_list_is_a_fault_of_its_vintage(
    settle: Callable[..., Settled], name: str, listed: Any
) -> None:
    assert settle(GOOD).current is not None
    found = settle(GOOD + b"\n", scope={**SCOPE, name: listed})
    assert found.current is not None and f"`scope.{name}` is not a list" in found.pending


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
        monkeypatch.setattr("pipeline.vintages.validate._STREAM_FROM", size)
        paths = Paths(tmp_path / folder)
        kept = Archive(paths).add("eurostat", "nrg_ind_ren", given.body(), dict(given.manifest))
        settled.append(
            Intake(paths, registry, checker).settle("eurostat", "nrg_ind_ren", date(2026, 11, 23))
        )
    one, two = settled
    assert two.current is not None and two.parsed is not None and one.parsed is not None
    assert pq.read_table(two.parsed).to_pylist() == pq.read_table(one.parsed).to_pylist()
    assert [c.to_json() for c in two.checks] == [c.to_json() for c in one.checks]
    stored = kept.folder / "body.gz"
    stored.write_bytes(stored.read_bytes()[:-9])
    again = Intake(paths, registry, checker).settle("eurostat", "nrg_ind_ren", date(2026, 11, 23))
    assert again.current is None and "damaged" in again.pending


def verdicts(paths: Paths) -> dict[str, bytes]:
    kept = paths.raw / "_verdicts"
    return {p.relative_to(kept).as_posix(): p.read_bytes() for p in kept.rglob("*.json")}


class Counted(Checker):
    """How many frames of their own were asked about."""

    alone = 0

    def submit(self, *asked: Any) -> Ticket:
        self.alone += 1
        return super().submit(*asked)


def all_settled(paths: Paths, together: bool) -> tuple[list[Settled], int]:
    registry, checker = load(), Counted()
    try:
        intake = Intake(paths, registry, checker)
        day = date(2026, 12, 31)
        if together:
            intake.prefetch_all(registry.datasets, day)
        found = [intake.settle(*name.split("/", 1), as_of=day) for name in registry.datasets]
        return found, checker.alone
    finally:
        checker.close()


def put_worse(paths: Paths) -> None:
    """A further vintage for each way of being wrong, one of each kind of scope."""
    root = paths.raw
    names = sorted(load().datasets)
    faults = {name: break_it for name, break_it, _ in FAULTS.values()}
    for i, name in enumerate(n for n in names if (root / n).is_dir() and n != "/".join(NAME)):
        good = vintage_of(paths.data, name)
        spoil = faults.get(name, lambda found: found + b"\n")
        if name not in faults and name.startswith("eurostat/"):
            spoil = [times_1000, unit_changed, year_lost, country_lost][i % 4]
        put_vintage(paths.data, name, spoil(body_of(good)), "2026-11-24", good)
    # All partial but the last, so that none has to wait for another's verdict.
    for day, (case, (bodies, scope)) in enumerate(CASES.items(), 1):
        Archive(paths).add(
            *NAME, bodies[-1] + b"\n" * day,
            {
                "origin": "ingested", "known_from": f"2026-12-{day:02d}",
                "known_from_basis": "published", "partial": case != "scale_change",
                "scope": SCOPE if scope is None else scope,
                **({"asked": {"home": "NL"}} if case in ("units", "geos_declared") else {}),
            },
        )  # fmt: skip


def test_together_datasets_get_the_verdicts_that_they_get_alone(tmp_path: Path) -> None:
    """To the byte: on the bundled vintages, and on what is wrong with each of its own."""
    one, all_ = Paths(tmp_path / "alone"), Paths(tmp_path / "together")
    for paths in (one, all_):
        Archive(paths).seed()
    (_, alone), (_, beside) = all_settled(one, False), all_settled(all_, True)
    assert verdicts(one) == verdicts(all_) and len(verdicts(one)) >= len(load().datasets)
    assert beside < 5 and alone > 50
    for paths in (one, all_):
        put_worse(paths)
    (found, alone), (again, beside) = all_settled(one, False), all_settled(all_, True)
    assert verdicts(one) == verdicts(all_)
    assert [s.checks for s in found] == [s.checks for s in again]
    failed = {c["name"] for v in verdicts(all_).values() for c in json.loads(v)["checks"] if not c["passed"]}  # fmt: skip
    assert failed == set(CHECKS) - {"as_asked"}
    assert beside == 0 and alone > 90


def test_what_cannot_go_with_the_others_goes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, all_ = Paths(tmp_path / "alone"), Paths(tmp_path / "together")
    for paths in (one, all_):
        Archive(paths).seed()
    all_settled(one, False)
    # A kind that cannot be asked of a part spoils the answer for all of them.
    ask = Counted.submit_parts
    monkeypatch.setattr(
        Counted,
        "submit_parts",
        lambda self, frame, starts, wanted: ask(
            self, frame, starts, [*wanted[:-1], [*wanted[-1], ("rows", {"value": 0})]]
        ),
    )
    all_settled(all_, True)
    assert verdicts(one) == verdicts(all_)


def test_a_dataset_that_cannot_be_framed_takes_no_other_with_it(
    tmp_path: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, registry, day = Paths(tmp_path), load(), date(2026, 11, 23)
    Archive(paths).seed()
    parse = Intake._parse

    def parsed(self: Intake, vintage: Any, rules: Any) -> Any:
        if vintage.dataset == NAME[1]:
            raise RuntimeError("a fault of ours")
        return parse(self, vintage, rules)

    monkeypatch.setattr(Intake, "_parse", parsed)
    intake = Intake(paths, registry, checker)
    intake.prefetch_all(["/".join(NAME), "eurostat/nrg_ind_ren"], day)
    assert intake.settle("eurostat", "nrg_ind_ren", day).current is not None
    with pytest.raises(RuntimeError, match="a fault of ours"):
        intake.settle(*NAME, day)


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
