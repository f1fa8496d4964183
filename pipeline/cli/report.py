"""`missiemonitor report`: where the page is."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.common import release_of
from pipeline.paths import Paths


def report(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Where the page is.

    \b
    Examples:
      missiemonitor report
      missiemonitor report --open
    """
    page = release_of(Paths.from_environment()) / "report" / "index.html"
    typer.echo(str(page))
    if open_it:
        typer.launch(page.as_uri())
