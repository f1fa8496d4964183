"""What a reader has without scrolling, and what the address keeps."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
Keep = Callable[[Page, str], bytes]
# A mission's worst part, by the words on the page; the worst first.
ORDER = {
    "nl": ["niet gehaald", "verkeerde richting", "verslechtert", "onvoldoende", "te langzaam"],
    "en": ["missed", "wrong direction", "worsening", "insufficient", "too slow"],
}
SAID = {
    "nl": {
        "on course": r"Geen van de 5 missies is geheel op koers|Geheel op koers: \d van de 5",
        "fails": "Loopt achter:",
        "unclear": "Onduidelijk:",
        "sure": r"Hoe zeker: \d+ vrijwel zeker, \d+ waarschijnlijk, \d+ onzeker. Solide oordelen:\s\d",
        "changed": "Laatst veranderd",
        "old": "Oude cijfers",
        "confidence": "vrijwel zeker|waarschijnlijk|onzeker",
    },
    "en": {
        "on course": r"None of the 5 missions is wholly on course|Wholly on course: \d of the 5",
        "fails": "Lagging:",
        "unclear": "Unclear:",
        "sure": r"How sure: \d+ firm, \d+ likely, \d+ uncertain. Solid verdicts:\s\d",
        "changed": "What changed lately",
        "old": "Dated figures",
        "confidence": "firm|likely|uncertain",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["nl", "en"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_answers_stand_on_the_first_screen(
    visit: Visit, keep: Keep, lang: str, width: int, height: int
) -> None:
    page = visit(lang=lang, width=width, height=height)
    expect(page.locator("#lately li").first).to_be_attached()
    keep(page, f"first-{width}-{lang}")
    parts = "#overview > h1, .answer, .tally-all, .standing, .standing h2, .standing .status, .standing .parts, .standing .names a, .lately, .aged"
    boxes = page.evaluate(
        """parts => [...document.querySelectorAll(parts)].filter(e => e.checkVisibility()).map(e => {
          const b = e.getBoundingClientRect();
          return [e.innerText, b.left, b.right, b.bottom];
        })""",
        parts,
    )
    assert len(boxes) > 30
    for said, left, right, bottom in boxes:
        assert left >= 0 and right <= width and bottom <= height, said
    assert page.locator(".standing").count() == 5
    seen = page.locator("#overview").inner_text().split("\n\n\n")[0]
    for what, words in SAID[lang].items():
        assert re.search(words, seen), what
    # The worst first: what fails stands above what does not.
    failing = [row.locator(".failing").count() for row in page.locator(".standing").all()]
    assert failing == sorted(failing, reverse=True) and 0 < sum(failing) < 5
    own = [row.locator(".itself .status").inner_text() for row in page.locator(".standing").all()]
    places = [n for s in own for n, w in enumerate(ORDER[lang]) if w in s]
    assert places == sorted(places) and places


@pytest.mark.slow
def test_names_in_lists_are_those_of_the_rows(visit: Visit) -> None:
    page = visit()
    rows = set(page.locator("#overview .line .what > a").all_inner_texts())
    listed = page.locator(".standing .names a").all_inner_texts()
    assert len(listed) > 5
    for name in listed:
        assert name in rows or name == "de missie als geheel"
    # One with a comma stays one: names are apart by another sign.
    for names in page.locator(".names").all():
        apart = names.evaluate(
            "e => [...e.children].slice(0, -1).map(x => getComputedStyle(x, '::after').content)"
        )
        assert set(apart) <= {'"; "'}
    for name in page.locator("#overview .line .what > a").all()[1:4]:
        anchor = name.get_attribute("href") or ""
        title = page.locator(f"[id='t-{anchor[1:]}']")
        assert title.text_content() and name.inner_text() in (title.text_content() or "")


@pytest.mark.slow
def test_the_address_keeps_view_language_filters_and_countries(visit: Visit) -> None:
    page = visit("#table?lang=en&mission=health&status=not_assessable&counts=1")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("[name=mission]")).to_have_value("health")
    shown = page.locator("#shown").inner_text()
    page.fill("#filters [name=text]", "dementia")
    page.locator('th[data-key="year"] button').click()
    assert page.locator("#shown").inner_text() != shown
    shown = page.locator("#shown").inner_text()
    assert "text=dementia" in page.url and "sort=year.up" in page.url
    page.reload()
    expect(page.locator("#shown")).to_have_text(shown)
    expect(page.locator('th[data-key="year"]')).to_have_attribute("aria-sort", "ascending")
    page.evaluate("location.hash = 'i-municipal_recycling'")
    page.click("[data-peers=municipal_recycling]")
    assert page.url.endswith("#i-municipal_recycling?peers=municipal_recycling&lang=en")
    page.reload()
    page.wait_for_function("window.vega !== undefined")
    expect(page.locator("[data-chart=municipal_recycling] svg")).to_contain_text("EU27")
    page.go_back()
    expect(page.locator("#shown")).to_have_text(shown)


@pytest.mark.slow
def test_what_changed_is_read_beside_the_page_and_missed_in_words(
    visit: Visit, index: Path, tmp_path: Path
) -> None:
    page = visit("#changes", lang="en")
    expect(page.locator("#history section").first).to_contain_text(re.compile("release", re.I))
    alone = tmp_path / "page.html"
    shutil.copyfile(index, alone)
    page = visit("#changes", file=alone, lang="en")
    expect(page.locator("#history")).to_contain_text("does not lie beside this page")


@pytest.mark.slow
def test_an_unknown_address_says_so(visit: Visit) -> None:
    page = visit("#energie/bestaat-niet")
    expect(page.locator("#unknown")).to_contain_text("energie/bestaat-niet")
    expect(page.locator("#overview")).to_be_visible()
    page.click('.main-nav a[href="#method"]')
    expect(page.locator("#unknown")).to_be_hidden()


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "lang"), [("en-GB", "en"), ("nl-BE", "nl"), ("nl-NL", "nl")])
def test_a_browser_opens_in_its_own_language(visit: Visit, locale: str, lang: str) -> None:
    page = visit("#quality", locale=locale)
    expect(page.locator("html")).to_have_attribute("lang", lang)
    assert not page.locator(f".{'nl' if lang == 'en' else 'en'}:visible").count()


@pytest.mark.slow
def test_search_from_every_view(visit: Visit) -> None:
    page = visit("#quality", width=1440)
    page.fill("#q", "CO2 elektr")
    found = page.locator("#found a")
    assert any("CO₂" in name for name in found.all_inner_texts())
    page.fill("#q", "people who smoke")
    expect(page.locator("#found")).to_contain_text("niets gevonden voor ‘people who smoke’")
    page.click("[data-set-lang=en]")
    page.fill("#q", "recycled")
    page.keyboard.press("Enter")
    expect(page.locator("#h-municipal_recycling")).to_be_focused()
    expect(page.locator("#found")).to_be_hidden()
    page.evaluate("location.hash = 'table'")
    page.fill("#filters [name=text]", "xyzzy")
    expect(page.locator("#shown")).to_have_text("nothing found for ‘xyzzy’")
    narrow = visit("#method", width=390, height=844)
    narrow.click("#open-search")
    expect(narrow.locator("#q")).to_be_focused()


def _foreign(page: Page, words: str) -> list[str]:
    """Visible texts with words of the other language, outside what is marked as such."""
    found: list[str] = page.evaluate(
        """([words, lang]) => {
          const seen = [], walk = document.createTreeWalker(document.querySelector('.view.on'), NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const text = walk.currentNode.textContent, parent = walk.currentNode.parentElement;
            if (!parent.checkVisibility() || parent.closest('code, script, style')) continue;
            const marked = parent.closest('[lang]');
            if (marked && marked.lang !== lang) continue;
            if (new RegExp('(^|[^\\\\p{L}])(' + words + ')([^\\\\p{L}]|$)', 'u').test(text)) seen.push(text.trim());
          }
          return seen;
        }""",
        [words, page.get_attribute("html", "lang")],
    )
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("nl", "the|The|of the|is not|are|were|does|which|with|from|and|or by|its"),
        ("en", "het|Het|een|Een|niet|zijn|wordt|deze|van|voor|naar|bij|geen|de"),
    ],
)
def test_each_language_has_its_own_words_only(visit: Visit, lang: str, words: str) -> None:
    page = visit(lang=lang)
    for view in page.evaluate("[...document.querySelectorAll('.view')].map(v => v.id)"):
        page.evaluate("h => { location.hash = h }", view)
        page.evaluate(
            "document.querySelectorAll('.view.on details').forEach(d => { d.open = true })"
        )
        assert _foreign(page, words) == [], view


@pytest.mark.slow
def test_forced_colours_show_what_is_chosen(visit: Visit, keep: Keep) -> None:
    page = visit("#i-ghg_net_total", forced_colors="active")
    keep(page, "forced-colours")
    line = "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).textDecorationLine + getComputedStyle(e).borderBottomStyle"
    chosen = page.locator('.main-nav a[aria-current="page"]')
    other = page.locator(".main-nav a:not([aria-current])").first
    assert chosen.evaluate(line) != other.evaluate(line)
    assert page.locator('[aria-pressed="true"]').first.evaluate(line) != page.locator(
        '.switch [aria-pressed="false"]'
    ).evaluate(line)
    # The key's marks are drawn with lines and are no mere backgrounds.
    marks = page.locator("#i-ghg_net_total .key .k").evaluate_all(
        "all => all.map(e => getComputedStyle(e).borderTopWidth)"
    )
    assert marks and all(float(m.removesuffix("px")) >= 1 for m in marks)


@pytest.mark.slow
def test_regions_have_names_of_their_own(visit: Visit) -> None:
    page = visit()
    for lang in ("nl", "en"):
        page.click(f"[data-set-lang={lang}]")
        names: list[Any] = page.evaluate(
            """[...document.querySelectorAll('[role=region], nav, section[aria-label]')].map(
                 e => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby'))"""
        )
        assert all(names)
        twice = {n for n in names if names.count(n) > 1}
        assert {n for n in twice if n not in ("Waar u bent", "Where you are")} == set()


@pytest.mark.slow
@pytest.mark.parametrize("zoom", [2, 4])
def test_zoomed_in_nothing_sticks_out(visit: Visit, zoom: int) -> None:
    page = visit("#energy", width=1280 // zoom, height=1024 // zoom)
    for view in ("overview", "energy", "changes", "table", "method", "quality"):
        page.evaluate("h => { location.hash = h }", view)
        page.evaluate("window.missie.drawAll()")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280 // zoom, view
