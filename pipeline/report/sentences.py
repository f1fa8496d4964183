"""What the page says in whole sentences about a row of the marts, in both languages.

Each sentence is a text of the catalogue around figures of the row; nothing is computed here.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from markupsafe import Markup

from pipeline.report.content import Content
from pipeline.report.markup import both, counted, filled, message, outside, word
from pipeline.report.messages import LANGUAGES, Messages
from pipeline.report.numbers import NONE, Row, number

# The rule of METHOD.md §4 that decided, where the letter's target is a milestone without a number.
_MILESTONE = ("achieved", "missed")


def unit(indicator: Row, lang: str) -> str:
    """The unit of an indicator, as a reader says it."""
    return Messages(lang).word("unit", indicator["unit"])


def quantity(row: Row, column: str, indicator: Row, lang: str, kind: str = "value") -> Markup:
    """A value with its unit; a percentage without a second space."""
    return Markup("{}&nbsp;{}").format(number(row, column, kind, lang), unit(indicator, lang))


def day(value: date | None) -> Markup:
    """A date with the month's name."""
    if value is None:
        return NONE
    names = (Messages(lang)[f"month.{value.month}"] for lang in LANGUAGES)
    return both(*(f"{value.day} {name} {value.year}" for name in names))


# ---- why a row has its status


def why(content: Content, row: Row) -> Markup:
    """The reason of a progress row's status."""
    indicator = content.indicators[row["indicator_id"]]
    status = row["status"]
    parts: dict[str, Any] = {
        "year": lambda lang: number(row, "latest_year", "year", lang),
        "base": lambda lang: number(row, "baseline_year", "year", lang),
        "since": lambda lang: number(row, "trend_start", "year", lang),
        "start": lambda lang: number(row, "window_start", "year", lang),
        "target_year": lambda lang: number(row, "target_year", "year", lang),
        "target": lambda lang: quantity(row, "target_value", indicator, lang, "exact"),
        "latest": lambda lang: quantity(row, "latest_value", indicator, lang),
        "ratio": lambda lang: number(row, "ratio_short", "pct", lang),
        "growth": lambda lang: number(row, "trend_pct", "growth", lang),
        # How the method reads that ratio or growth.
        "cut": lambda lang: Messages(lang).word("why.cut", status),
    }
    if status == "not_assessable":
        return _because(row["reason"], **parts)
    if row["target_value"] is None and status in _MILESTONE:
        return word("why.milestone", status)
    if status == "achieved":
        return message("why.achieved", **parts)
    if status == "missed":
        return message("why.missed", **parts)
    if row["ratio_short"] is not None:
        return message("why.ratio", **parts)
    if row["target_value"] is not None:
        return message("why.start_past_target", **parts)
    return message("why.no_clear_trend" if status == "no_clear_trend" else "why.growth", **parts)


def why_mission(content: Content, mission_id: str) -> Markup:
    """The reason of a mission's or sub-mission's status: what decides, and why it says so."""
    state = content.state(mission_id)
    decides = content.deciding(mission_id)
    if decides is not None:
        return why(content, decides)
    return _because(
        state["reason"], year=lambda lang: number(state, "latest_year", "year", lang), base=""
    )


def _because(reason: str, **parts: Any) -> Markup:
    """Why there is no status; the reason itself where the catalogue has no sentence for it."""
    said = (filled(Messages(la).word("why.reason", reason), la, **parts) for la in LANGUAGES)
    return both(*said)


# ---- targets


def target_label(content: Content, reading: Row, lang: str) -> Markup:
    """A target as a reader says it: −55 % in 2030, or the direction where there is no number."""
    texts = Messages(lang)
    indicator = content.indicators[reading["indicator_id"]]
    kind = reading["kind"]
    year = number(reading, "target_year", "year", lang) if reading["target_year"] else ""
    if kind == "milestone":
        return filled(texts["target.milestone"], lang, year=year)
    if kind == "direction":
        way = texts.word("target.way", indicator["direction"] or "none")
        said = filled(texts["target.direction"], lang, way=way)
        return Markup("{} ({})").format(said, year) if year else said
    if kind == "change":
        said = number(reading, "number", "change", lang)
    else:
        said = quantity(reading, "number", indicator, lang, "signed" if kind == "gain" else "exact")
    return filled(texts["target.in_year"], lang, value=said, year=year) if year else said


