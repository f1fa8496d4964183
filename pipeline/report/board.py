"""The rows of the scoreboard, read from a published release. Rendering is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.warehouse import connect, literal

_ROWS = """
SELECT m.mission_id, m.parent_id, m.level, m.title_nl, m.title_en, m.short_nl, m.short_en,
       coalesce(s.status, p.own_status) AS status, coalesce(s.reason, p.own_reason) AS reason,
       s.basis, coalesce(s.worst_indicator_id, p.own_worst_indicator_id) AS indicator_id,
       coalesce(s.worst_target_id, p.own_worst_target_id) AS target_id,
       coalesce(s.latest_year, p.own_latest_year) AS latest_year,
       coalesce(s.share_achieved, p.own_share_achieved) AS share_achieved,
       coalesce(s.share_of_time, p.own_share_of_time) AS share_of_time,
       coalesce(s.is_dated, p.own_is_dated) AS is_dated, i.label_nl, i.label_en, i.fit, s.law_failing,
       s.indication, s.indication_indicator_id, s.override_status, s.override_author,
       s.override_reason, s.override_until,
       p.n_sub_missions, p.n_assessed, p.failing, s.worst_goal_id
FROM {missions} m
LEFT JOIN {subs} s USING (mission_id)
LEFT JOIN {progress} p USING (mission_id)
LEFT JOIN {indicators} i ON i.indicator_id = coalesce(s.worst_indicator_id, p.own_worst_indicator_id)
ORDER BY m.position
"""


def _dicts(con: Any, sql: str) -> list[dict[str, Any]]:
    cursor = con.execute(sql)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_board(release: Path) -> dict[str, Any]:
    """`rows` (30, in the letter's order), `as_of`, `sources` and `problems` of a release."""

    def table(name: str) -> str:
        return f"read_parquet({literal((release / f'{name}.parquet').as_posix())})"

    con = connect()
    try:
        rows = _dicts(
            con,
            _ROWS.format(
                missions=table("missions"),
                subs=table("sub_mission_progress"),
                progress=table("mission_progress"),
                indicators=table("indicators"),
            ),
        )
        as_of = _dicts(con, f"SELECT max(as_of) AS d FROM {table('indicator_progress')}")[0]["d"]
        sources = _dicts(
            con,
            f"""SELECT source, dataset, publisher, vintage_id, known_from, age_days, pending,
                       verdict, reason, licence, citation
                FROM {table("source_status")} ORDER BY source, dataset""",
        )
    finally:
        con.close()
    return {
        "rows": rows,
        "as_of": as_of,
        "release": release.resolve().name.lstrip(".").split(".")[0],
        "sources": sources,
        "problems": [s for s in sources if s["pending"] or not s["vintage_id"]],
    }
