"""Editions, revisions and peers: the SQL that runs every night over small tables made up here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pipeline.paths import sql_root
from pipeline.progress.method import tables
from pipeline.warehouse.build import connect
from pipeline.warehouse.model import load_models

MODELS = load_models(sql_root())
TABLES = {
    "registry.indicators": "indicator_id VARCHAR, plausible_low DOUBLE, plausible_high DOUBLE, "
    "intensive BOOLEAN, unit VARCHAR, direction VARCHAR, fit VARCHAR",
    "registry.operands": "indicator_id VARCHAR, alternative INTEGER, op VARCHAR, require VARCHAR, "
    "flag VARCHAR, scale DOUBLE, position INTEGER, source VARCHAR, dataset VARCHAR, "
    "series_key VARCHAR, from_year INTEGER",
    "registry.per_head": "indicator_id VARCHAR, unit VARCHAR, scale DOUBLE, source VARCHAR, "
    "dataset VARCHAR, series_key VARCHAR",
    "registry.peers": "geo VARCHAR, position INTEGER, aggregate BOOLEAN",
    "registry.breaks": "indicator_id VARCHAR, geo VARCHAR, year INTEGER",
    "registry.carried_forward": "indicator_id VARCHAR, geo VARCHAR, year INTEGER",
    "raw.vintages": "source VARCHAR, dataset VARCHAR, vintage_id VARCHAR, known_from VARCHAR, "
    "partial BOOLEAN, position INTEGER, verdict VARCHAR",
    "raw.all_observations": "source VARCHAR, dataset VARCHAR, vintage_id VARCHAR, "
    "series_key VARCHAR, geo VARCHAR, year INTEGER, period VARCHAR, value DOUBLE, flags VARCHAR[]",
}


@pytest.fixture
def con() -> Iterator[Any]:
    found = connect()
    for schema in ("registry", "raw", "core", "marts", "run"):
        found.execute(f"CREATE SCHEMA {schema}")
    for name, columns in TABLES.items():
        found.execute(f"CREATE TABLE {name} ({columns})")
    found.register("numbers", tables()["run.method"])
    found.execute("CREATE TABLE run.method AS FROM numbers")
    found.execute(
        "CREATE VIEW raw.observations AS SELECT * FROM raw.all_observations o WHERE EXISTS "
        "(SELECT 1 FROM raw.vintages v WHERE v.vintage_id = o.vintage_id AND NOT v.partial "
        "QUALIFY row_number() OVER (ORDER BY position DESC) = 1)"
    )
    for name in ("core.editions", "core.observations", "marts.revisions", "marts.peers"):
        found.execute(f"CREATE VIEW {name} AS {MODELS[name].query}")
    yield found
    found.close()


def indicator(con: Any, name: str, op: str, *datasets: str, **changes: Any) -> None:
    item = {"intensive": True, "direction": "down", "fit": "direct", "require": "all"} | changes
    con.execute(
        "INSERT INTO registry.indicators VALUES (?, -1000, 1000000, ?, 'u', ?, ?)",
        [name, item["intensive"], item["direction"], item["fit"]],
    )
    for n, dataset in enumerate(datasets, 1):
        con.execute(
            "INSERT INTO registry.operands VALUES (?, ?, ?, ?, NULL, 1, ?, 's', ?, ?, NULL)",
            [name, 1, op, item["require"], n, dataset, f"k{n}" if op == "sum" else "k1"],
        )


def vintage(
    con: Any,
    dataset: str,
    name: str,
    day: str,
    cells: dict[tuple[str, int], float],
    *,
    partial: bool = False,
    verdict: str = "accepted",
    key: str = "k1",
    flags: Sequence[tuple[str, int]] = (),
) -> None:
    known = con.execute("SELECT count(*) FROM raw.vintages WHERE dataset = ?", [dataset])
    con.execute(
        "INSERT INTO raw.vintages SELECT 's', ?, ?, ?, ?, ?, ? WHERE NOT EXISTS "
        "(SELECT 1 FROM raw.vintages WHERE vintage_id = ?)",
        [dataset, name, day, partial, known.fetchone()[0] + 1, verdict, name],
    )
    for (geo, year), value in cells.items():
        con.execute(
            "INSERT INTO raw.all_observations VALUES ('s', ?, ?, ?, ?, ?, ?, ?, ?)",
            [dataset, name, key, geo, year, str(year), value,
             ["b"] if (geo, year) in flags else []],
        )  # fmt: skip


def nl(first: int, *values: float) -> dict[tuple[str, int], float]:
    return {("NL", first + n): float(v) for n, v in enumerate(values)}


def revisions(con: Any) -> list[tuple[Any, ...]]:
    return con.execute(
        "SELECT period, vintage_id, vintage_before, kind, value_before, value_after "
        "FROM marts.revisions ORDER BY known_from, vintage_id, period"
    ).fetchall()


def test_first_figures_revise_nothing(con: Any) -> None:
    indicator(con, "i", "series", "d")
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 1, 2, 3))
    assert revisions(con) == []
    assert con.execute("SELECT count(*) FROM core.observations").fetchone() == (3,)


def test_revised_new_and_withdrawn_years(con: Any) -> None:
    indicator(con, "i", "series", "d")
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 1, 2, 3))
    vintage(con, "d", "v2", "2026-01-01", nl(2021, 2, 5, 4))
    assert revisions(con) == [
        (2020, "v2", "v1", "withdrawn", 1.0, None),
        (2022, "v2", "v1", "revised", 3.0, 5.0),
        (2023, "v2", "v1", "new", None, 4.0),
    ]
    now = con.execute("SELECT period, value FROM core.observations ORDER BY 1").fetchall()
    assert now == [(2021, 2.0), (2022, 5.0), (2023, 4.0)]
    change = con.execute("SELECT change, change_pct FROM marts.revisions WHERE kind = 'revised'")
    assert change.fetchone() == (2.0, pytest.approx(100 * 2 / 3))


def test_a_partial_vintage_is_compared_and_never_read_or_compared_with(con: Any) -> None:
    indicator(con, "i", "series", "d")
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 1, 2, 3))
    vintage(con, "d", "half", "2025-06-01", nl(2021, 9), partial=True)
    vintage(con, "d", "v2", "2026-01-01", nl(2020, 1, 2, 4))
    assert revisions(con) == [
        (2021, "half", "v1", "revised", 2.0, 9.0),
        (2022, "v2", "v1", "revised", 3.0, 4.0),
    ]
    values = con.execute("SELECT list(value ORDER BY period) FROM core.observations").fetchone()
    assert values == ([1.0, 2.0, 4.0],)


def test_a_quarantined_vintage_is_no_edition(con: Any) -> None:
    indicator(con, "i", "series", "d")
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 1, 2, 3))
    vintage(con, "d", "bad", "2025-06-01", nl(2020, 100, 200, 300), verdict="quarantined")
    assert revisions(con) == []


def test_an_index_on_another_base_is_told_apart_from_a_revision(con: Any) -> None:
    indicator(con, "i", "series", "d")
    before = [80.0, 90.0, 100.0, 110.0, 125.0]
    vintage(con, "d", "v1", "2025-01-01", nl(2020, *before))
    # 2022 = 100 becomes 2020 = 100; rounded to one decimal as publishers do.
    after = [round(v / 0.8, 1) for v in before]
    vintage(con, "d", "v2", "2026-01-01", nl(2020, *after, 160.0))
    assert [r[3] for r in revisions(con)] == [*["rebased"] * 5, "new"]
    # One value out of step, or a shift within two per cent, is a revision.
    vintage(con, "d", "v3", "2027-01-01", nl(2020, *after[:4], 150.0, 160.0))
    vintage(con, "d", "v4", "2028-01-01", nl(2020, *(1.01 * v for v in [*after[:4], 150, 160])))
    assert {(r[1], r[3]) for r in revisions(con) if r[1] in ("v3", "v4")} == {
        ("v3", "revised"), ("v4", "revised"),
    }  # fmt: skip


def test_a_ratio_of_two_datasets_has_an_edition_for_each_arrival(con: Any) -> None:
    indicator(con, "i", "ratio", "cases", "people")
    vintage(con, "cases", "c1", "2025-01-01", nl(2020, 10, 20))
    vintage(con, "people", "p1", "2025-02-01", nl(2020, 10, 10))
    vintage(con, "people", "p2", "2025-06-01", nl(2020, 5, 10))
    vintage(con, "cases", "c2", "2026-01-01", nl(2020, 10, 30))
    # Cases alone give nothing: the first figures came with the people, and revise nothing.
    assert revisions(con) == [
        (2020, "p2", "p1", "revised", 1.0, 2.0),
        (2021, "c2", "p2", "revised", 2.0, 3.0),
    ]
    used = con.execute("SELECT DISTINCT vintage_id FROM core.observations").fetchall()
    assert used == [("c2+p2",)]


def test_two_vintages_of_one_day_make_one_edition(con: Any) -> None:
    indicator(con, "i", "ratio", "cases", "people")
    vintage(con, "cases", "c1", "2025-01-01", nl(2020, 10))
    vintage(con, "people", "p1", "2025-01-01", nl(2020, 10))
    vintage(con, "cases", "c2", "2026-01-01", nl(2020, 20))
    vintage(con, "people", "p2", "2026-01-01", nl(2020, 5))
    assert revisions(con) == [(2020, "c2+p2", "c1+p1", "revised", 1.0, 4.0)]


def test_two_vintages_of_one_dataset_on_one_day_are_two_editions(con: Any) -> None:
    indicator(con, "i", "series", "d")
    for name, value in (("v1", 1), ("z", 2), ("a", 3)):
        # In the archive's order, which retrieval decides where dates are equal; not the ids.
        vintage(con, "d", name, "2025-01-01", nl(2020, value))
    assert [(r[1], r[2], r[5]) for r in sorted(revisions(con), key=lambda r: r[5])] == [
        ("z", "v1", 2.0), ("a", "z", 3.0),
    ]  # fmt: skip
    assert con.execute("SELECT value, vintage_id FROM core.observations").fetchall() == [(3.0, "a")]


def test_part_of_a_sum_in_a_partial_vintage_is_no_sum(con: Any) -> None:
    indicator(con, "i", "sum", "d", "d", require="any")
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 1, 1))
    vintage(con, "d", "v1", "2025-01-01", nl(2020, 2, 2), key="k2")
    vintage(con, "d", "half", "2026-01-01", nl(2020, 5, 5), partial=True)
    vintage(con, "d", "half", "2026-01-01", nl(2020, 5), key="k2", partial=True)
    assert revisions(con) == [(2020, "half", "v1", "revised", 3.0, 10.0)]


# ---- peers ------------------------------------------------------------------------------------

AREAS = ["EU", "A", "B", "C", "D"]


def areas(con: Any) -> None:
    for n, geo in enumerate(AREAS, 1):
        con.execute("INSERT INTO registry.peers VALUES (?, ?, ?)", [geo, n, geo == "EU"])


def grid(first: int, **series: Sequence[float]) -> dict[tuple[str, int], float]:
    return {(g, first + n): float(v) for g, values in series.items() for n, v in enumerate(values)}


def peers(con: Any, *columns: str) -> dict[str, tuple[Any, ...]]:
    rows = con.execute(f"SELECT geo, {', '.join(columns)} FROM marts.peers").fetchall()
    return {row[0]: row[1:] for row in rows}


def test_rank_one_is_the_best_and_an_aggregate_has_none(con: Any) -> None:
    areas(con)
    indicator(con, "i", "series", "d", direction="up")
    level = {"NL": 5, "EU": 9, "A": 1, "B": 5, "C": 7, "D": 3}
    cells = grid(2019, **{g: [v] * 6 for g, v in level.items()})
    vintage(con, "d", "v1", "2025-01-01", cells)
    assert peers(con, "rank", "n_ranked") == {
        "C": (1, 5), "NL": (2, 5), "B": (2, 5), "D": (4, 5), "A": (5, 5), "EU": (None, None),
    }  # fmt: skip
    con.execute("UPDATE registry.indicators SET direction = 'down'")
    assert peers(con, "rank")["A"] == (1,)
    for no in ("direction = NULL", "fit = 'context', direction = 'up'"):
        con.execute(f"UPDATE registry.indicators SET {no}")
        assert set(peers(con, "rank").values()) == {(None,)}


def test_no_rank_among_four_or_with_figures_of_other_years(con: Any) -> None:
    areas(con)
    indicator(con, "i", "series", "d")
    cells = grid(2019, NL=[1] * 6, A=[2] * 5, B=[3] * 6, C=[4] * 6, D=[5] * 4)
    vintage(con, "d", "v1", "2025-01-01", cells)
    # D's last year is two before the Dutch one; A's is one before.
    assert set(peers(con, "rank").values()) == {(None,)}
    vintage(con, "d", "v2", "2025-02-01", cells | {("D", 2023): 5.0})
    assert {g: r for g, (r,) in peers(con, "rank").items()} == {
        "NL": 1, "A": 2, "B": 3, "C": 4, "D": 5,
    }  # fmt: skip


def test_paces_share_one_basis_and_stop_at_breaks(con: Any) -> None:
    areas(con)
    indicator(con, "i", "series", "d")
    cells = grid(2019, NL=[32, 16, 8, 4, 2, 1], A=[1, 2, 3, 4, 5, 6], B=[9, 9, 9, 9, 9, 9])
    vintage(con, "d", "v1", "2025-01-01", cells, flags=[("A", 2021), ("B", 2022)])
    found = peers(con, "pace_recent", "pace_basis", "window_start")
    assert found["NL"] == (pytest.approx(-0.5), "cagr", 2019)
    assert found["A"] == (pytest.approx(2 ** (1 / 3) - 1), "cagr", 2021)
    assert found["B"] == (None, None, None)
    # One value at 0 in one area makes all paces linear: they are there to be compared.
    vintage(con, "d", "v2", "2025-02-01", cells | {("A", 2020): 0.0})
    found = peers(con, "pace_recent", "pace_basis")
    assert found["NL"] == (pytest.approx((1 - 32) / 5), "linear")
    assert found["A"] == (1.0, "linear")


def test_totals_are_compared_per_head_only_as_declared(con: Any) -> None:
    areas(con)
    indicator(con, "total", "series", "d", intensive=False)
    vintage(con, "d", "v1", "2025-01-01", grid(2024, NL=[36], A=[10]))
    assert peers(con, "rank") == {}
    con.execute(
        "INSERT INTO registry.per_head VALUES ('total', 't/head', 1000, 's', 'people', 'k1')"
    )
    vintage(con, "people", "p1", "2025-01-01", grid(2024, NL=[18000], A=[2000]))
    con.execute("CREATE OR REPLACE VIEW raw.observations AS SELECT * FROM raw.all_observations")
    assert peers(con, "latest_value", "unit", "per_head", "vintage_id") == {
        "NL": (2.0, "t/head", True, "p1+v1"), "A": (5.0, "t/head", True, "p1+v1"),
    }  # fmt: skip


def test_areas_of_another_vintage_are_not_compared(con: Any) -> None:
    areas(con)
    indicator(con, "i", "series", "d")
    # The second choice, another dataset, has an area more; a row each of the other vintage.
    con.execute(
        "INSERT INTO registry.operands VALUES "
        "('i', 2, 'series', 'all', NULL, 1, 1, 's', 'old', 'k1', NULL)"
    )
    vintage(con, "d", "v1", "2025-01-01", grid(2024, NL=[1], A=[2]))
    vintage(con, "old", "w1", "2024-01-01", grid(2024, NL=[7], A=[7], EU=[7]))
    assert con.execute("SELECT count(*) FROM core.observations").fetchone() == (3,)
    assert peers(con, "vintage_id") == {"NL": ("v1",), "A": ("v1",)}
