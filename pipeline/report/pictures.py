"""A picture for each mission, for the Dagster UI: how far, against how much time has passed.

Bars, marks and words at fixed places, as plain SVG. The page has its own charts in charts.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from markupsafe import Markup

from pipeline.areas import HOME
from pipeline.report.board import UI_LANGUAGE
from pipeline.report.markup import woven
from pipeline.report.messages import Messages
from pipeline.report.numbers import Row, plain, typeset
from pipeline.report.sentences import target_label

_COLUMNS = (
    "indicator_id", "target_id", "mission_id", "geo", "target_year", "status", "share_achieved",
    "share_of_time",
)  # fmt: skip
_INDICATOR = ("indicator_id", "label_en", "position", "unit", "direction")
_READING = ("indicator_id", "target_id", "kind", "number", "target_year")
# In pixels. A label is cut after `_SHOWN` characters, each about `_CHARACTER` pixels wide.
_TOP, _STEP, _PLOT, _SAID = 26, 22, 360, 270
_UNIT = _PLOT / 1.5  # the plot goes from −25 to 125 %
_SHOWN, _CHARACTER = 72, 5.2
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10">'
    '<rect width="{width}" height="{height}" fill="#fff"/>'
    '<text x="8" y="15" font-size="12" font-weight="bold">'
    "{title}</text>{grid}{rows}</svg>"
)
_GRID = (
    '<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="{colour}"/>'
    '<text x="{x}" y="{below}" text-anchor="middle">{said}%</text>'
)
_ROW = (
    '<text x="{edge}" y="{base}" text-anchor="end">{label}</text>'
    '<rect x="{x}" y="{bar}" width="{width}" height="10" fill="#3b6ea5"/>'
    '<rect x="{mark}" y="{tick}" width="3" height="18" fill="#c2410c"/>'
    '<text x="{right}" y="{base}">{said}</text>'
)


def pictures(file_of: Callable[[str], Path], missions: Sequence[str]) -> dict[str, str | None]:
    """The SVG of each mission; None for one that has no row to show.

    `file_of`: name of a mart (`marts.indicators`) → its Parquet file.
    """
    progress = _read(file_of("marts.indicator_progress"), _COLUMNS)
    indicators = {i["indicator_id"]: Row(i) for i in _read(file_of("marts.indicators"), _INDICATOR)}
    readings = {
        (r["indicator_id"], r["target_id"]): Row(r)
        for r in _read(file_of("marts.indicator_targets"), _READING)
    }
    shown = [
        p
        for p in progress
        if p["geo"] == HOME and p["share_achieved"] is not None and p["share_of_time"] is not None
    ]

    def place(row: dict[str, Any]) -> tuple[int, float, str]:
        year = row["target_year"]
        return (
            indicators[row["indicator_id"]]["position"],
            float("inf") if year is None else year,
            row["target_id"],
        )

    shown.sort(key=place)
    found: dict[str, str | None] = {}
    for mission in missions:
        rows = [
            _row(p, indicators[p["indicator_id"]], readings[(p["indicator_id"], p["target_id"])])
            for p in shown
            if p["mission_id"] == mission or p["mission_id"].startswith(f"{mission}.")
        ]
        found[mission] = str(_drawn(rows)) if rows else None
    return found


def _read(file: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    with pq.ParquetFile(file) as parquet:
        rows: list[dict[str, Any]] = parquet.read(columns=list(columns)).to_pylist()
    return rows


def _row(progress: dict[str, Any], indicator: Row, reading: Row) -> dict[str, Any]:
    """What a row shows: label, way, time and the sentence beside them."""
    way, time = progress["share_achieved"], progress["share_of_time"]
    texts = Messages(UI_LANGUAGE)
    aim = target_label(indicator, reading, UI_LANGUAGE).striptags()
    return {
        "label": f"{typeset(indicator['label_en'])} ({aim})",
        "way": way,
        "time": time,
        "said": texts["picture.row"].format(
            status=texts.word("status", progress["status"]),
            way=plain(100 * way, 0, UI_LANGUAGE),
            time=plain(100 * time, 0, UI_LANGUAGE),
        ),
    }


def _drawn(rows: Sequence[dict[str, Any]]) -> Markup:
    labels = [
        label if len(label) <= _SHOWN else label[: _SHOWN - 1] + "…"
        for label in (row["label"] for row in rows)
    ]
    left = 16 + math.ceil(_CHARACTER * max(map(len, labels)))
    bottom = _TOP + _STEP * len(rows)

    def x(share: float) -> float:
        """Where a share stands; what lies far outside stands at the edge."""
        return round(left + _UNIT * (0.25 + max(-0.25, min(1.25, share))), 1)

    grid = [
        woven(
            _GRID,
            x=x(per_cent / 100),
            top=_TOP,
            bottom=bottom,
            below=bottom + 14,
            colour="#888" if per_cent == 0 else "#ddd",
            said=per_cent,
        )
        for per_cent in (0, 25, 50, 75, 100)
    ]
    bars = []
    for n, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = _TOP + _STEP * n
        ends = sorted((x(0), x(row["way"])))
        bars.append(
            woven(
                _ROW,
                edge=left - 8,
                base=top + 15,
                label=label,
                x=ends[0],
                bar=top + 6,
                width=round(ends[1] - ends[0], 1),
                mark=round(x(row["time"]) - 1.5, 1),
                tick=top + 2,
                right=left + _PLOT + 8,
                said=row["said"],
            )
        )
    return woven(
        _FRAME,
        title=Messages(UI_LANGUAGE)["picture.title"],
        width=left + _PLOT + _SAID,
        height=bottom + 22,
        grid=Markup("").join(grid),
        rows=Markup("").join(bars),
    )
