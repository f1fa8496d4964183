"""Progress of a run on a terminal: one line that is gone when it ends. In a pipe only what a step
warns of, such as another run that it waits for."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_LAYERS = {"raw": "datasets", "registry": "registry"}


@contextmanager
def progress(steps: int) -> Iterator[Callable[[Any], None]]:
    """Gives a function that takes Dagster's log entries; `steps` is how many steps there are."""
    if not (sys.stderr.isatty() and sys.stdout.isatty()):
        yield _Warnings()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    # A step may divert standard error while it works: keep a way to the terminal.
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
    with terminal:
        shown = Progress(
            TextColumn("{task.description:<44.44}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=terminal, force_terminal=True),
            transient=True,
        )
        task = shown.add_task("starting", total=steps)

        def seen(entry: Any) -> None:
            event = entry.dagster_event
            if event is None:
                if entry.level >= logging.WARNING:
                    shown.console.print(f"? {entry.user_message}", markup=False)
                return
            kind = event.event_type_value
            if kind == "STEP_START":
                shown.start()
                layer, _, name = event.step_key.partition("__")
                label = _LAYERS.get(layer, "tables" if name else layer)
                said = f"{label}: {name.replace('__', '/')}" if name else label
                shown.update(task, description=said)
            elif kind in ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"):
                shown.advance(task)

        try:
            yield seen
        finally:
            shown.stop()


class _Warnings:
    """Prints what steps warn of, until one fails: what follows from that is told at the end."""

    def __init__(self) -> None:
        self._failed = False

    def __call__(self, entry: Any) -> None:
        event = entry.dagster_event
        if event is not None:
            self._failed |= event.event_type_value == "STEP_FAILURE"
        elif entry.level >= logging.WARNING and not self._failed:
            print(f"? {entry.user_message}", file=sys.stderr, flush=True)  # noqa: T201
