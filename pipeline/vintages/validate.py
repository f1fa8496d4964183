"""A vintage's verdict: parse, compare with what is expected, accept or quarantine.

What is expected stands in expected.py. Which vintage is in use belongs in resolve.py, evaluating
expectations in quality/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.areas import HOME
from pipeline.files import dump, replacing
from pipeline.formats import DatasetSpec, ParseError, parse, parse_file, streams
from pipeline.languages import LANGUAGES
from pipeline.paths import code_version
from pipeline.quality.results import CheckResult
from pipeline.quality.suite import Wanted, validate
from pipeline.registry import Dataset, Registry
from pipeline.registry.schema import ANY
from pipeline.vintages.decisions import acceptance, in_words
from pipeline.vintages.expected import Frames, Rules
from pipeline.vintages.prune import used
from pipeline.vintages.store import MAX_BODY, Archive, ArchiveError, Vintage
from pipeline.vintages.texts import said
from pipeline.vintages.words import reason

# name → (severity, what holds when it passes)
CHECKS: Mapping[str, tuple[str, str]] = {
    "schema": ("error", "The bytes are whole, are this dataset's and have its format's columns."),
    "as_asked": ("error", "What came is what was asked for: no filter ignored, no year to come."),
    "codes": ("error", "The series are those asked for and needed: none lost, none new."),
    "geos_declared": ("error", "Every area that was asked for is there."),
    "years_declared": ("error", "No declared year is missing."),
    "units": ("error", "Units are those that the vintage was declared with."),
    "plausible": (
        "error",
        "Values lie in their range: the registry's, or the unit's and history's.",
    ),
    "no_duplicates": ("error", "No cell is given twice."),
    "numbers": ("error", "No value that is needed is something else than a number."),
    "no_lost_cells": ("error", "No series and year that the vintage before had is gone."),
    "size_change": ("error", "At least nine in ten of the vintage before's cells are there."),
    "scale_change": ("error", "No series moved by a factor of two or more as a whole."),
    "unit_change": ("error", "No series came in another unit than in the vintage before."),
}
_STREAM_FROM = 4 << 20  # bytes as stored


def rules_of(registry: Registry, dataset: Dataset) -> Rules:
    """The rules for a dataset as the registry has them now."""
    needs, own, since = {}, [], {}
    for key in sorted(dataset.needed):
        alone = registry.plausible_of(dataset.source, dataset.dataset, key)
        needs[key] = list(alone or registry.bounds_of(dataset.id, key))
        if alone:
            own.append(key)
        if (year := registry.read_since(dataset.id, key)) is not None:
            since[key] = year
    return Rules(
        format=dataset.format,
        code=dataset.code,
        forms=sorted(dataset.forms),
        needs=needs,
        own=own,
        since=since,
        geos=sorted({HOME, *registry.peers}),
        others=list(dataset.ranges.get(ANY, ())),
    )


class Validator:
    """Gives verdicts, and keeps each with the vintage: the same rules are not applied twice.

    The rows of a vintage are kept as Parquet in the work folder.
    """

    def __init__(self, archive: Archive, work: Path) -> None:
        self.archive = archive
        self.work = work
        self._code = code_version(
            "pipeline/formats",
            "pipeline/quality",
            "pipeline/vintages/expected.py",
            "pipeline/vintages/texts.py",
            "pipeline/vintages/texts.yaml",
            "pipeline/vintages/validate.py",
            "pipeline/vintages/words.py",
        )

    def verdict(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> dict[str, Any]:
        """`verdict` (accepted or quarantined), `reason` (English), `reason_nl` and `checks`; given
        before, or now.

        `before`: the accepted vintage that it is compared with.
        """
        key = self._key(vintage, rules, before)
        found = self.archive.verdict(vintage, key)
        if found is None or not self._has_rows(vintage, rules, found):
            found = self._judge(vintage, rules, before)
            self.archive.keep_verdict(vintage, key, found)
        return found

    def rows_file(self, vintage: Vintage, rules: Rules, kind: str) -> Path:
        """Where the `observations` or `rejects` of a vintage are kept."""
        spec = self._spec(vintage, rules)
        reading = vintage.reading(rules.format, rules.code)
        content = [self._code, reading, rules.forms, rules.needs, rules.geos, spec.until]
        tag = hashlib.sha256(dump(content)).hexdigest()[:8]
        folder = self.work / "parsed" / vintage.source / vintage.dataset
        return folder / f"{vintage.vintage_id}-{tag}.{kind}.parquet"

    def _key(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> str:
        accepted = acceptance(self.archive, vintage)
        content = dump(
            [self._code, asdict(rules), dict(vintage.manifest), vintage.stamp(), accepted]
        )
        previous = before.vintage_id if before else "-"
        return hashlib.sha256(content + previous.encode()).hexdigest()[:24]

    def _has_rows(self, vintage: Vintage, rules: Rules, verdict: Mapping[str, Any]) -> bool:
        if verdict["verdict"] == "quarantined":
            return True
        files = [self.rows_file(vintage, rules, kind) for kind in ("observations", "rejects")]
        if not all(file.exists() for file in files):
            return False
        for file in files:
            used(file)
        return True

    def _judge(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> dict[str, Any]:
        outcomes: dict[str, dict[str, Any]] = {}
        fault, frames = "", None
        try:
            observations, rejects = self._parse(vintage, rules)
        except (ArchiveError, ParseError) as error:
            fault = str(error)
            outcomes["schema"] = {
                "passed": False, "observed": fault, "failing_rows": 1, "rows": [{"fault": fault}],
            }  # fmt: skip
        else:
            old = None
            if before is not None and not vintage.partial:
                old = pd.read_parquet(self.rows_file(before, rules, "observations"))
            frames = Frames.of(observations, rejects, rules, vintage, old, before)
            for frame, wanted in frames.expected():
                outcomes |= _evaluated(frame, wanted)
            for name, said in frames.aside().items():
                outcomes[name]["observed"] += f"; of what nothing reads: {said}"
        outcomes["as_asked"] = _as_asked(vintage)
        return _verdict(outcomes, fault, acceptance(self.archive, vintage), frames)

    def _parse(self, vintage: Vintage, rules: Rules) -> tuple[pa.Table, pa.Table]:
        """(observations, rejects), kept as Parquet."""
        spec = self._spec(vintage, rules)
        good, bad = (self.rows_file(vintage, rules, k) for k in ("observations", "rejects"))
        good.parent.mkdir(parents=True, exist_ok=True)
        stored = vintage.folder / "body.gz"
        large = stored.exists() and stored.stat().st_size > _STREAM_FROM
        if large and not vintage.fault and streams(spec, stored):
            # A body of millions of rows goes from file to file, never through memory whole.
            parse_file(stored, spec, good, bad, str(vintage.manifest["sha256"]), MAX_BODY)
            return pq.read_table(good), pq.read_table(bad)
        parsed = parse(vintage.body(), spec)
        for path, table in ((good, parsed.observations), (bad, parsed.rejects)):
            with replacing(path) as staged:
                pq.write_table(table, staged)
        return parsed.observations, parsed.rejects

    @staticmethod
    def _spec(vintage: Vintage, rules: Rules) -> DatasetSpec:
        """How a vintage is read. What it says of a year after the one in which it was known is a
        forecast, whenever it is read: a projection becomes no figure by waiting."""
        projections = rules.format == "projection_csv"
        return DatasetSpec(
            source=vintage.source,
            dataset=vintage.dataset,
            forms=frozenset(rules.forms),
            until=None if projections else vintage.known_from.year,
            limits=rules.needs,
            judged=frozenset(rules.geos),
            **vintage.reading(rules.format, rules.code),
        )


def _evaluated(frame: pd.DataFrame, wanted: Mapping[str, Wanted]) -> dict[str, dict[str, Any]]:
    return dict(zip(wanted, validate(frame, list(wanted.values())), strict=True))


def _as_asked(vintage: Vintage) -> dict[str, Any]:
    """What the puller noted beside the vintage: no frame shows it, so it is no expectation of
    Great Expectations."""
    found = vintage.manifest.get("deviations")
    deviations = [str(d) for d in found] if isinstance(found, list) else []
    return {
        "passed": not deviations,
        "observed": "; ".join(deviations) or "nothing else than what was asked for",
        "failing_rows": len(deviations),
        "rows": [{"deviation": d} for d in deviations[:20]],
    }


def _verdict(
    outcomes: Mapping[str, Mapping[str, Any]],
    fault: str,
    accepted: Mapping[str, str],
    frames: Frames | None,
) -> dict[str, Any]:
    """`accepted`: who takes the vintage in spite of what failed; one that cannot be read nobody can."""
    checks = []
    by = {lang: in_words("accepted", accepted, lang) if accepted else "" for lang in LANGUAGES}
    for name, (severity, description) in CHECKS.items():
        outcome = outcomes.get(name) or {
            "passed": not fault,
            "observed": "not run: the body cannot be read" if fault else "nothing to compare with",
        }
        if accepted and not fault and not outcome["passed"]:
            seen = f"{outcome['observed']}; {by['en']}"
            outcome = {**outcome, "passed": True, "observed": seen}
        checks.append(
            CheckResult(name, severity=severity, blocking=False, description=description, **outcome)
        )
    failed = [c for c in checks if not c.passed and c.severity == "error"]
    why = by
    if failed:
        why = {
            lang: said("schema", lang, observed=fault)
            if frames is None
            else reason(failed, frames, lang)
            for lang in LANGUAGES
        }
    return {
        "verdict": "quarantined" if failed else "accepted",
        "reason": why["en"],
        "reason_nl": why["nl"],
        "checks": [c.to_json() for c in checks],
    }
