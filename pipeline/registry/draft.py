"""New entries as YAML with comments, from a table of figures and what a person says of them.

Text in, text out; which files it goes into, and whether the registry accepts it, belongs to the
caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from pipeline.series_key import dims_of


@dataclass(frozen=True)
class Draft:
    """An indicator of one series. `low` and `high`: the least and greatest value in the file;
    `years`: those of home, in order."""

    id: str
    mission: str
    nl: str
    en: str
    unit: str
    direction: str
    fit: str
    role: str
    dataset: str
    series: str
    low: float
    high: float
    years: Sequence[int]


def plausible(low: float, high: float, bounds: tuple[float | None, float | None]) -> list[float]:
    """A range with room on both sides of what was seen: twice, in two digits, within the bounds."""
    least = 0.0 if low >= 0 else _rounded(2 * low, floor)
    most = _rounded(2 * high, ceil) if high > 0 else 0.0
    if bounds[0] is not None:
        least = max(least, bounds[0])
    if bounds[1] is not None:
        most = min(most, bounds[1])
    return [_number(least), _number(most if most > least else least + 1)]


def bounds_of(unit: str, low: float, high: float) -> tuple[float | None, float | None]:
    """What a unit allows: a percentage that stays within 0 and 100 is taken for a share."""
    if unit.strip().startswith("%") and low >= 0 and high <= 100:
        return 0, 100
    return (0, None) if low >= 0 else (None, None)


def indicator_entry(draft: Draft) -> str:
    """The entry of an indicator."""
    bounds = bounds_of(draft.unit, draft.low, draft.high)
    low, high = plausible(draft.low, draft.high, bounds)
    gaps = [b - a for a, b in zip(draft.years, draft.years[1:], strict=False)]
    cadence = max(set(gaps), key=gaps.count) if gaps else 1
    codes = ", ".join(f"{_text(d)}: {_text(c)}" for d, c in dims_of(draft.series).items())
    ends = ", ".join("null" if b is None else f"{b:g}" for b in bounds)
    return f"""
- id: {draft.id}
  # The mission, sub-mission or interim goal that it tells of: an id of missions.yaml.
  mission: {draft.mission}
  label: {{nl: {_text(draft.nl)}, en: {_text(draft.en)}}}
  unit: {_text(draft.unit)}
  # Which way is better: up or down.
  direction: {draft.direction}
  # direct: it measures what the mission says; proxy: something near it; context: it is never judged.
  fit: {draft.fit}
  # headline: decides the status of its mission; supporting: is shown beside it.
  role: {draft.role}
  # Years between two figures.
  cadence: {cadence}
  # What the unit allows, null where it has no end. A share of a whole is 0 to 100.
  bounds: [{ends}]
  # What can be true: a file with a figure beyond is kept and not used. Made from the figures in the
  # file, {draft.low:g} to {draft.high:g}: set it by what you know.
  plausible: [{low:g}, {high:g}]
  value:
    # One series, by its full key. Several are put together as `op: sum`, `difference`, `ratio`,
    # `share` or `mean` with a list `of`.
    series: {{dataset: {draft.dataset}, {codes}}}
  # A goal of the letter that it is held against, an id of targets.yaml:
  # targets:
  # - {{target: …, number: …}}
  # A total (tonnes, euros) and not a share, index or amount per head:
  # intensive: false
"""


def dataset_entry(
    dataset: str, title: str, format: str, code: str | None, publisher: str, curated: bool
) -> str:
    """The entry of a dataset that takes files."""
    terms = (
        f"""  publisher: {_text(publisher)}
  # The terms under which its figures may be shown, how to cite them, and its page for people:
  # licence: …
  # citation: …
  # landing_url: "https://…"
"""
        if curated
        else ""
    )
    states = f"  # What a file must state that it is.\n  code: {_text(code)}\n" if code else ""
    return f"""
- id: {dataset}
  title: {_text(title)}
  format: {format}
{states}{terms}  # Years from one edition to the next.
  cadence: 1
  # Texts that may be read as years or figures: range (2019/2022), circa (c. 2019), fraction (1 in 8).
  # forms: [range]
  # To have it pulled every night, `live`: see the entries of the same publisher above.
"""


def _text(text: str) -> str:
    """A text as YAML has it, in quotes: `NO` would be false and 30_70 a number."""
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """Two digits of a value, away from or towards 0 as `way` goes."""
    digits = 1 - floor(log10(abs(value)))
    scaled = way(value * 10.0**digits)
    return scaled / 10.0**digits if digits > 0 else scaled * 10.0**-digits
