"""`missiemonitor ingest`: a downloaded file becomes a candidate vintage and is judged, or one is taken
out of use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import UserError
from pipeline.cli.complete import datasets


def ingest(
    file: Annotated[
        Path | None, typer.Argument(help="A file as the publisher gave it.", show_default=False)
    ] = None,
    dataset: Annotated[
        str,
        typer.Option("--dataset", help="source/dataset of the registry.", autocompletion=datasets),
    ] = "",
    known_from: Annotated[
        str | None, typer.Option("--known-from", help="Date of publication; default today.")
    ] = None,
    found_in: Annotated[str, typer.Option("--found-in", help="Where the file was found.")] = "",
    withdraw: Annotated[
        str, typer.Option("--withdraw", help="Id of a vintage to take out of use; needs --why.")
    ] = "",
    why: Annotated[str, typer.Option("--why", help="Why it is taken out of use.")] = "",
    author: Annotated[
        str, typer.Option("--author", help="Who takes it out of use; default you.")
    ] = "",
) -> None:
    """Keep a downloaded file as a candidate vintage, newer than all others of its day, and judge it as
    the night does. Its format is told by what is in it. What is no file of the dataset is refused;
    what fails a check is kept, waits, and ends this command with 3. A file that was taken in before
    undoes what came since.

    Its scope is that of the vintage before it that was no pull: what that one held must be there.

    \b
    Examples:
      missiemonitor ingest estat_env_air_gge.tsv.gz --dataset eurostat/env_air_gge
      missiemonitor ingest 82610NED.zip --dataset cbs/82610NED --known-from 2026-11-20
      missiemonitor ingest --withdraw 0f3c9a1b2c3d4e5f --why "half of the table is missing"
    """
    if bool(withdraw) == (file is not None):
        raise UserError("ingest: give a FILE to take in, or --withdraw VINTAGE to take out of use")
    # Here: reading a body brings DuckDB, which help and completion do without.
    from pipeline.cli.intake import take_in, take_out

    if withdraw:
        return take_out(withdraw, why, author)
    if why or author:
        raise UserError("--why and --author go with --withdraw, or with `missiemonitor accept`")
    if not dataset:
        raise UserError("--dataset: name the dataset that the file is of, as source/dataset")
    assert file is not None
    raise typer.Exit(take_in(file, dataset, known_from, found_in))
