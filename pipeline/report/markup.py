"""Text in the page's HTML: escaped, in both languages, our own or from outside.

The texts themselves are in the catalogue (`messages`); figures belong to `numbers`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from pipeline.languages import LANGUAGES
from pipeline.report.messages import Messages, dutch

_QUOTED = re.compile("“([^“”]*)(”|$)")
_PAGE = re.compile(r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?")


def both(nl: Any, en: Any) -> Markup:
    """A text in both languages, of which the page shows one.

    A plain one is a single element, whose text the script turns: of these there are ten thousand.
    """
    if nl == en:
        return escape(nl)
    dutch_said, english_said = escape(nl), escape(en)
    if "<" in dutch_said + english_said:
        spans = f'<span class="nl">{dutch_said}</span><span class="en">{english_said}</span>'
    else:
        quoted = english_said.replace('"', "&#34;")
        spans = f'<span data-en="{quoted}">{dutch_said}</span>'
    return Markup(spans)  # noqa: S704 - both are escaped


def woven(template: str, **parts: Any) -> Markup:
    """Our own words around parts, which are escaped unless they are markup already."""
    escaped = {name: escape(part) for name, part in parts.items()}
    return Markup(template.format(**escaped))  # noqa: S704 - the template is ours


def trusted(text: str) -> Markup:
    """Text of our own files and of the locked libraries, that goes into the page as it is."""
    return Markup(text)  # noqa: S704 - never text from outside


def outside(text: Any, limit: int = 300, quoting: bool = False) -> Markup:
    """Text from outside: escaped, its direction kept apart, and a long one folded. `quoting`: what
    stands in “ ” is English."""
    said = "" if text is None else str(text)
    shown = _with_quotes if quoting else escape
    if len(said) <= limit:
        return woven("<bdi>{said}</bdi>", said=shown(said))
    return woven(
        '<details class="long"><summary><bdi>{head}</bdi>…</summary><bdi>{said}</bdi></details>',
        head=shown(said[:limit]),
        said=shown(said),
    )


def _with_quotes(said: str) -> Markup:
    marked = _QUOTED.sub(r'“<bdi lang="en">\1</bdi>\2', str(escape(said)))
    return Markup(marked)  # noqa: S704 - it was escaped


def english(text: Any) -> Markup:
    """A text of the registry, which is English: with its Dutch where there is one, else marked as
    English for who hears it."""
    said = "" if text is None else str(text)
    if said in dutch():
        return both(dutch()[said], said)
    return woven('<span lang="en">{said}</span>', said=outside(said))


def verdict(nl: Any, en: Any, limit: int = 300) -> Markup:
    """What is said of a vintage. What the Dutch quotes in “ ” is English, and marked as such for who
    hears it; a release of an earlier version has no Dutch."""
    if not nl:
        return english(en)
    return both(outside(nl, limit, quoting=True), outside(en, limit))


def either(text: Any) -> Markup:
    """A text of the registry that is Dutch or English, in Dutch where that is known."""
    said = "" if text is None else str(text)
    return both(dutch()[said], said) if said in dutch() else outside(said)


def page_address(text: Any) -> str | None:
    """An address from outside if a reader can be sent there; None for any other text."""
    fits = isinstance(text, str) and _PAGE.fullmatch(text) is not None
    return text if fits else None


def filled(text: str, lang: str, **parts: Any) -> Markup:
    """A text of the catalogue with its placeholders filled in.

    A part is a value or, where languages write it differently, a function of the language.
    """
    said = {name: part(lang) if callable(part) else part for name, part in parts.items()}
    return woven(str(escape(text)), **said)


def message(key: str, **parts: Any) -> Markup:
    """A text of the catalogue in both languages. Parts as for `filled`."""
    if not parts:
        return _message(key)
    return both(*(filled(Messages(lang)[key], lang, **parts) for lang in LANGUAGES))


def label(key: str, names: tuple[Any, Any] = ("", "")) -> Markup:
    """The attributes that name an element for those who hear it, in the language that is shown.

    `names`: what it is about, in Dutch and in English, where several elements are alike.
    """
    nl, en = _named(key, names)
    return Markup(' aria-label="{}" data-label-en="{}"').format(nl, en)


def placeholder(key: str) -> Markup:
    """The attributes that show a text in an empty field."""
    nl, en = _named(key, ("", ""))
    return Markup(' placeholder="{}" data-placeholder-en="{}"').format(nl, en)


def _named(key: str, names: tuple[Any, Any]) -> list[str]:
    return [
        f"{name}: {Messages(lang)[key]}" if name else Messages(lang)[key]
        for name, lang in zip(names, LANGUAGES, strict=True)
    ]


def counted(key: str, count: int, **parts: Any) -> Markup:
    """The same for a text with a form for one thing and a form for more of them."""
    return both(*(filled(Messages(lang).counted(key, count), lang, **parts) for lang in LANGUAGES))


# A few hundred texts stand on the page thousands of times.
@cache
def _message(key: str) -> Markup:
    return both(*(Messages(lang)[key] for lang in LANGUAGES))


@cache
def word(group: str, value: str | None) -> Markup:
    """What a value of the marts is called, in both languages (see `Messages.word`)."""
    return both(*(Messages(lang).word(group, value) for lang in LANGUAGES))
