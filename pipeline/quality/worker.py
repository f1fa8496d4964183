"""The process in which Great Expectations runs: frames in, results out, over a pipe.

Importing Great Expectations takes seconds of pure Python; in a process of its own that happens
beside the parsing. Only quality.py starts this module.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, BinaryIO

SHOWN = 20
_LARGEST = 1 << 40  # bytes of a message
_WHOLE = "whole"
# What starts it. -P: whatever lies in the folder that somebody stands in is no module of ours.
WORKER = ("-P", "-m", "pipeline.quality.worker")
Wanted = list[tuple[str, dict[str, Any]]]


def read_message(stream: BinaryIO) -> Any:
    """The next pickled message of our own other end, None at the end, be it in a message."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (size,) = struct.unpack("<Q", head)
    if size > _LARGEST:
        # Somebody else wrote to the pipe: to wait for the rest would be to wait for ever.
        raise ValueError(f"{head!r} begins no message")
    body = stream.read(size)
    return pickle.loads(body) if len(body) == size else None  # noqa: S301 our own pipe


def pack(message: Any) -> bytes:
    """A message as it goes over the pipe."""
    body = pickle.dumps(message, protocol=5)
    return struct.pack("<Q", len(body)) + body


def write_message(stream: BinaryIO, message: Any) -> None:
    stream.write(pack(message))
    stream.flush()


