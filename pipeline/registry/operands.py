"""An indicator's `value` read into operands: which series it is made of, and by which operation.

How values are computed from them stands in sql/.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from pipeline.registry.entries import Item, Problems
from pipeline.registry.schema import Indicator, Operand, Registry
from pipeline.series_key import series_key

_OPERATIONS = ("series", "sum", "difference", "ratio", "share", "mean")
_NUMBER_OF_SERIES = {"series": 1, "difference": 2, "ratio": 2}


def operands_of(
    item: Item, entry: Indicator, registry: Registry, problems: Problems
) -> list[Operand]:
    """The series of an indicator, alternative by alternative; what is wrong goes to `problems`."""
    # `first`: ways to make a value, the first that can be. `join`: one series in several files, the
    # preferred first, which must `agree` where they overlap (largest relative difference).
    choice = next((key for key in ("first", "join") if key in entry.value), "")
    alternatives = entry.value[choice] if choice else [entry.value]
    if choice and (fault := _choice_fault(choice, entry.value)):
        problems.add(item.where("value"), f"{entry.id}: value: {fault}")
        return []
    found: list[Operand] = []
    for number, alternative in enumerate(alternatives, 1):
        path = ("value", choice, number - 1) if choice else ("value",)
        if fault := _fault(alternative):
            problems.add(item.where(*path), f"{entry.id}: value: {fault}")
            continue
        alone = "series" in alternative
        members = [alternative["series"]] if alone else alternative["of"]
        for position, member in enumerate(members, 1):
            at = item.where(*path, "series") if alone else item.where(*path, "of", position - 1)
            codes = dict(member) if isinstance(member, dict) else {}
            dataset = str(codes.pop("dataset", ""))
            if fault := _series_fault(dataset, codes, registry, problems):
                problems.add(at, f"{entry.id}: {fault}")
            elif dataset in registry.datasets:
                found.append(
                    Operand(
                        indicator=entry.id,
                        alternative=number,
                        op="series" if alone else alternative["op"],
                        require=alternative.get("require", "all"),
                        flag=alternative.get("flag"),
                        scale=float(alternative.get("scale", 1)),
                        position=position,
                        dataset=dataset,
                        series_key=series_key(codes),
                        from_year=alternative.get("from_year"),
                        agree=entry.value.get("agree") if choice == "join" else None,
                    )
                )
    return found


def _choice_fault(choice: str, value: dict[str, Any]) -> str | None:
    """What is wrong with a `first` or `join` as a whole, or None."""
    if not isinstance(value[choice], list) or not value[choice]:
        return f"`{choice}` takes a list"
    known = {"first": {"first"}, "join": {"join", "agree"}}[choice]
    if strange := sorted(str(key) for key in set(value) - known):
        return f"{', '.join(strange)} does not go with `{choice}`"
    if choice == "first":
        return None
    agree = value.get("agree")
    if not isinstance(agree, int | float) or not 0 <= agree < 1:
        return "a `join` says in `agree` how far its files may differ, as a fraction below 1"
    if len(value["join"]) < 2 or any(
        "series" not in a for a in value["join"] if isinstance(a, dict)
    ):
        return "a `join` is of two or more files, a `series` each"
    return None


def _series_fault(
    dataset: str, codes: dict[str, Any], registry: Registry, problems: Problems
) -> str | None:
    """What is wrong with one series, or None; a dataset whose own entry is broken is no fault."""
    if dataset not in registry.datasets:
        known = dataset in problems.broken
        return None if known else f"dataset {dataset!r} is not in datasets.yaml"
    if not codes:
        return "a series names its dimensions and codes"
    # YAML reads NO as false and 30_70 as 3070, so a code that is no text is a wrong code.
    wrong = [name for name, code in codes.items() if not isinstance(code, str)]
    return f"write the code of {', '.join(wrong)} in quotes" if wrong else None


def _fault(alternative: Any) -> str | None:
    """What is wrong with one alternative of a value, or None."""
    if not isinstance(alternative, dict):
        return "expected a mapping"
    alone = "series" in alternative
    op = "series" if alone else alternative.get("op")
    members = [alternative["series"]] if alone else alternative.get("of")
    if op not in _OPERATIONS or (op == "series") != alone or not isinstance(members, list):
        return f"expected `series`, or `op` ({', '.join(_OPERATIONS[1:])}) with a list `of`"
    if not members or len(members) != _NUMBER_OF_SERIES.get(op, len(members)):
        return f"{op} takes {_NUMBER_OF_SERIES.get(op, 'one or more')} series"
    known = {"series"} if alone else {"op", "of"}
    strange = [str(k) for k in set(alternative) - known - {"scale", "flag", "require", "from_year"}]
    if strange:
        return (
            f"{', '.join(sorted(strange))} is not understood; keys are series, op, of, scale, flag, "
            "require, from_year"
        )
    scale, year = alternative.get("scale", 1), alternative.get("from_year")
    if type(scale) not in (int, float) or not isfinite(scale) or scale == 0:
        return "`scale` is a number, not 0"
    if year is not None and type(year) is not int:
        return "`from_year` is a year"
    if not isinstance(alternative.get("flag", ""), str):
        return "`flag` is a word"
    if alternative.get("require", "all") not in ("all", "any"):
        return "`require` is all or any"
    return None
