"""Dagster's SQLite event log with its connections kept open and its events written in batches.

Dagster opens a new engine for each event and commits it two or three times over; with some three
thousand events a run that is most of the run. Here events wait in memory until the next step
begins or the run ends, half a second has passed, or somebody reads: then they are written together,
a transaction for each database file and a statement for many rows. The rows are those that Dagster
would write, and what is read is what the file says, another process's rows among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from itertools import groupby
from typing import Any

from dagster import AssetKey, DagsterEventType
from dagster._core.event_api import EventLogRecord
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
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster._time import datetime_from_timestamp
from sqlalchemy import bindparam, create_engine, event, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from pipeline.event_text import text_of, text_of_record

_BUSY_SECONDS = 60
_KEPT_ENGINES = 8
_MOST_WAITING = 500
_LONGEST_WAIT = 0.5  # seconds; what the UI shows lags no more than that behind
# Planned events come by the hundreds before the first step, outputs and checks at the end of a
# step: these wait for company. Everything else is written at once, with what was waiting.
_WAITS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.STEP_OUTPUT,
        DagsterEventType.HANDLED_OUTPUT,
        DagsterEventType.STEP_SUCCESS,  # the next step or the end of the run comes right after
    }
)
# What changes the table of assets, of the events that occur here.
_LATEST = frozenset(
    {DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_MATERIALIZATION}
)


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """One engine per database file (index, and one per run), the oldest closed beyond eight."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._open: dict[str, Connection] = {}
        self._indexes: set[str] = set()
        self._tables: set[str] = set()
        self._latest: dict[str, tuple[str, EventLogRecord]] = {}
        self._waiting: list[EventLogEntry] = []
        # Rows that are in the index and not yet in the file of their run.
        self._unlogged: list[dict[str, Any]] = []
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
            if not self._writing:
                self._write_waiting(runs=shard != INDEX_SHARD_NAME)
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

    def _write_waiting(self, runs: bool = True) -> None:
        """Write what waits; into the index alone when it is only that which somebody reads."""
        if not (self._waiting or (runs and self._unlogged)):
            return
        batch, self._waiting = self._waiting, []
        self._writing = True
        try:
            for one_by_one, entries in groupby(batch, _of_no_run):
                if one_by_one:
                    self._write_runs()
                    for entry in entries:
                        super().store_event(entry)
                    continue
                written = [(e, self._event_to_row(e)) for e in entries]
                self._unlogged += [row for _, row in written]
                if runs:
                    self._write_runs()
                self._write_index([(e, row) for e, row in written if _in_index(e)])
            if runs:
                self._write_runs()
        finally:
            self._writing = False

    def _write_runs(self) -> None:
        rows, self._unlogged = self._unlogged, []
        for run_id in dict.fromkeys(row["run_id"] for row in rows):
            with self._connect(run_id) as conn:
                conn.execute(_insert(), [row for row in rows if row["run_id"] == run_id])

    def _write_index(self, mirrored: list[tuple[EventLogEntry, dict[str, Any]]]) -> None:
        """What SqliteEventLogStorage.store_event writes for each, with a statement for many.

        tests/pipeline/test_event_log.py holds the two against each other, row by row.
        """
        if not mirrored:
            return
        with self._connect(INDEX_SHARD_NAME) as conn:
            conn.execute(_insert(), [row for _, row in mirrored])
            # Nobody else writes within this transaction: the numbers follow each other.
            last = conn.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
            numbered = list(zip(mirrored, range(last - len(mirrored) + 1, last + 1), strict=True))
            of_assets, planned, evaluated = [], [], []
            for (entry, row), number in numbered:
                kind = entry.dagster_event_type
                if kind in ASSET_EVENTS:
                    of_assets.append((entry, row, number))
                elif kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                    planned.append(_planned(entry, row, number))
                elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
                    evaluated.append((_evaluated(entry, row, number), entry, number))
            if of_assets:
                self._write_assets(conn, of_assets)
            if planned:
                conn.execute(AssetCheckExecutionsTable.insert(), planned)
            if evaluated:
                changed = conn.execute(_evaluation(), [values for values, _, _ in evaluated])
                if changed.rowcount != len(evaluated):
                    # Evaluated without having been planned: Dagster adds the row.
                    for _, entry, number in evaluated:
                        self._update_asset_check_evaluation(entry, number)

    def _write_assets(
        self, conn: Connection, events: list[tuple[EventLogEntry, dict[str, Any], int]]
    ) -> None:
        """The tags of asset events, and what the table of assets says of the latest of each."""
        self._store_asset_event_tags(conn, [e for e, _, _ in events], [n for _, _, n in events])
        for kind, group in groupby(events, lambda event: event[0].dagster_event_type):
            same = list(group)
            plain = kind in _LATEST and all(row["asset_key"] for _, row, _ in same)
            if not plain or not self._has_asset_key_index_cols_on_connection(conn):
                for entry, _, number in same:
                    self._store_asset_event(conn, entry, number)
                continue
            values = []
            for entry, row, number in same:
                value = {
                    "asset_key": row["asset_key"],
                    "last_run_id": entry.run_id,
                    "last_materialization_timestamp": datetime_from_timestamp(entry.timestamp),
                }
                if kind == DagsterEventType.ASSET_MATERIALIZATION:
                    value["last_materialization"] = text_of_record(number, row["event"])
                values.append(value)
            conn.execute(_latest(tuple(values[0])), values)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        """SqlEventLogStorage._event_to_row, with the event's text from event_text.py."""
        of_dagster = event.dagster_event
        asset_key = of_dagster.asset_key if of_dagster else None
        return {
            "run_id": event.run_id,
            "event": text_of(event),
            "dagster_event_type": of_dagster.event_type_value if of_dagster else None,
            "timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "step_key": of_dagster.step_key if of_dagster else event.step_key,
            "asset_key": asset_key.to_string() if asset_key else None,
            "partition": (of_dagster.partition or None) if of_dagster else None,
        }

    def _get_latest_materialization_records(
        self, raw_asset_rows: Any
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Asked several times a step for the same assets: a text that was read is kept as read."""
        found: dict[AssetKey, EventLogRecord | None] = {}
        for row in raw_asset_rows:
            text, key = row["last_materialization"], row["asset_key"]
            if not text or row["asset_details"]:
                # Never materialised, or wiped once: Dagster looks through the events.
                return super()._get_latest_materialization_records(raw_asset_rows)
            known = self._latest.get(key)
            if known is None or known[0] != text:
                record: Any = deserialize_value(text)
                if not isinstance(record, EventLogRecord):
                    return super()._get_latest_materialization_records(raw_asset_rows)
                known = self._latest[key] = (text, record)
            found[AssetKey.from_db_string(key)] = known[1]  # type: ignore[index]
        return found

    def has_table(self, table_name: str) -> bool:
        """Asked for each materialisation; a table that is there stays, so a yes is remembered."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

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

    def dispose(self) -> None:
        """Write what waits and close every connection."""
        with self._db_lock:
            self._write_waiting()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _of_no_run(entry: EventLogEntry) -> bool:
    """An event outside a run, or a check on partitions: rare, written one by one as Dagster does."""
    if not entry.run_id:
        return True
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
def _insert() -> Any:
    return SqlEventLogStorageTable.insert()


@cache
def _latest(columns: tuple[str, ...]) -> Any:
    statement = sqlite.insert(AssetKeyTable)
    return statement.on_conflict_do_update(
        index_elements=["asset_key"],
        set_={name: statement.excluded[name] for name in columns if name != "asset_key"},
    )


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
