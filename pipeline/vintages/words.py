"""Why a vintage waits, in sentences for people: each thing once, with one example.

A check that failed only because of what an earlier sentence says gets no sentence of its own: its name
is added to the brackets behind that one. What is expected stands in expected.py, the sentences in texts.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.areas import HOME
from pipeline.formats.keys import canonical
from pipeline.quality.results import CheckResult
from pipeline.series_key import dims_of
from pipeline.vintages.expected import SCALE, Frames
from pipeline.vintages.texts import said, written

_CELL = ["series_key", "geo", "year"]
# Dimensions that say nothing of what a series is about, where there are others.
_ASIDE = ("FREQ", "UNIT", "UNIT_MEASURE")
_SAME = 0.01  # cells that moved by the same factor, as nearly as figures are rounded


def brief(series_key: str) -> str:
    """A series by its codes: `airpol=GHG|freq=A|unit=THS_T` as GHG."""
    dims = dims_of(series_key)
    told = [code for name, code in dims.items() if canonical(name) not in _ASIDE]
    return ", ".join(told or dims.values()) or series_key


def number(value: float, lang: str = "en") -> str:
    """A figure as the language writes it, with thousands apart where there are five digits or more."""
    return written(f"{value:,.10g}" if abs(value) >= 10_000 else f"{value:.10g}", lang)


def reason(failed: Sequence[CheckResult], frames: Frames, lang: str = "en") -> str:
    """What failed, in sentences of a language; empty if nothing did."""
    words = _Words(frames, {c.name: c for c in failed}, lang)
    return "; ".join(words.sentences())


class _Words:
    """The sentences of one verdict in one language. `failed`: check → its outcome."""

    def __init__(self, frames: Frames, failed: Mapping[str, CheckResult], lang: str) -> None:
        self.frames, self.failed, self.lang = frames, failed, lang
        rows = frames.rows
        self.read = rows[rows["read"]]
        self.told: list[pd.DataFrame] = []  # cells that a sentence has spoken of

    def sentences(self) -> list[str]:
        """In the order in which one thing explains the next."""
        tell: dict[str, Callable[[CheckResult], str]] = {
            "as_asked": self._observed,
            "schema": self._observed,
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
        found: list[tuple[str, list[str]]] = []
        for name in [*tell, *(n for n in self.failed if n not in tell)]:
            check = self.failed.get(name)
            if check is None:
                continue
            sentence = tell.get(name, self._observed)(check)
            if sentence or not found:
                found.append((sentence or self._observed(check), [name]))
            else:
                found[-1][1].append(name)  # it follows from what was told
        return [f"{sentence} [{', '.join(names)}]" for sentence, names in found]

    def _say(self, key: str, **parts: Any) -> str:
        return said(key, self.lang, **parts)

    def _number(self, value: float) -> str:
        return number(value, self.lang)

    def _observed(self, check: CheckResult) -> str:
        """What was seen, where no sentence says it better."""
        key = check.name if check.name in ("as_asked", "schema") else "other"
        return self._say(key, observed=check.observed)

    def _scale(self, check: CheckResult) -> str:
        cells = self.frames.cells
        if cells is None:
            return self._observed(check)
        both = cells[cells["read"] & (cells["value_before"].abs() > 0) & cells["value"].notna()]
        # Cell by cell, not by the median of a series: of two areas that is the factor of neither.
        own = both["value"] / both["value_before"]
        moved, factors = both[~own.between(*SCALE)], own[~own.between(*SCALE)]
        if moved.empty:
            return self._observed(check)
        factor = float(factors.sort_values().iloc[len(factors) // 2])
        alike = moved[(factors / factor - 1).abs() <= _SAME]
        if factor and 2 * len(alike) > len(moved):
            self.told.append(alike)
            times = self._number(float(f"{factor:.4g}"))
            return self._say(
                "scale.alike", n=len(alike), of=len(both), factor=times, cell=self._cell(alike)
            )
        self.told.append(moved)
        return self._say("scale.other", n=len(moved), of=len(both), cell=self._cell(moved))

    def _missing(self, check: CheckResult, what: str, column: str, of: int) -> str:
        names = [str(r["missing"]) for r in check.rows if "missing" in r]
        extra = [str(r["not_expected"]) for r in check.rows if "not_expected" in r]
        found, what = [], self._say(f"what.{what}")
        if names:
            if self.frames.cells is not None:
                cells = self.frames.cells
                self.told.append(cells[cells[column].astype(str).isin(names)])
            first = ", ".join(names[:3])
            if len(names) > 3:
                first = self._say("missing.more", names=first, n=len(names) - 3)
            key = "missing.of" if of else "missing"
            found.append(self._say(key, what=what, names=first, n=len(names), of=of))
        if extra:
            first = ", ".join(extra[:3])
            found.append(self._say("missing.unknown", what=what, names=first, n=len(extra)))
        return ", ".join(found) or self._observed(check)

    def _faults(self, check: CheckResult) -> str:
        reasons = {str(r["fault"]) for r in check.rows}
        bad = self.read[self.read["fault"].isin(reasons)]
        years = pd.to_numeric(bad["period"].str[:4], errors="coerce")
        self.told.append(bad.assign(year=years.fillna(-1).astype("int64")))
        first = self._first(check.rows)
        return self._say(check.name, n=check.failing_rows, of=len(self.read), first=first)

    def _units(self, check: CheckResult) -> str:
        units = sorted({str(r.get("used_unit")) for r in check.rows})
        return self._say("units", n=check.failing_rows, names=", ".join(units[:3]))

    def _other_unit(self, check: CheckResult) -> str:
        row = self._home(check.rows)
        return self._say(
            "unit_change",
            n=check.failing_rows,
            at=self._at(row),
            unit=row["unit"],
            before=row["unit_before"],
        )

    def _outside(self, check: CheckResult) -> str:
        bad = self.read[self.read["excess"] > 0]
        if self._known(bad):
            return ""
        row = self._home(check.rows)
        low, high = (written(f"{row[end]:.6g}", self.lang) for end in ("low", "high"))
        return self._say(
            "plausible",
            n=len(bad),
            of=len(self.read),
            at=self._at(row),
            value=self._number(row["value"]),
            low=low,
            high=high,
        )

    def _gone(self, check: CheckResult) -> str:
        cells = self.frames.cells
        if cells is None:
            return self._observed(check)
        lost = cells[(cells["lost"] > 0) & cells["read"]]
        if self._known(lost):
            return ""
        row = self._home(check.rows)
        return self._say(
            "no_lost_cells",
            n=len(lost),
            of=int(cells["read"].sum()),
            at=self._at(row),
            before=self._number(row["value_before"]),
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
        return self._say("size_change", share=f"{check.rows[0]['kept']:.0%}")

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
        value, before = self._number(row["value"]), self._number(row["value_before"])
        return self._say("cell", at=self._at(row), value=value, before=before)

    def _first(self, rows: Sequence[Mapping[str, Any]]) -> str:
        row = self._home(rows)
        fault = self._say(f"fault.{row['fault']}")
        return f"{self._at(row)} {fault}"

    @staticmethod
    def _home(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return next((r for r in rows if r.get("geo") == HOME), rows[0])

    @staticmethod
    def _at(row: Any) -> str:
        geo = str(row["geo"]).removesuffix("_2020")
        return f"{brief(str(row['series_key']))}, {geo} {row.get('period') or row.get('year')}"
