"""The scoreboard on a terminal: every mission and sub-mission in 100 columns, where a long name takes
two lines, or in as many as the names take where the terminal has them.

Its rows come from `board`, its words from the catalogue (`messages`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.progress.method import FACTS
from pipeline.report.messages import Messages, about
from pipeline.report.numbers import typeset
from pipeline.report.statuses import COLOUR, MARK, STATUSES
from pipeline.report.totals import rank, totals

_WIDTH = 100


def print_board(board: dict[str, Any], lang: str, console: Console, only: str = "") -> None:
    """Print a board from `read_board`. `only`: a mission's id."""
    texts = Messages(lang)
    rows = [
        r
        for r in board["rows"]
        if not only or r["mission_id"] == only or r["mission_id"].startswith(f"{only}.")
    ]
    # What is wider than its column goes on in a line below where there is no more room.
    wide = console.width > _WIDTH
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for key, width in (("mission", 28), ("status", 27), ("by", 26), ("year", 6), ("way", 8)):
        table.add_column(
            texts.word("scoreboard", key),
            overflow="fold",
            width=None if wide else width,
            min_width=width if wide else None,
            no_wrap=wide or key in ("year", "way"),
            justify="right" if key == "way" else "left",
        )
    for row in rows:
        table.add_row(*_cells(row, texts))
    console.print(Text(texts["scoreboard.title"], style="bold"))
    for line in _first_screen(board["rows"], texts, only):
        console.print(line)
    console.print()
    console.print(table)
    console.print(Text(texts["scoreboard.legend"], style="dim"))
    for row in rows:
        if row["override_status"]:
            console.print(Text(_override(row, texts), style="bold"))
    console.print(Text(_footer(board, texts), style="dim"), soft_wrap=False)
    for source in board["problems"]:
        why = about(source, "pending", lang) or about(source, "reason", lang)
        console.print(
            Text(f"! {source['source']}/{source['dataset']}: {why}", style="red"), soft_wrap=True
        )


def _first_screen(rows: list[dict[str, Any]], texts: Messages, only: str) -> Iterator[Text]:
    """What the page says first: the answer, then a line for each mission, the worst first."""
    missions = [r for r in rows if r["level"] == "mission"]
    if missions and not only:
        below = [r for r in rows if r["level"] == "sub_mission"]
        found = totals(((r["status"], r) for r in missions), below)
        key = "some" if found["missions_on_course"] else "none"
        yield Text(texts[f"overview.answer.{key}"].format(**found))
        yield Text(texts["overview.tally"].format(**found))
    parts = {
        m["mission_id"]: [r for r in rows if r["parent_id"] == m["mission_id"]] for m in missions
    }

    def place(row: dict[str, Any]) -> tuple[tuple[int, int, int], int]:
        statuses = (r["status"] for r in (row, *parts[row["mission_id"]]))
        return rank(statuses, row["failing"], row["unclear"]), row["position"]

    for mission in sorted(missions, key=place):
        if not only or mission["mission_id"] == only:
            yield _standing(mission, parts[mission["mission_id"]], texts)


def _standing(mission: dict[str, Any], parts: list[dict[str, Any]], texts: Messages) -> Text:
    """A mission in a line: its own status, its parts by status, and what lags or is unclear."""
    own = _sure(mission, texts) or texts.word("status", mission["status"])
    counts = Counter(r["status"] for r in parts)
    tally = ", ".join(
        f"{counts[status]} {texts.word('status', status)}" for status in STATUSES if counts[status]
    )
    solid = texts["overview.solid"].format(n=mission["n_solid"])
    said = Text.assemble((_name(mission, texts.lang), "bold"))
    said.append(f": {own}. {texts['overview.parts']} {tally}; {solid}.")
    names = {r["mission_id"]: _name(r, texts.lang) for r in parts}
    for column, key in (("failing", "falling_behind"), ("unclear", "unclear")):
        listed = list(
            dict.fromkeys(
                names.get(name, texts["overview.itself"]) for name in mission[column] or ()
            )
        )
        if listed:
            said.append(f" {texts[f'overview.{key}']}: {'; '.join(listed)}.")
    return said


def _sure(row: dict[str, Any], texts: Messages) -> str:
    """A status with how sure it is; "" where that is not said."""
    if not row["confidence"] or row["status"] in FACTS:
        return ""
    status = texts.word("status", row["status"])
    return f"{status} ({texts.word('confidence', row['confidence'])})"


def _name(row: dict[str, Any], lang: str) -> str:
    return typeset(row[f"short_{lang}"] or row[f"title_{lang}"])


def _cells(row: dict[str, Any], texts: Messages) -> list[RenderableType]:
    """The row's cells: mission, status, what decides, year, and way against time."""
    depth = {"mission": 0, "sub_mission": 1, "interim_goal": 2}[row["level"]]
    title = _name(row, texts.lang)
    if depth == 0:
        title += f" {row['n_assessed']}/{row['n_sub_missions']}"
    year = "" if row["latest_year"] is None else str(row["latest_year"])
    return [
        Padding(Text(title, style="bold" if depth == 0 else ""), (0, 0, 0, 2 * depth)),
        Text(_status(row, texts), style=COLOUR[row["status"]]),
        Text(_decided_by(row, texts)),
        Text(year + ("*" if row["is_dated"] else "") + ("±" if row["fragile"] else "")),
        Text(_way(row)),
    ]


def _status(row: dict[str, Any], texts: Messages) -> str:
    said = texts.word("reason", row["reason"]) or _sure(row, texts)
    said = said or texts.word("status", row["status"])
    said = f"{MARK[row['status']]} {said}"
    if row["override_status"]:
        # On a line of its own: the computed status stays as it is.
        said += f"\n‡ {texts.word('status', row['override_status'])}"
    return said


def _decided_by(row: dict[str, Any], texts: Messages) -> str:
    by = typeset(row[f"label_{texts.lang}"] or "")
    if row["fit"] == "proxy":
        by = "~ " + by
    if not by and row["indication"]:
        indication = texts.word("status", row["indication"])
        by = texts["scoreboard.indication"].format(status=indication)
    if row["law_failing"]:
        by += f" · {texts['scoreboard.law']}"
    return by


def _way(row: dict[str, Any]) -> str:
    """Share of the way against share of the time, in %."""
    way, time = row["share_achieved"], row["share_of_time"]
    if way is None and time is None:
        return ""
    return "/".join("–" if share is None else f"{100 * share:.0f}" for share in (way, time)) + "%"


def _override(row: dict[str, Any], texts: Messages) -> str:
    """An override in full: what, who, from when until when, why."""
    return texts["scoreboard.override"].format(
        mission=_name(row, texts.lang),
        status=texts.word("status", row["override_status"]),
        author=row["override_author"],
        date=row["override_date"],
        until=row["override_until"],
        reason=row["override_reason"],
    )


def _footer(board: dict[str, Any], texts: Messages) -> str:
    line = texts["scoreboard.footer"].format(date=board["as_of"], release=board["release"])
    aged = [s for s in board["sources"] if s["age_days"] is not None]
    if aged:
        oldest = max(aged, key=lambda s: s["age_days"])
        line += " · " + texts["scoreboard.oldest"].format(
            dataset=f"{oldest['source']}/{oldest['dataset']}", days=oldest["age_days"]
        )
    return line
