"""What the page says in whole sentences about a row of the marts, in both languages.

Each sentence is a text of the catalogue around figures of the row; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from markupsafe import Markup

from pipeline.languages import LANGUAGES
from pipeline.report.content import Content
from pipeline.report.markup import both, counted, english, filled, message, outside, word
from pipeline.report.messages import Messages, registered
from pipeline.report.numbers import NONE, Row, for_people, number, plain

# The rule of METHOD.md §4 that decided, where the letter's target is a milestone without a number.
_MILESTONE = ("achieved", "missed")


def unit(indicator: Row, lang: str) -> str:
    """The unit of an indicator, as a reader says it."""
    return Messages(lang).word("unit", for_people(indicator["unit"])[0])


def quantity(row: Row, column: str, indicator: Row, lang: str, kind: str = "value") -> Markup:
    """A value with its unit, on one line; a percentage without a space."""
    said = unit(indicator, lang).replace(" ", "\u00a0")
    space = "" if said.startswith("%") else "\u00a0"
    return Markup("{}{}{}").format(number(row, column, kind, lang), space, said)


def day(value: date | None) -> Markup:
    """A date with the month's name."""
    if value is None:
        return NONE
    return both(*(day_in(value, Messages(lang)) for lang in LANGUAGES))


def day_in(value: date, texts: Messages) -> str:
    """The same in one language."""
    return f"{value.day}\u00a0{texts[f'month.{value.month}']}\u00a0{value.year}"


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
        "ratio": lambda lang: number(row, "ratio_short", "ratio", lang),
        "moves": lambda lang: _trend(row, indicator, lang),
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


def target_label(indicator: Row, reading: Row, lang: str) -> Markup:
    """A target as a reader says it: −55% in 2030, or the direction where there is no number."""
    texts = Messages(lang)
    reading.scale = for_people(indicator["unit"])[1]
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


def target_words(content: Content, target_id: str) -> Markup:
    """A target in words, with what it is asked of: never its id."""
    reading = next((r for (_, t), r in content.readings.items() if t == target_id), None)
    if reading is None:
        return NONE
    indicator = content.indicators[reading["indicator_id"]]
    said = (
        Markup("{}: {}").format(indicator[f"label_{la}"], target_label(indicator, reading, la))
        for la in LANGUAGES
    )
    return both(*said)


def law_failing(content: Content, state: Row) -> list[Markup]:
    """The legal targets that fail beside a status, in words."""
    return [target_words(content, name.split(" · ")[-1]) for name in state["law_failing"] or []]


# ---- what to mind


def cautions(content: Content, row: Row, reading: Row) -> list[Markup]:
    """What a reader should mind about one progress row, a sentence each."""
    said: list[Markup] = []
    if row["base_year_basis"] == "assumed":
        base = message("caution.assumed", year=number(row, "baseline_year", "year", "en"))
        reason = reading["reason"]
        said.append(Markup("{}: {}").format(base, english(reason)) if reason else base)
    elif reading["reason"]:
        said.append(english(reading["reason"]))
    if row["baseline_origin"] == "documented":
        source = english(reading["baseline_source"])
        said.append(Markup("{}: {}").format(message("caution.documented"), source))
    if row["is_dated"] and row["status"] != "not_assessable":
        lapses = day(row["lapses_on"])
        said.append(Markup("{} {}.").format(message("caution.dated"), lapses))
    if row["windows_disagree"]:
        ratio = number(row, "ratio_long", "ratio")
        said.append(Markup("{} ({}).").format(message("caution.windows_disagree"), ratio))
    definitive = row["status_on_definitive_data"]
    if definitive and definitive != row["status"]:
        status = word("status", definitive)
        said.append(Markup("{}: {}.").format(message("caution.definitive"), status))
    if row["flat_tail"]:
        said.append(message("caution.flat_tail"))
    return said


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


# ---- pace, and on which side of the path


def _sense(value: float, indicator: Row) -> str:
    """Which way a change goes, for the texts: rises, falls or none; with a direction good or bad."""
    if value == 0:
        return "none"
    way = "rises" if value > 0 else "falls"
    if not indicator["direction"]:
        return way
    good = (value > 0) == (indicator["direction"] == "up")
    return f"{way}_{'well' if good else 'badly'}"


def pace(content: Content, row: Row, column: str) -> Markup:
    """A pace in words: falls by 4.8% a year (wanted). What is needed has no such judgement."""
    value = row[column]
    if value is None:
        return NONE
    indicator = content.indicators[row["indicator_id"]]
    linear = row["pace_basis"] == "linear"

    def size(lang: str) -> Markup:
        return _difference(row, column, indicator, lang) if linear else number(row, column, "pct1", lang)  # fmt: skip

    sense = _sense(value, indicator)
    if column == "pace_required":
        sense = sense.split("_")[0]
        return message(f"needed.{sense}", size=size)
    return message(f"moves.{sense}", size=size)


