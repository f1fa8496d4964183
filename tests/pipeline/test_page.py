"""The page says what the marts say: every figure, every sum, every series; and nothing runs."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.report.messages import Messages
from pipeline.report.page import render
from pipeline.report.pictures import pictures

LIMIT = 3_000_000  # bytes
LETTER = '<a class="out" href="https://zoek.officielebekendmakingen.nl/kst-33009-120.html" rel="noopener noreferrer">'
HOSTILE = (
    "<script>window.broken = 1</script>\u202e\u2067 & \"quoted\" <img src=x onerror='broken()'>"
)


ADDRESSES = (
    "javascript:broken()",
    "http://example.org/",
    'https://example.org/"onclick="broken()',
    "https://trusted.example@example.org/",
    "https://example.org\\@other.example/",
    " https://example.org/",
    "data:text/html,<script>broken()</script>",
    "https://example.org/" + "x" * 300,
)


@pytest.fixture(scope="module")
def release(first_run: dict[str, Any]) -> Path:
    return (first_run["data"] / "marts" / "current").resolve()


@pytest.fixture(scope="module")
def page(release: Path) -> str:
    return (release / "report" / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def marts(
    release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    # A copy: the page locks the settings of the file that it reads, for the whole process.
    copy = tmp_path_factory.mktemp("marts") / "copy.duckdb"
    shutil.copyfile(release / "missiemonitor.duckdb", copy)
    con = duckdb.connect(str(copy), read_only=True)
    yield con
    con.close()


@pytest.fixture(scope="module")
def data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    series = re.search(r'<script type="text/plain" id="series">(.*?)</script>', page, re.S)
    assert found and series
    drawn = json.loads(gzip.decompress(base64.b64decode(series[1])))
    return {**json.loads(found[1]), "series": drawn}


class Figures(HTMLParser):
    """Every `<data>` of the page: (value, place, text, language)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str, str]] = []
        self._open: tuple[str, str, str] | None = None
        self._spans: list[str] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "span":
            self._spans.append(said.get("class") or "")
        if tag == "data":
            lang = "en" if "en" in self._spans else "nl"
            self._open, self._text = (said["value"] or "", said["data-at"] or "", lang), ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._spans:
            self._spans.pop()
        if tag == "data" and self._open is not None:
            value, at, lang = self._open
            self.found.append((value, at, self._text, lang))
            self._open = None


class Spoken(HTMLParser):
    """What the page says in one language, without code and what is marked as in another."""

    ALONE = frozenset({"meta", "link", "br", "img", "input", "hr"})
    # Options change with the language by script; the note for those without script is Dutch.
    ASIDE = frozenset({"script", "style", "code", "option", "noscript", "title"})

    def __init__(self, lang: str) -> None:
        super().__init__()
        self.lang, self.said = lang, ""
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.ALONE:
            return
        named = dict(attrs)
        marks = {named.get("lang")} | set((named.get("class") or "").split())
        other = {"nl", "en"} - {self.lang} if tag != "html" else set()
        aside = tag in self.ASIDE or bool(marks & other)
        turned = named.get("data-en") if self.lang == "en" else None
        if turned and not aside:
            self.handle_data(turned)  # the script puts it in place of the Dutch
        self._open.append((tag, aside or turned is not None))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(aside for _, aside in self._open):
            self.said += f" {data}"


FOREIGN = {
    "nl": "the and with which from this were are not than what been their below above",
    "en": "het een van niet wordt worden voor naar geen zijn niet deze maar ook",
}


@pytest.mark.parametrize("lang", FOREIGN)
def test_no_sentence_stands_in_the_other_language(page: str, lang: str) -> None:
    spoken = Spoken(lang)
    spoken.feed(page)
    words = re.findall(r"[^\W\d_]+", spoken.said)
    assert len(words) > 10_000
    foreign = set(FOREIGN[lang].split())
    found = [n for n, word in enumerate(words) if word.lower() in foreign]
    assert [" ".join(words[max(0, n - 4) : n + 5]) for n in found] == []


@pytest.fixture(scope="module")
def figures(page: str) -> list[tuple[str, str, str, str]]:
    parser = Figures()
    parser.feed(page)
    return parser.found


def _tables(marts: duckdb.DuckDBPyConnection, names: list[str]) -> list[list[dict[str, Any]]]:
    found = []
    for name in names:
        cursor = marts.execute(f"SELECT * FROM marts.{name} ORDER BY rowid")
        columns = [d[0] for d in cursor.description or []]
        found.append([dict(zip(columns, row, strict=True)) for row in cursor.fetchall()])
    return found


