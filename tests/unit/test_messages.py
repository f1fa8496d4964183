"""The texts of page and terminal: complete in both languages, all in use, and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from pipeline.languages import LANGUAGES
from pipeline.paths import registry_root
from pipeline.registry import load
from pipeline.registry.tables import tables
from pipeline.report import page, sentences
from pipeline.report.feed import lines
from pipeline.report.markup import verdict
from pipeline.report.messages import Messages, about, dutch, read, registered
from pipeline.report.numbers import Row
from pipeline.report.statuses import COLOUR, MARK, REASONS, STATUSES, THRESHOLDS

REPORT = Path(page.__file__).parent
# Some more modules have texts for the terminal.
CODE = [
    *sorted(REPORT.glob("*.py")),
    *sorted(REPORT.parent.glob("release/*.py")),
    REPORT.parent / "cli" / "run.py",
]
TEMPLATES = sorted(REPORT.glob("templates/*.j2"))
SCRIPT = "\n".join(file.read_text("utf-8") for file in sorted(REPORT.glob("templates/script/*.js")))
KEYS = sorted(Messages("en"))
# Two words in a row: a text, where it is no key, selector, SQL or formula.
WORDS = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")

# No texts: SQL, the fonts of the charts, and a unit of the marts.
NO_TEXT = re.compile(r"\b(SELECT|FROM|UNION ALL|ORDER BY)\b|^-apple-system|^mln EUR$")


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(Messages("nl")) == list(Messages("en"))


def test_both_languages_fill_in_the_same_placeholders() -> None:
    nl, en = Messages("nl"), Messages("en")
    assert [k for k in KEYS if _placeholders(nl[k]) != _placeholders(en[k])] == []
    assert _placeholders(nl["why.reason.stale"]) == {"year"}


def _strings(file: Path) -> Iterator[str]:
    """The strings of a module, without docstrings and errors: those speak to developers."""
    tree = ast.parse(file.read_text("utf-8"))
    apart = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            yield node.value


def _used() -> set[str]:
    """Every string with which code and templates can ask for a text or for a group of texts."""
    found = {string.rstrip(".") for file in CODE for string in _strings(file)}
    for file in TEMPLATES:
        found |= {said for _, said in re.findall(r"""(["'])([\w.]+)\1""", file.read_text("utf-8"))}
    return found


def test_every_text_is_used() -> None:
    used = _used()
    # By its key, by its group and a value, and either as the form for one or for more.
    forms = {key: re.sub(r"\.(one|other)$", "", key) for key in KEYS}
    unused = [k for k, form in forms.items() if not {k, form, form.rpartition(".")[0]} & used]
    assert unused == []


def test_every_text_that_a_template_asks_for_is_there() -> None:
    asked = {
        key
        for file in TEMPLATES
        for key in re.findall(r"""\b(?:t|text)\(["']([\w.]+)["']""", file.read_text("utf-8"))
    }
    assert len(asked) > 150
    assert asked <= set(KEYS)


def test_the_script_asks_for_the_texts_that_it_gets() -> None:
    asked = set(re.findall(r'\bsay\("([^"]*)"', SCRIPT))
    assert asked == {k.removeprefix("script.") for k in KEYS if k.startswith("script.")}


@pytest.mark.parametrize("file", sorted(REPORT.glob("*.py")), ids=lambda f: f.name)
def test_no_module_has_texts_of_its_own(file: Path) -> None:
    texts = [
        plain
        for string in _strings(file)
        if not NO_TEXT.search(string)
        and WORDS.search(plain := re.sub(r"<[^>]*>?|[^<]*>", " ", string))
    ]
    assert texts == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f.name)
def test_no_template_has_texts_of_its_own(file: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", file.read_text("utf-8"), flags=re.S)
    text = re.sub(r"\{\{.*?\}\}", "0", text, flags=re.S)
    seen = re.sub(r"<[^>]*>", " ", text)
    read_aloud = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', text)
    said = [*re.findall(r"[^\W\d_]{2,}", seen), *filter(WORDS.search, read_aloud)]
    # Names: of the whole, of the languages, and of where the figures stand.
    names = {"Missiemonitor", "NL", "EN", "marts", "indicator", "progress", "observations"}
    # And characters by their code.
    assert [s for s in said if s not in names | {"xFE"}] == []


def test_the_script_has_no_texts_of_its_own() -> None:
    script = re.sub(r"^\s*//.*$|/\*.*?\*/", "", SCRIPT, flags=re.M)
    texts = [s for s in re.findall(r'"([^"\n]*)"', script) if WORDS.search(s)]
    # No texts: a mode of the language, and elements of the page.
    assert [
        t for t in texts if t not in ("use strict", "thead th") and not re.search(r"[.#\[]", t)
    ] == []


def test_every_status_and_reason_has_its_words_and_its_mark() -> None:
    def below(group: str) -> set[str]:
        return {k.removeprefix(f"{group}.") for k in KEYS if k.startswith(f"{group}.")}

    assert below("status") == set(STATUSES) == set(MARK) == set(COLOUR)
    assert below("reason") == below("close") == below("why.reason") == set(REASONS)
    assert below("method.threshold") == {name for name, _ in THRESHOLDS}
    assert below("method.threshold") == set(STATUSES) - {"not_assessable"}


def test_a_value_without_a_text_is_shown_as_it_is() -> None:
    texts = Messages("nl")
    assert texts.word("unit", "% GDP") == "% van het bbp"
    assert texts.word("unit", "Mt") == "Mt"
    assert texts.word("unit", None) == ""


def test_a_text_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"status\.fine.*messages/nl\.yaml"):
        Messages("nl")["status.fine"]
    with pytest.raises(ValueError, match="'de'"):
        Messages("de")


