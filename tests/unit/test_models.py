"""SQL headers as contracts, and each kind of expectation failing with its rows shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.quality.results import QualityError
from pipeline.quality.suite import validate
from pipeline.warehouse.model import ModelError, load_models, read_model

GOOD = """/*
description: A table.
grain: [a]
columns:
  a: INTEGER, a number
*/
SELECT 1 AS a FROM registry.missions
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("/*", "--"), "starts with no"),
        (("description: A table.\n", ""), "no `description`"),
        (("grain: [a]", "grain: [b]"), "grain column b"),
        (("INTEGER, a number", "NUMBER, a number"), "column a"),
        (("SELECT 1 AS a", "DELETE"), "^marts/one.sql: not one SELECT"),
        (("grain: [a]", "function: os.remove\ngrain: [a]"), "no name of a Python function"),
        (
            ("description: A", "x: &x [1]\ny: *x\ndescription: A"),
            r"header is not YAML: an alias \(\*x\)",
        ),
        (("description: A", f"x: {'[' * 900}\ndescription: A"), "nested deeper than 20 levels"),
        (("description: A", "x: [1\ndescription: A"), "not YAML: did not find expected"),
        (("registry.missions", "marts.absent"), "no SQL file defines"),
        (("registry.missions", "marts.one"), None),
    ],
)
def test_a_mistake_in_a_header_or_query_is_one_line(
    tmp_path: Path, change: tuple[str, str], says: str | None
) -> None:
    folder = tmp_path / "marts"
    folder.mkdir()
    (folder / "one.sql").write_text(GOOD.replace(*change))
    if says is None:
        assert list(load_models(tmp_path)) == ["marts.one"]
        return
    with pytest.raises(ModelError, match=says) as error:
        load_models(tmp_path)
    assert "marts/one.sql" in str(error.value) or "one.sql" in str(error.value)
    assert "\n" not in str(error.value)


CHECKED = GOOD.replace(
    "*/", "expectations:\n  - {expect: no_rows, name: small, description: Small.}\n*/"
)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"marts.one.small.sql": "-- why\nSELECT * FROM marts.one WHERE a > 9;\n"}, None),
        ({}, "marts/one.sql: expectation small .* no checks/marts.one.small.sql"),
        (
            {"marts.one.small.sql": "SELECT 1", "marts.one.large.sql": "SELECT 1"},
            "checks/marts.one.large.sql: no header",
        ),
        ({"marts.one.small.sql": "DELETE"}, "marts.one.small.sql: not one SELECT"),
        ({"marts.one.small.sql": "SELECT * FROM marts.absent"}, "reads marts.absent"),
    ],
)
def test_a_long_check_has_its_sql_in_a_file_of_its_name(
    tmp_path: Path, files: dict[str, str], says: str | None
) -> None:
    for folder in ("marts", "checks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "marts" / "one.sql").write_text(CHECKED)
    for name, sql in files.items():
        (tmp_path / "checks" / name).write_text(sql)
    if says is not None:
        with pytest.raises(ModelError, match=says) as error:
            load_models(tmp_path)
        assert "\n" not in str(error.value)
        return
    model = load_models(tmp_path)["marts.one"]
    assert model.expectations[-1].options["sql"].endswith("WHERE a > 9")
    # A table is built and checked again when one of its checks changes.
    before = model.source
    (tmp_path / "checks" / "marts.one.small.sql").write_text("SELECT 1 FROM marts.one")
    assert model.source != before


def test_no_header_holds_a_long_query(root: Path) -> None:
    for model in load_models(root / "sql").values():
        for check in model.expectations:
            assert check.file or len(str(check.options.get("sql", ""))) <= 200, check.name


def test_models_that_read_each_other_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "core"
    folder.mkdir()
    for name, other in (("one", "two"), ("two", "one")):
        text = GOOD.replace("registry.missions", f"core.{other}")
        (folder / f"{name}.sql").write_text(text)
    with pytest.raises(ModelError, match="circle"):
        load_models(tmp_path)


def test_dependencies_come_from_the_query_itself(tmp_path: Path) -> None:
    path = tmp_path / "core" / "x.sql"
    path.parent.mkdir()
    path.write_text(
        GOOD.replace(
            "SELECT 1 AS a FROM registry.missions",
            "WITH t AS (SELECT * FROM registry.targets) SELECT a FROM t "
            "WHERE a IN (SELECT period FROM core.observations)",
        )
    )
    assert read_model(path).upstream == {"registry.targets", "core.observations"}


FRAME = pd.DataFrame({"id": ["x", "y", "y"], "n": [1.0, None, 300.0], "year": [2019, 2020, 2020]})


@pytest.mark.parametrize(
    ("kind", "options", "rows"),
    [
        ("schema", {"columns": ["id", "n"]}, [{"not_expected": "year"}]),
        ("unique", {"columns": ["id"]}, [{"id": "y"}, {"id": "y"}]),
        ("unique", {"columns": ["id", "year"]}, [{"id": "y"}, {"id": "y"}]),
        ("rows", {"value": 0}, [{"id": "x"}, {"id": "y"}, {"id": "y"}]),
        ("not_null", {"column": "n"}, [{"id": "y", "n": None}]),
        ("in_set", {"column": "id", "values": ["y"]}, [{"id": "x"}]),
        ("not_in_set", {"column": "id", "values": ["x"]}, [{"id": "x"}]),
        ("between", {"column": "n", "min": 0, "max": 100}, [{"n": 300.0}]),
        ("contains", {"column": "year", "values": [2018, 2019]}, [{"missing": 2018}]),
        ("equals_set", {"column": "year", "values": [2019]}, [{"not_expected": 2020}]),
    ],
)
def test_each_expectation_fails_and_shows_its_rows(
    kind: str, options: dict[str, object], rows: list[dict[str, object]]
) -> None:
    (outcome,) = validate(FRAME, [(kind, options)])
    assert not outcome["passed"]
    assert outcome["failing_rows"] == len(rows)
    for shown, wanted in zip(outcome["rows"], rows, strict=True):
        assert wanted.items() <= shown.items()


def test_a_check_that_cannot_run_is_an_error_not_bad_data() -> None:
    with pytest.raises(QualityError, match="absent"):
        validate(FRAME, [("not_null", {"column": "absent"})])


def test_two_cells_of_one_line_that_cannot_be_used_are_two_rejects(root: Path) -> None:
    # A body with several value columns gives more than one row for a line: no fault of a table.
    from pipeline.formats import DatasetSpec, parse

    body = b"Entity,Code,Year,a,b\nNetherlands,NLD,2020,,\nNetherlands,NLD,2021,1,2\n"
    rejects = parse(body, DatasetSpec("owid", "x", "owid_csv")).rejects.to_pylist()
    grain = [g for g in read_model(root / "sql" / "core" / "rejects.sql").grain if g in rejects[0]]
    assert len(rejects) == 2
    assert len({tuple(r[g] for g in grain) for r in rejects}) == 2
