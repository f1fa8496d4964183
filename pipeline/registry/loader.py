"""The registry's YAML read into typed entries; each mistake is one line with file and line.

What is monitored stands in the YAML files; what a target means belongs in progress/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    import pyarrow as pa

NUMERIC = ("level", "change", "gain")
COUNTING = "commitment"
_LEVELS = {"mission": 5, "sub_mission": 21, "interim_goal": 4}
_LETTER_NUMBERS = 17
_PARENT = {"mission": None, "sub_mission": "mission", "interim_goal": "sub_mission"}
_OUTSIDE = ("law", "plan")
_LETTER = "DGBI / 26844711 (2023)"
_OPERANDS = {"series": 1, "difference": 2, "ratio": 2}
_NO_ADDRESS = re.compile(r"[^A-Za-z0-9._~:/?#@!$&'()*+,;=%-]")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?::[0-9]+)?")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLACES = ("dataset", "code")
_OPS = ("series", "sum", "difference", "ratio", "share", "mean")


def _iso(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no date; write it as 2026-12-31") from None
    return text


def _address(text: str) -> str:
    """The address of a page to which a reader can be sent."""
    if not text.startswith("https://"):
        raise ValueError("is no address of a public page; it begins with https://")
    if strange := _NO_ADDRESS.search(text):
        raise ValueError(f"an address holds no {strange[0]!r}; percent-encode it")
    host = re.split("[/?#]", text.removeprefix("https://"), maxsplit=1)[0]
    if "@" in host:
        raise ValueError("names a user; the address of a public page names none")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host")
    return text


def _template(text: str) -> str:
    """An address with a place for what tells a publisher's datasets apart."""
    named = _PLACE.findall(text)
    if strange := [name for name in named if name not in _PLACES]:
        raise ValueError(f"{{{strange[0]}}} is not known; it takes {{dataset}} and {{code}}")
    if not named:
        raise ValueError("has no {dataset} and no {code}; one page for all is a landing_url")
    # A place in the host leaves no host.
    _address(_PLACE.sub("", text))
    return text


Text = Annotated[str, Field(min_length=1)]
IsoDate = Annotated[str, AfterValidator(_iso)]
Address = Annotated[str, AfterValidator(_address)]
Template = Annotated[str, AfterValidator(_template)]


class RegistryError(ValueError):
    """Every mistake found, a line each in `lines`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    gap: Words | None = None


class Target(_Entry):
    id: Text
    mission: Text
    kind: Literal["level", "change", "gain", "direction", "milestone"]
    year: int | None = None
    number: float | None = None
    unit: str | None = None
    strength: Literal["commitment", "ambition", "exploratory", "law", "plan"]
    source: Text = _LETTER
    base_year: int | None = None
    letter: Text | None = None
    milestone_state: Literal["met", "open", "overdue"] | None = None
    milestone_source: str | None = None
    milestone_date: IsoDate | None = None


class Manners(_Entry):
    """Requests side by side, seconds between their starts, downloads an hour (0: no limit)."""

    concurrent: Annotated[int, Field(ge=1, le=4)] = 2
    spacing: Annotated[float, Field(ge=0)] = 0.0
    per_hour: Annotated[int, Field(ge=0)] = 0


class Source(_Entry):
    """A publisher. `landing_url`: its page for people, none where it is several; `dataset_url`: the
    page of one dataset, with {dataset} and {code}. `hosts`: further hosts that its answers may come
    from.
    """

    id: Text
    publisher: Text
    licence: Text
    citation: Text
    base_url: Text
    landing_url: Address | None = None
    dataset_url: Template | None = None
    cadence: int = 1
    hosts: tuple[Text, ...] = ()
    manners: Manners = Manners()


class Titled(_Entry):
    """A code that is found in the publisher's code list by one of these titles."""

    title: Annotated[tuple[Text, ...], Field(min_length=1)]


