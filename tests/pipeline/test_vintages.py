"""Vintages, end to end: as-of runs, revisions, and why a status differs between two releases.

The constructed vintages are the bundled figures with known changes; the arithmetic behind each
expected status stands beside it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]

SECTORS = "curated/cbs_ghg_climate_sectors"
NATURE = "curated/agriculture_nature"
BIRDS = "farmland bird indicator (27 species), trend"


def hashes(data: Path) -> dict[str, str]:
    release = (data / "marts" / "current").resolve()
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in release.glob("*.parquet")}


def full_vintage(data: Path, name: str) -> Path:
    """The newest full vintage of a dataset."""
    folders = sorted((data / "raw" / name).iterdir())
    return [f for f in folders if not json.loads((f / "manifest.json").read_text()).get("partial")][
        -1
    ]


Rows = list[dict[str, str]]


def edit(
    data: Path,
    name: str,
    day: str,
    change: Callable[[Rows], Rows],
    scope: dict[str, list[Any]] | None = None,
) -> str:
    """A next vintage of a curated table: its rows changed; its id."""
    good = full_vintage(data, name)
    rows = list(
        csv.DictReader(gzip.decompress((good / "body.gz").read_bytes()).decode().splitlines())
    )
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(change(rows))
    body = out.getvalue().encode()
    manifest = json.loads((good / "manifest.json").read_text())
    digest = hashlib.sha256(body).hexdigest()
    manifest |= {"sha256": digest, "bytes": len(body), "known_from": day, "origin": "ingested"}
    manifest["scope"] = manifest["scope"] | (scope or {})
    folder = data / "raw" / "_local" / name / f"{day}_{digest[:12]}"
    folder.mkdir(parents=True)
    (folder / "body.gz").write_bytes(gzip.compress(body, mtime=0))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return digest[:16]


def next_edition(rows: Rows) -> Rows:
    """2022 of mobility revised from 29.5 to 33.0, and a year 2023 for all sectors."""
    found = [
        row | {"value": "33.0"} if (row["series"], row["period"]) == ("mobility", "2022") else row
        for row in rows
    ]
    new = {"mobility": "32.6", "electricity": "50.0"}
    return found + [
        row | {"period": "2023", "value": new.get(row["series"], row["value"])}
        for row in rows
        if row["period"] == "2022"
    ]


def told(cli: Cli, data: Path, *words: str) -> dict[str, Any]:
    done = cli(data, "diff", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert all(c["causes"] for c in found["changes"]), "a changed status without a cause"
    return found


def causes(found: dict[str, Any]) -> dict[tuple[str, str | None], tuple[str, str, list[str]]]:
    return {
        (c["id"], c["target_id"]): (c["before"]["status"], c["after"]["status"], c["causes"])
        for c in found["changes"]
        if c["before"] and c["after"]
    }


@pytest.mark.slow
def test_a_next_edition_does_not_exist_before_its_day_and_explains_itself_after(
    first_run: dict[str, Any],
    data: Path,
    tmp_path: Path,
    root: Path,
    cli: Cli,
    ask: Ask,
    on_day: Callable[[str], None],
) -> None:
    vintage = edit(data, SECTORS, "2026-11-24", next_edition)

    # The day before: byte for byte what a root that never saw the vintage gives.
    assert cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish").returncode == 0
    assert hashes(data) == hashes(first_run["data"])

    done = cli(data, "run", "--offline", "--as-of", "2026-11-25", "--publish")
    assert done.returncode == 0, done.stderr
    kinds = ask(
        data,
        "SELECT kind, count(*) AS n, min(period) AS first, max(period) AS last "
        f"FROM marts.revisions WHERE vintage_id = '{vintage}' AND indicator_id = 'ghg_mobility' "
        "GROUP BY 1 ORDER BY 1",
    )
    assert kinds == [
        {"kind": "new", "n": 1, "first": 2023, "last": 2023},
        {"kind": "revised", "n": 1, "first": 2022, "last": 2022},
    ]
    # The real next edition of the sectors, of which only 1990-2008 could be read, stays compared
    # with the edition before it and is read by no model.
    real = ask(
        data,
        "SELECT count(*) AS n, min(period) AS first, max(period) AS last, any_value(kind) AS kind "
        "FROM marts.revisions WHERE partial AND indicator_id = 'ghg_industry'",
    )
    assert real == [{"n": 19, "first": 1990, "last": 2008, "kind": "revised"}]

    found = told(cli, data)
    got = causes(found)
    # 34.6 (2017) to 33.0 (2022) is 0.32 a year, 34.6/33 = 1.05 needed: 0.31. With 2023: 34.8 to
    # 32.6 is 0.44 against 34.8/32 = 1.09: 0.40, still insufficient: the revision did it.
    key = ("ghg_mobility", "energy.mobility/emissions-0-2050")
    assert got[key] == ("catching_up", "insufficient", ["revision"])
    # 44.6 (2018) to 50.0 (2023) goes the wrong way.
    key = ("ghg_electricity", "energy.electricity/co2-0-2050")
    assert got[key] == ("catching_up", "wrong_direction", ["new_year"])
    assert got["energy.mobility", None] == ("progress_too_slow", "insufficient", ["revision"])
    assert got["energy.electricity", None] == ("catching_up", "wrong_direction", ["new_year"])
    assert {v["dataset"]: v["after"] for v in found["vintages"]} == {SECTORS: vintage}
    assert found["registry"] == [] and found["overrides"] == []
    by = next(c["by"] for c in found["changes"] if c["id"] == "energy.mobility")
    assert by == ["ghg_mobility · energy.mobility/emissions-0-2050"]
    # Backwards it is the same difference.
    later, earlier = found["to"]["release"], found["from"]["release"]
    assert causes(told(cli, data, later, earlier))["energy.mobility", None][:2] == (
        "insufficient", "progress_too_slow",
    )  # fmt: skip
    dutch = cli(data, "diff", "--lang", "nl").stdout
    assert "energy.mobility: te langzaam → onvoldoende: herziene cijfers" in dutch

    # Another registry: recycling now asks less, an indicator is gone, a person judges.
    registry = tmp_path / "registry"
    shutil.copytree(root / "pipeline" / "registry", registry)
    circular = registry / "indicators" / "2_circular.yaml"
    text = circular.read_text()
    assert "direction: up" in text
    circular.write_text(
        text.replace("fit: proxy\n  role: headline", "fit: proxy\n  role: supporting")
    )
    (registry / "overrides.yaml").write_text(
        "- {mission: energy.mobility, status: on_track, author: A. Person, reason: 'known error', "
        "date: 2026-11-01, until: 2026-12-31}\n"
    )
    env = {"MISSIEMONITOR_REGISTRY": str(registry)}
    done = cli(
        data, "run", "--offline", "--as-of", "2026-11-25", "--publish", "--lang", "en", **env
    )
    assert done.returncode == 0, done.stderr
    # The computed status stays where it is; the person's stands beside it.
    assert "insufficient" in done.stdout and "A. Person" in done.stdout
    found = told(cli, data)
    got = causes(found)
    assert got and {tuple(c) for _, _, c in got.values()} == {("registry",)}
    assert "circular_material_use" in found["registry"]
    assert ("energy.mobility", None) not in got
    [judged] = found["overrides"]
    assert (judged["mission_id"], judged["before"], judged["cause"]) == (
        "energy.mobility", None, "registry",
    )  # fmt: skip
    shown = ask(data, "SELECT * FROM marts.sub_mission_progress WHERE override_status IS NOT NULL")
    assert [(r["mission_id"], r["status"], r["override_status"]) for r in shown] == [
        ("energy.mobility", "insufficient", "on_track")
    ]
    assert shown[0]["override_author"] == "A. Person"
    assert (shown[0]["override_date"], shown[0]["override_until"]) == ("2026-11-01", "2026-12-31")

    # Years later the figures lapse, and the judgement has run out.
    on_day("2031-06-01")
    done = cli(data, "run", "--offline", "--as-of", "2031-06-01", "--lang", "en", **env)
    assert done.returncode == 0 and "A. Person" not in done.stdout
    found = told(cli, data)
    got = causes(found)
    assert got and {tuple(c) for _, _, c in got.values()} == {("reference_date",)}
    assert [(o["mission_id"], o["after"], o["cause"]) for o in found["overrides"]] == [
        ("energy.mobility", None, "reference_date")
    ]


@pytest.mark.slow
def test_a_run_as_of_an_old_day_is_that_days_run(
    data: Path, tmp_path: Path, root: Path, cli: Cli
) -> None:
    """Before the second vintage of hlth_hlye (2024-06-11) and of the sectors (2024-12-31): the
    same bytes as in a root to which no later vintage ever came."""
    day = date(2024, 6, 10)
    other = tmp_path / "then"
    shutil.copytree(root / "data" / "raw", other / "raw", ignore=shutil.ignore_patterns("_*"))
    left, gone = 0, 0
    for manifest in sorted((other / "raw").glob("*/*/*/manifest.json")):
        if date.fromisoformat(json.loads(manifest.read_text())["known_from"]) > day:
            shutil.rmtree(manifest.parent)
            gone += 1
        else:
            left += 1
    assert left > 15 and gone > 15
    # Most datasets have no vintage yet: that is said, and what there is is published.
    assert cli(other, "run", "--offline", "--as-of", str(day), "--publish").returncode == 3
    assert cli(data, "run", "--offline", "--as-of", str(day), "--publish").returncode == 3
    assert hashes(data) == hashes(other)


@pytest.mark.slow
def test_a_withdrawn_year_waits_until_the_scope_says_so(data: Path, cli: Cli, ask: Ask) -> None:
    status = (
        "SELECT status, latest_year FROM marts.indicator_progress "
        "WHERE indicator_id = 'ghg_mobility' AND counts"
    )
    assert ask(data, status) == [{"status": "catching_up", "latest_year": 2022}]

    def without_2022(rows: Rows) -> Rows:
        return [r for r in rows if r["period"] != "2022"]

    edit(data, SECTORS, "2026-11-20", without_2022)
    assert cli(data, "run", "--offline", "--as-of", "2026-11-23", "--publish").returncode == 3
    assert ask(data, status) == [{"status": "catching_up", "latest_year": 2022}]
    pending = ask(data, "SELECT pending FROM marts.source_status WHERE pending IS NOT NULL")
    assert len(pending) == 1 and "2022" in pending[0]["pending"]
    assert ask(data, "SELECT * FROM marts.revisions WHERE kind = 'withdrawn'") == []

    # The publisher has withdrawn the year: the vintage declares the years that it does hold.
    years = {"years": list(range(1990, 2022))}

    def said_so(rows: Rows) -> Rows:
        # Other bytes than the vintage that waits, the same cells.
        return without_2022(rows)[::-1]

    # An index put on another base comes too: no status follows from it.
    def rebased(rows: Rows) -> Rows:
        return [
            r | {"value": f"{float(r['value']) * 1.25:.6g}"} if r["series"] == BIRDS else r
            for r in rows
        ]

    edit(data, SECTORS, "2026-11-21", said_so, years)
    edit(data, NATURE, "2026-11-24", rebased)
    done = cli(data, "run", "--offline", "--as-of", "2026-11-24", "--publish")
    assert done.returncode == 0, done.stderr + done.stdout
    gone = ask(
        data,
        "SELECT DISTINCT indicator_id, period, value_after FROM marts.revisions "
        "WHERE kind = 'withdrawn' AND indicator_id IN ('ghg_mobility', 'ghg_national_sectors') "
        "ORDER BY 1",
    )
    assert gone == [
        {"indicator_id": name, "period": 2022, "value_after": None}
        for name in ("ghg_mobility", "ghg_national_sectors")
    ]
    [row] = ask(data, status)
    # 34.1 (2016) to 29.7 (2021) is 0.88 a year; 34.1/34 = 1.003 needed: 0.88, too slow.
    assert row == {"status": "progress_too_slow", "latest_year": 2021}
    kinds = ask(
        data,
        "SELECT DISTINCT indicator_id, kind FROM marts.revisions "
        "WHERE indicator_id = 'farmland_birds'",
    )
    assert kinds == [{"indicator_id": "farmland_birds", "kind": "rebased"}]
    found = told(cli, data)
    got = causes(found)
    key = ("ghg_mobility", "energy.mobility/emissions-0-2050")
    assert got[key] == ("catching_up", "progress_too_slow", ["revision"])
    assert not any(name == "farmland_birds" for name, _ in got)


def test_diff_says_in_one_line_what_it_cannot_compare(
    first_run: dict[str, Any], data: Path, cli: Cli
) -> None:
    alone = cli(data, "diff")
    assert alone.returncode == 1 and len(alone.stderr.splitlines()) == 1
    assert "none before it" in alone.stderr
    strange = cli(data, "diff", "nothing-like-it")
    assert strange.returncode == 1 and len(strange.stderr.splitlines()) == 1
    release = (data / "marts" / "current").resolve().name
    assert release in strange.stderr
    assert "no status changed" in cli(data, "diff", release, release, "--lang", "en").stdout


def test_other_rules_and_rows_of_one_release_only_are_told_apart(
    first_run: dict[str, Any], tmp_path: Path
) -> None:
    """A release as another version would have made it: a status that these inputs do not give,
    an indicator that the other does not know."""
    import pyarrow.parquet as pq

    from pipeline.progress.method import METHOD_VERSION
    from pipeline.release.diff import compare
    from pipeline.release.read import Release, ReleaseError
    from pipeline.report.difference import lines

    now = Release((first_run["data"] / "marts" / "current").resolve())
    folder = tmp_path / "other"
    shutil.copytree(now.folder, folder)

    def rewrite(table: str, sql: str) -> None:
        from pipeline.warehouse.build import connect, literal

        path = folder / f"{table}.parquet"
        con = connect()
        try:
            made = con.sql(sql.format(t=f"read_parquet({literal(path.as_posix())})"))
            pq.write_table(made.to_arrow_table(), path)
        finally:
            con.close()

    rewrite(
        "indicator_progress",
        "SELECT * REPLACE (CASE target_id WHEN 'energy/ghg-55-2030' THEN 'missed' ELSE status END "
        "AS status, '0.9' AS method_version) FROM {t} WHERE indicator_id <> 'smoking'",
    )
    for table in ("indicators", "indicator_targets", "observations"):
        rewrite(table, "SELECT * FROM {t} WHERE indicator_id <> 'smoking'")
    rewrite(
        "mission_progress",
        "SELECT * REPLACE (CASE mission_id WHEN 'energy' THEN 'missed' ELSE own_status END "
        "AS own_status) FROM {t}",
    )
    found = compare(Release(folder), now)
    got = {(c.id, c.target_id): c for c in found.changes}
    assert got["ghg_net_total", "energy/ghg-55-2030"].causes == ("method",)
    assert got["energy", None].causes == ("method",)
    new = got["smoking", "smoking:direction"]
    assert (new.before, new.causes) == (None, ("registry",)) and new.after is not None
    gone = {(c.id, c.target_id): c for c in compare(now, Release(folder)).changes}
    assert gone["smoking", "smoking:direction"].after is None
    for lang in ("nl", "en"):
        assert any(f"0.9 → {METHOD_VERSION}" in line for line in lines(found, lang))

    # A release that lacks what the comparison needs is named in one line.
    rewrite("indicators", "SELECT * EXCLUDE (formula) FROM {t}")
    with pytest.raises(ReleaseError, match="indicators has no formula; an older version"):
        compare(Release(folder), now)
