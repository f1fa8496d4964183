"""Kinds of text in the registry: a date, a public address, a template of addresses, a format's name.

Each validator raises ValueError with words that follow the name of the key.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field

# The parsers of pipeline/formats.
FormatName = Literal[
    "sdmx_csv", "sdmx_csv2", "eurostat_tsv", "jsonstat", "oecd_csv", "owid_csv", "curated_csv",
    "projection_csv", "cbs_odata", "cbs_zip", "statline_csv", "worldbank_json", "worldbank_csv",
    "unsdg_json", "gho_json",
]  # fmt: skip

_NOT_IN_ADDRESS = re.compile(r"[^A-Za-z0-9._~:/?#@!$&'()*+,;=%-]")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?::[0-9]+)?")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("dataset", "code")


def _iso(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no date; write it as 2026-12-31") from None
    return text


def _address(text: str) -> str:
    """The address of a page to which a reader can be sent."""
    if not text.startswith("https://"):
        raise ValueError("is no address of a public page; it begins with https://")
    if strange := _NOT_IN_ADDRESS.search(text):
        raise ValueError(f"an address holds no {strange[0]!r}; percent-encode it")
    host = re.split("[/?#]", text.removeprefix("https://"), maxsplit=1)[0]
    if "@" in host:
        raise ValueError("names a user; the address of a public page names none")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host")
    return text


def _template(text: str) -> str:
    """An address with placeholders for what distinguishes a publisher's datasets."""
    named = _PLACEHOLDER.findall(text)
    if strange := [name for name in named if name not in _PLACEHOLDERS]:
        raise ValueError(f"{{{strange[0]}}} is not known; it takes {{dataset}} and {{code}}")
    if not named:
        raise ValueError("has no {dataset} and no {code}; one page for all is a landing_url")
    # Checked without its placeholders, so that one in the host leaves no valid host.
    _address(_PLACEHOLDER.sub("", text))
    return text


def fill(template: str, dataset: str, code: str) -> str:
    """The address of one dataset: `{dataset}` and `{code}` put in, percent-encoded."""
    values = {"dataset": dataset, "code": code}
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


Text = Annotated[str, Field(min_length=1)]
IsoDate = Annotated[str, AfterValidator(_iso)]
Address = Annotated[str, AfterValidator(_address)]
Template = Annotated[str, AfterValidator(_template)]
