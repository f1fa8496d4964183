"""Why a vintage waits, in sentences for people: each thing once, with one example.

What failed because something else did is not told again: the checks behind a sentence stand in its
brackets. What is expected stands in expected.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.formats.keys import canonical, dims_of
from pipeline.quality.results import CheckResult
from pipeline.registry.schema import HOME
from pipeline.vintages.expected import SCALE, Frames

_CELL = ["series_key", "geo", "year"]
# Dimensions that say nothing of what a series is about, where there are others.
_ASIDE = ("FREQ", "UNIT", "UNIT_MEASURE")
_SAME = 0.01  # cells that moved by the same factor, as nearly as figures are rounded
_FAULTS = {
    "duplicate_differs": "is given twice, with other values",
    "duplicate_same": "is given twice",
    "not_a_number": "is no number",
    "not_finite": "is no number",
    "period_not_read": "is of no year that can be read",
}


def brief(series_key: str) -> str:
    """A series by its codes: `airpol=GHG|freq=A|unit=THS_T` as GHG."""
    dims = dims_of(series_key)
    told = [code for name, code in dims.items() if canonical(name) not in _ASIDE]
    return ", ".join(told or dims.values()) or series_key


def number(value: float) -> str:
    """A figure, with blanks between thousands where there are five digits or more."""
    return f"{value:,.10g}".replace(",", " ") if abs(value) >= 10_000 else f"{value:.10g}"


def reason(failed: Sequence[CheckResult], frames: Frames) -> str:
    """What failed, in sentences; empty if nothing did."""
    words = _Words(frames, {c.name: c for c in failed})
    return "; ".join(words.sentences())


def _observed(check: CheckResult) -> str:
    return check.observed


class _Words:
    """The sentences of one verdict. `failed`: check → its outcome."""

    def __init__(self, frames: Frames, failed: Mapping[str, CheckResult]) -> None:
        self.frames, self.failed = frames, failed
        rows = frames.rows
        self.read = rows[rows["read"]]
        self.told: list[pd.DataFrame] = []  # cells that a sentence has spoken of

    def sentences(self) -> list[str]:
        """In the order in which one thing explains the next."""
        tell: dict[str, Callable[[CheckResult], str]] = {
            "as_asked": _observed,
            "schema": _observed,
            "scale_change": self._scale,
            "codes": lambda c: self._missing(
                c, "series", "series_key", len(self.frames.rules.needs)
            ),
            "geos_declared": lambda c: self._missing(c, "areas", "geo", 0),
            "years_declared": lambda c: self._missing(c, "years", "year", 0),
            "numbers": self._faults,
            "no_duplicates": self._faults,
            "units": self._units,
            "unit_change": self._other_unit,
            "plausible": self._outside,
            "no_lost_cells": self._gone,
            "size_change": self._fewer,
        }
        said: list[tuple[str, list[str]]] = []
        for name in [*tell, *(n for n in self.failed if n not in tell)]:
            check = self.failed.get(name)
            if check is None:
                continue
            sentence = tell.get(name, _observed)(check)
            if sentence or not said:
                said.append((sentence or check.observed, [name]))
            else:
                said[-1][1].append(name)  # it follows from what was told
        return [f"{sentence} [{', '.join(names)}]" for sentence, names in said]

    def _scale(self, check: CheckResult) -> str:
        cells = self.frames.cells
        if cells is None:
            return check.observed
        both = cells[cells["read"] & (cells["value_before"].abs() > 0) & cells["value"].notna()]
        # A cell's own factor: the middle one of a series of two areas is that of neither.
        own = both["value"] / both["value_before"]
        moved, factors = both[~own.between(*SCALE)], own[~own.between(*SCALE)]
        if moved.empty:
            return check.observed
        factor = float(factors.sort_values().iloc[len(factors) // 2])
        alike = moved[(factors / factor - 1).abs() <= _SAME]
        if factor and 2 * len(alike) > len(moved):
            self.told.append(alike)
            return (
                f"{len(alike)} of {len(both)} values are {number(float(f'{factor:.4g}'))} times those "
                f"of the vintage before ({self._cell(alike)})"
            )
        self.told.append(moved)
        return (
            f"{len(moved)} of {len(both)} values moved by a factor of two or more "
            f"({self._cell(moved)})"
        )

    def _missing(self, check: CheckResult, what: str, column: str, of: int) -> str:
        names = [str(r["missing"]) for r in check.rows if "missing" in r]
        extra = [str(r["not_expected"]) for r in check.rows if "not_expected" in r]
        said = []
        if names:
            if self.frames.cells is not None:
                cells = self.frames.cells
                self.told.append(cells[cells[column].astype(str).isin(names)])
            count = f"{len(names)} of {of} " if of else ""
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            said.append(f"{count}{what} missing: {', '.join(names[:3])}{more}")
        if extra:
            said.append(f"{len(extra)} {what} that are not known: {', '.join(extra[:3])}")
        return ", ".join(said) or check.observed

    def _faults(self, check: CheckResult) -> str:
        reasons = {str(r["fault"]) for r in check.rows}
        bad = self.read[self.read["fault"].isin(reasons)]
        years = pd.to_numeric(bad["period"].str[:4], errors="coerce")
        self.told.append(bad.assign(year=years.fillna(-1).astype("int64")))
        what = "are given twice" if check.name == "no_duplicates" else "are no numbers of a year"
        return f"{check.failing_rows} of {len(self.read)} values {what} ({self._first(check.rows)})"

    def _units(self, check: CheckResult) -> str:
        units = sorted({str(r.get("used_unit")) for r in check.rows})
        return f"{check.failing_rows} values have a unit that is not known: {', '.join(units[:3])}"

    def _other_unit(self, check: CheckResult) -> str:
        row = self._home(check.rows)
        return (
            f"{check.failing_rows} values are in another unit than before ({self._at(row)}: the unit "
            f"is {row['unit']}, it was {row['unit_before']})"
        )

    def _outside(self, check: CheckResult) -> str:
        bad = self.read[self.read["excess"] > 0]
        if self._known(bad):
            return ""
        row = self._home(check.rows)
        return (
            f"{len(bad)} of {len(self.read)} values lie outside their range ({self._at(row)}: "
            f"{number(row['value'])} is not between {row['low']:.6g} and {row['high']:.6g})"
        )

    def _gone(self, check: CheckResult) -> str:
        cells = self.frames.cells
        if cells is None:
            return check.observed
        lost = cells[(cells["lost"] > 0) & cells["read"]]
        if self._known(lost):
            return ""
        row = self._home(check.rows)
        return (
            f"{len(lost)} of {int(cells['read'].sum())} values of the vintage before are gone "
            f"({self._at(row)}: it was {number(row['value_before'])} and is gone)"
        )

    def _fewer(self, check: CheckResult) -> str:
        if set(self.failed) & {
            "codes",
            "geos_declared",
            "no_lost_cells",
            "numbers",
            "no_duplicates",
        }:
            return ""
        return f"only {check.rows[0]['kept']:.0%} of the cells of the vintage before are there"

    def _known(self, cells: pd.DataFrame) -> bool:
        """Whether sentences before have spoken of all these cells."""
        if not self.told:
            return False
        told = pd.concat([t[_CELL] for t in self.told], ignore_index=True).drop_duplicates()
        return len(cells[_CELL].merge(told, on=_CELL)) == len(cells)

    def _cell(self, cells: pd.DataFrame) -> str:
        """A cell for example: the latest of home where there is one."""
        mine = cells[cells["geo"] == HOME]
        row = (mine if len(mine) else cells).sort_values("year", kind="stable").iloc[-1]
        return f"{self._at(row)}: {number(row['value'])}, was {number(row['value_before'])}"

    def _first(self, rows: Sequence[Mapping[str, Any]]) -> str:
        row = self._home(rows)
        fault = str(row["fault"])
        return f"{self._at(row)} {_FAULTS.get(fault, fault.replace('_', ' '))}"

    @staticmethod
    def _home(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return next((r for r in rows if r.get("geo") == HOME), rows[0])

    @staticmethod
    def _at(row: Any) -> str:
        geo = str(row["geo"]).removesuffix("_2020")
        return f"{brief(str(row['series_key']))}, {geo} {row.get('period') or row.get('year')}"
