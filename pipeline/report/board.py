"""The rows of the scoreboard, read from a published release. Rendering is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.markdown import escaped
from pipeline.progress.method import FACTS
from pipeline.release.database import dicts, open_release
from pipeline.release.read import is_problem
from pipeline.report.messages import Messages
from pipeline.sql import literal, quoted, stoppable

UI_LANGUAGE = "en"  # of the Dagster UI


@dataclass(frozen=True)
class Standing:
    """Where a mission stands: its sub-missions in all, assessed and failing, the rows of its view,
    and the status of each as a Markdown list."""

    sub_missions: int
    assessed: int
    failing: int
    rows: int
    markdown: str


def standings(release: Path, missions: Sequence[str]) -> dict[str, Standing]:
    """Where each mission of a release stands, for the Dagster UI."""
    counts = " UNION ALL ".join(
        f"SELECT {literal(m)}, count(*) FROM marts.{quoted(m)}" for m in missions
    )
    with stoppable(open_release(release)) as con:
        board = dicts(con, "SELECT * FROM marts.scoreboard")
        rows = dict(con.execute(counts).fetchall()) if missions else {}
    return {mission: _standing(board, mission, rows[mission]) for mission in missions}


def _standing(board: list[dict[str, Any]], mission: str, count: int) -> Standing:
    rows = [
        r for r in board if r["mission_id"] == mission or r["mission_id"].startswith(f"{mission}.")
    ]
    head = rows[0]
    counts = {
        "sub_missions": head["n_sub_missions"],
        "assessed": head["n_assessed"],
        "failing": head["n_failing"],
    }
    lines = [Messages(UI_LANGUAGE)["standing.summary"].format(**counts), ""]
    lines += [_line(row) for row in rows]
    return Standing(**counts, rows=count, markdown="\n".join(lines))


def _line(row: dict[str, Any]) -> str:
    """A row's status and what decides it, as Markdown."""
    texts = Messages(UI_LANGUAGE)
    status = texts.word("status", row["status"])
    if row["reason"]:
        status += f": {texts.word('reason', row['reason'])}"
    elif row["confidence"] and row["status"] not in FACTS:
        status += f", {texts.word('confidence', row['confidence'])}"
    title = escaped(row[f"short_{UI_LANGUAGE}"])
    line = f"- **{title}**: {escaped(status)}"
    if not (label := row[f"label_{UI_LANGUAGE}"]):
        return line
    by = texts["standing.decided_by"]
    return line + by.format(indicator=escaped(label), year=row["latest_year"])


def read_board(release: Path) -> dict[str, Any]:
    """`rows` (30, in the letter's order), `as_of`, `release`, `sources` and `problems`."""
    with stoppable(open_release(release)) as con:
        rows = dicts(con, "SELECT * FROM marts.scoreboard")
        identity = dicts(con, "SELECT release_id, reference_date FROM marts.release")[0]
        sources = dicts(
            con,
            # A release of an earlier version says it in English only.
            "SELECT source, dataset, publisher, vintage_id, known_from, age_days, verdict, "
            "COLUMNS('^(pending|reason)(_nl)?$'), licence, citation, waits_for_pull "
            "FROM marts.source_status ORDER BY source, dataset",
        )
    return {
        "rows": rows,
        "as_of": identity["reference_date"],
        "release": identity["release_id"],
        "sources": sources,
        "problems": [s for s in sources if is_problem(s)],
    }
