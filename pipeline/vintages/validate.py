"""A vintage's verdict: parse, compare with what is expected, accept or quarantine.

What is expected of a dataset follows from the registry (the series that its indicators need and
their plausible range), from the vintage's declared scope and from the vintage before it. Which
vintage is in use belongs in resolve.py, evaluating expectations in quality/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats import DatasetSpec, ParseError, parse, parse_file, streams
from pipeline.formats.keys import canonical
from pipeline.paths import code_version, replacing
from pipeline.quality.results import CheckResult
from pipeline.quality.suite import Wanted, validate
from pipeline.registry import Dataset, Registry
from pipeline.vintages.store import MAX_BODY, Archive, ArchiveError, Vintage, dump

# name → (severity, what holds when it passes)
CHECKS: Mapping[str, tuple[str, str]] = {
    "schema": ("error", "The bytes are whole, are this dataset's and have its format's columns."),
    "as_asked": ("error", "What came is what was asked for: no filter ignored, no year to come."),
    "codes": ("error", "The series are those asked for and needed: none lost, none new."),
    "geos_declared": ("error", "Every area that was asked for is there."),
    "years_declared": ("error", "No declared year is missing."),
    "units": ("error", "Units are those that the vintage was declared with."),
    "plausible": ("error", "Values lie in the range that the registry calls plausible."),
    "no_duplicates": ("error", "No cell is given twice."),
    "numbers": ("error", "No value that is needed is something else than a number."),
    "no_lost_cells": ("error", "No series and year that the vintage before had is gone."),
    "size_change": ("error", "At least nine in ten of the vintage before's cells are there."),
    "scale_change": ("error", "No series moved by a factor of two or more as a whole."),
    "unit_change": ("error", "No series came in another unit than in the vintage before."),
}
_COLUMNS = [
    "series_key", "geo", "period", "year", "value", "unit", "flags", "reason", "excess",
    "used_series", "used_unit", "fault",
]  # fmt: skip
_SIZE_KEPT = 0.9
_STREAM_FROM = 4 << 20  # bytes as stored
_SCALE = (0.5, 2.0)
_BAD_NUMBER = ["not_a_number", "not_finite", "period_not_read"]
_COMPARED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "no_lost_cells": ("between", {"column": "lost", "min": 0, "max": 0}),
    "size_change": ("between", {"column": "kept", "min": _SIZE_KEPT, "max": 1}),
    "scale_change": ("between", {"column": "scale", "min": _SCALE[0], "max": _SCALE[1]}),
    "unit_change": ("between", {"column": "other_unit", "min": 0, "max": 0}),
}


@dataclass(frozen=True)
class Rules:
    """What the registry says of a dataset's rows. `needs`: series → [low, high] of the range that
    is plausible, empty where no indicator reads the series by itself."""

    format: str
    code: str | None
    forms: list[str]
    needs: dict[str, list[float]]


def rules_of(registry: Registry, dataset: Dataset) -> Rules:
    """The rules for a dataset as the registry has them now."""
    return Rules(
        dataset.format,
        dataset.code,
        sorted(dataset.forms),
        {
            key: list(registry.plausible_of(dataset.source, dataset.dataset, key))
            for key in sorted(dataset.series_keys())
        },
    )


class Validator:
    """Gives verdicts, and keeps each with the vintage: the same rules are not applied twice.

    The rows of a vintage are kept as Parquet in the work folder.
    """

    def __init__(self, archive: Archive, work: Path) -> None:
        self.archive = archive
        self.work = work
        self._code = code_version(
            "pipeline/formats", "pipeline/quality", "pipeline/vintages/validate.py"
        )

    def verdict(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> dict[str, Any]:
        """`verdict` (accepted or quarantined), `reason` and `checks`; given before, or now.

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
        reading = vintage.reading(rules.format, rules.code)
        tag = hashlib.sha256(dump([self._code, reading, rules.forms])).hexdigest()[:8]
        folder = self.work / "parsed" / vintage.source / vintage.dataset
        return folder / f"{vintage.vintage_id}-{tag}.{kind}.parquet"

    def _key(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> str:
        content = dump([self._code, asdict(rules), dict(vintage.manifest), vintage.stamp()])
        previous = before.vintage_id if before else "-"
        return hashlib.sha256(content + previous.encode()).hexdigest()[:24]

    def _has_rows(self, vintage: Vintage, rules: Rules, verdict: Mapping[str, Any]) -> bool:
        return verdict["verdict"] == "quarantined" or all(
            self.rows_file(vintage, rules, kind).exists() for kind in ("observations", "rejects")
        )

    def _judge(self, vintage: Vintage, rules: Rules, before: Vintage | None) -> dict[str, Any]:
        outcomes: dict[str, dict[str, Any]] = {}
        fault = ""
        try:
            observations, rejects = self._parse(vintage, rules)
        except (ArchiveError, ParseError) as error:
            fault = str(error)
            outcomes["schema"] = {
                "passed": False, "observed": fault, "failing_rows": 1, "rows": [{"fault": fault}],
            }  # fmt: skip
        else:
            outcomes = _evaluated(
                _frame(observations, rejects, vintage, rules), _expected(vintage, rules)
            )
            if before is not None and not vintage.partial:
                old = pd.read_parquet(self.rows_file(before, rules, "observations"))
                outcomes |= _evaluated(_compared(observations, old, vintage, before), _COMPARED)
        outcomes["as_asked"] = _as_asked(vintage)
        return _verdict(outcomes, fault)

    def _parse(self, vintage: Vintage, rules: Rules) -> tuple[pa.Table, pa.Table]:
        """(observations, rejects), kept as Parquet."""
        spec = DatasetSpec(
            source=vintage.source,
            dataset=vintage.dataset,
            forms=frozenset(rules.forms),
            **vintage.reading(rules.format, rules.code),
        )
        good, bad = (self.rows_file(vintage, rules, k) for k in ("observations", "rejects"))
        good.parent.mkdir(parents=True, exist_ok=True)
        stored = vintage.folder / "body.gz"
        large = stored.exists() and stored.stat().st_size > _STREAM_FROM
        if large and streams(spec) and not vintage.fault:
            # A body of millions of rows goes from file to file, never through memory whole.
            parse_file(stored, spec, good, bad, str(vintage.manifest["sha256"]), MAX_BODY)
            return pq.read_table(good), pq.read_table(bad)
        parsed = parse(vintage.body(), spec)
        for path, table in ((good, parsed.observations), (bad, parsed.rejects)):
            with replacing(path) as staged:
                pq.write_table(table, staged)
        return parsed.observations, parsed.rejects


def _evaluated(frame: pd.DataFrame, wanted: Mapping[str, Wanted]) -> dict[str, dict[str, Any]]:
    return dict(zip(wanted, validate(frame, list(wanted.values())), strict=True))


def _frame(good: pa.Table, bad: pa.Table, vintage: Vintage, rules: Rules) -> pd.DataFrame:
    """Every row that came in, usable or not (`reason` given), with its distance from what the
    registry calls plausible.

    `used_series` and `used_unit` are null on rows that cannot be used; `fault` is the reason where
    it counts: in a table made by hand only in the series that are needed, if any are named.
    """
    observations, rejects = good.to_pandas(), bad.to_pandas()
    observations["reason"] = None
    rejects["year"] = -1
    rejects["value"] = float("nan")
    rejects["unit"] = None
    frame = pd.concat([observations, rejects], ignore_index=True) if len(rejects) else observations
    series, ranges = frame["series_key"], {k: v for k, v in rules.needs.items() if v}
    low = series.map({k: v[0] for k, v in ranges.items()})
    high = series.map({k: v[1] for k, v in ranges.items()})
    excess = (low - frame["value"]).clip(lower=0) + (frame["value"] - high).clip(lower=0)
    frame["excess"] = pd.to_numeric(excess).fillna(0.0)
    usable = frame["reason"].isna()
    frame["used_series"] = series.where(usable)
    frame["used_unit"] = frame["unit"].where(usable)
    frame["fault"] = frame["reason"]
    if _by_hand(vintage, rules) and rules.needs:
        frame["fault"] = frame["fault"].where(series.isin(list(rules.needs)))
    return frame[_COLUMNS]


def _expected(vintage: Vintage, rules: Rules) -> dict[str, Wanted]:
    """Check → what is expected of the frame of a vintage's rows."""
    scope = vintage.scope
    doubled = ["duplicate_differs"]
    if not _by_hand(vintage, rules):
        # A machine interface gives a cell once; a table made by hand may quote it twice.
        doubled.append("duplicate_same")
    # A partial vintage is compared, never used: it need not hold every series.
    codes = set() if vintage.partial else set(rules.needs)
    wanted: dict[str, Wanted] = {
        "schema": ("schema", {"columns": _COLUMNS}),
        "plausible": ("between", {"column": "excess", "min": 0, "max": 0}),
        "no_duplicates": ("not_in_set", {"column": "fault", "values": doubled}),
        "numbers": ("not_in_set", {"column": "fault", "values": _BAD_NUMBER}),
    }
    asked = vintage.manifest.get("asked")
    if scope.get("series") and not isinstance(asked, dict):
        values = sorted(codes | set(scope["series"]))
        wanted["codes"] = ("equals_set", {"column": "used_series", "values": values})
    elif codes:
        wanted["codes"] = ("contains", {"column": "used_series", "values": sorted(codes)})
    if isinstance(asked, dict):
        # A scope that says what was asked for, not what is there: areas and years that the
        # publisher does not have are no fault; what came beyond it is as_asked's.
        home = [str(asked.get("home", ""))]
        wanted["geos_declared"] = ("contains", {"column": "geo", "values": home})
        if scope.get("units"):
            units = {"column": "used_unit", "values": list(scope["units"])}
            wanted["units"] = ("in_set", units)
        return wanted
    for name, kind, column, key in (
        ("geos_declared", "contains", "geo", "geos"),
        ("years_declared", "contains", "year", "years"),
        ("units", "equals_set", "used_unit", "units"),
    ):
        if scope.get(key):
            wanted[name] = (kind, {"column": column, "values": list(scope[key])})
    return wanted


def _compared(
    observations: pa.Table, old: pd.DataFrame, vintage: Vintage, before: Vintage
) -> pd.DataFrame:
    """One row per cell of `before` inside the scope that both vintages declare."""
    new = observations.to_pandas()
    for column, key in (("series_key", "series"), ("geo", "geos"), ("year", "years")):
        for scope in (vintage.scope, before.scope):
            if scope.get(key):
                old = old[old[column].isin(scope[key])]
    cells = old.merge(
        new[["series_key", "geo", "year", "value", "unit"]],
        on=["series_key", "geo", "year"],
        how="left",
        suffixes=("_before", ""),
    )
    # Whatever its case and signs; a vintage that states no unit says nothing against one.
    was, now = cells["unit_before"].fillna(""), cells["unit"].fillna("")
    plain = {u: canonical(u) or u for u in {*was.unique(), *now.unique()}}
    differs = was.map(plain) != now.map(plain)
    cells["other_unit"] = (differs & (was != "") & (now != "")).astype("int64")
    cells["lost"] = cells["value"].isna().astype("int64")
    both = cells[(cells["value"].abs() > 0) & (cells["value_before"].abs() > 0)]
    ratio = (both["value"] / both["value_before"]).groupby(both["series_key"]).median()
    cells["scale"] = cells["series_key"].map(ratio).fillna(1.0)
    cells["kept"] = 1.0 - cells["lost"].mean() if len(cells) else 1.0
    return cells[
        ["series_key", "geo", "year", "value_before", "value", "lost", "scale", "kept",
         "unit_before", "unit", "other_unit"]
    ]  # fmt: skip


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


def _verdict(outcomes: Mapping[str, Mapping[str, Any]], fault: str) -> dict[str, Any]:
    checks = []
    for name, (severity, description) in CHECKS.items():
        outcome = outcomes.get(name) or {
            "passed": not fault,
            "observed": "not run: the body cannot be read" if fault else "nothing to compare with",
        }
        checks.append(
            CheckResult(name, severity=severity, blocking=False, description=description, **outcome)
        )
    failed = [c for c in checks if not c.passed and c.severity == "error"]
    reason = fault or "; ".join(
        f"{c.name}: {c.observed}"
        # What was not as asked says itself which rows; others name the first.
        + (f", first {_short(c.rows[0])}" if c.rows and c.name != "as_asked" else "")
        for c in failed
    )
    return {
        "verdict": "quarantined" if failed else "accepted",
        "reason": reason if failed else "",
        "checks": [c.to_json() for c in checks],
    }


def _by_hand(vintage: Vintage, rules: Rules) -> bool:
    return bool(vintage.reading(rules.format, None)["format"] == "curated_csv")


def _short(row: Mapping[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in row.items() if v not in (None, "", [], 0.0))
    return text if len(text) <= 160 else text[:157] + "…"
