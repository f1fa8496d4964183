"""A published release, read back: its rows, and the question behind each of its statuses.

Everything comes from the release's own Parquet files; registry, vintages and work folder are not
looked at. What is told about a release belongs in explain.py and diff.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.areas import HOME
from pipeline.release.record import current_of
from pipeline.release.swap import published_names

if TYPE_CHECKING:
    from pipeline.progress.assess import Observation, Question

_NEEDED = {
    "indicators": ("may_be_zero", "formula", "fingerprint", "breaks"),
    "indicator_targets": ("documented_baseline", "path"),
    "sub_mission_progress": ("override_date",),
    "indicator_progress": ("window_value", "fragile_statuses", "method_version"),
}
Row = dict[str, Any]
Pair = tuple[str, str]


class ReleaseError(ValueError):
    """A release that is not there or cannot be read: one line."""


@dataclass(frozen=True)
class Release:
    """One release's folder. ReleaseError from any property if it lacks what this version needs."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def rows(self, table: str) -> list[Row]:
        """Every row of a mart; ReleaseError if the release has no such table."""
        # Here: who asks for a release's folder alone, as `report` and `--version` do, needs no Arrow.
        import pyarrow.parquet as pq

        path = self.folder / f"{table}.parquet"
        try:
            found = pq.read_table(path)
        except OSError as error:
            raise ReleaseError(
                f"release {self.name}: {path.name} is missing or damaged: run again"
            ) from error
        if lost := [c for c in _NEEDED.get(table, ()) if c not in found.column_names]:
            raise ReleaseError(
                f"release {self.name}: {table} has no {lost[0]}; an older version made it: run again"
            )
        rows: list[Row] = found.to_pylist()
        return rows

    def has(self, table: str) -> bool:
        return (self.folder / f"{table}.parquet").exists()

    @cached_property
    def progress(self) -> dict[Pair, Row]:
        """(indicator, target) → its row of indicator_progress."""
        return {
            (r["indicator_id"], r["target_id"]): r
            for r in self.rows("indicator_progress")
            if r["geo"] == HOME
        }

    @cached_property
    def indicators(self) -> dict[str, Row]:
        return {r["indicator_id"]: r for r in self.rows("indicators")}

    @cached_property
    def pairs(self) -> dict[Pair, Row]:
        """(indicator, target) → its row of indicator_targets."""
        return {(r["indicator_id"], r["target_id"]): r for r in self.rows("indicator_targets")}

    @cached_property
    def targets(self) -> dict[str, Row]:
        return {r["target_id"]: r for r in self.rows("targets")}

    @cached_property
    def series(self) -> dict[str, list[Row]]:
        """Indicator → its Dutch observations, by year."""
        found: dict[str, list[Row]] = {}
        for row in self.rows("observations"):
            if row["geo"] == HOME:
                found.setdefault(row["indicator_id"], []).append(row)
        return {name: sorted(rows, key=lambda r: r["period"]) for name, rows in found.items()}

    @cached_property
    def sources(self) -> dict[str, Row]:
        """source/dataset → its row of source_status."""
        return {f"{r['source']}/{r['dataset']}": r for r in self.rows("source_status")}

    @cached_property
    def reference(self) -> date:
        day = next(iter(self.progress.values()))["as_of"]
        assert isinstance(day, date)
        return day

    @cached_property
    def method(self) -> str:
        return str(next(iter(self.progress.values()))["method_version"])

    def observations(self, indicator: str) -> list[Observation]:
        """The indicator's Dutch observations as the arithmetic takes them."""
        # Here and in `question`: the arithmetic brings scipy, which a release's rows do not need.
        from pipeline.progress.assess import Observation

        return [
            Observation(r["period"], r["value"], frozenset(r["flags"] or ()))
            for r in self.series.get(indicator, [])
        ]

    def vintages(self, indicator: str) -> frozenset[str]:
        """Ids of the vintages that the indicator's Dutch observations come from."""
        return frozenset(
            one for r in self.series.get(indicator, []) for one in r["vintage_id"].split("+")
        )

    def question(self, pair: Pair) -> Question:
        """What was asked of the series; a release of an earlier method lacks some columns."""
        from pipeline.progress.assess import Question

        indicator, target = pair
        item, asked = self.indicators[indicator], self.pairs[pair]
        return Question(
            direction=item["direction"],
            fit=item["fit"],
            cadence=item["cadence"],
            kind=asked["kind"],
            number=asked["number"],
            target_year=asked["target_year"],
            base_year=asked["base_year"],
            base_year_basis=asked["base_year_basis"],
            documented_baseline=asked["documented_baseline"],
            milestone_state=self.targets.get(target, {}).get("milestone_state"),
            may_be_zero=bool(item["may_be_zero"]),
            modelled=bool(item.get("modelled")),
            bound_low=item.get("bound_low"),
            bound_high=item.get("bound_high"),
            breaks=tuple(item["breaks"] or ()),
            carried_forward=tuple(
                r["period"] for r in self.series.get(indicator, []) if r["carried_forward"]
            ),
            milestones_on_path=tuple(self._on_the_path(pair)),
            path=asked["path"],
        )

    def _on_the_path(self, pair: Pair) -> Iterator[tuple[int, float]]:
        """(year, value) of the indicator's earlier commitments."""
        end = self.pairs[pair]["target_year"]
        for (indicator, _), other in sorted(self.pairs.items()):
            year, value = other["target_year"], other["target_value"]
            if indicator != pair[0] or other["strength"] != "commitment" or end is None:
                continue
            if year is not None and value is not None and year < end:
                yield year, value


def is_problem(source: Mapping[str, Any]) -> bool:
    """Whether a dataset (a row of source_status) is not on its newest vintage, or has none though it
    should have. A release of an earlier version does not say which wait for their first pull."""
    return bool(source["pending"] or not (source["vintage_id"] or source.get("waits_for_pull")))


def kept(marts: Path) -> list[Path]:
    """Folders of the releases that are kept: the current one first, then the newest."""
    releases = marts / "releases"
    if not releases.is_dir():
        return []
    current = (marts / "current").resolve()
    return sorted(
        (p.resolve() for p in releases.iterdir() if p.is_dir() and not p.name.startswith(".")),
        key=lambda p: (p != current, -p.stat().st_mtime, p.name),
    )


def find(marts: Path, name: str) -> Release:
    """The release that an id, the start of one, `current` or a folder names.

    ReleaseError if there is none or the start fits several.
    """
    found = kept(marts)
    current = current_of(marts)
    if not found or (name == "current" and current is None):
        beside = "; not published: " + ", ".join(p.name for p in found) if found else ""
        raise ReleaseError(
            f"nothing is published in {marts}: run `missiemonitor run` first{beside}"
        )
    if name == "current":
        return Release(marts.resolve() / "releases" / str(current))
    fits = [p for p in found if p.name.startswith(name)] if name else []
    if len(fits) == 1:
        return Release(fits[0])
    if not fits and (Path(name) / "indicator_progress.parquet").is_file():
        return Release(Path(name).resolve())
    said = "fits several releases" if fits else "no such release"
    raise ReleaseError(f"{name}: {said}; kept are {', '.join(p.name for p in found)}")


def before_it(marts: Path, release: Release) -> Release:
    """What a release is compared with: the one that was published before the current one, the
    current one for any other. ReleaseError if there is none."""
    if release.name != current_of(marts):
        return find(marts, "current")
    others = [name for name in published_names(marts) if name != release.name]
    if not others:
        raise ReleaseError("one release was published; there is none before it to compare with")
    return find(marts, others[-1])
