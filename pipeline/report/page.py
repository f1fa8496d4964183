"""The page of a release: one HTML file without network, in both languages.

Made from the release folder alone, so equal releases give equal bytes. Everything from outside
passes Jinja's escaping. What the page says is in `content`, in `sentences` and in the catalogue
(`messages`); how it looks is in `templates/`.
"""

from __future__ import annotations

import base64
import hashlib
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.areas import HOME
from pipeline.languages import LANGUAGES
from pipeline.release.dictionary import Table, read_dictionary
from pipeline.release.read import is_problem
from pipeline.report import sentences, statuses
from pipeline.report.content import Content
from pipeline.report.embedded import packed, script_json, series
from pipeline.report.markup import (
    both,
    either,
    english,
    label,
    message,
    outside,
    page_address,
    placeholder,
    trusted,
    verdict,
    word,
)
from pipeline.report.messages import Messages
from pipeline.report.numbers import NONE, Row, number, plain
from pipeline.report.sums import sums

if TYPE_CHECKING:
    from pipeline.report.charts import Charts

_TEMPLATES = Path(__file__).with_name("templates")
_SHOWN_REVISIONS = 60
# The minister's letter, as it was published officially.
_LETTER = "https://zoek.officielebekendmakingen.nl/kst-33009-120.html"
# In the order in which they build on each other.
_SCRIPTS = ("base", "tips", "charts", "files", "table", "changes", "search", "views")


def render(release: Path, dictionary: list[Table] | None = None) -> str:
    """The page for the files in the folder `release`.

    `dictionary`: what `read_dictionary` gives for the release, where that is at hand.
    """
    # Altair takes a quarter of a second to import; a run that has its release already makes no page.
    from pipeline.report.charts import charts

    content = Content(release)
    drawn = charts()
    early = _script("early")
    script = "\n".join(_script(name) for name in _SCRIPTS)
    drawable = series(content)
    for name, shown in drawable.items():
        shown["source"] = [sentences.picture_source(content, name, lang) for lang in LANGUAGES]
        shown["said"] = [sentences.unit(content.indicators[name], lang) for lang in LANGUAGES]
    template = _environment(content, drawable).get_template("page.html.j2")
    page: str = template.render(
        css=trusted(_css()),
        early=trusted(early),
        script=trusted(script),
        vega=trusted(drawn.script),
        script_hashes=trusted(" ".join(_hash(s) for s in (early, script))),
        data=trusted(script_json(_data(content, drawn))),
        series=trusted(packed(script_json(drawable))),
        statuses=statuses.STATUSES,
        reasons=statuses.REASONS,
        thresholds=statuses.THRESHOLDS,
        dictionary=read_dictionary(release) if dictionary is None else dictionary,
        quality=_quality(content),
        lead=sentences.lead(content),
        tally=sentences.tally(content),
    )
    return page


def _css() -> str:
    dark = (_TEMPLATES / "dark.css").read_text("utf-8").strip()
    return (_TEMPLATES / "page.css").read_text("utf-8").replace("@DARK@", dark).strip()


def _script(name: str) -> str:
    return (_TEMPLATES / "script" / f"{name}.js").read_text("utf-8").strip()


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()
    return f"'sha256-{digest}'"


# What the templates call, by the short names that they use.
_CALLED: dict[str, Any] = {
    "n": number,
    "t": message,
    "w": word,
    "u": lambda i: both(*(sentences.unit(i, lang) for lang in LANGUAGES)),
    "both": both,
    "label": label,
    "placeholder": placeholder,
    "names": lambda m: (m["short_nl"], m["short_en"]),
    "labels": lambda i: (i["label_nl"], i["label_en"]),
    "letter": _LETTER,
    "band": sentences.band,
    "pace": sentences.pace,
    "amount": sentences.amount,
    "acceleration": sentences.acceleration,
    "tensions": sentences.tensions,
    "law": sentences.law_failing,
    "target_words": sentences.target_words,
    "solid": sentences.solid,
    "record": sentences.record,
    "editions": sentences.editions,
    "text": lambda key, lang: Messages(lang)[key],
    "word": lambda group, value, lang: Messages(lang).word(group, value),
    "outside": outside,
    "english": english,
    "verdict": verdict,
    "either": either,
    "page_address": page_address,
    "date": sentences.day,
    "count": lambda value: plain(value, 0, "nl"),
    "colour": statuses.COLOUR,
    "mark": statuses.MARK,
    "none_mark": NONE,
    "why": sentences.why,
    "why_mission": sentences.why_mission,
    "target_label": sentences.target_label,
    "sums": sums,
    "fragility": sentences.fragility,
    "cautions": sentences.cautions,
    "notes": sentences.notes,
    "coverage": sentences.coverage,
}


