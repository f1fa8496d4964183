"""Refuses to build a wheel: a checkout is what runs (SQL, registry, first vintages, Dagster's settings)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RefuseWheel(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            raise SystemExit(
                "missiemonitor is not a package to install: clone the repository and run `make run` "
                "there, which installs it in place"
            )
