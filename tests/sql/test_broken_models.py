"""The cases can fail: each model with rules, broken once, turns at least one of its cases red."""

from __future__ import annotations

import pytest

from tests.sql.test_cases import FILES, MODELS, CaseError, run


@pytest.mark.parametrize(
    ("model", "words", "broken"),
    [
        ("core.cross_checks", "HAVING count(*) = any_value(len(p.members))", ""),
        ("core.editions", "v.known_from <= a.known_from", "true"),
        ("core.histories", "d.serves = 'backtest'", "true"),
        ("core.observations", "is_current AND ", ""),
        ("core.opinions", "LEFT JOIN core.unbroken", "JOIN core.unbroken"),
        ("core.own_status", "role = 'headline' AND counts AND fit", "role = 'headline' AND fit"),
        ("core.projections", "'context_only', 'stale'", "'context_only'"),
        ("core.ranked", "a.tie NULLS LAST", "a.tie NULLS FIRST"),
        ("core.rejects", "AND o.series_key = r.series_key", ""),
        ("core.series", "e.target_year < t.target_year", "e.target_year <= t.target_year"),
        ("core.track_record", "'base': widening_base,", "'base': widening_base_95,"),
        ("core.unbroken", "WHERE b.year <= l.year", ""),
        ("marts.indicator_progress", "bool_and(agrees)", "bool_or(agrees)"),
        ("marts.indicators", "WHERE geo IS NULL OR geo = 'NL'", ""),
        ("marts.mission_progress", "m.level = 'sub_mission'", "m.level <> 'mission'"),
        ("marts.observations", "WHERE o.plausible", ""),
        ("marts.official_projections", "base * (1 - high_published / 100) END AS low", "base * (1 - low_published / 100) END AS low"),
        ("marts.peers", "abs(l.latest_year - h.year) <= k.years_apart", "true"),
        ("marts.probability_track_record", "WHERE possible AND", "WHERE"),
        ("marts.revisions", "AND NOT b.partial", ""),
        ("marts.source_status", "WHERE NOT partial", ""),
        ("marts.status_track_record", "count(*) FILTER (possible)", "count(*)"),
        ("marts.sub_mission_progress", "v.until::DATE >= r.reference_date", "true"),
        ("marts.target_path", "FULL JOIN ahead", "LEFT JOIN ahead"),
    ],
)  # fmt: skip
def test_a_broken_model_turns_a_case_red(model: str, words: str, broken: str) -> None:
    query = MODELS[model].query
    assert words in query, "the SQL says it in other words now: break it anew"
    red = []
    for name in [f for f in FILES if f.startswith(f"{model}/")]:
        try:
            run(FILES[name], query.replace(words, broken))
        except CaseError as error:
            assert "cannot be run" not in str(error)
            red.append(name)
    assert red, "no case noticed"
