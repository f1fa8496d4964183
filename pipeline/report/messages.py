"""The texts of page and terminal, by language and key, from `messages/nl.yaml` and `en.yaml`.

Which text is used where, and HTML, do not belong here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.languages import LANGUAGES
from pipeline.report.rules import rules

_FOLDER = Path(__file__).with_name("messages")
_RULE = re.compile(r"\{rule\.(\w+)\}")


class Messages(Mapping[str, str]):
    """The texts of one language: `Messages("nl")["status.on_track"]`.

    A text may have placeholders for `str.format`. KeyError for a key that the catalogue does not
    have, ValueError for a language without a catalogue.
    """

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise ValueError(f"no texts in {lang!r}: one of {', '.join(LANGUAGES)}")
        self.lang = lang
        self._texts = _of(lang)

    def __getitem__(self, key: str) -> str:
        try:
            return self._texts[key]
        except KeyError:
            raise KeyError(f"{key}: no such text in messages/{self.lang}.yaml") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def word(self, group: str, value: str | None) -> str:
        """What a value of the marts, such as a status or a unit, is called.

        `group`: the key above it. A value without a text is given as it is, None as "".
        """
        return "" if value is None else self._texts.get(f"{group}.{value}", value)

    def counted(self, key: str, count: int) -> str:
        """The text for one thing (`<key>.one`) or for another number of them (`<key>.other`)."""
        return self[f"{key}.one" if count == 1 else f"{key}.other"]


@cache
def dutch() -> dict[str, str]:
    """Dutch by the English text of the registry that it says."""
    return dict(_tree(_FOLDER / "registry.yaml"))


def registered(text: str, lang: str) -> str:
    """A text of the registry, which is English, in a language; as it is where it has no Dutch."""
    return dutch().get(text, text) if lang == "nl" else text


def about(source: Mapping[str, Any], column: str, lang: str) -> str:
    """What a row of source_status says in a language; in English where it has no Dutch (a release of an
    earlier version)."""
    return (source.get(f"{column}_nl") if lang == "nl" else None) or source[column] or ""


@cache
def _of(lang: str) -> dict[str, str]:
    """Read when a text is first asked for, with the numbers of the method in it."""
    numbers = rules(lang)
    texts = read(_FOLDER / f"{lang}.yaml")
    return {key: _RULE.sub(lambda m: numbers[m[1]], text) for key, text in texts.items()}


def read(file: Path) -> dict[str, str]:
    """Every text of a catalogue by its full key. ValueError for what is not text."""
    return dict(_flat(_tree(file), "", file.name))


def _tree(file: Path) -> dict[Any, Any]:
    tree: dict[Any, Any] = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return tree


def _flat(tree: dict[Any, Any], above: str, file: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        # YAML reads a bare `no` or `1` as something else than a word.
        if not isinstance(key, str) or not isinstance(value, (str, dict)):
            raise ValueError(f"{file}: {above}{key}: put key and text in quotes")
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.", file)
        else:
            yield above + key, value
