"""The run's resource: one Session, opened before the first step and closed after the last."""

from __future__ import annotations

from datetime import date

import dagster as dg
from pydantic import PrivateAttr

from pipeline.paths import Paths
from pipeline.session import Session, today


class RunSession(dg.ConfigurableResource[Session]):
    """`as_of`: reference date as YYYY-MM-DD; empty means the date of the run in Amsterdam.
    `offline`: pull nothing. `sources`: pull these publishers or datasets only."""

    as_of: str = ""
    offline: bool = False
    sources: list[str] = []  # noqa: RUF012  pydantic copies it
    _session: Session | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        say = context.log.info if context.log else print
        reference = date.fromisoformat(self.as_of) if self.as_of else today()
        self._session = Session(Paths.from_environment(), reference, say).begin()
        if not self.offline:
            try:
                run_id = context.run.run_id if context.run else ""
                self._session.pull(self.sources, _datasets_of(context.run), run_id)
            except BaseException:
                self._session.end()
                raise
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


def _datasets_of(run: dg.DagsterRun | None) -> list[str] | None:
    """The datasets that a run makes; None for all of them."""
    if run is None or not run.asset_selection:
        return None
    from pipeline.paths import registry_root
    from pipeline.registry import load

    chosen = {key.to_user_string() for key in run.asset_selection}
    return [n for n in load(registry_root()).datasets if f"raw/{n.replace('.', '_')}" in chosen]
