"""`missiemonitor status`: the scoreboard of the published set."""

from __future__ import annotations

import json
from io import StringIO
from typing import Annotated

import typer

from pipeline.cli.common import (
    LANG,
    RELEASE,
    UserError,
    console,
    language,
    release_of,
    until_unread,
    write_utf8,
)
from pipeline.cli.complete import missions
from pipeline.paths import Paths


def status(
    mission: Annotated[
        str, typer.Option("--mission", help="A mission's id, e.g. energy.", autocompletion=missions)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    release: RELEASE = "",
    lang: LANG = None,
) -> None:
    """The scoreboard of the published set, or of another release.

    \b
    Examples:
      missiemonitor status
      missiemonitor status --mission energy --lang nl
      missiemonitor status --release 3f2a
      missiemonitor status --json > scoreboard.json
    """
    # Here and not above: DuckDB and Arrow take .2 s to import, which help and every press of the key that
    # completes would pay.
    from pipeline.report.board import read_board

    chosen = language(lang)
    board = read_board(release_of(Paths.from_environment(), release))
    if mission and mission not in {r["mission_id"] for r in board["rows"]}:
        raise UserError(f"--mission {mission}: no such mission; see `missiemonitor status`")
    if as_json:
        board["rows"] = [
            r
            for r in board["rows"]
            if not mission
            or r["mission_id"] == mission
            or r["mission_id"].startswith(f"{mission}.")
        ]
        write_utf8()
        with until_unread():
            typer.echo(json.dumps(board, ensure_ascii=False, indent=1, default=str))
        return
    # rich takes 30 ms more, which --json does not pay.
    from pipeline.report.scoreboard import print_board

    # As one text: for a reader that has gone Rich itself ends with 1.
    text = StringIO()
    print_board(board, chosen, console(text), mission)
    with until_unread():
        typer.echo(text.getvalue(), nl=False)
