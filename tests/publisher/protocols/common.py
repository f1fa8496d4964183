"""What the protocols share: answers as JSON, CSV and text, with the faults of FORM done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.publisher.faults import Response


def text(body: str, status: int = 200, kind: str = "text/plain") -> Response:
    return Response(status, {"Content-Type": f"{kind}; charset=utf-8"}, body.encode())


def as_json(content: Any, status: int = 200) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8"}, body)


def number(text_: str, faults: frozenset[str]) -> Any:
    """A figure as JSON has it: a number, or text where somebody upstream slipped."""
    if text_ == "":
        return None
    if "numbers_as_text" in faults:
        return text_
    try:
        value = float(text_)
    except ValueError:
        return text_
    return (
        int(value)
        if value.is_integer() and "." not in text_ and "e" not in text_.lower()
        else value
    )


def as_csv(
    header: Sequence[str], rows: Iterable[Sequence[str]], kind: str, faults: frozenset[str],
    fixed: int = 1,
) -> Response:  # fmt: skip
    """`fixed`: how many columns at the head never move."""
    header = list(header)
    rows = [list(r) for r in rows]
    if "header_only" in faults:
        rows = []
    if "columns_reordered" in faults:
        # Attributes may stand anywhere; so may a publisher's columns one day.
        order = [*range(fixed), *range(len(header) - 1, fixed - 1, -1)]
        header = [header[i] for i in order]
        rows = [[r[i] for i in order] for r in rows]
    if "column_grown" in faults:
        header.append("NEW_ATTRIBUTE")
        rows = [[*r, "X, with a comma"] for r in rows]
    if "column_renamed" in faults:
        header = ["VALUE_RENAMED" if h in ("OBS_VALUE", "Year", "year") else h for h in header]
    if "column_twice" in faults:
        header.append(header[-1])
        rows = [[*r, r[-1]] for r in rows]
    if "upper_case_names" in faults:
        header = [h.upper() for h in header]
    if "trailing_spaces" in faults:
        header = [f"{h} " for h in header]
        rows = [[f"{c}  " for c in r] for r in rows]
    if "quote_open" in faults and rows:
        rows[len(rows) // 2][-1] = "never closed"
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if "numbers_as_text" in faults else csv.QUOTE_MINIMAL
    writer = csv.writer(
        out, lineterminator="\n", quoting=quoting,
        delimiter=";" if "semicolons" in faults else ",",
    )  # fmt: skip
    writer.writerow(header)
    writer.writerows(rows)
    body = out.getvalue()
    if "quote_open" in faults:
        body = body.replace("never closed", '"never closed', 1)
    return Response(200, {"Content-Type": kind}, body.encode())
