"""`missiemonitor run`: the nightly run from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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
from pipeline.outcome import Outcome, outcome_of, was_stopped
from pipeline.paths import Paths

if TYPE_CHECKING:
    from pipeline.session_process import Order


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
    import gc
    from uuid import uuid4

    from pipeline.clock import today
    from pipeline.session_process import Order, start_early, stop_early

    # A run makes some millions of objects that live to its end: looking through them again and
    # again took a tenth of its time.
    gc.set_threshold(5_000_000)
    reference = day_of(as_of, "--as-of") if as_of else today()
    for name in source or ():
        _must_be_source(name)
    chosen = language(lang)
    paths = Paths.from_environment()
    # The session's own process begins now; Dagster's import takes a while.
    order = Order(paths.data, reference, offline, tuple(source or ()), None, str(uuid4()))
    try:
        start_early(order)
        code = _run(order, chosen)
    except UserError:
        raise
    except Exception as error:
        # A run that does not even start is a night without figures too.
        said = (str(error).strip() or type(error).__name__).splitlines()
        _tell(Outcome(False, False, tuple(said), ()), paths)
        raise
    finally:
        stop_early()
    raise typer.Exit(code)


def _tell(outcome: Outcome, paths: Paths) -> None:
    from pipeline.alerts import tell

    for line in tell(outcome, paths):
        typer.echo(f"? {line}", err=True)


def _must_be_source(name: str) -> None:
    from pipeline.paths import registry_root
    from pipeline.registry import load

    datasets = load(registry_root()).datasets
    live = {n for n, d in datasets.items() if d.live}
    known = {*live, *(n.split("/", 1)[0] for n in live), *(datasets[n].asked for n in live)}
    if name not in known:
        near = ", ".join(sorted(k for k in known if "/" not in k))
        raise UserError(f"--source {name}: nothing is pulled under that name; there are {near}")


def _run(order: Order, lang: str) -> int:
    from assets.definitions import JOB, defs
    from pipeline.alerts import TOLD

    definitions = defs() if callable(defs) else defs
    job = definitions.resolve_job_def(JOB)
    paths = Paths(order.data)
    wanted = {
        "as_of": order.reference.isoformat(),
        "offline": order.offline,
        "sources": list(order.sources),
    }
    with instance_of(paths) as instance, progress(len(job.nodes)) as seen:
        instance.add_event_listener(order.run_id, seen)
        result = job.execute_in_process(
            instance=instance,
            run_id=order.run_id,
            tags={TOLD: "command line"},
            raise_on_error=common.debug,
            run_config={
                "resources": {"run": {"config": wanted}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    if was_stopped(result.all_events):
        raise KeyboardInterrupt
    outcome = outcome_of(result.success, result.all_events)
    _tell(outcome, paths)
    if not outcome.published:
        for line in outcome.why:
            typer.echo(line, err=True)
        typer.echo("nothing published; the published set is as it was", err=True)
        return NOTHING_PUBLISHED
    from pipeline.report.board import read_board
    from pipeline.report.scoreboard import print_board

    release = release_of(paths)
    print_board(read_board(release), lang, console())
    for line in outcome.warnings:
        typer.echo(line, err=True)
    typer.echo(f"{paths.marts / 'report' / 'index.html'}")
    return DEGRADED if outcome.degraded else OK
