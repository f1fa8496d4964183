"""What is expected of a vintage's rows: from the registry, its declared scope, the vintage before.

What is read is judged: the series that indicators need, in the areas that are compared. The rest
is counted and told. Giving the verdict belongs in validate.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from pipeline.areas import HOME
from pipeline.formats.keys import canonical
from pipeline.progress.method import PEERS_WINDOW, RANGE_POINTS, RANGE_SHARE, RANGE_SPANS
from pipeline.quality.suite import Wanted
from pipeline.vintages.store import Vintage

_ROWS = [
    "series_key", "geo", "period", "year", "value", "unit", "flags", "reason", "low", "high",
    "excess", "used_series", "used_unit", "fault", "unit_before", "other_unit",
]  # fmt: skip
_CELL = ["series_key", "geo", "year"]
_BAD_NUMBER = ["not_a_number", "not_finite", "period_not_read"]
_SIZE_KEPT = 0.9
SCALE = (0.5, 2.0)  # between which a series may move as a whole
_COMPARED_ALONE = 4  # cells of one area from which its scale is compared by itself
# Years of other areas that are compared: the window of marts.peers and the year before it.
_RECENT = PEERS_WINDOW + 1


@dataclass(frozen=True)
class Rules:
    """What the registry says of a dataset's rows. `needs`: series → [low, high] of its range;
    `own`: series for which that is the indicator's, so that history adds nothing; `since`: series →
    the first year that is read, where it is not every year; `geos`: areas that are compared.
    Nothing in `needs`: every row is read, within `others`, if that is a range."""

    format: str
    code: str | None
    forms: list[str]
    needs: dict[str, list[float]]
    own: list[str]
    since: dict[str, int]
    geos: list[str]
    others: list[float]

    def read(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Which rows something reads; a year below 0 is not known."""
        if not self.needs:
            return pd.Series(True, index=frame.index)
        since = frame["series_key"].map(self.since).fillna(0)
        late = (frame["year"] >= since) | (frame["year"] < 0)
        return frame["series_key"].isin(list(self.needs)) & frame["geo"].isin(self.geos) & late


