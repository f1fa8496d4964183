"""Every kind of wrong cell in every series that is read: refused in words that name it, or nothing that
is published lies beyond what is plausible, and nothing stops publication.

From the rows of a vintage to its verdict and the tables of figures, without bodies, runs and Great
Expectations, which would take hours; test_wrong_cells.py has those. One test tells that what is
evaluated here is what Great Expectations finds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.paths import Paths, sql_root
from pipeline.progress import method
from pipeline.quality.results import CheckResult
from pipeline.quality.suite import Wanted, validate
from pipeline.registry import load
from pipeline.sql import connect, quoted
from pipeline.vintages.expected import Frames, Rules
from pipeline.vintages.store import Archive, Vintage
from pipeline.vintages.validate import Validator, rules_of
from pipeline.vintages.words import brief, reason
from pipeline.warehouse.build import RAW, Warehouse
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import load_models
from tests.mutations import MUTATIONS, Cell

REGISTRY = load()
BUILT = (
    "core.editions", "core.observations", "core.rejects", "core.comparable", "marts.observations",
    "marts.peers",
)  # fmt: skip


@dataclass(frozen=True)
class Good:
    """A dataset's vintage in use after the first run: its rows and how they are judged."""

    name: str
    rules: Rules
    vintage: Vintage
    rows: pd.DataFrame
    rejects: pa.Table

    def judged(self, rows: pd.DataFrame) -> Frames:
        """These rows as those of the vintage that comes after it."""
        known = self.vintage.known_from + timedelta(days=1)
        said = {**self.vintage.manifest, "known_from": known.isoformat(), "origin": "ingested"}
        after = Vintage(self.vintage.source, self.vintage.dataset, self.vintage.folder, said)
        # As a parser gives them.
        table = pa.Table.from_pandas(rows, preserve_index=False)
        return Frames.of(table, self.rejects, self.rules, after, self.rows, self.vintage)

    def spoilt(self, kind: str) -> tuple[pd.DataFrame, dict[str, pd.Index]]:
        """(the rows with one cell of each series that is read wrong, series → the rows that differ).
        A series has none where the fault changes nothing, or leaves a sign and no number."""
        rows, changed = self.rows.copy(), dict[str, pd.Index]()
        read = self.rows[self.rules.read(self.rows)]
        for series in REGISTRY.datasets[self.name].needed:
            dice = random.Random(f"{series} {kind} 11")
            mine = read[read["series_key"] == series]
            if mine.empty:
                continue
            # One in four or so in another area, where it stands beside the Dutch figures only.
            geo = dice.choice([*sorted(mine["geo"].unique()), *["NL"] * 20])
            mine = mine[mine["geo"] == geo].sort_values("year")
            texts = [f"{value:.15g}" for value in mine["value"]]
            if not texts:
                continue
            cells = [Cell(texts, n) for n in range(len(texts))]
            MUTATIONS[kind](cells, dice.randrange(len(cells)))
            now = pd.to_numeric(pd.Series(texts, index=mine.index), errors="coerce")
            differs = now != mine["value"]
            if now.notna().all() and differs.any():
                rows.loc[mine.index, "value"] = now
                changed[series] = mine.index[differs]
        return rows, changed


@pytest.fixture(scope="module")
def goods(first_run: dict[str, Any]) -> dict[str, Good]:
    paths = Paths(first_run["data"])
    archive = Archive(paths)
    validator = Validator(archive, paths.work)
    warehouse = Warehouse(paths.work, REGISTRY.datasets, load_models(sql_root()))
    found = {}
    for name, dataset in REGISTRY.datasets.items():
        rules = rules_of(REGISTRY, dataset)
        if dataset.live_only:
            continue  # nothing of it ships
        (used,) = (r["vintage_id"] for r in warehouse.vintages(name) if r["is_current"])
        known = archive.vintages(dataset.source, dataset.dataset)
        (vintage,) = (v for v in known if v.vintage_id == used)
        rows, rejects = (
            pq.read_table(validator.rows_file(vintage, rules, kind))
            for kind in ("observations", "rejects")
        )
        found[name] = Good(name, rules, vintage, rows.to_pandas(), rejects)
    return found


