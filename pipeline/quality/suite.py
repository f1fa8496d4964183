"""Expectations as Great Expectations evaluates them: one suite, one validation for each frame.

What is expected belongs to the registry, the manifests and the SQL headers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.quality.results import SHOWN, QualityError, plain

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition

# (kind, options): `kind` is one that _expectation knows.
Wanted = tuple[str, Mapping[str, Any]]


@cache
def _frames() -> BatchDefinition[Any]:
    """Where Great Expectations gets its frames from: one ephemeral context for the process."""
    # It reads this when it is imported.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Here and not above: the import costs 2.5 s, and a run without news evaluates nothing.
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("whole")
    )


def validate(frame: pd.DataFrame, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    """For each (kind, options): passed, observed, number of failing rows, the first of them.

    The index of `frame` has no value twice. QualityError if an expectation could not be evaluated.
    """
    # Which rows fail costs as much again as whether any does, so it is asked of those that failed.
    found = _reported(frame, dict(enumerate(wanted)), "BOOLEAN_ONLY")
    failed = {place: wanted[place] for place, result in found.items() if not result.success}
    found |= _reported(frame, failed, "COMPLETE")
    return [
        _outcome(frame, kind, options, found[place]) for place, (kind, options) in enumerate(wanted)
    ]


def _reported(
    frame: pd.DataFrame, wanted: Mapping[int, Wanted], result_format: str
) -> dict[int, Any]:
    """What one validation of the frame reports of each expectation, by its place."""
    if not wanted:
        return {}
    frames = _frames()
    import great_expectations as gx

    expectations = {place: _expectation(kind, options) for place, (kind, options) in wanted.items()}
    for place, expectation in expectations.items():
        # Equal expectations are dropped and others may come in another order: carry the place along.
        expectation.meta = {"place": place}
    report = frames.get_batch(batch_parameters={"dataframe": frame}).validate(
        gx.ExpectationSuite(name="wanted", expectations=list(expectations.values())),
        result_format={"result_format": result_format},
    )
    found = {r.expectation_config.meta["place"]: r for r in report.results if r.expectation_config}
    for place, (kind, _) in wanted.items():
        _must_have_run(kind, found[place])
    return found


def _expectation(kind: str, options: Mapping[str, Any]) -> Any:
    from great_expectations import expectations

    gxe: Any = expectations  # it names its exports nowhere, which a strict type checker asks for
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
    raise ValueError(f"no expectation of Great Expectations for {kind!r}")


def _outcome(
    frame: pd.DataFrame, kind: str, options: Mapping[str, Any], found: Any
) -> dict[str, Any]:
    result = found.result or {}
    rows: list[dict[str, Any]] = []
    count = 0
    if kind in ("contains", "equals_set"):
        seen = set(frame[options["column"]].dropna().unique().tolist())
        rows, observed = _of_sets(kind, seen, set(options["values"]))
        count = 0 if found.success else len(rows)
    elif kind == "rows":
        observed = f"{len(frame)} rows"
        if not found.success:
            rows = frame.head(SHOWN).to_dict("records")
            count = abs(len(frame) - int(options["value"]))
    elif kind == "schema":
        have = [str(c) for c in frame.columns]
        observed = ", ".join(have)
        if not found.success:
            rows = [{"missing": c} for c in options["columns"] if c not in have]
            rows += [{"not_expected": c} for c in have if c not in options["columns"]]
            count = len(rows) or 1
    else:
        index = list(result.get("unexpected_index_list") or [])
        count = int(result.get("unexpected_count") or 0)
        observed = f"{count} of {len(frame)} rows"
        rows = frame.loc[index[:SHOWN]].to_dict("records") if index else []
    return {
        "passed": bool(found.success),
        "observed": observed,
        "failing_rows": count,
        "rows": [{k: plain(v) for k, v in row.items()} for row in rows[:SHOWN]],
    }


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
    """An expectation that could not be evaluated comes as a failed one with the error nested in it."""
    broken = found.exception_info or {}
    nested = broken.values() if "raised_exception" not in broken else [broken]
    for info in nested:
        if isinstance(info, dict) and info.get("raised_exception"):
            raise QualityError(f"a check could not run: {kind}: {info.get('exception_message')}")
