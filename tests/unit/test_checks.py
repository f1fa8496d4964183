"""What Dagster shows of a table's expectations, and which assets a change marks as unsynced."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.checks import model_checks, vintage_result
from assets.definitions import defs
from pipeline.markdown import escaped
from pipeline.paths import registry_root, sql_root
from pipeline.quality.results import CheckResult
from pipeline.warehouse.model import load_models


def result(name: str, passed: bool, observed: str) -> CheckResult:
    return CheckResult(name, passed, "error", True, observed, description=f"{name} is well.")


def table(shown: dg.AssetCheckResult) -> list[dict[str, Any]]:
    return [row.data for row in shown.metadata["expectations"].records]


def test_of_what_holds_the_beginning_is_shown_and_of_what_does_not_all() -> None:
    long = ", ".join(f"column_{n}" for n in range(40))
    shown = vintage_result([result("one", True, long), result("two", False, long)])
    assert not shown.passed and shown.description == escaped(f"Not so: two is well. Seen: {long}.")
    failed, held = table(shown)
    assert list(failed)[:3] == ["expectation", "description", "passed"]
    assert failed["observed"] == long[:500] and failed["expectation"] == "two"
    assert held["observed"].endswith(" …") and len(held["observed"]) <= 80


@pytest.mark.parametrize(("holding", "says"), [(1, "It holds."), (3, "All 3 hold.")])
def test_it_says_how_many_hold(holding: int, says: str) -> None:
    shown = vintage_result([result(str(n), True, "") for n in range(holding)])
    assert shown.passed and shown.description == says


def test_a_tables_checks_name_the_file_in_which_they_are_written() -> None:
    for model in load_models(sql_root()).values():
        file = f"sql/{model.layer}/{model.path.name}"
        specs = model_checks(model, dg.AssetKey(model.name.split(".")))
        assert specs and all(f"`{file}`" in str(s.description) for s in specs)


@pytest.mark.parametrize(
    ("variable", "root", "file", "marked"),
    [
        ("MISSIEMONITOR_SQL", sql_root, "marts/gaps.sql", "marts/gaps"),
        ("MISSIEMONITOR_REGISTRY", registry_root, "sources.yaml", "registry"),
    ],
)
def test_a_change_of_a_file_marks_its_asset_as_unsynced_and_no_other(
    variable: str,
    root: Any,
    file: str,
    marked: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def versions() -> dict[str, str | None]:
        specs = defs().resolve_all_asset_specs()
        return {s.key.to_user_string(): s.code_version for s in specs}

    before = versions()
    copied = tmp_path / "copy"
    shutil.copytree(root(), copied)
    with (copied / file).open("a", encoding="utf-8") as changed:
        changed.write("\n")
    monkeypatch.setenv(variable, str(copied))
    after = versions()
    assert {name for name in before if after[name] != before[name]} == {marked}
    assert before[marked]
