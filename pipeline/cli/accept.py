"""`missiemonitor accept`: a person takes a vintage that was quarantined, or withdrawn."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.common import UserError, signed_by
from pipeline.clock import today
from pipeline.paths import Paths, registry_root
from pipeline.vintages.store import Archive


def accept(
    vintage: Annotated[str, typer.Argument(help="Id of the vintage, as `status` shows it.")],
    why: Annotated[str, typer.Option("--why", help="Why its figures are right.")],
    author: Annotated[str, typer.Option("--author", help="Who says so; default you.")] = "",
) -> None:
    """Take a quarantined vintage as it is: the publisher meant what it says. One that was withdrawn is
    taken back into use.

    The next run uses it. Who accepted it, when and why is shown with the source and in its checks.

    \b
    Examples:
      missiemonitor accept 0f3c9a1b2c3d4e5f --why "Eurostat withdrew Denmark's 2023 for good"
    """
    # Here: the registry brings pydantic and Arrow, which help and completion do without.
    from pipeline.registry import load
    from pipeline.vintages import decisions

    if not why.strip():
        raise UserError("--why: say why its figures are right")
    who = signed_by(author)
    archive = Archive(Paths.from_environment())
    archive.seed()
    found = decisions.find(archive, load(registry_root()).datasets.values(), vintage)
    if not found:
        raise UserError(f"{vintage}: no such vintage; `missiemonitor status` names those that wait")
    for item in found:
        decisions.accept(archive, item, who, today(), why)
        typer.echo(f"{item.source}/{item.dataset}: {vintage} is accepted; the next run uses it")