class _WhenUsed(ModuleType):
    """A module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)


def _not_yet(*names: str) -> None:
    """Put off importing modules that Great Expectations imports for expectations of other kinds:
    a third of its import is for charts and distributions that nothing here asks for."""
    for name in names:
        module = _WhenUsed(name)
        module.__spec__ = ModuleSpec(name, None)
        sys.modules[name] = module


# What Great Expectations is used for here; its other expectations and sources stay away.
_USED = {
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_unique",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_compound_columns_to_be_unique",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_row_count_to_equal",
    "invalid_datasource",
    "pandas_datasource",
    "pandas_file_path_datasource",
    "sql_datasource",
}
_MAY_STAY_AWAY = re.compile(
    r"great_expectations\.(expectations\.core\.expect_\w+|datasource\.fluent\.\w+_datasource"
    r"|core\.http)"
)


class _Empty(ModuleType):
    """A module in which every name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Absent:
    """Finder and loader of empty modules in place of those that are not used."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        away = _MAY_STAY_AWAY.fullmatch(name) and name.rpartition(".")[2] not in _USED
        return ModuleSpec(name, _Absent) if away else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _Empty(spec.name)

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """There is nothing in it."""


@contextmanager
def _frames_only() -> Iterator[None]:
    """Import Great Expectations as where only pandas frames are read: without SQLAlchemy, which it
    can do without, without a typed model for each of pandas' readers of files, and without its
    other expectations and sources and its way to a cloud. That is half of its import."""
    import pandas as pd

    readers = {name: found for name, found in vars(pd).items() if name.startswith("read_")}
    known = sys.modules.get("sqlalchemy")
    for name in readers:
        delattr(pd, name)
    sys.modules["sqlalchemy"] = None  # type: ignore[assignment]
    sys.meta_path.insert(0, _Absent)
    try:
        yield
    finally:
        sys.meta_path.remove(_Absent)
        del sys.modules["sqlalchemy"]
        if known is not None:
            sys.modules["sqlalchemy"] = known
        for name, found in readers.items():
            setattr(pd, name, found)


def _spared_judge() -> _Judge:
    """Great Expectations without what is not needed. Whatever is raised: it is built otherwise
    than known here, and must be taken whole."""
    _not_yet("altair", "jsonschema", "mistune", "requests", "scipy.stats")
    with _frames_only():
        found = _Judge()
    _ask_once()
    return found


def _ask_once() -> None:
    """Spare Great Expectations half of its time for each expectation: it makes an expectation's
    configuration anew a dozen times while it gathers the arguments of one metric, and its name in
    snake case each time. Nothing changes in between. Where it is built otherwise than known here
    it stays as it is."""
    from great_expectations.expectations import expectation as module

    of_class = module.Expectation
    made = vars(of_class).get("configuration")
    gather = vars(of_class).get("_get_runtime_kwargs")
    if not (isinstance(made, property) and made.fget and callable(gather)):
        return
    make: Callable[[Any], Any] = made.fget
    held: list[tuple[Any, Any]] = []

    def configuration(self: Any) -> Any:
        return held[-1][1] if held and held[-1][0] is self else make(self)

    def runtime_kwargs(self: Any, *args: Any, **kwargs: Any) -> Any:
        held.append((self, make(self)))
        try:
            return gather(self, *args, **kwargs)
        finally:
            held.pop()

    of_class.configuration = property(configuration)  # type: ignore[assignment, method-assign]
    of_class._get_runtime_kwargs = runtime_kwargs  # type: ignore[method-assign]
    if callable(found := vars(module).get("camel_to_snake")):
        module.camel_to_snake = cache(found)  # type: ignore[attr-defined]


def _to_gx(gxe: Any, kind: str, options: dict[str, Any]) -> Any:
    column = options.get("column")
    match kind:
        case "schema":
            return gxe.ExpectTableColumnsToMatchOrderedList(column_list=options["columns"])
        case "unique":
            columns = options["columns"]
            if len(columns) == 1:
                return gxe.ExpectColumnValuesToBeUnique(column=columns[0])
            return gxe.ExpectCompoundColumnsToBeUnique(column_list=columns)
        case "rows":
            return gxe.ExpectTableRowCountToEqual(value=options["value"])
        case "not_null":
            return gxe.ExpectColumnValuesToNotBeNull(column=column)
        case "in_set":
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=options["values"])
        case "not_in_set":
            return gxe.ExpectColumnValuesToNotBeInSet(column=column, value_set=options["values"])
        case "between":
            return gxe.ExpectColumnValuesToBeBetween(
                column=column, min_value=options.get("min"), max_value=options.get("max")
            )
        case "contains":
            return gxe.ExpectColumnDistinctValuesToContainSet(
                column=column, value_set=options["values"]
            )
        case "equals_set":
            return gxe.ExpectColumnDistinctValuesToEqualSet(
                column=column, value_set=options["values"]
            )
    raise ValueError(f"no Great Expectations expectation for {kind!r}")


def plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return None if value != value else value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)


def _of_sets(kind: str, seen: set[Any], wanted: set[Any]) -> tuple[list[dict[str, Any]], str]:
    """What differs between the values seen and those wanted, a row each; and what was seen."""
    extra = seen - wanted if kind == "equals_set" else set()
    rows = [{"missing": plain(v)} for v in sorted(wanted - seen, key=str)]
    rows += [{"not_expected": plain(v)} for v in sorted(extra, key=str)]
    observed = f"{len(seen)} different values, {len(wanted - seen)} of {len(wanted)} missing"
    if extra:
        observed += f", {len(extra)} not expected"
    return rows, observed


def _must_have_run(kind: str, found: Any) -> None:
    """A check that could not run is a fault of ours, not bad data: GX nests it, so look for it."""
    broken = found.exception_info or {}
    nested = broken.values() if "raised_exception" not in broken else [broken]
    for info in nested:
        if isinstance(info, dict) and info.get("raised_exception"):
            raise RuntimeError(f"{kind}: {info.get('exception_message')}")


def _outcome(frame: Any, kind: str, options: dict[str, Any], found: Any) -> dict[str, Any]:
    """GX's result as: passed, observed, number of failing rows, the first twenty of them."""
    result = found.result or {}
    _must_have_run(kind, found)
    rows: list[dict[str, Any]] = []
    count = 0
    if kind in ("contains", "equals_set"):
        seen = set(frame[options["column"]].dropna().unique().tolist())
        rows, observed = _of_sets(kind, seen, set(options["values"]))
        count = 0 if found.success else len(rows)
    elif kind == "rows":
        observed = f"{result.get('observed_value')} rows"
        if not found.success:
            rows = frame.head(SHOWN).to_dict("records")
            count = abs(int(result.get("observed_value") or 0) - int(options["value"])) or 1
    elif kind == "schema":
        observed = ", ".join(str(v) for v in result.get("observed_value") or [])
        if not found.success:
            wanted_list = options["columns"]
            have = list(frame.columns)
            rows = [{"missing": c} for c in wanted_list if c not in have]
            rows += [{"not_expected": c} for c in have if c not in wanted_list]
            count = len(rows) or 1
    else:
        index = list(result.get("unexpected_index_list") or [])
        count = int(result.get("unexpected_count") or 0)
        observed = f"{count} of {result.get('element_count', len(frame))} rows"
        rows = _rows(frame, index)
    return _shown(bool(found.success), observed, count, rows)


