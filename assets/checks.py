"""Expectations as Dagster shows them: few checks that say much.

A dataset has `vintage` and, where it is pulled, `pulled`; a table has `expectations`, which block
what follows, and `advisory`, which a person should look at. Each holds a table of its expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import shorten

import dagster as dg

from assets.copying import Copy
from pipeline.markdown import escaped
from pipeline.progress.method import DATED_STEPS, DATED_YEARS
from pipeline.quality.results import CheckResult
from pipeline.registry import Dataset
from pipeline.vintages.pull import PullResult
from pipeline.warehouse.model import Model

VINTAGE = "The newest vintage holds what is expected of it; where it does not, it is not used."
PULLED = "The publisher answered with data, where it was asked."
BLOCKING = "Every expectation in `{file}` that stops publication holds."
COPIED = "It lies in the bucket as it does here."
ADVISORY = "Every expectation in `{file}` that a person should look at holds."
# Of an expectation that holds: what was seen is of less interest than the next expectation.
_SEEN = 80


def dataset_checks(dataset: Dataset, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a dataset. They block nothing: a bad vintage stops no other source."""
    specs = [dg.AssetCheckSpec("vintage", asset=key, description=VINTAGE)]
    if dataset.live:
        specs.append(dg.AssetCheckSpec("pulled", asset=key, description=PULLED))
    return specs


def model_checks(model: Model, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a table."""
    blocking, advisory = (text.format(file=model.file) for text in (BLOCKING, ADVISORY))
    specs = [dg.AssetCheckSpec("expectations", asset=key, description=blocking, blocking=True)]
    if any(not e.blocking for e in model.expectations):
        specs.append(dg.AssetCheckSpec("advisory", asset=key, description=advisory))
    return specs


def vintage_result(
    results: Sequence[CheckResult], dataset: Dataset | None = None, age_days: int | None = None
) -> dg.AssetCheckResult:
    """The check `vintage` from what was expected of the newest vintage, and the age of the one in
    use (None where there is none): figures that are old are not plainly well."""
    if dataset is not None and age_days is not None:
        results = [*results, _age(dataset, age_days)]
    return _result("vintage", results)


def _age(dataset: Dataset, days: int) -> CheckResult:
    """Whether the figures in use are older than what METHOD.md §4 calls dated."""
    years = max(DATED_YEARS, DATED_STEPS * dataset.cadence)
    return CheckResult(
        name="age_of_figures",
        description=f"The figures in use were published within the last {years} years.",
        passed=days <= years * 365.25,
        severity="warn",
        blocking=False,
        observed=f"{days} days old",
    )


def model_results(model: Model, results: Sequence[CheckResult]) -> list[dg.AssetCheckResult]:
    """The checks of a table from its expectations' outcomes."""
    found = [_result("expectations", [r for r in results if r.blocking])]
    advisory = [r for r in results if not r.blocking]
    if any(not e.blocking for e in model.expectations):
        found.append(_result("advisory", advisory))
    return found


def pulled_result(pulled: PullResult | None) -> dg.AssetCheckResult:
    """The check `pulled`; None where the publisher was not asked, which is no answer."""
    if pulled is None:
        said = "not asked in this run"
    elif pulled.good:
        said = "new figures" if pulled.state == "new" else "nothing new"
    else:
        said = f"{pulled.reason}; the last good vintage stays"
    good = pulled is None or pulled.good
    return dg.AssetCheckResult(
        check_name="pulled",
        passed=good,
        severity=dg.AssetCheckSeverity.ERROR,
        description=escaped(said),
        metadata={"observed": said, "asked": pulled is not None},
    )


def copied_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of what is copied to a bucket. A copy that failed stops nothing."""
    return dg.AssetCheckSpec("copied", asset=key, description=COPIED)


def copied_result(copy: Copy) -> dg.AssetCheckResult:
    """The check `copied`, with what was done."""
    return dg.AssetCheckResult(
        check_name="copied",
        passed=not copy.fault,
        severity=dg.AssetCheckSeverity.ERROR,
        description=escaped(copy.fault or copy.said),
        metadata={"observed": copy.fault or copy.said, "asked": copy.asked},
    )


def _result(name: str, results: Sequence[CheckResult]) -> dg.AssetCheckResult:
    failed = [r for r in results if not r.passed]
    severe = any(r.severity == "error" for r in failed)
    metadata: dict[str, dg.MetadataValue] = {
        "expectations": _table(
            {
                "expectation": r.name,
                "description": r.description,
                "passed": r.passed,
                "observed": shorten(r.observed, _SEEN, placeholder=" …")
                if r.passed
                else r.observed[:500],
                "failing rows": r.failing_rows,
                "severity": r.severity,
            }
            for r in sorted(results, key=lambda r: r.passed)
        )
    }
    if failed:
        metadata["failing_rows"] = dg.MetadataValue.json({r.name: r.rows for r in failed if r.rows})
    said = " ".join(r.sentence for r in failed)
    return dg.AssetCheckResult(
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR
        if severe or not failed
        else dg.AssetCheckSeverity.WARN,
        # What Dagster shows as Markdown, and holds words of publishers.
        description=escaped(said) if said else _holds(len(results)),
        metadata=metadata,
    )


def _holds(expectations: int) -> str:
    return "It holds." if expectations == 1 else f"All {expectations} hold."


def _table(rows: Iterable[dict[str, str | int | bool]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows])
