"""The numbers of the method as a language writes them, for the texts that say them (`{rule.name}`)."""

from __future__ import annotations

from pipeline.progress import method


def rules(lang: str) -> dict[str, str]:
    """Each number that a text names: a share as a percentage, years and counts as they are."""
    shorter, longer = method.CONFIRMING
    band, wide_band = method.BANDS
    shares = {
        "course": method.ON_TRACK_FROM,
        "slow": method.TOO_SLOW_FROM,
        "firm": method.FIRM_FROM,
        "likely": method.LIKELY_FROM,
    }
    percentages = {
        "clear": method.CLEAR_GROWTH,
        "stable": method.STABLE_BELOW,
        "band": band,
        "wide_band": wide_band,
    }
    plain = {
        "window": method.SHORT_WINDOW,
        "long": method.LONG_WINDOW,
        "points": method.MIN_POINTS,
        "span": method.MIN_SPAN,
        "trend": method.TREND_WINDOW,
        "shorter": shorter,
        "longer": longer,
        "turn": method.TURN_YEARS,
        "changes": method.CHANGES,
        "dated_years": method.DATED_YEARS,
        "dated_steps": method.DATED_STEPS,
        "stale_years": method.STALE_YEARS,
        "stale_steps": method.STALE_STEPS,
        "flat": method.FLAT_TAIL,
        "tolerance": method.TOLERANCE,
    }
    said = {
        **{name: f"{100 * value:g}%" for name, value in shares.items()},
        **{name: f"{value:g}%" for name, value in percentages.items()},
        **{name: f"{value:g}".replace("e-0", "e-") for name, value in plain.items()},
    }
    return said if lang == "en" else {k: v.replace(".", ",") for k, v in said.items()}