def test_every_figure_on_the_page_is_that_of_the_mart(
    figures: list[tuple[str, str, str, str]],
    marts: duckdb.DuckDBPyConnection,
    data: dict[str, Any],
) -> None:
    tables = _tables(marts, data["tables"])
    seen = 0
    for value, at, _, _ in figures:
        table, row, *column = at.split(":")
        if table in ("total", "year"):
            continue
        assert float(value) == list(tables[int(table)][int(row)].values())[int(column[0])], at
        seen += 1
    assert seen > 5000


def test_old_figures_are_named_with_their_year(
    figures: list[tuple[str, str, str, str]], marts: duckdb.DuckDBPyConnection
) -> None:
    shown = {at.partition(":")[2]: int(v) for v, at, _, _ in figures if at.startswith("year:")}
    rows = marts.execute(
        "SELECT mission_id, latest_year FROM marts.scoreboard WHERE level <> 'interim_goal' "
        "AND (is_dated OR reason = 'stale')"
    ).fetchall()
    assert set(shown) == {mission for mission, _ in rows} and len(shown) > 5
    assert all(year in (None, shown[mission]) for mission, year in rows)


def test_the_text_of_a_figure_is_its_value_rounded(
    figures: list[tuple[str, str, str, str]], release: Path
) -> None:
    """What a reader sees is the value to its last digit shown, in the page's own language; where the
    words around it say which way it goes, without its sign; kt as Mt."""
    files = sorted(release.glob("*.parquet"))
    names = [pq.read_schema(file).names for file in files]
    for value, at, text, lang in figures:
        table, _, *column = at.split(":")
        name = names[int(table)][int(column[0])] if table.isdigit() else ""
        if name == "year_reached" or text.startswith(("<", ">")):
            continue
        # In the table of other countries no word says which way theirs goes.
        unsigned = (
            name in ("pace_recent", "pace_required", "trend_pct", "gap_to_path")
            and files[int(table)].stem != "peers"
        )
        digits = text.replace("\u2212", "-").removesuffix("%").strip()
        digits = (
            digits.replace(".", "").replace(",", ".") if lang == "nl" else digits.replace(",", "")
        )
        decimals = len(digits.partition(".")[2])
        exact = float(value)
        scales = (1, 100, 0.001, *((-1, -100, -0.001) if unsigned else ()))
        assert any(
            abs(float(digits) - scale * exact) <= 0.5000001 * 10**-decimals for scale in scales
        ), (value, at, text)


def test_the_totals_are_counted_from_the_marts(
    figures: list[tuple[str, str, str, str]], marts: duckdb.DuckDBPyConnection
) -> None:
    sub = "marts.sub_mission_progress s JOIN marts.missions m USING (mission_id) WHERE m.level = 'sub_mission'"
    groups = {
        "on_course": "'achieved', 'on_track', 'improving'",
        "gaining": "'catching_up', 'slightly_improving'",
        "failing": "'missed', 'wrong_direction', 'worsening', 'insufficient', 'slightly_worsening', 'progress_too_slow'",
        "unclear": "'stable', 'no_clear_trend'",
        "unassessed": "'not_assessable'",
    }
    parts = (
        "FROM (SELECT p.mission_id, unnest(list_concat([any_value(p.own_status)], list(s.status))) AS status "
        "FROM marts.mission_progress p JOIN marts.sub_mission_progress s ON s.parent_id = p.mission_id "
        "GROUP BY p.mission_id)"
    )
    behind = f"SELECT DISTINCT mission_id {parts} WHERE status IN ({groups['failing']})"
    asked = {
        "missions": "SELECT count(*) FROM marts.mission_progress",
        "missions_behind": f"SELECT count(*) FROM ({behind})",
        "missions_on_course": f"SELECT count(*) FROM (SELECT mission_id {parts} GROUP BY 1 "
        f"HAVING bool_and(status IN ({groups['on_course']})))",
        "sub_missions": f"SELECT count(*) FROM {sub}",
        "solid": f"SELECT count(*) FROM {sub} AND s.is_solid",
        **{
            sure: f"SELECT count(*) FROM {sub} AND s.confidence = '{sure}' AND s.status NOT IN ('achieved', 'missed')"
            for sure in ("firm", "likely", "uncertain")
        },
        **{
            name: f"SELECT count(*) FROM {sub} AND s.status IN ({statuses})"
            for name, statuses in groups.items()
        },
        "checks": "SELECT count(*) FROM marts.check_results",
        "checks_failed": "SELECT count(*) FROM marts.check_results WHERE NOT passed",
        "sources": "SELECT count(*) FROM marts.source_status",
        "problems": "SELECT count(*) FROM marts.source_status WHERE pending IS NOT NULL OR (vintage_id IS NULL AND NOT waits_for_pull)",
        "revisions": "SELECT count(*) FROM marts.revisions WHERE geo = 'NL' AND change <> 0",
    }
    asked["missions_open"] = (
        f"SELECT ({asked['missions']}) - ({asked['missions_behind']}) - ({asked['missions_on_course']})"
    )
    seen = set()
    for value, at, _, _ in figures:
        kind, _, name = at.partition(":")
        if kind != "total":
            continue
        if name.startswith("rows:"):
            sql = f"SELECT count(*) FROM marts.{name.removeprefix('rows:')}"
        elif name.startswith("passed:"):
            asset = name.removeprefix("passed:").replace("'", "''")
            sql = f"SELECT count(*) FROM marts.check_results WHERE asset = '{asset}' AND passed"
        else:
            sql = asked[name]
        row = marts.execute(sql).fetchone()
        assert row and int(value) == row[0], at
        seen.add(name)
    said = {"sub_missions", "failing", "unclear", "solid", "likely", "missions", "checks"}
    assert said <= seen


