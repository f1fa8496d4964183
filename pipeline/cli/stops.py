"""A stop (Ctrl-C, SIGTERM) that comes at a moment at which it would be lost, or end in a traceback."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN = 0.05  # seconds, after which Python has left the callback


@contextmanager
def heeded() -> Iterator[None]:
    """Heed a stop that comes in a destructor or a callback of the garbage collector too, such as those
    of Dagster's records: Python drops what is raised there, with a traceback."""
    before = sys.unraisablehook

    def hook(dropped: UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, Exception | SystemExit | GeneratorExit):
            before(dropped)
        else:  # KeyboardInterrupt, or Dagster's own
            threading.Timer(_AGAIN, os.kill, (os.getpid(), signal.SIGINT)).start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def show_no_traceback() -> None:
    """Keep the log silent that would show one for a stop while Dagster's records are closed."""
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
