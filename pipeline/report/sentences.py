"""Why a row has its status, in one sentence, and the sums with which to work it out again.

Each sentence is made of words in both languages and figures from one row of the marts; nothing
is computed here.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from pipeline.report.content import Content
from pipeline.report.numbers import Row, both, number, woven
from pipeline.report.words import FRAGILE, STRENGTH, UNIT, word

Pair = tuple[str, str]

# How the method reads the ratio or the growth that a status comes from (METHOD.md §4).
_CUT: dict[str, Pair] = {
    "on_track": ("op koers is 95 % of meer", "on track is 95 % or more"),
    "progress_too_slow": ("van 60 tot 95 % is te traag", "from 60 to 95 % is too slow"),
    "insufficient": ("onder 60 % is onvoldoende", "below 60 % is insufficient"),
    "wrong_direction": ("onder nul beweegt het van het doel af", "below zero it moves away from the target"),
    "improving": ("vanaf 1 % per jaar verbetert het", "from 1 % a year it improves"),
    "slightly_improving": ("van 0,05 tot 1 % per jaar verbetert het licht", "from 0.05 to 1 % a year it improves slightly"),
    "stable": ("minder dan 0,05 % op of neer is stabiel", "less than 0.05 % up or down is stable"),
    "slightly_worsening": ("van 0,05 tot 1 % achteruit per jaar verslechtert het licht", "from 0.05 to 1 % back a year it worsens slightly"),
    "worsening": ("meer dan 1 % achteruit per jaar is verslechtering", "more than 1 % back a year is worsening"),
}  # fmt: skip
_WHY: dict[str, Pair] = {
    "context_only": (
        "Dit cijfer is context: het zegt niets over slagen en krijgt daarom geen status.",
        "This figure is context: it says nothing about success and so gets no status.",
    ),
    "no_indicator": (
        "Er is geen openbare indicator gevonden die hierover kan oordelen.",
        "No public indicator was found that can judge this.",
    ),
    "no_data": ("Er zijn geen bruikbare cijfers.", "There are no usable figures."),
    "milestone_open": (
        "Dit is een mijlpaal zonder getal; hij staat officieel nog open.",
        "This is a milestone without a number; officially it is still open.",
    ),
    "stale": (
        "Het laatste cijfer is van {year}: te oud om op de peildatum nog over te oordelen.",
        "The latest figure is of {year}: too old to judge by on the reference date.",
    ),
    "series_break": (
        "De reeks breekt binnen de vijf jaar tot en met {year}; over een breuk heen wordt geen groei berekend.",
        "The series breaks within the five years to {year}; no growth is taken across a break.",
    ),
    "too_few_points": (
        "Te weinig waarnemingen in de vijf jaar tot en met {year}: nodig zijn er vier, met minstens drie jaar tussen de eerste en de laatste.",
        "Too few observations in the five years to {year}: it takes four, with at least three years between the first and the last.",
    ),
    "baseline_missing": (
        "Het basisjaar {base} ligt na het laatste cijfer ({year}), of heeft geen waarde.",
        "The base year {base} lies after the latest figure ({year}), or has no value.",
    ),
    "not_computable": (
        "De groei tot en met {year} is niet te berekenen: het venster begint bij nul of gaat door nul.",
        "The growth to {year} cannot be computed: the window starts at zero or passes through it.",
    ),
}  # fmt: skip
_ACHIEVED: Pair = (
    "Het doel van {target} is bereikt: {latest} in {year}.",
    "The target of {target} is reached: {latest} in {year}.",
)
_MISSED: Pair = (
    "Het doel van {target} in {target_year} is niet gehaald: het laatste cijfer is {latest} in {year}.",
    "The target of {target} in {target_year} was not met: the latest figure is {latest} in {year}.",
)
_RATIO: Pair = (
    "Van {start} tot {year} was het tempo {ratio} van wat vanaf {start} nodig was om in {target_year} op {target} te komen: {cut}.",
    "From {start} to {year} the pace was {ratio} of what was needed from {start} to come to {target} in {target_year}: {cut}.",
)
_PAST: Pair = (
    "In {start} lag het cijfer al voorbij het doel van {target}, en sindsdien beweegt het de verkeerde kant op ({latest} in {year}).",
    "In {start} the figure was already past the target of {target}, and since then it has moved the wrong way ({latest} in {year}).",
)
_GROWTH: Pair = (
    "Van {start} tot {year} was de verandering ten goede {growth} per jaar: {cut}. De brief noemt hier geen getal; alleen de richting telt.",
    "From {start} to {year} the change for the better was {growth} a year: {cut}. The letter names no number here; only the direction counts.",
)
_MILESTONE: dict[str, Pair] = {
    "achieved": ("De mijlpaal is officieel gehaald.", "The milestone has officially been met."),
    "missed": ("De mijlpaal is officieel over tijd.", "The milestone is officially overdue."),
}


def _fill(pair: Pair, **parts: Any) -> Markup:
    """A sentence in both languages; a part is a function of the language, or a pair."""
    said = []
    for n, lang in enumerate(("nl", "en")):
        values = {
            k: v(lang) if callable(v) else (v[n] if isinstance(v, tuple) else v)
            for k, v in parts.items()
        }
        said.append(woven(pair[n], **values))
    return both(*said)


def unit(indicator: Row, lang: str) -> str:
    return word(UNIT, indicator["unit"], lang)


def quantity(row: Row, column: str, indicator: Row, lang: str, kind: str = "value") -> Markup:
    """A value with its unit; a percentage without a second space."""
    return Markup("{}&nbsp;{}").format(number(row, column, kind, lang), unit(indicator, lang))


def why(content: Content, row: Row) -> Markup:
    """The reason of a progress row's status."""
    indicator = content.indicators[row["indicator_id"]]
    parts: dict[str, Any] = {
        "year": lambda lang: number(row, "latest_year", "year", lang),
        "base": lambda lang: number(row, "baseline_year", "year", lang),
        "start": lambda lang: number(row, "window_start", "year", lang),
        "target_year": lambda lang: number(row, "target_year", "year", lang),
        "target": lambda lang: quantity(row, "target_value", indicator, lang, "exact"),
        "latest": lambda lang: quantity(row, "latest_value", indicator, lang),
        "ratio": lambda lang: number(row, "ratio_short", "pct", lang),
        "growth": lambda lang: number(row, "growth_pct", "growth", lang),
        "cut": _CUT.get(row["status"], ("", "")),
    }
    status = row["status"]
    if status == "not_assessable":
        return _fill(_WHY.get(row["reason"], (row["reason"], row["reason"])), **parts)
    if row["target_value"] is None and status in _MILESTONE:
        return _fill(_MILESTONE[status])
    if status in ("achieved", "missed"):
        return _fill(_ACHIEVED if status == "achieved" else _MISSED, **parts)
    if row["ratio_short"] is not None:
        return _fill(_RATIO, **parts)
    if row["growth_pct"] is not None:
        return _fill(_GROWTH, **parts)
    return _fill(_PAST, **parts)