def _trend(row: Row, indicator: Row, lang: str) -> Markup:
    """The trend as a movement of the figure: falls by 4.3% a year (favourable)."""
    better = row["trend_pct"]
    if better is None:
        return NONE
    change = better if indicator["direction"] != "down" else -better
    text = Messages(lang)[f"moves.{_sense(change, indicator)}"]
    return filled(text, lang, size=number(row, "trend_pct", "growth1", lang))


def amount(content: Content, row: Row, column: str) -> Markup:
    """A difference without its sign, with its unit."""
    indicator = content.indicators[row["indicator_id"]]
    return both(*(_difference(row, column, indicator, lang) for lang in LANGUAGES))


def _difference(row: Row, column: str, indicator: Row, lang: str) -> Markup:
    """What lies between two values: of percentages, in percentage points."""
    if not str(indicator["unit"]).startswith("%"):
        return quantity(row, column, indicator, lang, "size")
    points = Messages(lang).word("unit", "pp").replace(" ", "\u00a0")
    return Markup("{}\u00a0{}").format(number(row, column, "size", lang), points)


def acceleration(row: Row) -> Markup:
    """How many times faster it must go; nothing at all where the pace is enough."""
    factor = row["acceleration_factor"]
    if factor < 0:
        return message("fact.turn_round")
    if factor <= 1:
        return message("fact.no_acceleration")
    return message("fact.times", times=lambda lang: number(row, "acceleration_factor", lang=lang))


def tensions(row: Row) -> list[Markup]:
    """Where pace, place on the path and chance seem to say different things: why, in words."""
    found = []
    status, position = row["status"], row["position"]
    likely = row["probability_words"] in ("very_likely", "likely_but_uncertain")
    ratio = row["ratio_short"]
    slow = ratio is not None and status in ("progress_too_slow", "insufficient", "wrong_direction")
    if status == "catching_up":
        found.append(message("tension.catching_up"))
    elif slow and position in ("ahead", "near"):
        found.append(message(f"tension.slow_but_{position}"))
    if row["probability_of_target"] is not None:
        if status in ("on_track", "catching_up") and not likely:
            found.append(message("tension.pace_not_chance"))
        elif slow and likely:
            found.append(message("tension.chance_not_pace"))
    if row["turning"]:
        found.append(message("tension.turning"))
    return found


# ---- charts, and the page as a whole


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


def band(held: Row | None, level: int) -> Markup:
    """What a band of a chart is called: by what it held on history that was kept back."""
    if held is None:
        return message("legend.band_untested", level=level)
    return message(
        "legend.band",
        level=level,
        share=lambda lang: number(held, f"coverage_{level}", "pct", lang),
    )


def picture_source(content: Content, indicator_id: str, lang: str) -> str:
    """Where a saved picture comes from."""
    texts = Messages(lang)
    citation = content.indicators[indicator_id]["citation"] or ""
    return texts["chart.source"].format(
        citation=registered(citation, lang),
        date=day_in(content.as_of, texts) if content.as_of else "",
        release=content.release,
    )


def record(content: Content, row: Row) -> Markup | None:
    """What statuses like this one were worth: how many, and what share came true."""
    past = content.record(row)
    if past is None:
        return None
    column = "share_reached" if past["share_reached"] is not None else "share_better"
    return message(
        f"record.{column.removeprefix('share_')}",
        n=lambda lang: number(past, "n", "int", lang),
        share=lambda lang: number(past, column, "pct", lang),
        years=lambda lang: number(past, "horizon", "int", lang),
    )


def total(name: str, value: int) -> Callable[[str], Markup]:
    """A number that is counted over the marts, with its name, as a part of a message."""
    mark = Markup('<data value="{}" data-at="total:{}">{}</data>')
    return lambda lang: mark.format(value, name, plain(value, 0, lang))


def lead(content: Content) -> Markup:
    """The answer in a sentence: how many missions are on course, and in how many a part lags."""
    found = content.total()
    key = "some" if found["missions_on_course"] else "none"
    return message(f"overview.answer.{key}", **{k: total(k, v) for k, v in found.items()})


def tally(content: Content) -> Markup:
    """Where the sub-missions stand, and how many of the verdicts are solid."""
    return message("overview.tally", **{k: total(k, v) for k, v in content.total().items()})


def solid(count: Row) -> Markup:
    """How many verdicts of a mission rest on a direct, recent figure and are at least likely."""
    return message("overview.solid", n=lambda lang: number(count, "n_solid", "int", lang))


def editions(source: Row) -> Markup:
    """How many vintages of a dataset are known."""
    n = source["n_vintages"] or 0
    return counted("quality.editions", n, n=lambda lang: number(source, "n_vintages", "int", lang))
