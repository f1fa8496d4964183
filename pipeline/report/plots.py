"""A picture for each mission, for the Dagster UI: how far, against how much time has passed.

Drawn by Vega-Lite; a picture is kept by the rows that it shows, so one that did not change costs
nothing. The page has its own charts in charts.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.archive import dump
from pipeline.paths import safe_name, write_atomic
from pipeline.published import dicts
from pipeline.warehouse import connect, literal

_ROWS = """
SELECT i.label_en || ' (' || regexp_replace(p.target_id, '^[^/]*/', '') || ')' AS label,
       greatest(-0.25, least(1.25, p.share_achieved)) AS way, p.share_of_time AS time,
       replace(p.status, '_', ' ') || ', ' || round(100 * p.share_achieved)::INTEGER || ' % of the way, '
         || round(100 * p.share_of_time)::INTEGER || ' % of the time' AS said
FROM read_parquet({progress}) p
JOIN read_parquet({indicators}) i USING (indicator_id)
WHERE (p.mission_id = {mission} OR starts_with(p.mission_id, {mission} || '.'))
  AND p.geo = 'NL' AND p.share_achieved IS NOT NULL AND p.share_of_time IS NOT NULL
ORDER BY i.position, p.target_year, p.target_id
"""


def _specification(rows: list[dict[str, Any]]) -> dict[str, Any]:
    label = {"field": "label", "type": "nominal", "sort": None, "title": None,
             "axis": {"labelLimit": 320}}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "width": 360,
        "height": {"step": 22},
        "title": {
            "text": "Share of the way (bar) against share of the time (mark)",
            "anchor": "start",
            "fontSize": 12,
        },
        "encoding": {"y": label},
        "layer": [
            {
                "mark": {"type": "bar", "color": "#3b6ea5", "height": 10},
                "encoding": {
                    "x": {
                        "field": "way",
                        "type": "quantitative",
                        "title": None,
                        "stack": None,
                        "axis": {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1]},
                        "scale": {"domain": [-0.25, 1.25]},
                    }
                },
            },
            {
                "mark": {"type": "tick", "color": "#c2410c", "thickness": 3, "height": 18},
                "encoding": {"x": {"field": "time", "type": "quantitative"}},
            },
            {
                "mark": {"type": "text", "align": "left", "x": 368, "fontSize": 10},
                "encoding": {"text": {"field": "said"}},
            },
        ],
    }


def picture(file_of: Callable[[str], Path], mission: str, cache: Path) -> str | None:
    """The SVG of a mission, from `cache` if its rows are the same; None if it has no row to show.

    `file_of`: name of a mart (`marts.indicators`) → its Parquet file.
    """
    con = connect()
    try:
        rows = dicts(
            con,
            _ROWS.format(
                progress=literal(file_of("marts.indicator_progress").as_posix()),
                indicators=literal(file_of("marts.indicators").as_posix()),
                mission=literal(mission),
            ),
        )
    finally:
        con.close()
    if not rows:
        return None
    specification = _specification(rows)
    key = hashlib.sha256(dump(specification)).hexdigest()[:16]
    file = cache / f"{safe_name(mission)}-{key}.svg"
    if file.is_file():
        return file.read_text("utf-8")
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])
    for old in cache.glob(f"{mission}-*.svg"):
        old.unlink(missing_ok=True)
    write_atomic(file, drawn.encode("utf-8"))
    return drawn
