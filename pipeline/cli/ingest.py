"""`missiemonitor ingest`: a downloaded file becomes a candidate vintage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import UserError, day_of
from pipeline.cli.complete import datasets
from pipeline.paths import Paths, registry_root


def ingest(
    file: Annotated[Path, typer.Argument(help="A file as the publisher gave it.")],
    dataset: Annotated[
        str,
        typer.Option("--dataset", help="source/dataset of the registry.", autocompletion=datasets),
    ],
    known_from: Annotated[
        str | None, typer.Option("--known-from", help="Date of publication; default today.")
    ] = None,
    found_in: Annotated[str, typer.Option("--found-in", help="Where the file was found.")] = "",
) -> None:
    """Keep a downloaded file as a candidate vintage, newer than all others of its day; the next run
    judges it. A file that was taken in before undoes what came since.

    Its scope is that of the vintage before it that was no pull: what that one held must be there.

    \b
    Examples:
      missiemonitor ingest env_air_gge.csv --dataset eurostat/env_air_gge
      missiemonitor ingest 82610NED.json --dataset cbs/82610NED --known-from 2026-11-20
    """
    from pipeline.clock import today
    from pipeline.registry import load
    from pipeline.vintages.store import MAX_BODY, Archive, ArchiveError

    item = load(registry_root()).datasets.get(dataset)
    if item is None:
        raise UserError(f"--dataset {dataset}: not in the registry (sources.yaml); add it there")
    now = today()
    day = day_of(known_from, "--known-from") if known_from else now
    if day > now:
        raise UserError(
            f"--known-from {day}: is still to come (today is {now}); give the day of publication"
        )
    try:
        if file.stat().st_size > MAX_BODY:
            raise UserError(f"{file}: larger than {MAX_BODY >> 30} GiB; refused")
        body = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from error
    if body[:2] == b"\x1f\x8b":
        import gzip
        import zlib

        try:
            with gzip.open(file) as unpacked:
                body = unpacked.read(MAX_BODY + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{file}: damaged gzip ({error}); download it again") from error
    archive = Archive(Paths.from_environment())
    archive.seed()
    known = archive.vintages(item.source, item.dataset, day)
    # A live vintage's scope is what was asked of an interface, not what a file holds.
    files = [v for v in known if not (v.partial or v.fault) and v.manifest.get("origin") != "live"]
    scope = dict(files[-1].scope) if files else {}
    try:
        vintage = archive.add(
            item.source,
            item.dataset,
            body,
            {
                "publisher": item.publisher,
                "format": item.format,
                "origin": "ingested",
                "known_from": day.isoformat(),
                "known_from_basis": "published" if known_from else "retrieved",
                "found_in": found_in or file.name,
                "licence": item.licence,
                "scope": scope,
            },
        )
    except ArchiveError as error:
        raise UserError(f"{file}: {error}") from error
    newest = [v for v in archive.vintages(item.source, item.dataset, now) if not v.partial][-1]
    said = f"{dataset}: vintage {vintage.vintage_id}"
    if newest.vintage_id != vintage.vintage_id:
        typer.echo(
            f"{said} is history: {newest.vintage_id} is known from {newest.known_from}; without "
            "--known-from the file is known from today, and the newest"
        )
    elif vintage.vintage_id in {v.vintage_id for v in known}:
        typer.echo(f"{said} is there already, and the newest")
    else:
        typer.echo(
            f"{dataset}: candidate vintage {vintage.vintage_id}; `missiemonitor run` judges it"
        )
