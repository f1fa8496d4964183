"""The published track record is what a plain recount gives, from METHOD §7 and without shared code."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

import duckdb
import pytest
from scipy.special import stdtr

Series = dict[int, float]


@pytest.fixture(scope="module")
def con(first_run: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect(str(first_run["data"] / "marts" / "missiemonitor.duckdb"), True)
    core = (first_run["data"] / "work" / "core" / "unbroken.parquet").as_posix()
    found.execute(f"CREATE TEMP VIEW unbroken AS FROM '{core}'")
    yield found
    found.close()


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = con.execute(sql)
    names = [d[0] for d in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def judged(
    con: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[tuple[str, str], dict[str, Any], Series]]:
    """Every series with a direction and all values above 0: its name, its indicator, its values."""
    for row in rows(con, "FROM unbroken JOIN marts.indicators USING (indicator_id) "
                         "WHERE direction IS NOT NULL AND list_min(values) > 0"):  # fmt: skip
        name = row["indicator_id"], row["geo"]
        yield name, row, dict(zip(row["years"], row["values"], strict=True))


def window(series: Series, year: int, length: int) -> list[int]:
    """Years of the observations in it; none where it has fewer than 4 or spans less than 3 years."""
    inside = [y for y in sorted(series) if year - length <= y <= year]
    return inside if len(inside) >= 4 and year - inside[0] >= 3 else []


def pseudo_targets(item: dict[str, Any], series: Series) -> Iterator[dict[str, Any]]:
    d = 1 if item["direction"] == "up" else -1
    limit = item["bound_high"] if d > 0 else item["bound_low"]
    for year in series:
        inside = window(series, year, min(5 * item["cadence"], 10))
        for h in (5, 8):
            if not inside or year + h not in series:
                continue
            start = inside[0]
            for k in (0.1, 0.2, 0.3, 0.5):
                target = series[start] * (1 + d * k)
                slack = 1e-9 * max(1, target)
                if d * (series[year] - target) >= -slack:
                    continue
                pace = (series[year] / series[start]) ** (1 / (year - start)) - 1
                needed = (target / series[start]) ** (1 / (year + h - start)) - 1
                r = pace / needed
                yield {
                    "h": h, "year": year, "target": target,
                    "status": "wrong_direction" if r < 0 else "insufficient" if r < 0.6
                    else "progress_too_slow" if r < 0.95 else "on_track",
                    "met": d * (series[year + h] - target) >= -slack,
                    "possible": limit is None or d * (limit - target) > 0,
                }  # fmt: skip


def chance(item: dict[str, Any], series: Series, case: dict[str, Any], width: Any) -> float | None:
    known = sorted(y for y in series if y <= case["year"])
    changes = [(math.log(series[b]) - math.log(series[a])) / (b - a)
               for a, b in pairwise(known) if b - a <= 2 * item["cadence"]][-10:]  # fmt: skip
    if len(changes) < 6 or len(set(changes)) == 1:
        return None
    mean, s, n, h = fmean(changes), stdev(changes), len(changes), case["h"]
    rest = [change - mean for change in changes]
    r = sum(a * b for a, b in pairwise(rest)) / sum(e * e for e in rest)
    place = "low" if r <= -0.2 else "middle" if r <= 0.1 else "high"
    error = s * math.sqrt(h + h * h / n) * width[h, place]
    ahead = math.log(series[case["year"]]) + h * 0.65 * mean - math.log(case["target"])
    return float(stdtr(n - 1, (1 if item["direction"] == "up" else -1) * ahead / error))


def share(by_series: dict[tuple[str, str], list[float]]) -> float:
    """Each series once."""
    return fmean(fmean(values) for values in by_series.values())


def test_past_statuses_against_pseudo_targets(con: duckdb.DuckDBPyConnection) -> None:
    met: dict[tuple[str, int], dict[tuple[str, str], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    impossible = Counter[tuple[str, int]]()
    for name, item, series in judged(con):
        for case in pseudo_targets(item, series):
            if case["possible"]:
                met[case["status"], case["h"]][name].append(case["met"])
            else:
                impossible[case["status"], case["h"]] += 1
    found = rows(con, "FROM marts.status_track_record WHERE share_reached IS NOT NULL")
    assert {(r["status"], r["horizon"]) for r in found} == set(met)
    assert sum(r["n"] + r["n_impossible"] for r in found) > 10_000
    for row in found:
        key = row["status"], row["horizon"]
        assert row["n"] == sum(map(len, met[key].values()))
        assert row["n_series"] == len(met[key])
        assert row["n_impossible"] == impossible[key]
        assert row["share_reached"] == pytest.approx(share(met[key]))


def test_past_statuses_of_the_trend(con: duckdb.DuckDBPyConnection) -> None:
    """Which status each had belongs in unit/test_past_statuses.py; here that none is missing."""
    better = 0
    n = 0
    for _, item, series in judged(con):
        for year in series:
            if year + 5 in series and window(series, year, 10):
                n += 1
                change = series[year + 5] - series[year]
                better += change > 0 if item["direction"] == "up" else change < 0
    found = rows(con, "FROM marts.status_track_record WHERE share_better IS NOT NULL")
    assert {r["horizon"] for r in found} == {5}
    assert {r["status"] for r in found} <= {
        "improving", "slightly_improving", "stable", "no_clear_trend", "slightly_worsening", "worsening",
    }  # fmt: skip
    assert sum(r["n"] for r in found) == n
    assert all(0 <= r["share_better"] <= 1 for r in found) and 0 < better < n


def test_what_was_likely_came_more_often(con: duckdb.DuckDBPyConnection) -> None:
    found = rows(con, "FROM marts.probability_track_record ORDER BY horizon, bin")
    assert [(r["horizon"], r["bin"]) for r in found] == [
        (h, b) for h in (5, 8) for b in range(1, 6)
    ]
    for one, two in pairwise(found):
        if one["horizon"] == two["horizon"]:
            assert one["mean_probability"] < two["mean_probability"]
            assert one["share_reached"] < two["share_reached"]


def test_stated_probabilities_and_what_was_met(con: duckdb.DuckDBPyConnection) -> None:
    width = {(r["horizon"], r["persistence"]): r["widening"]
             for r in rows(con, "FROM marts.projection_coverage")}  # fmt: skip
    said: dict[tuple[int, int], dict[tuple[str, str], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    met: dict[tuple[int, int], dict[tuple[str, str], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for name, item, series in judged(con):
        for case in pseudo_targets(item, series):
            p = chance(item, series, case, width) if case["possible"] else None
            if p is not None:
                place = case["h"], min(int(5 * p), 4) + 1
                said[place][name].append(p)
                met[place][name].append(case["met"])
    found = rows(con, "FROM marts.probability_track_record")
    assert {(r["horizon"], r["bin"]) for r in found} == set(said)
    for row in found:
        place = row["horizon"], row["bin"]
        assert row["n"] == sum(map(len, said[place].values()))
        assert row["n_series"] == len(said[place])
        assert row["mean_probability"] == pytest.approx(share(said[place]))
        assert row["share_reached"] == pytest.approx(share(met[place]))
