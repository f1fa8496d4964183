"""The run's resource: one session in a process of its own, from before the first step to after
the last."""

from __future__ import annotations

from datetime import date

import dagster as dg
from pydantic import PrivateAttr

from assets.retention import forget_old_runs
from pipeline.clock import today
from pipeline.paths import Paths
from pipeline.session_process import Order, SessionProcess, take


class RunSession(dg.ConfigurableResource[SessionProcess]):
    """`as_of`: reference date as YYYY-MM-DD; empty means the date of the run in Amsterdam.
    `offline`: pull nothing. `sources`: pull these publishers or datasets only."""

    as_of: str = ""
    offline: bool = False
    sources: list[str] = []  # noqa: RUF012  pydantic copies it
    _session: SessionProcess | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        order = Order(
            Paths.from_environment().data,
            date.fromisoformat(self.as_of) if self.as_of else today(),
            self.offline,
            tuple(self.sources),
            _assets_of(context.run),
            context.run.run_id if context.run else "",
        )
        session = take(order)
        try:
            self._session = session.open(context.log.info if context.log else print)
        except BaseException:
            session.end()
            raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._session is not None:
            self._session.end()
            self._session = None
        if context.instance is not None:
            try:
                forget_old_runs(context.instance, today())
            except Exception as error:
                if context.log:
                    context.log.warning(f"old runs were not removed: {error}")

    @property
    def session(self) -> SessionProcess:
        if self._session is None:
            raise dg.DagsterInvariantViolationError("the session is not open")
        return self._session


def _assets_of(run: dg.DagsterRun | None) -> frozenset[str] | None:
    """The assets that a run makes; None for all of them."""
    if run is None:
        return None
    if run.step_keys_to_execute:
        return frozenset(step.replace("__", "/") for step in run.step_keys_to_execute)
    if run.asset_selection:
        return frozenset(key.to_user_string() for key in run.asset_selection)
    return None