@dataclass(frozen=True)
class Frames:
    """A vintage's rows as its expectations see them. `rows`: all that came in, usable or not;
    `cells`: one a cell of the vintage before, None without one. Each has a column `read`."""

    rules: Rules
    vintage: Vintage
    rows: pd.DataFrame
    cells: pd.DataFrame | None

    @classmethod
    def of(
        cls,
        good: pa.Table,
        bad: pa.Table,
        rules: Rules,
        vintage: Vintage,
        old: pd.DataFrame | None,
        before: Vintage | None,
    ) -> Frames:
        """`old`: the observations of `before`, the accepted vintage before it, if there is one."""
        new = good.to_pandas()
        cells = None
        if old is not None and before is not None:
            cells = _cells(new, old, rules, vintage, before)
        return cls(rules, vintage, _rows(new, bad.to_pandas(), rules, old), cells)

    def expected(self) -> Iterator[tuple[pd.DataFrame, dict[str, Wanted]]]:
        """Frames, each with what is expected of it: check → expectation."""
        yield self.rows[_ROWS], self._of_rows()
        if self.cells is not None:
            yield (
                self.cells[self.cells["read"]].drop(columns=["read"]),
                {
                    "no_lost_cells": ("between", {"column": "lost", "min": 0, "max": 0}),
                    "size_change": ("between", {"column": "kept", "min": _SIZE_KEPT, "max": 1}),
                    "scale_change": (
                        "between",
                        {"column": "scale", "min": SCALE[0], "max": SCALE[1]},
                    ),
                },
            )

    def _of_rows(self) -> dict[str, Wanted]:
        rules, scope = self.rules, self.vintage.scope
        doubled = ["duplicate_differs"]
        if self.vintage.reading(rules.format, None)["format"] != "curated_csv":
            # A machine interface gives a cell once; a table made by hand may quote it twice.
            doubled.append("duplicate_same")
        wanted: dict[str, Wanted] = {
            "schema": ("schema", {"columns": _ROWS}),
            "plausible": ("between", {"column": "excess", "min": 0, "max": 0}),
            "no_duplicates": ("not_in_set", {"column": "fault", "values": doubled}),
            "numbers": ("not_in_set", {"column": "fault", "values": _BAD_NUMBER}),
        }
        if not self.vintage.partial:
            wanted["unit_change"] = ("between", {"column": "other_unit", "min": 0, "max": 0})
        asked = self.vintage.manifest.get("asked")
        series = set(rules.needs)
        if self.vintage.partial:
            # Compared, never used: it need not hold every series.
            series &= set(scope.get("series") or ())
        if series:
            wanted["codes"] = ("contains", {"column": "used_series", "values": sorted(series)})
        elif not rules.needs and scope.get("series") and not isinstance(asked, dict):
            values = sorted(scope["series"])
            wanted["codes"] = ("equals_set", {"column": "used_series", "values": values})
        if isinstance(asked, dict):
            # What was asked for, not what is there: areas and years that the publisher does not
            # have are no fault; what came beyond it is as_asked's.
            geos, years = [str(asked.get("home", ""))], []
        else:
            geos = [g for g in scope.get("geos") or () if not rules.needs or g in rules.geos]
            years = sorted(set(scope.get("years") or ()) - self._years_of_others())
        for name, column, values in (
            ("geos_declared", "geo", geos),
            ("years_declared", "year", years),
        ):
            if values:
                wanted[name] = ("contains", {"column": column, "values": values})
        if scope.get("units"):
            wanted["units"] = ("in_set", {"column": "used_unit", "values": list(scope["units"])})
        return wanted

    def _years_of_others(self) -> set[int]:
        """Years of which the vintage before had figures, and none that is read."""
        if self.cells is None:
            return set()
        return set(self.cells["year"]) - set(self.cells.loc[self.cells["read"], "year"])

    def aside(self) -> dict[str, str]:
        """Check → what it would say of rows that nothing reads, where that is something."""
        rows, scope, said = self.rows[~self.rows["read"]], self.vintage.scope, {}
        if number := int((rows["reason"] == "implausible").sum()):
            said["plausible"] = f"{number} values out of their range"
        if number := int(rows["reason"].isin(_BAD_NUMBER).sum()):
            said["numbers"] = f"{number} that are no number"
        if number := int(rows["reason"].isin(["duplicate_differs", "duplicate_same"]).sum()):
            said["no_duplicates"] = f"{number} given twice"
        if self.rules.needs and not isinstance(self.vintage.manifest.get("asked"), dict):
            seen = set(self.rows.loc[self.rows["reason"].isna(), "series_key"])
            for name, what, there, declared in (
                ("codes", "series", seen, set(scope.get("series") or ())),
                ("geos_declared", "areas", set(self.rows["geo"]), set(scope.get("geos") or ())),
            ):
                lost, new = len(declared - there - set(self.rules.needs)), len(there - declared)
                if declared and (lost or new):
                    said[name] = f"{lost} declared {what} missing, {new} {what} not declared"
        if self.cells is not None:
            lost = int(
                (self.cells["gone"] & ~((self.cells["lost"] > 0) & self.cells["read"])).sum()
            )
            if lost:
                said["no_lost_cells"] = f"{lost} cells gone"
        if number := int(rows["unit_differs"].sum()):
            said["unit_change"] = f"{number} rows in another unit"
        wanted = {name for _, checks in self.expected() for name in checks}
        return {name: text for name, text in said.items() if name in wanted}


def _rows(
    good: pd.DataFrame, bad: pd.DataFrame, rules: Rules, old: pd.DataFrame | None
) -> pd.DataFrame:
    """`excess`: the distance from its range, of what is read; `used_series` and `used_unit` are
    null on rows that cannot be used; `fault` is the reason, and `other_unit` 1 for a unit that is
    not that of the series, where something reads the row."""
    before, differs = _units(good, old)
    good = good.assign(reason=None, unit_before=before, unit_differs=differs)
    bad = bad.assign(year=-1, value=float("nan"), unit=None, unit_before=None, unit_differs=False)
    frame = pd.concat([good, bad], ignore_index=True) if len(bad) else good
    frame["read"] = rules.read(frame)
    low, high = _ranges(frame, rules, old)
    frame["low"], frame["high"] = low, high
    excess = (low - frame["value"]).clip(lower=0) + (frame["value"] - high).clip(lower=0)
    frame["excess"] = pd.to_numeric(excess).fillna(0.0).where(frame["read"], 0.0)
    usable = frame["reason"].isna()
    frame["used_series"] = frame["series_key"].where(usable)
    frame["used_unit"] = frame["unit"].where(usable & frame["read"])
    frame["fault"] = frame["reason"].where(frame["read"])
    frame["other_unit"] = (frame["unit_differs"] & frame["read"]).astype("int64")
    return frame


