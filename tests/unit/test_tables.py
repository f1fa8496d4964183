"""Tables that Python computes: rows in, rows out, and what a mistake in their SQL file says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.paths import sql_root
from pipeline.progress.tables import FUNCTIONS, assessments
from pipeline.warehouse.build import connect
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import ModelError, load_models, read_model

COMPUTED = [m for m in load_models(sql_root()).values() if m.function]


def series(**changes: Any) -> dict[str, Any]:
    """A row of core.series: 100 falling by 4 a year from 2015, wanted to be 40 in 2030."""
    values = [100.0 - 4 * i for i in range(10)]
    plain: dict[str, Any] = {
        "indicator_id": "i", "geo": "NL", "target_id": "t", "counts": True, "direction": "down",
        "fit": "direct", "cadence": 1, "kind": "level", "number": 40.0, "target_year": 2030,
        "base_year": 2015, "documented_baseline": None, "milestone_state": None,
        "may_be_zero": False, "modelled": False, "base_year_basis": "letter",
        "bound_low": None, "bound_high": None, "path": "linear", "breaks": None, "carried_forward": None,
        "years": list(range(2015, 2025)), "values": values, "flags": [""] * 10,
        "waypoint_years": None, "waypoint_kinds": None, "waypoint_numbers": None,
        "waypoint_bases": None, "waypoint_baselines": None, "reference_date": date(2026, 11, 23),
    }  # fmt: skip
    return plain | changes


def assessed(**changes: Any) -> dict[str, Any]:
    (row,) = assessments(pa.Table.from_pylist([series(**changes)])).to_pylist()
    return dict(row)


def waypoint(year: int, kind: str, number: float, base: int, documented: float | None) -> Any:
    names = ("years", "kinds", "numbers", "bases", "baselines")
    return {
        f"waypoint_{name}": [value]
        for name, value in zip(names, (year, kind, number, base, documented), strict=True)
    }


def test_keys_stay_and_the_path_runs_from_the_base_year_to_the_target_year() -> None:
    row = assessed()
    assert (row["indicator_id"], row["geo"], row["target_id"], row["counts"]) == ("i", "NL", "t", True)  # fmt: skip
    assert row["status"] == row["status_on_definitive_data"] == "progress_too_slow"
    assert row["path_years"] == list(range(2015, 2031))
    assert row["path_values"] == [100.0 - 4 * i for i in range(16)]


@pytest.mark.parametrize(
    ("earlier", "at"),
    [
        (waypoint(2020, "level", 90.0, 2015, None), 90.0),
        (waypoint(2020, "change", -0.3, 2015, None), 70.0),  # of the series' own value
        (waypoint(2020, "gain", -50.0, 1990, 120.0), 70.0),  # of a documented one
        (waypoint(2020, "gain", -50.0, 1990, None), 80.0),  # of none: no corner
    ],
)
def test_the_path_goes_through_earlier_commitments(earlier: dict[str, Any], at: float) -> None:
    row = assessed(**earlier)
    assert row["path_values"][5] == pytest.approx(at)
    assert (row["path_values"][0], row["path_values"][-1]) == (100.0, 40.0)


def test_without_a_baseline_or_a_target_there_is_no_path() -> None:
    for changes in ({"base_year": 1990}, {"kind": "direction", "number": None}):
        row = assessed(**changes)
        assert row["path_years"] == row["path_values"] == []


def test_flags_decide_on_what_is_definitive_and_where_a_series_breaks() -> None:
    turned = [100.0 - 4 * i for i in range(8)] + [100.0, 105.0]
    row = assessed(values=turned, flags=[""] * 8 + ["p", "e i"])
    assert row["status"] == "wrong_direction"
    assert row["status_on_definitive_data"] == "progress_too_slow"
    assert assessed(flags=[""] * 8 + ["i b", ""])["reason"] == "series_break"


def test_a_pair_without_observations_says_so() -> None:
    row = assessed(years=None, values=None, flags=None)
    assert (row["status"], row["reason"], row["fragile"]) == ("not_assessable", "no_data", None)
    assert row["fragile_reasons"] is None and row["path_years"] == []


@pytest.mark.parametrize("model", COMPUTED, ids=[m.name for m in COMPUTED])
def test_the_columns_are_the_headers_also_without_rows(model: Any) -> None:
    found = FUNCTIONS[model.function](pa.table({}))
    assert (found.num_rows, set(found.column_names)) == (0, {c.name for c in model.columns})


def test_every_function_has_its_sql_file() -> None:
    assert sorted(m.function for m in COMPUTED) == sorted(FUNCTIONS)


@pytest.fixture
def con() -> Iterator[Any]:
    found = connect()
    found.execute("CREATE SCHEMA given; CREATE TABLE given.series AS SELECT 1 AS x WHERE false")
    yield found
    found.close()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("absent", "function: absent is none of assessments, .*tables.py"),
        ("band_coverage", "function band_coverage and header differ in a, "),
    ],
)
def test_a_function_that_does_not_fit_its_header_is_one_line(
    tmp_path: Path, con: Any, function: str, says: str
) -> None:
    path = tmp_path / "core" / "one.sql"
    path.parent.mkdir()
    path.write_text(
        f"/*\ndescription: A table.\nfunction: {function}\ngrain: [a]\ncolumns:\n"
        "  a: INTEGER, a number\n*/\nSELECT * FROM given.series\n"
    )
    with pytest.raises(ModelError, match=says) as error:
        compute(con, read_model(path))
    assert "\n" not in str(error.value)


def test_a_query_that_does_not_fit_its_header_names_what_differs(tmp_path: Path, con: Any) -> None:
    path = tmp_path / "core" / "one.sql"
    path.parent.mkdir()
    for select, says in (("1 AS a, 2 AS c", "b, c"), ("1 AS b, 2 AS a", "their order")):
        path.write_text(
            "/*\ndescription: A table.\ngrain: [a]\ncolumns:\n  a: INTEGER, a number\n"
            f"  b: INTEGER, another\n*/\nSELECT {select} FROM given.series\n"
        )
        with pytest.raises(ModelError, match=f"query and header differ in {says}: "):
            compute(con, read_model(path))
