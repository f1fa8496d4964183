"""The files of the work folder: one Parquet and one build record for each table.

How a table comes about belongs in build.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from pipeline.files import dump, sha256_of, write_atomic
from pipeline.quality.results import CheckResult


class BuildError(RuntimeError):
    """A table that could not be built: one line with the table, the cause and what to do."""


@dataclass
class BuildRecord:
    """What is known of a table that was built. `inputs`: table → sha256 of the file that it was
    built from. `reused`: it was there already."""

    table: str
    fingerprint: str
    sha256: str
    rows: int
    inputs: dict[str, str] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)
    reused: bool = False

    @property
    def passes_blocking(self) -> bool:
        return not any(not c.passed and c.blocking for c in self.checks)


class Records:
    """Tables below `root`, each replaced as a whole with its record."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, table: str) -> Path:
        """Where the Parquet of `layer.name` is."""
        layer, name = table.split(".", 1)
        return self.root / layer / f"{name}.parquet"

    def record(self, table: str) -> BuildRecord | None:
        """The record, if the Parquet beside it is the one that it speaks of."""
        try:
            raw = json.loads(self._record_file(table).read_text("utf-8"))
            if sha256_of(self.file(table)) != raw["sha256"]:
                return None
            checks = [CheckResult.from_json(c) for c in raw.pop("checks")]
            return BuildRecord(**raw, checks=checks)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(
        self,
        table: str,
        data: pa.Table,
        checks: Sequence[CheckResult] = (),
        inputs: Mapping[str, str] | None = None,
    ) -> BuildRecord:
        """Store a table that is not built from others (registry, vintages, run). What is there
        already with the same checks and inputs is left alone."""
        with self.staged(table) as staged:
            pq.write_table(data, staged)
            digest = sha256_of(staged)
            made = BuildRecord(
                table, digest, digest, data.num_rows, dict(inputs or {}), list(checks)
            )
            # Every step notes the run's inputs, in processes side by side: one that finds them there
            # must not take away the record that another is about to read.
            with FileLock(self.root / ".put.lock"):
                known = self.record(table)
                if known == made:
                    known.reused = True
                    return known
                self.store(made, staged)
        return made

    @contextmanager
    def staged(self, table: str) -> Iterator[Path]:
        """A path beside the table's file to write it to; gone afterwards if it was not stored."""
        path = self.file(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        try:
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def store(self, record: BuildRecord, staged: Path) -> None:
        """Put a staged table in its place. Between the two files the table counts as not built:
        the old record goes first, the new one comes last."""
        self._record_file(record.table).unlink(missing_ok=True)
        staged.replace(self.file(record.table))
        content = {k: v for k, v in vars(record).items() if k not in ("checks", "reused")}
        content["checks"] = [c.to_json() for c in record.checks]
        write_atomic(self._record_file(record.table), dump(content))

    def must_have(self, table: str) -> BuildRecord:
        """The record of a table; BuildError if it has not been built."""
        found = self.record(table)
        if found is None:
            raise BuildError(f"{table} has not been built: materialise it first")
        return found

    def _record_file(self, table: str) -> Path:
        return self.file(table).with_suffix(".json")