def _ranges(
    frame: pd.DataFrame, rules: Rules, old: pd.DataFrame | None
) -> tuple[pd.Series[float], pd.Series[float]]:
    """The least and the greatest value of each row: what its series may have, and where that is
    its unit's bounds only, not far from what the area had in the vintage before."""
    series = frame["series_key"]
    none = [float("nan")] * 2
    low, high = (
        series.map({k: ends[i] for k, ends in rules.needs.items()})
        if rules.needs
        else pd.Series((rules.others or none)[i], index=frame.index)
        for i in (0, 1)
    )
    low, high = low.astype("float64"), high.astype("float64")
    if old is None:
        return low, high
    known = old[~old["series_key"].isin(rules.own)].groupby(["series_key", "geo"])["value"]
    found = known.agg(["count", "min", "max", "median"])
    found["far"] = (RANGE_SPANS * (found["max"] - found["min"])).clip(
        lower=RANGE_SHARE * found["median"].abs()
    )
    # A series that was always 0 says nothing of what it may become.
    found = found[(found["count"] >= RANGE_POINTS) & (found["far"] > 0)]
    at = pd.MultiIndex.from_arrays([series, frame["geo"]])
    least = pd.Series((found["min"] - found["far"]).reindex(at).to_numpy(), index=frame.index)
    most = pd.Series((found["max"] + found["far"]).reindex(at).to_numpy(), index=frame.index)
    return low.combine(least, max).where(least.notna(), low), high.combine(most, min).where(
        most.notna(), high
    )


def _units(new: pd.DataFrame, old: pd.DataFrame | None) -> tuple[pd.Series[str], pd.Series[bool]]:
    """The unit that the series of each row had in the vintage before, else has most often in this
    one; and whether the row's is another."""
    usual = _usual(new) | (_usual(old) if old is not None else {})
    before = new["series_key"].map(usual).fillna("")
    # Whatever its case and signs; what states no unit says nothing against one.
    now = new["unit"].fillna("")
    plain = {u: canonical(u) or u for u in {*before.unique(), *now.unique()}}
    differs = before.map(plain) != now.map(plain)
    return before, differs & (before != "") & (now != "")


def _usual(rows: pd.DataFrame) -> dict[str, str]:
    """Series → the unit that most of its rows have; none for a series without one."""
    named = rows[rows["unit"].fillna("") != ""]
    counts = named.groupby(["series_key", "unit"]).size().reset_index(name="n")
    counts = counts.sort_values(["series_key", "n", "unit"], ascending=[True, False, True])
    first = counts.drop_duplicates("series_key")
    return dict(zip(first["series_key"], first["unit"], strict=True))


def _cells(
    new: pd.DataFrame, old: pd.DataFrame, rules: Rules, vintage: Vintage, before: Vintage
) -> pd.DataFrame:
    """One row for each cell of `before` inside the scope that both vintages declare.

    `gone`: the new vintage lacks it. `lost` (0 or 1): it is gone and that matters: any year of home,
    and of other areas the last _RECENT years, which are compared with it (every year where the
    registry needs no series by name). `kept`: the share of the cells
    that are read which are still there. `scale`: by what factor its series moved.
    """
    for column, key in (("series_key", "series"), ("geo", "geos"), ("year", "years")):
        for scope in (vintage.scope, before.scope):
            if scope.get(key):
                old = old[old[column].isin(scope[key])]
    cells = old.merge(new[[*_CELL, "value"]], on=_CELL, how="left", suffixes=("_before", ""))
    cells["read"] = rules.read(cells)
    cells["gone"] = cells["value"].isna()
    last = cells.groupby(["series_key", "geo"])["year"].transform("max")
    recent = (cells["geo"] == HOME) | (cells["year"] > last - _RECENT) | (not rules.needs)
    cells["lost"] = (cells["gone"] & recent).astype("int64")
    cells["scale"] = _scales(cells)
    read = cells[cells["read"]]
    cells["kept"] = 1.0 - read["gone"].mean() if len(read) else 1.0
    return cells[[*_CELL, "value_before", "value", "gone", "lost", "scale", "kept", "read"]]


def _scales(cells: pd.DataFrame) -> pd.Series[float]:
    """By what a series moved as a whole, or an area of it by itself where that is further off."""
    both = cells[cells["read"] & (cells["value"].abs() > 0) & (cells["value_before"].abs() > 0)]
    ratio = both["value"] / both["value_before"]
    by_series = ratio.groupby(both["series_key"]).median()
    whole = cells["series_key"].map(by_series).fillna(1.0)
    groups = ratio.groupby([both["series_key"], both["geo"]])
    alone = groups.median()[groups.size() >= _COMPARED_ALONE]
    at = pd.MultiIndex.from_arrays([cells["series_key"], cells["geo"]])
    own = pd.Series(alone.reindex(at).to_numpy(), index=cells.index)
    off = own.notna() & ~own.between(*SCALE)
    return whole.where(~off, own)
