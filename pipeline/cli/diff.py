"""`missiemonitor diff`: what changed between two releases, and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.common import LANG, language
from pipeline.cli.complete import releases
from pipeline.paths import Paths
from pipeline.release.diff import compare
from pipeline.release.read import ReleaseError, find, kept
from pipeline.report.difference import lines


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="[A]",
            help="A release's id or its start; default the last.",
            autocompletion=releases,
        ),
    ] = "",
    after: Annotated[
        str, typer.Argument(metavar="[B]", help="Default the current one.", autocompletion=releases)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    lang: LANG = None,
) -> None:
    """Every status that differs between two releases, with its cause: new_year, revision,
    method, registry or reference_date.

    \b
    Examples:
      missiemonitor diff
      missiemonitor diff 3f2a current --json
    """
    chosen = language(lang)
    marts = Paths.from_environment().marts
    if not before:
        others = kept(marts)[1:]
        if not others:
            raise ReleaseError("one release is kept; there is none before it to compare with")
        before = others[0].name
    found = compare(find(marts, before), find(marts, after or "current"))
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1, default=str))
        return
    for line in lines(found, chosen):
        typer.echo(line)