class Live(_Entry):
    """Where a dataset is pulled from, in full; the codes that are asked for are those of the
    series that indicators need, unless `series` says how the publisher names them.

    `source`: the publisher asked, if not the dataset's own. `code`: its name for the dataset.
    `route` and `order` (dimensions without time): Eurostat's and OECD's keys. `geos`: areas
    asked for; default home, EU and peers; empty: whatever there is. `series`: registry's series
    key → the publisher's dimensions, or `only`: the one series that comes back. `units`: the
    publisher's unit → the dataset's, for all units that may come. `verified`: the codes were
    seen in answers of the publisher's own interface; `evidence` says where.
    """

    source: str = ""
    code: str = ""
    route: Literal["sdmx21", "sdmx30", "statistics"] | None = None
    order: tuple[Text, ...] = ()
    since: Annotated[int, Field(ge=1900)] = 1990
    geos: tuple[Text, ...] | None = None
    series: dict[str, Literal["only"] | dict[str, Text | Titled]] = {}
    units: dict[str, str] = {}
    verified: bool
    evidence: Text


class Dataset(_Entry):
    """`landing_url`: its public page, where the publisher's addresses do not say it; `pages`: series
    key → the page that has it, where the figures are several publishers'. `serves: backtest`: every
    series of it tries the projections' bands, and nothing else.
    """

    id: Annotated[str, Field(pattern="^[^/]+/[^/]+$")]
    title: Text
    format: Literal[
        "sdmx_csv", "sdmx_csv2", "jsonstat", "oecd_csv", "owid_csv", "curated_csv", "cbs_odata",
        "projection_csv", "worldbank_json", "unsdg_json", "gho_json",
    ]  # fmt: skip
    code: str | None = None
    publisher: str = ""
    licence: str = ""
    citation: str = ""
    cadence: int = 1
    landing_url: Address | None = None
    pages: dict[str, Address] = {}
    forms: tuple[Literal["range", "circa", "fraction"], ...] = ()
    serves: Literal["backtest"] | None = None
    live: Live | None = None
    needed: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The publisher that a pull asks, empty if there is none."""
        return (self.live.source or self.source) if self.live else ""

    @property
    def source(self) -> str:
        return self.id.split("/", 1)[0]

    @property
    def dataset(self) -> str:
        return self.id.split("/", 1)[1]

    def series_keys(self) -> tuple[str, ...]:
        """The series that indicators need from it."""
        return self.needed

    def page_of(self, series_key: str) -> str | None:
        """The publisher's page for people that has the series; None if none is known."""
        return self.pages.get(series_key, self.landing_url)


class Break(_Entry):
    year: int
    geo: str | None = None
    reason: Text


class Carried(_Entry):
    geo: str | None = None
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    reason: Text


class PerHead(_Entry):
    """How a total is made comparable between areas: value ÷ `series` (people) × `scale`."""

    unit: Text
    scale: float = 1
    series: dict[str, str]


class Peer(_Entry):
    """An area to compare with. An aggregate is shown beside the countries and has no rank."""

    geo: Annotated[str, Field(pattern="^[A-Z0-9_]+$")]
    aggregate: bool = False


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
    per_head: PerHead | None = None
    value: dict[str, Any]
    targets: tuple[Pair, ...] = ()
    breaks: tuple[Break, ...] = ()
    carried_forward: tuple[Carried, ...] = ()
    caveat: Words | None = None


class OfficialProjection(_Entry):
    """A body's own projections of an indicator, an edition a row, shown beside ours.

    `measure`: what its figures are: the indicator's own unit (`level`), or % below the baseline
    of `target` (`reduction_pct`). `secondary`: quoted by others than the body itself.
    """

    id: Text
    title: Words
    publisher: Text
    dataset: Text
    indicator: Text
    target: Text
    measure: Literal["level", "reduction_pct"]
    secondary: bool = False
    caveat: Words | None = None


