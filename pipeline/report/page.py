"""The page of a release: one HTML file without network, in both languages.

Made from the release folder alone, so equal releases give equal bytes. Everything from outside
passes Jinja's escaping; what the page says lies in `content`, how it looks in `templates/`.
"""

from __future__ import annotations

import base64
import hashlib
import math
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.release.dictionary import Table, read_dictionary
from pipeline.report import charts, method, sentences, words
from pipeline.report.content import HOME, Content, script_json
from pipeline.report.numbers import (
    NONE,
    Row,
    both,
    number,
    outside,
    page_address,
    plain,
    trusted,
    woven,
)

_TEMPLATES = Path(__file__).with_name("templates")
_MONTHS = (
    ("januari", "January"), ("februari", "February"), ("maart", "March"), ("april", "April"),
    ("mei", "May"), ("juni", "June"), ("juli", "July"), ("augustus", "August"),
    ("september", "September"), ("oktober", "October"), ("november", "November"),
    ("december", "December"),
)  # fmt: skip
_SHOWN_REVISIONS = 60


def render(release: Path, cache: Path | None = None, dictionary: list[Table] | None = None) -> str:
    """The page for the files in `release`. `cache`: folder in which chart scripts may be kept.

    `dictionary`: what `read_dictionary` gives for the release, where that is at hand.
    """
    content = Content(release)
    drawn = charts.charts(cache)
    early = (_TEMPLATES / "early.js").read_text("utf-8").strip()
    script = (_TEMPLATES / "page.js").read_text("utf-8").strip()
    series = content.series()
    template = _environment(content, series).get_template("page.html.j2")
    spread = content.spread()
    page: str = template.render(
        css=trusted(_css()),
        early=trusted(early),
        script=trusted(script),
        vega=trusted(drawn["script"]),
        script_hashes=trusted(" ".join(_hash(s) for s in (early, script))),
        data=trusted(script_json(_data(content, drawn, series))),
        statuses=list(words.STATUS),
        reasons=list(words.REASON),
        method=method.PARTS,
        dictionary=read_dictionary(release) if dictionary is None else dictionary,
        quality=_quality(content),
        lead=_lead(content),
        spread=[(s, n) for s in words.STATUS if (n := spread.get(s))],
    )
    return page


def _css() -> str:
    dark = (_TEMPLATES / "dark.css").read_text("utf-8").strip()
    return (_TEMPLATES / "page.css").read_text("utf-8").replace("@DARK@", dark).strip()


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()
    return f"'sha256-{digest}'"


def _environment(content: Content, series: dict[str, Any]) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    def w(table: str, key: str | None) -> Markup:
        pairs = getattr(words, table)
        return both(words.word(pairs, key, "nl"), words.word(pairs, key, "en"))

    def has(indicator_id: str, what: str) -> bool:
        data = series[indicator_id]
        if what == "open":
            return any({"p", "e"} & set(o[2]) or o[3] for o in data["obs"])
        if what in ("official", "peers"):
            return bool(data.get(what))
        if what == "value":
            return any(t["value"] is not None for t in data["targets"])
        return any(t[what] and (what == "path" or t["drawn"]) for t in data["targets"])

    def path_by_year(indicator_id: str) -> dict[int, Row]:
        row = content.drawn(indicator_id)
        rows = [] if row is None else content.path(indicator_id, row["target_id"])
        return {p["year"]: p for p in rows if p["required"] is not None}

    environment.globals.update(
        c=content,
        n=number,
        t=both,
        u=lambda i: both(sentences.unit(i, "nl"), sentences.unit(i, "en")),
        w=w,
        word=lambda table, key, lang: words.word(getattr(words, table), key, lang),
        outside=outside,
        page_address=page_address,
        date=_date,
        count=lambda value: plain(value, 0, "nl"),
        colour=words.COLOUR,
        mark=words.MARK,
        none_mark=NONE,
        why=sentences.why,
        why_mission=sentences.why_mission,
        target_label=sentences.target_label,
        sums=sentences.sums,
        fragility=sentences.fragility,
        cautions=_cautions,
        notes=_notes,
        alt=_alternative,
        coverage=_coverage,
        has=has,
        path_by_year=path_by_year,
    )
    return environment


