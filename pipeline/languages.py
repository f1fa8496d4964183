"""The languages in which people are spoken to: all that is said to them is said in each."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("nl", "en")