def test_every_sum_on_the_page_comes_out(page: str) -> None:
    """A reader with the page alone can work each measure out again: so does this test."""
    done = 0
    for column, cell in re.findall(
        r'<tr><th scope="row">.*?<code>(\w+)</code></th><td>(.*?)</td></tr>', page
    ):
        if " = <b>" not in cell:
            continue
        numbers = re.sub(r"<data value=(\S+) [^>]*>[^<]*</data>", r"(\1)", cell)
        sum_, _, outcome = html.unescape(numbers).partition(" = <b>")
        sum_ = (
            sum_.replace("<sup>", "**(")
            .replace("</sup>", ")")
            .translate({0x2212: "-", 0xF7: "/", 0xD7: "*", ord("["): "(", ord("]"): ")"})
        )
        assert re.fullmatch(r"[-+*/(). \de]+", sum_), sum_
        expected = float(outcome.removesuffix("</b>").strip("()"))
        assert eval(sum_) == pytest.approx(expected, rel=1e-9, abs=1e-12), (column, sum_)
        done += 1
    assert done > 120


def test_the_data_behind_the_charts_are_the_marts(
    data: dict[str, Any], marts: duckdb.DuckDBPyConnection
) -> None:
    seen: dict[str, list[Any]] = {"obs": [], "path": [], "projected": []}
    for name, series in data["series"].items():
        seen["obs"] += [[name, "NL", y, v, f] for y, v, f, _ in series["obs"]]
        for geo, line in series.get("peers", {}).items():
            rows = marts.execute(
                "SELECT period, value FROM marts.observations WHERE indicator_id = ? AND geo = ? ORDER BY 1",
                [name, geo],
            ).fetchall()
            assert [tuple(p) for p in line] == rows
        for target in series["targets"]:
            seen["path"] += [[name, target["id"], *p] for p in target["path"]]
            seen["projected"] += [[name, target["id"], *p] for p in target["projected"]]
    wanted = {
        "obs": "SELECT indicator_id, geo, period, value, flags FROM marts.observations WHERE geo = 'NL'",
        "path": "SELECT indicator_id, target_id, year, required FROM marts.target_path WHERE geo = 'NL' AND required IS NOT NULL",
        "projected": "SELECT indicator_id, target_id, year, projected, low_80, high_80, low_95, high_95 FROM marts.target_path WHERE geo = 'NL' AND projected IS NOT NULL",
    }
    for name, sql in wanted.items():
        rows = [list(r) for r in marts.execute(sql).fetchall()]
        assert sorted(seen[name], key=repr) == sorted(rows, key=repr), name
    assert len(seen["obs"]) > 1000


def test_all_thirty_rows_have_a_view_with_the_letters_words(
    page: str, marts: duckdb.DuckDBPyConnection
) -> None:
    rows = marts.execute("SELECT mission_id, letter_text FROM marts.missions").fetchall()
    assert len(rows) == 30
    for mission, letter in rows:
        view = page.partition(f'<section class="view wrap" id="{mission}" data-mission')[
            2
        ].partition('<section class="view')[0]
        assert html.escape(letter, quote=False) in html.unescape(view).replace(
            "&", "&amp;"
        ) or letter in html.unescape(view)