def why_mission(content: Content, mission_id: str) -> Markup:
    """The reason of a mission's or sub-mission's status: what decides, and why it says so."""
    state = content.state(mission_id)
    decides = content.deciding(mission_id)
    if decides is None:
        return _fill(_WHY.get(state["reason"], (state["reason"], state["reason"])),
                     year=lambda lang: number(state, "latest_year", "year", lang), base="")  # fmt: skip
    return why(content, decides)


def target_label(content: Content, reading: Row, lang: str) -> Markup:
    """A target as a reader says it: −55 % in 2030, or the direction where there is no number."""
    indicator = content.indicators[reading["indicator_id"]]
    nl = lang == "nl"
    kind = reading["kind"]
    year = number(reading, "target_year", "year", lang) if reading["target_year"] else ""
    if kind == "milestone":
        return Markup("{} {}").format("mijlpaal" if nl else "milestone", year)
    if kind == "direction":
        way = {"up": ("omhoog", "up"), "down": ("omlaag", "down")}.get(
            indicator["direction"] or "", ("geen richting", "no direction")
        )[0 if nl else 1]
        said = Markup("{}: {}").format("richting" if nl else "direction", way)
        return Markup("{} ({})").format(said, year) if year else said
    if kind == "change":
        said = number(reading, "number", "change", lang)
    elif kind == "gain":
        said = Markup("{}&nbsp;{}").format(
            number(reading, "number", "signed", lang), unit(indicator, lang)
        )
    else:
        said = Markup("{}&nbsp;{}").format(
            number(reading, "number", "exact", lang), unit(indicator, lang)
        )
    return Markup("{} {} {}").format(said, "in", year) if year else said


