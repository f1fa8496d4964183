"""Eurostat's codes by an extract of a public archive: what is known of a key without asking.

An archive proves which codes a dataset held on a day; not that each cell is filled for every area,
and not the order of dimensions. The extract is written by tools/extract_codes.py.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

EXTRACT = Path(__file__).with_name("eurostat_codes.csv")
COLUMNS = ("dataset", "dimension", "codes", "checked_at", "source")
_TIME = "TIME_PERIOD"


@dataclass(frozen=True)
class Archived:
    """One dataset as the archive saw it. `codes`: dimension → its codes, of areas only those that
    are asked for; `checked`: the day, ISO 8601; `years`: those that it held."""

    codes: Mapping[str, tuple[str, ...]]
    checked: str
    source: str
    years: tuple[int, ...]

    @property
    def span(self) -> str:
        """First and last year, as people write it."""
        return f"{self.years[0]}–{self.years[-1]}"


@cache
def archived() -> Mapping[str, Archived]:
    """Dataset code in capitals → what the archive saw of it."""
    with EXTRACT.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for name in dict.fromkeys(row["dataset"] for row in rows):
        mine = [row for row in rows if row["dataset"] == name]
        codes = {row["dimension"]: tuple(row["codes"].split(" ")) for row in mine}
        years = tuple(int(year) for year in codes.pop(_TIME))
        found[name] = Archived(codes, mine[0]["checked_at"], mine[0]["source"], years)
    return found
