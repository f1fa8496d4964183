"""The registry's YAML read into typed entries; each mistake is one line with file and line.

What is monitored stands in the YAML files; what a target means belongs in progress/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    import pyarrow as pa

NUMERIC = ("level", "change", "gain")
COUNTING = "commitment"
_LEVELS = {"mission": 5, "sub_mission": 21, "interim_goal": 4}
_LETTER_NUMBERS = 17
_OPERANDS = {"series": 1, "difference": 2, "ratio": 2}

Text = Annotated[str, Field(min_length=1)]


class RegistryError(ValueError):
    """Every mistake found, a line each in `lines`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Entry):
    nl: Text
    en: Text


class Mission(_Entry):
    id: Text
    level: Literal["mission", "sub_mission", "interim_goal"]
    parent: str | None = None
    title: Words
    short: Words
    letter: Text


class Target(_Entry):
    id: Text
    mission: Text
    kind: Literal["level", "change", "gain", "direction", "milestone"]
    year: int | None = None
    number: float | None = None
    unit: str | None = None
    strength: Literal["commitment", "ambition", "exploratory", "law", "plan"]
    source: Text = "DGBI / 26844711 (2023)"
    base_year: int | None = None
    letter: Text
    milestone_state: Literal["met", "open", "overdue"] | None = None
    milestone_source: str | None = None
    milestone_date: str | None = None


class Source(_Entry):
    id: Text
    publisher: Text
    licence: Text
    citation: Text
    base_url: Text
    landing_url: Text
    cadence: int = 1


class Dataset(_Entry):
    id: Text
    title: Text
    format: Literal[
        "sdmx_csv", "oecd_csv", "owid_csv", "curated_csv", "cbs_odata", "worldbank_json",
        "unsdg_json",
    ]  # fmt: skip
    code: str | None = None
    publisher: str = ""
    licence: str = ""
    citation: str = ""
    cadence: int = 1
    url: str = ""
    forms: tuple[Literal["range", "circa", "fraction"], ...] = ()
    needed: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return self.id.split("/", 1)[0]

    @property
    def dataset(self) -> str:
        return self.id.split("/", 1)[1]

    def series_keys(self) -> tuple[str, ...]:
        """The series that indicators need from it."""
        return self.needed


class Break(_Entry):
    year: int
    geo: str | None = None
    reason: Text


class Carried(_Entry):
    geo: str | None = None
    years: tuple[int, ...]
    reason: Text


class Pair(_Entry):
    """What a target means for an indicator; `number` only where it differs from the target's."""

    target: Text
    number: float | None = None
    base_year: int | None = None
    base_year_basis: Literal["letter", "assumed", "documented"] | None = None
    documented_baseline: float | None = None
    baseline_source: str | None = None
    derived_from: str | None = None
    reason: str | None = None
    counts: bool | None = None
    path: Literal["linear", "geometric"] = "linear"


class Indicator(_Entry):
    id: Text
    mission: Text
    label: Words
    unit: Text
    direction: Literal["up", "down"] | None = None
    fit: Literal["direct", "proxy", "context"]
    role: Literal["headline", "supporting"]
    cadence: Annotated[int, Field(ge=1)]
    bounds: tuple[float | None, float | None] = (None, None)
    plausible: tuple[float, float]
    may_be_zero: bool = False
    intensive: bool = True
    value: dict[str, Any]
    targets: tuple[Pair, ...] = ()
    breaks: tuple[Break, ...] = ()
    carried_forward: tuple[Carried, ...] = ()
    caveat: Words | None = None


class Override(_Entry):
    mission: Text
    status: Text
    author: Text
    reason: Text
    date: Text
    until: Text


@dataclass(frozen=True)
class Operand:
    indicator: str
    alternative: int
    op: str
    require: str
    flag: str | None
    scale: float
    position: int
    dataset: str
    series_key: str
    from_year: int | None


