"""Charts say no more than was measured, and are there for keys, fingers and files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
EVERY = "document.body.classList.add('all'); window.missie.drawAll()"
# Each solid line of observed values: the years at which it bends.
LINES = """[...document.querySelectorAll('[data-chart]')].map(e => {
  const lines = [...e.querySelectorAll('.mark-line path')].filter(p =>
    p.getAttribute('stroke') === 'var(--c-actual)' && !p.getAttribute('stroke-dasharray'));
  const years = lines.map(p => [...p.getAttribute('d').matchAll(/[ML]([-\\d.]+),/g)].map(m => Math.round(e.made.x.invert(Number(m[1])))));
  const s = window.missie.data.series[e.dataset.chart];
  return {id: e.dataset.chart, years, cadence: s.cadence, points: s.obs.length, breaks: s.breaks};
})"""
AXES = """[...document.querySelectorAll('[data-chart]')].map(e => {
  // The axis at the bottom: its labels stand at one height.
  const groups = [...e.querySelectorAll('.role-axis-label')].map(g => [...g.querySelectorAll('text')]);
  const height = t => /,([-\\d.]+)\\)/.exec(t.getAttribute('transform'))[1];
  const bottom = groups.find(g => g.length > 1 && new Set(g.map(height)).size === 1) || [];
  return [e.dataset.chart, bottom.filter(t => t.getAttribute('opacity') !== '0').map(t => t.textContent)];
})"""


@pytest.mark.slow
def test_no_line_runs_where_nothing_was_measured(visit: Visit) -> None:
    page = visit()
    page.evaluate(EVERY)
    charts = page.evaluate(LINES)
    assert len(charts) > 60
    apart = 0
    for chart in charts:
        if chart["points"] <= 2:
            assert chart["years"] == [], chart["id"]
        for line in chart["years"]:
            steps = list(pairwise(line))
            assert all(b - a <= chart["cadence"] for a, b in steps), chart["id"]
            for year in chart["breaks"]:
                assert not any(a < year <= b for a, b in steps), chart["id"]
        apart += len(chart["years"]) > 1
    assert apart > 5
    (crime,) = page.locator("[data-chart=crime_in_area]").all()
    assert crime.locator(".mark-rect path").count() >= 1


@pytest.mark.slow
def test_each_year_stands_once_on_an_axis(visit: Visit) -> None:
    for width in (1280, 390):
        page = visit(width=width)
        page.evaluate(EVERY)
        axes = page.evaluate(AXES)
        assert len(axes) > 60
        for name, years in axes:
            assert years and len(set(years)) == len(years), name
            assert all(re.fullmatch(r"\d{4}", y) for y in years) and len(years) <= 16, (name, years)


@pytest.mark.slow
def test_an_axis_that_does_not_start_at_zero_says_so(visit: Visit) -> None:
    page = visit()
    page.evaluate(EVERY)
    said = page.evaluate(
        """[...document.querySelectorAll('[data-chart]')].map(e => {
          const [a, b] = e.made.y.domain();
          return [a <= 0 && b >= 0, e.parentNode.querySelector('.not-zero').hidden];
        })"""
    )
    assert all(zero == hidden for zero, hidden in said)
    assert {zero for zero, _ in said} == {True, False}


@pytest.mark.slow
def test_figures_by_key_and_by_touch(visit: Visit) -> None:
    page = visit("#i-ghg_net_total", has_touch=True)
    chart = page.locator("[data-chart=ghg_net_total]")
    expect(chart.locator("svg")).to_be_visible()
    chart.focus()
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^2010: 2\d\d,\d"))
    page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuenow", "2011")
    expect(chart.locator(".tip")).to_have_text(re.compile("^2011: "))
    page.keyboard.press("End")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("2050"))
    page.keyboard.press("Escape")
    expect(chart.locator(".tip")).to_be_hidden()
    box = chart.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(chart.locator(".tip")).to_be_visible()


@pytest.mark.slow
def test_a_chart_leaves_as_picture_and_as_figures(visit: Visit, tmp_path: Path) -> None:
    page = visit("#i-ghg_net_total")
    expect(page.locator("[data-chart=ghg_net_total] svg")).to_be_visible()

    def saved(kind: str) -> Path:
        with page.expect_download() as waiting:
            page.click(f"[data-save={kind}][data-of=ghg_net_total]")
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        return file

    svg = saved("svg")
    text = svg.read_text("utf-8")
    words = " ".join(ElementTree.fromstring(text).itertext())
    assert "var(--" not in text and svg.name == "ghg_net_total.svg"
    for said in ("Broeikasgassen, netto nationaal totaal", "CO₂-equivalent", "doel 2030: 102,6", "vereist pad", "Bron: Eurostat"):  # fmt: skip
        assert said in words, said
    png = saved("png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) > 20_000
    excel = saved("excel").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(excel), delimiter=";"))
    assert any(r["value"] == "102555" and r["measure"] == "target" for r in rows)
    assert any(re.fullmatch(r"\d+,\d+", r["value"]) for r in rows)
    assert not any("." in r["value"] for r in rows)


@pytest.mark.slow
def test_the_chart_stands_above_the_quotation(visit: Visit) -> None:
    page = visit("#energy")
    chart = page.locator("#energy .chart").first.bounding_box()
    letter = page.locator("#energy .letter").bounding_box()
    assert chart and letter and chart["y"] < letter["y"]


@pytest.mark.slow
def test_the_other_countries_are_in_the_key_while_they_are_shown(visit: Visit) -> None:
    page = visit("#i-municipal_recycling", lang="en")
    key = page.locator("#i-municipal_recycling .key")
    expect(key).not_to_contain_text("EU-27", use_inner_text=True)
    page.click("[data-peers=municipal_recycling]")
    expect(key).to_contain_text("EU-27", use_inner_text=True)
    expect(key).to_contain_text("other countries", use_inner_text=True)
