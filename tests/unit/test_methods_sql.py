"""Second opinions and projections as tables, over small ones made up here: what reaches the
methods, what is refused and why. The arithmetic has its own tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pipeline.paths import sql_root
from pipeline.progress.method import tables
from pipeline.warehouse.build import connect
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import load_models

MODELS = load_models(sql_root())
TABLES = {
    "registry.indicators": "indicator_id VARCHAR, direction VARCHAR, fit VARCHAR, "
    "bound_low DOUBLE, bound_high DOUBLE, unit VARCHAR, cadence INTEGER",
    "registry.breaks": "indicator_id VARCHAR, geo VARCHAR, year INTEGER",
    "registry.carried_forward": "indicator_id VARCHAR, geo VARCHAR, year INTEGER",
    "registry.official_projections": "projection_id VARCHAR, indicator_id VARCHAR, "
    "target_id VARCHAR, source VARCHAR, dataset VARCHAR, measure VARCHAR, publisher VARCHAR, "
    "title_nl VARCHAR, title_en VARCHAR, secondary BOOLEAN, caveat_nl VARCHAR, caveat_en VARCHAR",
    "registry.datasets": "source VARCHAR, dataset VARCHAR, serves VARCHAR",
    "raw.observations": "source VARCHAR, dataset VARCHAR, vintage_id VARCHAR, series_key VARCHAR, "
    "geo VARCHAR, year INTEGER, value DOUBLE, unit VARCHAR",
    "core.observations": "indicator_id VARCHAR, geo VARCHAR, period INTEGER, value DOUBLE, "
    "flags VARCHAR[], plausible BOOLEAN",
    "core.assessments": "indicator_id VARCHAR, geo VARCHAR, target_id VARCHAR, kind VARCHAR, "
    "target_year INTEGER, target_value DOUBLE, status VARCHAR, reason VARCHAR, "
    "baseline_value DOUBLE, baseline_year INTEGER",
}
COMPUTED = (
    "core.unbroken", "core.histories", "core.backtest", "core.opinions", "core.projections",
)  # fmt: skip


@pytest.fixture
def con() -> Iterator[Any]:
    found = connect()
    for schema in ("registry", "raw", "core", "run"):
        found.execute(f"CREATE SCHEMA {schema}")
    for name, columns in TABLES.items():
        found.execute(f"CREATE TABLE {name} ({columns})")
    found.register("words", tables()["run.statuses"])
    found.execute("CREATE TABLE run.statuses AS FROM words")
    yield found
    found.close()


def observe(
    con: Any, name: str, values: Mapping[int, float], geo: str = "NL", breaks: tuple[int, ...] = ()
) -> None:
    for year, value in values.items():
        flags = ["b"] if year in breaks else []
        con.execute(
            "INSERT INTO core.observations VALUES (?, ?, ?, ?, ?, true)",
            [name, geo, year, value, flags],
        )


def judge(con: Any, name: str, **changes: Any) -> None:
    item: dict[str, Any] = {
        "direction": "down", "fit": "direct", "low": None, "high": None, "kind": "level",
        "target_year": 2030, "target": 60.0, "status": "on_track", "reason": None,
    } | changes  # fmt: skip
    con.execute("INSERT INTO registry.indicators VALUES (?, ?, ?, ?, ?, 'u', 1)",
                [name, item["direction"], item["fit"], item["low"], item["high"]])  # fmt: skip
    con.execute(
        "INSERT INTO core.assessments VALUES (?, 'NL', 't', ?, ?, ?, ?, ?, 100, 2015)",
        [name, item["kind"], item["target_year"], item["target"], item["status"], item["reason"]],
    )


def rows(con: Any, sql: str) -> list[tuple[Any, ...]]:
    """The answer over tables that are computed anew from what was put in."""
    for name in COMPUTED:
        con.execute(f"DROP TABLE IF EXISTS {name}")
        compute(con, MODELS[name], into=name)
    found: list[tuple[Any, ...]] = con.execute(sql).fetchall()
    return found


def crowd(con: Any) -> None:
    """Enough other series, up and down as the others here, to measure the bands by."""
    judge(con, "crowd", kind="direction", target=None, target_year=None, status="improving")
    for k in range(25):
        observe(con, "crowd", {2000 + i: 50.0 + i % 2 * (9 + (7 * i * (k + 3)) % 5) for i in range(24)}, f"G{k}")


YEARLY = {2013 + i: 100.0 - 3 * i + i % 2 for i in range(11)}


def test_growth_is_taken_over_the_last_unbroken_part_only(con: Any) -> None:
    observe(con, "flag", YEARLY, breaks=(2016, 2020))
    observe(con, "named", YEARLY)
    observe(con, "named", YEARLY, "BE")
    observe(con, "future", YEARLY)
    observe(con, "last", YEARLY, breaks=(2023,))
    con.execute("INSERT INTO registry.breaks VALUES ('named', 'NL', 2019), ('future', NULL, 2024)")
    found = {(n, g): (b, y[0], y[-1]) for n, g, b, y in rows(
        con, "SELECT indicator_id, geo, break_year, years FROM core.unbroken")}  # fmt: skip
    assert found == {
        ("flag", "NL"): (2020, 2020, 2023),
        ("named", "NL"): (2019, 2019, 2023),
        ("named", "BE"): (None, 2013, 2023),
        ("future", "NL"): (None, 2013, 2023),
        ("last", "NL"): (2023, 2023, 2023),
    }


def test_values_carried_forward_are_no_observations(con: Any) -> None:
    observe(con, "x", YEARLY | {2024: 71.0, 2025: 71.0}, breaks=(2025,))
    con.execute("INSERT INTO registry.carried_forward VALUES ('x', NULL, 2024), ('x', 'NL', 2025)")
    # The break of 2025 lies beyond what was observed.
    assert rows(con, "SELECT years[-1], break_year FROM core.unbroken") == [(2023, None)]


def test_a_break_at_the_last_year_leaves_no_opinion_and_no_projection(con: Any) -> None:
    crowd(con)
    judge(con, "x")
    observe(con, "x", YEARLY, breaks=(2023,))
    found = rows(con, "SELECT method, status, agrees FROM core.opinions WHERE indicator_id = 'x'")
    assert len(found) == 3 and {f[1:] for f in found} == {("not_available", None)}
    assert rows(con, "SELECT reason FROM core.projections WHERE indicator_id = 'x'") == [
        ("too_few_points",)
    ]


def test_methods_without_an_opinion_do_not_vote(con: Any) -> None:
    judge(con, "good", kind="direction", target=None, status="improving")
    judge(con, "bad", kind="direction", target=None, status="worsening")
    judge(con, "none", kind="direction", target=None, status="not_assessable", reason="stale")
    for name in ("good", "bad", "none"):
        observe(con, name, YEARLY)
    found = {(n, m): (v, a) for n, m, v, a in rows(
        con, "SELECT indicator_id, method, verdict, agrees FROM core.opinions")}  # fmt: skip
    assert found["good", "statcan"] == ("better", True)
    assert found["bad", "statcan"] == ("better", False)
    assert found["none", "statcan"] == ("better", None)
    assert {found[n, "destatis"] for n in ("good", "bad", "none")} == {(None, None)}


def test_the_natural_limit_is_the_bound_in_the_wanted_direction(con: Any) -> None:
    up = {2015 + i: 96 + 0.2 * i for i in range(9)}  # .2 % a year, close to 100
    judge(con, "up", direction="up", kind="direction", target=None, low=0, high=100)
    judge(con, "free", direction="up", kind="direction", target=None, low=0)
    for name in ("up", "free"):
        observe(con, name, up)
    found = dict(rows(con, "SELECT indicator_id, status FROM core.opinions "
                           "WHERE method = 'statcan'"))  # fmt: skip
    # C = 1 - .96^4.44 = .1658: .2 % beats .5 % × C and not 1.5 % × C = .249 %.
    assert found == {"up": "moderate_progress", "free": "limited_progress"}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("stale", {"status": "not_assessable", "reason": "stale"}),
        ("context_only", {"status": "not_assessable", "reason": "context_only"}),
        ("milestone", {"kind": "milestone", "target": None}),
        ("baseline_missing", {"kind": "change", "target": None}),
        ("target_year_passed", {"target_year": 2023}),
        (None, {}),
        (None, {"kind": "direction", "target": None, "target_year": None}),
    ],
)
def test_what_is_not_projected_says_why(
    con: Any, reason: str | None, changes: dict[str, Any]
) -> None:
    crowd(con)
    judge(con, "x", **changes)
    observe(con, "x", YEARLY)
    ((found, ahead, chance),) = rows(
        con, "SELECT reason, ahead, probability FROM core.projections WHERE indicator_id = 'x'"
    )
    assert found == reason
    assert bool(ahead) == (reason is None)
    assert (chance is not None) == (reason is None and changes.get("kind") is None)


def test_a_series_that_is_lent_tries_the_bands_and_is_counted_apart(con: Any) -> None:
    crowd(con)
    con.execute(
        "INSERT INTO registry.datasets VALUES ('s', 'lent', 'backtest'), ('s', 'kev', NULL)"
    )
    ask = (
        "SELECT horizon, n_series, n_series_lent, n_forecasts FROM core.backtest "
        "WHERE horizon < 3 AND persistence = 'all'"
    )
    before = rows(con, ask)
    assert [r[1:3] for r in before] == [(25, 0), (25, 0)]
    # Eight years: one origin, one year ahead. The other dataset is somebody's projections.
    for dataset in ("lent", "kev"):
        for year, value in list(YEARLY.items())[:8]:
            con.execute("INSERT INTO raw.observations VALUES ('s', ?, 'v', 'series=a', 'CA', ?, ?, '')",
                        [dataset, year, value])  # fmt: skip
    (one, two) = rows(con, ask)
    assert one == (1, 26, 1, before[0][3] + 1)
    assert two == before[1]


def test_without_enough_history_no_band_is_drawn(con: Any) -> None:
    judge(con, "x")
    judge(con, "y")
    observe(con, "x", YEARLY)
    assert rows(con, "SELECT * FROM core.backtest") == []
    assert rows(con, "SELECT indicator_id, reason FROM core.projections ORDER BY 1") == [
        ("x", "bands_not_measured"), ("y", "no_data"),
    ]  # fmt: skip


def test_net_zero_and_negative_series_are_tried_on_the_level(con: Any) -> None:
    crowd(con)
    judge(con, "zero", target=0.0)
    judge(con, "minus", target=-200.0)
    observe(con, "zero", YEARLY)
    observe(con, "minus", {y: v - 100 for y, v in YEARLY.items()})
    assert rows(con, "SELECT indicator_id, scale FROM core.projections "
                     "WHERE indicator_id <> 'crowd' ORDER BY 1") == [
        ("minus", "level"), ("zero", "level"),
    ]  # fmt: skip


def test_official_projections_in_another_measure_are_converted_and_say_how(con: Any) -> None:
    judge(con, "x")
    for name, measure in (("pct", "reduction_pct"), ("own", "level")):
        con.execute(
            "INSERT INTO registry.official_projections VALUES (?, 'x', 't', 's', ?, ?, 'p', 'nl', "
            "'en', false, NULL, NULL)", [name, name, measure],
        )  # fmt: skip
        for bound, value in (("low", 40.0), ("high", 50.0), ("central", 44.0)):
            con.execute("INSERT INTO raw.observations VALUES ('s', ?, 'v', ?, 'NL', 2030, ?, '%')",
                        [name, f"bound={bound}|edition=E1|page_url=https://a.example/?b=c|d",
                         value])  # fmt: skip
    found = rows(
        con,
        "SELECT projection_id, edition, low, central, high, unit_published, conversion, source "
        f"FROM ({MODELS['marts.official_projections'].query}) ORDER BY 1 DESC",
    )
    page = "https://a.example/?b=c|d"
    assert found == [
        ("pct", "E1", 50.0, pytest.approx(56.0), 60.0, "% below 2015",
         "100 u (2015) × (1 - published % ÷ 100)", page),
        ("own", "E1", 40.0, 44.0, 50.0, "u", "none: published in the unit of the indicator", page),
    ]  # fmt: skip
