"""Text from outside in Markdown: shown as it is, whatever signs it holds."""

from __future__ import annotations

import re

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:@])")


def escaped(text: str) -> str:
    """The text on one line: no markup, no HTML, no link comes of it."""
    plain = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return _SIGNS.sub(r"\\\1", plain)
