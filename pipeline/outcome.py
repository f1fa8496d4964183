"""How a run ended, in sentences, from what lies on disk. Who is told is in alerts.py and the
command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.quality.results import CheckResult
from pipeline.vintages.pull import PullResult
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.records import BuildError


@dataclass(frozen=True)
class Fault:
    """A step that failed: its asset, and the first line of why. `blocked`: it did its work, and a
    blocking check on the result failed."""

    asset: str
    why: str
    blocked: bool = False


@dataclass(frozen=True)
class Outcome:
    """`published`: a release stands. `degraded`: it does, and a check of severity error failed.

    `why`: what stopped it, a line each. `warnings`: a line for each asset with a failed check.
    """

    published: bool
    degraded: bool
    why: tuple[str, ...]
    warnings: tuple[str, ...]


def outcome_of(
    published: bool,
    warehouse: Warehouse,
    pulled: Mapping[str, PullResult],
    faults: Sequence[Fault],
) -> Outcome:
    """The outcome of a whole run. `pulled`: its pulls, by dataset; `faults`: steps that failed.

    What fails after publication (a mission's summary for the UI) takes back nothing: the release
    stands, and the fault is a warning.
    """
    why = _why(warehouse, faults)
    failed = [(f"raw/{n}", c) for n in warehouse.datasets for c in _failed(_checks(warehouse, n))]
    for model in warehouse.models.values():
        record = warehouse.record(model.name)
        asset = model.name.replace(".", "/")
        failed += [(asset, c) for c in _failed(record.checks if record else ())]
    bad_pulls = {name: result for name, result in pulled.items() if not result.good}
    warnings = [*_pulls_failed(bad_pulls), *_checks_failed(failed)]
    if published:
        warnings += [f"! after publication: {line}" for line in why]
    errors = bool(bad_pulls) or any(c.severity == "error" for _, c in failed)
    return Outcome(
        published,
        published and (errors or bool(faults)),
        () if published else tuple(why or [_NO_REASON]),
        tuple(warnings),
    )


_NO_REASON = "the run failed; see its log in the UI (make ui) or run with --debug"


def _checks(warehouse: Warehouse, dataset: str) -> list[CheckResult]:
    try:
        return warehouse.dataset_record(dataset).checks
    except BuildError:
        return []


def _failed(checks: Iterable[CheckResult]) -> list[CheckResult]:
    return [c for c in checks if not c.passed]


def _checks_failed(failed: Sequence[tuple[str, CheckResult]]) -> list[str]:
    """A line for each asset: `!` for an error, `?` for a warning."""
    lines = []
    for asset in dict.fromkeys(a for a, _ in failed):
        mine = [c for a, c in failed if a == asset]
        mark = "!" if any(c.severity == "error" for c in mine) else "?"
        more = f" (and {len(mine) - 1} more)" if len(mine) > 1 else ""
        lines.append(f"{mark} {asset}: {mine[0].name}{more}: {mine[0].sentence}")
    return lines


def _pulls_failed(failed: Mapping[str, PullResult]) -> list[str]:
    """A line for each reason: one publisher out of reach is one piece of news, not twenty."""
    found: dict[str, list[str]] = {}
    for name, result in failed.items():
        found.setdefault(result.reason, []).append(name)
    return [
        f"! not pulled: {said}. The last good vintage stays for {_few(names)}"
        for said, names in found.items()
    ]


def _why(warehouse: Warehouse, faults: Sequence[Fault]) -> list[str]:
    lines = []
    for fault in faults:
        record = warehouse.record(fault.asset.replace("/", ".")) if fault.blocked else None
        for check in _failed(record.checks if record else ()):
            if check.blocking:
                lines.append(f"{fault.asset}: check {check.name} failed: {check.sentence}")
    # One thing that stops every step is one piece of news.
    same: dict[str, list[str]] = {}
    for fault in faults:
        if not fault.blocked and fault.why:
            same.setdefault(fault.why, []).append(fault.asset)
    return lines + [f"{_few(a)}: {said}" if any(a) else said for said, a in same.items()]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
