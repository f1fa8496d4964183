"""Windows of a series and the pace over them: METHOD.md §3.

What a pace means for a target belongs in measures.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import linear_regression
from typing import NamedTuple

from pipeline.progress.method import MIN_POINTS, MIN_SPAN
from pipeline.progress.question import FROM_BASE, Question

_ROUNDING = 1e-12  # equal but for the last digits: no pace, and no wrong direction


class Window(NamedTuple):
    """The two ends between which a pace is taken: (start, value) and (latest, end)."""

    start: int
    value: float
    latest: int
    end: float


def window_start(
    question: Question, values: Mapping[int, float], breaks: tuple[int, ...], length: int
) -> int | None:
    """First observation of the window of `length` years, None if the window does not qualify."""
    latest = max(values)
    low = latest - length
    if question.kind in FROM_BASE and question.base_year is not None:
        low = max(low, question.base_year)
    low = max([low, *(year for year in breaks if year <= latest)])
    inside = [year for year in values if year >= low]
    if len(inside) < MIN_POINTS or latest - min(inside) < MIN_SPAN:
        return None
    return min(inside)


def window_from(
    values: Mapping[int, float], start: int | None, basis: str, *, fitted: bool
) -> Window | None:
    """The window from `start`: its ends as observed, or on the least-squares line through it."""
    if start is None:
        return None
    latest = max(values)
    if not fitted:
        return Window(start, values[start], latest, values[latest])
    inside = [(year, value) for year, value in values.items() if year >= start]
    in_logs = basis == "cagr"
    if in_logs and min(value for _, value in inside) <= 0:
        return None
    heights = [math.log(value) if in_logs else value for _, value in inside]
    line = linear_regression([float(year - start) for year, _ in inside], heights)
    ends = (line.intercept, line.intercept + line.slope * (latest - start))
    low, high = (math.exp(end) if in_logs else end for end in ends)
    return Window(start, low, latest, high)


def pace_over(basis: str, window: Window | None) -> float | None:
    """Change a year over a window; None without one."""
    if window is None:
        return None
    return pace(basis, window.value, window.end, window.latest - window.start)


def pace(basis: str, start: float, end: float, years: int) -> float | None:
    """Change a year from start to end: a fraction (`cagr`) or units (`linear`)."""
    if years <= 0:
        return None
    if math.isclose(start, end, rel_tol=_ROUNDING):
        return 0.0
    if basis == "linear":
        return finite((end - start) / years)
    if start <= 0 or end <= 0:
        return None
    try:
        return finite(math.expm1(log_ratio(start, end) / years))
    except OverflowError:
        return None


def log_ratio(start: float, end: float) -> float:
    """ln(end / start) for numbers above 0; log1p keeps the digits where they are close."""
    change = (end - start) / start
    return math.log1p(change) if -0.5 < change < 1 else math.log(end) - math.log(start)


def finite(number: float) -> float | None:
    """The number, without a negative zero; None where it is infinite or not a number."""
    return number + 0.0 if math.isfinite(number) else None


def quotient(above: float, below: float) -> float | None:
    """None where there is no finite one."""
    return None if below == 0 else finite(above / below)
