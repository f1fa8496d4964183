"""`missiemonitor explain`: every number behind an indicator's statuses."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.cli.common import LANG, RELEASE, language, release_of, until_unread, write_utf8
from pipeline.cli.complete import indicators, targets
from pipeline.paths import Paths


def explain(
    indicator: Annotated[str, typer.Argument(help="An indicator's id.", autocompletion=indicators)],
    target: Annotated[
        str | None,
        typer.Option(
            "--target", help="A target's id; default all of them.", autocompletion=targets
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Every number in full, and the marts' own words.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    release: RELEASE = "",
    lang: LANG = None,
) -> None:
    """Every number behind a status: formula, figures, vintage, citation, second opinions.

    Numbers are rounded for people; --exact and --json give them in full, so that they recompute.

    \b
    Examples:
      missiemonitor explain ghg_net_total
      missiemonitor explain ghg_net_total --target energy/ghg-55-2030 --lang nl
      missiemonitor explain ghg_net_total --exact
      missiemonitor explain ghg_net_total --release 3f2a --json
    """
    # Here and not above: DuckDB and Arrow take .2 s to import, which help and every press of the key that
    # completes would pay.
    from pipeline.release.explain import explain as explained
    from pipeline.release.read import Release
    from pipeline.report.explanation import lines

    chosen = language(lang)
    told = explained(Release(release_of(Paths.from_environment(), release)), indicator, target)
    with until_unread():
        if as_json:
            write_utf8()
            typer.echo(json.dumps(told, ensure_ascii=False, indent=1, default=str))
            return
        for line in lines(told, chosen, exact):
            typer.echo(line)
