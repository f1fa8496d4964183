"""The page of a release: one HTML file without network, both languages. Figures from the marts.

Everything from outside passes Jinja's escaping.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def _cells(row: dict[str, Any], lang: str) -> dict[str, str]:
    from pipeline.report.words import MARK, REASON, STATUS, word

    status = f"{MARK[row['status']]} {word(STATUS, row['status'], lang)}"
    if row["reason"]:
        status += f": {word(REASON, row['reason'], lang)}"
    return {
        "title": row[f"title_{lang}"],
        "status": status,
        "by": row[f"label_{lang}"] or "",
        "year": "" if row["latest_year"] is None else str(row["latest_year"]),
        "way": "" if row["share_achieved"] is None else f"{100 * row['share_achieved']:.0f} %",
        "time": "" if row["share_of_time"] is None else f"{100 * row['share_of_time']:.0f} %",
        "fit": row["fit"] or "",
    }


def render(release: Path) -> str:
    """The page for the Parquet files in `release`."""
    from jinja2 import Environment, StrictUndefined

    from pipeline.report.board import read_board
    from pipeline.report.words import TEXT, word

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    board = read_board(release)
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    return template.render(
        board=board,
        languages=["nl", "en"],
        cells=_cells,
        text=lambda key, lang: word(TEXT, key, lang),
    )
