"""Second opinions and projections as DuckDB functions, so that SQL files say where they are used.

Conversion only: rules belong in opinions.py, projection.py and backtest.py.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

OPINION = {
    "method": "VARCHAR",
    "value": "DOUBLE",
    "score": "DOUBLE",
    "status": "VARCHAR",
    "verdict": "VARCHAR",
    "reason": "VARCHAR",
    "note": "VARCHAR",
    "at_target": "DOUBLE",
    "base_year": "INTEGER",
    "base_value": "DOUBLE",
    "current_year": "INTEGER",
    "current_value": "DOUBLE",
}
PROJECTION = {
    "reason": "VARCHAR",
    "scale": "VARCHAR",
    "n_changes": "INTEGER",
    "drift": "DOUBLE",
    "spread": "DOUBLE",
    "probability": "DOUBLE",
    "probability_words": "VARCHAR",
    "ahead": "INTEGER[]",
    "projected": "DOUBLE[]",
    "low_80": "DOUBLE[]",
    "high_80": "DOUBLE[]",
    "low_95": "DOUBLE[]",
    "high_95": "DOUBLE[]",
}
HISTORY = "STRUCT(name VARCHAR, scale VARCHAR, years INTEGER[], values DOUBLE[], lent BOOLEAN)"
COVERAGE = {
    "horizon": "INTEGER",
    "n_series": "INTEGER",
    "n_series_lent": "INTEGER",
    "n_forecasts": "INTEGER",
    "raw_coverage_80": "DOUBLE",
    "raw_coverage_95": "DOUBLE",
    "coverage_80": "DOUBLE",
    "coverage_95": "DOUBLE",
    "fitted": "DOUBLE",
    "widening": "DOUBLE",
    "widening_base": "DOUBLE",
    "widening_per_year": "DOUBLE",
}


def _struct(fields: dict[str, str]) -> str:
    return "STRUCT(" + ", ".join(f"{name} {kind}" for name, kind in fields.items()) + ")"


def opinion_rows(
    years: Any, values: Any, direction: Any, kind: Any, fit: Any, target_year: Any, target: Any,
    low: Any, high: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row for each method."""
    from pipeline.progress.opinions import second_opinions, verdict

    found = second_opinions(
        series=dict(zip(years or (), values or (), strict=True)),
        direction=direction,
        kind=kind,
        fit=fit,
        target_year=target_year,
        target=target,
        limit=high if direction == "up" else low,
    )
    return [
        {**asdict(o), "verdict": verdict(o.method, o.status, kind != "direction")} for o in found
    ]


def own_verdict(status: Any, kind: Any) -> str | None:
    """Our own status as `better` or `worse`, by the same question as the others."""
    from pipeline.progress.opinions import verdict

    return verdict("missiemonitor", status, kind != "direction")


def projection_row(
    years: Any, values: Any, direction: Any, kind: Any, target_year: Any, target: Any, low: Any,
    high: Any, widening: Any, widening_per_year: Any,
) -> dict[str, Any]:  # fmt: skip
    """One projection, its years as lists of one length."""
    from pipeline.progress.projection import last_year, probability_words, project

    found = project(
        dict(zip(years, values, strict=True)),
        last_year(kind, target_year, max(years)),
        target=target,
        direction=direction,
        widening=widening,
        widening_per_year=widening_per_year,
        bounds=(low, high),
    )
    row = {name: getattr(found, name, None) for name in PROJECTION}
    row["probability_words"] = probability_words(found.probability)
    row["ahead"] = [p.year for p in found.points]
    row["projected"] = [p.central for p in found.points]
    for edge in ("low_80", "high_80", "low_95", "high_95"):
        row[edge] = [getattr(p, edge) for p in found.points]
    return row


def coverage_rows(histories: Any) -> list[dict[str, Any]]:
    """What the bands held of every series at once; no rows without series."""
    from pipeline.progress.backtest import History, coverage

    return [asdict(row) for row in coverage(History(**h) for h in histories or ())]


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make `second_opinions`, `own_verdict`, `projection` and `band_coverage` known."""
    numbers, text = ["INTEGER[]", "DOUBLE[]"], "VARCHAR"
    for name, function, given, result in (
        (
            "second_opinions", opinion_rows,
            [*numbers, text, text, text, "INTEGER", "DOUBLE", "DOUBLE", "DOUBLE"],
            _struct(OPINION) + "[]",
        ),
        ("own_verdict", own_verdict, [text, text], text),
        (
            "projection", projection_row,
            [*numbers, text, text, "INTEGER", *["DOUBLE"] * 5],
            _struct(PROJECTION),
        ),
        ("band_coverage", coverage_rows, [HISTORY + "[]"], _struct(COVERAGE) + "[]"),
    ):  # fmt: skip
        con.create_function(  # type: ignore[call-overload]
            name, function, given, result, null_handling="special"
        )
