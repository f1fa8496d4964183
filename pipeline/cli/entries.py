"""What `missiemonitor new` needs: a file with figures, and the registry's files that are added to."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pipeline.cli.common import UserError
from pipeline.files import write_atomic
from pipeline.formats import DatasetSpec, parse
from pipeline.formats.recognise import recognise
from pipeline.formats.spec import Parsed
from pipeline.paths import is_safe
from pipeline.registry import Registry, RegistryError, load
from pipeline.vintages.admission import examine
from pipeline.vintages.files import FileError, read_file
from pipeline.vintages.store import MAX_BODY

_SHOWN = 8


def must_be_new(registry: Registry, id: str, dataset: str, mission: str) -> None:
    """UserError for an id that cannot be that of a new indicator, or a mission or source that is none."""
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


def read(registry: Registry, file: Path, dataset: str) -> tuple[str, str | None, Parsed]:
    """(format, code that it states, figures) of the file. ParseError if it is not read."""
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


def series_of(file: Path, parsed: Parsed, asked: str) -> str:
    """The key of the series that was asked for, or of the only one. UserError if that is not one."""
    found = sorted(set(parsed.observations.column("series_key").to_pylist()))
    fits = [key for key in found if asked in (key, key.removeprefix("series="))]
    if not asked and len(found) == 1:
        return str(found[0])
    if len(fits) != 1:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        said = f"--series {asked}: is not in it" if asked else "has several series: give --series"
        raise UserError(f"{file}: {said}; there are: {'; '.join(found[:_SHOWN])}{more}")
    return str(fits[0])


def file_of(root: Path, mission: str) -> Path:
    """The file of the central mission's indicators; one of its own if there is none."""
    name = mission.split(".", 1)[0]
    files = sorted((root / "indicators").glob(f"*_{name}.yaml"))
    return files[0] if files else root / "indicators" / f"{name}.yaml"


def knows(registry: Registry, dataset: str, key: str) -> bool:
    """Whether the registry reads that series already."""
    return key in registry.datasets[dataset].needed


def write(root: Path, texts: Mapping[Path, str]) -> None:
    """Add the texts to the files, all of them or none. RegistryError with every mistake."""
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
