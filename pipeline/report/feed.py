"""What changed, in words: a script that the page reads beside it, and an Atom feed a language.

Made from the entries of `release.history`; words come from the catalogue (`messages`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import escape

from pipeline.files import write_atomic
from pipeline.languages import LANGUAGES
from pipeline.release.history import FOLDER, entries
from pipeline.report.embedded import script_json
from pipeline.report.messages import Messages, registered
from pipeline.report.numbers import Row, typeset
from pipeline.report.sentences import day_in, target_label

SCRIPT = "history.js"
_SHOWN = 60  # entries; the others stay in their files
_PAGE = "../report/index.html"
_ATOM = "http://www.w3.org/2005/Atom"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# Names the feed and its entries, whatever their address is.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "missiemonitor/history")


def write(marts: Path) -> None:
    """Write script and feeds of the history below `marts`. OSError if that cannot be done."""
    told = entries(marts)[:_SHOWN]
    script = f"window.missiemonitorHistory = {script_json([_said(e) for e in told])};\n"
    write_atomic(marts / FOLDER / SCRIPT, script.encode("utf-8"))
    for lang in LANGUAGES:
        write_atomic(marts / FOLDER / f"{lang}.atom", _feed(told, Messages(lang)))


def _said(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as the page's script takes it: each text in every language."""
    both = [list(lines(entry, lang)) for lang in LANGUAGES]
    return {
        "release": entry["release"],
        "day": entry["reference_date"],
        "date": [_since(entry, Messages(lang)) for lang in LANGUAGES],
        "title": [title(entry, Messages(lang)) for lang in LANGUAGES],
        "lines": [
            {"kind": same[0][0], "to": same[0][1], "said": [line[2] for line in same]}
            for same in zip(*both, strict=True)
        ],
    }


def _since(entry: dict[str, Any], texts: Messages) -> str:
    """Of which day an entry is and, where that is known, with which it was compared."""
    day, before = day_in(_date(entry), texts), entry["before"] or {}
    if "reference_date" not in before:
        return day
    return texts["history.since"].format(date=day, before=day_in(_date(before), texts))


def _date(entry: dict[str, Any]) -> date:
    return date.fromisoformat(entry["reference_date"])


def title(entry: dict[str, Any], texts: Messages) -> str:
    """An entry in a line: how many statuses of missions and of indicators, years, values and sources
    changed."""
    if entry["unread"] or entry["before"] is None:
        return _apart(entry, texts)
    figures = entry["figures"]
    counts = {
        "missions": sum(bool(s["mission_id"]) for s in entry["statuses"]),
        "statuses": sum(not s["mission_id"] for s in entry["statuses"]),
        "years": sum(len(f["added"]) for f in figures),
        "revised": sum(len(f["revised"]) for f in figures),
        "gone": sum(len(f["gone"]) for f in figures),
        "sources": len(entry["sources"]),
        "overrides": len(entry["overrides"]),
    }
    said = [texts.counted(f"history.count.{k}", n).format(n=n) for k, n in counts.items() if n]
    return ", ".join(said) or _method(entry, texts)


def _apart(entry: dict[str, Any], texts: Messages) -> str:
    return texts["history.unread" if entry["unread"] else "history.first"]


def _method(entry: dict[str, Any], texts: Messages) -> str:
    before, after = entry["before"]["method_version"], entry["method_version"]
    return texts["history.method"].format(before=before, after=after)


def lines(entry: dict[str, Any], lang: str) -> Iterator[tuple[str, str, str]]:
    """A line for each thing that changed: (kind, anchor on the page or "", what is said)."""
    texts = Messages(lang)
    if entry["unread"] or entry["before"] is None:
        yield "apart", "", _apart(entry, texts)
        return
    if entry["before"]["method_version"] != entry["method_version"]:
        yield "method", "method", _method(entry, texts)
    # What decides first: missions, then what counts.
    for change in sorted(entry["statuses"], key=lambda c: (not c["mission_id"], not c.get("counts"))):  # fmt: skip
        anchor = change["mission_id"] or f"i-{change['indicator_id']}"
        yield "status", anchor, _status(change, texts)
    for row in entry["overrides"]:
        words = [
            texts.word("status", row[when]) or texts["diff.no_override"]
            for when in ("before", "after")
        ]
        yield (
            "status",
            row["mission_id"],
            texts["history.override"].format(
                name=typeset(row[f"label_{lang}"]),
                before=words[0],
                after=words[1],
                by=row["author"],
            ),
        )
    for source in entry["sources"]:
        known = source["known_from"]
        when = day_in(date.fromisoformat(known), texts) if known else ""
        named = (source["title"] or source["dataset"], source["publisher"])
        name = ", ".join(registered(part, lang) for part in named if part)
        said = texts[f"history.source.{source['what']}"].format(name=name, date=when)
        yield "lost" if source["what"] in ("lost", "quarantined") else "source", "quality", said
    for figure in entry["figures"]:
        for what in ("added", "gone", "revised"):
            if years := figure[what]:
                said = texts.counted(f"history.{what}", len(years))
                name = typeset(figure[f"label_{lang}"])
                told = said.format(name=name, years=_years(years), n=len(years))
                yield "figure", f"i-{figure['indicator_id']}", told


def _years(years: list[int]) -> str:
    """Years that follow each other as from and to: 2019–2021, 2023."""
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)


def _status(change: dict[str, Any], texts: Messages) -> str:
    name = typeset(change[f"label_{texts.lang}"])
    if change["indicator_id"]:
        aim = target_label(Row(change), Row(change), texts.lang).striptags()
        name = f"{name} ({aim})"
    before, after = (
        texts.word("reason", change[f"reason_{when}"])
        or texts.word("status", change[f"status_{when}"])
        for when in ("before", "after")
    )
    how = "moved" if before and after else "begun" if after else "ended"
    because = ", ".join(texts.word("diff", cause) for cause in change["causes"])
    return texts[f"history.status.{how}"].format(
        name=name, before=before, after=after, because=because
    )


def _feed(told: list[dict[str, Any]], texts: Messages) -> bytes:
    """RFC 4287."""
    feed = ElementTree.Element("feed", {"xmlns": _ATOM, _XML_LANG: texts.lang})
    newest = told[0]["published"] if told else "1970-01-01T00:00:00+00:00"
    _add(feed, "id", _NAMESPACE.urn)
    _add(feed, "title", texts["history.feed"])
    _add(feed, "updated", newest)
    ElementTree.SubElement(feed, "link", rel="self", href=f"{texts.lang}.atom")
    ElementTree.SubElement(feed, "link", rel="alternate", href=f"{_PAGE}#changes")
    ElementTree.SubElement(ElementTree.SubElement(feed, "author"), "name").text = "Missiemonitor"
    for entry in told:
        item = ElementTree.SubElement(feed, "entry")
        key = f"{entry['number']}/{entry['release']}"
        _add(item, "id", uuid.uuid5(_NAMESPACE, key).urn)
        _add(item, "title", f"{_since(entry, texts)}: {title(entry, texts)}")
        _add(item, "updated", entry["published"])
        ElementTree.SubElement(item, "link", rel="alternate", href=f"{_PAGE}#changes")
        said = (f"<li>{escape(line)}</li>" for _, _, line in lines(entry, texts.lang))
        _add(item, "content", f"<ul>{''.join(said)}</ul>", type="html")
    whole: bytes = ElementTree.tostring(feed, "utf-8", xml_declaration=True)
    return whole


def _add(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = text