# ---- what to mind


def cautions(content: Content, row: Row, reading: Row) -> list[Markup]:
    """What a reader should mind about one progress row, a sentence each."""
    said: list[Markup] = []
    if row["base_year_basis"] == "assumed":
        base = message("caution.assumed", year=number(row, "baseline_year", "year", "en"))
        said.append(Markup("{} {}").format(base, _english(reading["reason"])))
    elif reading["reason"]:
        said.append(_english(reading["reason"]))
    if row["baseline_origin"] == "documented":
        source = _english(reading["baseline_source"])
        said.append(Markup("{}: {}").format(message("caution.documented"), source))
    if row["is_dated"] and row["status"] != "not_assessable":
        lapses = day(row["lapses_on"])
        said.append(Markup("{} {}.").format(message("caution.dated"), lapses))
    if row["windows_disagree"]:
        ratio = number(row, "ratio_long", "pct")
        said.append(Markup("{} ({}).").format(message("caution.windows_disagree"), ratio))
    definitive = row["status_on_definitive_data"]
    if definitive and definitive != row["status"]:
        status = word("status", definitive)
        said.append(Markup("{}: {}.").format(message("caution.definitive"), status))
    if row["flat_tail"]:
        said.append(message("caution.flat_tail"))
    return said


def _english(text: Any) -> Markup:
    return Markup("<span lang=en>{}</span>").format(outside(text))


def notes(observation: Row) -> Markup:
    """What is said beside one figure: its flags, and the period as it was published."""
    said = [word("flag", flag) for flag in observation["flags"] or []]
    if observation["carried_forward"]:
        said.append(message("note.carried_forward"))
    published = observation["period_published"]
    if published and published != str(observation["period"]):
        said.append(outside(published))
    return Markup(", ").join(said)


def fragility(row: Row) -> list[tuple[Markup, str | None]]:
    """What changes the status, with the status that it then has where the mart says so."""
    reasons = row["fragile_reasons"] or []
    statuses = row["fragile_statuses"] or []
    return [
        (word("fragile", reason), statuses[n] if n < len(statuses) else None)
        for n, reason in enumerate(reasons)
    ]


# ---- charts, and the page as a whole


def alternative(content: Content, indicator_id: str) -> Markup:
    """The chart in words, for those who do not see it."""
    seen = content.observed(indicator_id)
    indicator = content.indicators[indicator_id]
    first, last = seen[0], seen[-1]
    drawn = content.drawn(indicator_id)

    def said(lang: str) -> Markup:
        texts = Messages(lang)
        sentences = [
            filled(
                texts["chart.line"],
                lang,
                y0=number(first, "period", "year", lang),
                v0=quantity(first, "value", indicator, lang),
                y1=number(last, "period", "year", lang),
                v1=quantity(last, "value", indicator, lang),
            )
        ]
        if drawn is not None and drawn["target_value"] is not None:
            value = quantity(drawn, "target_value", indicator, lang)
            year = number(drawn, "target_year", "year", lang)
            sentences.append(filled(texts["chart.target"], lang, v=value, y=year))
        return Markup(" ").join([*sentences, texts["chart.table_below"]])

    return both(*(said(lang) for lang in LANGUAGES))


def coverage(held: Row) -> Markup:
    """How often the bands held on history that was kept back, at this distance."""
    return counted(
        "chart.coverage",
        held["horizon"],
        years=lambda lang: number(held, "horizon", "int", lang),
        series=lambda lang: number(held, "n_series", "int", lang),
        in_80=lambda lang: number(held, "coverage_80", "pct", lang),
        in_95=lambda lang: number(held, "coverage_95", "pct", lang),
    )


def total(name: str, value: int) -> Markup:
    """A number that is counted over the marts, with its name."""
    return Markup('<data value="{}" data-at="total:{}">{}</data>').format(value, name, value)


def lead(content: Content) -> Markup:
    """How many sub-missions can be assessed, and how they do."""
    return message("overview.lead", **{k: total(k, v) for k, v in content.total().items()})
