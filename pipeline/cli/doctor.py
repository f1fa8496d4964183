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
    """Check registry, SQL files, stored vintages, the published set, its copy in a bucket and the last night. Exit 3 if
    something is amiss: each line with ! says what, and what mends it.

    \b
    Examples:
      missiemonitor doctor
      missiemonitor doctor --live --source cbs
      missiemonitor doctor --alert
    """
    if source and not live:
        raise UserError("--source goes with --live: nothing else asks a publisher")
    # Not at the top: every command's start would pay half a second for DuckDB, Arrow and the HTTP client.
    from pipeline.cli.checkup import (
        check_buckets,
        check_last_night,
        check_live_keys,
        check_published,
        check_set_up,
        recall_live_keys,
        send_test_alert,
    )

    paths = Paths.from_environment()
    amiss = check_set_up(paths)
    amiss |= check_published(paths)
    amiss |= check_last_night(paths)
    amiss |= check_buckets(paths)
    if alert:
        amiss |= send_test_alert()
    amiss |= check_live_keys(paths, source or []) if live else recall_live_keys()
    raise typer.Exit(DEGRADED if amiss else OK)