class Override(_Entry):
    mission: Text
    status: Literal[
        "achieved", "on_track", "progress_too_slow", "insufficient", "wrong_direction", "missed",
        "improving", "slightly_improving", "stable", "slightly_worsening", "worsening",
        "not_assessable",
    ]  # fmt: skip
    author: Text
    reason: Text
    date: IsoDate
    until: IsoDate


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
    peers: dict[str, Peer] = field(default_factory=dict)
    overrides: list[Override] = field(default_factory=list)
    projections: dict[str, OfficialProjection] = field(default_factory=dict)

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
        # Entries that are there but wrong: what refers to them, or counts them, is no mistake too.
        self.broken: set[str] = set()
        self.broken_files: set[str] = set()

    def add(self, at: str, text: str) -> None:
        self.lines.append(f"{at}: {text}")

    def broke(self, item: _Item) -> None:
        self.broken_files.add(item.file)
        if isinstance(item.raw, dict):
            self.broken.add(str(item.raw.get("id")))


def _plain(node: Any, problems: _Problems, file: str) -> Any:
    """A YAML node as Python, refusing a key that is given twice."""
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                problems.add(f"{file}:{key_node.start_mark.line + 1}", "a key is one word")
                continue
            if key in found:
                problems.add(f"{file}:{key_node.start_mark.line + 1}", f"`{key}` is given twice")
            found[key] = _plain(value_node, problems, file)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(v, problems, file) for v in node.value]
    try:
        return _Scalars().construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        said = getattr(error, "problem", None) or error
        problems.add(f"{file}:{node.start_mark.line + 1}", f"{node.value!r} is not read: {said}")
        return str(node.value)


class _Scalars(yaml.constructor.SafeConstructor):
    """Dates stay text: the entries say what they are."""


_Scalars.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


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
        problems.broken_files.add(name)
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problems.add(f"{name}:{line}", f"not YAML: {getattr(error, 'problem', error)}")
        return []
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        problems.broken_files.add(name)
        problems.add(f"{name}:1", "expected a list of entries")
        return []
    return [
        _Item(f"{name}:{n.start_mark.line + 1}", _lines(n), _plain(n, problems, name), name)
        for n in node.value
    ]


def _typed(kind: Any, item: _Item, problems: _Problems) -> Any:
    if not isinstance(item.raw, dict):
        problems.add(item.at, f"expected a mapping, got {item.raw!r}")
        problems.broke(item)
        return None
    try:
        return kind.model_validate(item.raw)
    except ValidationError as error:
        problems.broke(item)
        name = item.raw.get("id", item.raw.get("mission", "?"))
        for fault in error.errors():
            path = ".".join(str(p) for p in fault["loc"])
            said = "no such key" if fault["type"] == "extra_forbidden" else fault["msg"]
            said = said.removeprefix("Value error, ")
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
    """The series that an indicator is made of, alternative by alternative."""
    value, at_value = entry.value, ("value",)
    first = set(value) == {"first"}
    alternatives = value["first"] if first else [value]
    if not isinstance(alternatives, list) or not alternatives:
        problems.add(item.where(at_value), f"{entry.id}: value: `first` takes a list")
        return []
    found: list[Operand] = []
    for number, alternative in enumerate(alternatives, 1):
        at = ("value", "first", number - 1) if first else at_value
        fault = _fault(alternative)
        if fault:
            problems.add(item.where(at), f"{entry.id}: value: {fault}")
            continue
        plain = "series" in alternative
        op = "series" if plain else alternative["op"]
        members = [alternative["series"]] if plain else alternative["of"]
        for position, member in enumerate(members, 1):
            where = item.where((*at, "series") if plain else (*at, "of", position - 1))
            key = dict(member) if isinstance(member, dict) else {}
            dataset = str(key.pop("dataset", ""))
            wrong = [name for name, code in key.items() if not isinstance(code, str)]
            if dataset not in registry.datasets:
                if dataset not in problems.broken:
                    problems.add(where, f"{entry.id}: dataset {dataset!r} is not in datasets.yaml")
            elif not key:
                problems.add(where, f"{entry.id}: a series names its dimensions and codes")
            elif wrong:
                # YAML reads NO as false and 30_70 as 3070: a code that is no text is a wrong code.
                problems.add(where, f"{entry.id}: write the code of {', '.join(wrong)} in quotes")
            else:
                found.append(
                    Operand(
                        indicator=entry.id,
                        alternative=number,
                        op=op,
                        require=alternative.get("require", "all"),
                        flag=alternative.get("flag"),
                        scale=float(alternative.get("scale", 1)),
                        position=position,
                        dataset=dataset,
                        series_key=_series_key(key),
                        from_year=alternative.get("from_year"),
                    )
                )
    return found


