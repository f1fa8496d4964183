"""What the page shows, gathered from the Parquet files of a release: missions, indicators, totals.

A table or column that a release does not have counts as empty, and the page leaves it out.
Layout belongs to the templates, wording to `sentences` and the catalogue (`messages`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.areas import HOME
from pipeline.languages import LANGUAGES
from pipeline.report.numbers import Row, for_people, typeset
from pipeline.report.statuses import STATUSES
from pipeline.report.totals import rank, totals


def read_tables(release: Path) -> dict[str, list[Row]]:
    """Every table of the release, rows in the order of its file."""
    tables: dict[str, list[Row]] = defaultdict(list)
    for place, file in enumerate(sorted(release.glob("*.parquet"))):
        rows = tables[file.stem]
        # Not pq.read_table: that imports pyarrow's dataset layer, and pandas with it.
        with pq.ParquetFile(file) as parquet:
            found = parquet.read().to_pylist()
            places = {name: at for at, name in enumerate(parquet.schema_arrow.names)}
        for n, cells in enumerate(found):
            row = Row(cells)
            row.at, row.places = f"{place}:{n}", places
            rows.append(row)
    return tables


# Tables whose amounts are in the unit of their indicator.
_IN_UNIT = (
    "indicator_progress", "indicator_targets", "observations", "official_projections", "peers",
    "revisions", "target_path",
)  # fmt: skip


# Names and notes of our own registry; the letter's words stay as they are.
_OURS = ("title", "short", "label", "caveat", "gap", "closes")


def _typeset(tables: dict[str, list[Row]]) -> None:
    for name in ("missions", "indicators", "official_projections", "gaps", "mission_gaps"):
        for row in tables[name]:
            for column in (f"{c}_{lang}" for c in _OURS for lang in LANGUAGES):
                if row[column]:
                    row[column] = typeset(row[column])


def _scale(tables: dict[str, list[Row]]) -> None:
    """Let each row know in which size of its unit a reader is shown it."""
    scales = {i["indicator_id"]: for_people(i["unit"] or "")[1] for i in tables["indicators"]}
    for name in _IN_UNIT:
        for row in tables[name]:
            if not row["per_head"]:
                row.scale = scales.get(row["indicator_id"], 1.0)


def _group(rows: Iterable[Row], *keys: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[k] for k in keys) if len(keys) > 1 else row[keys[0]]].append(row)
    return found


class Content:
    """The tables of a release, joined the way the page needs them.

    KeyError if a mission has no row in the progress tables.
    """

    def __init__(self, release: Path) -> None:
        self.tables = t = read_tables(release)
        _scale(t)
        _typeset(t)
        self.files = sorted(f.stem for f in release.glob("*.parquet"))
        self.release = release.resolve().name.lstrip(".").split(".")[0]
        self.missions = {m["mission_id"]: m for m in sorted(t["missions"], key=_place)}
        self.indicators = {i["indicator_id"]: i for i in sorted(t["indicators"], key=_place)}
        self.targets = {x["target_id"]: x for x in t["targets"]}
        self.readings = {(x["indicator_id"], x["target_id"]): x for x in t["indicator_targets"]}
        home = [p for p in t["indicator_progress"] if p["geo"] == HOME]
        self.progress = {(p["indicator_id"], p["target_id"]): p for p in home}
        self.as_of = max((p["as_of"] for p in home), default=None)
        self.method_version = max((p["method_version"] for p in home), default=None)
        self.standing = {s["mission_id"]: s for s in t["sub_mission_progress"]}
        self.counts = {s["mission_id"]: s for s in t["mission_progress"]}
        self.sources = {(s["source"], s["dataset"]): s for s in t["source_status"]}
        self.gaps = {(g["indicator_id"], g["target_id"]): g for g in t["gaps"]}
        self.mission_gaps = {g["mission_id"]: g for g in t["mission_gaps"]}
        self._coverage = _group(t["projection_coverage"], "persistence")
        # All classes of persistence together.
        self.coverage = {c["horizon"]: c for k in ("all", None) for c in self._coverage[k]}
        self._observations = _group(t["observations"], "indicator_id", "geo")
        self._paths = _group(
            (x for x in t["target_path"] if x["geo"] == HOME), "indicator_id", "target_id"
        )
        self._opinions = _group(
            (x for x in t["second_opinions"] if x["geo"] in (HOME, None)),
            "indicator_id",
            "target_id",
        )
        self._peers = _group(t["peers"], "indicator_id")
        self._official = _group(t["official_projections"], "indicator_id")
        self._by_mission = _group(self.indicators.values(), "mission_id")
        self._pairs = _group(t["indicator_targets"], "indicator_id")
        # The templates ask for these many times.
        self._rows = {i: self._rows_of(i) for i in self.indicators}
        self._drawn = {i: self._drawn_of(i) for i in self.indicators}

    # ---- missions

    @property
    def central(self) -> list[Row]:
        """The five central missions, in the letter's order."""
        return [m for m in self.missions.values() if m["level"] == "mission"]

    def children(self, mission_id: str | None) -> list[Row]:
        """The missions right below one, in the letter's order; the central ones for None."""
        return [m for m in self.missions.values() if m["parent_id"] == mission_id]

    def ancestry(self, mission_id: str) -> list[Row]:
        """The mission and those above it, the topmost first."""
        mission = self.missions[mission_id]
        above = self.ancestry(mission["parent_id"]) if mission["parent_id"] else []
        return [*above, mission]

    def state(self, mission_id: str) -> Row:
        """Status, reason and what decides: of a sub-mission, or of a mission by its own headlines."""
        if (row := self.standing.get(mission_id)) is not None:
            return row
        source = self.counts[mission_id]
        own = Row({k.removeprefix("own_"): v for k, v in source.items() if k.startswith("own_")})
        own.at, own.places, own.prefix = source.at, source.places, "own_"
        own["mission_id"] = mission_id
        return own

    def deciding(self, mission_id: str) -> Row | None:
        """The progress row that decides the status, or that gives the reason why there is none."""
        state = self.state(mission_id)
        if state["worst_indicator_id"]:
            return self.progress.get((state["worst_indicator_id"], state["worst_target_id"]))
        found = self._first(state["reason_indicator_id"])
        return found if found is not None and found["reason"] == state["reason"] else None

    def _first(self, indicator_id: str | None) -> Row | None:
        rows = [
            self.progress.get((indicator_id, x["target_id"])) for x in self._pairs[indicator_id]
        ]
        counting = [r for r in rows if r is not None and r["counts"]]
        return counting[0] if counting else None

    def neighbours(self, mission_id: str) -> tuple[Row | None, Row | None]:
        """The rows before and after it in the letter's order."""
        order = list(self.missions.values())
        place = next(n for n, m in enumerate(order) if m["mission_id"] == mission_id)
        return (
            order[place - 1] if place else None,
            order[place + 1] if place + 1 < len(order) else None,
        )

    def own_targets(self, mission_id: str) -> list[Row]:
        """The targets that the letter sets a mission, without those of what is below it."""
        return [x for x in self.targets.values() if x["mission_id"] == mission_id]

    def named(self, mission_id: str, column: str) -> list[tuple[str, str | None, Row]]:
        """What a list of a mission holds (`failing`, `unclear`), each once: sub-missions, and the
        mission itself for its own headlines: (anchor, mission or None for itself, its state)."""
        found: dict[str, tuple[str, str | None, Row]] = {}
        for name in self.counts[mission_id][column] or []:
            itself = name not in self.missions
            place = mission_id if itself else name
            found[place] = (place, None if itself else name, self.state(place))
        return [found[m] for m in self.missions if m in found]

    def aged(self) -> list[tuple[str, Row, int]]:
        """Missions and sub-missions that stand on an old figure, or have one too old to judge by:
        (mission, its state, year), the oldest first."""
        found = []
        for mission_id, mission in self.missions.items():
            state = self.state(mission_id)
            year = state["latest_year"]
            if year is None and state["reason"] == "stale":
                decides = self.deciding(mission_id)
                year = decides["latest_year"] if decides is not None else None
            aged = state["is_dated"] or state["reason"] == "stale"
            if aged and mission["level"] != "interim_goal" and year is not None:
                found.append((mission_id, state, int(year)))
        return sorted(found, key=lambda f: f[2])

    def ranked(self) -> list[Row]:
        """The central missions, that with the worst part first."""

        def place(mission: Row) -> tuple[tuple[int, int, int], int]:
            name = mission["mission_id"]
            parts = [name, *(m["mission_id"] for m in self.children(name))]
            count = self.counts[name]
            statuses = (self.state(p)["status"] for p in parts)
            return rank(statuses, count["failing"], count["unclear"]), mission["position"]

        return sorted(self.central, key=place)

    def distance(self, mission_id: str) -> Row | None:
        """Whose way and time a mission's bar shows: its own, else those of its worst sub-mission."""
        for name in (mission_id, self.counts[mission_id]["worst_sub_mission_id"]):
            if name and (state := self.state(name))["share_achieved"] is not None:
                return state
        return None

    def has_number(self, mission_id: str) -> bool:
        """Whether a number is asked of what decides a mission's status, or its worst sub-mission's."""
        names = (mission_id, self.counts[mission_id]["worst_sub_mission_id"])
        rows = [self.deciding(name) for name in names if name]
        return any(row is not None and row["target_value"] is not None for row in rows)

    # ---- indicators

    def indicators_of(self, mission_id: str) -> list[Row]:
        """A mission's own indicators: those that can decide first, context last."""
        weight = {"direct": 0, "proxy": 1, "context": 2}
        return sorted(
            self._by_mission[mission_id],
            key=lambda i: (
                i["fit"] == "context", i["role"] != "headline", weight.get(i["fit"], 3), i["position"],
            ),
        )  # fmt: skip

    def rows(self, indicator_id: str) -> list[Row]:
        """An indicator's progress rows: counting ones first, then by target year."""
        return self._rows[indicator_id]

    def _rows_of(self, indicator_id: str) -> list[Row]:
        found = [
            self.progress[key]
            for x in self._pairs[indicator_id]
            if (key := (indicator_id, x["target_id"])) in self.progress
        ]
        return sorted(
            found, key=lambda p: (not p["counts"], p["target_year"] or 9999, p["target_id"])
        )

    def observed(self, indicator_id: str, geo: str = HOME) -> list[Row]:
        """An indicator's observations in an area, by year."""
        return self._observations[(indicator_id, geo)]

    def at_year(self, indicator_id: str, year: int | None) -> Row | None:
        """Its Dutch observation of a year, if there is one."""
        return next((o for o in self.observed(indicator_id) if o["period"] == year), None)

    def path(self, indicator_id: str, target_id: str) -> list[Row]:
        """The rows of target_path: required, actual and projected value by year."""
        return self._paths[(indicator_id, target_id)]

    def opinions(self, indicator_id: str, target_id: str) -> list[Row]:
        """What the other methods say of the pair, a row each."""
        return self._opinions[(indicator_id, target_id)]

    def peers(self, indicator_id: str) -> list[Row]:
        """The areas that it is compared with: by rank, then those without one."""
        found = self._peers[indicator_id]
        return sorted(
            found, key=lambda p: (p["rank"] is None, p["rank"] or 0, p["position"] or 0, p["geo"])
        )

    def official(self, indicator_id: str) -> list[Row]:
        """The official projections of it, an edition a row."""
        return self._official[indicator_id]

    def source_of(self, indicator: Row) -> Row | None:
        """The row of source_status of its first dataset."""
        return self.sources.get((indicator["source"], indicator["dataset"]))

    def origins(self, indicator: Row) -> list[tuple[str, Row, str | None]]:
        """The datasets that an indicator is made of: name, row of source_status, page for people."""
        first = f"{indicator['source']}/{indicator['dataset']}"
        names = indicator["datasets"] or [first]
        pages = indicator["landing_urls"] or [None] * len(names)
        return [
            (name, self.sources.get(tuple(name.split("/", 1)), Row()), page)
            for name, page in zip(names, pages, strict=True)
        ]

    def band_coverage(self, progress: Row) -> Row | None:
        """Measured coverage of the bands at the distance of this projection, or the nearest one, in
        series whose changes are as persistent as those of this one."""
        held = {c["horizon"]: c for c in self._coverage[progress["persistence"] or "all"]}
        held = held or self.coverage
        if not held or progress["target_year"] is None or progress["latest_year"] is None:
            return None
        far = progress["target_year"] - progress["latest_year"]
        return held[min(held, key=lambda h: (abs(h - far), h))]

    def record(self, progress: Row) -> Row | None:
        """What statuses like this one were worth in the past, at the distance nearest to that of the
        target."""
        # The past has no base year, so no place on a path: one class (see the mart).
        status = {"catching_up": "on_track"}.get(progress["status"], progress["status"])
        rows = [r for r in self.tables["status_track_record"] if r["status"] == status]
        far = (progress["target_year"] or 0) - (progress["latest_year"] or 0)
        return min(rows, key=lambda r: (abs(r["horizon"] - far), r["horizon"]), default=None)

    def drawn(self, indicator_id: str) -> Row | None:
        """The row whose projection the chart draws: counting before others, the worst first."""
        return self._drawn[indicator_id]

    def _drawn_of(self, indicator_id: str) -> Row | None:
        rows = [r for r in self.rows(indicator_id) if r["target_year"] is not None]
        projected = [
            r
            for r in rows
            if any(p["projected"] is not None for p in self.path(indicator_id, r["target_id"]))
        ]
        found = sorted(
            projected or rows,
            key=lambda r: (not r["counts"], r["severity"] or 99, r["target_year"]),
        )
        return next(iter(found), None)

    # ---- totals

    def total(self) -> dict[str, int]:
        """Missions and sub-missions in all, and where they stand (`totals`)."""
        parts = [self.state(m["mission_id"]) for c in self.central for m in self.children(c["mission_id"])]  # fmt: skip
        return totals(((row["own_status"], row) for row in self.counts.values()), parts)

    def spread(self, mission_id: str | None = None) -> dict[str, int]:
        """Number of sub-missions per status that occurs, from the columns n_<status>."""
        rows = self.counts.values() if mission_id is None else [self.counts[mission_id]]
        found = {s: sum(row[f"n_{s}"] or 0 for row in rows) for s in STATUSES}
        return {status: n for status, n in found.items() if n}


def _place(row: Row) -> Any:
    return row["position"]
