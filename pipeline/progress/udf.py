"""The arithmetic of assess.py as DuckDB functions, so that SQL files say where it is used.

Conversion only: rules belong in assess.py.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

OBSERVATIONS = "STRUCT(year INTEGER, value DOUBLE, flags VARCHAR[])[]"
WAYPOINTS = (
    "STRUCT(year INTEGER, kind VARCHAR, number DOUBLE, base_year INTEGER, baseline DOUBLE)[]"
)
QUESTION = (
    "STRUCT(direction VARCHAR, fit VARCHAR, cadence INTEGER, kind VARCHAR, number DOUBLE, "
    "target_year INTEGER, base_year INTEGER, documented_baseline DOUBLE, milestone_state VARCHAR, "
    "may_be_zero BOOLEAN, breaks INTEGER[], carried_forward INTEGER[], path VARCHAR, "
    f"waypoints {WAYPOINTS})"
)
_FIELDS = {
    "baseline_year": "INTEGER",
    "baseline_value": "DOUBLE",
    "baseline_origin": "VARCHAR",
    "latest_year": "INTEGER",
    "latest_value": "DOUBLE",
    "target_value": "DOUBLE",
    "share_achieved": "DOUBLE",
    "share_of_time": "DOUBLE",
    "gap_to_path": "DOUBLE",
    "gap_to_path_pct": "DOUBLE",
    "window_start": "INTEGER",
    "window_value": "DOUBLE",
    "pace_recent": "DOUBLE",
    "pace_long": "DOUBLE",
    "pace_required": "DOUBLE",
    "pace_basis": "VARCHAR",
    "acceleration_factor": "DOUBLE",
    "year_reached": "DOUBLE",
    "ratio_short": "DOUBLE",
    "ratio_long": "DOUBLE",
    "growth_pct": "DOUBLE",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "is_dated": "BOOLEAN",
    "lapses_on": "DATE",
    "windows_disagree": "BOOLEAN",
    "awaiting_target_year": "BOOLEAN",
    "flat_tail": "BOOLEAN",
    "severity": "INTEGER",
    "tie": "DOUBLE",
}
ASSESSMENT = (
    "STRUCT("
    + ", ".join(f"{k} {v}" for k, v in _FIELDS.items())
    + ", status_on_definitive_data VARCHAR, fragile BOOLEAN, fragile_reasons VARCHAR[], "
    "fragile_statuses VARCHAR[])"
)
PATH = "STRUCT(year INTEGER, required DOUBLE)[]"


def _parts(observations: Any, question: Any) -> tuple[Any, list[Any]]:
    from pipeline.progress.assess import Observation, Question, target_value

    series = [
        Observation(o["year"], o["value"], frozenset(o["flags"] or ())) for o in observations or []
    ]
    by_year = {o.year: o.value for o in series}
    waypoints = []
    for point in question["waypoints"] or []:
        baseline = by_year.get(point["base_year"], point["baseline"])
        value = target_value(point["kind"], point["number"], baseline)
        if value is not None:
            waypoints.append((point["year"], value))
    plain = {k: v for k, v in question.items() if k != "waypoints"}
    plain["breaks"] = tuple(sorted(question["breaks"] or ()))
    plain["carried_forward"] = tuple(sorted(question["carried_forward"] or ()))
    plain["milestones_on_path"] = tuple(sorted(waypoints))
    return Question(**plain), series


def assess_row(observations: Any, question: Any, reference: date) -> dict[str, Any]:
    """One assessment, with its status on definitive data and in other ways beside it."""
    from pipeline.progress.assess import assess, definitive
    from pipeline.progress.fragility import fragility

    asked, series = _parts(observations, question)
    found = assess(asked, series, reference)
    row = {name: getattr(found, name) for name in _FIELDS}
    row["status_on_definitive_data"] = assess(asked, definitive(series), reference).status
    tested = fragility(asked, series, reference, found)
    row["fragile"] = tested.fragile
    row["fragile_reasons"] = None if tested.fragile is None else list(tested.changes)
    row["fragile_statuses"] = None if tested.fragile is None else list(tested.changes.values())
    return row


def path_row(observations: Any, question: Any, reference: date) -> list[dict[str, Any]]:
    """The required path, a point for each year from the base year to the target year."""
    from pipeline.progress.assess import assess, path_value

    asked, series = _parts(observations, question)
    found = assess(asked, series, reference)
    if None in (found.baseline_value, found.baseline_year, found.target_value, asked.target_year):
        return []
    assert found.baseline_year is not None and asked.target_year is not None
    return [
        {
            "year": year,
            "required": path_value(asked, found.baseline_value, found.target_value, year),
        }
        for year in range(found.baseline_year, asked.target_year + 1)
    ]


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make `assess`, `required_path` and the functions of udf_methods.py known to a connection."""
    from pipeline.progress import udf_methods

    udf_methods.register(con)
    for name, function, result in (
        ("assess", assess_row, ASSESSMENT),
        ("required_path", path_row, PATH),
    ):
        con.create_function(  # type: ignore[call-overload]
            name, function, [OBSERVATIONS, QUESTION, "DATE"], result, null_handling="special"
        )
