"""The registry's files read into one Registry; each mistake is one line with file and line.

What one entry may say belongs in schema.py, rules across entries in validate.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.registry.entries import Item, Problems, read_items
from pipeline.registry.notes import Gap, OfficialProjection, Override, Peer, Unit
from pipeline.registry.operands import operands_of
from pipeline.registry.schema import (
    Dataset,
    Indicator,
    Mission,
    Registry,
    RegistryError,
    Source,
    Target,
)
from pipeline.registry.validate import Items, validate

_Kind = TypeVar("_Kind", bound=BaseModel)
_Named = TypeVar("_Named", Mission, Target, Source, Dataset, Indicator, OfficialProjection)


@cache
def load(root: Path | None = None) -> Registry:
    """Read the registry below `root` (default: the one that ships), once in a process.

    RegistryError lists every mistake, a line each.
    """
    folder = root or Path(__file__).parent
    registry, problems, items = Registry(), Problems(), Items()
    items.missions = _named(folder, "missions.yaml", Mission, problems, registry.missions)
    items.targets = _named(folder, "targets.yaml", Target, problems, registry.targets)
    _named(folder, "sources.yaml", Source, problems, registry.sources)
    items.datasets = _named(folder, "datasets.yaml", Dataset, problems, registry.datasets)
    for path in sorted((folder / "indicators").glob("*.yaml")):
        name = f"indicators/{path.name}"
        items.indicators |= _named(folder, name, Indicator, problems, registry.indicators)
    items.projections = _named(
        folder, "projections.yaml", OfficialProjection, problems, registry.projections
    )
    for item in read_items(folder, "peers.yaml", problems):
        if peer := _typed(Peer, item, problems):
            if peer.geo in registry.peers:
                problems.add(item.at, f"{peer.geo} is given twice")
            registry.peers[peer.geo] = peer
    for item in read_items(folder, "gaps.yaml", problems):
        if gap := _typed(Gap, item, problems):
            if gap.gap in registry.gaps:
                problems.add(item.at, f"{gap.gap} is given twice")
            registry.gaps[gap.gap] = gap
    for item in read_items(folder, "units.yaml", problems):
        if unit := _typed(Unit, item, problems):
            if unit.unit in registry.units:
                problems.add(item.at, f"{unit.unit} is given twice")
            registry.units[unit.unit] = unit
    for item in read_items(folder, "overrides.yaml", problems):
        if override := _typed(Override, item, problems):
            registry.overrides.append(override)
            items.overrides.append(item)
    for entry in registry.indicators.values():
        registry.operands += operands_of(items.indicators[entry.id], entry, registry, problems)
    if not problems.lines or registry.missions:
        validate(registry, items, problems)
    if problems.lines:
        raise RegistryError(problems.lines)
    _complete_datasets(registry)
    return registry


def _complete_datasets(registry: Registry) -> None:
    """Give each dataset the series that indicators need, and its publisher's defaults."""
    needed = registry.series_needed()
    for name, keys in registry.populations().items():
        needed.setdefault(name, set()).update(keys)
    for name, dataset in list(registry.datasets.items()):
        source = registry.sources[dataset.source]
        registry.datasets[name] = dataset.model_copy(
            update={
                "needed": tuple(sorted(needed.get(name, ()))),
                "publisher": dataset.publisher or source.publisher,
                "licence": dataset.licence or source.licence,
                "citation": dataset.citation or source.citation,
                "landing_url": source.page_of(dataset),
            }
        )


def _typed(kind: type[_Kind], item: Item, problems: Problems) -> _Kind | None:
    """The entry as its type; None if it does not fit, with a line for each fault."""
    if not isinstance(item.raw, dict):
        problems.add(item.at, f"expected a mapping, got {item.raw!r}")
        problems.mark_broken(item)
        return None
    try:
        return kind.model_validate(item.raw)
    except ValidationError as error:
        problems.mark_broken(item)
        name = item.raw.get("id", item.raw.get("mission", "?"))
        for fault in error.errors():
            path = ".".join(str(p) for p in fault["loc"])
            said = {"extra_forbidden": "no such key", "missing": "is missing"}.get(
                fault["type"], fault["msg"].removeprefix("Value error, ")
            )
            problems.add(item.where(*fault["loc"]), f"{name}: `{path}`: {said}")
        return None


def _named(
    root: Path, name: str, kind: type[_Named], problems: Problems, into: dict[str, _Named]
) -> dict[str, Item]:
    """Put the entries of a file `into` the registry by id; id → where it stands."""
    items: dict[str, Item] = {}
    for item in read_items(root, name, problems):
        entry = _typed(kind, item, problems)
        if entry is None:
            continue
        if entry.id in into:
            problems.add(item.at, f"id {entry.id} is given twice; ids are unique")
            continue
        into[entry.id] = entry
        items[entry.id] = item
    return items