def _rows(frame: Any, index: list[Any]) -> list[dict[str, Any]]:
    return frame.loc[index[:SHOWN]].to_dict("records") if index else []


def _shown(passed: bool, observed: str, count: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "passed": passed,
        "observed": observed,
        "failing_rows": count,
        "rows": [{k: plain(v) for k, v in row.items()} for row in rows[:SHOWN]],
    }


class _Judge:
    """Great Expectations, asked about one frame after another."""

    def __init__(self) -> None:
        import great_expectations as gx
        from great_expectations import expectations as gxe
        from great_expectations.validator.v1_validator import Validator

        self._gx, self._gxe, self._validator = gx, gxe, Validator
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        # One asset for all frames: GX writes out its whole configuration whenever one is added.
        self._definition = (
            context.data_sources.add_pandas("frames")
            .add_dataframe_asset("frame")
            .add_batch_definition_whole_dataframe("whole")
        )
        self._number = 0

    def results(self, frame: Any, wanted: Wanted) -> list[Any]:
        """GX's results for `wanted`, in its order."""
        self._number += 1
        expectations = [_to_gx(self._gxe, kind, options) for kind, options in wanted]
        for i, expectation in enumerate(expectations):
            # GX drops equal expectations and may reorder: carry the place along.
            expectation.meta = {"place": i}
        suite = self._gx.ExpectationSuite(name=f"s{self._number}", expectations=expectations)
        # As Batch.validate() does, which would have had to get the batch once more before.
        validator = self._validator(
            batch_definition=self._definition,
            result_format={"result_format": "COMPLETE"},
            batch_parameters={"dataframe": frame},
        )
        report = validator.validate_expectation_suite(suite)
        by_place = {r.expectation_config.meta["place"]: r for r in report.results}  # type: ignore[union-attr]
        return [by_place[i] for i in range(len(wanted))]


def _answer(
    judge: _Judge, frame: Any, wanted: list[Any], starts: list[int] | None = None
) -> list[Any]:
    if starts is not None:
        return _outcomes_of_parts(judge, frame, wanted, starts)
    found = judge.results(frame, wanted)
    return [
        _outcome(frame, kind, options, result)
        for (kind, options), result in zip(wanted, found, strict=True)
    ]


_OF_ROWS = ("between", "not_in_set", "not_null")
_OF_VALUES = ("contains", "equals_set", "in_set")


