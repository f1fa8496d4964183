"""The command line: puts the commands together and turns every error into one line.

Exit codes are 0, 1 and 3 as in README, and 2 for a command that was typed wrong. What a command
does is in pipeline/cli/, a file each; a new one is added to COMMANDS.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from pipeline.cli import common, stops
from pipeline.cli.accept import accept
from pipeline.cli.archive import archive
from pipeline.cli.common import NOTHING_PUBLISHED, USAGE, silence, use_streams
from pipeline.cli.diff import diff
from pipeline.cli.doctor import doctor
from pipeline.cli.explain import explain
from pipeline.cli.ingest import ingest
from pipeline.cli.new import new
from pipeline.cli.query import query
from pipeline.cli.report import report
from pipeline.cli.run import run
from pipeline.cli.status import status
from pipeline.cli.version import say_version
from pipeline.machine import check_process, said_of
from pipeline.redact import redacted

COMMANDS = (run, status, explain, diff, query, report, ingest, accept, archive, new, doctor)
INTERRUPTED = 130

app = typer.Typer(
    name="missiemonitor",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in COMMANDS:
    app.command()(_command)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=say_version,
            is_eager=True,
            help="Version, method and published release.",
        ),
    ] = False,
) -> None:
    """How far the Netherlands has come on its missions."""
    common.debug = debug
    if not debug:
        stops.show_no_traceback()


@stops.heeded()
def main() -> None:
    """Entry point: people see one line, not a traceback."""
    use_streams()
    try:
        check_process()
        words = sys.argv[1:] or ["--help"]
        code = app(words, prog_name=app.info.name, standalone_mode=False) or 0
        if code == INTERRUPTED:  # Typer has ended the line with ^C, and says nothing
            raise KeyboardInterrupt
        sys.stdout.flush()
        sys.exit(code)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        text = " ".join(error.format_message().split())
        where = context.command_path if context else "missiemonitor"
        sys.stderr.write(f"missiemonitor: {text.rstrip('.')}; see `{where} --help`\n")
        sys.exit(USAGE)
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("missiemonitor: stopped\n")
        sys.exit(INTERRUPTED)
    except Exception as error:
        if common.debug:
            raise
        text = said_of(error)
        lines = getattr(error, "lines", None) or [text.splitlines()[0]]
        for line in lines:
            sys.stderr.write(f"missiemonitor: {redacted(line)}\n")
        silence()
        sys.exit(NOTHING_PUBLISHED)


if __name__ == "__main__":
    main()
