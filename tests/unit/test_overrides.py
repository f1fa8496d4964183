"""A person's judgement as the scoreboard shows it. When it holds: tests/sql/marts.sub_mission_progress."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from pipeline.progress.method import STANDINGS
from pipeline.registry.notes import Override
from pipeline.report.scoreboard import print_board

# A row of marts.sub_mission_progress.
JUDGED: dict[str, Any] = {
    "mission_id": "m.a", "parent_id": "m", "status": "missed", "reason": None,
    "basis": "direct_headline", "worst_indicator_id": "i", "worst_target_id": "t",
    "worst_goal_id": None, "reason_indicator_id": None, "indication": None,
    "indication_indicator_id": None, "law_failing": None, "exploratory_failing": None,
    "status_probability": None, "confidence": "firm", "standing": "failing", "is_solid": True, "is_dated": False, "latest_year": 2024,
    "share_achieved": 0.1, "share_of_time": 0.2, "n_indicators": 1, "n_assessed": 1,
    "milestone_state": None, "override_status": "on_track", "override_author": "A. Person",
    "override_reason": "known error", "override_date": date(2026, 11, 1),
    "override_until": date(2026, 12, 31),
}  # fmt: skip


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_the_scoreboard_shows_it_in_full_beside_the_computed_status(lang: str) -> None:
    row = JUDGED | {
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
    computed, judged = {"nl": ("niet gehaald", "op koers"), "en": ("missed", "on track")}[lang]
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


@pytest.mark.parametrize("status", STANDINGS)
def test_a_person_can_give_every_status_that_is_computed(status: str) -> None:
    given = Override(
        mission="m.a", status=status, author="A. Person", reason="known error",
        date="2026-11-01", until="2026-12-31",
    )  # fmt: skip
    assert given.status == status
