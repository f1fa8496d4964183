"""Every expectation of every table passes on the real figures and fails on a table that breaks
it, with the broken rows shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import pytest

from pipeline.paths import Paths, sql_root
from pipeline.quality.suite import validate
from pipeline.registry import load
from pipeline.sql import connect
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Expectation, Model, load_models

# A SELECT over `good` that gives a table which breaks the expectation, for each one in SQL.
BREAKS = {
    "core.rejects.per_head_plausible": "SELECT * REPLACE ('per_head=x' AS series_key) FROM good",
    "core.observations.values_plausible": "SELECT * REPLACE (false AS plausible) FROM core.editions",
    "core.observations.values_finite": "SELECT * REPLACE ('inf'::DOUBLE AS value) FROM good",
    "core.cross_checks.sectors_agree_with_total": "SELECT * REPLACE (0.03 AS deviation) FROM good",
    "core.cross_checks.parts_agree_with_totals": "SELECT * REPLACE (0.01 AS deviation) FROM good",
    "core.cross_checks.something_compared": "SELECT * FROM good WHERE name LIKE 'env%'",
    "marts.indicators.mission_exists": "SELECT * REPLACE ('moon' AS mission_id) FROM good",
    "marts.targets.number_where_due": "SELECT * REPLACE (NULL::DOUBLE AS number) FROM good",
    "marts.targets.seventeen_numbers": "SELECT * FROM good WHERE target_id <> 'energy/ghg-55-2030'",
    "marts.indicator_targets.indicator_exists": "SELECT * REPLACE ('x' AS indicator_id) FROM good",
    "marts.indicator_targets.possible_in_unit": "SELECT * REPLACE (400.0 AS target_value) FROM good",
    "marts.indicator_targets.assumed_says_why": "SELECT * REPLACE (NULL::VARCHAR AS reason) FROM good",
    "marts.observations.within_bounds": "SELECT * REPLACE (-5.0 AS value) FROM good",
    "marts.observations.every_indicator_seen": "SELECT * FROM good WHERE indicator_id <> 'smoking'",
    "marts.indicator_progress.reason_iff_unassessed": "SELECT * REPLACE (NULL::VARCHAR AS reason) FROM good",
    "marts.indicator_progress.status_has_inputs": "SELECT * REPLACE (NULL::DOUBLE AS latest_value) FROM good",
    "marts.indicator_progress.on_track_is_not_behind": "SELECT * REPLACE ('on_track' AS status, 'behind' AS position) FROM good",
    "marts.indicator_progress.every_pair_present": "SELECT * FROM good WHERE indicator_id <> 'smoking'",
    "marts.indicator_progress.baseline_not_zero_way": "SELECT * REPLACE (target_value AS baseline_value) FROM good",
    "marts.sub_mission_progress.reason_iff_unassessed": "SELECT * REPLACE (NULL::VARCHAR AS reason) FROM good",
    "marts.sub_mission_progress.status_has_inputs": "SELECT * REPLACE ('achieved' AS status) FROM good",
    "marts.sub_mission_progress.no_headline_hidden": "SELECT * REPLACE (CASE mission_id WHEN 'circular.economy.process' THEN 'circular.economy.process/recycled-55-2025' ELSE worst_target_id END AS worst_target_id) FROM good",
    "marts.sub_mission_progress.every_goal_present": "SELECT * FROM good WHERE mission_id <> 'land.delta'",
    "marts.mission_progress.counts_add_up": "SELECT * REPLACE (9::INTEGER AS n_on_track) FROM good",
    "marts.source_status.every_dataset_present": "SELECT * FROM good WHERE dataset <> 'env_air_gge'",
    "marts.source_status.in_use": "SELECT * REPLACE (NULL::VARCHAR AS vintage_id) FROM good",
    "marts.gaps.every_gap_told": "SELECT * FROM good WHERE indicator_id <> 'dementia_quality_of_life'",
    "marts.mission_gaps.both_languages": "SELECT * REPLACE (NULL::VARCHAR AS closes_nl) FROM good",
    "core.overlaps.files_agree": "SELECT * REPLACE (0.02::DOUBLE AS deviation) FROM good",
    "marts.source_status.none_pending": "SELECT * REPLACE ('x: broken' AS pending) FROM good",
    "marts.revisions.partial_withdraws_nothing": "SELECT * REPLACE ('withdrawn' AS kind) FROM good",
    "marts.peers.one_vintage": "SELECT * REPLACE (geo AS vintage_id) FROM good",
    "marts.peers.ranked_among_five": "SELECT * REPLACE (4::BIGINT AS n_ranked) FROM good",
    "core.comparable.values_finite": "SELECT * REPLACE ('inf'::DOUBLE AS value) FROM good",
    "marts.peers_over_time.latest_as_in_peers": "SELECT * REPLACE (value + 1 AS value) FROM good",
    "marts.population.people_above_zero": "SELECT * REPLACE (0.0::DOUBLE AS people) FROM good",
    "marts.per_head.home_of_every_total": "SELECT * FROM good WHERE geo <> 'NL'",
    "marts.flags.every_flag_in_words": "SELECT * REPLACE (NULL::VARCHAR AS meaning_nl) FROM good",
    "marts.flags.every_flag_told": "SELECT * FROM good WHERE NOT unsettled",
    "marts.behind.every_gap_seen": "SELECT * FROM good WHERE gap < 0",
    "marts.behind.years_as_gap": "SELECT * REPLACE (-gap AS years_behind) FROM good",
    "marts.behind.late_is_after": "SELECT * REPLACE ('in_time' AS arrival) FROM good",
    "marts.projection_coverage.holds_over_all_classes": "SELECT * REPLACE (0.7 AS coverage_80) FROM good",
    "marts.status_track_record.one_share": "SELECT * REPLACE (NULL::DOUBLE AS share_reached) FROM good",
    "core.unbroken.as_long_as_each_other": "SELECT * REPLACE (values[2:] AS values) FROM good",
    "marts.official_projections.band_in_order": "SELECT * REPLACE (high + 1 AS low) FROM good",
    "marts.official_projections.every_entry_seen": "SELECT * FROM good WHERE false",
    "marts.second_opinions.reason_iff_not_available": "SELECT * REPLACE (NULL::VARCHAR AS reason) FROM good",
    "marts.second_opinions.no_vote_without_opinion": "SELECT * REPLACE ('better' AS verdict) FROM good",
    "marts.target_path.path_or_value": "SELECT * REPLACE (NULL::DOUBLE AS required, NULL::DOUBLE AS actual, NULL::DOUBLE AS projected) FROM good",
    "marts.target_path.bands_in_order": "SELECT * REPLACE (high_95 AS low_80) FROM good",
    "marts.target_path.projected_after_latest": "SELECT * REPLACE (1.0::DOUBLE AS projected) FROM good",
}  # fmt: skip
MODELS = load_models(sql_root())

# Checks whose query reads another table than their own.
READS = {"core.observations.values_plausible": "core.editions"}


@pytest.fixture(scope="module")
def con(first_run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A DuckDB that sees every table of the finished run."""
    warehouse = Warehouse(Paths(first_run["data"]).work, load().datasets, MODELS)
    found = connect()
    names = set(MODELS) | {u for m in MODELS.values() for u in m.upstream}
    # The table of all checks' outcomes would be written anew; no expectation reads it.
    warehouse._attach(found, names - {"checks.results"})
    yield found
    found.close()


