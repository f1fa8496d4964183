"""`missiemonitor new`: writes the registry's entries for what is to be monitored."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.areas import HOME
from pipeline.cli.common import UserError
from pipeline.cli.complete import missions
from pipeline.paths import registry_root


class Kind(StrEnum):
    """What can be new."""

    indicator = "indicator"


class Direction(StrEnum):
    up = "up"
    down = "down"


class Fit(StrEnum):
    direct = "direct"
    proxy = "proxy"
    context = "context"


class Role(StrEnum):
    headline = "headline"
    supporting = "supporting"


def new(
    kind: Annotated[Kind, typer.Argument(help="What: an indicator.")],
    id: Annotated[str, typer.Argument(help="Its id: small letters, digits and underscores.")],
    file: Annotated[Path, typer.Argument(help="A file with its figures.")],
    dataset: Annotated[
        str, typer.Option("--dataset", help="source/dataset that the file is of, new or not.")
    ],
    mission: Annotated[
        str,
        typer.Option("--mission", help="Id of its mission or goal.", autocompletion=missions),
    ],
    direction: Annotated[Direction, typer.Option("--direction", help="Which way is better.")],
    nl: Annotated[str, typer.Option("--nl", help="Its name in Dutch.")],
    en: Annotated[str, typer.Option("--en", help="Its name in English.")],
    series: Annotated[
        str, typer.Option("--series", help="Which series of the file; needed if it has several.")
    ] = "",
    unit: Annotated[str, typer.Option("--unit", help="Unit; default the one in the file.")] = "",
    fit: Annotated[Fit, typer.Option("--fit", help="What it is for the mission.")] = Fit.proxy,
    role: Annotated[Role, typer.Option("--role", help="Headlines decide.")] = Role.supporting,
    publisher: Annotated[
        str, typer.Option("--publisher", help="Who published the figures of a curated table.")
    ] = "",
) -> None:
    """Write the entries of a new indicator into the registry, with comments, from a file with its
    figures; and that of its dataset, if there is none. Nothing is written that the registry does not
    accept, and the file is not taken in: `missiemonitor ingest` does that.

    \b
    Examples:
      missiemonitor new indicator repaired_products repair.csv --dataset curated/repair_survey --mission circular.economy.extend --direction up --nl "Gerepareerde producten" --en "Products repaired"
    """
    # Here: reading a file brings DuckDB, which help and completion do without.
    from pipeline.cli.entries import file_of, knows, must_be_new, read, series_of, write
    from pipeline.formats.spec import ParseError
    from pipeline.registry import load
    from pipeline.registry.draft import Draft, dataset_entry, indicator_entry

    root = registry_root()
    registry = load(root)
    must_be_new(registry, id, dataset, mission)
    try:
        format, code, parsed = read(registry, file, dataset)
    except ParseError as error:
        raise UserError(f"{file}: {error}") from error
    key = series_of(file, parsed, series)
    rows = [r for r in parsed.observations.to_pylist() if r["series_key"] == key]
    years = sorted({r["year"] for r in rows if r["geo"] == HOME})
    if not years:
        raise UserError(f"{file}: the series {key} has no figure of {HOME}")
    units = [r["unit"] for r in rows if r["unit"]]
    if not (unit or units):
        raise UserError(f"{file}: states no unit: give --unit")
    values = [r["value"] for r in rows]
    draft = Draft(
        id, mission, nl, en, unit or max(set(units), key=units.count), direction, fit, role,
        dataset, key, min(values), max(values), years,
    )  # fmt: skip
    target = file_of(root, mission)
    texts = {target: indicator_entry(draft)}
    if dataset not in registry.datasets:
        curated = dataset.startswith("curated/")
        texts[root / "datasets.yaml"] = dataset_entry(
            dataset, en, format, code, publisher or "…", curated
        )
    write(root, texts)
    for path in texts:
        typer.echo(f"written: {path}")
    if dataset not in registry.datasets or not knows(registry, dataset, key):
        typer.echo(f"next: missiemonitor ingest {file} --dataset {dataset}")
    typer.echo("then: missiemonitor run --offline")
