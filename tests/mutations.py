"""Wrong cells: a body of a dataset changed in one cell, one column or at its end, in each format.

What becomes of them belongs to the tests that put them in.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VALUES = {"sdmx_csv": "OBS_VALUE", "oecd_csv": "OBS_VALUE", "curated_csv": "value"}


@dataclass
class Body:
    """A body as cells that can be changed. `cells`: (series, geo, period) → how to read and write
    its value as text, in the order of the body."""

    cells: dict[tuple[str, str, str], Cell]
    dump: Callable[[], bytes]


@dataclass
class Cell:
    holder: Any  # a list or a mapping
    place: Any

    @property
    def value(self) -> str:
        found = self.holder[self.place]
        return "" if found is None else str(found)

    @value.setter
    def value(self, text: str) -> None:
        self.holder[self.place] = text


def opened(body: bytes, format: str) -> Body:
    """The cells of a body that hold a number."""
    found = (_table if format.endswith("_csv") else _document)(body, format)
    found.cells = {k: c for k, c in found.cells.items() if _number(c.value)}
    return found


def _number(text: str) -> bool:
    try:
        return bool(text.strip()) and float(text) == float(text)
    except ValueError:
        return False


def _table(body: bytes, format: str) -> Body:
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    head, cells = rows[0], {}
    lower = [c.lower() for c in head]
    for row in rows[1:]:
        if not row:
            continue
        at = dict(zip(head, row, strict=False))
        if format == "owid_csv":
            for n, name in enumerate(head):
                if lower[n] not in ("entity", "code", "year"):
                    key = (f"column={name}", row[lower.index("code")], row[lower.index("year")])
                    cells[key] = Cell(row, n)
            continue
        n = head.index(VALUES[format])
        if format == "curated_csv":
            key = (f"series={at['series'].strip()}", at["geo"], at["period"])
        else:
            area = "geo" if "geo" in at else "REF_AREA"
            start, end = head.index("DATAFLOW") + 1, head.index("TIME_PERIOD")
            names = head[start:end] if area == "REF_AREA" else [c for c in head if c == c.lower()]
            dims = sorted(f"{c}={at[c].strip()}" for c in names if c != area)
            key = ("|".join(dims), at[area].strip(), at["TIME_PERIOD"].strip())
        cells[key] = Cell(row, n)

    def dump() -> bytes:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue().encode()

    return Body(cells, dump)


def _document(body: bytes, format: str) -> Body:
    document = json.loads(body)
    cells = {}
    if format == "cbs_odata":
        for row in document["Observations"]["value"]:
            dims = {k: v for k, v in row.items() if k not in (
                "Id", "Value", "ValueAttribute", "StringValue", "Perioden")}  # fmt: skip
            key = "|".join(f"{k}={str(v).strip()}" for k, v in sorted(dims.items()))
            cells[key, "NL", row["Perioden"].strip()[:4]] = Cell(row, "Value")
    elif format == "worldbank_json":
        for row in document[1]:
            key = f"indicator={row['indicator']['id']}"
            cells[key, row["country"]["id"], row["date"]] = Cell(row, "value")
    else:
        pages = document.get("pages") or [{"content": document}]
        for row in [r for page in pages for r in page.get("content", page).get("data", ())]:
            dims = {k.replace(" ", "_"): v for k, v in (row.get("dimensions") or {}).items()
                    if k not in ("Units", "Reporting Type")} | {"seriesCode": row["series"]}  # fmt: skip
            key = "|".join(f"{k}={str(v).strip()}" for k, v in sorted(dims.items()))
            cells[key, str(row["geoAreaCode"]), str(row["timePeriodStart"])] = Cell(row, "value")
    return Body(cells, lambda: json.dumps(document).encode())


Change = Callable[[list[Cell], int], None]


def _times(factor: float) -> Change:
    def change(cells: list[Cell], n: int) -> None:
        cells[n].value = repr(float(cells[n].value) * factor)

    return change


def _written(text: str) -> Change:
    def change(cells: list[Cell], n: int) -> None:
        cells[n].value = text

    return change


def _shifted(cells: list[Cell], n: int) -> None:
    """Each value from this one on has the one before it: a row slipped."""
    values = [c.value for c in cells]
    for cell, value in zip(cells[n + 1 :], values[n:], strict=False):
        cell.value = value


def _cut(cells: list[Cell], n: int) -> None:
    """The last digits are gone: 609.85 became 60.0."""
    text = cells[n].value
    cells[n].value = text[: max(1, len(text) // 2)]


def _exchanged(cells: list[Cell], n: int) -> None:
    other = cells[n - 1] if n else cells[-1]
    cells[n].value, other.value = other.value, cells[n].value


MUTATIONS: dict[str, Change] = {
    "times_1000": _times(1000), "negated": _times(-1), "zeroed": _written("0"), "shifted": _shifted,
    "cut": _cut, "exchanged": _exchanged, "minus_one": _written("-1"), "huge": _written("1e308"),
}  # fmt: skip


def mutated(body: bytes, format: str, series: str, kind: str, seed: int) -> bytes | None:
    """The body with one cell of a series changed; None if it has no cell that would."""
    found = opened(body, format)
    mine = [c for (key, _, _), c in found.cells.items() if key == series]
    if not mine:
        return None
    before = [c.value for c in mine]
    MUTATIONS[kind](mine, random.Random(f"{series} {kind} {seed}").randrange(len(mine)))
    return None if [c.value for c in mine] == before else found.dump()
