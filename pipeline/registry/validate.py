"""Rules across the registry's entries: what refers to what, and what the letter holds.

Each breach is one line in `problems`. What one entry may say by itself belongs in schema.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

from pipeline.progress.question import FROM_BASE, NUMERIC
from pipeline.registry.entries import Item, Problems
from pipeline.registry.schema import (
    ANY,
    COUNTING,
    LETTER,
    LETTER_LEVELS,
    LETTER_NUMBERS,
    Dataset,
    Indicator,
    Live,
    Pair,
    Registry,
    Target,
)

_PARENT = {"mission": None, "sub_mission": "mission", "interim_goal": "sub_mission"}
_NOT_OF_THE_LETTER = ("law", "plan")


@dataclass
class Items:
    """Where the registry's entries stand, by id; overrides, which have none, in their order."""

    missions: dict[str, Item] = field(default_factory=dict)
    targets: dict[str, Item] = field(default_factory=dict)
    datasets: dict[str, Item] = field(default_factory=dict)
    indicators: dict[str, Item] = field(default_factory=dict)
    projections: dict[str, Item] = field(default_factory=dict)
    overrides: list[Item] = field(default_factory=list)


def validate(registry: Registry, items: Items, problems: Problems) -> None:
    """Add a line to `problems` for each rule that the entries break together."""
    _overrides(registry, items, problems)
    _missions(registry, items, problems)
    _targets(registry, items, problems)
    _datasets(registry, items, problems)
    _projections(registry, items, problems)
    for entry in registry.indicators.values():
        _indicator(registry, entry, items.indicators[entry.id], problems)
        for i in range(len(entry.targets)):
            _pair(registry, entry, i, items.indicators[entry.id].where("targets", i), problems)
    _never_joined(registry, items, problems)
    needed = registry.series_needed()
    for dataset in registry.datasets.values():
        need, item = needed.get(dataset.id, set()), items.datasets[dataset.id]
        if dataset.live is not None:
            _live(registry, dataset, dataset.live, need, item.where("live"), problems)
    for dataset in registry.datasets.values():
        _pages(dataset, needed.get(dataset.id, set()), items.datasets[dataset.id], problems)
    if not problems.broken:
        _ranges(registry, items, problems)


def _overrides(registry: Registry, items: Items, problems: Problems) -> None:
    for entry, item in zip(registry.overrides, items.overrides, strict=True):
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
            problems.add(item.where("until"), f"override: {entry.mission} ends before it begins")
    for (_, one), (item, two) in combinations(
        zip(items.overrides, registry.overrides, strict=True), 2
    ):
        if one.mission == two.mission and one.date <= two.until and two.date <= one.until:
            problems.add(
                item.at,
                f"override: {two.mission} is judged twice between {max(two.date, one.date)} "
                f"and {min(two.until, one.until)}; end the first before the second begins",
            )


def _missions(registry: Registry, items: Items, problems: Problems) -> None:
    for mission in registry.missions.values():
        at = items.missions[mission.id].at
        parent = registry.missions.get(mission.parent or "")
        if parent is None and mission.parent and mission.parent not in problems.broken:
            problems.add(at, f"{mission.id}: parent {mission.parent} is no mission")
        if parent is not None and parent.level != (_PARENT[mission.level] or parent.level):
            problems.add(
                at, f"{mission.id}: the parent of a {mission.level} is a {_PARENT[mission.level]}"
            )
        if (mission.level == "mission") != (mission.parent is None):
            problems.add(at, f"{mission.id}: a mission has no parent, everything else has one")
    if "missions.yaml" in problems.broken_files:
        return
    for level, number in LETTER_LEVELS.items():
        count = sum(m.level == level for m in registry.missions.values())
        if count != number:
            problems.add(
                "missions.yaml:1", f"{count} rows of level {level}; the letter has {number}"
            )


def _targets(registry: Registry, items: Items, problems: Problems) -> None:
    for target in registry.targets.values():
        at = items.targets[target.id].at
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
        if target.strength in _NOT_OF_THE_LETTER:
            if target.source == LETTER:
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
    # Counted by kind: one that needs a number and lacks it has a line of its own already.
    numbers = sum(
        t.kind in NUMERIC and t.strength not in _NOT_OF_THE_LETTER
        for t in registry.targets.values()
    )
    if numbers != LETTER_NUMBERS and "targets.yaml" not in problems.broken_files:
        problems.add("targets.yaml:1", f"{numbers} numbers of the letter; it has {LETTER_NUMBERS}")