def _has(drawable: dict[str, Any], indicator_id: str, what: str) -> bool:
    """Whether the chart of an indicator shows an element of its legend."""
    data = drawable[indicator_id]
    if what == "open":
        return any({"p", "e"} & set(o[2]) or o[3] for o in data["obs"])
    if what in ("official", "peers"):
        return bool(data.get(what))
    if what == "value":
        return any(t["value"] is not None for t in data["targets"])
    return any(t[what] and (what == "path" or t["drawn"]) for t in data["targets"])


def _path_by_year(content: Content, indicator_id: str) -> dict[int, Row]:
    row = content.drawn(indicator_id)
    rows = [] if row is None else content.path(indicator_id, row["target_id"])
    return {p["year"]: p for p in rows if p["required"] is not None}


def _environment(content: Content, drawable: dict[str, Any]) -> Environment:
    """Jinja with what the templates call and read."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        _CALLED,
        c=content,
        has=partial(_has, drawable),
        path_by_year=partial(_path_by_year, content),
    )
    return environment


def _data(content: Content, drawn: Charts) -> dict[str, Any]:
    """What the script needs: specifications, series and the words that go into a chart."""
    return {
        "tables": content.files,
        "release": content.release,
        "day": str(content.as_of or ""),
        "chart": drawn.chart,
        "spark": drawn.spark,
        "flags": _below("flag"),
        "geo": _below("geo"),
        "mark": _below("mark"),
        "file": _below("file"),
        "theme": _below("theme"),
        "words": _below("script"),
    }


def _below(group: str) -> dict[str, list[str]]:
    """The texts below a key of the catalogue, each in Dutch and in English."""
    prefix = f"{group}."
    return {
        key.removeprefix(prefix): [Messages(lang)[key] for lang in LANGUAGES]
        for key in Messages(LANGUAGES[0])
        if key.startswith(prefix)
    }


def _quality(content: Content) -> dict[str, Any]:
    checks = content.tables["check_results"]
    by_asset: dict[str, list[Row]] = {}
    for check in checks:
        by_asset.setdefault(check["asset"], []).append(check)
    failed = [k for k in checks if not k["passed"]]
    sources = sorted(content.sources.values(), key=lambda s: (-(s["age_days"] or 0), s["source"], s["dataset"]))  # fmt: skip
    problems = [s for s in sources if is_problem(s)]
    revised = [
        r
        for r in content.tables["revisions"]
        if r["geo"] == HOME and r["change"] and r["indicator_id"] in content.indicators
    ]

    def weight(row: Row) -> tuple[float, str, int]:
        before = row["value_before"]
        size = abs(row["change"] / before) if before else math.inf
        return (-size, row["indicator_id"], row["period"])

    lead = message(
        "quality.lead",
        checks=sentences.total("checks", len(checks)),
        failed=sentences.total("checks_failed", len(failed)),
        sources=sentences.total("sources", len(sources)),
        problems=sentences.total("problems", len(problems)),
    )
    return {
        "lead": lead,
        "failed": failed,
        "problems": problems,
        "sources": sources,
        "by_asset": sorted(by_asset.items()),
        "revised": message(
            "quality.revisions_lead",
            shown=min(len(revised), _SHOWN_REVISIONS),
            all=sentences.total("revisions", len(revised)),
        ),
        "revisions": sorted(revised, key=weight)[:_SHOWN_REVISIONS],
    }
