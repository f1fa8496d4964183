"""The one place that takes secrets out of what is shown: terminal, Dagster's records, files, alerts."""

from __future__ import annotations

import re

# Up to the last @ of the word: a password may hold any mark, even the one that ends it. With a ? or
# # before that @ it may be host or secret that comes after it.
_USER = re.compile(r"(?<=://)(?:\S*[?#]\S*@\S*|\S*@)")
_HIDDEN = "***"


def redacted(text: str) -> str:
    """A text without the user names and passwords of the addresses in it."""
    return _USER.sub(lambda m: f"{_HIDDEN}@" if m[0].endswith("@") else _HIDDEN, text)


def shown(address: str) -> str:
    """An address that somebody typed, as it may be shown: without user, password, query and
    fragment, whatever else is wrong with it."""
    text = address.strip()
    if "://" not in text:
        return shown(f"://{text}").removeprefix("://")
    return re.split(r"[?#]", redacted(text), maxsplit=1)[0]
