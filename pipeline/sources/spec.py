"""What a parser is told and what it gives. The parsers themselves are one module per format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    `forms`: text forms that may be read (`range`, `circa`, `fraction`)."""

    source: str
    dataset: str
    format: str
    code: str | None = None
    forms: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Parsed:
    """`observations`: series_key, geo, period, year int32, value float64 (finite), unit, flags
    list<string>. `rejects`: line int64, series_key, geo, period, value, flags, reason."""

    observations: pa.Table
    rejects: pa.Table
