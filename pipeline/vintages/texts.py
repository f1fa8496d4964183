"""What is said of a vintage, from `texts.yaml`: a sentence by its key, in English or in Dutch.

Which sentence is said when belongs in words.py and decisions.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

# In a Dutch sentence these stand round what it quotes in English, and round nothing else.
_QUOTES = str.maketrans("“”", "‘’")
_SWAP = str.maketrans(",.", ".,")


def said(key: str, lang: str, **parts: Any) -> str:
    """The sentence with its parts filled in. KeyError for a key or a part that is not there."""
    if lang != "en":
        parts = {name: str(part).translate(_QUOTES) for name, part in parts.items()}
    return sentences()[key][lang].format(**parts)


def written(number: str, lang: str) -> str:
    """A number that Python wrote, with the language's signs for thousands and decimals."""
    return number.replace(",", " ") if lang == "en" else number.translate(_SWAP)


@cache
def sentences() -> dict[str, dict[str, str]]:
    """Key → language → sentence, with its parts in braces."""
    text = Path(__file__).with_suffix(".yaml").read_text("utf-8")
    found: dict[str, dict[str, str]] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found
