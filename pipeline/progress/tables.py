"""The tables that Python computes: Arrow in, Arrow out, for SQL files whose header says `function:`.

Conversion only: a row of the SELECT becomes a question, an answer becomes a row. Rules belong in
assess.py, opinions.py, projection.py, backtest.py and track_record.py; names and types of the columns that a
table must have stand in its SQL file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from pipeline.progress.assess import assess, definitive, path_value, target_value
from pipeline.progress.backtest import Coverage, History, coverage
from pipeline.progress.fragility import fragility
from pipeline.progress.opinions import Opinion, second_opinions, verdict
from pipeline.progress.projection import (
    Widening,
    Widenings,
    last_year,
    probability_words,
    project,
)
from pipeline.progress.question import Assessment, Observation, Question
from pipeline.progress.track_record import PastStatus, past_statuses

Row = dict[str, Any]
_PAIR: Final = ("indicator_id", "geo", "target_id")
_AS_THEY_ARE: Final = (*_PAIR, "counts", "kind", "target_year")
_ASKED: Final = tuple(f.name for f in fields(Question) if f.name != "milestones_on_path")
_AT_ONCE: Final = 10_000  # rows that are held as mappings
_EDGES: Final = ("low_80", "high_80", "low_95", "high_95")


def assessments(series: pa.Table) -> pa.Table:
    """A row of `core.series` with its `reference_date` → measures, status, fragility and path."""
    rows = []
    for asked in _rows(series):
        question, observations = _question(asked)
        reference = asked["reference_date"]
        found = assess(question, observations, reference)
        tested = fragility(question, observations, reference, found)
        path = _path(question, found)
        rows.append(
            {
                **{name: asked[name] for name in _AS_THEY_ARE},
                "kind": "direction" if found.target_impossible else asked["kind"],
                **asdict(found),
                "status_on_definitive_data": assess(
                    question, definitive(observations), reference
                ).status,
                "fragile": tested.fragile,
                "fragile_reasons": None if tested.fragile is None else list(tested.changes),
                "fragile_statuses": (
                    None if tested.fragile is None else list(tested.changes.values())
                ),
                "path_years": list(path),
                "path_values": list(path.values()),
            }
        )
    added = ("status_on_definitive_data", "fragile", "fragile_reasons", "fragile_statuses")
    names = [*_AS_THEY_ARE, *_names(Assessment), *added, "path_years", "path_values"]
    return _table(rows, names)


def opinions(pairs: pa.Table) -> pa.Table:
    """An assessed pair with its unbroken series (null: none) → a row for each method.

    `is_on_course` is our own answer to the question that all methods are asked.
    """
    rows = []
    for asked in _rows(pairs):
        up = asked["direction"] == "up"
        own = {True: "better", False: "worse", None: None}[asked["is_on_course"]]
        for opinion in second_opinions(
            series=dict(zip(asked["years"] or (), asked["values"] or (), strict=True)),
            direction=asked["direction"],
            kind=asked["kind"],
            fit=asked["fit"],
            target_year=asked["target_year"],
            target=asked["target_value"],
            limit=asked["bound_high" if up else "bound_low"],
        ):
            said = verdict(opinion.method, opinion.status, asked["kind"] != "direction")
            rows.append(
                {
                    **{name: asked[name] for name in _PAIR},
                    **asdict(opinion),
                    "verdict": said,
                    "agrees": None if None in (said, own) else said == own,
                }
            )
    return _table(rows, [*_PAIR, *_names(Opinion), "verdict", "agrees"])


def projections(pairs: pa.Table) -> pa.Table:
    """An assessed pair with its unbroken series and the bands' widening by class → the series
    carried on, its years as lists of one length; where `refused` says why not, that alone."""
    measures = ("reason", "scale", "n_changes", "drift", "spread", "persistence", "probability")
    names = [*_PAIR, *measures, "probability_words", "ahead", "projected", *_EDGES]
    rows = []
    for asked in _rows(pairs):
        row = dict.fromkeys(names) | {name: asked[name] for name in _PAIR}
        rows.append(row)
        if asked["refused"] is not None:
            row["reason"] = asked["refused"]
            continue
        years = asked["years"]
        found = project(
            dict(zip(years, asked["values"], strict=True)),
            last_year(asked["kind"], asked["target_year"], max(years)),
            target=asked["target_value"],
            direction=asked["direction"],
            bounds=(asked["bound_low"], asked["bound_high"]),
            cadence=asked["cadence"],
            widenings=_widenings(asked),
        )
        row |= {name: getattr(found, name) for name in measures}
        row |= {
            "probability_words": probability_words(found.probability),
            "ahead": [point.year for point in found.points],
            "projected": [point.central for point in found.points],
            **{edge: [getattr(point, edge) for point in found.points] for edge in _EDGES},
        }
    return _table(rows, names)


def band_coverage(histories: pa.Table) -> pa.Table:
    """All series on the scales on which they are projected → a row for each horizon and class."""
    found = coverage(History(**asked) for asked in _rows(histories))
    return _table(map(asdict, found), _names(Coverage))


def track_record(series: pa.Table) -> pa.Table:
    """Unbroken series with a direction, and the bands' widening → a row for each status that each
    would have had in a year that has passed."""
    return _table(_past(series), ["indicator_id", "geo", *_names(PastStatus), "bin"])


def _past(series: pa.Table) -> Iterable[Row]:
    for asked in _rows(series):
        question = Question(
            direction=asked["direction"],
            fit="direct",
            cadence=asked["cadence"],
            kind="level",
            bound_low=asked["bound_low"],
            bound_high=asked["bound_high"],
        )
        values = dict(zip(asked["years"], asked["values"], strict=True))
        for past in past_statuses(question, values, _widenings(asked)):
            yield {
                "indicator_id": asked["indicator_id"],
                "geo": asked["geo"],
                **vars(past),
                "bin": past.bin,
            }


FUNCTIONS: Final[Mapping[str, Callable[[pa.Table], pa.Table]]] = MappingProxyType(
    {f.__name__: f for f in (assessments, opinions, projections, band_coverage, track_record)}
)


def _question(asked: Row) -> tuple[Question, list[Observation]]:
    """A row of `core.series` as the arithmetic takes it; years of a list beside its values."""
    observations = [
        Observation(year, value, frozenset((flags or "").split()))
        for year, value, flags in _together(asked, "years", "values", "flags")
    ]
    plain = {name: asked[name] for name in _ASKED}
    for name in ("breaks", "carried_forward"):
        plain[name] = tuple(sorted(asked[name] or ()))
    question = Question(**plain)
    by_year = {o.year: o.value for o in observations}
    milestones = []
    for year, kind, number, base, documented in _together(
        asked,
        "waypoint_years",
        "waypoint_kinds",
        "waypoint_numbers",
        "waypoint_bases",
        "waypoint_baselines",
    ):
        value = target_value(kind, number, by_year.get(base, documented))
        # What the unit does not hold is asked of nobody, on the way neither.
        if value is not None and (kind == "level" or question.is_possible(value)):
            milestones.append((year, value))
    return replace(question, milestones_on_path=tuple(sorted(milestones))), observations


def _widenings(asked: Row) -> Widenings:
    """The lines of the bands' widening by class of persistence."""
    return {
        line["persistence"]: {
            80: Widening(line["base"], line["per_year"]),
            95: Widening(line["base_95"], line["per_year_95"]),
        }
        for line in asked["widenings"] or ()
    }


def _path(question: Question, found: Assessment) -> dict[int, float | None]:
    """Where the required path stands in each year from the base year to the target year."""
    baseline, target = found.baseline_value, found.target_value
    first, last = found.baseline_year, question.target_year
    if baseline is None or target is None or first is None or last is None:
        return {}
    return {y: path_value(question, baseline, target, y) for y in range(first, last + 1)}


def _together(row: Row, *names: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(row[name] or () for name in names), strict=True)


def _names(record: Any) -> list[str]:
    return [f.name for f in fields(record)]


def _rows(table: pa.Table) -> Iterable[Row]:
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        yield from batch.to_pylist()


def _table(rows: Iterable[Row], names: Sequence[str]) -> pa.Table:
    """Rows as an Arrow table with these columns, also where there is no row. Converted some thousands
    at a time: as Python mappings they take ten times the memory."""
    left = iter(rows)
    pieces: list[pa.Table] = []
    while not pieces or len(pieces[-1]) == _AT_ONCE:
        kept = list(islice(left, _AT_ONCE))
        pieces.append(pa.table({name: pa.array([row[name] for row in kept]) for name in names}))
    # A column of a piece in which nothing is given has no type of its own.
    return pa.concat_tables(pieces, promote_options="permissive")
