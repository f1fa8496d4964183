"""The envelope of a vintage that came in several answers: each answer's text exactly as received.

    {"pages": [{"part": "Observations", "body": "…"}, …]}

One answer alone is kept without it. What a part means belongs in the parser of its format.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.formats.spec import ParseError


def envelope(parts: list[tuple[str, bytes]]) -> bytes:
    """Parts in the order in which they were asked for. UnicodeDecodeError if one is not UTF-8."""
    pages = [{"part": name, "body": body.decode("utf-8-sig")} for name, body in parts]
    return json.dumps({"pages": pages}, ensure_ascii=False, indent=0).encode("utf-8")


def unfold(document: Any) -> list[tuple[str, Any]] | None:
    """(part, its JSON) of an envelope; None if `document` is none. ParseError if it is broken."""
    if not isinstance(document, dict) or set(document) != {"pages"}:
        return None
    found = []
    for page in document["pages"]:
        try:
            content = json.loads(page["body"], parse_float=str, parse_int=str)
        except (ValueError, KeyError, TypeError) as error:
            raise ParseError(f"a page of the body is not JSON: {str(error)[:120]}") from error
        found.append((str(page.get("part", "")), content))
    return found
