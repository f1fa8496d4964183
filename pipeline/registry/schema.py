"""The registry's entries as types: what one entry may say by itself.

How the YAML is read belongs in load.py, rules across entries in validate.py, and what a target
means in progress/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.registry.notes import (
    Break,
    Carried,
    Closes,
    Entry,
    Gap,
    NotComparable,
    NotRead,
    OfficialProjection,
    Override,
    Peer,
    Unit,
    Words,
)
from pipeline.registry.tables import tables
from pipeline.registry.texts import Address, FormatName, IsoDate, Template, Text, fill
from pipeline.series_key import series_key

# Counts of the letter to Parliament: missions by level (30 rows), and targets with a number.
LETTER_LEVELS = {"mission": 5, "sub_mission": 21, "interim_goal": 4}
LETTER_NUMBERS = 17
LETTER = "DGBI / 26844711 (2023)"
COUNTING = "commitment"
ANY = "*"  # in `ranges` of a dataset: every series that is not named


class RegistryError(ValueError):
    """Every mistake found, a line each in `lines`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Mission(Entry):
    """A row of the scoreboard. `letter`: the letter's own words. `gap`: what is said where no
    indicator was found."""

    id: Text
    level: Literal["mission", "sub_mission", "interim_goal"]
    parent: str | None = None
    title: Words
    short: Words
    letter: Text
    gap: Words | None = None


class Target(Entry):
    """What is aimed at. `number`: a value (kind `level`), a fraction of the baseline (`change`) or a
    difference from it (`gain`). `milestone_*`: the official state of one without a number."""

    id: Text
    mission: Text
    kind: Literal["level", "change", "gain", "direction", "milestone"]
    year: int | None = None
    number: float | None = None
    unit: str | None = None
    strength: Literal["commitment", "ambition", "exploratory", "law", "plan"]
    source: Text = LETTER
    base_year: int | None = None
    letter: Text | None = None
    milestone_state: Literal["met", "open", "overdue"] | None = None
    milestone_source: str | None = None
    milestone_date: IsoDate | None = None


class RateLimit(Entry):
    """Concurrent requests, seconds between the starts of downloads, and downloads an hour (0: no
    limit): of all threads, processes and runs together that share a ledger (publishers/rate_limit.py)."""

    concurrent: Annotated[int, Field(ge=1, le=4)] = 2
    spacing: Annotated[float, Field(ge=0)] = 0.0
    per_hour: Annotated[int, Field(ge=0)] = 0


class Source(Entry):
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
    rate_limit: RateLimit = RateLimit()

    def page_of(self, dataset: Dataset) -> str | None:
        """The public page of a dataset: its own, the template's, else the publisher's."""
        if dataset.landing_url or not self.dataset_url:
            return dataset.landing_url or self.landing_url
        return fill(self.dataset_url, dataset.dataset, dataset.code or dataset.dataset)


class Titled(Entry):
    """A code that is found in the publisher's code list by one of these titles."""

    title: Annotated[tuple[Text, ...], Field(min_length=1)]


class Live(Entry):
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
    series: dict[str, Literal["only"] | dict[str, Text | Titled]] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    verified: bool
    evidence: Text


class Dataset(Entry):
    """`landing_url`: its public page, where the publisher's addresses do not say it; `pages`: series
    key → the page that has it, where the figures are several publishers'. `serves: backtest`: every
    series of it tries the projections' bands, and nothing else. `ranges`: series key, or `*` for any
    other that is read → the least and greatest value that its unit allows, in the publisher's
    numbers: for series that are no indicator by themselves, which have the indicator's `plausible`.
    `live_only`: none ships, the first pull brings one. `labels`: code → its titles in files for people.
    `needed`: keys of the series that indicators are made of or divided by; load.py fills it in.
    """

    id: Annotated[str, Field(pattern="^[^/]+/[^/]+$")]
    title: Text
    format: FormatName
    code: str | None = None
    publisher: str = ""
    licence: str = ""
    citation: str = ""
    cadence: int = 1
    landing_url: Address | None = None
    pages: dict[str, Address] = Field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    labels: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    forms: tuple[Literal["range", "circa", "fraction"], ...] = ()
    serves: Literal["backtest"] | None = None
    live: Live | None = None
    live_only: bool = False
    needed: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The publisher that a pull asks, empty if there is none."""
        return (self.live.source or self.source) if self.live else ""

    @property
    def asked_code(self) -> str:
        """What the publisher that is asked calls it."""
        return (self.live.code if self.live else "") or self.code or self.dataset

    @property
    def source(self) -> str:
        return self.id.split("/", 1)[0]

    @property
    def dataset(self) -> str:
        return self.id.split("/", 1)[1]

    @property
    def is_pulled(self) -> bool:
        """Whether a pull brings it: the registry says where, and something reads it."""
        return self.live is not None and bool(self.needed)

    @property
    def pull_names(self) -> frozenset[str]:
        """What it can be named by to be pulled: its id, its source, or the publisher asked."""
        return frozenset({self.id, self.source, self.asked})

    def page_of(self, series_key: str) -> str | None:
        """The publisher's page for people that has the series; None if none is known."""
        return self.pages.get(series_key, self.landing_url)