def _datasets(registry: Registry, items: Items, problems: Problems) -> None:
    names: dict[str, str] = {}
    for dataset in registry.datasets.values():
        item = items.datasets[dataset.id]
        # Names of assets hold no dot, and some file systems do not tell A from a.
        other = names.setdefault(dataset.id.replace(".", "_").casefold(), dataset.id)
        if other != dataset.id:
            problems.add(
                item.at,
                f"{dataset.id}: differs from {other} only in `.` and `_`, or in capitals; name it "
                "otherwise",
            )
        if dataset.source not in registry.sources and dataset.source not in problems.broken:
            problems.add(item.at, f"{dataset.id}: source {dataset.source} is not in sources.yaml")
        if dataset.live_only and dataset.live is None:
            problems.add(
                item.where("live_only"), f"{dataset.id}: live_only: nothing says where it is pulled"
            )
        if dataset.serves and dataset.format == "projection_csv":
            problems.add(
                item.where("serves"),
                f"{dataset.id}: projections are no history that a back-test can read",
            )
    for operand in registry.operands:
        if registry.datasets[operand.dataset].serves:
            problems.add(
                items.indicators[operand.indicator].where("value"),
                f"{operand.indicator}: dataset {operand.dataset} serves the back-test only",
            )


def _projections(registry: Registry, items: Items, problems: Problems) -> None:
    for entry in registry.projections.values():
        at = items.projections[entry.id].at
        dataset = registry.datasets.get(entry.dataset)
        if dataset is None and entry.dataset not in problems.broken:
            problems.add(at, f"{entry.id}: dataset {entry.dataset!r} is not in datasets.yaml")
        if dataset is not None and dataset.format != "projection_csv":
            problems.add(at, f"{entry.id}: {dataset.id} is not of format projection_csv")
        indicator = registry.indicators.get(entry.indicator)
        if indicator is None and entry.indicator not in problems.broken:
            problems.add(at, f"{entry.id}: indicator {entry.indicator} does not exist")
        if indicator is not None and entry.target not in {p.target for p in indicator.targets}:
            problems.add(
                at, f"{entry.id}: {entry.indicator} is not held against target {entry.target}"
            )


def _indicator(registry: Registry, entry: Indicator, item: Item, problems: Problems) -> None:
    if entry.mission not in registry.missions and entry.mission not in problems.broken:
        problems.add(
            item.where("mission"),
            f"{entry.id}: mission {entry.mission} does not exist; see missions.yaml",
        )
    if entry.fit != "context" and entry.direction is None:
        problems.add(
            item.at, f"{entry.id}: `direction`: up or down is needed unless fit is context"
        )
    if entry.per_head is not None:
        at = item.where("per_head")
        name, key = entry.per_head.population()
        if entry.intensive:
            problems.add(at, f"{entry.id}: per_head is for totals: set `intensive: false`")
        if name not in registry.datasets and name not in problems.broken:
            problems.add(at, f"{entry.id}: dataset {name!r} is not in datasets.yaml")
        elif not key:
            problems.add(at, f"{entry.id}: a series names its dimensions and codes")
        if entry.per_head.plausible[0] >= entry.per_head.plausible[1]:
            problems.add(
                item.where("per_head", "plausible"),
                f"{entry.id}: plausible runs from low to high",
            )
    if entry.plausible[0] >= entry.plausible[1]:
        problems.add(item.where("plausible"), f"{entry.id}: plausible runs from low to high")
    low, high = entry.bounds
    if low is not None and high is not None and low >= high:
        problems.add(item.where("bounds"), f"{entry.id}: bounds run from low to high")
    for number, other in enumerate(entry.not_comparable_with):
        if other.indicator not in {*registry.indicators, *problems.broken} - {entry.id}:
            problems.add(
                item.where("not_comparable_with", number),
                f"{entry.id}: not_comparable_with: {other.indicator} is no other indicator",
            )