@dataclass
class Registry:
    """Everything that is monitored; `tables()` gives it as Arrow tables."""

    missions: dict[str, Mission] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    operands: list[Operand] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)

    def plausible_of(self, source: str, dataset: str, series_key: str) -> tuple[float, ...]:
        """Range of a series' raw values: that of the indicators that are this series alone."""
        lows, highs = [], []
        for o in self.operands:
            if (
                o.op == "series"
                and o.dataset == f"{source}/{dataset}"
                and o.series_key == series_key
            ):
                low, high = self.indicators[o.indicator].plausible
                lows.append(low / o.scale)
                highs.append(high / o.scale)
        return (min(lows), max(highs)) if lows else ()

    def pairs(self) -> Iterator[dict[str, Any]]:
        """indicator_targets, with the `<id>:direction` row of each indicator without a counting
        one (METHOD §2)."""
        for item in self.indicators.values():
            counting = False
            for pair in item.targets:
                target = self.targets[pair.target]
                counts = (
                    target.strength == COUNTING
                    and target.kind != "milestone"
                    and item.fit != "context"
                    and pair.counts is not False
                )
                counting |= counts
                yield {
                    "indicator_id": item.id,
                    "target_id": target.id,
                    "kind": target.kind,
                    "number": target.number if pair.number is None else pair.number,
                    "target_year": target.year,
                    "base_year": pair.base_year,
                    "base_year_basis": pair.base_year_basis,
                    "documented_baseline": pair.documented_baseline,
                    "baseline_source": pair.baseline_source,
                    "derived_from": pair.derived_from,
                    "reason": pair.reason,
                    "counts": counts,
                    "strength": target.strength,
                    "path": pair.path,
                }
            if not counting:
                yield {
                    "indicator_id": item.id,
                    "target_id": f"{item.id}:direction",
                    "kind": "direction",
                    "counts": item.fit != "context",
                    "path": "linear",
                }

    def tables(self) -> dict[str, pa.Table]:
        """The registry as tables, in the order of the files."""
        from pipeline.registry.tables import tables

        return tables(self)


class _Problems:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, at: str, text: str) -> None:
        self.lines.append(f"{at}: {text}")


def _plain(node: Any, problems: _Problems, file: str) -> Any:
    """A YAML node as Python, refusing a key that is given twice."""
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key in found:
                problems.add(f"{file}:{key_node.start_mark.line + 1}", f"`{key}` is given twice")
            found[key] = _plain(value_node, problems, file)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(v, problems, file) for v in node.value]
    return _SCALARS.construct_object(node)


class _Scalars(yaml.constructor.SafeConstructor):
    """Dates stay text: the entries say what they are."""


_Scalars.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))
_SCALARS = _Scalars()


@dataclass
class _Item:
    at: str
    lines: Mapping[str, int]
    raw: Any
    file: str

    def where(self, loc: tuple[Any, ...] = ()) -> str:
        for size in range(len(loc), 0, -1):
            name = ".".join(str(p) for p in loc[:size])
            if name in self.lines:
                return f"{self.file}:{self.lines[name]}"
        return self.at