@pytest.mark.parametrize("text", ["geo:\n  NO: Norway\n", "page:\n  yes: ja\n", "a:\n  b: 1\n"])
def test_what_yaml_takes_for_something_else_than_text_is_an_error(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "xx.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"xx\.yaml: .*in quotes"):
        read(file)


@pytest.mark.parametrize(("horizon", "english"), [(1, "1 year ahead"), (4, "4 years ahead")])
def test_one_year_and_more_years_are_said_differently(horizon: int, english: str) -> None:
    held = Row(horizon=horizon, coverage_80=0.81, coverage_95=0.94, n_series=12)
    said = re.sub(r"<[^>]*>", "", sentences.coverage(held))
    assert f", {english}, " in said and f"viel {horizon} jaar vooruit" in said
    assert all(len(Messages(lang).counted("chart.coverage", horizon)) > 0 for lang in LANGUAGES)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_repeats_a_number_of_the_method(lang: str) -> None:
    """`{rule.name}` says it, from the one place where it is kept."""
    raw = read(REPORT / "messages" / f"{lang}.yaml")
    assert [k for k, text in raw.items() if re.search(r"\b(?!0\b)\d+(?:[.,]\d+)?%", text)] == []
    assert sum("{rule." in text for text in raw.values()) > 30
    texts = Messages(lang)
    assert not any("{rule." in text for text in texts.values())
    assert "60%" in texts["why.cut.insufficient"] and "95%" in texts["why.cut.on_track"]


# The texts of the registry, in one language, that page, scoreboard and explain show.
SHOWN = {
    "breaks": ("reason",),
    "datasets": ("title", "publisher", "licence", "citation"),
    "indicator_targets": ("reason", "baseline_source"),
    "official_projections": ("publisher",),
    "sources": ("publisher", "licence", "citation"),
    "targets": ("source",),
}


def test_every_text_of_the_registry_that_is_shown_has_its_dutch() -> None:
    found = tables(load(registry_root()))
    shown = {
        text
        for table, columns in SHOWN.items()
        for row in found[table].to_pylist()
        for column in columns
        if (text := row[column])
    }
    assert sorted(shown - dutch().keys()) == []
    assert sorted(dutch().keys() - shown) == []


def test_every_unit_is_said_in_words_where_its_sign_is_not_the_same_everywhere() -> None:
    registry = load(registry_root())
    units = {i.unit for i in registry.indicators.values()}
    units |= {i.per_head.unit for i in registry.indicators.values() if i.per_head}
    words = {key.removeprefix("unit.") for key in KEYS if key.startswith("unit.")}
    assert units - words <= {"%", "kt", "Mt", "MW", "µg/m³"}


def test_a_text_without_dutch_is_given_as_it_is() -> None:
    assert registered("Red List Index", "nl") == "Rode-Lijstindex"
    assert registered("Red List Index", "en") == "Red List Index"
    assert registered("Something new", "nl") == "Something new"


def test_what_is_said_of_a_vintage_marks_what_it_quotes_in_english() -> None:
    said = verdict("v1: niet te lezen: “no <JSON>”", "v1: no <JSON>")
    assert said == (
        '<span class="nl"><bdi>v1: niet te lezen: “<bdi lang="en">no &lt;JSON&gt;</bdi>”</bdi></span>'
        '<span class="en"><bdi>v1: no &lt;JSON&gt;</bdi></span>'
    )
    assert verdict(None, "in English only") == '<span lang="en"><bdi>in English only</bdi></span>'


def test_a_quotation_that_is_folded_is_marked_in_its_head_and_in_full() -> None:
    said = verdict(f"te lezen: “{'x' * 400}”", "y")
    assert said.count('<bdi lang="en">') == said.count("</bdi>") - 3 == 2
    assert said.count("x" * 400) == 1 and "<summary>" in said


def test_a_release_of_an_earlier_version_says_it_in_english() -> None:
    assert about({"pending": "v: why", "pending_nl": "v: waarom"}, "pending", "nl") == "v: waarom"
    assert about({"pending": "v: why"}, "pending", "nl") == "v: why"
    assert about({"pending": None, "pending_nl": None}, "pending", "nl") == ""


def test_a_source_that_changed_is_named_in_the_feeds_language() -> None:
    source = {"dataset": "s/d", "what": "lost", "title": "Red List Index", "publisher": "OECD",
              "known_from": None}  # fmt: skip
    entry = {"unread": None, "before": {"method_version": "2.0"}, "method_version": "2.0",
             "statuses": [], "figures": [], "overrides": [], "sources": [source]}  # fmt: skip
    [(_, _, said)] = lines(entry, "nl")
    assert "Rode-Lijstindex, OESO" in said
    [(_, _, said)] = lines(entry, "en")
    assert "Red List Index, OECD" in said
