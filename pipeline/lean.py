"""What Dagster need not do for a run from the command line; the UI has Dagster as it comes."""

from __future__ import annotations

from typing import Any


def one_empty_set_of_resources() -> None:
    """Dagster makes a class, and one object of it, for the resources of each output of each step
    and of each check, also where it needs none. Of those, one does: a tenth of a run.

    Left out if Dagster's class is not as it is known here. A second call changes nothing.
    tests/unit/test_lean.py holds what comes of it against Dagster's own.
    """
    from dagster._core.definitions import scoped_resources_builder

    builder = scoped_resources_builder.ScopedResourcesBuilder
    made = builder.build
    if builder._fields != ("resource_instance_dict", "contains_generator") or hasattr(made, "lean"):
        return
    empty: dict[bool, Any] = {}

    def build(self: Any, required_resource_keys: Any) -> Any:
        if required_resource_keys:
            return made(self, required_resource_keys)
        found = empty.get(self.contains_generator)
        if found is None:
            found = empty[self.contains_generator] = made(self, required_resource_keys)
        return found

    build.lean = True  # type: ignore[attr-defined]
    builder.build = build  # type: ignore[method-assign]
