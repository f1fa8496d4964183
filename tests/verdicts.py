"""The state of one dataset in a root of data, as its asset finds it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pipeline.paths import Paths
from pipeline.registry import Registry, load
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import Archive
from pipeline.vintages.validate import Rules, Validator, rules_of


def state_of(
    root: Path,
    name: str,
    as_of: date = date(2026, 11, 23),
    registry: Registry | None = None,
    rules: Rules | None = None,
) -> DatasetState:
    """Every vintage known at a date judged, and the one in use."""
    registry, paths = registry or load(), Paths(root)
    dataset = registry.datasets[name]
    validator = Validator(Archive(paths), paths.work)
    known = validator.archive.vintages(dataset.source, dataset.dataset, as_of)
    return resolve(dataset, known, rules or rules_of(registry, dataset), validator)
