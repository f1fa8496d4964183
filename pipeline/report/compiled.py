"""The page's templates, compiled once at installation (`prepared`): half of what the page costs.

What they say lies in `templates/`, what they are given in `page`.
"""

from __future__ import annotations

import importlib.metadata
import marshal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.prepared import kept, key_of

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")


def environment() -> Environment:
    """Jinja over the compiled templates, with everything from outside escaped."""
    from jinja2 import BaseLoader, TemplateNotFound

    # Kept at installation only: code that runs is not taken from the folder of data.
    codes = marshal.loads(kept(*prepared()))  # noqa: S302 - as trusted as any bytecode here

    class Compiled(BaseLoader):
        def load(self, environment: Environment, name: str, globals: Any = None) -> Any:
            if name not in codes:
                raise TemplateNotFound(name)
            return environment.template_class.from_code(environment, codes[name], globals or {})

    return _environment(Compiled())


def prepared() -> tuple[str, Callable[[], bytes]]:
    """Name and maker of the compiled templates: they depend on their text, on the options in this
    module, on Jinja, and on Python as all bytecode does."""
    versions = ["jinja2 " + importlib.metadata.version("jinja2"), sys.version]
    sources = [part for source in _sources().items() for part in source]
    key = key_of(*versions, Path(__file__).read_text("utf-8"), *sources)
    return f"templates-{key}", _compile


def _compile() -> bytes:
    jinja = _environment(None)
    sources = _sources().items()
    return marshal.dumps({name: jinja.compile(text, name, name) for name, text in sources})


def _sources() -> dict[str, str]:
    return {f.name: f.read_text("utf-8") for f in sorted(FOLDER.glob("*.j2"))}


def _environment(loader: Any) -> Environment:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=loader,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