class PerHead(Entry):
    """How a total is made comparable between areas: value ÷ `series` (people) × `scale`.
    `plausible`: the range of the result, in `unit`."""

    unit: Text
    scale: float = 1
    plausible: tuple[float, float]
    series: dict[str, str]

    def population(self) -> tuple[str, str]:
        """(dataset, series key) of the population that the total is divided by."""
        codes = dict(self.series)
        return codes.pop("dataset", ""), series_key(codes)


class Pair(Entry):
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


class Indicator(Entry):
    """A figure that tells of a mission. `cadence`: years between two figures. `bounds`: the natural
    limits of the unit; `plausible`: the range outside of which a value is refused. `intensive`:
    comparable between areas as it is (a share, an index), which a total is not. `value`: which
    series it is made of (operands.py)."""

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
    modelled: bool = False
    intensive: bool = True
    per_head: PerHead | None = None
    value: dict[str, Any]
    targets: tuple[Pair, ...] = ()
    breaks: tuple[Break, ...] = ()
    carried_forward: tuple[Carried, ...] = ()
    not_read: tuple[NotRead, ...] = ()
    not_comparable_with: tuple[NotComparable, ...] = ()
    closes: Closes | None = None
    caveat: Words | None = None


@dataclass(frozen=True)
class Operand:
    """One series of one way to make an indicator. `alternative`: which way, 1 is tried first;
    `position`: its place in the operation `op`; `require`: whether `all` or `any` of them must be
    there; `agree`: the largest relative difference from the other files of a join."""

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
    agree: float | None


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
    gaps: dict[str, Gap] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)

    def plausible_of(self, source: str, dataset: str, series_key: str) -> tuple[float, ...]:
        """(low, high) of a series' raw values, from the indicators that are this series alone;
        empty if there is none."""
        ends: list[float] = []
        for o in self.operands:
            if (
                o.op == "series"
                and o.dataset == f"{source}/{dataset}"
                and o.series_key == series_key
            ):
                ends += [end / o.scale for end in self.indicators[o.indicator].plausible]
        return (min(ends), max(ends)) if ends else ()

    def bounds_of(self, dataset: str, series_key: str) -> tuple[float, ...]:
        """(low, high) that the unit of a series' raw values allows; empty if the dataset says none."""
        ranges = self.datasets[dataset].ranges
        return ranges.get(series_key, ranges.get(ANY, ()))

    def read_since(self, dataset: str, series_key: str) -> int | None:
        """The first year that an indicator reads of a series; None if it reads every year."""
        years = [
            o.from_year
            for o in self.operands
            if o.dataset == dataset and o.series_key == series_key
        ]
        named = [year for year in years if year is not None]
        return min(named) if named and len(named) == len(years) else None

    def populations(self) -> dict[str, set[str]]:
        """Dataset → the keys of the series that totals are divided by."""
        found: dict[str, set[str]] = {}
        for item in self.indicators.values():
            if item.per_head is not None:
                name, key = item.per_head.population()
                found.setdefault(name, set()).add(key)
        return found

    def series_needed(self) -> dict[str, set[str]]:
        """Dataset → the keys of the series that indicators are made of."""
        needed: dict[str, set[str]] = {}
        for operand in self.operands:
            needed.setdefault(operand.dataset, set()).add(operand.series_key)
        return needed

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
        """Name → table, rows in the order of the files; the columns stand in tables.py."""
        return tables(self)
