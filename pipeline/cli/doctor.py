"""`missiemonitor doctor`: is the set-up in order, and are the registry's codes the publishers'?"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.common import DEGRADED, OK, UserError
from pipeline.cli.complete import sources as offered
from pipeline.paths import Paths


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Check every live key against its publisher's lists.")
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="With --live: only this publisher or source/dataset.",
            autocompletion=offered,
        ),
    ] = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Send a test message to the configured addresses.")
    ] = False,
) -> None:
    """Check the set-up: registry, SQL files, vintages and the published set. Exit 3 if
    something is amiss.

    \b
    Examples:
      missiemonitor doctor
      missiemonitor doctor --live --source cbs
      missiemonitor doctor --alert
    """
    if source and not live:
        raise UserError("--source goes with --live: nothing else asks a publisher")
    # Not at the top: every command's start would pay half a second for DuckDB, Arrow and the HTTP client.
    from pipeline.cli.checkup import check_live_keys, check_set_up, send_test_alert

    paths = Paths.from_environment()
    amiss = check_set_up(paths)
    if alert:
        amiss |= send_test_alert()
    if live:
        amiss |= check_live_keys(paths, source or [])
    raise typer.Exit(DEGRADED if amiss else OK)
