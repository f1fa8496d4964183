"""The cases can fail: each model with rules, broken once, turns at least one of its cases red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql.test_cases import FILES, MODELS, CaseError, run


@pytest.mark.parametrize(
    ("model", "words", "broken"),
    [
        ("core.comparable", "AND NOT carried_forward GROUP BY", "GROUP BY"),
        ("core.comparable", "AND NOT t.carried_forward AND", "AND"),
        ("core.comparable", "= h.vintage_id", "IS NOT NULL"),
        ("core.comparable", "AND r.year = o.period", ""),
        ("core.comparable", "list_concat(o.flags, r.flags)", "o.flags"),
        ("core.cross_checks", "HAVING count(*) = any_value(len(p.members))", ""),
        ("core.editions", "v.known_from <= a.known_from", "true"),
        ("core.histories", "d.serves = 'backtest'", "true"),
        ("core.observations", "is_current AND ", ""),
        ("core.opinions", "LEFT JOIN core.unbroken", "JOIN core.unbroken"),
        ("core.opinions", "own.is_on_course", "own.standing = 'on_course' AS is_on_course"),
        ("core.overlaps", "o.agree IS NOT NULL AND", ""),
        ("core.overlaps", "n.year = r.year AND", ""),
        ("core.own_status", "role = 'headline' AND counts AND fit", "role = 'headline' AND fit"),
        ("core.own_status", "CASE fit WHEN 'direct' THEN 1 ELSE 2 END, severity_rank", "severity_rank"),
        ("core.own_status", "(awaiting_target_year AND status <> 'achieved')", "false"),
        ("core.own_status", "(awaiting_target_year AND status <> 'achieved')", "awaiting_target_year"),
        ("core.own_status", "FILTER (strength = 'law')", ""),
        ("core.own_status", "'exploratory' AND standing = 'failing'", "'exploratory'"),
        ("core.own_status", "WHEN n.n_indicators > 0", "WHEN true"),
        ("core.own_status", "WHEN n.n_indicators > 0", "WHEN false"),
        ("core.projections", "'context_only', 'stale'", "'context_only'"),
        ("core.ranked", "a.tie IS NULL", "a.tie IS NOT NULL"),
        ("core.ranked", "a.ratio_short IS NULL, ", ""),
        ("core.ranked", "a.ratio_short IS NULL, a.tie", "a.ratio_short IS NULL, a.tie DESC"),
        ("core.rejects", "AND o.series_key = r.series_key", ""),
        ("core.series", "e.target_year < t.target_year", "e.target_year <= t.target_year"),
        ("core.track_record", "'base': widening_base,", "'base': widening_base_95,"),
        ("core.unbroken", "WHERE b.year <= l.year", ""),
        ("core.series", "i.modelled", "NOT i.modelled AS modelled"),
        ("marts.behind", "a.latest_year - u.year AS", "u.year - a.latest_year AS"),
        ("marts.behind", "max(CASE", "min(CASE"),
        ("marts.behind", "THEN p.next_year", "THEN p.year"),
        ("marts.behind", "AND NOT p.target_impossible", ""),
        ("marts.behind", "a.d * a.pace_recent <= 0", "a.d * a.pace_recent > 0"),
        ("marts.behind", "WHEN a.status = 'achieved' OR a.d * (a.latest_value - a.target_value) >= 0", "WHEN false"),
        ("marts.flags", "LEFT JOIN registry.flag_texts", "JOIN registry.flag_texts"),
        ("marts.flags", "coalesce(w.unsettled, false)", "true"),
        ("marts.gaps", "AND p.reason <> 'context_only'", ""),
        ("marts.gaps", "THEN r.trend_window", "THEN k.short_window"),
        ("marts.gaps", "coalesce(assessable_from, latest_year + needed * cadence)", "latest_year + needed * cadence"),
        ("marts.gaps", "OR y >= a.base_year", "OR true"),
        ("marts.gaps", "coalesce(x, '')", "x"),
        ("marts.mission_gaps", "t.counts DESC, ", ""),
        ("marts.mission_gaps", "coalesce(told.closes_nl, m.gap_nl)", "coalesce(m.gap_nl, told.closes_nl)"),
        ("marts.indicator_progress", "bool_and(agrees)", "bool_or(agrees)"),
        ("marts.indicator_progress", "core.projections p USING (indicator_id, geo, target_id)", "core.projections p USING (indicator_id, geo)"),
        ("marts.indicators", "WHERE geo IS NULL OR geo = 'NL'", ""),
        ("marts.mission_progress", "m.level = 'sub_mission'", "m.level <> 'mission'"),
        ("marts.mission_progress", "FILTER (s.is_solid)", ""),
        ("marts.mission_progress", "s.standing = 'gaining'", "s.standing = 'on_course'"),
        ("marts.mission_progress", "FILTER (standing = 'failing')", "FILTER (standing IN ('failing', 'unclear'))"),
        ("marts.mission_progress", "FILTER (standing = 'unclear')", "FILTER (standing IN ('failing', 'unclear'))"),
        ("marts.observations", "WHERE o.plausible", ""),
        ("marts.observations", "coalesce(u.factor, 1)", "1"),
        ("marts.observations", "coalesce(u.common_unit, i.unit)", "i.unit"),
        ("marts.official_projections", "base * (1 - high_published / 100) END AS low", "base * (1 - low_published / 100) END AS low"),
        ("marts.peers", "abs(l.latest_year - h.year) <= k.years_apart", "true"),
        ("marts.peers_over_time", "WHERE is_compared", ""),
        ("marts.peers_over_time", "<>", ">="),
        ("marts.per_head", "c.per_head AND", ""),
        ("marts.population", "r.series_key) IN", "'k') IN"),
        ("marts.population", "  AND r.geo IN (SELECT 'NL' UNION ALL SELECT geo FROM registry.peers)", ""),
        ("marts.probability_track_record", "WHERE possible AND", "WHERE"),
        ("marts.revisions", "AND NOT b.partial", ""),
        ("marts.source_status", "WHERE NOT partial", ""),
        ("marts.status_track_record", "count(*) FILTER (possible)", "count(*)"),
        ("marts.sub_mission_progress", "v.until::DATE >= r.reference_date", "true"),
        ("marts.sub_mission_progress", "severity_rank NULLS LAST, goal_id <> mission_id", "goal_id <> mission_id, severity_rank NULLS LAST"),
        ("marts.sub_mission_progress", "severity_rank NULLS LAST", "severity_rank NULLS FIRST"),
        ("marts.sub_mission_progress", "d.fit = 'direct' AND", ""),
        ("marts.sub_mission_progress", "NOT d.is_dated AND", ""),
        ("marts.sub_mission_progress", "AND d.confidence IN ('firm', 'likely')", ""),
        ("marts.sub_mission_progress", "IN ('firm', 'likely')", "= 'firm'"),
        ("marts.sub_mission_progress", "o.law_failing", "d.law_failing"),
        ("marts.target_path", "FULL JOIN ahead", "LEFT JOIN ahead"),
        ("views.scoreboard", "AND d.geo = 'NL'", ""),
        ("views.scoreboard", "AND d.target_id = coalesce(s.worst_target_id, p.own_worst_target_id)", ""),
        ("views.scoreboard", "coalesce(s.status, p.own_status)", "s.status"),
    ],
)  # fmt: skip
def test_a_broken_model_turns_a_case_red(model: str, words: str, broken: str) -> None:
    query = MODELS[model].query
    assert words in query, "the SQL says it in other words now: break it anew"
    mine = [FILES[name] for name in FILES if name.startswith(f"{model}/")]
    assert any(is_red(case, query.replace(words, broken)) for case in mine), "no case noticed"


def is_red(case: Path, query: str) -> bool:
    try:
        run(case, query)
    except CaseError as error:
        assert "cannot be run" not in str(error)
        return True
    return False
