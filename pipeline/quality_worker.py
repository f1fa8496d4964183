"""The process in which Great Expectations runs: frames in, results out, over a pipe.

Importing Great Expectations takes seconds of pure Python; in a process of its own that happens
beside the parsing. Only quality.py starts this module.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, BinaryIO

SHOWN = 20


def read_message(stream: BinaryIO) -> Any:
    """The next pickled message of our own other end, None at the end."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (size,) = struct.unpack("<Q", head)
    return pickle.loads(stream.read(size))  # noqa: S301 our own pipe, never outside data


def write_message(stream: BinaryIO, message: Any) -> None:
    body = pickle.dumps(message, protocol=5)
    stream.write(struct.pack("<Q", len(body)) + body)
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


def _outcome(frame: Any, kind: str, options: dict[str, Any], found: Any) -> dict[str, Any]:
    """GX's result as: passed, observed, number of failing rows, the first twenty of them."""
    result = found.result or {}
    broken = found.exception_info or {}
    # A check that could not run is a fault of ours, not bad data: GX nests it, so look for it.
    nested = broken.values() if "raised_exception" not in broken else [broken]
    for info in nested:
        if isinstance(info, dict) and info.get("raised_exception"):
            raise RuntimeError(f"{kind}: {info.get('exception_message')}")
    rows: list[dict[str, Any]] = []
    count = 0
    if kind in ("contains", "equals_set"):
        seen = set(frame[options["column"]].dropna().unique().tolist())
        wanted = set(options["values"])
        extra = seen - wanted if kind == "equals_set" else set()
        rows = [{"missing": plain(v)} for v in sorted(wanted - seen, key=str)]
        rows += [{"not_expected": plain(v)} for v in sorted(extra, key=str)]
        observed = f"{len(seen)} different values, {len(wanted - seen)} of {len(wanted)} missing"
        if extra:
            observed += f", {len(extra)} not expected"
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
        rows = frame.loc[index[:SHOWN]].to_dict("records")
    return {
        "passed": bool(found.success),
        "observed": observed,
        "failing_rows": count,
        "rows": [{k: plain(v) for k, v in row.items()} for row in rows[:SHOWN]],
    }


def main() -> None:
    """Answer requests (frame, [(kind, options)]) in order until the pipe closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    requests = sys.stdin.buffer
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import gc
    import logging

    gc.set_threshold(2_000_000)  # as in the run's own process: little here is ever garbage
    logging.disable(logging.WARNING)
    _not_yet("altair", "scipy.stats")
    import great_expectations as gx
    from great_expectations import expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    # One asset for all frames: GX writes out its whole configuration whenever one is added.
    definition = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("whole")
    )
    number = 0
    while (message := read_message(requests)) is not None:
        frame, wanted = message
        number += 1
        try:
            batch = definition.get_batch(batch_parameters={"dataframe": frame})
            expectations = [_to_gx(gxe, kind, options) for kind, options in wanted]
            for i, expectation in enumerate(expectations):
                # GX drops equal expectations and may reorder: carry the place along.
                expectation.meta = {"place": i}
            suite = gx.ExpectationSuite(name=f"s{number}", expectations=expectations)
            report = batch.validate(suite, result_format={"result_format": "COMPLETE"})
            by_place = {r.expectation_config.meta["place"]: r for r in report.results}  # type: ignore[union-attr]
            answer: Any = [
                _outcome(frame, kind, options, by_place[i])
                for i, (kind, options) in enumerate(wanted)
            ]
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        write_message(answers, answer)


if __name__ == "__main__":
    main()
