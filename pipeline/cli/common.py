"""What the commands share: errors and exit codes, language, where the release is, the console.

No command lives here, and nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import locale
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.paths import CHECKOUT, Paths

if TYPE_CHECKING:
    from rich.console import Console

OK, NOTHING_PUBLISHED, USAGE, DEGRADED = 0, 1, 2, 3
# Set by `missiemonitor --debug`.
debug = False


class UserError(Exception):
    """One line for people: what is wrong, where, what to do."""


def language(asked: str | None) -> str:
    """`nl` or `en`: asked for, else the locale's."""
    if asked:
        if asked not in ("nl", "en"):
            raise UserError(f"--lang {asked}: nl or en")
        return asked
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "nl" if (named or locale.getlocale()[0] or "").lower().startswith("nl") else "en"


def day_of(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} {text}: not a date; write YYYY-MM-DD") from error


def release_of(paths: Paths) -> Path:
    """The folder of the current release; UserError if nothing is published."""
    current = paths.marts / "current"
    if not current.exists():
        raise UserError(f"nothing is published in {paths.marts}: run `missiemonitor run` first")
    return current.resolve()


def instance_of(paths: Paths) -> Any:
    """Dagster's instance below this root of data, as `make ui` has it."""
    import dagster as dg

    paths.instance.mkdir(parents=True, exist_ok=True)
    os.environ["MISSIEMONITOR_INSTANCE"] = paths.instance.as_posix()
    return dg.DagsterInstance.from_config(CHECKOUT.as_posix())


def console() -> Console:
    """Standard output. In a pipe Rich would assume 80 columns; tables are laid out for 100."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=100, color_system=None)


LANG = Annotated[
    str | None,
    typer.Option(
        "--lang", help="nl or en; default from the locale.", autocompletion=lambda: ["nl", "en"]
    ),
]
