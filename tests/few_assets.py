"""Assets with checks of every outcome, for tests of what Dagster keeps of a run."""

from __future__ import annotations

from typing import Any

import dagster as dg


def stopped_by_a_check() -> list[Any]:
    """Assets of which the third is not built, because the second's check blocks it."""

    @dg.asset(
        check_specs=[
            dg.AssetCheckSpec("good", asset="first"), dg.AssetCheckSpec("bad", asset="first"),
        ]
    )  # fmt: skip
    def first() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            metadata={"rows": 3},
            tags={"kind": "test"},
            check_results=[
                dg.AssetCheckResult(check_name="good", passed=True),
                dg.AssetCheckResult(
                    check_name="bad",
                    passed=False,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"n": 1},
                ),
            ],
        )

    @dg.asset(deps=[first], check_specs=[dg.AssetCheckSpec("stop", asset="second", blocking=True)])
    def second() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    @dg.asset(deps=[second])
    def third() -> None:
        """Never built: the check before it blocks."""

    return [first, second, third]
