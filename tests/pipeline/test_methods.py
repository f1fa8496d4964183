"""Second opinions, projections and official projections in the published set: that they are what
plain arithmetic on the published observations gives."""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats

# What answers "on course" (with a target) or "the right way" (without), word by word.
YES = {
    True: {"achieved", "on_track", "catching_up", "target_achieved", "substantial_progress", "sun", "light_cloud"},
    False: {"improving", "slightly_improving", "substantial_progress", "moderate_progress",
            "limited_progress", "on_track", "fair"},
}  # fmt: skip
SILENT = {
    "not_assessable",
    "stable",
    "no_clear_trend",
}  # of our statuses: no answer to that question
HISTORY = tuple[str, str, list[int], list[float]]


@pytest.fixture(scope="module")
def con(first_run: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect(str(first_run["data"] / "marts" / "missiemonitor.duckdb"), True)
    yield found
    found.close()


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = con.execute(sql)
    names = [d[0] for d in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_every_target_has_three_second_opinions(con: duckdb.DuckDBPyConnection) -> None:
    number = rows(con, "SELECT count(*) AS n FROM marts.indicator_progress")[0]["n"]
    found = rows(con, "SELECT method, count(*) AS n FROM marts.second_opinions GROUP BY 1")
    assert {r["method"]: r["n"] for r in found} == {
        "statcan": number, "destatis": number, "un_progress_chart": number,
    }  # fmt: skip
    # A closed list on the real figures: no word is there that nobody explained.
    words = {r["status"] for r in rows(con, "SELECT DISTINCT status FROM marts.second_opinions")}
    assert words <= {
        "target_achieved", "substantial_progress", "moderate_progress", "limited_progress",
        "deterioration", "sun", "light_cloud", "cloud", "storm", "on_track", "fair",
        "stagnation_or_regression", "not_available",
    }  # fmt: skip


def test_methods_agree_is_what_the_words_say(con: duckdb.DuckDBPyConnection) -> None:
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for r in rows(con, "SELECT * FROM marts.second_opinions WHERE status <> 'not_available'"):
        said[r["indicator_id"], r["target_id"]].append(r["status"])
    seen = set()
    for row in rows(
        con,
        "SELECT p.*, t.kind FROM marts.indicator_progress p "
        "JOIN marts.indicator_targets t USING (indicator_id, target_id)",
    ):
        with_target = row["kind"] != "direction"
        votes = said[row["indicator_id"], row["target_id"]]
        wanted = None
        if row["status"] not in SILENT and votes:
            own = row["status"] in YES[with_target]
            wanted = all((v in YES[with_target]) == own for v in votes)
        assert row["methods_agree"] is wanted, row
        seen.add(wanted)
    assert seen == {True, False, None}


def test_second_opinions_on_the_national_total_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT period, value FROM marts.observations WHERE indicator_id = 'ghg_net_total' AND geo = 'NL'"
    y = {r["period"]: r["value"] for r in rows(con, sql)}
    found = {
        r["method"]: r
        for r in rows(
            con, "SELECT * FROM marts.second_opinions WHERE target_id = 'energy/ghg-55-2030'"
        )
    }
    observed, required = (y[2024] / y[2015]) ** (1 / 9) - 1, (102555 / y[2015]) ** (1 / 15) - 1
    assert found["statcan"]["value"] == pytest.approx(observed / required)
    assert found["statcan"]["status"] == "moderate_progress"
    ahead = y[2024] + 6 * (y[2024] - y[2019]) / 5
    assert found["destatis"]["at_target"] == pytest.approx(ahead)
    assert found["destatis"]["status"] == "sun" and ahead < 102555
    ahead = y[2024] * (1 + observed) ** 6
    assert found["un_progress_chart"]["value"] == pytest.approx(
        (ahead - y[2015]) / (102555 - y[2015])
    )
    assert found["un_progress_chart"]["status"] == "fair"


def test_the_bands_hold_about_what_they_say(con: duckdb.DuckDBPyConnection) -> None:
    found = rows(con, "FROM marts.projection_coverage")
    measured = {(r["horizon"], r["persistence"]): r for r in found}
    assert set(measured) == {(h, c) for h in range(1, 11) for c in ("all", "low", "middle", "high")}
    for horizon in (1, 3, 5):
        row = measured[horizon, "all"]
        for left_out in ("", "_indicator_out"):
            assert 0.77 <= row[f"coverage_80{left_out}"] <= 0.83, row
            assert 0.93 <= row[f"coverage_95{left_out}"] <= 0.97, row
        for name in ("low", "middle", "high"):
            assert 0.72 <= measured[horizon, name]["coverage_80"] <= 0.88, measured[horizon, name]
        # The bands of the random walk itself do not: too wide for what goes back, too narrow for
        # what goes on.
        low, high = (measured[horizon, name]["raw_coverage_80"] for name in ("low", "high"))
        assert high < 0.75 and low > 0.80
        assert row["n_series"] >= 178 + row["n_series_lent"]
    assert [measured[h, "all"]["n_series_lent"] for h in (1, 3, 5)] == [36, 26, 18]


def histories(first_run: dict[str, Any], con: duckdb.DuckDBPyConnection) -> list[HISTORY]:
    """(series, scale, years, values), each on the scale(s) on which it is projected."""
    file = (first_run["data"] / "work" / "core" / "unbroken.parquet").as_posix()
    scales: dict[str, set[str]] = defaultdict(set)
    for r in rows(con, "SELECT p.indicator_id, p.target_value, kind FROM marts.indicator_progress p "
                       "JOIN marts.indicator_targets t USING (indicator_id, target_id)"):  # fmt: skip
        if r["kind"] != "milestone":
            zero = r["target_value"] is not None and r["target_value"] <= 0
            scales[r["indicator_id"]].add("level" if zero else "log")
    found = []
    for indicator, geo, years, values in duckdb.sql(
        f"SELECT indicator_id, geo, years, values FROM '{file}' ORDER BY ALL"
    ).fetchall():
        for scale in {"level" if min(values) <= 0 else s for s in scales[indicator]}:
            found.append((f"{indicator} {geo}", scale, years, values))
    for name, given in lent(first_run["data"]).items():
        figures = [float(r["value"]) for r in given]
        scale = "log" if min(figures) > 0 else "level"
        found.append((name, scale, [int(r["period"]) for r in given], figures))
    return found


def lent(data: Path) -> dict[str, list[dict[str, str]]]:
    """Statistics Canada's series as committed: name → rows in the order of the years."""
    (body,) = data.glob("raw/curated/statcan_cif/*/body.gz")
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(gzip.decompress(body.read_bytes()).decode().splitlines()):
        found[row["series"]].append(row)
    return {name: sorted(rows, key=lambda r: r["period"]) for name, rows in found.items()}


def test_the_series_lent_begin_and_end_as_statistics_canada_published(root: Path) -> None:
    """The rule by which they were kept, against the results that it published of them."""
    with (root / "tests" / "expected" / "statcan_cif.csv").open(encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    series = lent(root / "data")
    whole = 0
    for name, given in series.items():
        values = {r["period"]: float(r["value"]) for r in given}
        assert len(values) == len(given) >= 8 and {r["geo"] for r in given} == {"CA"}, name
        indicator = name.split(" / ")[0]
        (result,) = [
            r for r in results if r["cif_indicator"] == indicator and r["from_value"]
            and values.get(r["from_year"]) == pytest.approx(float(r["from_value"]), rel=1e-9)
        ]  # fmt: skip
        if result["to_year"] in values:
            whole += 1
            assert values[result["to_year"]] == pytest.approx(float(result["to_value"]), rel=1e-9)
        else:
            assert max(values) < result["to_year"], name
        assert all(bool(r["note"]) == (result["to_year"] not in values) for r in given), name
    assert (len(series), whole) == (37, 17)


def misses(series: list[HISTORY]) -> dict[str, Any]:
    """By the text of METHOD §6: of each forecast its series, indicator, class and years ahead, and
    its error ÷ the half-width of its plain 80 % and 95 % band; all series are yearly."""
    found = []
    for name, scale, years, values in series:
        x = [math.log(v) for v in values] if scale == "log" else values
        changes = [(years[k], (x[k] - x[k - 1]) / (years[k] - years[k - 1]))
                   for k in range(1, len(x)) if years[k] - years[k - 1] <= 2]  # fmt: skip
        for i, year in enumerate(years):
            last = [change for until, change in changes if until <= year][-10:]
            n = len(last)
            if n < 6:
                continue
            mean, s = fmean(last), stdev(last)
            if s <= 1e-12 * max(map(abs, x[max(0, i - 10) : i + 1])):
                continue
            rest = [change - mean for change in last]
            r = sum(a * b for a, b in pairwise(rest)) / sum(e * e for e in rest)
            place = "low" if r <= -0.2 else "middle" if r <= 0.1 else "high"
            for k in range(i + 1, len(years)):
                h = years[k] - year
                if h <= 10:
                    error = abs(x[k] - x[i] - h * 0.65 * mean) / (s * math.sqrt(h + h * h / n))
                    found.append(
                        (name, name if "/" in name else name.split()[0], place, h, error, n)
                    )
    names, indicators, places, horizons, errors, numbers = map(np.array, zip(*found, strict=True))
    known, number = np.unique(names, return_inverse=True)
    return {
        "names": known, "name": number, "indicator": np.unique(indicators, return_inverse=True)[1],
        "class": places, "h": horizons,
        80: errors / stats.t.ppf(0.9, numbers - 1), 95: errors / stats.t.ppf(0.975, numbers - 1),
    }  # fmt: skip


def line(seen: dict[str, Any], kept: Any, band: int) -> Any:
    """(rise a year, base) through what each horizon of one class asks for."""
    factors = []
    for h in range(1, 11):
        at = kept & (seen["h"] == h)
        ratios = np.sort(seen[band][at])
        series = len(np.unique(seen["name"][at]))
        factors.append((h, ratios[math.ceil(band * len(ratios) / 100) - 1], series))
    h, factor, weight = map(np.array, zip(*factors, strict=True))
    slope, base = np.polyfit(h, factor, 1, w=np.sqrt(weight))
    return (slope, base) if slope > 0 else (0.0, np.average(factor, weights=weight))


def test_the_published_coverage_is_what_a_plain_recount_gives(
    first_run: dict[str, Any], con: duckdb.DuckDBPyConnection
) -> None:
    """No shared code: by class of persistence fit the factors, without each series and without
    each indicator, a line through them, and count."""
    found = rows(con, "FROM marts.projection_coverage")
    measured = {(r["horizon"], r["persistence"]): r for r in found}
    seen = misses(histories(first_run, con))
    own = set(lent(first_run["data"]))
    held = {}
    for left_out, band in (("name", 80), ("name", 95), ("indicator", 80), ("indicator", 95)):
        inside = held[left_out, band] = np.zeros(len(seen["h"]), dtype=bool)
        for name in ("low", "middle", "high"):
            mine = seen["class"] == name
            for owner in np.unique(seen[left_out][mine]):
                out = mine & (seen[left_out] == owner)
                slope, base = line(seen, mine & ~out, band)
                inside[out] = seen[band][out] <= base + slope * seen["h"][out]
    for (h, name), row in measured.items():
        at = (seen["h"] == h) & ((seen["class"] == name) | (name == "all"))
        assert row["n_forecasts"] == at.sum()
        reached = set(seen["names"][np.unique(seen["name"][at])])
        assert row["n_series"] == len(reached)
        assert row["n_series_lent"] == len(reached & own)
        for band in (80, 95):
            assert row[f"raw_coverage_{band}"] == pytest.approx((seen[band][at] <= 1).mean())
            assert row[f"coverage_{band}"] == pytest.approx(held["name", band][at].mean(), abs=1e-3)
            assert row[f"coverage_{band}_indicator_out"] == pytest.approx(
                held["indicator", band][at].mean(), abs=1e-3
            )
        if name == "all":
            assert row["widening"] is None and row["widening_95"] is None
            continue
        for band, suffix in ((80, ""), (95, "_95")):
            slope, base = line(seen, seen["class"] == name, band)
            assert row[f"widening{suffix}"] == pytest.approx(base + slope * h)


def test_the_projection_of_the_national_total_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    sql = ("SELECT value FROM marts.observations WHERE indicator_id = 'ghg_net_total' "
           "AND geo = 'NL' AND period >= 2014 ORDER BY period")  # fmt: skip
    logs = [math.log(r["value"]) for r in rows(con, sql)]
    assert len(logs) == 11  # 2014-2024: ten changes
    changes = [b - a for a, b in pairwise(logs)]
    mean = fmean(changes)
    rest = [change - mean for change in changes]
    r = sum(a * b for a, b in pairwise(rest)) / sum(e * e for e in rest)
    place = "low" if r <= -0.2 else "middle" if r <= 0.1 else "high"
    (measured,) = rows(con, "FROM marts.projection_coverage WHERE horizon = 6 "
                            f"AND persistence = '{place}'")  # fmt: skip
    middle = logs[-1] + 6 * 0.65 * mean
    plain = stdev(changes) * math.sqrt(6 + 36 / 10)
    t, outer = (stats.t(9, middle, plain * measured[w]) for w in ("widening", "widening_95"))
    (end,) = rows(con, "SELECT * FROM marts.target_path WHERE target_id = 'energy/ghg-55-2030' "
                       "AND indicator_id = 'ghg_net_total' AND year = 2030")  # fmt: skip
    assert end["projected"] == pytest.approx(math.exp(middle))
    assert end["low_80"] == pytest.approx(math.exp(t.ppf(0.1)))
    assert end["high_95"] == pytest.approx(math.exp(outer.ppf(0.975)))
    (row,) = rows(con, "SELECT * FROM marts.indicator_progress WHERE "
                       "target_id = 'energy/ghg-55-2030' AND indicator_id = 'ghg_net_total'")  # fmt: skip
    assert row["probability_of_target"] == pytest.approx(t.cdf(math.log(102555)))
    assert row["probability_words"] == "very_unlikely"


def test_paths_go_on_to_the_target_year_without_a_gap(con: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        con,
        """
        SELECT indicator_id, target_id, p.kind, a.target_year, a.latest_year, a.reason,
               list(year ORDER BY year) FILTER (projected IS NOT NULL) AS years
        FROM marts.target_path t
        JOIN marts.indicator_progress a USING (indicator_id, geo, target_id)
        JOIN marts.indicator_targets p USING (indicator_id, target_id) GROUP BY ALL""",
    )
    projected = [r for r in found if r["years"]]
    assert len(projected) >= 45
    for row in projected:
        assert row["years"] == list(range(row["years"][0], row["years"][-1] + 1)), row
        if row["kind"] == "direction":
            assert len(row["years"]) >= 5, row
        else:
            assert row["years"][-1] == row["target_year"], row
    assert not [r for r in projected if r["reason"] in ("stale", "context_only", "milestone_open")]
    without = rows(con, "SELECT * FROM marts.indicator_progress WHERE (probability_of_target "
                        "IS NULL) <> (probability_words IS NULL)")  # fmt: skip
    assert without == []


def test_official_projections_stand_beside_ours_by_edition(con: duckdb.DuckDBPyConnection) -> None:
    found = {r["edition"]: r for r in rows(con, "FROM marts.official_projections")}
    assert sorted(found) == [f"KEV{year}" for year in range(2019, 2026)]
    latest = found["KEV2025"]
    assert (latest["low_published"], latest["high_published"]) == (47, 54.9)
    # 47-54.9 % below the baseline of 227900 kt of 1990.
    assert latest["low"] == pytest.approx(227900 * 0.451)
    assert latest["high"] == pytest.approx(227900 * 0.53)
    assert latest["central"] is None and latest["target_then_published"] == 55
    assert latest["conversion"] == "227900 kt CO2e (1990) × (1 - published % ÷ 100)"
    assert all(r["is_secondary"] and r["source"].startswith("https://") for r in found.values())
    one_figure = found["KEV2020"]
    assert one_figure["central"] == one_figure["low"] == pytest.approx(227900 * 0.66)
