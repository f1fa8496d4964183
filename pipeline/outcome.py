"""How a run ended, in sentences, from what lies on disk. Who is told is in alerts.py and the
command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.quality.results import CheckResult
from pipeline.release.record import Written
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
    """`published`: readers see the run's release, or saw it. `degraded`: a release stands, and a
    check of severity error failed.

    `why`: what stopped it, a line each. `warnings`: a line for each asset with a failed check.
    `unpublished`: the release of a run that was not to give readers one (of a date that has
    passed).
    """

    published: bool
    degraded: bool
    why: tuple[str, ...]
    warnings: tuple[str, ...]
    unpublished: str = ""

    @property
    def stands(self) -> bool:
        """Whether the run wrote what it was to write."""
        return self.published or bool(self.unpublished)


def outcome_of(
    written: Written | None,
    warehouse: Warehouse,
    pulled: Mapping[str, PullResult],
    faults: Sequence[Fault],
    not_copied: Sequence[str] = (),
) -> Outcome:
    """The outcome of a whole run. `written`: its release; `pulled`: its pulls, by dataset; `faults`:
    steps that failed; `not_copied`: what went wrong with its copies to buckets.

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
    warnings += [f"! not copied: {line}" for line in not_copied]
    errors = bool(bad_pulls or not_copied) or any(c.severity == "error" for _, c in failed)
    if written is None:
        return Outcome(False, False, tuple(why or [_NO_REASON]), tuple(warnings))
    warnings += [_afterwards(written, line) for line in why]
    unpublished = "" if written.published else written.release
    return Outcome(written.published, errors or bool(faults), (), tuple(warnings), unpublished)


def outcome_despite(written: Written | None, error: Exception) -> Outcome:
    """The outcome of a run that broke off, or of which no more can be found out, for `error`."""
    said = tuple((str(error).strip() or type(error).__name__).splitlines())
    if written is None:
        return Outcome(False, False, said, ())
    unpublished = "" if written.published else written.release
    return Outcome(written.published, True, (), (_afterwards(written, said[0]),), unpublished)


def _afterwards(written: Written, line: str) -> str:
    return f"! after release {written.release} was written: {line}"


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
        f"! not pulled: {said}. The last good vintage stays for {few(names)}"
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
    return lines + [f"{few(a)}: {said}" if any(a) else said for said, a in same.items()]


def few(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
