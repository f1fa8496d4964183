"""`missiemonitor report`: where the page is."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from pipeline.cli.common import RELEASE, UserError, release_of
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
    paths = Paths.from_environment()
    there = release_of(paths, release) / "report" / "index.html"
    # A release's own folder is removed some day; this name leads to the current one for ever.
    page = there if release else paths.marts / "report" / "index.html"
    typer.echo(str(page))
    if open_it and not webbrowser.open(there.as_uri()):
        raise UserError("--open: nothing here opened the page; open the file above in a browser")
