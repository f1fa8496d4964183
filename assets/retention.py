"""What is forgotten, so that nothing grows without end but the vintages: Dagster's records of old runs,
which left to itself it keeps for ever (4.4 MB a night), and verdicts and parsed rows long unused.

Dagster's own `retention` is about ticks of schedules and sensors. What was published, and every
vintage, stays.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.paths import Paths
from pipeline.vintages.prune import prune

if TYPE_CHECKING:
    import dagster as dg

KEPT_DAYS = 90
KEPT_RUNS = 60  # the newest, however many there were in those days
_MOST = 10  # at once: a run waits for it


def forget_old_runs(instance: dg.DagsterInstance, day: date) -> list[str]:
    """Delete runs that began long before `day`, and those that have ended beyond the newest
    KEPT_RUNS, with their events and logs, the oldest first; give their ids.

    A run from which an asset's latest materialisation is stays, however old.
    """
    before = datetime.combine(day - timedelta(days=KEPT_DAYS), time.min, UTC)
    records = instance.get_run_records()
    old = [
        record.dagster_run.run_id
        for number, record in enumerate(records)
        if record.create_timestamp.astimezone(UTC) < before
        or (number >= KEPT_RUNS and record.dagster_run.is_finished)
    ][::-1]
    if not old:
        return []
    latest = {
        record.asset_entry.last_materialization_record.run_id
        for record in instance.get_asset_records()
        if record.asset_entry.last_materialization_record
    }
    gone = [run_id for run_id in old if run_id not in latest][:_MOST]
    for run_id in gone:
        # The run itself last: what a kill leaves is found again the next night.
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)
        _remove_file(instance.event_log_storage, run_id)
    return gone


def forget_old_checks(instance: dg.DagsterInstance, day: date) -> int:
    """Wipe what Dagster shows of assets whose records reach back beyond those of runs; how many.

    Outcomes of checks (0.8 MB a night) outlive their runs, and Dagster deletes those of an asset all
    together or not at all. So this comes just before a run that makes every asset anew.
    """
    before = datetime.combine(day - timedelta(days=KEPT_DAYS), time.min, UTC)
    runs = instance.get_run_records()
    if len(runs) < KEPT_RUNS and all(r.create_timestamp.astimezone(UTC) >= before for r in runs):
        return 0
    old = []
    for record in instance.get_asset_records():
        details = record.asset_entry.asset_details
        wiped = details.last_wipe_timestamp if details else None
        if wiped is None or wiped < before.timestamp():
            old.append(record.asset_entry.asset_key)
    instance.wipe_assets(old)
    return len(old)


def _remove_file(events: object, run_id: str) -> None:
    """SQLite has a file for each run's events, which Dagster empties: that makes it no smaller."""
    file_of = getattr(events, "path_for_shard", None)  # another storage has no such files
    if file_of is not None:
        for part in ("", "-wal", "-shm"):
            Path(f"{file_of(run_id)}{part}").unlink(missing_ok=True)


def forget(instance: dg.DagsterInstance, paths: Paths, day: date) -> str:
    """Everything that is forgotten after a run; how much, in words."""
    runs, files = forget_old_runs(instance, day), prune(paths)
    return f"{len(runs)} runs and {files} files forgotten"
