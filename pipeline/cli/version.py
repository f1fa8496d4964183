"""`missiemonitor --version`: version of the program, of the method, and the published release."""

from __future__ import annotations

from importlib.metadata import version

import typer

from pipeline.paths import Paths
from pipeline.release.record import current_of
from pipeline.release.releases import entry_of


def say_version(asked: bool) -> None:
    """Print the three, and end the command."""
    if not asked:
        return
    # Arrow takes .1 s to import, which every other command would pay.
    from pipeline.progress.method import METHOD_VERSION

    typer.echo(f"missiemonitor {version('missiemonitor')}")
    typer.echo(f"method {METHOD_VERSION}")
    typer.echo(f"release {_release(Paths.from_environment())}")
    raise typer.Exit


def _release(paths: Paths) -> str:
    """The published release: what it was made with and when, and which came before it."""
    from pipeline.release.read import Release, ReleaseError

    name = current_of(paths.marts)
    if name is None:
        return "none: nothing is published yet"
    try:
        row = Release(paths.marts / "releases" / name).rows("release")[0]
    except ReleaseError:
        return f"{name} (cannot be read: see `missiemonitor doctor`)"
    said = [f"reference date {row['reference_date']}", f"method {row['method_version']}"]
    entry = entry_of(paths.marts, name) or {}
    if entry.get("made"):
        said.append(f"made {entry['made']}")
    if entry.get("before"):
        said.append(f"before it {entry['before']}")
    return f"{name} ({', '.join(said)})"