def _series_key(codes: Mapping[str, str]) -> str:
    return "|".join(f"{name}={code}" for name, code in sorted(codes.items()))


def people(per_head: PerHead) -> tuple[str, str]:
    """(dataset, series key) of the population that a total is divided by."""
    codes = dict(per_head.series)
    return codes.pop("dataset", ""), _series_key(codes)


def _fault(alternative: Any) -> str | None:
    """What is wrong with one alternative of a value, or None."""
    if not isinstance(alternative, dict):
        return "expected a mapping"
    plain = "series" in alternative
    op = "series" if plain else alternative.get("op")
    members = [alternative["series"]] if plain else alternative.get("of")
    if op not in _OPS or (op == "series") != plain or not isinstance(members, list):
        return f"expected `series`, or `op` ({', '.join(_OPS[1:])}) with a list `of`"
    if not members or len(members) != _OPERANDS.get(op, len(members)):
        return f"{op} takes {_OPERANDS.get(op, 'one or more')} series"
    known = {"series"} if plain else {"op", "of"}
    strange = [str(k) for k in set(alternative) - known - {"scale", "flag", "require", "from_year"}]
    if strange:
        return (
            f"{', '.join(sorted(strange))} is not understood; keys are series, op, of, scale, flag, "
            "require, from_year"
        )
    scale, year = alternative.get("scale", 1), alternative.get("from_year")
    if type(scale) not in (int, float) or not isfinite(scale) or scale == 0:
        return "`scale` is a number, not 0"
    if year is not None and type(year) is not int:
        return "`from_year` is a year"
    if not isinstance(alternative.get("flag", ""), str):
        return "`flag` is a word"
    if alternative.get("require", "all") not in ("all", "any"):
        return "`require` is all or any"
    return None


