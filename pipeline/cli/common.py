"""What the commands share: errors and exit codes, language, where the release is, the output.

No command lives here, and nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import codecs
import getpass
import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from pipeline.cli.complete import releases
from pipeline.languages import LANGUAGES
from pipeline.paths import CHECKOUT, Paths
from pipeline.redact import shown

if TYPE_CHECKING:
    from rich.console import Console

OK, NOTHING_PUBLISHED, USAGE, DEGRADED = 0, 1, 2, 3
_POSTGRES = "MISSIEMONITOR_POSTGRES_URL"
# Set by `missiemonitor --debug`.
debug = False


class UserError(Exception):
    """One line for people: what is wrong, where, what to do."""


def signed_by(author: str) -> str:
    """Who decides: named, else the user at work; UserError where the system knows no name (a
    container's number of a user)."""
    try:
        return author.strip() or getpass.getuser()
    except (KeyError, OSError) as error:
        raise UserError("--author: say who decides it; this user has no name here") from error


def language(asked: str | None) -> str:
    """`nl` or `en`: asked for, else the locale's."""
    if asked:
        if asked not in LANGUAGES:
            raise UserError(f"--lang {asked}: nl or en")
        return asked
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "nl" if (named or locale.getlocale()[0] or "").lower().startswith("nl") else "en"


def day_of(text: str, option: str) -> date:
    """The date that an option names; UserError if it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} {text}: not a date; write YYYY-MM-DD") from error


def release_of(paths: Paths, release: str = "") -> Path:
    """The folder of the release that an id or the start of one names, else of the current one;
    ReleaseError if there is none."""
    from pipeline.release.read import find

    return find(paths.marts, release or "current").folder


def instance_of(paths: Paths) -> Any:
    """Dagster's instance of this root of data, as `make ui` has it: below it or, where
    MISSIEMONITOR_POSTGRES_URL says so, in PostgreSQL. UserError if that cannot be had."""
    import dagster as dg

    paths.instance.mkdir(parents=True, exist_ok=True)
    os.environ["MISSIEMONITOR_INSTANCE"] = paths.instance.as_posix()
    address = os.environ.get(_POSTGRES)
    if not address:
        return dg.DagsterInstance.from_config(CHECKOUT.as_posix())
    try:
        return dg.DagsterInstance.from_config((CHECKOUT / "deploy").as_posix())
    except Exception as error:
        said = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"{_POSTGRES}={shown(address)}: Dagster's records cannot be had there ({said}): it "
            "begins with postgresql+psycopg2:// and names user, password, host, port and database"
        ) from error


# What stands for a mark that the terminal's character set does not have, in as many columns.
_PLAIN = {
    "✔": "*", "✘": "x", "↑": "^", "↗": "/", "→": ">", "↘": "\\", "↓": "v", "·": ".", "±": "~",
    "↔": "-", "₂": "2", "‘": "'", "‡": "+", "…": ".", "–": "-", "−": "-", "’": "'", "“": '"', "”": '"', "≥": ">", "≤": "<",
}  # fmt: skip
_ERRORS = "missiemonitor.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c, "?") for c in lost), error.end


def use_streams() -> None:
    """Make standard input and outputs fit to use, whatever the command was given.

    One that was closed (`>&-`) leads nowhere: what is written to it is no error, and its number
    does not go to the next file that is opened, here or in a child. Text goes to any terminal: in a
    locale that does not have a character another takes its place.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None and (opened := os.open(os.devnull, os.O_RDWR)) == number:
            os.set_inheritable(opened, True)
            setattr(sys, name, os.fdopen(opened, "w" if number else "r"))
    codecs.register_error(_ERRORS, _plain)
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors=_ERRORS)


def write_utf8() -> None:
    """Have standard output in UTF-8 whatever the locale: for data, of which no character may be
    lost."""
    _reconfigure(sys.stdout, encoding="utf-8")


def _reconfigure(stream: Any, **options: str) -> None:
    with suppress(AttributeError):  # something else that takes text was put in its place
        stream.reconfigure(**options)


@contextmanager
def lost_if_unwritable() -> Iterator[None]:
    """What is printed here is lost where it cannot be written (a disk that is full, a reader that
    went away): that is no failure of the command."""
    try:
        yield
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, UnicodeError, ValueError):  # ValueError: it is closed
        silence()


@contextmanager
def until_unread() -> Iterator[None]:
    """What is printed here ends where its reader has gone, as `head` does: no fault of anybody, and
    nothing more to say."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Let an output that cannot be written to lead nowhere: else Python fails at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:
            continue
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def console(file: TextIO | None = None) -> Console:
    """Standard output, or a file that is to look as that would. In a pipe Rich would assume 80
    columns; tables are laid out for 100."""
    from rich.console import Console

    if not sys.stdout.isatty():
        return Console(file=file, width=100, color_system=None)
    return Console(file=file, width=Console().width, force_terminal=True)


LANG = Annotated[
    str | None,
    typer.Option(
        "--lang", help="nl or en; default from the locale.", autocompletion=lambda: list(LANGUAGES)
    ),
]
RELEASE = Annotated[
    str,
    typer.Option(
        "--release",
        help="A release's id or its start, published or not; default the current one.",
        autocompletion=releases,
    ),
]


def warn(lines: list[str]) -> None:
    """Say what is amiss beside what was asked for; an output that is closed changes nothing."""
    with lost_if_unwritable():
        for line in lines:
            typer.echo(f"? {line}", err=True)
