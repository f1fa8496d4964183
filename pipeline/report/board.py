"""The rows of the scoreboard, read from a published release. Rendering is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.published import dicts, open_release


def read_board(release: Path) -> dict[str, Any]:
    """`rows` (30, in the letter's order), `as_of`, `release`, `sources` and `problems`."""
    con = open_release(release)
    try:
        rows = dicts(con, "SELECT * FROM marts.scoreboard")
        identity = dicts(con, "SELECT release_id, reference_date FROM marts.release")[0]
        sources = dicts(
            con,
            "SELECT source, dataset, publisher, vintage_id, known_from, age_days, pending, "
            "verdict, reason, licence, citation FROM marts.source_status ORDER BY source, dataset",
        )
    finally:
        con.close()
    return {
        "rows": rows,
        "as_of": identity["reference_date"],
        "release": identity["release_id"],
        "sources": sources,
        "problems": [s for s in sources if s["pending"] or not s["vintage_id"]],
    }
