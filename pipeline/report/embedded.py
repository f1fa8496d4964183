"""The figures that the page holds as data: what its charts draw and its downloads give.

Value for value as in the marts; what a reader is shown of them is scaled when it is drawn.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from pipeline.areas import HOME
from pipeline.report.content import Content
from pipeline.report.numbers import for_people


def series(content: Content) -> dict[str, Any]:
    """Each indicator's observations, targets, required paths, projections, peers and breaks."""
    return {i: _series(content, i) for i in content.indicators}


def _series(content: Content, indicator_id: str) -> dict[str, Any]:
    indicator = content.indicators[indicator_id]
    drawn = content.drawn(indicator_id)
    targets = []
    for row in content.rows(indicator_id):
        path = content.path(indicator_id, row["target_id"])
        required = [[p["year"], p["required"]] for p in path if p["required"] is not None]
        projected = [
            [p[c] for c in ("year", "projected", "low_80", "high_80", "low_95", "high_95")]
            for p in path
            if p["projected"] is not None
        ]
        if row["target_value"] is None and not required and not projected:
            continue
        targets.append(
            {
                "id": row["target_id"],
                "year": row["target_year"],
                "value": row["target_value"],
                "counts": bool(row["counts"]),
                "strength": content.readings[(indicator_id, row["target_id"])]["strength"]
                or "commitment",
                "path": required,
                "projected": projected,
                "drawn": row is drawn,
            }
        )
    data: dict[str, Any] = {
        "unit": indicator["unit"],
        "scale": for_people(indicator["unit"] or "")[1],
        "cadence": indicator["cadence"] or 1,
        "breaks": indicator["breaks"] or [],
        "obs": [
            [o["period"], o["value"], o["flags"] or [], bool(o["carried_forward"])]
            for o in content.observed(indicator_id)
        ],
        "targets": targets,
    }
    # A total that is compared per head has another unit than the chart: it has its table only.
    areas = [
        p["geo"] for p in content.peers(indicator_id) if p["geo"] != HOME and not p["per_head"]
    ]
    if areas:
        data["peers"] = {
            geo: [[o["period"], o["value"]] for o in content.observed(indicator_id, geo)]
            for geo in areas
        }
    official = [
        {k: o[k] for k in ("edition", "year", "low", "central", "high")}
        for o in content.official(indicator_id)
        if o["low"] is not None and o["high"] is not None
    ]
    if official:
        data["official"] = official
    return data


def packed(text: str) -> str:
    """Text as gzip in base64, that a script unpacks: a third of its size, and the same bytes each
    time."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def script_json(data: Any) -> str:
    """JSON that can stand in a `<script>` whatever text it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