def test_one_file_below_three_megabytes_that_asks_for_nothing(page: str) -> None:
    assert len(page.encode("utf-8")) < LIMIT
    assert "default-src 'none'" in page
    markup = re.sub(r"<script\b.*?</script>", "", page, flags=re.S)
    assert not re.findall(r'src="(?!data:,)[^"]*"', markup)
    # What leads elsewhere is a link that a reader follows, and nothing that a browser fetches.
    elsewhere = re.findall(r'<[^>]*href="(?!#|data:image/svg)[^>]*>', markup)
    assert elsewhere and all(
        re.fullmatch(
            r'<a class="out(?: brief)?" href="https://[^"]+" rel="noopener noreferrer">', tag
        )
        for tag in elsewhere
    )
    assert "url(" not in markup and "@import" not in markup


def test_each_indicator_leads_to_its_publishers(
    page: str, marts: duckdb.DuckDBPyConnection
) -> None:
    rows = marts.execute(
        "SELECT indicator_id, datasets, landing_urls FROM marts.indicators"
    ).fetchall()
    said = {f"{s}/{d}": (t, p) for s, d, t, p in marts.execute(
        "SELECT source, dataset, title, publisher FROM marts.source_status").fetchall()}  # fmt: skip
    for indicator, datasets, pages in rows:
        view = page.partition(f'<article class="indicator" id="i-{indicator}"')[2]
        view = view.partition("</article>")[0]
        assert re.findall(r'href="(https:[^"]+)"', view) == [html.escape(p) for p in pages if p]
        for dataset, address in zip(datasets, pages, strict=True):
            assert f"<code>{dataset}</code>" in view
            if address:
                words = re.search(rf'href="{re.escape(html.escape(address))}".*?</a>', view)
                assert words and all(html.escape(w, False) in words[0] for w in said[dataset])
                assert "naar de uitgever" in words[0] and "to the publisher" in words[0]


def test_the_sources_of_data_quality_lead_to_their_publishers(
    page: str, marts: duckdb.DuckDBPyConnection
) -> None:
    quality = page.partition('<section class="view wrap" id="quality"')[2].partition("</section>")[
        0
    ]
    row = r'<th scope="row">(?:<a class="out[^"]*" href="([^"]+)"[^>]*>)?.*?<code>(.+?)</code></th>'
    shown = {name: address for address, name in re.findall(row, quality)}
    rows = marts.execute("SELECT source || '/' || dataset, landing_url FROM marts.source_status")
    assert shown == {name: html.escape(page or "") for name, page in rows.fetchall()}
    assert sum(bool(address) for address in shown.values()) > 40


def test_no_anchor_leads_nowhere(page: str) -> None:
    places = re.findall(r'(?<![-\w])id="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert {html.unescape(a) for a in re.findall(r'href="#([^"?]+)', page)} <= {
        html.unescape(p) for p in places
    }


def test_the_same_release_gives_the_same_bytes(release: Path, page: str) -> None:
    """The page of the run is another process's work, and so are the charts in it."""
    assert render(release) == page


def test_pictures_show_each_row_with_a_way_and_a_time(
    release: Path, marts: duckdb.DuckDBPyConnection
) -> None:
    missions = ["energy", "circular", "health", "land", "security"]
    words = Messages("en")
    drawn = pictures(lambda name: release / f"{name.removeprefix('marts.')}.parquet", missions)
    assert list(drawn) == missions
    seen = 0
    for mission, svg in drawn.items():
        rows = marts.execute(
            "SELECT p.target_id, p.status, p.share_achieved, p.share_of_time "
            "FROM marts.indicator_progress p JOIN marts.indicators i USING (indicator_id) "
            "WHERE split_part(p.mission_id, '.', 1) = ? AND geo = 'NL' "
            "AND share_achieved IS NOT NULL AND share_of_time IS NOT NULL "
            "ORDER BY i.position, target_year, target_id",
            [mission],
        ).fetchall()
        if svg is None:
            assert rows == []
            continue
        said = [t.text or "" for t in ElementTree.fromstring(svg).iter() if t.tag.endswith("text")]
        assert [t for t in said if " of the way, " in t] == [
            f"{words.word('status', status)}, {100 * way:.0f}% of the way, {100 * time:.0f}% of the "
            "time".replace("-", "\u2212")
            for _, status, way, time in rows
        ]
        # Targets by their words.
        assert not [t for t in said if re.search(r"-20\d\d\)", t)]
        labels = [t for t in said if t.endswith((")", "\u2026"))]
        assert len([t for t in labels if "Share of" not in t]) == len(rows)
        seen += len(rows)
    assert seen > 15


