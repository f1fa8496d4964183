"""`missiemonitor diff`: what changed between two releases, and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.common import LANG, RELEASE, UserError, language, until_unread, write_utf8
from pipeline.cli.complete import releases
from pipeline.paths import Paths


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="[A]",
            help="A release's id or its start; default the last that was published.",
            autocompletion=releases,
        ),
    ] = "",
    after: Annotated[
        str, typer.Argument(metavar="[B]", help="Default the current one.", autocompletion=releases)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    release: RELEASE = "",
    lang: LANG = None,
) -> None:
    """Every status that differs between two releases, with its cause: new_year, revision, method,
    registry, reference_date, first_figures or not_known. `--release` names B.

    \b
    Examples:
      missiemonitor diff
      missiemonitor diff 3f2a current --json
      missiemonitor diff --release 3f2a
    """
    # Here and not above: DuckDB and Arrow take .2 s to import, which help and every press of the key that
    # completes would pay.
    from pipeline.release.diff import compare
    from pipeline.release.read import before_it, find
    from pipeline.report.difference import lines

    chosen = language(lang)
    marts = Paths.from_environment().marts
    if after and release:
        raise UserError("diff: B or --release, not both: they name the same release")
    later = find(marts, after or release or "current")
    found = compare(find(marts, before) if before else before_it(marts, later), later)
    with until_unread():
        if as_json:
            write_utf8()
            typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1, default=str))
            return
        for line in lines(found, chosen):
            typer.echo(line)
