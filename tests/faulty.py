"""Vintages with something wrong in them: each fault of a body, one dataset for each."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path


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
    return b"".join([*lines, *lines[1:]])


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
