"""Every status and reason in the order in which the page lists them, with a status's mark and colour.

What they are called is in the catalogue (`messages`); when one is given, in `pipeline.progress`.
"""

from __future__ import annotations

# A mark beside each status, so that it is never told by colour alone.
MARK = {
    "achieved": "✔", "on_track": "↑", "catching_up": "↗", "progress_too_slow": "!",
    "insufficient": "!!", "wrong_direction": "↓", "missed": "✘", "improving": "↑",
    "slightly_improving": "↗", "stable": "→", "no_clear_trend": "↔", "slightly_worsening": "↘",
    "worsening": "↓", "not_assessable": "·",
}  # fmt: skip
# On course, gaining, unclear, failing, without a status (METHOD.md §8).
COLOUR = {
    "achieved": "green", "on_track": "green", "improving": "green",
    "catching_up": "cyan", "slightly_improving": "cyan",
    "stable": "yellow", "no_clear_trend": "yellow",
    "progress_too_slow": "red", "slightly_worsening": "red", "insufficient": "red",
    "wrong_direction": "red", "worsening": "red", "missed": "red",
    "not_assessable": "dim",
}  # fmt: skip
STATUSES = tuple(MARK)
REASONS = (
    "context_only", "no_indicator", "no_data", "milestone_open", "stale", "series_break",
    "too_few_points", "baseline_missing", "not_computable",
)  # fmt: skip
# The statuses of the method's table, the best first, and whether the letter gives a number.
THRESHOLDS = (
    ("achieved", True), ("on_track", True), ("improving", False), ("catching_up", True),
    ("slightly_improving", False), ("stable", False), ("no_clear_trend", False),
    ("progress_too_slow", True), ("insufficient", True), ("slightly_worsening", False),
    ("wrong_direction", True), ("worsening", False), ("missed", True),
)  # fmt: skip