def test_a_hostile_label_stays_text_in_a_picture(release: Path, tmp_path: Path) -> None:
    copy = poisoned(release, tmp_path)
    (svg,) = pictures(
        lambda name: copy / f"{name.removeprefix('marts.')}.parquet", ["energy"]
    ).values()
    assert svg is not None and "<script" not in svg and "&lt;script&gt;" in svg
    ElementTree.fromstring(svg)


def poisoned(release: Path, folder: Path) -> Path:
    """A copy of the release in which every free text is hostile and one has 10 000 characters."""
    copy = folder / "poisoned"
    shutil.copytree(release, copy)
    columns = {
        "missions": ["letter_text", "title_nl", "title_en"],
        "indicators": [
            "label_nl",
            "label_en",
            "citation",
            "licence",
            "caveat_nl",
            "caveat_en",
            "unit",
        ],
        "source_status": [
            "pending",
            "pending_nl",
            "title",
            "publisher",
            "scope",
            "scope_nl",
            "citation",
        ],
        "check_results": ["description", "observed", "example"],
        "targets": ["letter_text", "source"],
        "indicator_targets": ["reason"],
        "observations": ["period_published"],
    }
    for name, texts in columns.items():
        table = pq.read_table(copy / f"{name}.parquet")
        for column in texts:
            said = [f"{HOSTILE} {n} " + ("x" * 10_000 if n == 0 else "") for n in range(len(table))]
            place = table.column_names.index(column)
            table = table.set_column(place, column, pa.array(said, pa.string()))
        pq.write_table(table, copy / f"{name}.parquet")
    table = pq.read_table(copy / "source_status.parquet")
    pages = [ADDRESSES[n % len(ADDRESSES)] for n in range(len(table))]
    place = table.column_names.index("landing_url")
    table = table.set_column(place, "landing_url", pa.array(pages, pa.string()))
    pq.write_table(table, copy / "source_status.parquet")
    table = pq.read_table(copy / "indicators.parquet")
    place = table.column_names.index("landing_urls")
    lists = [[ADDRESSES[n % len(ADDRESSES)]] * len(d) for n, d in enumerate(table["datasets"].to_pylist())]  # fmt: skip
    table = table.set_column(place, "landing_urls", pa.array(lists, pa.list_(pa.string())))
    pq.write_table(table, copy / "indicators.parquet")
    return copy


def test_hostile_text_from_a_source_stays_text(release: Path, tmp_path: Path) -> None:
    text = render(poisoned(release, tmp_path))
    markup = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S)
    assert "<script>window.broken" not in text
    assert "<img" not in markup
    assert "&lt;script&gt;window.broken = 1&lt;/script&gt;" in markup
    assert text.count("<script") == 5
    assert "x" * 10_000 in text
    assert set(re.findall(r'<a class="out[^>]*>', markup)) == {
        LETTER,
        '<a class="out brief" href="https://example.org/&#34;onclick=&#34;broken()" rel="noopener noreferrer">',
        f'<a class="out" href="https://example.org/{"x" * 300}" rel="noopener noreferrer">',
    }


def test_a_release_without_the_later_tables_has_a_page_too(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "older"
    shutil.copytree(release, copy)
    for name in (
        "second_opinions",
        "projection_coverage",
        "peers",
        "revisions",
        "official_projections",
    ):
        (copy / f"{name}.parquet").unlink(missing_ok=True)
    columns = [
        "probability_of_target",
        "probability_words",
        "fragile",
        "fragile_reasons",
        "methods_agree",
    ]
    table = pq.read_table(copy / "indicator_progress.parquet")
    kept = [c for c in table.column_names if c not in columns]
    pq.write_table(table.select(kept), copy / "indicator_progress.parquet")
    for name, later in (
        ("indicators", ["datasets", "landing_urls"]),
        ("source_status", ["title", "landing_url"]),
    ):
        table = pq.read_table(copy / f"{name}.parquet")
        pq.write_table(table.drop_columns(later), copy / f"{name}.parquet")
    text = render(copy)
    assert (
        '<a class="out' not in text.replace(LETTER, "")
        and "<code>eurostat/env_air_gge</code>" in text
    )
    assert 'id="health.threats"' in text
    assert ' data-peers="' not in text.partition("<script")[2].partition("</main>")[0]
