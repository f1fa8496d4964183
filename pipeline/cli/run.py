"""`missiemonitor run`: the nightly run from the command line."""

from __future__ import annotations

import sys
from io import StringIO
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from pipeline.alerts import tell
from pipeline.cli import common
from pipeline.cli.common import (
    DEGRADED,
    LANG,
    NOTHING_PUBLISHED,
    OK,
    UserError,
    console,
    language,
    lost_if_unwritable,
    warn,
)
from pipeline.cli.complete import sources
from pipeline.clock import day_to_judge, today
from pipeline.machine import check_room
from pipeline.paths import Paths, registry_root
from pipeline.release.record import current_of, written_by

if TYPE_CHECKING:
    from pipeline.outcome import Outcome
    from pipeline.report.messages import Messages


def run(
    offline: Annotated[
        bool, typer.Option("--offline", help="Use the vintages at hand; pull nothing.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Reference date, YYYY-MM-DD; later vintages do not exist."),
    ] = None,
    publish: Annotated[
        bool,
        typer.Option("--publish", help="With --as-of: let readers see it, as they see tonight's."),
    ] = False,
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
    on its last good vintage or has none, or a bucket was not written to, 1 nothing published. A date that has passed pulls
    nothing, and its release lies beside the published set unless --publish is said.

    \b
    Examples:
      missiemonitor run
      missiemonitor run --offline
      missiemonitor run --source cbs --source eurostat/env_air_gge
      missiemonitor run --as-of 2026-11-23
    """
    try:
        reference = day_to_judge(as_of) if as_of else today()
    except ValueError as error:
        raise UserError(f"--as-of {error}") from error
    for name in source or ():
        _must_be_source(name)
    chosen = language(lang)
    paths = Paths.from_environment()
    run_id = str(uuid4())
    settings = {
        "as_of": reference.isoformat(),
        # As it is now: midnight may pass before the release is written.
        "publish": publish or reference == today(),
        "offline": offline,
        "sources": list(source or ()),
    }
    try:
        check_room(paths.data)
        # Here and not above: Dagster takes a second to import, and completion and help need none of it.
        from pipeline.cli.night import work

        outcome = work(paths, run_id, settings)
    except KeyboardInterrupt:
        if written := written_by(paths.work, paths.marts, run_id):
            typer.echo(f"release {written.release} had been written", err=True)
        raise
    except Exception as error:
        # Not at the top, either: it brings pandas and DuckDB.
        from pipeline.outcome import outcome_despite

        # What is said comes from the files: a fault may come after the release. A run that does not
        # even start is a night without figures too.
        outcome = outcome_despite(written_by(paths.work, paths.marts, run_id), error)
        if common.debug or not outcome.stands:
            warn(tell(outcome, paths))
            raise
    raise typer.Exit(_say(outcome, paths, chosen))


def _must_be_source(name: str) -> None:
    """UserError unless something is pulled under that name."""
    # Here: a run without `--source` leaves the registry to its steps.
    from pipeline.registry import load

    datasets = load(registry_root()).datasets.values()
    known = {name for dataset in datasets if dataset.live for name in dataset.pull_names}
    if name not in known:
        near = ", ".join(sorted(k for k in known if "/" not in k))
        raise UserError(f"--source {name}: nothing is pulled under that name; there are {near}")


def _say(outcome: Outcome, paths: Paths, lang: str) -> int:
    """Tell of the outcome, on the terminal and to whom alerts go; the exit code. An output that
    cannot be written to changes neither."""
    # YAML, which a run alone needs.
    from pipeline.report.messages import Messages

    warn(tell(outcome, paths))
    texts = Messages(lang)
    if not outcome.stands:
        with lost_if_unwritable():
            for line in (*outcome.why, texts["run.nothing"]):
                typer.echo(line, err=True)
        return NOTHING_PUBLISHED
    name = outcome.unpublished or "current"
    shown = _print_scoreboard(paths, name, texts)
    with lost_if_unwritable():
        for line in outcome.warnings:
            typer.echo(line, err=True)
    with lost_if_unwritable():
        if outcome.unpublished:
            _say_not_published(outcome.unpublished, paths, texts)
            typer.echo(f"{paths.marts / 'releases' / name / 'report' / 'index.html'}")
        else:
            typer.echo(f"{paths.marts / 'report' / 'index.html'}")
    return DEGRADED if outcome.degraded or not shown else OK


def _print_scoreboard(paths: Paths, name: str, texts: Messages) -> bool:
    """The scoreboard of a release that stands; False, with a warning, if it cannot be read."""
    # DuckDB and rich, which a run alone needs.
    from pipeline.report.board import read_board
    from pipeline.report.scoreboard import print_board

    try:
        board = read_board(common.release_of(paths, name))
    except Exception as error:
        warn([texts["run.unreadable"].format(why=error).splitlines()[0]])
        return False
    # As one text: of a pipe that is closed, or a disk that is full, Rich itself makes exit code 1.
    text = StringIO()
    print_board(board, texts.lang, console(text))
    with lost_if_unwritable():
        sys.stdout.write(text.getvalue())
    return True


def _say_not_published(name: str, paths: Paths, texts: Messages) -> None:
    current = current_of(paths.marts)
    still = texts["run.still"].format(release=current) if current else texts["run.none_yet"]
    typer.echo(texts["run.set_aside"].format(release=name, still=still))
    typer.echo(texts["run.look"].format(release=name))
    typer.echo(texts["run.how"])
