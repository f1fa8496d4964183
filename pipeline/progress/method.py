"""The constants of METHOD.md, each with its source. No other module and no SQL file repeats one.

What SQL needs of them reaches it as tables (`tables`). The numbers of other offices' methods
belong to opinions.py, beside the formulas that they were published with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pyarrow as pa

METHOD_VERSION: Final = "2.0"

# ---- statuses (§4, §8) ------------------------------------------------------------------------

NOT_ASSESSABLE: Final = "not_assessable"
# Worst first; statuses of one place weigh the same when missions are rolled up.
ORDER: Final[tuple[tuple[str, ...], ...]] = (
    ("missed",),
    ("wrong_direction", "worsening"),
    ("insufficient", "slightly_worsening"),
    ("progress_too_slow",),
    ("stable", "no_clear_trend"),
    ("slightly_improving", "catching_up"),
    ("on_track", "improving"),
    ("achieved",),
)
SEVERITY: Final[Mapping[str, int]] = MappingProxyType(
    {status: place for place, group in enumerate(ORDER, start=1) for status in group}
)
# §8: what is counted together and named together; in `unclear` nothing is known to fail.
STANDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missed": "failing",
        "wrong_direction": "failing",
        "worsening": "failing",
        "insufficient": "failing",
        "slightly_worsening": "failing",
        "progress_too_slow": "failing",
        "stable": "unclear",
        "no_clear_trend": "unclear",
        "slightly_improving": "gaining",
        "catching_up": "gaining",
        "on_track": "on_course",
        "improving": "on_course",
        "achieved": "on_course",
        NOT_ASSESSABLE: "unassessed",
    }
)
# Our answer to the question that the other methods are asked too (§5): with a target, is its pace
# enough; without one, does it move the right way.
ON_COURSE: Final = frozenset(s for s in STANDINGS if STANDINGS[s] in ("on_course", "gaining"))
NO_ANSWER: Final = frozenset({"no_clear_trend", NOT_ASSESSABLE})
# Decided by figures that are in: nothing is uncertain about them.
FACTS: Final = frozenset({"achieved", "missed"})

# Eurostat's SDG monitoring: pace over the pace required.
ON_TRACK_FROM: Final = 0.95
TOO_SLOW_FROM: Final = 0.60  # below it insufficient, below 0 wrong_direction
# Ours: behind by at most this share of the way due is still `near` the required path.
NEAR_PATH: Final = 0.10
# Eurostat's SDG monitoring, indicators without a target: % a year in the wanted direction.
CLEAR_GROWTH: Final = 1.0  # from here improving; beyond it the other way, worsening
STABLE_BELOW: Final = 0.05
TOLERANCE: Final = 1e-9  # of max(1, |target|): rounding is not missing a target

# ---- windows (§3) -----------------------------------------------------------------------------

SHORT_WINDOW: Final = 5  # years, or as many of the publisher's own steps; Eurostat's SDG monitoring
SHORT_WINDOW_AT_MOST: Final = 10  # years
LONG_WINDOW: Final = 15  # years; Eurostat's SDG monitoring
MIN_SPAN: Final = 3  # years between the two ends of a window
MIN_POINTS: Final = 4  # observations in a window, both ends counted
LONGER_BY: Final = 1  # years; the longer window of the fragility test (§7)

# ---- trend of rows without a number (§3, §4); Theil-Sen's slope and Kendall's S -----------------

TREND_WINDOW: Final = 10  # years
CONFIRMING: Final = (8, 12)  # years; one of these windows must say the same
TREND_POINTS: Final = 5  # observations; fewer show no trend, whatever their order
TREND_P: Final = 0.10  # two-sided; from here on noise does as well
EXACT_UP_TO: Final = 8  # observations for which p is taken over every ordering
PERSISTENCE_FROM: Final = 6  # observations; fewer say nothing of their autocorrelation
TURN_YEARS: Final = 3  # back to which a trend may have turned
TURN_PCT: Final = 0.5  # % a year the other way

# ---- confidence (§7) --------------------------------------------------------------------------

FIRM_FROM: Final = 0.9
LIKELY_FROM: Final = 0.6
CONFIDENCE_CHANGES: Final = 3  # yearly changes in a window; fewer give no spread
OTHER_BASES: Final = (-2, -1, 1, 2)  # years from an assumed base year
CHANGE_STEPS: Final = 2  # of the publisher's; a change over more of them is no yearly change

# ---- age of figures (§4): the greater of so many years and so many of the publisher's own steps -

DATED_YEARS, DATED_STEPS = 3, 2
STALE_YEARS, STALE_STEPS = 6, 3
FLAT_TAIL: Final = 3  # equal last values that give a warning
LATE_YEARS: Final = 2  # after the year in which a publisher's next figure was due; ours
UNSETTLED: Final = frozenset({"p", "e"})  # flags of what the publisher calls provisional, estimated

# ---- projection and its back-test (§6) --------------------------------------------------------

CHANGES: Final = 10  # the last yearly changes that drift and spread are taken from
LEAST_CHANGES: Final = 6
# What of the mean change the drift is: had the lowest CRPS of eleven tried on the series of the
# back-test, which is flat around it (`tools/method_evidence.py` measures it anew).
SHRINKAGE: Final = 0.65
HORIZON: Final = SHORT_WINDOW  # years ahead where a target names no year: the window, forward
BANDS: Final = (80, 95)  # %
# The European Environment Agency's words for the prospects of a target.
VERY_LIKELY, LIKELY, VERY_UNLIKELY = 0.9, 0.5, 0.1
HORIZONS: Final = range(1, 11)  # years ahead at which bands are held against history
LEAST_SERIES: Final = 20  # fewer say nothing about a horizon
# Classes by the lag-1 autocorrelation of the yearly changes: to the first bound, to the second,
# above it. Thirds of the series of the back-test; ours.
PERSISTENCE: Final = ("low", "middle", "high")
PERSISTENCE_BOUNDS: Final = (-0.2, 0.1)
EVERY_CLASS: Final = "all"

# ---- track record of statuses and probabilities (§7); ours ------------------------------------

# What lies this share beyond the start of the window is asked for as a target would be …
PSEUDO_TARGETS: Final = (0.1, 0.2, 0.3, 0.5)
RECORD_HORIZONS: Final = (5, 8)  # … so many years later
DIRECTION_HORIZON: Final = 5  # years after which a value is better than when a trend was judged
BINS: Final = 5  # equal parts of the scale of probability

# ---- peers (§10) ------------------------------------------------------------------------------

PEERS_WINDOW: Final = SHORT_WINDOW
LEAST_RANKED: Final = 5  # countries; fewer are no ranking
YEARS_APART: Final = 1  # at most, between a country's latest year and the Dutch one, to be ranked

# ---- what figures say of each other; ours ------------------------------------------------------

# A series of an area with this many other values gives a range for a value: from their least to their
# greatest, and beyond both by so many times the distance between these two, or by this share of their
# median, whichever is more.
RANGE_POINTS: Final = 4
RANGE_SPANS: Final = 3.0
RANGE_SHARE: Final = 0.5
# A revision of so many values of an area by one factor (so nearly, for rounding), and that not one so
# near 1, moved them to another base.
REBASED_POINTS: Final = 4
REBASED_ALIKE: Final = 1.005
REBASED_UP, REBASED_DOWN = 1.02, 0.98


def short_window(cadence: int) -> int:
    """Years of the short window (METHOD §3) of a series with so many years between its figures."""
    return min(SHORT_WINDOW * cadence, SHORT_WINDOW_AT_MOST)


def tables() -> dict[str, pa.Table]:
    """What SQL reads of the method.

    `run.method`: one row with numbers (years, a count, or a share). `run.windows`: `short_window` (years)
    by `cadence`, and of every cadence beyond the last row what that row says: made for an ASOF
    JOIN. `run.statuses`: one row for each status: `severity` (1 = worst; null: not assessable),
    `standing` (its place in STANDINGS), `is_on_course` (null where the status answers nothing).
    """
    words = [*SEVERITY, NOT_ASSESSABLE]
    cadences = range(1, SHORT_WINDOW_AT_MOST + 1)  # from the last one on the window is the longest
    return {
        "run.method": pa.table(
            {
                name: pa.array([number], pa.int32() if isinstance(number, int) else pa.float64())
                for name, number in (
                    ("trend_window", TREND_WINDOW),
                    ("peers_window", PEERS_WINDOW),
                    ("min_points", MIN_POINTS),
                    ("min_span", MIN_SPAN),
                    ("late_years", LATE_YEARS),
                    ("least_ranked", LEAST_RANKED),
                    ("years_apart", YEARS_APART),
                    ("range_points", RANGE_POINTS),
                    ("range_spans", RANGE_SPANS),
                    ("range_share", RANGE_SHARE),
                    ("rebased_points", REBASED_POINTS),
                    ("rebased_alike", REBASED_ALIKE),
                    ("rebased_up", REBASED_UP),
                    ("rebased_down", REBASED_DOWN),
                )
            }
        ),
        "run.windows": pa.table(
            {
                "cadence": pa.array(cadences, pa.int32()),
                "short_window": pa.array(map(short_window, cadences), pa.int32()),
            }
        ),
        "run.statuses": pa.table(
            {
                "status": words,
                "severity": pa.array([SEVERITY.get(w) for w in words], pa.int32()),
                "standing": [STANDINGS[w] for w in words],
                "is_on_course": [None if w in NO_ANSWER else w in ON_COURSE for w in words],
            }
        ),
    }
