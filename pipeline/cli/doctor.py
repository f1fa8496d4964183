"""`missiemonitor doctor`: is the set-up in order, and are the registry's codes the publishers'?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import DEGRADED, OK, UserError
from pipeline.cli.complete import sources as offered
from pipeline.paths import Paths, registry_root

if TYPE_CHECKING:
    from pipeline.vintages.store import Archive


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
    from pipeline.paths import sql_root
    from pipeline.registry import load
    from pipeline.vintages.store import Archive
    from pipeline.warehouse.model import load_models

    if source and not live:
        raise UserError("--source goes with --live: nothing else asks a publisher")
    registry = load(registry_root())
    models = load_models(sql_root())
    paths = Paths.from_environment()
    archive = Archive(paths)
    archive.seed()
    without = [n for n, d in registry.datasets.items() if not archive.vintages(d.source, d.dataset)]
    typer.echo(
        f"registry: {len(registry.indicators)} indicators, {len(registry.datasets)} datasets"
    )
    typer.echo(f"models: {len(models)}")
    for name in without:
        typer.echo(f"! {name}: no vintage; ingest a file for it", err=True)
    current = paths.marts / "current"
    typer.echo(f"published: {current.resolve().name if current.exists() else 'nothing yet'}")
    typer.echo(_last_pulls(archive))
    amiss = bool(without)
    if alert:
        amiss |= _alert()
    if live:
        amiss |= _live(paths, source or [])
    raise typer.Exit(DEGRADED if amiss else OK)


def _last_pulls(archive: Archive) -> str:
    """One line on the last night's pulls."""
    import json

    try:
        found = json.loads(archive.last_pulls.read_text("utf-8"))
        states = [o["state"] for o in found["outcomes"].values()]
        return f"last pulls: {found['at']}, {len(states)} datasets, {states.count('failed')} failed"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "last pulls: none yet"


def _alert() -> bool:
    """Send a test message; True if an address did not take it, or there is none."""
    from pipeline.alerts import FILE, URLS, Alert, addresses, send

    try:
        urls = addresses()
    except ValueError as error:
        raise UserError(str(error)) from error
    if not urls:
        typer.echo(f"! alerts: no address; set {URLS} or {FILE}", err=True)
        return True
    problems = send(
        Alert("Missiemonitor: a test", "This is a test; nothing is the matter.", False), urls
    )
    for line in problems:
        typer.echo(f"! {line}", err=True)
    typer.echo(f"alerts: {len(urls) - len(problems)} of {len(urls)} addresses took the message")
    return bool(problems)


def _live(paths: Paths, sources: list[str]) -> bool:
    """Print what is wrong with the live keys; True if something is, or could not be checked."""
    from pipeline.clock import today
    from pipeline.publishers.http import Transport
    from pipeline.registry import load
    from pipeline.vintages.live_keys import check_keys
    from pipeline.vintages.pull import Pulls
    from pipeline.vintages.store import Archive

    transport = Transport(ledger=Archive(paths).ledger)
    try:
        pulls = Pulls(paths, load(registry_root()), today(), os.environ, transport)
        names = pulls.names(sources)
        if not names:
            raise UserError(f"--source {' '.join(sources)}: nothing is pulled under that name")
        found = check_keys(pulls, names)
    finally:
        transport.close()
    for finding in found:
        for line in finding.words():
            typer.echo(line, err=finding.state != "right")
    wrong = [f for f in found if f.state == "wrong"]
    unknown = [f for f in found if f.state == "unknown"]
    typer.echo(f"live keys: {len(found)} datasets, {len(wrong)} wrong, {len(unknown)} not checked")
    return bool(wrong or unknown)
