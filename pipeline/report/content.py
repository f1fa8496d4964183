"""What the page shows, gathered from the Parquet files of a release: missions, indicators, totals.

A table or column that a release does not have counts as empty, and the page leaves it out.
Layout belongs to the templates, wording to `sentences` and the catalogue (`messages`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.report.numbers import Row

HOME = "NL"
_JOIN = " · "  # of indicator and target in mission_progress.failing


def read_tables(release: Path) -> dict[str, list[Row]]:
    """Every table of the release, rows in the order of its file."""
    tables: dict[str, list[Row]] = defaultdict(list)
    for place, file in enumerate(sorted(release.glob("*.parquet"))):
        rows = tables[file.stem]
        # Not pq.read_table: that imports pyarrow's dataset layer, and pandas with it.
        with pq.ParquetFile(file) as parquet:
            found = parquet.read().to_pylist()
        for n, cells in enumerate(found):
            row = Row(cells)
            row.at = f"{place}:{n}"
            rows.append(row)
    return tables


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
        self.gaps = {g["mission_id"]: g for g in t["mission_gaps"]}
        self.sources = {(s["source"], s["dataset"]): s for s in t["source_status"]}
        # Of all classes of persistence together; earlier releases know no class.
        whole = [c for c in t["projection_coverage"] if c["persistence"] in ("all", None)]
        self.coverage = {c["horizon"]: c for c in whole}
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
        return [m for m in self.missions.values() if m["level"] == "mission"]

    def children(self, mission_id: str | None) -> list[Row]:
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
        own.at, own.prefix = source.at, "own_"
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
        return [x for x in self.targets.values() if x["mission_id"] == mission_id]

    def failing(self, mission_id: str) -> list[tuple[str, str, str]]:
        """What falls behind: (anchor, Dutch name, English name) of sub-missions and own headlines."""
        found = []
        for name in self.counts[mission_id]["failing"] or []:
            if (mission := self.missions.get(name)) is not None:
                found.append((name, mission["short_nl"], mission["short_en"]))
            else:
                indicator = self.indicators.get(name.split(_JOIN, 1)[0])
                labels = (
                    (indicator["label_nl"], indicator["label_en"]) if indicator else (name, name)
                )
                found.append((f"i-{name.split(_JOIN, 1)[0]}", *labels))
        return found

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
        return self._observations[(indicator_id, geo)]

    def at_year(self, indicator_id: str, year: int | None) -> Row | None:
        return next((o for o in self.observed(indicator_id) if o["period"] == year), None)

    def path(self, indicator_id: str, target_id: str) -> list[Row]:
        return self._paths[(indicator_id, target_id)]

    def opinions(self, indicator_id: str, target_id: str) -> list[Row]:
        return self._opinions[(indicator_id, target_id)]

    def peers(self, indicator_id: str) -> list[Row]:
        found = self._peers[indicator_id]
        return sorted(
            found, key=lambda p: (p["rank"] is None, p["rank"] or 0, p["position"] or 0, p["geo"])
        )

    def official(self, indicator_id: str) -> list[Row]:
        return self._official[indicator_id]

    def source_of(self, indicator: Row) -> Row | None:
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
        """Measured coverage of the bands at the distance of this projection, or the nearest one."""
        if not self.coverage or progress["target_year"] is None or progress["latest_year"] is None:
            return None
        far = progress["target_year"] - progress["latest_year"]
        return self.coverage[min(self.coverage, key=lambda h: (abs(h - far), h))]

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
        """Sub-missions in all, assessed, failing and fine, and mission rows in all."""
        subs = [
            self.standing[m] for m, row in self.missions.items() if row["level"] == "sub_mission"
        ]
        assessed = [s for s in subs if s["status"] != "not_assessable"]
        behind = {x for c in self.counts.values() for x in c["failing"] or []}
        failing = [s for s in assessed if s["mission_id"] in behind]
        return {
            "missions": len(self.counts),
            "sub_missions": len(subs),
            "assessed": len(assessed),
            "failing": len(failing),
            "fine": len(assessed) - len(failing),
            "unassessed": len(subs) - len(assessed),
        }

    def spread(self, mission_id: str | None = None) -> dict[str, int]:
        """Number of sub-missions per status that occurs, from the columns n_<status>."""
        rows = self.counts.values() if mission_id is None else [self.counts[mission_id]]
        found: Counter[str] = Counter()
        for row in rows:
            for column, value in row.items():
                if column.startswith("n_") and column not in ("n_sub_missions", "n_assessed"):
                    found[column.removeprefix("n_")] += value or 0
        return {status: n for status, n in found.items() if n}

    # ---- data behind the charts

    def series(self) -> dict[str, Any]:
        """What the script draws and offers for download, value for value as in the marts."""
        return {i: self._series(i) for i in self.indicators}

    def _series(self, indicator_id: str) -> dict[str, Any]:
        indicator = self.indicators[indicator_id]
        drawn = self.drawn(indicator_id)
        targets = []
        for row in self.rows(indicator_id):
            path = self.path(indicator_id, row["target_id"])
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
                    "path": required,
                    "projected": projected,
                    "drawn": row is drawn,
                }
            )
        data: dict[str, Any] = {
            "unit": indicator["unit"],
            "breaks": indicator["breaks"] or [],
            "obs": [
                [o["period"], o["value"], o["flags"] or [], bool(o["carried_forward"])]
                for o in self.observed(indicator_id)
            ],
            "targets": targets,
        }
        # A total that is compared per head has another unit than the chart: it has its table only.
        areas = [
            p["geo"] for p in self.peers(indicator_id) if p["geo"] != HOME and not p["per_head"]
        ]
        if areas:
            data["peers"] = {
                geo: [[o["period"], o["value"]] for o in self.observed(indicator_id, geo)]
                for geo in areas
            }
        official = [
            {k: o[k] for k in ("edition", "year", "low", "central", "high")}
            for o in self.official(indicator_id)
            if o["low"] is not None and o["high"] is not None
        ]
        if official:
            data["official"] = official
        return data


def _place(row: Row) -> Any:
    return row["position"]


def script_json(data: Any) -> str:
    """JSON that can stand in a `<script>` whatever text it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
