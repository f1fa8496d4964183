"""Bad input, each kind tried: beside a good vintage, and as the only one."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]


def rows_of(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode())))


def text_of(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def truncated(body: bytes) -> bytes:
    return body[: int(len(body) * 0.7)].rstrip(b"\n")[:-3].rsplit(b",", 2)[0]


def html(body: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>Site under maintenance</body></html>"


def column_renamed(body: bytes) -> bytes:
    head, rest = body.split(b"\n", 1)
    return head.replace(b"OBS_VALUE", b"WAARDE") + b"\n" + rest


def unit_changed(body: bytes) -> bytes:
    return body.replace(b",PC,", b",PC_GDP,").replace(b"THS_T", b"KT")


def times_1000(body: bytes) -> bytes:
    rows = rows_of(body)
    at = rows[0].index("OBS_VALUE")
    for row in rows[1:]:
        if row[at]:
            row[at] = repr(float(row[at]) * 1000)
    return text_of(rows)


def year_lost(body: bytes) -> bytes:
    rows = rows_of(body)
    at = rows[0].index("TIME_PERIOD")
    return text_of([r for r in rows if r[at] != "2015"])


def country_lost(body: bytes) -> bytes:
    rows = rows_of(body)
    at = rows[0].index("geo")
    return text_of([r for r in rows if r[at] != "NL"])


def duplicated(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join([*lines, *lines[1:6]])


def empty(body: bytes) -> bytes:
    return b""


def wrong_dataset(body: bytes) -> bytes:
    rows = rows_of(body)
    return body.replace(rows[1][0].encode(), b"ESTAT:DEMO_GIND(1.0)")


# One dataset for each fault, so that one run meets them all.
FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "truncated": ("eurostat/env_ac_cur", truncated, "schema"),
    "html": ("eurostat/env_ac_rme", html, "schema"),
    "column_renamed": ("eurostat/env_ac_mfa", column_renamed, "schema"),
    "unit_changed": ("eurostat/nrg_ind_ren", unit_changed, "codes"),
    "times_1000": ("eurostat/ilc_mddw03", times_1000, "plausible"),
    "year_lost": ("eurostat/cli_gge_foot", year_lost, "years_declared"),
    "country_lost": ("eurostat/env_ac_ainah_r2", country_lost, "geos_declared"),
    "duplicated": ("eurostat/env_wasmun", duplicated, "no_duplicates"),
    "empty": ("eurostat/tepsr_sp200", empty, "schema"),
    "wrong_dataset": ("eurostat/hlth_dpe010", wrong_dataset, "schema"),
}
BIT_FLIP = "eurostat/env_air_gge"


def vintage_of(data: Path, name: str) -> Path:
    return sorted((data / "raw" / name).iterdir())[-1]


def body_of(folder: Path) -> bytes:
    return gzip.decompress((folder / "body.gz").read_bytes())


def put_vintage(data: Path, name: str, body: bytes, day: str, like: Path) -> Path:
    """A vintage whose manifest is honest about its bytes and asks for what `like` holds."""
    manifest = json.loads((like / "manifest.json").read_text())
    digest = hashlib.sha256(body).hexdigest()
    manifest |= {"sha256": digest, "bytes": len(body), "known_from": day, "origin": "ingested"}
    folder = data / "raw" / "_local" / name / f"{day}_{digest[:12]}"
    folder.mkdir(parents=True)
    (folder / "body.gz").write_bytes(gzip.compress(body, mtime=0))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def flip(folder: Path) -> None:
    path = folder / "body.gz"
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(stored)


FIGURES = "SELECT * EXCLUDE (as_of) FROM marts.indicator_progress ORDER BY ALL"


def test_beside_a_good_vintage_bad_ones_wait_and_figures_stay(
    data: Path, cli: Cli, ask: Ask
) -> None:
    before = ask(data, FIGURES)
    for name, break_it, _ in FAULTS.values():
        good = vintage_of(data, name)
        put_vintage(data, name, break_it(body_of(good)), "2026-11-23", good)
    good = vintage_of(data, BIT_FLIP)
    flip(put_vintage(data, BIT_FLIP, body_of(good) + b"\n", "2026-11-23", good))
    done = cli(data, "run", "--as-of", "2026-11-23")
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
    done = cli(data, "run", "--as-of", "2026-11-23")
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


def test_figures_come_back_when_the_vintage_is_mended(data: Path, cli: Cli, ask: Ask) -> None:
    before = ask(data, FIGURES)
    folder = vintage_of(data, BIT_FLIP)
    good = (folder / "body.gz").read_bytes()
    flip(folder)
    assert cli(data, "run", "--as-of", "2026-11-23").returncode == 3
    (folder / "body.gz").write_bytes(good)
    assert cli(data, "run", "--as-of", "2026-11-23").returncode == 0
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