def _check_pairs(item: _Item, entry: Indicator, registry: Registry, problems: _Problems) -> None:
    seen = set()
    for i, pair in enumerate(entry.targets):
        at = item.where(("targets", i))
        target = registry.targets.get(pair.target)
        if target is None:
            if pair.target not in problems.broken:
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
        if pair.counts and (target.strength != COUNTING or target.kind == "milestone"):
            problems.add(
                at,
                f"{entry.id}: {pair.target} is {target.strength}, kind {target.kind}: it cannot "
                "count; only a commitment that is no milestone does",
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
        parent = registry.missions.get(mission.parent or "")
        if parent is None and mission.parent and mission.parent not in problems.broken:
            problems.add(at, f"{mission.id}: parent {mission.parent} is no mission")
        if parent is not None and parent.level != (_PARENT[mission.level] or parent.level):
            problems.add(
                at, f"{mission.id}: the parent of a {mission.level} is a {_PARENT[mission.level]}"
            )
        if (mission.level == "mission") != (mission.parent is None):
            problems.add(at, f"{mission.id}: a mission has no parent, everything else has one")
    whole = "missions.yaml" not in problems.broken_files
    for level, number in _LEVELS.items() if whole else ():
        count = sum(m.level == level for m in registry.missions.values())
        if count != number:
            problems.add(
                "missions.yaml:1", f"{count} rows of level {level}; the letter has {number}"
            )
    for target in registry.targets.values():
        at = items["targets"][target.id].at
        if target.mission not in registry.missions and target.mission not in problems.broken:
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
        if target.strength in _OUTSIDE:
            if target.source == _LETTER:
                problems.add(
                    at, f"{target.id}: a target of strength {target.strength} names its `source`"
                )
            if target.id.split("/", 1)[0] not in {*registry.indicators, *problems.broken}:
                problems.add(
                    at,
                    f"{target.id}: the id of a {target.strength} target is <indicator_id>/<slug>",
                )
        elif target.letter is None:
            problems.add(at, f"{target.id}: `letter`: the words of the letter are missing")
    letter = sum(
        # A kind that asks for a number and lacks it has its own line already.
        t.kind in NUMERIC and t.strength not in _OUTSIDE
        for t in registry.targets.values()
    )
    if letter != _LETTER_NUMBERS and "targets.yaml" not in problems.broken_files:
        problems.add("targets.yaml:1", f"{letter} numbers of the letter; it has {_LETTER_NUMBERS}")
    for dataset in registry.datasets.values():
        if dataset.source not in registry.sources and dataset.source not in problems.broken:
            problems.add(
                items["datasets"][dataset.id].at,
                f"{dataset.id}: source {dataset.source} is not in sources.yaml",
            )
        if dataset.serves and dataset.format == "projection_csv":
            problems.add(
                items["datasets"][dataset.id].where(("serves",)),
                f"{dataset.id}: projections are no history that a back-test can read",
            )
    for operand in registry.operands:
        if registry.datasets[operand.dataset].serves:
            problems.add(
                items["indicators"][operand.indicator].where(("value",)),
                f"{operand.indicator}: dataset {operand.dataset} serves the back-test only",
            )
    for official in registry.projections.values():
        at = items["projections"][official.id].at
        given = registry.datasets.get(official.dataset)
        if given is None and official.dataset not in problems.broken:
            problems.add(at, f"{official.id}: dataset {official.dataset!r} is not in datasets.yaml")
        if given is not None and given.format != "projection_csv":
            problems.add(at, f"{official.id}: {given.id} is not of format projection_csv")
        judged = registry.indicators.get(official.indicator)
        if judged is None and official.indicator not in problems.broken:
            problems.add(at, f"{official.id}: indicator {official.indicator} does not exist")
        if judged is not None and official.target not in {p.target for p in judged.targets}:
            problems.add(
                at,
                f"{official.id}: {official.indicator} is not held against target {official.target}",
            )
    for entry in registry.indicators.values():
        item = items["indicators"][entry.id]
        if entry.mission not in registry.missions and entry.mission not in problems.broken:
            problems.add(
                item.where(("mission",)),
                f"{entry.id}: mission {entry.mission} does not exist; see missions.yaml",
            )
        if entry.fit != "context" and entry.direction is None:
            problems.add(
                item.at, f"{entry.id}: `direction`: up or down is needed unless fit is context"
            )
        if entry.per_head is not None:
            at = item.where(("per_head",))
            name, key = people(entry.per_head)
            if entry.intensive:
                problems.add(at, f"{entry.id}: per_head is for totals: set `intensive: false`")
            if name not in registry.datasets and name not in problems.broken:
                problems.add(at, f"{entry.id}: dataset {name!r} is not in datasets.yaml")
            elif not key:
                problems.add(at, f"{entry.id}: a series names its dimensions and codes")
        if entry.plausible[0] >= entry.plausible[1]:
            problems.add(item.where(("plausible",)), f"{entry.id}: plausible runs from low to high")
        low, high = entry.bounds
        if low is not None and high is not None and low >= high:
            problems.add(item.where(("bounds",)), f"{entry.id}: bounds run from low to high")
        _check_pairs(item, entry, registry, problems)


def _check_live(
    registry: Registry,
    items: Mapping[str, _Item],
    needed: Mapping[str, set[str]],
    problems: _Problems,
) -> None:
    """Every series that an indicator needs has its full key at the publisher that is asked."""
    for dataset in registry.datasets.values():
        live, item = dataset.live, items[dataset.id]
        if live is None:
            continue
        at = item.where(("live",))
        if dataset.asked not in registry.sources and dataset.asked not in problems.broken:
            problems.add(at, f"{dataset.id}: live: source {dataset.asked} is not in sources.yaml")
        need = needed.get(dataset.id, set())
        if not problems.broken:
            for key in sorted(set(live.series) - need):
                problems.add(at, f"{dataset.id}: live: no indicator needs the series {key!r}")
        if live.source and live.source != dataset.source:
            for key in sorted(need - set(live.series)):
                problems.add(
                    at,
                    f"{dataset.id}: live: `series` lacks {key!r}; {live.source} names it otherwise",
                )
        if (dataset.asked == "eurostat") != (live.route is not None):
            said = "needs a route" if dataset.asked == "eurostat" else "takes no route"
            problems.add(at, f"{dataset.id}: live: a dataset of {dataset.asked} {said}")
        if dataset.asked == "oecd" or live.route == "sdmx21":
            area = "geo" if live.route else "REF_AREA"
            keys = {p.split("=", 1)[0] for k in need if k not in live.series for p in k.split("|")}
            lacking = sorted((keys | {area}) - set(live.order))
            if lacking:
                problems.add(at, f"{dataset.id}: live: `order` lacks {', '.join(lacking)}")


def _check_pages(
    registry: Registry,
    items: Mapping[str, _Item],
    needed: Mapping[str, set[str]],
    problems: _Problems,
) -> None:
    """A page is named for a series that is read: a slip in its key would leave it without one."""
    if problems.broken:
        return
    for dataset in registry.datasets.values():
        for key in dataset.pages:
            if key not in needed.get(dataset.id, ()):
                problems.add(
                    items[dataset.id].where(("pages", key)),
                    f"{dataset.id}: pages: no indicator needs the series {key!r}",
                )


def _landing(dataset: Dataset, source: Source) -> str | None:
    """The public page of a dataset: its own, the one the publisher's template gives, or its home."""
    if dataset.landing_url or not source.dataset_url:
        return dataset.landing_url or source.landing_url
    told = {"dataset": dataset.dataset, "code": dataset.code or dataset.dataset}
    return _PLACE.sub(lambda place: quote(told[place[1]], safe=""), source.dataset_url)


def _check_override(item: _Item, entry: Override, registry: Registry, problems: _Problems) -> None:
    mission = registry.missions.get(entry.mission)
    if mission is None:
        if entry.mission not in problems.broken:
            problems.add(item.at, f"override: mission {entry.mission} does not exist")
    elif mission.level == "mission":
        problems.add(
            item.at,
            f"override: {entry.mission} is a central mission, whose status counts its own "
            "headlines; judge a sub-mission or an interim goal",
        )
    if entry.until < entry.date:
        problems.add(item.where(("until",)), f"override: {entry.mission} ends before it begins")
    for other in registry.overrides:
        if (
            other.mission == entry.mission
            and other.date <= entry.until
            and entry.date <= other.until
        ):
            problems.add(
                item.at,
                f"override: {entry.mission} is judged twice between {max(entry.date, other.date)} "
                f"and {min(entry.until, other.until)}; end the first before the second begins",
            )


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
    items["projections"] = _all(
        folder, "projections.yaml", OfficialProjection, problems, registry.projections
    )
    for item in _items(folder, "peers.yaml", problems):
        peer = _typed(Peer, item, problems)
        if peer is not None:
            if peer.geo in registry.peers:
                problems.add(item.at, f"{peer.geo} is given twice")
            registry.peers[peer.geo] = peer
    for item in _items(folder, "overrides.yaml", problems):
        entry = _typed(Override, item, problems)
        if entry is not None:
            _check_override(item, entry, registry, problems)
            registry.overrides.append(entry)
    for entry in registry.indicators.values():
        item = items["indicators"][entry.id]
        registry.operands += _operands(item, entry, registry, problems)
    needed: dict[str, set[str]] = {}
    for operand in registry.operands:
        needed.setdefault(operand.dataset, set()).add(operand.series_key)
    if not problems.lines or registry.missions:
        _check(registry, items, problems)
        _check_live(registry, items["datasets"], needed, problems)
        _check_pages(registry, items["datasets"], needed, problems)
    if problems.lines:
        raise RegistryError(problems.lines)
    for entry in registry.indicators.values():
        if entry.per_head is not None:
            name, key = people(entry.per_head)
            needed.setdefault(name, set()).add(key)
    for name, dataset in list(registry.datasets.items()):
        source = registry.sources[dataset.source]
        registry.datasets[name] = dataset.model_copy(
            update={
                "needed": tuple(sorted(needed.get(name, ()))),
                "publisher": dataset.publisher or source.publisher,
                "licence": dataset.licence or source.licence,
                "citation": dataset.citation or source.citation,
                "landing_url": _landing(dataset, source),
            }
        )
    return registry
