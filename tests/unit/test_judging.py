"""What is read is judged, each way that a vintage can be wrong; the rest is counted and told, in
English and in Dutch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from pipeline.languages import LANGUAGES
from pipeline.paths import Paths
from pipeline.registry.schema import Dataset
from pipeline.vintages.decisions import accept, in_words, withdraw
from pipeline.vintages.expected import Rules
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import Archive
from pipeline.vintages.texts import sentences
from pipeline.vintages.validate import Validator

NAME = "curated/table"
DATASET = Dataset(id=NAME, title="A table", format="curated_csv")
ALONE, PART = "series=alone", "series=part"
RULES = Rules(
    format="curated_csv", code=None, forms=[], needs={ALONE: [0, 1000], PART: [0, 1e9]},
    own=[ALONE], since={}, geos=["BE", "NL"], others=[],
)  # fmt: skip
HEAD = "series,geo,period,value,unit,flag\n"
Judge = Callable[..., DatasetState]


def row(series: str, geo: str, year: int, value: object, unit: str = "%") -> str:
    return f"{series},{geo},{year},{value},{unit},\n"


def body(*more: str, skip: tuple[str, ...] = (), **other: Any) -> str:
    """2010 to 2024 of both series in NL, BE and UK, of which nothing reads UK; and a third series."""
    rows = [
        row(series, geo, year, 40 + year - 2010)
        for series in ("alone", "part", "other")
        for geo in ("NL", "BE", "UK")
        for year in range(2010, 2025)
    ]
    return HEAD + "".join([*(r for r in rows if not r.startswith(skip or ("#",))), *more])


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """`judge(*bodies, scope=…)`: the state after these vintages, in order. What else is named
    stands in their manifests."""

    def judged(
        *bodies: str, scope: dict[str, Any] | None = None, rules: Rules = RULES, **manifest: Any
    ) -> DatasetState:
        archive = Archive(Paths(tmp_path))
        for month, text in enumerate(bodies, 1):
            archive.add(
                "curated", "table", text.encode(),
                {"origin": "ingested", "known_from": f"2026-{month:02d}-01",
                 "known_from_basis": "published", "scope": scope or {}, **manifest},
            )  # fmt: skip
        known = archive.vintages("curated", "table", date(2026, 11, 23))
        return resolve(DATASET, known, rules, Validator(archive, tmp_path / "work"))

    return judged


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


# What is done to a body, and a part of what is then said in English and in Dutch.
WRONG: dict[str, tuple[Callable[[str], str], str, str]] = {
    "beyond the registry's range": (
        lambda t: changed(t, row("alone", "NL", 2024, 54), row("alone", "NL", 2024, 5400)),
        "alone, NL 2024: 5400 is not between 0 and 1000",
        "waarden buiten hun bereik: 1 van de 60 (alone, NL 2024: 5400 ligt niet tussen 0 en 1000)",
    ),
    "below what the unit allows": (
        lambda t: changed(t, row("part", "BE", 2024, 54), row("part", "BE", 2024, -1)),
        "part, BE 2024: -1 is not between 0 and",
        "part, BE 2024: -1 ligt niet tussen 0 en",
    ),
    # 40 to 54: their range thrice is 42, half of their median 23.5: 54 + 42 = 96.
    "far from history": (
        lambda t: changed(t, row("part", "NL", 2024, 54), row("part", "NL", 2024, 97)),
        "part, NL 2024: 97 is not between 0 and 96",
        "part, NL 2024: 97 ligt niet tussen 0 en 96",
    ),
    "another unit within a series": (
        lambda t: t + row("alone", "NL", 2025, 0.55, "fraction"),
        "alone, NL 2025: the unit is fraction, it was %",
        "waarden in een andere eenheid dan eerst, 1 (alone, NL 2025: de eenheid is fraction, het was %)",
    ),
    "another unit in the whole series": (
        lambda t: t.replace("%", "fraction"),
        "60 values are in another unit than before (alone, NL 2010: the unit is fraction, it was %)",
        "waarden in een andere eenheid dan eerst, 60 (alone, NL 2010: de eenheid is fraction, het was %)",
    ),
    "a hundredth in one area": (
        lambda t: "".join(
            row(*(c := line.split(","))[:2], int(c[2]), float(c[3]) / 100)  # type: ignore[misc]
            if line.startswith("alone,NL") else line
            for line in t.splitlines(keepends=True)
        ),
        "15 of 60 values are 0.01 times those of the vintage before (alone, NL 2024: 0.54, was 54)",
        "waarden die 0,01 keer die van de editie ervoor zijn: 15 van de 60 (alone, NL 2024: 0,54, was 54)",
    ),
    "an old cell of home gone": (
        lambda t: changed(t, row("alone", "NL", 2010, 40), ""),
        "alone, NL 2010: it was 40 and is gone",
        "waarden van de editie ervoor die er niet meer zijn: 1 van de 60 (alone, NL 2010: was 40 en is weg)",
    ),
    "a recent cell of a peer gone": (
        lambda t: changed(t, row("alone", "BE", 2023, 53), ""),
        "alone, BE 2023: it was 53 and is gone",
        "alone, BE 2023: was 53 en is weg",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_read_is_judged(judge: Judge, what: str) -> None:
    spoil, says, in_dutch = WRONG[what]
    state = judge(body(), spoil(body()))
    assert says in state.pending
    assert in_dutch in state.vintages[-1]["reason_nl"]
    assert state.current is not None and state.current.known_from == date(2026, 1, 1)


def times_1000(text: str, geo: str) -> str:
    def moved(line: str) -> str:
        cells = line.split(",")
        return (
            row(cells[0], cells[1], int(cells[2]), int(cells[3]) * 100_000)
            if cells[1] == geo
            else line
        )

    return "".join(moved(line) for line in text.splitlines(keepends=True))


ONCE: dict[str, tuple[Callable[[str], str], str, str]] = {
    "what is out of its range because it moved as a whole": (
        lambda t: times_1000(t, "BE"),
        "30 of 60 values are 100 000 times those of the vintage before (part, BE 2024: 5 400 000, "
        "was 54) [scale_change, plausible]",
"waarden die 100.000 keer die van de editie ervoor zijn: 30 van de 60 (part, BE 2024: 5.400.000, "
        "was 54) [scale_change, plausible]",
    ),
    "many factors": (
        lambda t: "".join(
            row(*(c := line.split(","))[:2], int(c[2]), 54 * (int(c[2]) - 2000) ** 2)  # type: ignore[misc]
            if line.startswith("part,NL") else line for line in t.splitlines(keepends=True)
        ),
        "15 of 60 values moved by a factor of two or more (part, NL 2024: 31 104, was 54) "
        "[scale_change, plausible]",
        "waarden die een factor twee of meer veranderd zijn: 15 van de 60 (part, NL 2024: 31.104, was 54) "
        "[scale_change, plausible]",
    ),
    "what is gone with its series": (
        lambda t: "".join(x for x in t.splitlines(keepends=True) if not x.startswith("part")),
        "1 of 2 series missing: series=part [codes, no_lost_cells, size_change]",
        "ontbrekende reeksen, 1 van de 2: series=part [codes, no_lost_cells, size_change]",
    ),
    "what is gone because it is no number": (
        lambda t: changed(t, row("alone", "NL", 2024, 54), row("alone", "NL", 2024, "many")),
        "1 of 60 values are no numbers of a year (alone, NL 2024 is no number) [numbers, no_lost_cells]",
        "waarden die geen getal van een jaar zijn: 1 van de 60 (alone, NL 2024 is geen getal) "
        "[numbers, no_lost_cells]",
    ),
    "what is something else beside it": (
        lambda t: changed(changed(t, row("alone", "NL", 2024, 54), row("alone", "NL", 2024, "many")),
                          row("alone", "NL", 2010, 40), ""),
        "1 of 59 values are no numbers of a year (alone, NL 2024 is no number) [numbers]; 2 of 60 "
        "values of the vintage before are gone (alone, NL 2010: it was 40 and is gone) [no_lost_cells]",
        "waarden die geen getal van een jaar zijn: 1 van de 59 (alone, NL 2024 is geen getal) [numbers]; "
        "waarden van de editie ervoor die er niet meer zijn: 2 van de 60 (alone, NL 2010: was 40 en is weg) "
        "[no_lost_cells]",
    ),
    "what is gone where it is not compared": (
        lambda t: re.sub(r"(alone|part),BE,201[0-7],.*\n", "", t),
        "only 73% of the cells of the vintage before are there [size_change]",
        "van de cijfers van de editie ervoor is maar 73% er [size_change]",
    ),
    "what is given twice": (
        lambda t: t + row("alone", "NL", 2024, 54.5),
        "2 of 61 values are given twice (alone, NL 2024 is given twice, with other values) "
        "[no_duplicates, no_lost_cells]",
        "waarden die twee keer gegeven zijn: 2 van de 61 (alone, NL 2024 is twee keer gegeven, met "
        "verschillende waarden) [no_duplicates, no_lost_cells]",
    ),
}  # fmt: skip


def figures(text: str) -> list[str]:
    """The numbers in a sentence, as one language writes them."""
    return sorted(re.findall(r"-?\d+(?:[., ]?\d+)*", text))


@pytest.mark.parametrize("what", ONCE)
def test_a_vintage_that_waits_tells_each_thing_once(judge: Judge, what: str) -> None:
    spoil, says, in_dutch = ONCE[what]
    state = judge(body(), spoil(body()))
    assert state.vintages[-1]["reason"] == says
    assert state.vintages[-1]["reason_nl"] == in_dutch
    swapped = says.translate(str.maketrans(",.", ".,"))
    assert figures(re.sub(r"(?<=\d) (?=\d{3}\b)", ".", swapped)) == figures(in_dutch)


DECLARED: dict[str, tuple[dict[str, Any], dict[str, list[Any]], str, str]] = {
    "areas": (
        {"skip": ("alone,BE", "part,BE", "other,BE")}, {"geos": ["NL", "BE"]},
        "areas missing: BE [geos_declared]", "ontbrekende gebieden: BE [geos_declared]",
    ),
    "years": (
        {}, {"years": [2004, 2005, 2006, 2007, 2024]},
        "years missing: 2004, 2005, 2006 and 1 more [years_declared]",
        "ontbrekende jaren: 2004, 2005, 2006 en nog 1 [years_declared]",
    ),
    "units": (
        {}, {"units": ["kg"]},
        "60 values have a unit that is not known: % [units]",
        "waarden met een onbekende eenheid, 60: % [units]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DECLARED)
def test_what_a_vintage_declares_is_held_against_it(judge: Judge, what: str) -> None:
    said, scope, english, dutch = DECLARED[what]
    [last] = judge(body(**said), scope=scope).vintages
    assert (last["reason"], last["reason_nl"]) == (english, dutch)


def test_a_series_that_nobody_knows_is_named(judge: Judge) -> None:
    everything = replace(RULES, needs={})
    [last] = judge(body(), scope={"series": [ALONE, PART]}, rules=everything).vintages
    assert last["reason"] == "1 series that are not known: series=other [codes]"
    assert last["reason_nl"] == "onbekende reeksen, 1: series=other [codes]"


def test_what_a_vintage_holds_is_said_in_both_languages(judge: Judge) -> None:
    [last] = judge(body(), scope={"series": [ALONE, PART], "years": [2024, 2010]}).vintages
    assert (last["scope"], last["scope_nl"]) == (
        "2 series, 0 areas, 2010–2024", "2 reeksen, 0 gebieden, 2010–2024",
    )  # fmt: skip


def test_what_a_parser_says_stays_english_and_is_quoted(judge: Judge) -> None:
    read, refused = judge(body(), "<html>").vintages
    assert (read["reason"], read["reason_nl"]) == ("", "")
    assert refused["reason_nl"] == f"het bestand kan niet worden gelezen: “{refused['reason']}”"


def test_what_a_publisher_did_not_heed_stays_english_and_is_quoted(judge: Judge) -> None:
    [last] = judge(body(), deviations=["no figure for NL"]).vintages
    assert last["reason"] == "no figure for NL [as_asked]"
    assert last["reason_nl"] == "er kwam iets anders dan gevraagd is: “no figure for NL” [as_asked]"


def test_every_sentence_stands_in_both_languages() -> None:
    for key, texts in sentences().items():
        assert set(texts) == set(LANGUAGES), key
        english, dutch = (
            {name for _, name, _, _ in Formatter().parse(texts[lang]) if name} for lang in LANGUAGES
        )
        assert english == dutch, key
        # Round what is quoted in English, and nothing else.
        assert re.findall("“(.*?)”", texts["nl"]) in ([], ["{observed}"]), key


FINE: dict[str, tuple[Callable[[str], str], str, str]] = {
    "an old cell of a peer gone": (
        lambda t: changed(t, row("alone", "BE", 2010, 40), ""), "no_lost_cells", "1 cells gone",
    ),
    "an area gone that nothing reads": (
        lambda t: "".join(x for x in t.splitlines(keepends=True) if ",UK," not in x),
        "no_lost_cells", "45 cells gone",
    ),
    "not a number in an area that nothing reads": (
        lambda t: changed(t, row("alone", "UK", 2024, 54), row("alone", "UK", 2024, "many")),
        "numbers", "1 that are no number",
    ),
    "out of range in an area that nothing reads": (
        lambda t: changed(t, row("alone", "UK", 2024, 54), row("alone", "UK", 2024, -9)),
        "plausible", "1 values out of their range",
    ),
    "given twice in a series that nothing reads": (
        lambda t: t + row("other", "NL", 2024, 9), "no_duplicates", "2 given twice",
    ),
    "another unit in a series that nothing reads": (
        lambda t: t + row("other", "NL", 2025, 9, "kg"), "unit_change", "1 rows in another unit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FINE)
def test_what_nothing_reads_freezes_nothing_and_is_told(judge: Judge, what: str) -> None:
    change, check, says = FINE[what]
    state = judge(body(), change(body()))
    assert state.accepted and not state.pending
    assert state.current is not None and state.current.known_from == date(2026, 2, 1)
    observed = {c.name: c.observed for c in state.checks}
    assert says in observed[check]


def test_series_and_areas_beyond_the_scope_are_growth(judge: Judge) -> None:
    scope = {"series": [ALONE, PART, "series=other"], "geos": ["NL", "BE", "UK"], "units": ["%"]}
    more = row("new", "NL", 2024, 1, "kg") + row("alone", "DE", 2024, 1)
    state = judge(body(), body(more), scope=scope)
    assert state.accepted
    observed = {c.name: c.observed for c in state.checks}
    assert "1 series not declared" in observed["codes"]
    assert "1 areas not declared" in observed["geos_declared"]
    state = judge(body(), body(more), body(skip=("part,",)), scope=scope)
    assert "codes" in {c.name for c in state.checks if not c.passed}


def test_a_value_out_of_range_that_nothing_reads_is_a_reject(judge: Judge, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    spoilt = changed(body(), row("alone", "UK", 2024, 54), row("alone", "UK", 2024, -9))
    state = judge(spoilt)
    assert state.rejects == 1
    [kept] = pq.read_table(tmp_path / "work" / state.vintages[-1]["rejects"]).to_pylist()
    assert (kept["geo"], kept["value"], kept["reason"]) == ("UK", "-9", "implausible")


def test_few_values_before_leave_the_unit_to_say_the_range(judge: Judge) -> None:
    few = HEAD + "".join(row(s, "NL", y, 40) for s in ("alone", "part") for y in (2020, 2021, 2022))
    assert judge(few, few + row("part", "NL", 2023, 1e8)).accepted


def test_a_series_of_zeros_may_begin(judge: Judge) -> None:
    none = HEAD + "".join(row(s, "NL", y, 0) for s in ("alone", "part") for y in range(2015, 2023))
    assert judge(none, none + row("part", "NL", 2023, 7)).accepted


def test_a_year_to_come_is_a_forecast_and_never_becomes_a_figure(judge: Judge) -> None:
    """Known from 2026: 2027 was no figure then, whatever the day of the run."""
    state = judge(body(row("alone", "NL", 2030, 99), row("alone", "NL", 2027, 80)))
    assert state.accepted and state.rejects == 2
    assert state.observations == 135


def test_a_person_accepts_what_a_publisher_withdrew(judge: Judge, tmp_path: Path) -> None:
    without = changed(body(), row("alone", "NL", 2010, 40), "")
    state = judge(body(), without)
    assert state.pending
    archive = Archive(Paths(tmp_path))
    newest = archive.vintages("curated", "table")[-1]
    accept(archive, newest, "A. Person", date(2026, 3, 1), "withdrawn for good")
    state = judge()
    said = "accepted by A. Person on 2026-03-01: withdrawn for good"
    assert state.accepted and state.current == newest
    assert state.vintages[-1]["reason"] == said
    in_dutch = "aanvaard door A. Person op 2026-03-01: withdrawn for good"
    assert state.vintages[-1]["reason_nl"] == in_dutch
    [lost] = [c for c in state.checks if c.name == "no_lost_cells"]
    assert lost.passed and said in lost.observed and lost.failing_rows == 1


def test_a_person_takes_a_vintage_out_of_use(judge: Judge, tmp_path: Path) -> None:
    judge(body())
    archive = Archive(Paths(tmp_path))
    [only] = archive.vintages("curated", "table")
    withdraw(archive, only, "A. Person", date(2026, 3, 1), "the “wrong” file")
    [last] = judge().vintages
    assert last["reason"] == "withdrawn by A. Person on 2026-03-01: the “wrong” file"
    # “ ” stands round what is English and nothing else.
    assert last["reason_nl"] == "ingetrokken door A. Person op 2026-03-01: the ‘wrong’ file"


def test_what_ships_may_have_its_reason_in_both_languages() -> None:
    decision = {"author": "A", "date": "2026-03-01", "why": "of 2018", "why_nl": "van 2018"}
    assert in_words("accepted", decision) == "accepted by A on 2026-03-01: of 2018"
    assert in_words("accepted", decision, "nl") == "aanvaard door A op 2026-03-01: van 2018"


def test_nobody_accepts_what_cannot_be_read(judge: Judge, tmp_path: Path) -> None:
    judge(body(), "<html>")
    archive = Archive(Paths(tmp_path))
    accept(archive, archive.vintages("curated", "table")[-1], "A. Person", date(2026, 3, 1), "why")
    assert judge().pending
