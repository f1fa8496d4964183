"""`missiemonitor report`: where the page is."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.common import RELEASE, release_of
from pipeline.paths import Paths


def report(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    release: RELEASE = "",
) -> None:
    """Where the page is: of the published set, or of another release.

    \b
    Examples:
      missiemonitor report
      missiemonitor report --open
      missiemonitor report --open --release 3f2a
    """
    page = release_of(Paths.from_environment(), release) / "report" / "index.html"
    typer.echo(str(page))
    if open_it:
        typer.launch(page.as_uri())
