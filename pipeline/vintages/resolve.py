"""Which vintage of a dataset is in use as of a date, and why not a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.quality.results import CheckResult
from pipeline.registry import Dataset
from pipeline.vintages.decisions import in_words, withdrawal
from pipeline.vintages.expected import Rules
from pipeline.vintages.order import judge_of
from pipeline.vintages.store import Vintage
from pipeline.vintages.texts import said
from pipeline.vintages.validate import CHECKS, Validator

_TEXT = (
    "source", "dataset", "vintage_id", "known_from", "known_from_basis", "origin", "scope",
    "scope_nl", "verdict", "reason", "reason_nl", "found_in", "observations", "rejects",
)  # fmt: skip
WITHDRAWN = "withdrawn"
_NOT_IN_USE = "No vintage that a person withdrew is in use."
# The columns of `raw.vintages`. `observations` and `rejects`: files of the rows below the work
# folder, if it was accepted. `waits`: the newest of those that were quarantined since the one in
# use (of all that were, where none is).
SCHEMA = pa.schema(
    [(name, pa.string()) for name in _TEXT]
    + [
        ("partial", pa.bool_()),
        ("is_current", pa.bool_()),
        ("waits", pa.bool_()),
        ("position", pa.int32()),
    ]
)


@dataclass
class DatasetState:
    """A dataset as of a date. `vintages`: rows of SCHEMA, oldest first. `checks`: those of the
    newest vintage that is neither partial nor withdrawn, and which was withdrawn. `current`: the
    vintage in use, None if there is none; `observations` and `rejects`: numbers of its rows."""

    name: str
    vintages: list[dict[str, Any]] = field(default_factory=list)
    current: Vintage | None = None
    observations: int | None = None
    rejects: int | None = None
    checks: list[CheckResult] = field(default_factory=list)

    @property
    def vintage_id(self) -> str:
        return self.current.vintage_id if self.current else "none"

    @property
    def accepted(self) -> bool:
        return all(c.passed for c in self.checks if c.severity == "error")

    @property
    def pending(self) -> str:
        """Why a newer vintage than the one in use was quarantined; empty if there is none."""
        waiting = next((row for row in self.vintages if row["waits"]), None)
        return "" if waiting is None else f"{waiting['vintage_id']}: {waiting['reason']}"

    def table(self) -> pa.Table:
        """The vintages as a table of SCHEMA."""
        return pa.Table.from_pylist(self.vintages, schema=SCHEMA)


def resolve(
    dataset: Dataset, vintages: list[Vintage], rules: Rules, validator: Validator
) -> DatasetState:
    """The state of a dataset that has these vintages, oldest first; each is given its verdict, or
    that of the person who withdrew it."""
    state = DatasetState(dataset.id)
    accepted: list[Vintage] = []
    withdrawn: list[str] = []
    for vintage in vintages:
        verdict: Mapping[str, Any]
        taken_back = withdrawal(validator.archive, vintage)
        if taken_back:
            verdict = {
                "verdict": WITHDRAWN,
                "reason": in_words(WITHDRAWN, taken_back),
                "reason_nl": in_words(WITHDRAWN, taken_back, "nl"),
            }
            withdrawn.append(f"{vintage.vintage_id}: {verdict['reason']}")
        else:
            verdict = validator.verdict(vintage, rules, judge_of(vintage, accepted))
        state.vintages.append(_row(vintage, verdict, len(state.vintages) + 1, rules, validator))
        if not vintage.partial and not taken_back:
            # The newest one's checks are what a person must see.
            state.checks = [CheckResult.from_json(c) for c in verdict["checks"]]
            if verdict["verdict"] == "accepted":
                accepted.append(vintage)
    if accepted:
        state.current = accepted[-1]
        state.observations, state.rejects = (
            pq.read_metadata(validator.rows_file(accepted[-1], rules, kind)).num_rows
            for kind in ("observations", "rejects")
        )
        for row in state.vintages:
            row["is_current"] = row["vintage_id"] == accepted[-1].vintage_id
    newer = takewhile(lambda row: not row["is_current"], reversed(state.vintages))
    if waiting := next((row for row in newer if row["verdict"] == "quarantined"), None):
        waiting["waits"] = True
    if not state.checks:
        # What ships without a vintage waits for its first pull: nothing is wrong with it yet.
        waits = dataset.live_only and not vintages
        why = "not pulled yet" if waits else "no vintage known at this date"
        why = "every vintage was withdrawn" if withdrawn else why
        state.checks = [
            CheckResult(n, waits, s, False, why, 0, [], d) for n, (s, d) in CHECKS.items()
        ]
    if withdrawn:
        # Of the dataset and not of one vintage, so it is none of CHECKS: what a person did is told.
        told = "; ".join(withdrawn)
        state.checks.append(CheckResult(WITHDRAWN, True, "error", False, told, 0, [], _NOT_IN_USE))
    return state


def _row(
    vintage: Vintage, verdict: Mapping[str, Any], position: int, rules: Rules, validator: Validator
) -> dict[str, Any]:
    manifest = vintage.manifest
    accepted = verdict["verdict"] == "accepted"
    files = {
        kind: validator.rows_file(vintage, rules, kind).relative_to(validator.work).as_posix()
        if accepted
        else None
        for kind in ("observations", "rejects")
    }
    return {
        "source": vintage.source,
        "dataset": vintage.dataset,
        "vintage_id": vintage.vintage_id,
        "known_from": vintage.known_from.isoformat(),
        "known_from_basis": manifest.get("known_from_basis"),
        "origin": manifest.get("origin"),
        "scope": _scope_text(vintage.scope, "en"),
        "scope_nl": _scope_text(vintage.scope, "nl"),
        "partial": vintage.partial,
        "position": position,
        "verdict": verdict["verdict"],
        "reason": verdict["reason"],
        "reason_nl": verdict["reason_nl"],
        "found_in": manifest.get("found_in"),
        "is_current": False,
        "waits": False,
        **files,
    }


def _scope_text(scope: Mapping[str, list[Any]], lang: str) -> str:
    years = scope.get("years") or []
    span = f"{min(years)}–{max(years)}" if years else said("scope.no_years", lang)
    series, areas = (len(scope.get(part) or []) for part in ("series", "geos"))
    return said("scope", lang, series=series, areas=areas, years=span)
