"""The rows of the scoreboard, read from a published release. Rendering is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.release.database import dicts, open_release
from pipeline.report.messages import Messages
from pipeline.warehouse.sql import literal, quoted

LANGUAGE = "en"  # of the Dagster UI


@dataclass(frozen=True)
class Standing:
    """Where a mission stands: counts, rows of its view, and the sentences as Markdown."""

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
    with closing(open_release(release)) as con:
        board = dicts(con, "SELECT * FROM marts.scoreboard")
        rows = dict(con.execute(counts).fetchall()) if missions else {}
    return {mission: _standing(board, mission, rows[mission]) for mission in missions}


def _standing(board: list[dict[str, Any]], mission: str, count: int) -> Standing:
    rows = [
        r for r in board if r["mission_id"] == mission or r["mission_id"].startswith(f"{mission}.")
    ]
    head = rows[0]
    sub_missions, assessed, failing = (
        head["n_sub_missions"],
        head["n_assessed"],
        len(head["failing"] or []),
    )
    texts = Messages(LANGUAGE)
    lines = [
        texts["standing.summary"].format(
            assessed=assessed, sub_missions=sub_missions, failing=failing
        ),
        "",
    ]
    for row in rows:
        said = row["status"] if not row["reason"] else f"{row['status']}: {row['reason']}"
        label = row[f"label_{LANGUAGE}"]
        by = texts["standing.decided_by"].format(indicator=label, year=row["latest_year"])
        line = f"- **{row[f'title_{LANGUAGE}']}**: {said.replace('_', ' ')}"
        lines.append(line + by if label else line)
    return Standing(sub_missions, assessed, failing, count, "\n".join(lines))


def read_board(release: Path) -> dict[str, Any]:
    """`rows` (30, in the letter's order), `as_of`, `release`, `sources` and `problems`."""
    with closing(open_release(release)) as con:
        rows = dicts(con, "SELECT * FROM marts.scoreboard")
        identity = dicts(con, "SELECT release_id, reference_date FROM marts.release")[0]
        sources = dicts(
            con,
            "SELECT source, dataset, publisher, vintage_id, known_from, age_days, pending, "
            "verdict, reason, licence, citation FROM marts.source_status ORDER BY source, dataset",
        )
    return {
        "rows": rows,
        "as_of": identity["reference_date"],
        "release": identity["release_id"],
        "sources": sources,
        "problems": [s for s in sources if s["pending"] or not s["vintage_id"]],
    }
