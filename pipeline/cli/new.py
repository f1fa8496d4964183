"""`missiemonitor new`: writes the registry's entries for what is to be monitored."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import UserError
from pipeline.cli.complete import missions
from pipeline.paths import is_safe, registry_root

if TYPE_CHECKING:
    from pipeline.formats.spec import Parsed
    from pipeline.registry import Registry

_SHOWN = 8


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
    from pipeline.formats.spec import ParseError
    from pipeline.registry import load
    from pipeline.registry.draft import Draft, dataset_entry, indicator_entry
    from pipeline.registry.schema import HOME

    root = registry_root()
    registry = load(root)
    _must_be_new(registry, id, dataset, mission)
    try:
        format, code, parsed = _read(registry, file, dataset)
    except ParseError as error:
        raise UserError(f"{file}: {error}") from error
    key = _series(file, parsed, series)
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
    target = _file_of(root, mission)
    texts = {target: indicator_entry(draft)}
    if dataset not in registry.datasets:
        curated = dataset.startswith("curated/")
        texts[root / "datasets.yaml"] = dataset_entry(
            dataset, en, format, code, publisher or "…", curated
        )
    _write(root, texts)
    for path in texts:
        typer.echo(f"written: {path}")
    if dataset not in registry.datasets or not _knows(registry, dataset, key):
        typer.echo(f"next: missiemonitor ingest {file} --dataset {dataset}")
    typer.echo("then: missiemonitor run --offline")


def _must_be_new(registry: Registry, id: str, dataset: str, mission: str) -> None:
    if not is_safe(id) or id != id.lower():
        raise UserError(f"{id}: an id has small letters, digits and underscores")
    if id in registry.indicators:
        raise UserError(f"{id}: there is an indicator of that id; choose another")
    if mission not in registry.missions:
        near = get_close_matches(mission, registry.missions, 3, 0.3) or list(registry.missions)[:5]
        raise UserError(f"--mission {mission}: no such mission; near it: {', '.join(near)}")
    source, _, name = dataset.partition("/")
    if source not in registry.sources or not is_safe(name):
        known = ", ".join(registry.sources)
        raise UserError(f"--dataset {dataset}: write source/dataset; the sources are {known}")


def _read(registry: Registry, file: Path, dataset: str) -> tuple[str, str | None, Parsed]:
    """(format, code that it states, figures) of the file. ParseError if it is not read."""
    from pipeline.formats import DatasetSpec, parse
    from pipeline.formats.recognise import recognise
    from pipeline.vintages.admission import examine
    from pipeline.vintages.files import FileError, read_file
    from pipeline.vintages.store import MAX_BODY

    try:
        body = read_file(file, MAX_BODY)
    except FileError as error:
        raise UserError(str(error)) from error
    source, _, name = dataset.partition("/")
    if item := registry.datasets.get(dataset):
        # Its other series are what the file is known by.
        found = examine(item, body)
        spec = DatasetSpec(
            source, name, found.format, found.states, frozenset(item.forms), found.keys, found.units
        )
        return item.format, item.code, parse(body, spec)
    format = recognise(body) or ""
    # A file that states which dataset it is of states that it is this one.
    code = name.upper() if format in ("sdmx_csv", "sdmx_csv2", "jsonstat") else None
    return format, code, parse(body, DatasetSpec(source, name, format, code))


def _series(file: Path, parsed: Parsed, asked: str) -> str:
    found = sorted(set(parsed.observations.column("series_key").to_pylist()))
    fits = [key for key in found if asked in (key, key.removeprefix("series="))]
    if not asked and len(found) == 1:
        return str(found[0])
    if len(fits) != 1:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        said = f"--series {asked}: is not in it" if asked else "has several series: give --series"
        raise UserError(f"{file}: {said}; there are: {'; '.join(found[:_SHOWN])}{more}")
    return str(fits[0])


def _file_of(root: Path, mission: str) -> Path:
    """The file of the central mission's indicators; one of its own if there is none."""
    name = mission.split(".", 1)[0]
    files = sorted((root / "indicators").glob(f"*_{name}.yaml"))
    return files[0] if files else root / "indicators" / f"{name}.yaml"


def _knows(registry: Registry, dataset: str, key: str) -> bool:
    return key in registry.datasets[dataset].series_keys()


def _write(root: Path, texts: Mapping[Path, str]) -> None:
    """Add the texts to the files, all of them or none. RegistryError with every mistake."""
    from pipeline.paths import write_atomic
    from pipeline.registry import load
    from pipeline.registry.schema import RegistryError

    before = {path: path.read_bytes() if path.exists() else None for path in texts}
    try:
        for path, text in texts.items():
            was = before[path] or b""
            end = b"" if not was or was.endswith(b"\n") else b"\n"
            write_atomic(path, was + end + text.encode("utf-8"))
        load.cache_clear()
        load(root)
    except (OSError, RegistryError):
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_atomic(path, content)
        load.cache_clear()
        raise
