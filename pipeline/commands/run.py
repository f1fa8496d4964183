"""`missiemonitor run`: the nightly run from the command line."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from pipeline.commands import common
from pipeline.commands.common import (
    DEGRADED,
    LANG,
    NOTHING_PUBLISHED,
    OK,
    UserError,
    console,
    day_of,
    instance_of,
    language,
    release_of,
)
from pipeline.paths import Paths


def run(
    offline: Annotated[
        bool, typer.Option("--offline", help="Use the vintages at hand; pull nothing.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Reference date, YYYY-MM-DD; later vintages do not exist."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="Pull only this publisher or source/dataset; repeatable."),
    ] = None,
    lang: LANG = None,
) -> None:
    """The nightly run: pull, take in, build, check, publish. Exit 0 all well, 3 a source stays
    on its last good vintage or has none, 1 nothing published. A date that has passed pulls
    nothing.

    Example: missiemonitor run --as-of 2026-11-23
    """
    from pipeline import quality

    if as_of:
        day_of(as_of, "--as-of")
    for name in source or ():
        _must_be_source(name)
    chosen = language(lang)
    paths = Paths.from_environment()
    if not (paths.work / "marts").is_dir():
        # Great Expectations imports for seconds in its own process: let it begin now.
        quality.start_early()
    try:
        code = _run(paths, as_of or "", chosen, offline, source or [])
    finally:
        quality.stop_early()
    raise typer.Exit(code)


def _must_be_source(name: str) -> None:
    from pipeline.paths import registry_root
    from pipeline.registry import load

    datasets = load(registry_root()).datasets
    live = {n for n, d in datasets.items() if d.live}
    known = {*live, *(n.split("/", 1)[0] for n in live), *(datasets[n].asked for n in live)}
    if name not in known:
        near = ", ".join(sorted(k for k in known if "/" not in k))
        raise UserError(f"--source {name}: nothing is pulled under that name; there are {near}")


def _run(paths: Paths, as_of: str, lang: str, offline: bool, sources: list[str]) -> int:
    from pipeline.definitions import JOB, defs

    definitions = defs() if callable(defs) else defs
    job = definitions.resolve_job_def(JOB)
    wanted = {"as_of": as_of, "offline": offline, "sources": sources}
    with instance_of(paths) as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=common.debug,
            run_config={
                "resources": {"run": {"config": wanted}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    if not result.success:
        for line in _why_failed(result, failed):
            typer.echo(line, err=True)
        typer.echo("nothing published; the published set is as it was", err=True)
        return NOTHING_PUBLISHED
    from pipeline.report.board import read_board
    from pipeline.report.scoreboard import print_board

    release = release_of(paths)
    print_board(read_board(release), lang, console())
    for line in _warnings(failed):
        typer.echo(line, err=True)
    typer.echo(f"{paths.marts / 'report' / 'index.html'}")
    degraded = any(e.severity.value == "ERROR" for e in failed)
    return DEGRADED if degraded else OK


def _warnings(failed: list[Any]) -> list[str]:
    """A line for each asset with a failed check: `!` for an error, `?` for a warning."""
    lines = _pulls_failed([e for e in failed if e.check_name == "pulled"])
    failed = [e for e in failed if e.check_name != "pulled"]
    for key in dict.fromkeys(e.asset_key for e in failed):
        mine = [e for e in failed if e.asset_key == key]
        mark = "!" if any(e.severity.value == "ERROR" for e in mine) else "?"
        more = f" (and {len(mine) - 1} more)" if len(mine) > 1 else ""
        first = mine[0]
        lines.append(
            f"{mark} {key.to_user_string()}: {first.check_name}{more}: {first.description}"
        )
    return lines


def _pulls_failed(failed: list[Any]) -> list[str]:
    """A line for each reason: one publisher out of reach is one piece of news, not twenty."""
    found: dict[str, list[str]] = {}
    for event in failed:
        said = str(event.metadata["observed"].value).removesuffix("; the last good vintage stays")
        found.setdefault(said, []).append(event.asset_key.to_user_string().removeprefix("raw/"))
    return [
        f"! not pulled: {said}. The last good vintage stays for {', '.join(names[:3])}"
        + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        for said, names in found.items()
    ]


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
