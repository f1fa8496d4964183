"""Whether a status hangs on one choice of the calculation: METHOD.md §7.

The status is worked out again in four other ways. How a status is worked out belongs in
assess.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pipeline.progress.assess import assess
from pipeline.progress.method import LONGER_BY, NOT_ASSESSABLE, SHORT_WINDOW
from pipeline.progress.question import Assessment, Calculation, Observation, Question

_OTHER_WAYS: Final[Mapping[str, Calculation]] = {
    "regression": Calculation(fitted=True),
    "longer_window": Calculation(window=SHORT_WINDOW + LONGER_BY),
    "other_pace_basis": Calculation(linear=True),
}


@dataclass(frozen=True)
class Fragility:
    """`fragile` is None where there is no status to change; `changes` gives, in the order of
    METHOD §7, each other way that leads to another status, and that status."""

    fragile: bool | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


def fragility(
    question: Question,
    observations: Iterable[Observation],
    reference: date,
    plain: Assessment,
) -> Fragility:
    """The status without the last year, with a regression line in place of the end-points, with
    the window one year longer, and with the other pace basis, against that of `plain`.

    A way that does not apply changes nothing: a pace that is linear because a value or the
    target is not above 0 has no other basis. A status that can no longer be given is another
    status: it hung on the year that was left out.
    """
    if plain.status == NOT_ASSESSABLE:
        return Fragility()
    series = list(observations)
    found = {
        "without_last_year": assess(
            question, [o for o in series if o.year != plain.latest_year], reference
        ).status
    }
    for name, how in _OTHER_WAYS.items():
        if how.linear and plain.pace_basis != "cagr":
            continue
        found[name] = assess(question, series, reference, how).status
    changes = {name: status for name, status in found.items() if status != plain.status}
    return Fragility(bool(changes), changes)
