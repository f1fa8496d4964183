"""`missiemonitor doctor`: is the set-up in order?"""

from __future__ import annotations

import typer

from pipeline.commands.common import DEGRADED, OK
from pipeline.paths import Paths, registry_root


def doctor() -> None:
    """Check the set-up: registry, SQL files, vintages and the published set."""
    from pipeline.archive import Archive
    from pipeline.models import load_models
    from pipeline.paths import sql_root
    from pipeline.registry import load

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
    raise typer.Exit(DEGRADED if without else OK)
