"""The outcome of one expectation, as it is kept beside what was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN = 20


class QualityError(RuntimeError):
    """An expectation could not be evaluated: a fault of the checks, not of the data."""


@dataclass(frozen=True)
class CheckResult:
    """One expectation's outcome. `rows` are the first twenty failing rows."""

    name: str
    passed: bool
    severity: str
    blocking: bool
    observed: str
    failing_rows: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> CheckResult:
        return cls(**raw)

    @property
    def sentence(self) -> str:
        """What holds; where it does not, what was seen instead."""
        if self.passed:
            return self.description
        return f"Not so: {self.description.rstrip('.')}. Seen: {self.observed.rstrip('.')}."


def plain(value: Any) -> Any:
    """A value of a frame as JSON has it; a number that is not one is null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return None if value != value else value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)
