"""What is asked of a series and what comes of it: plain records, and what follows from one alone.

Working an answer out belongs in assess.py and the modules below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from pipeline.progress.method import (
    NOT_ASSESSABLE,
    STALE_STEPS,
    STALE_YEARS,
    TOLERANCE,
    TREND_WINDOW,
    short_window,
)

NUMERIC: Final = frozenset({"level", "change", "gain"})
FROM_BASE: Final = frozenset({"change", "gain"})  # no number, and no window, before the base year
_ALLOWED: Final[Mapping[str, frozenset[str | None]]] = MappingProxyType(
    {
        "direction": frozenset({"up", "down", None}),
        "fit": frozenset({"direct", "proxy", "context"}),
        "kind": NUMERIC | {"direction", "milestone"},
        "milestone_state": frozenset({"met", "open", "overdue", None}),
        "path": frozenset({"linear", "geometric"}),
        "base_year_basis": frozenset({"letter", "assumed", "documented", None}),
    }
)


@dataclass(frozen=True)
class Observation:
    """One value of one indicator in one geo; `value` in the indicator's own unit."""

    year: int
    value: float
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """What is asked of a series: one indicator × target pair with what the registry says of it.

    `number` is the target as written: a value (level), a fraction (change), a difference (gain).
    `bound_*` are the natural limits of the unit; `modelled`: the publisher's own smooth model.
    `breaks` holds first years of a new part; `milestones_on_path` holds (year, target value) of
    earlier commitment targets of the same indicator. Raises ValueError on an unknown word.
    """

    direction: str | None
    fit: str
    cadence: int
    kind: str
    number: float | None = None
    target_year: int | None = None
    base_year: int | None = None
    base_year_basis: str | None = None
    documented_baseline: float | None = None
    milestone_state: str | None = None
    may_be_zero: bool = False
    modelled: bool = False
    bound_low: float | None = None
    bound_high: float | None = None
    breaks: tuple[int, ...] = ()
    carried_forward: tuple[int, ...] = ()
    milestones_on_path: tuple[tuple[int, float], ...] = ()
    path: str = "linear"

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if value not in allowed:
                words = ", ".join(sorted(str(word) for word in allowed))
                raise ValueError(f"question.{name}: {value!r} is unknown; use one of {words}")
        if self.cadence < 1:
            raise ValueError(f"question.cadence: {self.cadence} years; use 1 or more")

    @property
    def is_context(self) -> bool:
        # Without a direction nobody has said what better would be: worth seeing, no more.
        return self.fit == "context" or self.direction is None

    @property
    def sign(self) -> float:
        """d of METHOD §1: 1 where up is better (or nothing is), -1 where down is."""
        return -1.0 if self.direction == "down" else 1.0

    @property
    def window(self) -> int:
        """Years of the short window: it follows the publisher's cadence."""
        return short_window(self.cadence)

    def is_possible(self, target: float) -> bool:
        """Whether the unit goes on beyond the target, so that it can be asked for."""
        limit = self.bound_low if self.direction == "down" else self.bound_high
        return limit is None or self.sign * (limit - target) > 0

    def reached(self, value: float, target: float) -> bool:
        """Whether `value` is at `target` or beyond it, but for rounding."""
        return self.sign * (value - target) >= -TOLERANCE * max(1.0, abs(target))

    def lapses_on(self, latest: int) -> date:
        """First day on which the figure of the year `latest` is too old for a status."""
        return date(latest + max(STALE_YEARS, STALE_STEPS * self.cadence) + 1, 1, 1)

    def is_finite(self, values: Iterable[float]) -> bool:
        """Whether every number that is given, and each of `values`, is finite."""
        numbers = [*values, *(value for _, value in self.milestones_on_path)]
        numbers += [n for n in (self.number, self.documented_baseline) if n is not None]
        return all(map(math.isfinite, numbers))


@dataclass(frozen=True)
class Calculation:
    """How paces and trends are taken: by default as METHOD §3 says; fragility.py asks for others.

    `longer_by`: years added to the short window. `fitted`: the ends of a window are those of the
    regression line through it, not the observations there. `linear`: no CAGR. `trend`: years of
    the trend.
    """

    longer_by: int = 0
    fitted: bool = False
    linear: bool = False
    trend: int = TREND_WINDOW


@dataclass(frozen=True)
class Assessment:
    """One row of indicator_progress, without its keys; None where a measure does not apply.

    Values are in the indicator's unit; `pace_*` is a fraction a year (`cagr`) or units a year
    (`linear`); `gap_to_path_pct` is a percentage, `trend_pct` % a year for the better;
    `year_reached` is a decimal year; `severity` runs from 1 (worst) to 8, None if not assessable;
    `tie` breaks equal severities, smallest first.
    """

    baseline_year: int | None = None
    baseline_value: float | None = None
    baseline_origin: str | None = None
    latest_year: int | None = None
    latest_value: float | None = None
    target_value: float | None = None
    share_achieved: float | None = None
    share_of_time: float | None = None
    gap_to_path: float | None = None
    gap_to_path_pct: float | None = None
    window_start: int | None = None
    window_value: float | None = None
    pace_recent: float | None = None
    pace_long: float | None = None
    pace_required: float | None = None
    pace_basis: str | None = None
    acceleration_factor: float | None = None
    year_reached: float | None = None
    ratio_short: float | None = None
    ratio_long: float | None = None
    position: str | None = None
    trend_start: int | None = None
    trend_pct: float | None = None
    trend_p: float | None = None
    turning: bool | None = None
    status: str = NOT_ASSESSABLE
    reason: str | None = None
    status_probability: float | None = None
    confidence: str | None = None
    assessable_from: int | None = None
    target_impossible: bool = False
    is_dated: bool = False
    lapses_on: date | None = None
    windows_disagree: bool | None = None
    awaiting_target_year: bool = False
    flat_tail: bool = False
    severity: int | None = None
    tie: float | None = None
