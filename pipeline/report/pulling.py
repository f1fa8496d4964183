"""The pulls as they go, on a terminal. What a pull is belongs in pipeline/pull.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(names: Sequence[str]) -> Iterator[Callable[[Any], None]]:
    """A bar for each publisher on standard error; call what it gives with each outcome."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(name.split("/", 1)[0], []).append(name)
        tasks = {g: bars.add_task(f"{g:<12}", total=len(n)) for g, n in groups.items()}

        def tell(outcome: Any) -> None:
            bars.advance(tasks[outcome.name.split("/", 1)[0]])
            if not outcome.good:
                # Words from outside: shown as text, never as markup.
                bars.console.print(Text(f"! {outcome.name}: {outcome.reason}"))

        yield tell
