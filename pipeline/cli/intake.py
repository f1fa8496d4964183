"""What `missiemonitor ingest` does: takes a file in as a candidate vintage and judges it, or takes a vintage
out of use."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.cli.common import DEGRADED, OK, UserError, day_of, signed_by
from pipeline.clock import today
from pipeline.formats.spec import ParseError
from pipeline.paths import Paths, registry_root
from pipeline.registry import Dataset, Registry, load
from pipeline.vintages import decisions
from pipeline.vintages.admission import examine
from pipeline.vintages.decisions import in_words, withdrawal
from pipeline.vintages.files import FileError, read_file
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.store import MAX_BODY, Archive, ArchiveError, Vintage
from pipeline.vintages.validate import Validator, rules_of


def take_in(file: Path, name: str, known_from: str | None, found_in: str) -> int:
    """Keep a file as a candidate vintage of the dataset `name` and say how it is judged; the exit
    code. UserError for a file that is not kept."""
    registry = load(registry_root())
    item = registry.datasets.get(name)
    if item is None:
        raise UserError(
            f"--dataset {name}: not in the registry (datasets.yaml); add it there, or let "
            "`missiemonitor new indicator` do so"
        )
    now = today()
    day = day_of(known_from, "--known-from") if known_from else now
    if day > now:
        raise UserError(
            f"--known-from {day}: is still to come (today is {now}); give the day of publication"
        )
    archive = Archive(Paths.from_environment())
    archive.seed()
    known = archive.vintages(item.source, item.dataset, day)
    try:
        body = read_file(file, MAX_BODY)
        found = examine(item, body)
        # With what is in use: a file that waits may be the very table that was mistaken for it.
        if used := _state(archive, registry, item, known).current:
            found = found.compared(used, item)
        vintage = archive.add(
            item.source,
            item.dataset,
            body,
            {
                **found.manifest(),
                "publisher": item.publisher,
                "origin": "ingested",
                "known_from": day.isoformat(),
                "known_from_basis": "published" if known_from else "retrieved",
                "found_in": found_in or file.name,
                "licence": item.licence,
                "scope": _scope(_usable(archive, known)),
            },
        )
    except FileError as error:
        raise UserError(str(error)) from error
    except (ArchiveError, ParseError) as error:
        raise UserError(f"{file}: not taken in: {error}") from error
    if said := withdrawal(archive, vintage):
        raise UserError(
            f"{name}: vintage {vintage.vintage_id} was {in_words('withdrawn', said)}; "
            "`missiemonitor accept` takes it back into use"
        )
    there = vintage.vintage_id in {v.vintage_id for v in known}
    # Some formats do not say which dataset they are of.
    title = found.title if found.states else f"{found.title}, taken as {name}'s"
    code = _say_verdict(archive, registry, item, vintage, title, there)
    if found.parsed is not None and (aside := found.parsed.set_aside()):
        typer.echo(f"rows that are set aside: {aside}")
    return code


def _usable(archive: Archive, known: list[Vintage]) -> list[Vintage]:
    """Those that are whole and that nobody withdrew."""
    return [v for v in known if not (v.partial or v.fault or withdrawal(archive, v))]


def _scope(usable: list[Vintage]) -> dict[str, object]:
    """What the file is held to: that of the file before it. A live vintage's scope is what was asked
    of an interface, not what a file holds."""
    files = [v for v in usable if v.manifest.get("origin") != "live"]
    return dict(files[-1].scope) if files else {}


def _state(
    archive: Archive, registry: Registry, item: Dataset, vintages: list[Vintage]
) -> DatasetState:
    """What the dataset is with these vintages, as the night will find it."""
    validator = Validator(archive, archive.paths.work)
    return resolve(item, vintages, rules_of(registry, item), validator)


def _say_verdict(
    archive: Archive, registry: Registry, item: Dataset, vintage: Vintage, title: str, there: bool
) -> int:
    """Judge the vintage among all that are known today, as the night will; the exit code."""
    vintages = archive.vintages(item.source, item.dataset, today())
    state = _state(archive, registry, item, vintages)
    row = next(r for r in state.vintages if r["vintage_id"] == vintage.vintage_id)
    newest = [v for v in vintages if not v.partial][-1]
    name = f"{item.id}: {title}: {'' if there else 'candidate '}vintage {vintage.vintage_id}"
    if row["verdict"] == "quarantined":
        used = f"{state.vintage_id} stays in use" if state.current else "none is in use"
        kept = "is there already" if there else "is kept"
        typer.echo(f"{name} {kept} and waits ({used}): {row['reason']}", err=True)
        typer.echo(
            f"if the figures are right: `missiemonitor accept {vintage.vintage_id} --why …`; "
            f"if not: `missiemonitor ingest --withdraw {vintage.vintage_id} --why …`",
            err=True,
        )
        return DEGRADED
    if newest.vintage_id != vintage.vintage_id:
        said = (
            f"passes its checks and is history: {newest.vintage_id} is known from "
            f"{newest.known_from}; without --known-from the file is known from today, and the newest"
        )
    elif there:
        said = "is there already, passes its checks, and is the newest"
    else:
        said = "passes its checks; the next `missiemonitor run` uses it"
    typer.echo(f"{name} {said}")
    return OK


def take_out(vintage_id: str, why: str, author: str) -> None:
    """Note that a person takes a vintage out of use. UserError if there is none of that id."""
    if not why.strip():
        raise UserError("--why: say why the vintage is taken out of use")
    who = signed_by(author)
    archive = Archive(Paths.from_environment())
    archive.seed()
    found = decisions.find(archive, load(registry_root()).datasets.values(), vintage_id)
    if not found:
        raise UserError(
            f"{vintage_id}: no such vintage; `missiemonitor status` names those that wait, "
            "marts.source_status those in use"
        )
    for item in found:
        decisions.withdraw(archive, item, who, today(), why)
        typer.echo(
            f"{item.source}/{item.dataset}: {vintage_id} is withdrawn; the next run leaves it out"
        )