def _data(content: Content, drawn: dict[str, Any], series: dict[str, Any]) -> dict[str, Any]:
    """What the script needs: specifications, series and the words that go into a chart."""
    return {
        "tables": content.files,
        "missions": dict.fromkeys(content.missions, 1),
        "chart": drawn["chart"],
        "spark": drawn["spark"],
        "series": series,
        "flags": words.FLAG,
        "geo": words.GEO,
    }


def _date(value: date | None) -> Markup:
    if value is None:
        return NONE
    said = [f"{value.day} {_MONTHS[value.month - 1][n]} {value.year}" for n in (0, 1)]
    return both(*said)


def _total(name: str, value: int) -> Markup:
    return Markup('<data value="{}" data-at="total:{}">{}</data>').format(value, name, value)


def _lead(content: Content) -> Markup:
    total = content.total()
    parts = {k: _total(k, v) for k, v in total.items()}
    return both(
        woven(
            "Van de {sub_missions} sub-missies zijn er {assessed} te beoordelen: {fine} gaan de goede kant op, {failing} lopen achter. Van de andere {unassessed} is niet te zeggen hoe ver zij zijn; bij elk staat waarom.",
            **parts,
        ),
        woven(
            "Of the {sub_missions} sub-missions {assessed} can be assessed: {fine} go the right way, {failing} fall behind. Of the other {unassessed} nobody can say how far they are; each says why.",
            **parts,
        ),
    )


def _cautions(content: Content, row: Row, reading: Row) -> list[Markup]:
    """What a reader should mind about one progress row, a sentence each."""
    said: list[Markup] = []
    base = number(row, "baseline_year", "year", "en")
    if row["base_year_basis"] == "assumed":
        said.append(
            Markup("{} <span lang=en>{}</span>").format(
                both(
                    Markup("Basisjaar {} is aangenomen; de brief noemt er geen.").format(base),
                    Markup("Base year {} is assumed; the letter names none.").format(base),
                ),
                outside(reading["reason"]),
            )
        )
    elif reading["reason"]:
        said.append(Markup("<span lang=en>{}</span>").format(outside(reading["reason"])))
    if row["baseline_origin"] == "documented":
        said.append(
            Markup("{}: <span lang=en>{}</span>").format(
                both("Basiswaarde uit een document", "Baseline from a document"),
                outside(reading["baseline_source"]),
            )
        )
    if row["is_dated"] and row["status"] != "not_assessable":
        lapses = _date(row["lapses_on"])
        said.append(
            Markup("{} {}.").format(
                both("Het cijfer is oud; de status vervalt op", "The figure is dated; the status lapses on"),
                lapses,
            )
        )  # fmt: skip
    if row["windows_disagree"]:
        said.append(
            Markup("{} ({}).").format(
                both("Over vijftien jaar gemeten is het oordeel anders", "Measured over fifteen years the verdict differs"),
                number(row, "ratio_long", "pct"),
            )
        )  # fmt: skip
    definitive = row["status_on_definitive_data"]
    if definitive and definitive != row["status"]:
        said.append(
            Markup("{}: {}.").format(
                both("Zonder voorlopige en geschatte cijfers", "Without provisional and estimated figures"),
                both(*(words.word(words.STATUS, definitive, lang) for lang in ("nl", "en"))),
            )
        )  # fmt: skip
    if row["flat_tail"]:
        said.append(
            both("De laatste drie waarden zijn gelijk: let op of de bron ze heeft overgenomen.",
                 "The last three values are equal: mind whether the source carried them forward.")
        )  # fmt: skip
    return said


def _notes(observation: Row) -> Markup:
    said = [both(*(words.word(words.FLAG, f, lang) for lang in ("nl", "en"))) for f in observation["flags"] or []]  # fmt: skip
    if observation["carried_forward"]:
        said.append(both("overgenomen uit een eerder jaar", "carried forward"))
    if observation["period_published"] and observation["period_published"] != str(observation["period"]):  # fmt: skip
        said.append(outside(observation["period_published"]))
    return Markup(", ").join(said)