def strength(reading: Row, lang: str) -> str:
    return word(STRENGTH, reading["strength"], lang)


def sums(content: Content, row: Row) -> list[tuple[str, Markup]]:
    """The numbers behind a status with their formula: (column of the mart, sum and outcome)."""
    indicator = content.indicators[row["indicator_id"]]
    start = content.at_year(row["indicator_id"], row["window_start"])
    linear = row["pace_basis"] == "linear"

    def n(column: str, kind: str = "full") -> Markup:
        return number(row, column, kind)

    def year(column: str) -> Markup:
        return number(row, column, "year")

    s = number(start, "value", "full") if start is not None else Markup("?")
    found: list[tuple[str, Markup]] = []

    def add(column: str, template: str, **parts: Any) -> None:
        if row[column] is not None:
            found.append((column, woven(template, **parts)))

    pace = "full" if linear else "pct3"
    y, y0, yt = n("latest_value"), n("baseline_value"), n("target_value")
    t, t0, tt, ts = (
        year("latest_year"),
        year("baseline_year"),
        year("target_year"),
        year("window_start"),
    )
    add(
        "share_achieved",
        "({y} − {y0}) ÷ ({yt} − {y0}) = <b>{r}</b>",
        y=y,
        y0=y0,
        yt=yt,
        r=n("share_achieved", "pct"),
    )
    add(
        "share_of_time",
        "({t} − {t0}) ÷ ({tt} − {t0}) = <b>{r}</b>",
        t=t,
        t0=t0,
        tt=tt,
        r=n("share_of_time", "pct"),
    )
    if start is not None:
        if linear:
            add(
                "pace_recent",
                "({y} − {s}) ÷ ({t} − {ts}) = <b>{r}</b>",
                y=y,
                s=s,
                t=t,
                ts=ts,
                r=n("pace_recent", pace),
            )
        else:
            add(
                "pace_recent",
                "({y} ÷ {s})<sup>1/({t} − {ts})</sup> − 1 = <b>{r}</b>",
                y=y,
                s=s,
                t=t,
                ts=ts,
                r=n("pace_recent", pace),
            )
    if linear:
        add(
            "pace_required",
            "({yt} − {y}) ÷ ({tt} − {t}) = <b>{r}</b>",
            yt=yt,
            y=y,
            tt=tt,
            t=t,
            r=n("pace_required", pace),
        )
    else:
        add(
            "pace_required",
            "({yt} ÷ {y})<sup>1/({tt} − {t})</sup> − 1 = <b>{r}</b>",
            yt=yt,
            y=y,
            tt=tt,
            t=t,
            r=n("pace_required", pace),
        )
    if start is not None:
        needed = (
            "[({yt} − {s}) ÷ ({tt} − {ts})]"
            if linear
            else "[({yt} ÷ {s})<sup>1/({tt} − {ts})</sup> − 1]"
        )
        add(
            "ratio_short",
            "{p} ÷ " + needed + " = <b>{r}</b>",
            p=n("pace_recent", pace),
            yt=yt,
            s=s,
            tt=tt,
            ts=ts,
            r=n("ratio_short", "pct"),
        )
        sign = "−" if indicator["direction"] == "down" else ""
        if linear:
            add(
                "growth_pct",
                sign + "100 × {p} ÷ {s} = <b>{r}</b>",
                p=n("pace_recent", pace),
                s=s,
                r=n("growth_pct", "growth"),
            )
        else:
            add(
                "growth_pct",
                sign + "100 × {p} = <b>{r}</b>",
                p=n("pace_recent", pace),
                r=n("growth_pct", "growth"),
            )
    add(
        "acceleration_factor",
        "{a} ÷ {b} = <b>{r}</b>",
        a=n("pace_required", pace),
        b=n("pace_recent", pace),
        r=n("acceleration_factor", "value"),
    )
    return found


def fragility(row: Row) -> list[tuple[Markup, str | None]]:
    """What changes the status, with the status that it then has where the mart says so."""
    reasons = row["fragile_reasons"] or []
    statuses = row["fragile_statuses"] or []
    return [
        (
            both(word(FRAGILE, reason, "nl"), word(FRAGILE, reason, "en")),
            statuses[n] if n < len(statuses) else None,
        )
        for n, reason in enumerate(reasons)
    ]
