"""The run's resource: one Session, opened before the first step and closed after the last."""

from __future__ import annotations

from datetime import date

import dagster as dg
from pydantic import PrivateAttr

from pipeline.paths import Paths
from pipeline.session import Session, today


class RunSession(dg.ConfigurableResource[Session]):
    """`as_of`: reference date as YYYY-MM-DD; empty means the date of the run in Amsterdam."""

    as_of: str = ""
    _session: Session | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        say = context.log.info if context.log else print
        reference = date.fromisoformat(self.as_of) if self.as_of else today()
        self._session = Session(Paths.from_environment(), reference, say).begin()
        self._session.warm_up()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._session is not None:
            self._session.end()
            self._session = None

    @property
    def session(self) -> Session:
        if self._session is None:
            raise dg.DagsterInvariantViolationError("the session is not open")
        return self._session
