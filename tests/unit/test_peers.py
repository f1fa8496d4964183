"""The dbt project that `make bench-peers` makes of the SQL files: whole, and nothing named that is not
declared. It needs no dbt."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from pipeline.progress.tables import FUNCTIONS
from pipeline.warehouse.model import load_models

USED = re.compile(r"""(ref|source)\(['"](\w+)['"](?:, ['"](\w+)['"])?\)""")


@pytest.fixture
def peers_dbt(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(root / "tools")
    import peers_dbt

    yield peers_dbt
    sys.modules.pop("peers_dbt")


def test_every_reference_of_the_dbt_project_is_declared(
    root: Path, tmp_path: Path, peers_dbt: ModuleType
) -> None:
    models = load_models(root / "sql")
    peers_dbt.write_project(models, tmp_path, tmp_path / "sources", "1GB")
    files = [f for f in tmp_path.glob("models/*") if f.suffix in (".sql", ".py")]
    assert {f.stem for f in files} == {name.replace(".", "__") for name in models}
    tables = {m.name.replace(".", "__"): m for m in models.values()}
    declared = {
        ("source", source["name"], table["name"])
        for source in yaml.safe_load((tmp_path / "models" / "sources.yml").read_text())["sources"]
        for table in source["tables"]
    } | {("ref", name, "") for name in tables}
    singular = list((tmp_path / "tests").glob("*.sql"))
    for file in [*files, *singular]:
        text = file.read_text()
        used = set(USED.findall(text))
        assert used <= declared, file.name
        # What DuckDB's parser finds in the query is what dbt is told, and no name of ours is left.
        read = {".".join(filter(None, (a, b))).replace("__", ".") for _, a, b in used}
        name = file.stem if file in files else file.stem.rsplit("__", 1)[0]
        assert read <= {*tables[name].upstream, tables[name].name}, file.name
        assert not re.search(r"\b(FROM|JOIN) (core|marts|registry|raw|run|checks)\.", text)
    expected = [e for m in models.values() for e in m.expectations]
    assert len(singular) == sum(e.kind == "no_rows" for e in expected)
    written = yaml.safe_load((tmp_path / "models" / "models.yml").read_text())["models"]
    generic = [t for m in written for c in [m, *m["columns"]] for t in c["data_tests"]]
    assert len(generic) == sum(e.kind not in ("no_rows", "schema") for e in expected)


def test_a_table_that_python_computes_is_a_python_model_of_the_same_function(
    root: Path, tmp_path: Path, peers_dbt: ModuleType
) -> None:
    models = load_models(root / "sql")
    peers_dbt.write_project(models, tmp_path, tmp_path / "sources", "1GB")
    computed = {m.name.replace(".", "__"): m for m in models.values() if m.function}
    assert computed and {f.stem for f in tmp_path.glob("models/*.py")} == set(computed)
    for name, model in computed.items():
        text = (tmp_path / "models" / f"{name}.py").read_text()
        compile(text, name, "exec")
        assert f"FUNCTIONS[{model.function!r}]" in text and model.function in FUNCTIONS
