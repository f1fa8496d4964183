"""What `doctor` looks at: set-up, last pulls, alerts, live keys. Each part prints and tells
whether something is amiss; the command and its options belong in doctor.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from pipeline.alerts import FILE, URLS, Alert, addresses, send
from pipeline.cli.common import UserError
from pipeline.clock import today
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.publishers.http import Transport
from pipeline.registry import load
from pipeline.vintages.live_keys import check_keys
from pipeline.vintages.pull import Puller, load_pull_results
from pipeline.vintages.store import Archive
from pipeline.warehouse.model import load_models


def check_set_up(paths: Paths) -> bool:
    """Print what registry, SQL files, archive and published set hold; True if a dataset has no
    vintage. RegistryError, ModelError for a mistake in them."""
    registry = load(registry_root())
    models = load_models(sql_root())
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
    return bool(without)


def _last_pulls(archive: Archive) -> str:
    """One line on the pulls of the last run that pulled anything."""
    results = load_pull_results(archive).values()
    if not results:
        return "last pulls: none yet"
    last = max(results, key=lambda result: result.moment)
    states = [r.state for r in results if r.run_id == last.run_id]
    return f"last pulls: {last.moment}, {len(states)} datasets, {states.count('failed')} failed"


def send_test_alert() -> bool:
    """Send a test message; True if an address did not take it, or there is none."""
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


def check_live_keys(paths: Paths, sources: Sequence[str]) -> bool:
    """Print what is wrong with the live keys; True if something is, or could not be checked."""
    transport = Transport(ledger=Archive(paths).ledger)
    try:
        puller = Puller(paths, load(registry_root()), today(), os.environ, transport)
        names = puller.names(sources)
        if not names:
            raise UserError(f"--source {' '.join(sources)}: nothing is pulled under that name")
        found = check_keys(puller, names)
    finally:
        transport.close()
    for finding in found:
        for line in finding.words():
            typer.echo(line, err=finding.state != "right")
    wrong = [f for f in found if f.state == "wrong"]
    unknown = [f for f in found if f.state == "unknown"]
    typer.echo(f"live keys: {len(found)} datasets, {len(wrong)} wrong, {len(unknown)} not checked")
    return bool(wrong or unknown)
