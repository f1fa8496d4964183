"""What a reader does with the page, in a real browser, from the file system."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from pipeline.report.page import render
from tests.conftest import cannot_run
from tests.pipeline.test_page import poisoned

Visit = Callable[..., Page]
Keep = Callable[[Page, str], bytes]
DETAIL = "#health.participation"


@pytest.fixture(scope="module")
def marts(first_run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    copy = tmp_path_factory.mktemp("marts") / "copy.duckdb"
    shutil.copyfile(first_run["data"] / "marts" / "missiemonitor.duckdb", copy)
    with duckdb.connect(str(copy), read_only=True) as con:
        yield con


@pytest.mark.slow
def test_opens_with_five_missions_and_all_thirty_rows(visit: Visit, keep: Keep) -> None:
    page = visit()
    expect(page.locator("h1:visible")).to_have_text(
        "Hoe ver is Nederland met zijn missies?", use_inner_text=True
    )
    expect(page.locator("#overview article.mission")).to_have_count(5)
    expect(page.locator("#overview .line")).to_have_count(30)
    assert page.locator("#overview .line .status").count() >= 30
    # No status by colour alone: a mark and a word stand in each.
    for said in page.locator("#overview .line .status").all_inner_texts():
        assert re.search(r"[^\w\s].*[a-z]{3}", said, re.S), said
    keep(page, "overview")


def test_two_clicks_from_the_top_to_why_and_the_sums(visit: Visit, marts: Any, keep: Keep) -> None:
    rows = marts.execute(
        "SELECT s.mission_id, s.worst_indicator_id, s.worst_target_id FROM marts.sub_mission_progress s "
        "JOIN marts.missions m USING (mission_id) "
        "JOIN marts.indicator_progress p ON p.indicator_id = s.worst_indicator_id "
        "AND p.target_id = s.worst_target_id AND p.ratio_short IS NOT NULL "
        "WHERE s.basis <> 'interim_goal' ORDER BY m.position"
    ).fetchall()
    assert len(rows) > 4
    page = visit()
    for mission, indicator, target in rows:
        page.click(".brand")
        page.click(f'#overview .line a[href="#{mission}"]')
        view = page.locator(f"[id='{mission}']")
        expect(view.locator(".verdict .why")).to_be_visible()
        assert len(view.locator(".verdict .why").inner_text()) > 40
        view.locator(f'.verdict a[href="#sums-{indicator}-{target}"]').click()
        sums = page.locator(f"[id='sums-{indicator}-{target}']")
        expect(sums).to_have_attribute("open", "")
        expect(sums.locator("tbody tr").first).to_be_visible()
    keep(page, "sums")


@pytest.mark.slow
def test_a_gap_says_what_would_close_it(visit: Visit, marts: Any) -> None:
    page = visit(lang="en")
    gaps = marts.execute(
        "SELECT mission_id FROM marts.sub_mission_progress WHERE status = 'not_assessable' "
        "UNION ALL SELECT mission_id FROM marts.mission_progress WHERE own_status = 'not_assessable'"
    ).fetchall()
    assert len(gaps) > 5
    for (mission,) in gaps:
        page.evaluate("h => { location.hash = h }", mission)
        expect(page.locator(f"[id='{mission}'] .gap p").first).to_be_visible()
        assert len(page.locator(f"[id='{mission}'] .gap p").first.inner_text()) > 30


@pytest.mark.slow
def test_language_switches_everything_and_is_remembered(visit: Visit, keep: Keep) -> None:
    page = visit("#energy")
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    facts = page.locator("#i-ghg_net_total .facts").first
    assert "144,4" in facts.inner_text() and "daalt 4,8%" in facts.inner_text()
    page.locator("[data-chart=ghg_net_total]").scroll_into_view_if_needed()
    expect(page.locator("[data-chart=ghg_net_total] svg")).to_contain_text("doel 2030: 102,6")
    keep(page, "dutch")
    page.click("[data-set-lang=en]")
    assert "144.4" in facts.inner_text() and "falls 4.8%" in facts.inner_text()
    page.locator("[data-chart=ghg_net_total]").scroll_into_view_if_needed()
    expect(page.locator("[data-chart=ghg_net_total] svg")).to_contain_text("target 2030: 102.6")
    assert "Energy transition" in page.title()
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1:visible")).to_contain_text("Energy transition")
    assert not page.locator(".nl:visible").count()
    page.click("[data-set-lang=nl]")
    assert not page.locator(".en:visible").count()
    assert "144,4" in facts.inner_text()


@pytest.mark.slow
def test_light_and_dark(visit: Visit, keep: Keep) -> None:
    page = visit(DETAIL, scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    keep(page, "dark")
    page.click("#theme")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark, light) == ("rgb(19, 23, 28)", "rgb(255, 255, 255)")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    # The other one, the same as the system's, and back to what the system has.
    button = page.locator("#theme")
    expect(button).to_have_attribute("aria-label", "Licht of donker: licht")
    for label, colour in (("donker", dark), ("als het systeem", dark)):
        button.click()
        expect(button).to_have_attribute("aria-label", f"Licht of donker: {label}")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colour
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


@pytest.mark.slow
def test_every_chart_draws(visit: Visit, marts: Any, keep: Keep) -> None:
    page = visit()
    page.evaluate("document.body.classList.add('all'); window.missie.drawAll()")
    charts = page.locator("[data-chart]")
    (wanted,) = marts.execute(
        "SELECT count(DISTINCT indicator_id) FROM marts.observations WHERE geo = 'NL'"
    ).fetchone()
    assert charts.count() == wanted
    assert page.locator("[data-chart] > svg").count() == wanted
    empty = page.evaluate(
        "[...document.querySelectorAll('[data-chart]')].filter(e => !e.querySelector('.mark-symbol path')).map(e => e.dataset.chart)"
    )
    assert empty == []
    assert page.evaluate(
        "[...document.querySelectorAll('[data-chart] text')].every(t => !/NaN|undefined|null/.test(t.textContent))"
    )


@pytest.mark.slow
def test_a_chart_shows_path_projection_target_and_provisional_points(
    visit: Visit, keep: Keep
) -> None:
    page = visit("#i-ghg_net_total")
    chart = page.locator("[data-chart=ghg_net_total]")
    expect(chart.locator("svg")).to_contain_text("doel 2030: 102,6")
    expect(chart.locator("svg")).to_contain_text("streven 2030: 91,2")
    marks = page.evaluate("e => document.querySelector('[data-chart=ghg_net_total]').innerHTML")
    assert 'stroke-dasharray="5,4"' in marks
    assert 'stroke="var(--c-path)"' in marks and 'fill="var(--c-actual)"' in marks
    assert "stroke-dasharray" in marks
    caption = page.locator("#i-ghg_net_total figcaption")
    expect(caption).to_contain_text("80%-band")
    keep(page, "chart")
    page.evaluate("location.hash = 'i-renewable_power_cbs'")
    expect(page.locator("[data-chart=renewable_power_cbs] svg")).to_be_visible()
    assert 'fill="var(--paper)"' in page.inner_html("[data-chart=renewable_power_cbs]")
    page.evaluate("location.hash = 'i-crime_in_area'")
    expect(page.locator("[data-chart=crime_in_area] svg")).to_contain_text("reeksbreuk")


@pytest.mark.slow
def test_peers_on_demand(visit: Visit, keep: Keep) -> None:
    page = visit("#i-municipal_recycling", lang="en")
    button = page.locator("[data-peers=municipal_recycling]")
    expect(page.locator("[data-chart=municipal_recycling] svg")).not_to_contain_text("DK")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-chart=municipal_recycling] svg")).to_contain_text("DK")
    keep(page, "peers")
    button.click()
    expect(page.locator("[data-chart=municipal_recycling] svg")).not_to_contain_text("DK")


def _csv(page: Page, click: str, folder: Path) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.click(click)
    file = folder / "download.csv"
    waiting.value.save_as(file)
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))


@pytest.mark.slow
def test_the_download_behind_a_chart_holds_the_marts_figures(
    visit: Visit, marts: Any, tmp_path: Path
) -> None:
    rows = _csv(visit("#i-ghg_net_total"), "[data-save=csv][data-of=ghg_net_total]", tmp_path)
    actual = [(int(r["year"]), float(r["value"])) for r in rows if r["measure"] == "actual"]
    same = marts.execute(
        "SELECT period, value FROM marts.observations WHERE indicator_id = 'ghg_net_total' AND geo = 'NL' ORDER BY 1"
    ).fetchall()
    # Without the noise of binary fractions, to the fifteenth digit.
    assert [y for y, _ in actual] == [y for y, _ in same]
    assert [v for _, v in actual] == pytest.approx([v for _, v in same], rel=1e-14)
    assert any(r["measure"] == "target" and r["value"] == "102555" for r in rows)
    for measure in ("required", "projected", "low_80", "high_95"):
        found = sorted(
            (r["target_id"], int(r["year"]), float(r["value"]))
            for r in rows
            if r["measure"] == measure
        )
        wanted = sorted(
            marts.execute(
                f"SELECT target_id, year, {measure} FROM marts.target_path WHERE indicator_id = 'ghg_net_total' AND {measure} IS NOT NULL"
            ).fetchall()
        )
        assert [f[:2] for f in found] == [w[:2] for w in wanted], measure
        assert [f[2] for f in found] == pytest.approx([w[2] for w in wanted], rel=1e-14)


@pytest.mark.slow
def test_the_table_sorts_filters_and_downloads(
    visit: Visit, marts: Any, tmp_path: Path, keep: Keep
) -> None:
    page = visit("#table", lang="en", width=1440)
    (pairs,) = marts.execute("SELECT count(*) FROM marts.indicator_progress").fetchone()
    (empty,) = marts.execute(
        "SELECT count(*) FROM marts.missions ANTI JOIN marts.indicators USING (mission_id)"
    ).fetchone()
    shown = page.locator("#all tbody tr:visible")
    assert shown.count() == pairs + empty
    keep(page, "table")
    header = page.locator('th[data-key="way"]')
    for direction, reverse in (("ascending", False), ("descending", True)):
        header.locator("button").click()
        expect(header).to_have_attribute("aria-sort", direction)
        values = page.evaluate(
            "[...document.querySelectorAll('#all tbody tr')].map(r => r.cells[7].querySelector('data')).filter(x => x).map(x => Number(x.value))"
        )
        assert values == sorted(values, reverse=reverse) and len(values) > 5
    page.select_option("[name=mission]", "health")
    page.select_option("[name=status]", "not_assessable")
    page.check("[name=counts]")
    (wanted,) = marts.execute(
        "SELECT count(*) FROM marts.indicator_progress WHERE status = 'not_assessable' AND counts AND split_part(mission_id, '.', 1) = 'health'"
    ).fetchone()
    assert shown.count() == wanted
    expect(page.locator("#shown")).to_contain_text(f"{wanted} of ")
    rows = _csv(page, "#table [data-save=csv]", tmp_path)
    assert len(rows) == wanted
    page.click("#filters [type=reset]")
    expect(page.locator("#shown")).to_contain_text(f"{pairs + empty} of ")
    page.fill("[name=text]", "dementia")
    assert 0 < shown.count() < 10


@pytest.mark.slow
def test_method_quality_and_dictionary(visit: Visit, marts: Any, keep: Keep) -> None:
    page = visit(lang="en")
    page.click('.main-nav a[href="#method"]')
    expect(page.locator("#method")).to_contain_text("Eurostat’s SDG monitoring")
    keep(page, "method")
    page.click('.main-nav a[href="#quality"]')
    (datasets,) = marts.execute("SELECT count(*) FROM marts.source_status").fetchone()
    expect(page.locator("#quality .sources tbody tr")).to_have_count(datasets)
    for (name,) in marts.execute(
        "SELECT DISTINCT description FROM marts.check_results WHERE NOT passed"
    ).fetchall():
        expect(page.locator("#quality").get_by_text(name).first).to_be_attached()
    keep(page, "quality")
    page.click('.main-nav a[href="#dictionary"]')
    for table, column, comment in marts.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'marts' AND table_name = 'indicator_progress'"
    ).fetchall():
        row = page.locator(f"#d-{table} tr", has=page.get_by_text(column, exact=True))
        expect(row.first).to_contain_text(comment)
    keep(page, "dictionary")


@pytest.mark.slow
def test_on_a_phone_nothing_sticks_out(visit: Visit, keep: Keep) -> None:
    page = visit(width=390, height=844)
    views = page.evaluate("[...document.querySelectorAll('.view')].map(v => v.id)")
    assert len(views) >= 34
    for view in views:
        page.evaluate("h => { location.hash = h }", view)
        page.evaluate("window.missie.drawAll()")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
    page.evaluate("location.hash = 'overview'")
    keep(page, "phone")
    page.evaluate("location.hash = 'i-disability_employment_gap'")
    page.wait_for_timeout(200)
    keep(page, "phone-chart")


@pytest.mark.slow
def test_keyboard_alone_gets_there(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator('#overview .line a[href="#energy.industry"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("[id='t-energy.industry']")).to_be_focused()
    assert "industrie" in page.title()
    page.locator("[id='energy.industry'] summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("[id='energy.industry'] details[open]").count()
    page.go_back()
    expect(page.locator("#overview-title")).to_be_focused()


@pytest.mark.slow
def test_the_keyboard_reaches_the_publisher_and_says_so(visit: Visit) -> None:
    names = {
        "nl": ("Door de politie geregistreerde misdrijven naar soort", "Bevolking op 1 januari"),
        "en": ("Police-recorded offences by category", "Population on 1 January"),
    }
    for lang, says in (("nl", "naar de uitgever"), ("en", "to the publisher")):
        page = visit("#i-drug_offences", lang=lang)
        links = page.locator("#i-drug_offences a.out")
        expect(links).to_have_count(2)
        for name in names[lang]:
            said = re.compile(rf"{re.escape(name)}.*Eurostat.*\({says}\)")
            links.and_(page.get_by_role("link", name=said)).focus()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            expect(page.locator("a.out:focus")).to_contain_text(name)
    assert page.locator("#i-flood_defences_meeting_norm a.out").count() == 0
    expect(page.locator("#i-flood_defences_meeting_norm .from")).to_contain_text("Dataset: Water")


@pytest.mark.slow
def test_without_script_everything_is_there_in_dutch(visit: Visit) -> None:
    page = visit(script=False)
    assert page.locator(".view:visible").count() >= 34
    expect(page.locator("#i-ghg_net_total")).to_contain_text("144,4")
    assert page.locator("#i-ghg_net_total .figures tbody tr").count() > 10


# One view of each kind. The others are taken out and put back, and of what is alike (rows, checks,
# indicators) a few are kept: axe is slow on thousands of elements.
KINDS = (
    "overview", "energy", "health.participation", "health.dementia", "changes", "table", "method",
    "quality", "dictionary",
)  # fmt: skip
ALONE = """view => new Promise(done => {
  const main = document.getElementById('main');
  (window.others || []).forEach(v => main.append(v));
  location.hash = view;
  setTimeout(() => {
    const shown = document.getElementById(view);
    window.others = [...document.querySelectorAll('.view')].filter(v => v !== shown);
    window.others.forEach(v => v.remove());
    const few = (of, most) => shown.querySelectorAll(of).forEach(e => [...e.children].slice(most).forEach(x => x.remove()));
    few('ul', 10);
    few('.indicators', 1);
    few('tbody', 5);
    ['article.mission', '.asset', 'section[id^="d-"]'].forEach(of => [...shown.querySelectorAll(of)].slice(2).forEach(x => x.remove()));
    shown.querySelectorAll('details').forEach(d => { d.open = true; });
    window.missie.drawAll();
    done();
  }, 50);
})"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("lang", ["nl", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, scheme: str, lang: str, width: int) -> None:
    page = visit(scheme=scheme, lang=lang, width=width)
    for view in KINDS:
        page.evaluate(ALONE, view)
        assert page.locator(".view").count() == 1 and page.locator(f"[id='{view}']").is_visible()
        found = Axe().run(page).response["violations"]
        said = [(v["id"], v["impact"], [n["target"] for n in v["nodes"]][:3]) for v in found]
        assert said == [], view


