"""The one order of vintages: by the day from which they are known, then as they arrived.

`Archive.vintages` gives them in it, resolve.py numbers it (`position` of `raw.vintages`), and SQL
goes by that number. What is in use, what was before, and what waits follow from this order alone,
never from what a vintage says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.vintages.store import Vintage

Place = tuple[date, bool, int, str, bool, str]


def place(vintage: Vintage) -> Place:
    """The sort key. One that has no number of arrival yet came by another way than
    `Archive.add` and is new here: of its day it is the last, as it will be when it has one."""
    return (
        vintage.known_from,
        vintage.arrival is None,
        vintage.arrival or 0,
        str(vintage.manifest.get("retrieved", "")),
        vintage.manifest.get("origin") != "bundled",
        vintage.folder.name,
    )


def came_later(one: Vintage, other: Vintage) -> bool:
    """Whether `one` is known to have arrived after `other`, whatever their dates."""
    return one.arrival is not None and other.arrival is not None and one.arrival > other.arrival


def judge_of(vintage: Vintage, accepted: Sequence[Vintage]) -> Vintage | None:
    """The accepted vintage that `vintage` is compared with: the one before it in the order.

    `accepted`: those before it, in the order. An older edition that was taken in afterwards is
    history: what was in use by then is not judged anew for its sake.
    """
    return next((v for v in reversed(accepted) if not came_later(v, vintage)), None)
