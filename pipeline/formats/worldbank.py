"""The formats of the World Bank: v2 JSON, and the CSV that its pages and DataBank give."""

from __future__ import annotations

import re
from typing import Any

from pipeline.formats.bodies import OPEN_LINE, ends_line
from pipeline.formats.cells import cells_of, text_of
from pipeline.formats.documents import Rows, load, pages_of, text
from pipeline.formats.geo import FROM_ISO2, FROM_ISO3
from pipeline.formats.spec import DatasetSpec, ParseError, must_state
from pipeline.series_key import series_key

_AREA = "Country Code"
# The column of the indicator, on its page and in DataBank.
CODES = ("Indicator Code", "Series Code")
_TIME = re.compile(r"^\d{4}([QM]\d{1,2})?$")


def worldbank_json(body: bytes, spec: DatasetSpec) -> Rows:
    """World Bank v2: [meta, rows]; a message array comes with HTTP 200 and is an error."""
    found: list[Any] = []
    total, pages = 0, pages_of(load(body))
    for document in pages:
        if isinstance(document, list) and document and "message" in (document[0] or {}):
            said = document[0]["message"]
            why = said[0].get("value") if isinstance(said, list) and said else said
            raise ParseError(f"the World Bank answered an error: {str(why)[:160]}")
        if (
            not isinstance(document, list)
            or len(document) != 2
            or not isinstance(document[0], dict)
        ):
            raise ParseError("the body is not [meta, rows]")
        meta, some = document
        found += some or []
        total = int(meta.get("total", 0))
        if int(meta.get("pages", 1)) != len(pages) and total != len(found):
            raise ParseError(f"{len(found)} of {meta.get('total')} rows: pages are missing")
    if not found:
        raise ParseError("the World Bank sent no rows")
    if len(pages) > 1 and total != len(found):
        raise ParseError(f"{len(found)} of {total} rows: pages are missing")
    must_state({r["indicator"]["id"] for r in found}, spec, "indicator.id")
    rows = []
    for row in found:
        code = text(row["country"]["id"])
        rows.append(
            {
                "series_key": series_key({"indicator": row["indicator"]["id"]}),
                "geo": FROM_ISO2.get(code, code),
                "period": text(row["date"]),
                "value": text(row.get("value")),
                "unit": text(row.get("unit")),
                "flags": text(row.get("obs_status")).lower(),
                "reason": _kind(text(row["date"])),
            }
        )
    return rows


def _kind(time: str) -> str | None:
    """Quarters and months are set aside."""
    return "not_annual" if len(time) > 4 and _TIME.match(time) else None


def worldbank_csv(body: bytes, spec: DatasetSpec) -> Rows:
    """The CSV of an indicator's page (four lines above its header) or of DataBank: a row for each
    area and indicator, a column for each year, quarter or month."""
    if not ends_line(body):
        raise ParseError(OPEN_LINE)
    rows = cells_of(text_of(body))
    names = next((row for row in rows if _AREA in row), None)
    if names is None:
        raise ParseError(f"column {_AREA} is missing: not a CSV of the World Bank")
    code = next((name for name in CODES if name in names), None)
    if code is None:
        raise ParseError(f"column {CODES[0]} is missing; the header is {', '.join(names)[:160]}")
    # DataBank writes `2013 [YR2013]`.
    times = {n: name.split(" ")[0] for n, name in enumerate(names)}
    times = {n: time for n, time in times.items() if _TIME.match(time)}
    if not times:
        raise ParseError(f"no column is a year; the header is {', '.join(names)[:160]}")
    found: Rows = []
    stated = set()
    for row in rows:
        if len(row) != len(names):
            # DataBank signs its tables: a line or two with one cell.
            if len(row) == 1:
                continue
            raise ParseError(
                f"a row of {row[0][:60]} has {len(row)} cells, the header {len(names)}"
            )
        cells = dict(zip(names, row, strict=True))
        if not cells[code]:
            continue
        stated.add(cells[code])
        area = cells[_AREA]
        found += [
            {
                "series_key": series_key({"indicator": cells[code]}),
                "geo": {**FROM_ISO2, **FROM_ISO3}.get(area, area),
                "period": time,
                "value": row[n],
                "unit": "",
                "flags": "",
                "reason": _kind(time),
            }
            for n, time in times.items()
        ]
    if spec.code is not None and spec.code.upper() in {s.upper() for s in stated}:
        # A download may hold more indicators than the one that is meant.
        wanted = series_key({"indicator": spec.code}).upper()
        return [row for row in found if row["series_key"].upper() == wanted]
    must_state(stated, spec, code)
    return found