def _never_joined(registry: Registry, items: Items, problems: Problems) -> None:
    """No indicator is made of series that two others, which are not comparable, are made of."""
    made_of: dict[str, set[tuple[str, str]]] = {}
    for operand in registry.operands:
        made_of.setdefault(operand.indicator, set()).add((operand.dataset, operand.series_key))
    for entry in registry.indicators.values():
        for other in entry.not_comparable_with:
            one, two = made_of.get(entry.id, set()), made_of.get(other.indicator, set())
            for name, series in made_of.items():
                if series & (one - two) and series & (two - one):
                    problems.add(
                        items.indicators[name].where("value"),
                        f"{name}: joins the series of {entry.id} and {other.indicator}, which are "
                        "not comparable",
                    )


def _pair(registry: Registry, entry: Indicator, index: int, at: str, problems: Problems) -> None:
    """What a target means for an indicator: its `index`-th pair."""
    pair = entry.targets[index]
    target = registry.targets.get(pair.target)
    if target is None:
        if pair.target not in problems.broken:
            problems.add(at, f"{entry.id}: target {pair.target} is not in targets.yaml")
        return
    if pair.target in {p.target for p in entry.targets[:index]}:
        problems.add(at, f"{entry.id}: target {pair.target} is named twice")
    if target.kind in FROM_BASE and pair.base_year is None:
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
    value = _target_value(pair, target)
    low, high = entry.bounds
    if value is not None and (
        (low is not None and value < low) or (high is not None and value > high)
    ):
        problems.add(
            at, f"{entry.id}: target {value:g} is impossible: its unit runs from {low} to {high}"
        )


def _target_value(pair: Pair, target: Target) -> float | None:
    """The target in the indicator's unit, as far as the registry alone can tell."""
    number, baseline = (
        target.number if pair.number is None else pair.number,
        pair.documented_baseline,
    )
    if target.kind == "level":
        return number
    if number is None or baseline is None:
        return None
    return {"change": baseline * (1 + number), "gain": baseline + number}.get(target.kind)


def _live(
    registry: Registry, dataset: Dataset, live: Live, need: set[str], at: str, problems: Problems
) -> None:
    """Every series that an indicator needs has its full key at the publisher that is asked."""
    if dataset.asked not in registry.sources and dataset.asked not in problems.broken:
        problems.add(at, f"{dataset.id}: live: source {dataset.asked} is not in sources.yaml")
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
        if lacking := sorted((keys | {area}) - set(live.order)):
            problems.add(at, f"{dataset.id}: live: `order` lacks {', '.join(lacking)}")


def _pages(dataset: Dataset, need: set[str], item: Item, problems: Problems) -> None:
    """A page belongs to a series that is read: a misspelt key would leave the series without one."""
    if problems.broken:
        return
    for key in dataset.pages:
        if key not in need:
            problems.add(
                item.where("pages", key),
                f"{dataset.id}: pages: no indicator needs the series {key!r}",
            )


def _ranges(registry: Registry, items: Items, problems: Problems) -> None:
    """Every series that is read has a range: no wrong cell can pass for want of one."""
    needed, people = registry.series_needed(), registry.populations()
    projected = {entry.dataset for entry in registry.projections.values()}
    for dataset in registry.datasets.values():
        item = items.datasets[dataset.id]
        read = needed.get(dataset.id, set()) | people.get(dataset.id, set())
        for key, (low, high) in dataset.ranges.items():
            at = item.where("ranges", key)
            if low >= high:
                problems.add(at, f"{dataset.id}: the range of {key!r} runs from low to high")
            if key != ANY and key not in read:
                problems.add(at, f"{dataset.id}: ranges: nothing reads the series {key!r}")
        for key in sorted(read):
            alone = registry.plausible_of(dataset.source, dataset.dataset, key)
            if not alone and not registry.bounds_of(dataset.id, key):
                problems.add(
                    item.at,
                    f"{dataset.id}: `ranges`: the series {key!r} is read and has no range: give "
                    "the least and greatest value that its unit allows",
                )
        if (dataset.serves or dataset.id in projected) and ANY not in dataset.ranges:
            problems.add(
                item.at, f"{dataset.id}: `ranges`: every series of it is read: give a range of '*'"
            )
