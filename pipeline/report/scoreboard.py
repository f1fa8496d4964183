"""The scoreboard on a terminal: every mission and sub-mission in 100 columns."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.words import COLOUR, MARK, REASON, STATUS, TEXT, word


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}"


def _judgement(row: dict[str, Any], lang: str, pick: str) -> str:
    """An override in full: what, who, from when until when, why."""
    return (
        f"‡ {row[f'short_{pick}'] or row[f'title_{pick}']}: {word(TEXT, 'override', lang)}: "
        f"{word(STATUS, row['override_status'], lang)} ({row['override_author']}, "
        f"{row['override_date']} {word(TEXT, 'until', lang)} {row['override_until']}: "
        f"{row['override_reason']})"
    )


def print_board(board: dict[str, Any], lang: str, console: Console, only: str = "") -> None:
    """Print a board from `read_board`. `only`: a mission's id."""
    pick = "nl" if lang == "nl" else "en"
    table = Table(box=None, pad_edge=False, show_edge=False, width=min(console.width, 100))
    for key, options in (
        ("mission", {"width": 31, "no_wrap": True}),
        ("status", {"width": 23, "no_wrap": True}),
        ("by", {"width": 23, "no_wrap": True}),
        ("year", {"width": 6, "no_wrap": True}),
        ("way", {"width": 9, "justify": "right", "no_wrap": True}),
    ):
        table.add_column(word(TEXT, key, lang), overflow="ellipsis", **options)
    for row in board["rows"]:
        if only and not (row["mission_id"] == only or row["mission_id"].startswith(f"{only}.")):
            continue
        depth = {"mission": 0, "sub_mission": 1, "interim_goal": 2}[row["level"]]
        status = row["status"]
        said = f"{MARK[status]} {word(STATUS, status, lang)}"
        if row["reason"]:
            said = f"{MARK[status]} {word(REASON, row['reason'], lang)}"
        if row["override_status"]:
            # On a line of its own: the computed status stays as it is.
            said += f"\n‡ {word(STATUS, row['override_status'], lang)}"
        by = str(row[f"label_{pick}"] or "")
        if row["fit"] == "proxy":
            by = "~ " + by
        if not by and row["indication"]:
            by = f"({word(TEXT, 'indication', lang)}: {word(STATUS, row['indication'], lang)})"
        if row["law_failing"]:
            by += f" · {word(TEXT, 'law', lang)}"
        title = str(row[f"short_{pick}"] or row[f"title_{pick}"])
        if depth == 0:
            title += f" {row['n_assessed']}/{row['n_sub_missions']}"
        year = "" if row["latest_year"] is None else str(row["latest_year"])
        way = ""
        if row["share_of_time"] is not None or row["share_achieved"] is not None:
            way = f"{_share(row['share_achieved'])}/{_share(row['share_of_time'])} %"
        table.add_row(
            Text("  " * depth + title, style="bold" if depth == 0 else ""),
            Text(said, style=COLOUR[status]),
            Text(by),
            Text(year + ("*" if row["is_dated"] else "") + ("±" if row["fragile"] else "")),
            Text(way),
            end_section=False,
        )
    console.print(Text(word(TEXT, "title", lang), style="bold"))
    console.print(table)
    console.print(Text(word(TEXT, "legend", lang), style="dim"))
    for row in board["rows"]:
        if row["override_status"] and (
            not only or row["mission_id"] == only or row["mission_id"].startswith(f"{only}.")
        ):
            console.print(Text(_judgement(row, lang, pick), style="bold"))
    oldest = max((s for s in board["sources"] if s["age_days"] is not None),
                 key=lambda s: s["age_days"], default=None)  # fmt: skip
    line = f"{word(TEXT, 'reference', lang)} {board['as_of']} · {word(TEXT, 'release', lang)} "
    line += str(board["release"])
    if oldest:
        line += f" · {word(TEXT, 'oldest', lang)}: {oldest['source']}/{oldest['dataset']}"
        line += f" {oldest['age_days']} {word(TEXT, 'days', lang)}"
    console.print(Text(line, style="dim"), soft_wrap=False)
    for source in board["problems"]:
        why = source["pending"] or source["reason"]
        console.print(
            Text(f"! {source['source']}/{source['dataset']}: {why}", style="red"), soft_wrap=True
        )