def _printed(page: Page, file: Path) -> list[str]:
    """The text of each page of paper."""
    page.pdf(path=file, prefer_css_page_size=True, print_background=True)
    said = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size:\s+(59[45]\.\d+ x 84[12]|84[12](\.\d+)? x 59[45])", said), said
    text = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    return text.removesuffix("\f").split("\f")


@pytest.mark.slow
def test_prints_on_a4(visit: Visit, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        cannot_run("pdftotext is not here (install poppler-utils)")
    page = visit("#overview", scheme="dark")
    missions = page.evaluate("[...document.querySelectorAll('[data-mission].view')].map(v => v.id)")
    assert len(missions) == 30
    for view in ("overview", "table", "changes", "method", *missions):
        page.evaluate("h => { location.hash = h }", view)
        pages = _printed(page, tmp_path / "page.pdf")
        if view == "overview":
            assert len(pages) == 2
        if view in missions:
            assert len(pages) <= 3, view
        for paper in pages:
            assert len([line for line in paper.splitlines() if line.strip()]) > 2, view
        if view == "table":
            assert len(pages) > 5
            assert all(re.search(r"Missie +Indicator +Doel +Status", paper) for paper in pages)
        text = " ".join(pages)
        assert page.locator(".view.on h1").inner_text().split()[0] in text
        assert "Bewaar" not in text
        if view == "energy":
            assert "144,4" in text and "doel 2030: 102,6" in text
            # Paper has no links: the address stands there, and the code of the dataset in any case.
            flat = "".join(text.split())
            assert "ec.europa.eu/eurostat/databrowser/view/env_air_gge/default/table)" in flat
            assert "eurostat/env_air_gge" in flat


@pytest.mark.slow
def test_hostile_text_shows_as_text(
    visit: Visit, first_run: dict[str, Any], tmp_path: Path
) -> None:
    release = (first_run["data"] / "marts" / "current").resolve()
    file = tmp_path / "hostile.html"
    file.write_text(render(poisoned(release, tmp_path)), "utf-8")
    page = visit("#energy", file=file, width=390, height=844)
    assert page.evaluate("window.broken") is None
    letter = page.locator("#energy .letter")
    assert "<script>window.broken = 1</script>" in letter.inner_text()
    for view in ("overview", "energy.electricity", "table", "quality"):
        page.evaluate("h => { location.hash = h }", view)
        page.evaluate("window.missie.drawAll()")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0
