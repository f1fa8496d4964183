"""The sums behind a status, with which a reader can work it out again (METHOD.md §3 and §4).

Formulas and figures of one row of the marts; nothing is computed here, and no words are said.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from pipeline.report.content import Content
from pipeline.report.markup import woven
from pipeline.report.numbers import Row, number

# y: value, t: year; 0: baseline, T: target, s: start of the window. Pace is a difference a year
# (linear) or growth a year (cagr).
_WAY = "({y} − {y0}) ÷ ({yT} − {y0})"
_TIME = "({t} − {t0}) ÷ ({tT} − {t0})"
_PACE = {
    True: {
        "recent": "({y} − {ys}) ÷ ({t} − {ts})",
        "required": "({yT} − {y}) ÷ ({tT} − {t})",
        "needed": "({yT} − {ys}) ÷ ({tT} − {ts})",
    },
    False: {
        "recent": "({y} ÷ {ys})<sup>1/({t} − {ts})</sup> − 1",
        "required": "({yT} ÷ {y})<sup>1/({tT} − {t})</sup> − 1",
        "needed": "({yT} ÷ {ys})<sup>1/({tT} − {ts})</sup> − 1",
    },
}


def sums(content: Content, row: Row) -> list[tuple[str, Markup]]:
    """The numbers behind a status with their formula: (column of the mart, sum and outcome)."""
    start = content.at_year(row["indicator_id"], row["window_start"])
    linear = row["pace_basis"] == "linear"
    pace, kind = _PACE[linear], "full" if linear else "pct3"
    parts = _parts(row, start, kind)
    found: list[tuple[str, Markup]] = []

    def add(column: str, formula: str, kind: str) -> None:
        if row[column] is not None:
            outcome = number(row, column, kind)
            found.append((column, woven(formula + " = <b>{outcome}</b>", outcome=outcome, **parts)))

    add("share_achieved", _WAY, "pct")
    add("share_of_time", _TIME, "pct")
    if start is not None:
        add("pace_recent", pace["recent"], kind)
    add("pace_required", pace["required"], kind)
    if start is not None:
        add("ratio_short", "{recent} ÷ [" + pace["needed"] + "]", "ratio")
    add("acceleration_factor", "{required} ÷ {recent}", "value")
    return found


def _parts(row: Row, start: Row | None, pace: str) -> dict[str, Any]:
    """The figures that the formulas name. `pace`: how a pace is written."""
    return {
        "y": number(row, "latest_value", "full"),
        "y0": number(row, "baseline_value", "full"),
        "yT": number(row, "target_value", "full"),
        "ys": "?" if start is None else number(start, "value", "full"),
        "t": number(row, "latest_year", "year"),
        "t0": number(row, "baseline_year", "year"),
        "tT": number(row, "target_year", "year"),
        "ts": number(row, "window_start", "year"),
        "recent": number(row, "pace_recent", pace),
        "required": number(row, "pace_required", pace),
    }
