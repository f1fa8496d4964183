"""What a run's processes print, in files for the UI, as Dagster keeps it.

Dagster also sends it on to the terminal, for which it starts four processes a run. Nothing is
printed here that a person waits for, and at a Ctrl-C each of them says so with a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file


class FileComputeLogManager(LocalComputeLogManager):
    """Dagster's, without the way to the terminal."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        files = [
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        ]
        for file in files:
            ensure_file(file)
        with redirect_to_file(sys.stdout, files[0]), redirect_to_file(sys.stderr, files[1]):
            yield CapturedLogContext(log_key)
        # With this the UI knows that no more will come.
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]
