"""Figures as the page shows them: rounded for a reader, with the exact value in an attribute.

Each figure becomes `<data value="…" data-at="table:row:column">`: the value as it stands in the
mart and the place where it stands. Which figures are shown does not belong here.
"""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup, escape

NONE = Markup('<span class="none">–</span>')
_SWAP = str.maketrans(",.", ".,")


class Row(dict[str, Any]):
    """A row of a mart: a column that it does not have is None."""

    at: str = ""  # table:row, counted from 0; tables in the order of their names
    prefix: str = ""  # with which the mart's columns begin, where the row's names leave it out

    def __missing__(self, key: str) -> None:
        return None


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
    """A figure with the language's separators of thousands and decimals, and a true minus sign."""
    if decimals == 0 and abs(value) < 2**53:
        value = float(round(value))
    text = f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")
    return text.translate(_SWAP) if lang == "nl" else text


def shown(value: Any, kind: str, lang: str) -> str:
    """The text of a figure.

    Kinds: `year`; `int`; `value` and `signed` (in the indicator's unit); `exact` (a target as it
    was set); `full` (for sums); `reached` (a decimal year). Of a fraction, in %: `pct`, `pct1`
    (signed), `pct3` (signed, for sums), `change` (signed), `chance`. In % already: `growth`.
    """
    if kind in ("year", "int"):
        return str(value) if kind == "year" else plain(value, 0, lang)
    if kind == "pct":
        # 94.7 % is no 95 %: next to a threshold the whole per cent would say otherwise.
        near = any(abs(100 * value - edge) < 0.5 for edge in (60, 95))
        return plain(100 * value, 1 if near else 0, lang) + " %"
    if kind == "pct1":
        return plain(100 * value, 1, lang, sign=True) + " %"
    if kind == "change":
        return plain(100 * value, 0, lang, sign=True) + " %"
    if kind == "growth":
        return plain(value, 2 if abs(value) < 1.05 else 1, lang, sign=True) + " %"
    if kind == "reached":
        return str(math.ceil(value - 1e-9)) if value < 2200 else ("> 2200")
    if kind == "chance":
        return (
            "> 99 %"
            if value > 0.99
            else "< 1 %"
            if value < 0.01
            else plain(100 * value, 0, lang) + " %"
        )
    if kind == "pct3":
        return plain(100 * value, 3, lang, sign=True) + " %"
    if kind == "full":
        # Enough to work a sum out again to the figures that are shown elsewhere.
        return plain(value, 0 if value == round(value) else digits(value) + 3, lang)
    if kind == "exact":
        whole = digits(value) if value != round(value) else 0
        return plain(value, whole, lang)
    return plain(value, digits(value), lang, sign=kind == "signed")


def number(row: Row, column: str, kind: str = "value", lang: str | None = None) -> Markup:
    """A cell of a mart as `<data>`. Without `lang`: written in Dutch, turned by the script."""
    value = row[column]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    # There are eleven thousand of these on the page, and Markup.format takes ten times as long.
    place = escape(f"{row.at}:{row.prefix}{column}")
    said = escape(shown(value, kind, lang or "nl"))
    head = "<data" if lang else '<data class="l"'
    return Markup(f'{head} value="{escape(repr(value))}" data-at="{place}">{said}</data>')  # noqa: S704
