"""YAML that people write: refused before it is read where it could grow (aliases) or is nested without
end, on which the parser itself would break."""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 20
_LARGEST = 4 << 20


def check_plain(text: str) -> None:
    """yaml.MarkedYAMLError, with its line, for an alias or for what is nested too deep; yaml.YAMLError
    for what is no YAML, or too long."""
    if len(text) > _LARGEST:
        raise yaml.YAMLError(f"longer than {_LARGEST >> 20} MiB")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"an alias (*{event.anchor}): write out what it stands for", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _refused(f"nested deeper than {DEEPEST} levels", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def load_plain(text: str) -> Any:
    """The values of a text that `check_plain` passes; its errors."""
    check_plain(text)
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _refused(problem: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