def _lines(node: Any, prefix: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            found[name] = key.start_mark.line + 1
            found |= _lines(value, name + ".")
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            found[f"{prefix}{i}"] = value.start_mark.line + 1
            found |= _lines(value, f"{prefix}{i}.")
    return found


def _items(root: Path, name: str, problems: _Problems) -> list[_Item]:
    """The entries of a file that holds a list."""
    path = root / name
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except OSError as error:
        problems.add(name, f"cannot be read ({error.strerror})")
        return []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problems.add(f"{name}:{line}", f"not YAML: {getattr(error, 'problem', error)}")
        return []
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        problems.add(f"{name}:1", "expected a list of entries")
        return []
    return [
        _Item(f"{name}:{n.start_mark.line + 1}", _lines(n), _plain(n, problems, name), name)
        for n in node.value
    ]


def _typed(kind: Any, item: _Item, problems: _Problems) -> Any:
    if not isinstance(item.raw, dict):
        problems.add(item.at, f"expected a mapping, got {item.raw!r}")
        return None
    try:
        return kind.model_validate(item.raw)
    except ValidationError as error:
        name = item.raw.get("id", item.raw.get("mission", "?"))
        for fault in error.errors():
            path = ".".join(str(p) for p in fault["loc"])
            said = "no such key" if fault["type"] == "extra_forbidden" else fault["msg"]
            if fault["type"] == "missing":
                said = "is missing"
            problems.add(item.where(fault["loc"]), f"{name}: `{path}`: {said}")
        return None


def _all(
    root: Path, name: str, kind: Any, problems: _Problems, into: dict[str, Any]
) -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    for item in _items(root, name, problems):
        entry = _typed(kind, item, problems)
        if entry is None:
            continue
        if entry.id in into:
            problems.add(item.at, f"id {entry.id} is given twice; ids are unique")
            continue
        into[entry.id] = entry
        items[entry.id] = item
    return items


def _operands(
    item: _Item, entry: Indicator, registry: Registry, problems: _Problems
) -> list[Operand]:
    value = entry.value
    alternatives = value["first"] if set(value) == {"first"} else [value]
    found = []
    for number, alternative in enumerate(alternatives, 1):
        if not isinstance(alternative, dict):
            problems.add(item.where(("value",)), f"{entry.id}: value: expected a mapping")
            continue
        rest = dict(alternative)
        if "series" in rest:
            members, op = [rest.pop("series")], "series"
        else:
            members, op = rest.pop("of", None), rest.pop("op", None)
        if op not in ("series", "sum", "difference", "ratio", "share", "mean") or not isinstance(
            members, list
        ):
            problems.add(
                item.where(("value",)),
                f"{entry.id}: value: expected `series`, or `op` (sum, difference, ratio, share, mean) "
                "with a list `of`",
            )
            continue
        if len(members) != _OPERANDS.get(op, len(members)) or not members:
            problems.add(
                item.where(("value",)), f"{entry.id}: {op} takes {_OPERANDS.get(op, 2)} series"
            )
            continue
        scale, flag = rest.pop("scale", 1), rest.pop("flag", None)
        require, start = rest.pop("require", "all"), rest.pop("from_year", None)
        if rest or require not in ("all", "any") or not isinstance(scale, int | float) or not scale:
            problems.add(
                item.where(("value",)),
                f"{entry.id}: value: {', '.join(rest) or 'require or scale'} is not understood; keys are "
                "series, op, of, scale, flag, require (all or any), from_year",
            )
            continue
        for position, member in enumerate(members, 1):
            key = dict(member) if isinstance(member, dict) else {}
            dataset = str(key.pop("dataset", ""))
            if dataset not in registry.datasets:
                problems.add(
                    item.where(("value",)),
                    f"{entry.id}: dataset {dataset!r} is not in datasets.yaml",
                )
                continue
            if not key:
                problems.add(
                    item.where(("value",)), f"{entry.id}: a series names its dimensions and codes"
                )
                continue
            text = "|".join(f"{k}={v}" for k, v in sorted(key.items()))
            found.append(
                Operand(
                    entry.id,
                    number,
                    op,
                    require,
                    flag,
                    float(scale),
                    position,
                    dataset,
                    text,
                    start,
                )
            )
    return found


def _check_pairs(item: _Item, entry: Indicator, registry: Registry, problems: _Problems) -> None:
    seen = set()
    for i, pair in enumerate(entry.targets):
        at = item.where(("targets", i))
        target = registry.targets.get(pair.target)
        if target is None:
            problems.add(at, f"{entry.id}: target {pair.target} is not in targets.yaml")
            continue
        if pair.target in seen:
            problems.add(at, f"{entry.id}: target {pair.target} is named twice")
        seen.add(pair.target)
        number = target.number if pair.number is None else pair.number
        if target.kind in ("change", "gain") and pair.base_year is None:
            problems.add(at, f"{entry.id}: {target.kind} target {pair.target} needs a base_year")
        if pair.base_year is not None and pair.base_year_basis is None:
            problems.add(
                at, f"{entry.id}: base_year needs a base_year_basis (letter, assumed, documented)"
            )
        if pair.base_year_basis == "assumed" and not pair.reason:
            problems.add(at, f"{entry.id}: an assumed base year needs a reason")
        if pair.documented_baseline is not None and not pair.baseline_source:
            problems.add(at, f"{entry.id}: a documented baseline needs a baseline_source")
        value = number if target.kind == "level" else None
        if pair.documented_baseline is not None and number is not None:
            value = {
                "change": pair.documented_baseline * (1 + number),
                "gain": pair.documented_baseline + number,
            }.get(target.kind, value)
        low, high = entry.bounds
        if value is not None and (
            (low is not None and value < low) or (high is not None and value > high)
        ):
            problems.add(
                at,
                f"{entry.id}: target {value:g} is impossible: its unit runs from {low} to {high}",
            )


def _check(
    registry: Registry, items: Mapping[str, Mapping[str, _Item]], problems: _Problems
) -> None:
    for mission in registry.missions.values():
        at = items["missions"][mission.id].at
        if mission.parent is not None and mission.parent not in registry.missions:
            problems.add(at, f"{mission.id}: parent {mission.parent} is no mission")
        if (mission.level == "mission") != (mission.parent is None):
            problems.add(at, f"{mission.id}: a mission has no parent, everything else has one")
    for level, number in _LEVELS.items():
        count = sum(m.level == level for m in registry.missions.values())
        if count != number:
            problems.add(
                "missions.yaml:1", f"{count} rows of level {level}; the letter has {number}"
            )
    for target in registry.targets.values():
        at = items["targets"][target.id].at
        if target.mission not in registry.missions:
            problems.add(
                at, f"{target.id}: mission {target.mission} does not exist; see missions.yaml"
            )
        if (target.kind in NUMERIC) != (target.number is not None):
            said = "needs a number" if target.kind in NUMERIC else "takes no number"
            problems.add(at, f"{target.id}: a {target.kind} target {said}")
        if target.kind in NUMERIC and target.year is None:
            problems.add(at, f"{target.id}: a {target.kind} target needs a year")
        if target.kind == "milestone" and not target.milestone_state:
            problems.add(
                at, f"{target.id}: a milestone needs a milestone_state (met, open, overdue)"
            )
    letter = sum(
        t.number is not None and t.strength not in ("law", "plan")
        for t in registry.targets.values()
    )
    if letter != _LETTER_NUMBERS:
        problems.add("targets.yaml:1", f"{letter} numbers of the letter; it has {_LETTER_NUMBERS}")
    for dataset in registry.datasets.values():
        if dataset.source not in registry.sources:
            problems.add(
                items["datasets"][dataset.id].at,
                f"{dataset.id}: source {dataset.source} is not in sources.yaml",
            )
    for entry in registry.indicators.values():
        item = items["indicators"][entry.id]
        if entry.mission not in registry.missions:
            problems.add(
                item.where(("mission",)),
                f"{entry.id}: mission {entry.mission} does not exist; see missions.yaml",
            )
        if entry.fit != "context" and entry.direction is None:
            problems.add(
                item.at, f"{entry.id}: `direction`: up or down is needed unless fit is context"
            )
        if entry.plausible[0] >= entry.plausible[1]:
            problems.add(item.where(("plausible",)), f"{entry.id}: plausible runs from low to high")
        _check_pairs(item, entry, registry, problems)


@cache
def load(root: Path | None = None) -> Registry:
    """Read the registry below `root` (default: the one that ships), once in a process.

    RegistryError lists every mistake, a line each.
    """
    folder = root or Path(__file__).parent
    registry, problems = Registry(), _Problems()
    items = {
        "missions": _all(folder, "missions.yaml", Mission, problems, registry.missions),
        "targets": _all(folder, "targets.yaml", Target, problems, registry.targets),
        "sources": _all(folder, "sources.yaml", Source, problems, registry.sources),
        "datasets": _all(folder, "datasets.yaml", Dataset, problems, registry.datasets),
        "indicators": {},
    }
    for path in sorted((folder / "indicators").glob("*.yaml")):
        name = f"indicators/{path.name}"
        items["indicators"] |= _all(folder, name, Indicator, problems, registry.indicators)
    registry.peers = [str(i.raw) for i in _items(folder, "peers.yaml", problems)]
    for item in _items(folder, "overrides.yaml", problems):
        entry = _typed(Override, item, problems)
        if entry is not None:
            registry.overrides.append(entry)
            if entry.mission not in registry.missions:
                problems.add(item.at, f"override: mission {entry.mission} does not exist")
    for entry in registry.indicators.values():
        item = items["indicators"][entry.id]
        registry.operands += _operands(item, entry, registry, problems)
    if not problems.lines or registry.missions:
        _check(registry, items, problems)
    if problems.lines:
        raise RegistryError(problems.lines)
    needed: dict[str, set[str]] = {}
    for operand in registry.operands:
        needed.setdefault(operand.dataset, set()).add(operand.series_key)
    for name, dataset in list(registry.datasets.items()):
        source = registry.sources[dataset.source]
        registry.datasets[name] = dataset.model_copy(
            update={
                "needed": tuple(sorted(needed.get(name, ()))),
                "publisher": dataset.publisher or source.publisher,
                "licence": dataset.licence or source.licence,
                "citation": dataset.citation or source.citation,
                "url": dataset.url or source.landing_url,
            }
        )
    return registry