def _alternative(content: Content, indicator_id: str) -> Markup:
    """The chart in words, for those who do not see it."""
    seen = content.observed(indicator_id)
    indicator = content.indicators[indicator_id]
    first, last = seen[0], seen[-1]
    drawn = content.drawn(indicator_id)

    def said(lang: str) -> Markup:
        template = (
            "Lijn van {y0} ({v0}) tot {y1} ({v1})."
            if lang == "nl"
            else "Line from {y0} ({v0}) to {y1} ({v1})."
        )
        text = woven(
            template,
            y0=number(first, "period", "year", lang),
            v0=sentences.quantity(first, "value", indicator, lang),
            y1=number(last, "period", "year", lang),
            v1=sentences.quantity(last, "value", indicator, lang),
        )
        if drawn is not None and drawn["target_value"] is not None:
            template = " Doel: {v} in {y}." if lang == "nl" else " Target: {v} in {y}."
            text += woven(
                template,
                v=sentences.quantity(drawn, "target_value", indicator, lang),
                y=number(drawn, "target_year", "year", lang),
            )
        more = (
            "De cijfers staan hieronder in een tabel."
            if lang == "nl"
            else "The figures are in a table below."
        )
        return Markup("{} {}").format(text, more)

    return both(said("nl"), said("en"))


def _coverage(held: Row) -> Markup:
    """How often the bands held on history that was kept back, at this distance."""
    near = held["horizon"] == 1
    parts = [
        {
            "y": ("jaar" if lang == "nl" else "year") if near or lang == "nl" else "years",
            "a": number(held, "coverage_80", "pct", lang),
            "b": number(held, "coverage_95", "pct", lang),
            "h": number(held, "horizon", "int", lang),
            "s": number(held, "n_series", "int", lang),
        }
        for lang in ("nl", "en")
    ]
    return both(
        woven(
            "Op achtergehouden jaren van {s} reeksen viel {h} {y} vooruit {a} binnen de 80 %-band en {b} binnen de 95 %-band.",
            **parts[0],
        ),
        woven(
            "On held-back years of {s} series, {h} {y} ahead, {a} fell within the 80 % band and {b} within the 95 % band.",
            **parts[1],
        ),
    )


def _quality(content: Content) -> dict[str, Any]:
    checks = content.tables["check_results"]
    by_asset: dict[str, list[Row]] = {}
    for check in checks:
        by_asset.setdefault(check["asset"], []).append(check)
    failed = [k for k in checks if not k["passed"]]
    sources = sorted(content.sources.values(), key=lambda s: (-(s["age_days"] or 0), s["source"], s["dataset"]))  # fmt: skip
    problems = [s for s in sources if s["pending"] or not s["vintage_id"]]
    revised = [
        r
        for r in content.tables["revisions"]
        if r["geo"] == HOME and r["change"] and r["indicator_id"] in content.indicators
    ]

    def weight(row: Row) -> tuple[float, str, int]:
        before = row["value_before"]
        size = abs(row["change"] / before) if before else math.inf
        return (-size, row["indicator_id"], row["period"])

    parts = {
        "n": _total("checks", len(checks)),
        "failed": _total("checks_failed", len(failed)),
        "sources": _total("sources", len(sources)),
        "problems": _total("problems", len(problems)),
    }
    lead = both(
        woven(
            "{n} controles op elke stap van deze uitgave; {failed} slaagden niet. {sources} gegevenssets, waarvan {problems} met een probleem.",
            **parts,
        ),
        woven(
            "{n} checks on every step of this release; {failed} did not pass. {sources} datasets, of which {problems} with a problem.",
            **parts,
        ),
    )
    return {
        "lead": lead,
        "failed": failed,
        "problems": problems,
        "sources": sources,
        "by_asset": sorted(by_asset.items()),
        "n_revisions": len(revised),
        "revisions": sorted(revised, key=weight)[:_SHOWN_REVISIONS],
    }
