"""What a fetch can fail with. Whether a failure is retried is decided in http.py."""

from __future__ import annotations

from pipeline.redact import redacted


class PullError(Exception):
    """Nothing usable came: one printable line with publisher, what and why."""

    def __init__(self, message: str) -> None:
        # Messages quote addresses and answers from outside: no secret, one line, printable, and not
        # endless.
        text = "".join(c if c.isprintable() else " " for c in redacted(message[:4000]))
        super().__init__(" ".join(text.split())[:400])


class HostDown(PullError):
    """The publisher cannot be reached: nothing more is asked of it in this run. Not retryable."""


class TooBig(PullError):
    """The publisher calls the selection too large (413): ask for less at a time."""


class NotFound(PullError):
    """The publisher does not know what was asked for (404, or its own words for it)."""


class Temporary(PullError):
    """Busy, reset or timed out: worth another attempt. `wait`: the seconds that the publisher
    asked to wait, if it said so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait
