"""The checker: parts of one frame are judged as frames of their own, and what is spared of Great
Expectations changes nothing that it says."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pipeline.quality.worker import WORKER, pack, read_message

from pipeline.quality.results import Checker, QualityError
from pipeline.warehouse.build import _frame, connect
from pipeline.warehouse.model import Column, Model

COLUMNS = ["name", "year", "number", "fault"]


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    found = Checker()
    yield found
    found.close()


def frame(*rows: tuple[Any, ...]) -> pd.DataFrame:
    kinds = {"name": "object", "year": "int64", "number": "float64", "fault": "object"}
    return pd.DataFrame(rows, columns=COLUMNS).astype(kinds)


Wanted = list[tuple[str, dict[str, Any]]]
GOOD = frame(("a", 2020, 0.0, None), ("a", 2021, 0.0, None), ("b", 2020, 0.0, "known"))
BAD = frame(
    *((f"x{i}", 1990 + i, float(i), "broken" if i % 2 else None) for i in range(50)),
    (None, -1, float("nan"), "broken"),
)
EMPTY_NAMES = frame((None, 2020, 1.0, None))


def wanted(names: list[str], years: list[int], columns: list[str] | None = None) -> Wanted:
    return [
        ("schema", {"columns": columns or COLUMNS}),
        ("between", {"column": "number", "min": 0, "max": 0}),
        ("not_in_set", {"column": "fault", "values": ["broken"]}),
        ("not_in_set", {"column": "fault", "values": ["broken", "lost"]}),
        ("not_null", {"column": "name"}),
        ("in_set", {"column": "name", "values": names}),
        ("contains", {"column": "year", "values": years}),
        ("equals_set", {"column": "name", "values": names}),
    ]


PARTS: list[tuple[pd.DataFrame, Wanted]] = [
    (GOOD, wanted(["a", "b"], [2020, 2021])),
    (BAD, wanted(["a", "b"], [1900, 2021])),
    (GOOD, wanted(["a"], [2019, 2020])),
    (EMPTY_NAMES, wanted(["a"], [2020])),
    (GOOD, wanted(["a", "b"], [2020], [*COLUMNS, "more"])),
    (BAD, wanted([f"x{i}" for i in range(50)], list(range(1990, 2040)))),
]


def test_parts_of_one_frame_are_judged_as_frames_of_their_own(checker: Checker) -> None:
    alone = [checker.submit(f, w).result() for f, w in PARTS]
    ends = list(accumulate(len(f) for f, _ in PARTS))
    together = checker.submit_parts(
        pd.concat([f for f, _ in PARTS], ignore_index=True),
        [0, *ends[:-1]],
        [w for _, w in PARTS],
    )
    assert [repr(t.result()) for t in together] == [repr(a) for a in alone]
    passed = [[o["passed"] for o in outcomes] for outcomes in alone]
    assert all(passed[0]) and not any(passed[1][1:])


def test_what_cannot_be_asked_of_a_part_is_an_error_of_each_and_the_checker_goes_on(
    checker: Checker,
) -> None:
    whole: Wanted = [("rows", {"value": 3})]
    good: Wanted = [("not_null", {"column": "name"})]
    twice = pd.concat([GOOD, GOOD], ignore_index=True)
    for frame_, starts, asked, says in (
        (twice, [0, 3], whole, "cannot be asked of a part"),
        (pd.concat([GOOD, GOOD]), [0, 3], good, "not numbered"),
        (twice, [1, 3], good, "not those of the frame"),
    ):
        for ticket in checker.submit_parts(frame_, starts, [asked, asked]):
            with pytest.raises(QualityError, match=says):
                ticket.result()
    assert checker.submit(GOOD, whole).result()[0]["passed"]


@pytest.mark.parametrize(
    "broken",
    [
        ("not_null", {"column": "absent"}),
        ("in_set", {"column": "absent", "values": ["a"]}),
        ("between", {"column": "name", "min": 0, "max": 0}),
        ("contains", {"column": "name", "values": [["a"]]}),
    ],
)
def test_a_check_that_cannot_run_on_one_part_passes_none(checker: Checker, broken: Any) -> None:
    """Whatever is wrong with one part's expectation: an error of each, never a pass."""
    good = ("not_null", {"column": "name"})
    twice = pd.concat([GOOD, GOOD], ignore_index=True)
    for ticket in checker.submit_parts(twice, [0, 3], [[good], [good, broken]]):
        with pytest.raises(QualityError, match="could not run"):
            ticket.result()


def test_threads_that_ask_at_once_each_get_their_own_answer(checker: Checker) -> None:
    def rows(n: int) -> str:
        asked = checker.submit(pd.DataFrame({"x": [1] * n}), [("rows", {"value": n})])
        return str(asked.result()[0]["observed"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(rows, range(1, 60))) == [f"{n} rows" for n in range(1, 60)]


BUILT_OTHERWISE = """
import pipeline.quality.worker as worker
def broken(): raise AttributeError("built otherwise")
worker._ask_once = broken
worker.main()
"""


def test_what_is_spared_changes_no_answer() -> None:
    """As imported here, as imported whole, and whole again where it is not built as known."""
    unique: Wanted = [
        ("unique", {"columns": ["name"]}),
        ("unique", {"columns": ["name", "year"]}),
        ("rows", {"value": 3}),
    ]
    asked: list[Any] = [(f, [*w, *unique]) for f, w in PARTS]
    asked.append((pd.concat([GOOD, BAD], ignore_index=True), [PARTS[0][1], PARTS[1][1]], [0, 3]))
    sent = b"".join(pack(message) for message in asked)
    answers = []
    for words in (WORKER, (*WORKER, "whole"), ("-c", BUILT_OTHERWISE)):
        done = subprocess.run([sys.executable, *words], input=sent, check=True, capture_output=True)
        stream = io.BytesIO(done.stdout)
        answers.append([repr(read_message(stream)) for _ in asked])
    spared, whole, again = answers
    assert spared == whole == again
    assert "Error" not in "".join(whole) and whole[-1] != "None"


SPARED = """
import sys, pandas, pipeline.quality.worker as worker
worker._spared_judge()
from great_expectations.expectations import expectation
empty = [n for n, m in sys.modules.items() if isinstance(m, worker._Empty)]
put_off = [n for n, m in sys.modules.items() if isinstance(m, worker._WhenUsed)]
print("sqlalchemy" in sys.modules, len(empty) > 60, len(put_off))
print(expectation.Expectation.configuration.fget.__module__)
print(expectation.Expectation._get_runtime_kwargs.__module__)
print(hasattr(expectation.camel_to_snake, "cache_info"), callable(pandas.read_csv))
"""


def test_great_expectations_is_built_as_is_known_here() -> None:
    """Where it is not, the checker takes it whole: nothing goes wrong, it just takes longer."""
    done = subprocess.run(
        [sys.executable, "-c", SPARED], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [
        "False", "True", "5", "pipeline.quality.worker", "pipeline.quality.worker", "True", "True",
    ]  # fmt: skip


ELSEWHERE = """
import sys
from datetime import date
from pathlib import Path
import pandas as pd
from pipeline.quality.results import Checker
from pipeline.session_process import Order, SessionProcess
checker = Checker()
print(checker.submit(pd.DataFrame({"x": [1]}), [("rows", {"value": 1})]).result()[0]["passed"])
checker.close()
session = SessionProcess(Order(Path(sys.argv[1]), date(2026, 11, 23), True))
print(len(session.open(print).put_registry()) > 5)
session.end()
"""


def test_what_lies_where_somebody_stands_is_no_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    for name in ("pandas.py", "pipeline/__init__.py"):
        (tmp_path / name).write_text("raise SystemExit('taken from the working folder')")
    done = subprocess.run(
        [sys.executable, "-P", "-c", ELSEWHERE, str(tmp_path / "data")],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")


def test_lists_are_shown_and_counted_as_if_they_were_objects(
    checker: Checker, tmp_path: Path
) -> None:
    columns = [Column("id", "VARCHAR", ""), Column("names", "VARCHAR[]", ""),
               Column("numbers", "DOUBLE[]", "")]  # fmt: skip
    model = Model("core", "lists", "", ("id",), tuple(columns), (), "", tmp_path)
    rows = "('a', ['x', NULL], [1.5, NULL]), ('b', [], NULL), (NULL, NULL, [])"
    with connect() as con:
        con.execute("CREATE TABLE this (id VARCHAR, names VARCHAR[], numbers DOUBLE[])")
        for filled in (False, True):
            if filled:
                con.execute(f"INSERT INTO this VALUES {rows}")
            asked: Wanted = [
                ("schema", {"columns": ["id", "names", "numbers"]}),
                *(("not_null", {"column": c.name}) for c in columns),
                ("rows", {"value": 9}),
            ]
            plainly = checker.submit(con.execute("SELECT * FROM this").df(), asked).result()
            assert repr(checker.submit(_frame(con, model), asked).result()) == repr(plainly)