def broken(frame: pd.DataFrame, expectation: Expectation, model: Model) -> pd.DataFrame:
    """The frame with what the expectation forbids."""
    options = expectation.options
    match expectation.kind:
        case "schema":
            return frame.drop(columns=[model.columns[-1].name])
        case "unique":
            return pd.concat([frame, frame.head(1)], ignore_index=True)
        case "rows":
            return frame.iloc[1:].reset_index(drop=True)
    column = options["column"]
    wrong: Any = {
        "not_null": None,
        "in_set": False if options.get("values") == [True] else "?",
    }.get(expectation.kind, 1e99)
    changed = frame.copy()
    changed[column] = changed[column].astype(object)
    changed.loc[0, column] = wrong
    return changed


def test_every_check_in_sql_has_its_broken_table() -> None:
    assert set(BREAKS) == {
        f"{m.name}.{e.name}" for m in MODELS.values() for e in m.expectations if e.kind == "no_rows"
    }


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_an_expectation_passes_on_the_figures_and_fails_when_broken(
    con: duckdb.DuckDBPyConnection, model: Model
) -> None:
    con.execute(f"CREATE OR REPLACE TEMP VIEW good AS SELECT * FROM {model.name}")
    table = con.execute("SELECT * FROM good").df()
    for expectation in model.expectations:
        name = f"{model.name}.{expectation.name}"
        if expectation.kind == "no_rows":
            sql = expectation.options["sql"]
            good = con.execute(sql).df()
            con.execute(f"CREATE OR REPLACE TEMP TABLE bad AS {BREAKS[name]}")
            read = READS.get(name, model.name)
            assert read in sql
            bad = con.execute(sql.replace(read, "bad")).df()
            wanted = ("rows", {"value": 0})
        else:
            good, bad = table, broken(table, expectation, model)
            wanted = (expectation.kind, dict(expectation.options))
            if expectation.kind == "schema":
                wanted = ("schema", {"columns": [c.name for c in model.columns]})
        (passes,), (fails,) = validate(good, [wanted]), validate(bad, [wanted])
        assert passes["passed"], name
        assert not fails["passed"] and fails["failing_rows"] > 0 and fails["rows"], name