def failing(frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame | None:
    """The rows that fail an expectation, None if it holds; by its definition, in a line a kind."""
    kind, options = wanted
    if kind == "schema":
        return None if list(frame.columns) == options["columns"] else frame
    column = frame[options["column"]]
    there, given = column.notna(), set(options.get("values") or ())
    match kind:
        case "between":
            bad = there & ~column.between(options["min"], options["max"])
        case "in_set":
            bad = there & ~column.isin(given)
        case "not_in_set":
            bad = there & column.isin(given)
        case "contains" | "equals_set":
            seen = set(column[there])
            ok = given <= seen if kind == "contains" else given == seen
            return None if ok else frame.iloc[:0]
        case _:
            raise AssertionError(kind)
    return frame[bad] if bad.any() else None


def refused(frames: Frames) -> tuple[set[str], str]:
    """(the series that have rows which fail an expectation, why in words). Expectations are of rows or
    of a series: wrong cells of several series in one vintage hide none."""
    series: set[str] = set()
    failed = []
    for frame, checks in frames.expected():
        for name, wanted in checks.items():
            bad = failing(frame, wanted)
            if bad is not None:
                assert len(bad), name  # no series, area or year is gone
                series |= set(bad["series_key"])
                rows = bad.head(20).to_dict("records")
                failed.append(CheckResult(name, False, "error", False, "", len(bad), rows))
    return series, reason(failed, frames)


class Figures:
    """The tables of figures over the vintages in use, some of them exchanged."""

    def __init__(self, goods: dict[str, Good], work: Path) -> None:
        self.models = {n: m for n, m in load_models(sql_root()).items() if n in BUILT}
        self.con = connect()
        for schema in ("registry", "raw", "run", "core", "marts"):
            self.con.execute(f"CREATE SCHEMA {schema}")
        for name, table in REGISTRY.tables().items():
            self._put(f"registry.{name}", table)
        for name, table in method.tables().items():
            self._put(name, table)
        self.goods, self.changed = goods, set[str]()
        warehouse = Warehouse(work, REGISTRY.datasets, load_models(sql_root()))
        used = [r for n in REGISTRY.datasets for r in warehouse.vintages(n) if r["is_current"]]
        self._put("raw.vintages", pa.Table.from_pylist(used))
        columns = ", ".join(f"{name} {type_}" for name, type_ in RAW["observations"].items())
        self.con.execute(f"CREATE TABLE raw.all_observations ({columns})")
        self.con.execute("CREATE VIEW raw.observations AS FROM raw.all_observations")
        columns = ", ".join(f"{name} {type_}" for name, type_ in RAW["rejects"].items())
        self.con.execute(f"CREATE TABLE raw.rejects ({columns})")
        for name, good in goods.items():
            self._insert(name, good.rows)

    def _put(self, name: str, table: pa.Table) -> None:
        self.con.register("given", table)
        schema, short = name.split(".")
        self.con.execute(f"CREATE TABLE {schema}.{quoted(short)} AS FROM given")
        self.con.unregister("given")

    def _insert(self, name: str, rows: pd.DataFrame) -> None:
        source, dataset = name.split("/", 1)
        self.con.execute(
            "DELETE FROM raw.all_observations WHERE source = ? AND dataset = ?", [source, dataset]
        )
        named = rows.assign(
            source=source, dataset=dataset, vintage_id=self.goods[name].vintage.vintage_id
        )
        self.con.register("given", pa.Table.from_pandas(named, preserve_index=False))
        self.con.execute("INSERT INTO raw.all_observations BY NAME FROM given")
        self.con.unregister("given")

    def build(self, rows: dict[str, pd.DataFrame]) -> None:
        """Every table anew, with these datasets' rows in place of the good ones."""
        for name in self.changed - rows.keys():
            self._insert(name, self.goods[name].rows)
        for name, changed in rows.items():
            self._insert(name, changed)
        self.changed = set(rows)
        for name, model in self.models.items():
            self.con.execute(f"DROP TABLE IF EXISTS {name}")
            compute(self.con, model, name)

    def stops(self) -> Iterator[str]:
        """What would stop publication."""
        for name, model in self.models.items():
            for item in model.expectations:
                sql = item.options.get("sql")
                if item.kind == "not_null":
                    sql = f"FROM {name} WHERE {quoted(item.options['column'])} IS NULL"
                if item.blocking and sql and (rows := self.con.execute(sql).fetchall()):
                    yield f"{name}: {item.name}: {rows[0]}"

    def implausible(self) -> Iterator[tuple[Any, ...]]:
        """Published figures that are not finite or beyond their range."""
        figures = self.con.execute(
            "SELECT indicator_id, geo, period, value, false FROM marts.observations UNION ALL "
            "SELECT indicator_id, geo, latest_year, latest_value, per_head FROM marts.peers"
        ).fetchall()
        assert len(figures) > 1000
        for row in figures:
            item = REGISTRY.indicators[row[0]]
            low, high = item.per_head.plausible if row[4] and item.per_head else item.plausible
            if not math.isfinite(row[3]) or not low <= row[3] <= high:
                yield row


@pytest.mark.slow
def test_no_wrong_cell_is_published_beyond_what_is_plausible_or_stops_anything(
    goods: dict[str, Good], first_run: dict[str, Any]
) -> None:
    figures, met, taken = Figures(goods, Paths(first_run["data"]).work), 0, 0
    with closing(figures.con):
        for kind in MUTATIONS:
            believed: dict[str, pd.DataFrame] = {}
            for name, good in goods.items():
                rows, changed = good.spoilt(kind)
                if not changed:
                    continue
                series, said = refused(good.judged(rows))
                assert series <= set(changed), (name, kind, said)
                # In one line, by name.
                assert not series or any(brief(s) in said for s in series), (name, kind, said)
                assert "\n" not in said
                for at in (changed[s] for s in series):
                    # What was refused stays as it was.
                    rows.loc[at, "value"] = good.rows.loc[at, "value"]
                if kind == "huge":
                    assert series == set(changed), name
                met, taken = met + len(changed), taken + len(changed) - len(series)
                believed[name] = rows
            figures.build(believed)
            assert [*figures.stops()] == [], kind
            assert [*figures.implausible()] == [], kind
    # Where there is one figure it has no neighbour, and zero is no news of what is zero.
    number = sum(len(REGISTRY.datasets[name].needed) for name in goods) * len(MUTATIONS)
    assert met > 0.8 * number
    assert taken < 0.5 * met


@pytest.mark.slow
def test_what_is_evaluated_here_is_what_great_expectations_finds(goods: dict[str, Good]) -> None:
    seen = set()
    for name, kind in (
        ("eurostat/env_air_gge", "times_1000"), ("eurostat/demo_pjan", "shifted"),
        ("cbs/82610NED", "minus_one"), ("curated/security", "zeroed"),
    ):  # fmt: skip
        for frame, checks in goods[name].judged(goods[name].spoilt(kind)[0]).expected():
            outcomes = validate(frame, list(checks.values()))
            for wanted, outcome in zip(checks.values(), outcomes, strict=True):
                bad = failing(frame, wanted)
                seen.add((wanted[0], bad is None))
                assert outcome["passed"] == (bad is None), (name, wanted)
                assert outcome["failing_rows"] == (0 if bad is None else len(bad))
    assert {("between", True), ("between", False), ("contains", True), ("schema", True)} <= seen
