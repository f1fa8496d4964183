"""What the shell offers when a word is completed: ids with their labels, read straight from YAML.

Nothing heavy is imported (the shell waits), and a registry with a mistake offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from pipeline.paths import Paths, registry_root

Offer = tuple[str, str]


def _quiet(offers: Callable[[], Iterator[Offer]]) -> Callable[[str], list[Offer]]:
    @wraps(offers)
    def offered(incomplete: str) -> list[Offer]:
        try:
            return [o for o in offers() if o[0].startswith(incomplete)]
        except Exception:
            return []

    # The shell's completion looks at the annotations of what it calls.
    offered.__annotations__ = {"incomplete": str, "return": list}
    del offered.__wrapped__
    return offered


def _entries(*names: str) -> Iterator[dict[str, Any]]:
    import yaml

    for name in names:
        for path in sorted(registry_root().glob(name)):
            for entry in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader) or ():
                if isinstance(entry, dict) and entry.get("id"):
                    yield entry


@_quiet
def missions() -> Iterator[Offer]:
    for entry in _entries("missions.yaml"):
        yield entry["id"], entry["title"]["en"]


@_quiet
def indicators() -> Iterator[Offer]:
    for entry in _entries("indicators/*.yaml"):
        yield entry["id"], entry["label"]["en"]


@_quiet
def targets() -> Iterator[Offer]:
    for entry in _entries("targets.yaml"):
        yield entry["id"], f"{entry.get('kind', '')} {entry.get('year', '')}".strip()


@_quiet
def datasets() -> Iterator[Offer]:
    for entry in _entries("datasets.yaml"):
        yield entry["id"], entry.get("title", "")


@_quiet
def sources() -> Iterator[Offer]:
    for entry in _entries("sources.yaml", "datasets.yaml"):
        yield entry["id"], entry.get("publisher") or entry.get("title", "")


@_quiet
def releases() -> Iterator[Offer]:
    marts = Paths.from_environment().marts
    current = (marts / "current").resolve().name
    for folder in sorted((marts / "releases").iterdir(), key=lambda p: -p.stat().st_mtime):
        if not folder.name.startswith("."):
            yield folder.name, "current" if folder.name == current else "kept"
