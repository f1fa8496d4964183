"""A file that a person hands over for a dataset: told what it is, refused if it is something else, kept
as a candidate vintage and judged at once.

Recognising a format belongs in formats/, giving the verdict in validate.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.formats import parse
from pipeline.formats.keys import align
from pipeline.formats.recognise import KNOWN, recognise
from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.registry import Dataset
from pipeline.registry.schema import Titled
from pipeline.series_key import dims_of
from pipeline.vintages.answers import spec_of
from pipeline.vintages.store import ArchiveError, Vintage

_SHOWN = 4
_NEAR = 0.1  # by which figures are revised, and other tables' are not alike


@dataclass(frozen=True)
class Candidate:
    """What a file is for its dataset. `title`: its format for people. `states`: the code that it
    says it is of, None if it says none. `keys`: its series keys → the registry's. `units`: its units
    → the dataset's. `deviations`: what could not be told apart, a line each. `parsed`: its rows under
    the registry's keys."""

    format: str
    title: str
    states: str | None
    keys: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    deviations: list[str] = field(default_factory=list)
    parsed: Parsed | None = field(default=None, repr=False)

    def compared(self, before: Vintage, dataset: Dataset) -> Candidate:
        """The same, with a deviation where nothing in the file says which dataset it is of and most of
        the figures that it shares with the vintage before are others: other tables of a publisher have
        the same dimensions.
        """
        by_hand = KNOWN[self.format].family in ("curated", "projection")  # its series have names
        if self.states or by_hand or self.parsed is None:
            return self
        try:
            known = _figures(parse(before.body(), spec_of(before, dataset)), dataset)
        except (ArchiveError, ParseError):
            return self
        new = _figures(self.parsed, dataset)
        both = known.keys() & new.keys()
        other = sum(abs(new[c] - known[c]) > _NEAR * abs(known[c]) for c in both)
        if 2 * other <= len(both):
            return self
        said = (
            f"nothing in the file says which dataset it is of, and {other} of the {len(both)} figures "
            f"that vintage {before.vintage_id} has too differ by more than {_NEAR:.0%}: another table?"
        )
        return replace(self, deviations=[*self.deviations, said])

    def manifest(self) -> dict[str, Any]:
        """What a manifest says of how the body is read."""
        return {
            "format": self.format,
            "recognised": self.title,
            "states": self.states,
            "keys": self.keys,
            "units": self.units,
            "deviations": self.deviations,
        }


def examine(dataset: Dataset, body: bytes) -> Candidate:
    """Recognise a file and read it as this dataset's.

    ParseError if its format is not read or not the dataset's, if it is another table's, or if no row
    of it can be used.
    """
    found = recognise(body) or dataset.format
    known, own = KNOWN[found], KNOWN[dataset.format].family
    asked = dataset.asked if dataset.live is not None else ""
    if known.family not in (own, asked):
        takes = [f.title for f in KNOWN.values() if f.family in (own, asked)]
        raise ParseError(f"it is {known.title}; {dataset.id} takes {', '.join(takes)}")
    pulled = known.family == asked and dataset.live is not None
    live = dataset.live if pulled else None
    units = dict(live.units) if live is not None and known.family != own else {}
    code = dataset.code if known.family == own else (live.code if live else None) or None
    states = code if known.states else None
    spec = DatasetSpec(
        dataset.source, dataset.dataset, found, states, frozenset(dataset.forms), {}, units
    )
    parsed = parse(body, spec)
    wanted = {k: (live.series.get(k) if live else None) or dims_of(k) for k in dataset.needed}
    keys, unsettled = align(_series(parsed), dataset.needed, wanted, _names(dataset, wanted))
    _must_hold(dataset, _series(parsed), keys)
    return Candidate(found, known.title, states, keys, units, unsettled, parsed.renamed(keys, {}))


def _figures(parsed: Parsed, dataset: Dataset) -> dict[tuple[str, str, int], float]:
    """Cell → figure, of the series that are read; of all where none is named."""
    needed = set(dataset.needed)
    return {
        (r["series_key"], r["geo"], r["year"]): r["value"]
        for r in parsed.observations.to_pylist()
        if not needed or r["series_key"] in needed
    }


def _series(parsed: Parsed) -> set[str]:
    return {
        key for table in (parsed.observations, parsed.rejects)
        for key in table.column("series_key").unique().to_pylist()
    }  # fmt: skip


def _names(dataset: Dataset, wanted: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Code → what else files call it: the dataset's `labels`, and titles by which it is pulled."""
    found = dict(dataset.labels)
    for dims in wanted.values():
        if isinstance(dims, Mapping):
            for code in dims.values():
                if isinstance(code, Titled):
                    found[code.title[0]] = code.title
    return found


def _must_hold(dataset: Dataset, found: set[str], keys: Mapping[str, str]) -> None:
    """ParseError if not one of the series that indicators need is there: another table."""
    needed = set(dataset.needed)
    if not needed or needed & {keys.get(k, k) for k in found}:
        return
    there = "; ".join(sorted(found)[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise ParseError(
        f"none of the series that {dataset.id} is read for is in it: another table, or other names "
        f"(then give `labels` in datasets.yaml). Read for: {sorted(needed)[0]}"
        f"{' and others' if len(needed) > 1 else ''}. In it: {there}{more}"
    )
