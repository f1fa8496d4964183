"""`missiemonitor run`: the nightly run from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import uuid4

import typer

from pipeline.alerts import TOLD, tell
from pipeline.cli import common
from pipeline.cli.common import (
    DEGRADED,
    LANG,
    NOTHING_PUBLISHED,
    OK,
    UserError,
    console,
    day_of,
    instance_of,
    language,
    release_of,
)
from pipeline.cli.complete import sources
from pipeline.cli.watch import progress
from pipeline.clock import today
from pipeline.paths import Paths, registry_root


def run(
    offline: Annotated[
        bool, typer.Option("--offline", help="Use the vintages at hand; pull nothing.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Reference date, YYYY-MM-DD; later vintages do not exist."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Pull only this publisher or source/dataset; repeatable.",
            autocompletion=sources,
        ),
    ] = None,
    lang: LANG = None,
) -> None:
    """The nightly run: pull, take in, build, check, publish. Exit 0 all well, 3 a source stays
    on its last good vintage or has none, 1 nothing published. A date that has passed pulls
    nothing.

    \b
    Examples:
      missiemonitor run
      missiemonitor run --offline
      missiemonitor run --source cbs --source eurostat/env_air_gge
      missiemonitor run --as-of 2026-11-23
    """
    reference = day_of(as_of, "--as-of") if as_of else today()
    for name in source or ():
        _must_be_source(name)
    chosen = language(lang)
    paths = Paths.from_environment()
    try:
        code = _run(paths, reference, offline, source or (), chosen)
    except UserError:
        raise
    except Exception as error:
        # A run that does not even start is a night without figures too.
        _tell_of_no_start(error, paths)
        raise
    raise typer.Exit(code)


def _must_be_source(name: str) -> None:
    from pipeline.registry import load

    datasets = load(registry_root()).datasets
    live = {n for n, d in datasets.items() if d.live}
    known = {*live, *(n.split("/", 1)[0] for n in live), *(datasets[n].asked for n in live)}
    if name not in known:
        near = ", ".join(sorted(k for k in known if "/" not in k))
        raise UserError(f"--source {name}: nothing is pulled under that name; there are {near}")


def _tell_of_no_start(error: Exception, paths: Paths) -> None:
    from pipeline.outcome import Outcome

    said = (str(error).strip() or type(error).__name__).splitlines()
    for line in tell(Outcome(False, False, tuple(said), ()), paths):
        typer.echo(f"? {line}", err=True)


def _run(paths: Paths, reference: date, offline: bool, wanted: Sequence[str], lang: str) -> int:
    # Here and not above: Dagster takes a second to import, and completion and help need none of it.
    from assets.definitions import defs
    from assets.ended import outcome_of_run, was_stopped
    from assets.jobs import NIGHTLY
    from assets.retention import forget_old_runs
    from pipeline.report.board import read_board
    from pipeline.report.scoreboard import print_board

    job = defs().resolve_job_def(NIGHTLY)
    settings = {"as_of": reference.isoformat(), "offline": offline, "sources": list(wanted)}
    run_id = str(uuid4())
    with instance_of(paths) as instance:
        with progress(len(job.nodes)) as seen:
            instance.add_event_listener(run_id, seen)
            job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags={TOLD: "command line"},
                raise_on_error=common.debug,
                run_config={
                    "resources": {"run": {"config": settings}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
            )
        if was_stopped(instance, run_id):
            raise KeyboardInterrupt
        outcome = outcome_of_run(instance, run_id, paths)
        forget_old_runs(instance, today())
    for line in tell(outcome, paths):
        typer.echo(f"? {line}", err=True)
    if not outcome.published:
        for line in outcome.why:
            typer.echo(line, err=True)
        typer.echo("nothing published; the published set is as it was", err=True)
        return NOTHING_PUBLISHED
    release = release_of(paths)
    print_board(read_board(release), lang, console())
    for line in outcome.warnings:
        typer.echo(line, err=True)
    typer.echo(f"{paths.marts / 'report' / 'index.html'}")
    return DEGRADED if outcome.degraded else OK
