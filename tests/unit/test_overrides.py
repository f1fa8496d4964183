"""A person's judgement holds from its date until its expiry, beside the computed status."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from pipeline.paths import sql_root
from pipeline.report.scoreboard import print_board
from pipeline.warehouse.build import connect
from pipeline.warehouse.model import load_models

MART = load_models(sql_root())["marts.sub_mission_progress"]


def shown(on: date) -> dict[str, Any]:
    """The row of a sub-mission with one override, in the mart's own SQL, on a day."""
    con = connect()
    try:
        con.execute("CREATE SCHEMA registry; CREATE SCHEMA core; CREATE SCHEMA run")
        con.execute(
            "CREATE TABLE registry.missions AS SELECT 'm.a' AS mission_id, 'm' AS parent_id, "
            "'sub_mission' AS level"
        )
        con.execute(
            "CREATE TABLE core.own_status AS SELECT 'm.a' AS mission_id, 'missed' AS status, "
            "NULL AS reason, 'direct_headline' AS basis, 'i' AS worst_indicator_id, "
            "'t' AS worst_target_id, NULL AS reason_indicator_id, 1 AS severity, 0.5 AS tie, "
            "false AS is_dated, 2024 AS latest_year, 0.1 AS share_achieved, 0.2 AS share_of_time, "
            "NULL AS indication, NULL AS indication_indicator_id, NULL AS law_failing, "
            "1 AS n_indicators, 1 AS n_assessed"
        )
        con.execute(
            "CREATE TABLE registry.targets AS SELECT 'x' AS mission_id, 'level' AS kind, "
            "NULL AS milestone_state"
        )
        con.execute(
            "CREATE TABLE registry.overrides AS SELECT 'm.a' AS mission_id, 'on_track' AS status, "
            "'A. Person' AS author, 'known error' AS reason, '2026-11-01' AS date, "
            "'2026-12-31' AS until"
        )
        con.execute("CREATE TABLE run.reference AS SELECT ?::DATE AS reference_date", [on])
        cursor = con.execute(MART.query)
        names = [d[0] for d in cursor.description]
        [row] = cursor.fetchall()
        return dict(zip(names, row, strict=True))
    finally:
        con.close()


@pytest.mark.parametrize(
    ("day", "holds"),
    [
        ("2026-10-31", False),  # not yet
        ("2026-11-01", True),
        ("2026-12-31", True),
        ("2027-01-01", False),  # expired
    ],
)
def test_an_override_holds_from_its_date_until_its_expiry(day: str, holds: bool) -> None:
    row = shown(date.fromisoformat(day))
    assert row["status"] == "missed"
    assert row["override_status"] == ("on_track" if holds else None)
    assert row["override_author"] == ("A. Person" if holds else None)
    assert row["override_reason"] == ("known error" if holds else None)
    assert row["override_date"] == (date(2026, 11, 1) if holds else None)
    assert row["override_until"] == (date(2026, 12, 31) if holds else None)


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_the_scoreboard_shows_it_in_full_beside_the_computed_status(lang: str) -> None:
    row = shown(date(2026, 11, 23)) | {
        "level": "sub_mission", "short_nl": "Energie", "short_en": "Energy", "title_nl": "",
        "title_en": "", "label_nl": "cijfer", "label_en": "figure", "fit": "direct",
        "fragile": True, "n_sub_missions": None,
    }  # fmt: skip
    board = {
        "rows": [row], "sources": [], "problems": [], "as_of": date(2026, 11, 23), "release": "r",
    }  # fmt: skip
    out = io.StringIO()
    print_board(board, lang, Console(file=out, width=100, color_system=None))
    said = out.getvalue()
    assert max(map(len, said.splitlines())) <= 100
    computed, judged = {"nl": ("gemist", "op koers"), "en": ("missed", "on track")}[lang]
    lines = said.splitlines()
    at = next(n for n, line in enumerate(lines) if computed in line)
    assert lines[at + 1].strip() == f"‡ {judged}"
    assert "2024±" in lines[at]
    flat = " ".join(said.split())
    for word in ("A. Person", "2026-11-01", "2026-12-31", "known error"):
        assert word in flat
    # Of another mission's board it is no part.
    out = io.StringIO()
    print_board(board, lang, Console(file=out, width=100, color_system=None), only="health")
    assert "A. Person" not in out.getvalue()
