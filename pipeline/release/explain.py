"""Every number behind the statuses of one indicator, with its formula and where it comes from.

Built from a release's marts alone, in numbers that recompute to the same status. The rules belong in
METHOD.md and progress/assess.py, their words in report/explanation.py and the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Final

from pipeline.areas import HOME
from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.method import (
    LONG_WINDOW,
    STALE_STEPS,
    STALE_YEARS,
    TOLERANCE,
    TREND_WINDOW,
)
from pipeline.progress.question import FROM_BASE, NUMERIC
from pipeline.release.read import Pair, Release, ReleaseError, Row

# Words within formulas → their key in the catalogue of messages (`explain`): of numbers, and of how the
# registry says an indicator is made.
WORDS: Final = {"the break of": "the_break", "not before": "not_before", "number": "number"}
MADE_OF: Final = {"; else ": "otherwise", "mean(": "mean", ", of those given": "of_those_given"}


_SIGN: Final[Mapping[str | None, int]] = {"up": 1, "down": -1}
# Takes a number's name, formula, formula with figures filled in, and value; a null value is left out.
Add = Callable[[str, str, str, Any], None]


@dataclass(frozen=True)
class Number:
    """One named number: its formula in symbols, the same with figures filled in, its value."""

    name: str
    formula: str
    filled: str
    value: Any


def explain(release: Release, indicator: str, target: str | None = None) -> dict[str, Any]:
    """The indicator, its sources, observations, breaks and peers, and for each target the rule that
    decided, its numbers and other methods' opinions: plain data, as `--json` prints it.

    ReleaseError, with near matches, for an indicator or target that is not in the release.
    """
    item = release.indicators.get(indicator)
    if item is None:
        raise ReleaseError(_unknown("indicator", indicator, release.indicators))
    pairs = [p for p in release.pairs if p[0] == indicator]
    if target is not None:
        names = {p[1]: p for p in pairs}
        if target not in names:
            raise ReleaseError(_unknown("target", target, names))
        pairs = [names[target]]
    return {
        "release": release.name,
        "reference_date": release.reference.isoformat(),
        "method_version": release.method,
        "indicator": item,
        "sources": _sources(release, item),
        "observations": [
            {"year": r["period"], "value": r["value"], "flags": r["flags"] or [],
             "carried_forward": r["carried_forward"], "vintage_id": r["vintage_id"]}
            for r in release.series.get(indicator, [])
        ],
        "breaks": _breaks(release, item),
        "peers": _beside(release, "peers", indicator),
        "targets": [_target(release, pair) for pair in pairs],
    }  # fmt: skip


def _unknown(what: str, name: str, known: Any) -> str:
    near = get_close_matches(name, known, n=5, cutoff=0.5)
    near += [k for k in known if name and name in k and k not in near][: 5 - len(near)]
    said = f"did you mean {', '.join(near)}?" if near else "see marts.indicators for their ids"
    return f"{what} {name}: not in this release; {said}"


def _sources(release: Release, item: Row) -> list[Row]:
    used = release.vintages(item["indicator_id"])
    return [
        {"dataset": name, **{k: row[k] for k in (
            "publisher", "vintage_id", "known_from", "known_from_basis", "origin", "citation",
            "licence", "found_in")},
         # A release of an earlier version has no Dutch.
         **{k: row.get(k) for c in ("reason", "pending") for k in (c, f"{c}_nl")},
         "landing_urls": _pages(item, name)}
        for name, row in release.sources.items()
        if row["vintage_id"] in used or (not used and f"{item['source']}/{item['dataset']}" == name)
    ]  # fmt: skip


def _pages(item: Row, dataset: str) -> list[str]:
    """The publisher's pages for people that have the indicator's series of a dataset."""
    # A release of an earlier version has neither column.
    pairs = zip(item.get("datasets") or (), item.get("landing_urls") or (), strict=True)
    return [page for name, page in pairs if name == dataset and page]


def _breaks(release: Release, item: Row) -> list[Row]:
    named = zip(item["breaks"] or (), item["break_reasons"] or (), strict=True)
    flagged = [r["period"] for r in release.series.get(item["indicator_id"], [])
               if "b" in (r["flags"] or ())]  # fmt: skip
    return [{"year": y, "reason": why} for y, why in named] + [
        {"year": y, "reason": "flag b"} for y in flagged
    ]


def _beside(release: Release, table: str, indicator: str) -> list[Row]:
    if not release.has(table):
        return []
    return [r for r in release.rows(table) if r["indicator_id"] == indicator]


# ---- one target


def _target(release: Release, pair: Pair) -> dict[str, Any]:
    row, asked = release.progress[pair], release.pairs[pair]
    question = release.question(pair)
    again = assess(question, release.observations(pair[0]), release.reference)
    opinions = [
        r for r in _beside(release, "second_opinions", pair[0])
        if r["target_id"] == pair[1] and r["geo"] == HOME
    ]  # fmt: skip
    gap = next(
        (
            r
            for r in _beside(release, "gaps", pair[0])
            if (r["target_id"], r["geo"]) == (pair[1], HOME)
        ),
        None,
    )
    return {
        "target_id": pair[1],
        "closes": {"nl": gap["closes_nl"], "en": gap["closes_en"]} if gap else None,
        "meaning": asked,
        "milestone_state": question.milestone_state,
        "counts": row["counts"],
        "rule": _rule(question, row),
        "numbers": [asdict(n) for n in _numbers(release, pair, question)],
        "status": row["status"],
        "reason": row["reason"],
        # Another version of the rules may have made the release.
        "recomputed": {"status": again.status, "reason": again.reason},
        "status_probability": row["status_probability"],
        "confidence": row["confidence"],
        "position": row["position"],
        "turning": row["turning"],
        "target_impossible": row["target_impossible"],
        "assessable_from": row["assessable_from"],
        "is_dated": row["is_dated"],
        "flat_tail": row["flat_tail"],
        "awaiting_target_year": row["awaiting_target_year"],
        "windows_disagree": row["windows_disagree"],
        "status_on_definitive_data": row["status_on_definitive_data"],
        "fragile": row["fragile"],
        "other_ways": dict(
            zip(row["fragile_reasons"] or (), row["fragile_statuses"] or (), strict=True)
        ),
        "methods_agree": row["methods_agree"],
        "probability_of_target": row["probability_of_target"],
        "second_opinions": opinions,
    }


def _rule(question: Question, row: Row) -> str:
    """The rule that decided, by its key in the catalogue of messages (`explain.rules`)."""
    if row["reason"]:
        return str(row["reason"])
    if question.kind == "milestone":
        return "milestone_state"
    if row["status"] == "achieved":
        return "reached"
    if row["status"] == "missed":
        return "missed"
    if row["target_value"] is None:
        return "trend_pct"
    return "start_past_target" if row["ratio_short"] is None else "ratio_short"


def _numbers(release: Release, pair: Pair, question: Question) -> list[Number]:
    """The numbers of one row in the order in which each follows from those before it."""
    found: list[Number] = []

    def add(name: str, formula: str, filled: str, value: Any) -> None:
        if value is not None:
            found.append(Number(name, formula, filled, value))

    row = release.progress[pair]
    _add_latest(add, row, question, release.reference.year)
    if question.kind in NUMERIC:
        _add_target(add, release, pair, question)
    _add_window(add, row, question, release.observations(pair[0]))
    _add_recent_pace(add, row)
    _add_trend(add, row)
    _add_required_pace(add, row)
    return found


def _add_latest(add: Add, row: Row, question: Question, this_year: int) -> None:
    """The direction, the latest figure and its age."""
    t = row["latest_year"]
    add("d", "+1 up, −1 down", str(question.direction), _SIGN.get(question.direction))
    add("t", "latest year", "", t)
    add("y", "value at t", "", row["latest_value"])
    if t is not None:
        limit = max(STALE_YEARS, STALE_STEPS * question.cadence)
        add("age", "year(R) − t", f"{this_year} − {t}", this_year - t)
        add("lapses_on", f"1 January of t + max({STALE_YEARS}, {STALE_STEPS} × cadence) + 1",
            f"{t} + {limit} + 1", row["lapses_on"])  # fmt: skip


def _add_target(add: Add, release: Release, pair: Pair, question: Question) -> None:
    """Baseline and target, the shares of way and time, and the gap to the path."""
    row = release.progress[pair]
    t, y, t0, y0, end, goal = (
        row[f"{what}_{part}"] for what in ("latest", "baseline", "target")
        for part in ("year", "value")
    )  # fmt: skip
    add("t0", "base year", row["base_year_basis"] or "", t0)
    add("y0", "value at t0", row["baseline_origin"] or "", y0)
    add("tT", "target year", "", end)
    how = {
        "level": ("number", f"{question.number}"),
        "change": ("y0 × (1 + number)", f"{y0} × (1 + {question.number})"),
        "gain": ("y0 + number", f"{y0} + {question.number}"),
    }[question.kind]
    add("yT", *how, goal)
    add("share_achieved", "(y − y0) ÷ (yT − y0)", f"({y} − {y0}) ÷ ({goal} − {y0})",
        row["share_achieved"])  # fmt: skip
    add("share_of_time", "(t − t0) ÷ (tT − t0)", f"({t} − {t0}) ÷ ({end} − {t0})",
        row["share_of_time"])  # fmt: skip
    on_path = next((r["required"] for r in _beside(release, "target_path", pair[0])
                    if r["target_id"] == pair[1] and r["year"] == t), None)  # fmt: skip
    add("path_t", f"{release.pairs[pair]['path']} path from t0 to tT at t", "", on_path)
    add("gap_to_path", "d × (path_t − y)",
        f"{_SIGN.get(question.direction)} × ({on_path} − {y})", row["gap_to_path"])  # fmt: skip
    if t is not None and end is not None and t >= end:
        values = {o.year: o.value for o in release.observations(pair[0])}
        year = min(v for v in values if v >= end and v not in question.carried_forward)
        add("deciding_year", "first year from tT on", "", year)
        add("deciding_value", "value at deciding_year", "", values[year])
    if goal is not None:
        add("tolerance", f"{_short(TOLERANCE)} × max(1, |yT|)", "", TOLERANCE * max(1.0, abs(goal)))


def _add_window(
    add: Add, row: Row, question: Question, observations: Sequence[Observation]
) -> None:
    """What lies in the window that decides, also where it does not qualify."""
    t = row["latest_year"]
    if t is not None and question.kind != "milestone":
        by_trend = question.kind == "direction" or row["target_impossible"]
        length = TREND_WINDOW if by_trend else question.window
        low, formula = t - length, f"t − {length}"
        if not by_trend and question.kind in FROM_BASE and question.base_year is not None:
            low, formula = max(low, question.base_year), formula + ", not before t0"
        breaks = {*question.breaks, *(o.year for o in observations if "b" in o.flags)}
        last = max((b for b in breaks if b <= t), default=None)
        if last is not None:
            low, formula = max(low, last), formula + f", not before the break of {last}"
        years = [
            o.year for o in observations if low <= o.year and o.year not in question.carried_forward
        ]
        add("window_from", formula, "", low)
        add("window_years", "years observed from there on", "", years)
    if row["window_start"] is not None:
        add("s", "first year of the window", "", row["window_start"])
        add("ys", "value at s", "", row["window_value"])


def _add_recent_pace(add: Add, row: Row) -> None:
    """The paces over the two windows, each against the pace required from its start."""
    basis, start, first = row["pace_basis"], row["window_start"], row["window_value"]
    end, goal = row["target_year"], row["target_value"]
    add("pace_basis", "cagr where ys, y and yT are all above 0, else linear", "", basis)
    latest = ("y", row["latest_value"]), ("t", row["latest_year"])
    add("pace_recent", *_pace(basis, ("ys", first), latest[0], ("s", start), latest[1]),
        row["pace_recent"])  # fmt: skip
    if row["ratio_short"] is not None:
        years = end - start
        needed = (goal / first) ** (1 / years) - 1 if basis == "cagr" else (goal - first) / years
        add("pace_needed", *_pace(basis, ("ys", first), ("yT", goal), ("s", start), ("tT", end)),
            needed)  # fmt: skip
        add("ratio_short", "pace_recent ÷ pace_needed", f"{row['pace_recent']} ÷ {needed}",
            row["ratio_short"])  # fmt: skip
    add("ratio_long", f"the same over {LONG_WINDOW} years", "", row["ratio_long"])
    add("pace_long", f"pace over {LONG_WINDOW} years", "", row["pace_long"])


def _add_trend(add: Add, row: Row) -> None:
    """The trend that decides where there is no number, and what it says of the last years."""
    start = row["trend_start"]
    add("trend_start", f"first year of the {TREND_WINDOW} before t", "", start)
    add("trend_pct", "d × median slope of ln of the values between all pairs of years, in % a year; "
        "where a value may be 0, of the values in % of their median", f"from {start}",
        row["trend_pct"])  # fmt: skip
    add("trend_p", "two-sided p of Kendall's S between year and value, corrected for persistence",
        "", row["trend_p"])  # fmt: skip


def _add_required_pace(add: Add, row: Row) -> None:
    """The pace that would still reach the target in time, and when the recent one would."""
    latest, target = (
        ((name, row[f"{what}_value"]), (year, row[f"{what}_year"]))
        for what, name, year in (("latest", "y", "t"), ("target", "yT", "tT"))
    )
    add("pace_required", *_pace(row["pace_basis"], latest[0], target[0], latest[1], target[1]),
        row["pace_required"])  # fmt: skip
    add("acceleration_factor", "pace_required ÷ pace_recent",
        f"{row['pace_required']} ÷ {row['pace_recent']}", row["acceleration_factor"])  # fmt: skip
    add("year_reached", "year in which pace_recent reaches yT", "", row["year_reached"])


def _short(number: float) -> str:
    """A small number as a formula writes it: 1e-9."""
    return f"{number:g}".replace("e-0", "e-")


def _pace(basis: str | None, *ends: tuple[str, Any]) -> tuple[str, str]:
    (a, low), (b, high), (s, first), (t, last) = ends
    if basis == "cagr":
        return (
            f"({b} ÷ {a})^(1 ÷ ({t} − {s})) − 1",
            f"({high} ÷ {low})^(1 ÷ ({last} − {first})) − 1",
        )
    return f"({b} − {a}) ÷ ({t} − {s})", f"({high} − {low}) ÷ ({last} − {first})"
