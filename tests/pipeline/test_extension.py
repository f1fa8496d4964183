"""An indicator added by YAML alone, a table added by one SQL file: both go all the way."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[[Path, str], list[dict[str, Any]]]
Cli = Callable[..., subprocess.CompletedProcess[str]]

ENTRY = """

- id: repaired_products
  mission: circular.economy.extend
  label: {nl: Gerepareerde producten, en: Products repaired}
  unit: '%'
  direction: up
  fit: direct
  role: headline
  cadence: 1
  bounds: [0, 100]
  plausible: [1, 100]
  value:
    series: {dataset: curated/repair_survey, series: products repaired}
"""
DATASET = """
- {id: curated/repair_survey, title: Repair survey, format: curated_csv, publisher: Test}
"""
FIGURES = """series,geo,period,value,unit,flag
products repaired,NL,2019,10,%,
products repaired,NL,2020,11,%,
products repaired,NL,2021,,%,
products repaired,NL,2022,13,%,
products repaired,NL,2023,14,%,p
products repaired,NL,2024,15,%,
"""
TABLE = """/*
description: Number of indicators of each mission.
grain: [mission_id]
columns:
  mission_id: VARCHAR, mission
  n: BIGINT, number of indicators
expectations:
  - {expect: between, column: n, min: 1, name: at_least_one, description: A mission here has an indicator.}
*/
SELECT mission_id, count(*) AS n FROM marts.indicators GROUP BY mission_id
"""


@pytest.mark.slow
def test_an_indicator_and_a_table_are_added_without_python(
    data: Path, tmp_path: Path, root: Path, cli: Cli, ask: Ask
) -> None:
    registry = tmp_path / "registry"
    shutil.copytree(root / "pipeline" / "registry", registry)
    with (registry / "indicators" / "2_circular.yaml").open("a") as file:
        file.write(ENTRY)
    with (registry / "datasets.yaml").open("a") as file:
        file.write(DATASET)
    sql = tmp_path / "sql"
    shutil.copytree(root / "sql", sql)
    (sql / "marts" / "indicators_by_mission.sql").write_text(TABLE)
    env = {"MISSIEMONITOR_REGISTRY": str(registry), "MISSIEMONITOR_SQL": str(sql)}
    source = tmp_path / "repair.csv"
    source.write_text(FIGURES)
    taken = cli(data, "ingest", str(source), "--dataset", "curated/repair_survey",
                "--known-from", "2026-11-01", **env)  # fmt: skip
    assert taken.returncode == 0, taken.stderr
    done = cli(data, "run", "--as-of", "2026-11-23", "--publish", "--lang", "en", **env)
    assert done.returncode == 0, done.stderr
    assert "Products repaired" in done.stdout
    for table in (
        "indicators",
        "indicator_targets",
        "observations",
        "indicator_progress",
        "target_path",
    ):
        rows = ask(data, f"SELECT * FROM marts.{table} WHERE indicator_id = 'repaired_products'")
        assert rows, table
    goal = ask(
        data,
        "SELECT status, worst_indicator_id FROM marts.sub_mission_progress "
        "WHERE mission_id = 'circular.economy.extend'",
    )
    assert goal == [{"status": "improving", "worst_indicator_id": "repaired_products"}]
    kept = ask(
        data,
        "SELECT period, flags FROM marts.observations WHERE indicator_id = 'repaired_products' "
        "ORDER BY period",
    )
    assert [r["period"] for r in kept] == [2019, 2020, 2022, 2023, 2024]
    assert kept[3]["flags"] == ["p"]
    counted = ask(data, "SELECT sum(n) AS n FROM marts.indicators_by_mission")
    assert counted == ask(data, "SELECT count(*) AS n FROM marts.indicators")
    checks = ask(
        data,
        "SELECT expectation FROM marts.check_results "
        "WHERE asset = 'marts/indicators_by_mission' AND passed ORDER BY 1",
    )
    assert {"schema", "grain_unique", "at_least_one"} <= {c["expectation"] for c in checks}
    package = json.loads((data / "marts" / "datapackage.json").read_text())
    assert "indicators_by_mission" in {r["name"] for r in package["resources"]}
    comment = ask(
        data,
        "SELECT comment FROM duckdb_columns() WHERE schema_name = 'marts' AND table_name = 'indicators_by_mission' "
        "AND column_name = 'n'",
    )
    assert comment == [{"comment": "number of indicators"}]
