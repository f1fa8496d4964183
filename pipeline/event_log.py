"""Dagster's SQLite event log with its connections kept open and its events written in batches.

Dagster opens a new engine for each event and commits it two or three times over; with some two
thousand events a run that is most of the run. Here events wait in memory until a step or the run
ends, half a second has passed, or somebody reads: then they are written together, a transaction for
each database file and a statement for many rows. The rows are those that Dagster would write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from dagster import DagsterEventType
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import bindparam, create_engine, event, inspect
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

_BUSY_SECONDS = 60
_KEPT_ENGINES = 8
_MOST_WAITING = 500
_LONGEST_WAIT = 0.5  # seconds; what the UI shows lags no more than that behind
# Planned events come by the hundreds before the first step, outputs and checks within a step:
# these wait for company. Everything else is written at once, with what was waiting.
_WAITS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.STEP_OUTPUT,
        DagsterEventType.HANDLED_OUTPUT,
    }
)


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """One engine per database file (index, and one per run), the oldest closed beyond eight."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._open: dict[str, Connection] = {}
        self._indexes: set[str] = set()
        self._waiting: list[EventLogEntry] = []
        self._since = 0.0
        self._writing = False
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
            # In WAL mode this still survives a kill; only a power cut can cost the last events.
            event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=NORMAL"))
            while len(self._engines) >= _KEPT_ENGINES:
                oldest = next(k for k in self._engines if k != INDEX_SHARD_NAME)
                self._engines.pop(oldest).dispose()
            self._engines[shard] = engine
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on a database file; inside another one on the same file, that one."""
        with self._db_lock:
            if self._waiting and not self._writing:
                self._write_waiting()
            outer = self._open.get(shard)
            if outer is not None:
                yield outer
                return
            with self._engine(shard).connect() as conn, conn.begin():
                self._open[shard] = conn
                try:
                    yield conn
                finally:
                    del self._open[shard]

    def store_event(self, event: EventLogEntry) -> None:
        """Keep the event for the next batch, and write the batch when its time has come."""
        with self._db_lock:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(event)
            if (
                event.dagster_event_type not in _WAITS
                or len(self._waiting) >= _MOST_WAITING
                or time.monotonic() - self._since > _LONGEST_WAIT
            ):
                self._write_waiting()

    def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._writing = True
        try:
            for run_id in dict.fromkeys(e.run_id for e in batch):
                entries = [e for e in batch if e.run_id == run_id]
                if run_id and not any(map(_of_partitions, entries)):
                    self._write_run(run_id, entries)
                    continue
                for entry in entries:
                    super().store_event(entry)
        finally:
            self._writing = False

    def _write_run(self, run_id: str, entries: list[EventLogEntry]) -> None:
        """What SqliteEventLogStorage.store_event writes for each, with a statement for many.

        tests/pipeline/test_event_log.py holds the two against each other, row by row.
        """
        rows = [self._event_to_row(e) for e in entries]
        with self._connect(run_id) as conn:
            conn.execute(SqlEventLogStorageTable.insert(), rows)
        mirrored = [(e, r) for e, r in zip(entries, rows, strict=True) if _in_index(e)]
        if not mirrored:
            return
        with self._connect(INDEX_SHARD_NAME) as conn:
            insert = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = conn.execute(insert, [row for _, row in mirrored]).scalars().all()
            planned, evaluated = [], []
            for (entry, row), number in zip(mirrored, ids, strict=True):
                kind = entry.dagster_event_type
                if kind in ASSET_EVENTS:
                    self._store_asset_event_tags(conn, [entry], [number])
                    self._store_asset_event(conn, entry, number)
                elif kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                    planned.append(_planned(entry, row, number))
                elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
                    evaluated.append((_evaluated(entry, row, number), entry, number))
            if planned:
                conn.execute(AssetCheckExecutionsTable.insert(), planned)
            if evaluated:
                changed = conn.execute(_evaluation(), [values for values, _, _ in evaluated])
                if changed.rowcount != len(evaluated):
                    # Evaluated without having been planned: Dagster adds the row.
                    for _, entry, number in evaluated:
                        self._update_asset_check_evaluation(entry, number)

    @cached_property
    def supports_asset_checks(self) -> bool:
        """Asked for each check; the answer does not change while a file is open."""
        return bool(super().supports_asset_checks)

    def has_secondary_index(self, name: str) -> bool:
        """Asked for each asset; an index that is there stays, so a yes is remembered."""
        if name not in self._indexes and super().has_secondary_index(name):
            self._indexes.add(name)
        return name in self._indexes

    def has_asset_key_col(self, column_name: str) -> bool:
        """Asked for each asset; the columns do not change while a file is open."""
        return column_name in self._asset_key_columns

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        return column_name in self._asset_key_columns

    @cached_property
    def _asset_key_columns(self) -> frozenset[str]:
        with self.index_connection() as conn:
            return frozenset(str(c["name"]) for c in inspect(conn).get_columns(AssetKeyTable.name))

    def delete_events(self, run_id: str) -> None:
        """All of a run, its checks and its file with it: Dagster leaves those, empty or not."""
        with self._db_lock:
            with self.index_connection() as conn:
                self.delete_events_for_run(conn, run_id)
                checks = AssetCheckExecutionsTable
                conn.execute(checks.delete().where(checks.c.run_id == run_id))
            if self.supports_global_concurrency_limits:
                self.free_concurrency_slots_for_run(run_id)
            self._initialized_dbs.discard(run_id)
            if engine := self._engines.pop(run_id, None):
                engine.dispose()
            for end in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + end).unlink(missing_ok=True)

    def dispose(self) -> None:
        """Write what waits and close every connection."""
        with self._db_lock:
            if self._waiting:
                self._write_waiting()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _of_partitions(entry: EventLogEntry) -> bool:
    """A check on partitions, of which there are none here: written as Dagster does, one by one."""
    if entry.dagster_event_type not in ASSET_CHECK_EVENTS:
        return False
    data: Any = entry.get_dagster_event().event_specific_data
    return bool(getattr(data, "partitions_subset", None) or getattr(data, "partition", None))


def _in_index(entry: EventLogEntry) -> bool:
    return entry.is_dagster_event and (
        entry.dagster_event_type in ASSET_EVENTS
        or entry.dagster_event_type in ASSET_CHECK_EVENTS
        or entry.dagster_event_type in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
    )


def _planned(entry: EventLogEntry, row: dict[str, Any], number: int) -> dict[str, Any]:
    data: Any = entry.get_dagster_event().event_specific_data
    return {
        "asset_key": data.asset_key.to_string(),
        "check_name": data.check_name,
        "partition": None,
        "run_id": entry.run_id,
        "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": number,
    }


def _evaluated(entry: EventLogEntry, row: dict[str, Any], number: int) -> dict[str, Any]:
    data: Any = entry.get_dagster_event().event_specific_data
    status = (
        AssetCheckExecutionRecordStatus.SUCCEEDED
        if data.passed
        else AssetCheckExecutionRecordStatus.FAILED
    )
    target = data.target_materialization_data
    return {
        "of_asset": data.asset_key.to_string(),
        "of_check": data.check_name,
        "of_run": entry.run_id,
        "execution_status": status.value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": number,
        "materialization_event_storage_id": target.storage_id if target else None,
    }


@cache
def _evaluation() -> Any:
    table = AssetCheckExecutionsTable
    return (
        table.update()
        .where(
            table.c.asset_key == bindparam("of_asset"),
            table.c.check_name == bindparam("of_check"),
            table.c.run_id == bindparam("of_run"),
            table.c.partition.is_(None),
        )
        .values(
            {
                name: bindparam(name)
                for name in (
                    "execution_status",
                    "evaluation_event",
                    "evaluation_event_timestamp",
                    "evaluation_event_storage_id",
                    "materialization_event_storage_id",
                )
            }
        )
    )
