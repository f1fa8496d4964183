"""What the registry says beside missions, targets, indicators and their sources: notes on figures, areas
and projections to compare with, and a person's judgement of a mission. The rest stands in schema.py.
"""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.languages import LANGUAGES
from pipeline.progress.method import STANDINGS
from pipeline.registry.texts import IsoDate, Text


class Entry(BaseModel):
    """What is written in the registry's files: no key that is not known, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Words(Entry):
    nl: Text
    en: Text


class Unit(Entry):
    """`factor`: what a value in `unit` is multiplied by to stand in `common`."""

    unit: Text
    common: Text
    factor: Annotated[float, Field(gt=0)]


class Break(Entry):
    """`year`: the first of the new part."""

    year: int
    geo: str | None = None
    reason: Text


class Carried(Entry):
    """Years for which the publisher repeats an earlier value."""

    geo: str | None = None
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    reason: Text


class NotRead(Entry):
    """Years that are published and that no model reads."""

    geo: str | None = None
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    reason: Text


class NotComparable(Entry):
    """An indicator that looks like the same and is not: the two are never made one series."""

    indicator: Text
    reason: Words


class Closes(Entry):
    """What would close an indicator's gap: a `table` of the publisher with figures that could not be
    read yet, and of which years; or the day on which no public series was found."""

    table: Text | None = None
    first: int | None = None
    last: int | None = None
    none_found: IsoDate | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Closes:
        whole = self.table is not None and self.first is not None and self.last is not None
        part = self.table is not None or self.first is not None or self.last is not None
        if part == (self.none_found is not None) or part != whole:
            raise ValueError("names a table with its first and last year, or none_found")
        return self


# What a text of a gap may name, in the order in which SQL gives them.
GAP_VALUES = (
    "n", "needed", "cadence", "latest", "next", "left", "enough", "base", "since", "title", "table", "first", "last",
    "day",
)  # fmt: skip


def _fits(text: str) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"is no text with values: {error}") from None
    if strange := sorted(names - set(GAP_VALUES)):
        raise ValueError(f"{{{strange[0]}}} is not known; it takes {', '.join(GAP_VALUES)}")
    return text


GapText = Annotated[str, Field(min_length=1), AfterValidator(_fits)]


class Gap(Entry):
    """Why something cannot be assessed and what would close it, in both languages, with values in
    braces that sql/marts/gaps.sql fills in."""

    gap: Text
    nl: GapText
    en: GapText

    def numbered(self) -> dict[str, str]:
        """The texts for DuckDB's format(), which knows values by their places."""
        places = {name: f"{{{place}}}" for place, name in enumerate(GAP_VALUES)}
        return {lang: getattr(self, lang).format(**places) for lang in LANGUAGES}


class Peer(Entry):
    """An area to compare with. An aggregate is shown beside the countries and has no rank."""

    geo: Annotated[str, Field(pattern="^[A-Z0-9_]+$")]
    aggregate: bool = False


class OfficialProjection(Entry):
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


def _status(word: str) -> str:
    if word not in STANDINGS:
        raise ValueError(f"{word!r} is no status; it is one of {', '.join(STANDINGS)}")
    return word


class Override(Entry):
    """A person's judgement of a mission, in force from `date` until `until`, both included."""

    mission: Text
    status: Annotated[str, AfterValidator(_status)]
    author: Text
    reason: Text
    date: IsoDate
    until: IsoDate
