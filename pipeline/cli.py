"""The command line. Errors for people are one line; exit codes are 0, 1 and 3 as in README.

Heavy libraries are imported inside the commands that need them.
"""

from __future__ import annotations

import json
import locale
import os
import re
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.paths import CHECKOUT, Paths, registry_root

app = typer.Typer(
    help="How far the Netherlands has come on its missions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
OK, NOTHING_PUBLISHED, DEGRADED = 0, 1, 3
_DEBUG = False


class UserError(Exception):
    """One line for people: what is wrong, where, what to do."""


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """How far the Netherlands has come on its missions."""
    global _DEBUG
    _DEBUG = debug


def language(asked: str | None) -> str:
    """`nl` or `en`: asked for, else the locale's."""
    if asked:
        if asked not in ("nl", "en"):
            raise UserError(f"--lang {asked}: nl or en")
        return asked
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "nl" if (named or locale.getlocale()[0] or "").lower().startswith("nl") else "en"


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} {text}: not a date; write YYYY-MM-DD") from error


def _release(paths: Paths) -> Path:
    current = paths.marts / "current"
    if not current.exists():
        raise UserError(f"nothing is published in {paths.marts}: run `missiemonitor run` first")
    return current.resolve()


def _instance(paths: Paths) -> Any:
    import dagster as dg

    paths.instance.mkdir(parents=True, exist_ok=True)
    os.environ["MISSIEMONITOR_INSTANCE"] = paths.instance.as_posix()
    return dg.DagsterInstance.from_config(CHECKOUT.as_posix())


LANG = Annotated[str | None, typer.Option("--lang", help="nl or en; default from the locale.")]


@app.command()
def run(
    offline: Annotated[
        bool, typer.Option("--offline", help="Use the vintages at hand; pull nothing.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Reference date, YYYY-MM-DD; later vintages do not exist."),
    ] = None,
    lang: LANG = None,
) -> None:
    """The nightly run: take in, build, check, publish. Exit 0 all well, 3 a source stays on its
    last good vintage or has none, 1 nothing published.

    Example: missiemonitor run --as-of 2026-11-23
    """
    from pipeline import quality

    if as_of:
        _day(as_of, "--as-of")
    chosen = language(lang)
    paths = Paths.from_environment()
    if not (paths.work / "marts").is_dir():
        # Great Expectations imports for seconds in its own process: let it begin now.
        quality.start_early()
    try:
        code = _run(paths, as_of or "", chosen)
    finally:
        quality.stop_early()
    raise typer.Exit(code)


