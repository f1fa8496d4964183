"""What a parser is told and what it gives. The parsers themselves are one module per format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class ParseError(ValueError):
    """A body that is not this dataset's: one line with what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        # Messages quote the body, and what is quoted may hold line ends.
        super().__init__(" ".join(message.split()))


@dataclass(frozen=True)
class DatasetSpec:
    """`code`: the dataset code that the body must state, None where it cannot state one.
    `forms`: text forms that may be read (`range`, `circa`, `fraction`). `keys` and `units`: the
    publisher's series key and unit → the registry's, where a vintage has its own. `until`: the
    last year that can have been observed; what is said of a later one is a forecast. None: no limit.
    `limits`: series → [low, high], outside of which a value is a reject, but in the areas `judged`:
    there it is for the verdict on the whole vintage."""

    source: str
    dataset: str
    format: str
    code: str | None = None
    forms: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    until: int | None = None
    limits: Mapping[str, Sequence[float]] = field(default_factory=dict)
    judged: frozenset[str] = frozenset()


def must_state(found: set[Any], spec: DatasetSpec, what: str) -> None:
    """ParseError unless the body states the one code that it should."""
    if spec.code is None:
        return
    wrong = sorted(str(f) for f in found if str(f).upper() != spec.code.upper())
    if wrong or not found:
        raise ParseError(
            f"{what} is {', '.join(wrong[:3]) or 'not stated'}, not {spec.code}: another dataset"
        )


# What of a rejected row its reason is about; of others the value.
_ABOUT = {
    "unknown_area": "geo",
    "period_not_read": "period",
    "not_annual": "period",
    "long_ago": "period",
}


def told(rejects: pa.Table) -> str:
    """Rejected rows by reason, the most frequent first, with the first of each."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rejects.to_pylist():
        found.setdefault(str(row["reason"]), []).append(row)
    said = []
    for reason, rows in sorted(found.items(), key=lambda item: -len(item[1])):
        about = str(rows[0][_ABOUT.get(reason, "value")] or "").strip()
        example = f" (line {rows[0]['line']}: {about[:40]})" if about else ""
        said.append(f"{len(rows)} {reason.replace('_', ' ')}{example}")
    return ", ".join(said)


@dataclass(frozen=True)
class Parsed:
    """`observations`: series_key, geo, period, year int32, value float64 (finite), unit, flags
    list<string>. `rejects`: line int64, series_key, geo, period, value, flags, reason."""

    observations: pa.Table
    rejects: pa.Table

    def set_aside(self) -> str:
        """What was rejected and why, with an example of each: `3 unknown area (line 2: Nederland)`;
        empty if nothing was."""
        return told(self.rejects)

    def renamed(self, keys: Mapping[str, str], units: Mapping[str, str]) -> Parsed:
        """The same cells under the registry's series keys and units, in the same order."""
        observations = _renamed(self.observations, "series_key", keys)
        observations = _renamed(observations, "unit", units)
        if keys:
            order = [("series_key", "ascending"), ("geo", "ascending"), ("year", "ascending")]
            observations = observations.sort_by(order)
        return Parsed(observations, _renamed(self.rejects, "series_key", keys))


def _renamed(table: pa.Table, column: str, names: Mapping[str, str]) -> pa.Table:
    if not names:
        return table
    import pyarrow as pa

    values = [names.get(v, v) for v in table.column(column).to_pylist()]
    return table.set_column(
        table.schema.get_field_index(column), column, pa.array(values, pa.string())
    )
