"""Figures as the page shows them: rounded for a reader, with the exact value in an attribute.

Each figure becomes `<data value="…" data-at="table:row:column">`: the value as it stands in the
mart and the place where it stands, counted from 0. Which figures are shown does not belong here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any

from markupsafe import Markup, escape

from pipeline.progress import method

NONE = Markup('<span class="none">–</span>')
# Of the pace that is needed, in %: where one status ends and the next begins.
_EDGES = (100 * method.TOO_SLOW_FROM, 100 * method.ON_TRACK_FROM)
_SPACED = re.compile(r"(?<=\d) %")
_SWAP = str.maketrans(",.", ".,")


class Row(dict[str, Any]):
    """A row of a mart: a column that it does not have is None."""

    at: str = ""  # table:row, counted from 0; tables in the order of their names
    scale: float = 1.0  # what a reader is shown of an amount in the mart's unit (`for_people`)
    prefix: str = ""  # with which the mart's columns begin, where the row's names leave it out
    places: Mapping[str, int] = MappingProxyType({})  # of the mart's columns, counted from 0

    def __missing__(self, key: str) -> None:
        return None


def for_people(unit: str) -> tuple[str, float]:
    """The unit in which a reader is shown amounts, and what a mart's amount is multiplied by."""
    if unit == "kt" or unit.startswith("kt "):
        return f"M{unit[1:]}", 0.001
    if unit == "1 000 EUR":
        return "mln EUR", 0.001
    return unit, 1.0


def typeset(text: str) -> str:
    """A text of our own registry as a reader is used to it."""
    return _SPACED.sub("%", text.replace("CO2", "CO₂"))


def digits(value: float) -> int:
    """How many decimals a figure of this size is shown with."""
    size = abs(value)
    if size >= 1000 or size == 0:
        return 0
    if size >= 10:
        return 1
    if size >= 1:
        return 2
    return min(2 - math.floor(math.log10(size)), 8)


def plain(value: float, decimals: int, lang: str, sign: bool = False) -> str:
    """A figure with the language's separators of thousands and decimals, and a true minus sign.

    A half goes up, and binary noise does not count, as where the script writes a figure.
    """
    exact = Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0
    text = f"{exact:{'+' if sign else ''},f}".replace("-", "−")
    return text.translate(_SWAP) if lang == "nl" else text


def shown(value: Any, kind: str, lang: str) -> str:
    """The text of a figure.

    Kinds: `year`; `int`; `value`, `size` (without its sign) and `signed` (in the indicator's unit);
    `exact` (a target as it was set); `full` (for sums); `reached` (a decimal year). Of a fraction,
    in %: `pct`, `ratio` (of paces), `pct1` (without its sign), `pct3` (signed, for sums), `change` and `change1` (signed), `chance`.
    In % already: `growth` (signed) and `growth1` (without its sign).
    """
    if kind in ("year", "int"):
        return str(value) if kind == "year" else plain(value, 0, lang)
    if kind in ("pct", "ratio"):
        # 94.7 % is no 95 %: next to a threshold the whole per cent would say otherwise.
        near = kind == "ratio" and any(abs(100 * value - edge) < 0.5 for edge in _EDGES)
        return plain(100 * value, 1 if near else 0, lang) + "%"
    if kind == "pct1":
        return plain(abs(100 * value), 1, lang) + "%"
    if kind == "change1":
        return plain(100 * value, 1, lang, sign=True) + "%"
    if kind == "change":
        return plain(100 * value, 0, lang, sign=True) + "%"
    if kind == "growth":
        return plain(value, 2 if abs(value) < 1.05 else 1, lang, sign=True) + "%"
    if kind == "growth1":
        return plain(abs(value), 2 if abs(value) < 1.05 else 1, lang) + "%"
    if kind == "reached":
        return str(math.ceil(value - 1e-9)) if value < 2200 else ("> 2200")
    if kind == "chance":
        return (
            ">\u00a099%"
            if value > 0.99
            else "<\u00a01%"
            if value < 0.01
            else plain(100 * value, 0, lang) + "%"
        )
    if kind == "pct3":
        return plain(100 * value, 3, lang, sign=True) + "%"
    if kind == "full":
        # Enough to work a sum out again to the figures that are shown elsewhere.
        return plain(value, 0 if value == round(value) else digits(value) + 3, lang)
    if kind == "exact":
        whole = digits(value) if value != round(value) else 0
        return plain(value, whole, lang)
    if kind == "size":
        value = abs(value)
    return plain(value, digits(value), lang, sign=kind == "signed")


# Of these kinds are amounts in the indicator's unit; these columns are none, whatever their kind.
_AMOUNTS = frozenset({"value", "size", "signed", "exact", "full"})
_NO_AMOUNTS = frozenset(
    {"acceleration_factor", "low_published", "central_published", "high_published"}
)


def amount(row: Row, column: str, kind: str = "value") -> Any:
    """A cell in the unit that a reader is shown."""
    value = row[column]
    scaled = row.scale != 1 and kind in _AMOUNTS and column not in _NO_AMOUNTS
    return value * row.scale if scaled and value is not None else value


def number(row: Row, column: str, kind: str = "value", lang: str | None = None) -> Markup:
    """A cell of a mart as `<data>`. Without `lang`: written in Dutch, turned by the script."""
    value = row[column]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    # There are eleven thousand of these on the page, and Markup.format takes ten times as long.
    name = f"{row.prefix}{column}"
    place = escape(f"{row.at}:{row.places.get(name, name)}")
    said = escape(shown(amount(row, column, kind), kind, lang or "nl"))
    return Markup(f"<data value={value!r} data-at={place}>{said}</data>")  # noqa: S704