def _run(paths: Paths, as_of: str, lang: str) -> int:
    from pipeline.definitions import JOB, defs

    definitions = defs() if callable(defs) else defs
    job = definitions.resolve_job_def(JOB)
    with _instance(paths) as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=_DEBUG,
            run_config={
                "resources": {"run": {"config": {"as_of": as_of}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    if not result.success:
        for line in _why_failed(result, failed):
            typer.echo(line, err=True)
        typer.echo("nothing published; the published set is as it was", err=True)
        return NOTHING_PUBLISHED
    from rich.console import Console

    from pipeline.report.board import read_board
    from pipeline.report.scoreboard import print_board

    release = _release(paths)
    print_board(read_board(release), lang, _console(Console))
    for line in _warnings(failed):
        typer.echo(line, err=True)
    typer.echo(f"{paths.marts / 'report' / 'index.html'}")
    degraded = any(e.severity.value == "ERROR" for e in failed)
    return DEGRADED if degraded else OK


def _console(console: Any) -> Any:
    # In a pipe Rich would assume 80 columns; the board is laid out for 100.
    return console() if sys.stdout.isatty() else console(width=100, color_system=None)


def _warnings(failed: list[Any]) -> list[str]:
    """A line for each asset with a failed check: `!` for an error, `?` for a warning."""
    lines = []
    for key in dict.fromkeys(e.asset_key for e in failed):
        mine = [e for e in failed if e.asset_key == key]
        mark = "!" if any(e.severity.value == "ERROR" for e in mine) else "?"
        more = f" (and {len(mine) - 1} more)" if len(mine) > 1 else ""
        first = mine[0]
        lines.append(
            f"{mark} {key.to_user_string()}: {first.check_name}{more}: {first.description}"
        )
    return lines


def _why_failed(result: Any, failed: list[Any]) -> list[str]:
    lines = []
    for event in failed:
        if event.blocking:
            name = event.asset_key.to_user_string()
            lines.append(f"{name}: check {event.check_name} failed: {event.description}")
    for event in result.all_events:
        if event.is_failure and event.is_step_event:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            text = (error.message if error else "").strip().splitlines()
            if text and "DagsterAssetCheckFailedError" not in text[0]:
                said = re.sub(r"^[\w.]+(?:Error|Exception): ", "", text[0])
                lines.append(f"{event.step_key.replace('__', '/')}: {said}")
        elif event.event_type_value == "PIPELINE_FAILURE" and not lines:
            data = event.job_failure_data
            error = data.error if data else None
            while error is not None and error.cause is not None:
                error = error.cause
            if error:
                lines.append(error.message.strip().splitlines()[0])
    return lines or ["the run failed; see its log in the UI (make ui) or run with --debug"]


@app.command()
def status(
    mission: Annotated[str, typer.Option("--mission", help="A mission's id, e.g. energy.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    lang: LANG = None,
) -> None:
    """The scoreboard of the published set.

    Example: missiemonitor status --mission energy --lang nl
    """
    from pipeline.report.board import read_board

    chosen = language(lang)
    board = read_board(_release(Paths.from_environment()))
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
        typer.echo(json.dumps(board, ensure_ascii=False, indent=1, default=str))
        return
    from rich.console import Console

    from pipeline.report.scoreboard import print_board

    print_board(board, chosen, _console(Console), mission)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One statement; tables are marts.<name>.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """Ask the published DuckDB, read-only.

    Example: missiemonitor query "SELECT mission_id, status FROM marts.sub_mission_progress"
    """
    import duckdb

    file = _release(Paths.from_environment()) / "missiemonitor.duckdb"
    try:
        with duckdb.connect(file.as_posix(), read_only=True) as con:
            con.execute("SET autoinstall_known_extensions=false")
            con.execute("SET enable_external_access=false")
            cursor = con.execute(sql)
            names = [d[0] for d in cursor.description or []]
            rows = cursor.fetchall()
    except duckdb.Error as error:
        raise UserError(f"query: {str(error).strip().splitlines()[0]}") from error
    if as_json:
        for row in rows:
            line = dict(zip(names, row, strict=True))
            typer.echo(json.dumps(line, ensure_ascii=False, default=str))
        return
    if as_csv or not sys.stdout.isatty():
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in names:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text("" if v is None else str(v)) for v in row))
    Console().print(table)


@app.command()
def report(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Where the page is."""
    page = _release(Paths.from_environment()) / "report" / "index.html"
    typer.echo(str(page))
    if open_it:
        typer.launch(page.as_uri())


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="A file as the publisher gave it.")],
    dataset: Annotated[str, typer.Option("--dataset", help="source/dataset of the registry.")],
    known_from: Annotated[
        str | None, typer.Option("--known-from", help="Date of publication; default today.")
    ] = None,
    found_in: Annotated[str, typer.Option("--found-in", help="Where the file was found.")] = "",
) -> None:
    """Keep a downloaded file as a candidate vintage; the next run judges it.

    Its scope is that of the newest vintage at hand: what that one held must be there.

    Example: missiemonitor ingest env_air_gge.csv --dataset eurostat/env_air_gge
    """
    from pipeline.archive import MAX_BODY, Archive, ArchiveError
    from pipeline.registry import load
    from pipeline.session import today

    item = load(registry_root()).datasets.get(dataset)
    if item is None:
        raise UserError(f"--dataset {dataset}: not in the registry (sources.yaml); add it there")
    day = _day(known_from, "--known-from") if known_from else today()
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
    earlier = [v for v in archive.vintages(item.source, item.dataset) if not v.partial]
    scope = dict(earlier[-1].scope) if earlier else {}
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
    typer.echo(f"{dataset}: candidate vintage {vintage.vintage_id}; `missiemonitor run` judges it")


@app.command()
def doctor() -> None:
    """Check the set-up: registry, SQL files, vintages and the published set."""
    from pipeline.archive import Archive
    from pipeline.models import load_models
    from pipeline.paths import sql_root
    from pipeline.registry import load

    registry = load(registry_root())
    models = load_models(sql_root())
    paths = Paths.from_environment()
    archive = Archive(paths)
    archive.seed()
    without = [n for n, d in registry.datasets.items() if not archive.vintages(d.source, d.dataset)]
    typer.echo(
        f"registry: {len(registry.indicators)} indicators, {len(registry.datasets)} datasets"
    )
    typer.echo(f"models: {len(models)}")
    for name in without:
        typer.echo(f"! {name}: no vintage; ingest a file for it", err=True)
    current = paths.marts / "current"
    typer.echo(f"published: {current.resolve().name if current.exists() else 'nothing yet'}")
    raise typer.Exit(DEGRADED if without else OK)


def main() -> None:
    """Entry point: people see one line, not a traceback."""
    try:
        app()
    except Exception as error:
        if _DEBUG:
            raise
        text = str(error).strip() or type(error).__name__
        lines = getattr(error, "lines", None) or [text.splitlines()[0]]
        for line in lines:
            sys.stderr.write(f"missiemonitor: {line}\n")
        sys.exit(NOTHING_PUBLISHED)


if __name__ == "__main__":
    main()
