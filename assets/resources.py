"""What the assets work with: a run's settings, the vintages, the warehouse, the publishers.

Clock, environment and network enter here; everything below gets them as arguments.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
from pydantic import PrivateAttr

from assets.process import note_process, process_of
from pipeline import lease
from pipeline.clock import day_of, day_to_judge, reading_at, today
from pipeline.lease import Holder
from pipeline.machine import check_room
from pipeline.paths import Paths
from pipeline.presence import Presence, at_work
from pipeline.publishers.http import Transport
from pipeline.registry import Dataset, Registry
from pipeline.vintages.pull import Puller
from pipeline.vintages.store import Archive
from pipeline.vintages.validate import Validator
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Model

ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


class RunEndedError(RuntimeError):
    """A step of a run that has ended, which came late: one line with which."""


class RunSettings(dg.ConfigurableResource[Any]):
    """`as_of`: reference date as YYYY-MM-DD; empty means the date of the run in Amsterdam.
    `publish`: let readers see the release of a date that has passed too; without it such a release
    is written and lies beside. `offline`: pull nothing. `sources`: pull these publishers or datasets
    only."""

    as_of: str = ""
    publish: bool = False
    offline: bool = False
    sources: list[str] = []  # noqa: RUF012  pydantic copies it
    # Whether steps are done by workers that are no part of the run's own process.
    elsewhere: ClassVar[bool] = False
    _run_id: str = PrivateAttr(default="")
    _reference: date = PrivateAttr(default=date.min)
    _since: datetime = PrivateAttr(default=datetime.max.replace(tzinfo=UTC))
    _presence: Presence | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Take the lease on the data, or find that this run has it: every process of a run that
        works on assets comes by here."""
        paths = Paths.from_environment()
        check_room(paths.data)
        run, instance = context.run, context.instance
        wanted = day_to_judge(self.as_of) if self.as_of else today()
        run_id = run.run_id if run else ""
        if self.elsewhere and run and run.status in ENDED:
            # It lay in a queue while its run was given up: another may be at work by now.
            raise RunEndedError(f"run {run_id} has ended: nothing is done for it any more")
        pid = None if self.elsewhere else process_of(run)
        if run and instance and not self.elsewhere:
            note_process(instance, run, pid)

        def ended(other: str) -> bool:
            found = instance.get_run_by_id(other) if instance else None
            # One that was given up may still have a step at work on another host.
            return found is not None and found.status in ENDED and not at_work(paths.at_work, other)

        def prepare() -> None:
            clear_half_written(paths.work)
            Archive(paths).seed()

        self._presence = Presence(paths.at_work, run_id)
        self._presence.begin()
        try:
            holder = lease.take(
                paths.lease,
                Holder.of(run_id, pid, wanted.isoformat()),
                ended,
                context.log.warning if context.log else print,
                prepare,
            )
        except BaseException:
            self._presence.end()
            raise
        self._run_id, self._reference = run_id, date.fromisoformat(holder.reference)
        self._since = datetime.fromisoformat(holder.since)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Say that this process is done."""
        if self._presence:
            self._presence.end()

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def since(self) -> datetime:
        """When the run began: the same in every step of it, whatever its process."""
        return self._since

    @property
    def reference(self) -> date:
        """The date to which figures are judged: the same in every step of a run."""
        return self._reference

    @property
    def for_readers(self) -> bool:
        """Whether the release of this run becomes the current one."""
        return self.publish or not self.as_of or self.reference >= day_of(self._since)

    def pulls(self, dataset: Dataset) -> bool:
        """Whether the dataset's publisher is asked in this run: never for a date that had passed
        when it began. Past midnight a run still is of the day on which it began."""
        offline = self.offline or os.environ.get("MISSIEMONITOR_OFFLINE", "0") not in ("", "0")
        if offline or not dataset.is_pulled or self.reference < day_of(self._since):
            return False
        return not self.sources or bool(dataset.pull_names & set(self.sources))


def clear_half_written(work: Path) -> None:
    """Remove what a run that was killed left half written; nobody is at it now. Parsed rows may be
    another's: `ingest` judges without the lease, though not for a day."""
    day_ago = time.time() - timedelta(days=1).total_seconds()
    for left in work.rglob(".*.tmp"):
        with suppress(FileNotFoundError):
            if not left.is_relative_to(work / "parsed") or left.stat().st_mtime < day_ago:
                left.unlink()


class RunSettingsOfWorkers(RunSettings):
    """The same where steps are done by workers, which may be on other hosts."""

    elsewhere: ClassVar[bool] = True


def resources(
    registry: Registry, models: Mapping[str, Model], settings: type[RunSettings] = RunSettings
) -> dict[str, Any]:
    """The resources of the code location, by the names that the assets ask for."""

    @dg.resource(description="Vintages as received, and their verdicts.")
    def validator(_: dg.InitResourceContext) -> Validator:
        paths = Paths.from_environment()
        return Validator(Archive(paths), paths.work)

    @dg.resource(description="Tables and their build records in the work folder.")
    def warehouse(_: dg.InitResourceContext) -> Warehouse:
        return Warehouse(Paths.from_environment().work, registry.datasets, models)

    @dg.resource(
        description="Publishers, asked within their rate limits.", required_resource_keys={"run"}
    )
    @contextmanager
    def puller(context: dg.InitResourceContext) -> Iterator[Puller]:
        paths = Paths.from_environment()
        # Its limit holds for the run: a step may have a process, and so a transport, of its own.
        began = reading_at(context.resources.run.since)
        transport = Transport(ledger=Archive(paths).ledger, began=began)
        try:
            yield Puller(paths, registry, context.resources.run.reference, os.environ, transport)
        finally:
            transport.close()

    return {
        "run": settings(),
        "validator": validator,
        "warehouse": warehouse,
        "puller": puller,
    }