def _outcomes_of_parts(
    judge: _Judge, frame: Any, wanted: list[Wanted], starts: list[int]
) -> list[list[dict[str, Any]]]:
    """What each part's expectations give, as if its rows were a frame of their own, for little
    more than the time of one: GX takes as long for eight rows as for a thousand.

    An expectation on rows is asked once for all parts that share it, and GX's list of failing rows
    is cut at the parts' bounds. Where each part has a set of its own, GX gets a second frame with
    a row for each value that a part declared or has, and a column that says which it is.
    """
    import pandas as pd

    if starts[:1] != [0] or sorted(starts) != starts or len(starts) != len(wanted):
        raise ValueError("the parts are not those of the frame")
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        raise ValueError("the rows of the frame are not numbered")
    asked: list[tuple[str, dict[str, Any]]] = []
    place: dict[str, int] = {}
    for kind, options in (w for part in wanted for w in part):
        if kind in _OF_VALUES:
            continue
        if kind not in (*_OF_ROWS, "schema"):
            raise ValueError(f"{kind!r} cannot be asked of a part")
        if (said := repr((kind, options))) not in place:
            place[said] = len(asked)
            asked.append((kind, options))
    found = judge.results(frame, asked)
    failing = [
        _failing(kind, result) if kind in _OF_ROWS else []
        for (kind, _), result in zip(asked, found, strict=True)
    ]
    ends = [*starts[1:], len(frame)]
    columns = {o["column"] for part in wanted for kind, o in part if kind in _OF_VALUES}
    seen = {column: _distinct(frame[column], starts) for column in columns}
    states: list[str] = []
    rows_of: dict[tuple[int, int], tuple[int, list[dict[str, Any]], str]] = {}
    for i, part in enumerate(wanted):
        for j, (kind, options) in enumerate(part):
            if kind in _OF_VALUES:
                have, want = seen[options["column"]][i], set(options["values"])
                if kind == "in_set":
                    rows, says = [{"not_in_set": v} for v in have - want], ""
                else:
                    rows, says = _of_sets(kind, have, want)
                rows_of[i, j] = (len(states), rows, says)
                states += [state for row in rows for state in row]
                states += [_DECLARED] * len(have & want)
    wrong: list[int] = []
    if states:
        values = pd.DataFrame({"state": states})
        options = {"column": "state", "values": [_DECLARED]}
        (result,) = judge.results(values, [("in_set", options)])
        wrong = _failing("in_set", result)

    def outcome(i: int, j: int, kind: str, options: dict[str, Any]) -> dict[str, Any]:
        start, end = starts[i], ends[i]
        if kind == "schema":
            of_all = found[place[repr((kind, options))]]
            return _outcome(frame.iloc[start:end], kind, options, of_all)
        if kind in ("contains", "equals_set"):
            first, rows, says = rows_of[i, j]
            at = _within(wrong, first, first + len(rows))
            return _shown(not at, says, len(at), [rows[k - first] for k in at[:SHOWN]])
        if kind == "in_set":
            first, rows, _ = rows_of[i, j]
            bad = [rows[k - first]["not_in_set"] for k in _within(wrong, first, first + len(rows))]
            column = frame[options["column"]].iloc[start:end]
            at = list(column.index[column.isin(bad)]) if bad else []
        else:
            at = _within(failing[place[repr((kind, options))]], start, end)
        says = f"{len(at)} of {end - start} rows"
        return _shown(not at, says, len(at), _rows(frame, at))

    return [
        [outcome(i, j, kind, options) for j, (kind, options) in enumerate(part)]
        for i, part in enumerate(wanted)
    ]


_DECLARED = "declared"


def _failing(kind: str, found: Any) -> list[int]:
    """The numbers of all rows that fail."""
    _must_have_run(kind, found)
    result = found.result or {}
    at = sorted(result.get("unexpected_index_list") or [])
    if bool(found.success) == bool(at) or len(at) != int(result.get("unexpected_count") or 0):
        raise RuntimeError(f"{kind}: the list of failing rows is not whole")
    return at


def _within(ordered: list[int], start: int, end: int) -> list[int]:
    return ordered[bisect_left(ordered, start) : bisect_left(ordered, end)]


def _distinct(column: Any, starts: list[int]) -> list[set[Any]]:
    """The different values that each part has."""
    import numpy as np
    import pandas as pd

    part = np.searchsorted(starts, np.arange(len(column)), side="right") - 1
    pairs = pd.DataFrame({"part": part, "value": column.to_numpy()}).dropna().drop_duplicates()
    found: list[set[Any]] = [set() for _ in starts]
    for i, value in zip(pairs["part"].tolist(), pairs["value"].tolist(), strict=True):
        found[i].add(value)
    return found


def main() -> None:
    """Answer requests in order until the pipe closes: (frame, [(kind, options)]), or a frame of
    several parts, the row at which each begins, and what is expected of each."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    requests = sys.stdin.buffer
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import gc
    import logging

    gc.set_threshold(2_000_000)  # as in the run's own process: little here is ever garbage
    logging.disable(logging.WARNING)
    if sys.argv[1:] == [_WHOLE]:
        judge = _Judge()
    else:
        try:
            judge = _spared_judge()
        except Exception:
            # Nothing was read yet: begin again.
            os.dup2(answers.fileno(), 1)
            os.execv(sys.executable, [sys.executable, *WORKER, _WHOLE])  # noqa: S606
    while (message := read_message(requests)) is not None:
        try:
            answer: Any = _answer(judge, *message)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        write_message(answers, answer)
    # Taking all of pandas and Great Expectations apart takes longer than a suite, for nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
