"""Bad input, each kind at once in a whole run: beside a good vintage, and as the only one.

Each fault by itself, its check and its verdict: tests/unit/test_verdicts.py.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faulty import BIT_FLIP, FAULTS, body_of, flip, put_vintage, vintage_of

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]

FIGURES = "SELECT * EXCLUDE (as_of) FROM marts.indicator_progress ORDER BY ALL"


@pytest.mark.slow
def test_beside_a_good_vintage_bad_ones_wait_and_figures_stay(
    data: Path, cli: Cli, ask: Ask
) -> None:
    before = ask(data, FIGURES)
    for name, break_it, _ in FAULTS.values():
        good = vintage_of(data, name)
        put_vintage(data, name, break_it(body_of(good)), "2026-11-23", good)
    good = vintage_of(data, BIT_FLIP)
    flip(put_vintage(data, BIT_FLIP, body_of(good) + b"\n", "2026-11-23", good))
    done = cli(data, "run", "--as-of", "2026-11-23", "--publish")
    assert done.returncode == 3, done.stderr
    assert ask(data, FIGURES) == before
    rows = ask(data, "SELECT source || '/' || dataset AS name, * FROM marts.source_status")
    status = {r["name"]: r for r in rows}
    for fault, (name, _, check) in FAULTS.items():
        assert status[name]["pending"], fault
        assert status[name]["verdict"] == "accepted"
        failed = ask(
            data,
            "SELECT expectation, failing_rows FROM marts.check_results "
            f"WHERE asset = 'raw/{name}' AND NOT passed",
        )
        assert check in {r["expectation"] for r in failed}, (fault, failed)
    assert "damaged" in status[BIT_FLIP]["pending"] or "checksum" in status[BIT_FLIP]["pending"]
    assert {n for n, r in status.items() if r["pending"]} == {
        BIT_FLIP, *(n for n, _, _ in FAULTS.values()),
    }  # fmt: skip


def settled(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is measured on all series together: how far bands must be widened."""
    return {k: v for k, v in row.items() if not k.startswith("probability_")}


@pytest.mark.slow
def test_as_the_only_vintage_bad_ones_leave_a_gap_and_the_rest_is_published(
    data: Path, cli: Cli, ask: Ask
) -> None:
    before = {(r["indicator_id"], r["target_id"]): r for r in ask(data, FIGURES)}
    names = [n for n, _, _ in FAULTS.values()]
    for name, break_it, _ in FAULTS.values():
        good = vintage_of(data, name)
        put_vintage(data, name, break_it(body_of(good)), "2026-11-01", good)
        shutil.rmtree(data / "raw" / name)
    flip(vintage_of(data, BIT_FLIP))
    done = cli(data, "run", "--as-of", "2026-11-23", "--publish")
    assert done.returncode == 3, done.stderr
    for name in [*names, BIT_FLIP]:
        source, dataset = name.split("/")
        hit = ask(
            data,
            "SELECT p.indicator_id, p.status, p.reason FROM marts.indicator_progress p "
            "JOIN marts.indicators i USING (indicator_id) "
            f"WHERE i.source = '{source}' AND i.dataset = '{dataset}' AND i.fit <> 'context'",
        )
        assert hit, name
        assert {(r["status"], r["reason"]) for r in hit} == {("not_assessable", "no_data")}, name
    bad = {tuple(n.split("/")) for n in [*names, BIT_FLIP]}
    where = ask(data, "SELECT indicator_id, source, dataset FROM marts.indicators")
    untouched = {r["indicator_id"] for r in where if (r["source"], r["dataset"]) not in bad}
    for row in ask(data, FIGURES):
        if row["indicator_id"] in untouched:
            assert settled(row) == settled(before[row["indicator_id"], row["target_id"]])


@pytest.mark.slow
def test_figures_come_back_when_the_vintage_is_mended(data: Path, cli: Cli, ask: Ask) -> None:
    before = ask(data, FIGURES)
    folder = vintage_of(data, BIT_FLIP)
    good = (folder / "body.gz").read_bytes()
    flip(folder)
    assert cli(data, "run", "--as-of", "2026-11-23", "--publish").returncode == 3
    (folder / "body.gz").write_bytes(good)
    assert cli(data, "run", "--as-of", "2026-11-23", "--publish").returncode == 0
    assert ask(data, FIGURES) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--as-of", "yesterday"], "not a date"),
        (["status", "--mission", "moon"], "no such mission"),
        (["query", "DROP TABLE marts.missions"], "read-only"),
        (["query", "SELECT * FROM read_csv('pyproject.toml')"], "only the published set"),
        (["ingest", "absent.csv", "--dataset", "eurostat/env_air_gge"], "cannot be read"),
        (["ingest", "absent.csv", "--dataset", "../../etc"], "not in the registry"),
    ],
)
def test_errors_for_people_are_one_line(
    first_run: dict[str, Any], cli: Cli, words: list[str], says: str
) -> None:
    done = cli(first_run["data"], *words)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says in done.stderr
