"""Dagster and Great Expectations are used as their documentation says, so that each can be upgraded
by a change of its version: no private name, no subclass of their storages, no patched module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [p for part in ("assets", "pipeline") for p in sorted((ROOT / part).rglob("*.py"))]
LIBRARIES = ("dagster", "great_expectations")
STORES = ("Storage", "ComputeLogManager", "RunLauncher", "RunCoordinator", "DagsterInstance")


def faults(source: str) -> list[str]:
    """What a module takes of the libraries that they do not offer."""
    tree = ast.parse(source)
    named: dict[str, str] = {}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                named[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                found += [alias.name] if is_private(alias.name) else []
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                named[alias.asname or alias.name] = whole
                found += [whole] if is_private(whole) else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            whole = dotted(node, named)
            found += [whole] if is_private(whole) else []
            found += [whole] if whole in ("sys.modules", "sys.meta_path", "sys.path_hooks") else []
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                whole = dotted(base, named)
                if whole.partition(".")[0] in LIBRARIES and whole.endswith(STORES):
                    found.append(f"class {node.name}({whole})")
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                whole = dotted(target, named)
                if isinstance(target, ast.Attribute) and whole.partition(".")[0] in LIBRARIES:
                    found.append(f"{whole} = …")
        elif isinstance(node, ast.Call) and dotted(node.func, named) == "setattr":
            whole = dotted(node.args[0], named)
            found += [f"setattr({whole})"] if whole.partition(".")[0] in LIBRARIES else []
    return found


def is_private(name: str) -> bool:
    first, *rest = name.split(".")
    return first in LIBRARIES and any(n.startswith("_") and not n.endswith("__") for n in rest)


def dotted(node: ast.expr, named: dict[str, str]) -> str:
    """`a.b.c` as it is called where it comes from; empty if it is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([named.get(node.id, node.id), *reversed(parts)])


@pytest.mark.parametrize("path", FILES, ids=[p.relative_to(ROOT).as_posix() for p in FILES])
def test_a_module_takes_what_the_libraries_offer(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "from dagster._core.storage.event_log import SqliteEventLogStorage",
        "from dagster import _check",
        "import dagster._core as core",
        "import dagster as dg\ndg._core.storage",
        "from great_expectations.core import _secret",
        "import sys\nsys.modules['x'] = None",
        "from sys import modules as m\nimport sys\nsys.meta_path.insert(0, None)",
        "import dagster as dg\nclass Mine(dg.SqliteEventLogStorage): ...",
        "from dagster import LocalComputeLogManager\nclass Mine(LocalComputeLogManager): ...",
        "from great_expectations import expectations as e\ne.Expect = None",
        "import dagster as dg\nsetattr(dg.Definitions, 'x', 1)",
    ],
)
def test_each_way_round_is_seen(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        "import dagster as dg\nclass Run(dg.ConfigurableResource): ...\ndg.__version__",
        "from pipeline.quality import suite\nsuite._frames()",
        "import sys\nsys.stdout.flush()",
    ],
)
def test_what_is_offered_is_not_complained_of(source: str) -> None:
    assert faults(source) == []


def test_only_the_assets_and_the_commands_that_run_them_know_dagster() -> None:
    knows = {
        p.relative_to(ROOT).as_posix()
        for p in FILES
        for node in ast.walk(ast.parse(p.read_text("utf-8")))
        if (isinstance(node, ast.Import) and any(a.name.startswith("dagster") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and str(node.module).startswith("dagster"))
    }
    assert all(name.startswith(("assets/", "pipeline/cli/")) for name in knows), knows
