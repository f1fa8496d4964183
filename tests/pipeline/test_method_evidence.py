"""tools/method_evidence.py: its closed form against an integral, and what it prints of the figures."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from pipeline.paths import Paths


@pytest.fixture(scope="module")
def evidence(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("evidence", root / "tools" / "method_evidence.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(("z", "freedom"), [(0.0, 5), (-2.5, 5), (0.7, 9), (6.0, 6)])
def test_crps_is_the_integral_that_defines_it(evidence: ModuleType, z: float, freedom: int) -> None:
    t = stats.t(freedom)
    below, _ = integrate.quad(lambda x: t.cdf(x) ** 2, -np.inf, z)
    above, _ = integrate.quad(lambda x: t.sf(x) ** 2, z, np.inf)
    assert evidence.crps(np.array([z]), np.array([freedom]))[0] == pytest.approx(
        below + above, rel=1e-6
    )


def test_on_the_figures_bands_keep_their_bounds_and_the_drift_is_better_than_the_whole_mean(
    evidence: ModuleType, first_run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for section in (evidence.bands, evidence.drift, evidence.statuses, evidence.probabilities):
        section(Paths(first_run["data"]))
    said = capsys.readouterr().out
    assert "OUTSIDE" not in said
    (change, low, high) = map(
        float, re.findall(r"0\.65 +(\S+) %  \[(\S+), (\S+)\]  in use", said)[0]
    )
    assert low < change < high < 0
    assert re.search(r"1\.00 +\+0\.0 %", said)
    assert all(f"  {word} " in said for word in ("on_track", "worsening", "no_clear_trend"))
