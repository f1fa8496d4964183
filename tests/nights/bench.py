"""What the bench says on a night: true figures that are revised and grow a year, wrong cells, faults.

Every version of a dataset that was ever said is kept, for what is published to be held against.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipeline.areas import HOME
from pipeline.formats.keys import align
from pipeline.paths import registry_root
from pipeline.registry import Registry, load
from pipeline.vintages.answers import request_for
from tests import mutations
from tests.publisher import Cell, Cube, Fault, World, bundled_world
from tests.publisher.faults import CELLS, FORM, WIRE

# Every publisher, every wire format; indicators of one series, of several, and divided by people.
DATASETS = (
    "eurostat/env_air_gge", "eurostat/demo_pjan", "eurostat/nrg_ind_ren", "cbs/82610NED",
    "oecd/DF_TABLE11", "worldbank/ER.MRN.PTMR.ZS", "unsdg/SH_ALC_CONSPT", "unsdg/SH_PRV_SMOK",
    "owid/electric-car-sales-share",
)  # fmt: skip
# From WHO itself, which no dataset of the registry needs yet.
BY_WHO, WHO_CODE = "unsdg/SH_PRV_SMOK", "M_Est_tob_curr_std"
# How often in a night: a dataset has true news; a publisher errs; its error is one wrong cell.
NEWS, ERRS, WRONG_CELL = 0.25, 0.1, 0.4
# What only some protocols know (a column, a page, a queue) is met less often than the rest.
OWN = 0.3
Key = tuple[str, str, int]
Cells = dict[Key, float]


def small_registry(folder: Path) -> Path:
    """The registry with a few datasets and the indicators that are made of them alone."""
    shutil.copytree(registry_root(), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (smoking,) = load().datasets[BY_WHO].needed
    who = {"IndicatorCode": WHO_CODE, "SEX": "SEX_BTSX"}

    def keep(path: Path, wanted: Any) -> list[str]:
        kept = [e for e in yaml.safe_load(path.read_text("utf-8")) if wanted(e)]
        path.write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), "utf-8")
        return [e["id"] for e in kept]

    def of_these(entry: Mapping[str, Any]) -> bool:
        members = entry["value"].get("of") or [entry["value"].get("series")]
        return all(m and m["dataset"] in DATASETS for m in members)

    def one_of_these(entry: dict[str, Any]) -> bool:
        if entry["id"] == BY_WHO:
            entry["live"] |= {"source": "who", "code": WHO_CODE, "series": {smoking: who}}
        return entry["id"] in DATASETS

    keep(folder / "datasets.yaml", one_of_these)
    # A target has the id of its mission or of its indicator before the slash.
    owners = {m.id for m in load().missions.values()}
    for path in (folder / "indicators").glob("*.yaml"):
        owners |= set(keep(path, of_these))
    keep(folder / "targets.yaml", lambda entry: entry["id"].split("/")[0] in owners)
    (folder / "projections.yaml").write_text("[]\n")
    return folder


@dataclass(frozen=True)
class Version:
    """What a publisher said of a dataset from a night on: the cells that something reads. `wrong`:
    it was not true, and nothing but its values can tell."""

    night: int
    cells: Cells
    wrong: bool = False


class Sayings:
    """The bench's figures over the nights. `true`: without errors; `versions`: by dataset."""

    def __init__(self, registry: Registry, first: date) -> None:
        self.registry = registry
        self.true = bundled_world()
        self.versions: dict[str, list[Version]] = {}
        self._keys: dict[str, dict[str, str]] = {}
        for name in DATASETS:
            dataset, cube = registry.datasets[name], self.cube(name, self.true)
            cube.about = deepcopy(cube.about)  # shared by all worlds that are copied
            asked = request_for(dataset, list(registry.peers), first).series
            native = {_native(cube, c) for c in cube.cells}
            self._keys[name], unsettled = align(native, asked, asked)
            assert not unsettled, unsettled
            self.note(name, 0, self.true)

    def cube(self, name: str, world: World) -> Cube:
        """What a publisher holds of a dataset."""
        dataset = self.registry.datasets[name]
        assert dataset.live is not None
        found = world.find(dataset.asked, dataset.live.code or dataset.dataset)
        return found or world.of(dataset.asked)[0]

    def read(self, name: str, world: World) -> Cells:
        """The cells of a dataset that something reads, under the registry's keys."""
        dataset, keys = self.registry.datasets[name], self._keys.get(name, {})
        areas = {HOME, *self.registry.peers}
        cube = self.cube(name, world)
        known = replace(cube, cells=[c for c in cube.cells if _is_number(c.value)])
        found = {
            (keys.get(series, series), geo, year): value
            for (series, geo, year), value in known.expected().items()
        }
        return {
            key: value
            for key, value in found.items()
            if key[0] in dataset.needed and key[1] in areas
        }

    def note(self, name: str, night: int, world: World, *, wrong: bool = False) -> None:
        """Keep what is said of a dataset from this night on."""
        version = Version(night, self.read(name, world), wrong)
        self.versions.setdefault(name, []).append(version)

    def matching(self, name: str, cells: Cells) -> Version | None:
        """The version that these cells are of, the true ones first, else the newest; None: nobody
        ever said so."""
        order = sorted(self.versions[name], key=lambda v: (v.wrong, -v.night))
        return next((v for v in order if _agree(cells, v.cells)), None)

    def newest(self, name: str) -> Version:
        """What is true now."""
        return [v for v in self.versions[name] if not v.wrong][-1]

    # What happens

    def news(self, dice: random.Random, night: int, day: date) -> list[str]:
        """True figures that are new tonight: some are revised, or a year is added."""
        if dice.random() > NEWS:
            return []
        name = dice.choice(DATASETS)
        cube = self.cube(name, self.true)
        last = max(c.year for c in cube.cells if c.year)
        grows = dice.random() < 0.4 and last < day.year
        if grows:
            cube.cells += [
                replace(c, period=str(last + 1), value=_times(c.value, dice.uniform(0.99, 1.01)))
                for c in cube.cells
                if c.year == last
            ]
            if cube.source == "cbs":
                cube.about["status"][str(last + 1)] = "Voorlopig"
        else:
            since = last - dice.randint(0, 3)
            cube.cells = [
                replace(c, value=_times(c.value, dice.uniform(0.99, 1.01)))
                if c.year and c.year >= since and dice.random() < 0.5
                else c
                for c in cube.cells
            ]
        self.note(name, night, self.true)
        return [f"{name} {'+' + str(last + 1) if grows else 'revised'}"]

    def errors(
        self, dice: random.Random, night: int, *, cells_only: bool
    ) -> tuple[World, list[Fault], dict[str, str]]:
        """(what the bench holds tonight, its faults, dataset → what is wrong with it)."""
        world, faults, wrong = self.true.copy(), [], {}
        for name in DATASETS:
            if dice.random() > ERRS:
                continue
            if cells_only or dice.random() < WRONG_CELL:
                kind = dice.choice(list(mutations.MUTATIONS))
                if self._spoil(name, kind, dice, world):
                    self.note(name, night, world, wrong=True)
                    wrong[name] = f"cell_{kind}"
                continue
            source = self.registry.datasets[name].asked
            times = dice.choice((None, None, None, 1, 2))
            kinds = FORM if dice.random() < OWN else CELLS.keys() | WIRE.keys()
            fault = Fault(dice.choice(sorted(kinds)), source, dice.choice((1, 1, 1, 2)), times)
            faults.append(fault)
            # Whoever asks the publisher may meet it.
            wrong |= dict.fromkeys(_asking(self.registry, source), fault.name)
        return world, faults, wrong

    def _spoil(self, name: str, kind: str, dice: random.Random, world: World) -> bool:
        """Make one cell of a series wrong; False if that changes nothing."""
        cube, dataset = self.cube(name, world), self.registry.datasets[name]
        series, geo = dice.choice(dataset.needed), HOME
        if dice.random() < 0.2:
            geo = dice.choice(sorted(self.registry.peers))
        mine = [
            n
            for n, c in enumerate(cube.cells)
            if c.geo == geo
            and c.year
            and _is_number(c.value)
            and self._key(name, cube, c) == series
        ]
        mine.sort(key=lambda n: cube.cells[n].period)
        if not mine:
            return False
        values = [cube.cells[n].value for n in mine]
        held = [mutations.Cell(values, n) for n in range(len(values))]
        mutations.MUTATIONS[kind](held, dice.randrange(len(held)))
        changed = [cube.cells[n].value for n in mine] != values
        for n, value in zip(mine, values, strict=True):
            cube.cells[n] = replace(cube.cells[n], value=value)
        return changed

    def _key(self, name: str, cube: Cube, cell: Cell) -> str:
        native = _native(cube, cell)
        return self._keys[name].get(native, native)


def _native(cube: Cube, cell: Cell) -> str:
    return "|".join(f"{k}={v}" for k, v in sorted(cube.key_pairs(cell)))


def _asking(registry: Registry, source: str) -> Iterable[str]:
    return [n for n, d in registry.datasets.items() if d.asked == source]


def _agree(some: Cells, whole: Cells) -> bool:
    """Whether each of some cells is in the whole with the same value, and the whole has no later
    year of home, nor one in between, that they lack."""
    first: dict[str, int] = {}
    for series, geo, year in some:
        if geo == HOME:
            first[series] = min(year, first.get(series, year))
    missing = [
        key
        for key in whole.keys() - some.keys()
        if key[1] == HOME and key[2] >= first.get(key[0], 9999)
    ]
    return not missing and all(same(value, whole.get(key)) for key, value in some.items())


def same(one: float, other: float | None) -> bool:
    return other is not None and abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def _is_number(text: str) -> bool:
    try:
        return text != "" and float(text) == float(text)
    except ValueError:
        return False


def _times(text: str, factor: float) -> str:
    return repr(round(float(text) * factor, 6)) if _is_number(text) else text
