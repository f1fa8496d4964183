"""What the vintages say of the clock: one that is behind them is wrong, or was ahead when they came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pipeline.registry import Dataset
from pipeline.vintages.store import Archive, Vintage


class ClockError(RuntimeError):
    """Today is before a day on which figures came: one line with the vintage and what to do."""


def check_clock(archive: Archive, datasets: Iterable[Dataset], now: date) -> str:
    """A warning where vintages that ship are known from later than `now`, else an empty text.

    ClockError where live or ingested ones are: what came since would stay out of use in silence.
    """
    later = [
        vintage
        for dataset in datasets
        for vintage in archive.vintages(dataset.source, dataset.dataset)
        if vintage.known_from > now
    ]
    came = [v for v in later if not archive.shipped(v)]
    if came:
        raise ClockError(
            f"the clock says {now}, but {_say(archive, came)}: set the clock right or, if it was "
            "ahead when they came, remove what is known from later days"
        )
    return f"the clock says {now}, but {_say(archive, later)}: not in use yet" if later else ""


def _say(archive: Archive, later: list[Vintage]) -> str:
    newest = max(later, key=lambda v: v.known_from)
    more = f" (and {len(later) - 1} more)" if len(later) > 1 else ""
    folder = newest.folder.relative_to(archive.paths.data)
    return f"a vintage of {newest.source}/{newest.dataset} is known from {newest.known_from}, {folder}{more}"
