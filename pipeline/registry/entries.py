"""YAML files as entries that know their lines, and the list of mistakes found in them.

What an entry may say belongs in schema.py and validate.py. PyYAML's C parser gives the lines: it
reads the registry in a fraction of the time that a round-trip parser written in Python takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.plain_yaml import check_plain


class _Loader(yaml.CSafeLoader):
    """Dates stay text: the schema says what is a date."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


@dataclass
class Item:
    """One entry of a file: its values, and the line of each of them by dotted path."""

    file: str
    line: int
    raw: Any
    lines: Mapping[str, int]

    @property
    def at(self) -> str:
        """`file:line` where the entry begins."""
        return f"{self.file}:{self.line}"

    def where(self, *path: str | int) -> str:
        """`file:line` of a value inside the entry, or of the innermost parent that is there."""
        for size in range(len(path), 0, -1):
            name = ".".join(str(p) for p in path[:size])
            if name in self.lines:
                return f"{self.file}:{self.lines[name]}"
        return self.at


@dataclass
class Problems:
    """Mistakes, a line each. `broken`: ids of entries that are there but wrong, so that what
    refers to them is not reported as well; `broken_files`: files whose entries are not counted."""

    lines: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    broken_files: set[str] = field(default_factory=set)

    def add(self, at: str, text: str) -> None:
        self.lines.append(f"{at}: {text}")

    def mark_broken(self, item: Item) -> None:
        self.broken_files.add(item.file)
        if isinstance(item.raw, dict):
            self.broken.add(str(item.raw.get("id")))


def read_items(root: Path, name: str, problems: Problems) -> list[Item]:
    """The entries of the file `name` below `root`, which holds a list; empty if it cannot be read."""
    try:
        text = (root / name).read_text("utf-8")
    except OSError as error:
        problems.add(name, f"cannot be read ({error.strerror})")
        return []
    loader = None
    try:
        check_plain(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            problems.broken_files.add(name)
            problems.add(f"{name}:1", "expected a list of entries")
            return []
        return [_item(loader, entry, name, problems) for entry in node.value]
    except yaml.YAMLError as error:
        problems.broken_files.add(name)
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problems.add(f"{name}:{line}", f"not YAML: {getattr(error, 'problem', error)}")
        return []
    finally:
        if loader is not None:
            loader.dispose()


def _item(loader: _Loader, node: yaml.Node, file: str, problems: Problems) -> Item:
    lines: dict[str, int] = {}

    def value_of(node: yaml.Node, path: str) -> Any:
        """The node as Python values; the line of each is noted in `lines`."""
        if isinstance(node, yaml.MappingNode):
            found: dict[Any, Any] = {}
            for key, value in node.value:
                at = f"{file}:{_line(key)}"
                if not isinstance(key, yaml.ScalarNode):
                    problems.add(at, "a key is one word")
                    continue
                if key.value in found:
                    problems.add(at, f"`{key.value}` is given twice")
                lines[f"{path}{key.value}"] = _line(key)
                found[key.value] = value_of(value, f"{path}{key.value}.")
            return found
        if isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                lines[f"{path}{i}"] = _line(value)
            return [value_of(value, f"{path}{i}.") for i, value in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            said = getattr(error, "problem", None) or error
            problems.add(f"{file}:{_line(node)}", f"{node.value!r} is not read: {said}")
            return str(node.value)

    return Item(file, _line(node), value_of(node, ""), lines)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
