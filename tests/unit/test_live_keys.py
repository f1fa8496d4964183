"""Every key that is asked of Eurostat is held against the codes that its datasets really hold."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.publishers.eurostat import differences
from pipeline.registry import Dataset, load
from pipeline.registry.code_archive import EXTRACT, archived
from pipeline.vintages.answers import request_for
from pipeline.vintages.live_keys import recall_keys

TODAY = date(2026, 11, 28)
ASKED = [d for d in load().datasets.values() if d.live and d.asked == "eurostat"]


@pytest.mark.parametrize("dataset", ASKED, ids=lambda d: d.id)
def test_a_key_is_in_the_archive(dataset: Dataset) -> None:
    registry, live = load(), dataset.live
    assert live is not None
    request = request_for(dataset, list(registry.peers), TODAY)
    seen = archived()[request.code.upper()]
    assert differences(request, seen.codes) == []
    # Every dimension has a code: an open one would bring series that nobody asked for.
    for dimensions in request.series.values():
        assert set(dimensions) | {"geo"} == set(seen.codes)
    assert live.verified
    if live.route == "sdmx21":
        assert sorted(live.order) == sorted(seen.codes)
    else:
        assert f"archive of codes of {seen.checked}" in live.evidence


def test_a_wrong_code_or_dimension_gets_the_likely_right_one() -> None:
    registry = load()
    request = request_for(registry.datasets["eurostat/hlth_hlye"], ["BE"], TODAY)
    codes = archived()["HLTH_HLYE"].codes
    [key] = request.series
    was = {"freq": "A", "indic_he": "HLY_0", "sex": "T", "unit": "YR"}
    [said] = differences(replace(request, series={key: was}), codes)
    assert said == "HLTH_HLYE has no dimension indic_he; it has hlth_hle"
    near = {"freq": "A", "hlth_hle": "HLY_0", "sex": "T", "unit": "YR"}
    [said] = differences(replace(request, series={key: near}), codes)
    assert said == "HLTH_HLYE: hlth_hle has no code HLY_0; likely HLY_Y0"


def test_what_no_archive_holds_says_what_was_seen_of_it() -> None:
    registry = load()
    found = {finding.name: finding for finding in recall_keys(registry, TODAY)}
    pulled = {d.id for d in registry.datasets.values() if d.live and d.needed}
    assert set(found) == pulled
    for name, finding in found.items():
        live = registry.datasets[name].live
        assert live is not None
        if finding.state == "unknown":
            word = "seen" if live.verified else "not seen"
            assert finding.lines == (f"{word}: {live.evidence}",)


def test_the_extract_says_what_the_archive_does(shared: Path) -> None:
    whole = str(shared / "design" / "keys" / "eurostat_codes.parquet")
    rows = duckdb.sql(
        "SELECT dataset, dimension, unnest(string_split(codes, ' ')) AS code, checked_at "
        f"FROM read_csv('{EXTRACT}', all_varchar=true)"
    )
    strange = duckdb.sql(
        f"SELECT * FROM rows ANTI JOIN '{whole}' a ON a.df_id = rows.dataset "
        "AND a.dimension_id = rows.dimension AND a.code_id = rows.code "
        "AND a.checked_at = rows.checked_at"
    ).fetchall()
    assert len(rows) > 500 and strange == []


def test_doctor_says_it_without_a_network(
    tmp_path: Path,
    cli: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipeline.cli.checkup import recall_live_keys

    done = cli(tmp_path / "data", "doctor")
    assert "  eurostat/hlth_hlye: in the archive of 2026-07-25, 2004–2024\n" in done.stdout
    registry = load()
    wrong = registry.datasets["eurostat/hlth_hlye"].model_copy(
        update={"needed": ("freq=A|hlth_hle=HLY_0|sex=T|unit=YR",)}
    )
    monkeypatch.setitem(registry.datasets, "eurostat/hlth_hlye", wrong)
    monkeypatch.setattr("pipeline.cli.checkup.load", lambda _: registry)
    assert recall_live_keys()
