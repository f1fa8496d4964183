"""What is spared in Dagster gives what Dagster gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dagster._core.definitions.scoped_resources_builder import (
    IContainsGenerator,
    ScopedResourcesBuilder,
)
from dagster._core.errors import DagsterUnknownResourceError

from pipeline.lean import one_empty_set_of_resources


@pytest.fixture
def dagsters_own() -> Iterator[Any]:
    kept = ScopedResourcesBuilder.build
    yield kept
    ScopedResourcesBuilder.build = kept  # type: ignore[method-assign]


@pytest.mark.parametrize("generator", [False, True])
def test_resources_are_those_that_dagster_gives(dagsters_own: Any, generator: bool) -> None:
    builder = ScopedResourcesBuilder({"run": 1, "other": 2}, generator)
    one_empty_set_of_resources()
    one_empty_set_of_resources()
    assert ScopedResourcesBuilder.build is not dagsters_own
    for keys in (None, set(), frozenset(), {"run"}, {"run", "other"}, {"unknown"}):
        for _ in range(2):
            given, wanted = builder.build(keys), dagsters_own(builder, keys)
            assert given._asdict() == wanted._asdict()  # type: ignore[attr-defined]
            assert given.original_resource_dict == wanted.original_resource_dict
            assert isinstance(given, IContainsGenerator) == generator
            with pytest.raises(DagsterUnknownResourceError):
                _ = given.unknown
    assert builder.build(set()) is builder.build(None)


def test_another_dagster_is_left_as_it_is(
    dagsters_own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScopedResourcesBuilder, "_fields", ("resources",))
    one_empty_set_of_resources()
    assert ScopedResourcesBuilder.build is dagsters_own
