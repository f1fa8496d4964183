"""From candidate vintage to verdict: parse, expect, accept or quarantine.

What is expected of a dataset follows from the registry (the series its indicators need and
their plausible range), from the vintage's declared scope and from the vintage before it.
Storing vintages belongs in archive.py, running the checks in quality.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.archive import MAX_BODY, Archive, ArchiveError, Vintage, dump
from pipeline.paths import CHECKOUT, Paths
from pipeline.quality import Checker, CheckResult, Ticket

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.registry import Registry

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


@dataclass
class Settled:
    """A dataset's state as of a date: its vintages, the one in use, the newest one's checks."""

    source: str
    dataset: str
    chain: list[dict[str, Any]] = field(default_factory=list)
    current: Vintage | None = None
    parsed: Path | None = None
    rejects: Path | None = None
    checks: list[CheckResult] = field(default_factory=list)

    @property
    def pending(self) -> str:
        """Why a newer vintage than the one in use was quarantined; empty if there is none."""
        quarantined = [c for c in self.chain if c["verdict"] == "quarantined"]
        if not quarantined:
            return ""
        last = quarantined[-1]
        if self.current is not None and self.chain.index(last) < next(
            i for i, c in enumerate(self.chain) if c["is_current"]
        ):
            return ""
        return f"{last['vintage_id']}: {last['reason']}"


def code_version(*parts: str) -> str:
    """Fingerprint of the source files that a result depends on."""
    digest = hashlib.sha256()
    for part in parts:
        path = CHECKOUT / part
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            digest.update(file.relative_to(CHECKOUT).as_posix().encode() + b"\0")
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class Intake:
    """Settles datasets. `prefetch` hands work to the checker early, `settle` finishes it."""

    def __init__(self, paths: Paths, registry: Registry, checker: Checker) -> None:
        self.paths = paths
        self.archive = Archive(paths)
        self.registry = registry
        self.checker = checker
        self._code = code_version(
            "pipeline/sources", "pipeline/intake.py", "pipeline/quality_worker.py"
        )
        self._early: dict[tuple[str, str], Any] = {}

    def _rules(self, source: str, dataset: str) -> dict[str, Any]:
        item = self.registry.datasets[f"{source}/{dataset}"]
        return {
            "format": item.format,
            "code": item.code,
            "forms": sorted(item.forms),
            "needs": {
                key: list(self.registry.plausible_of(source, dataset, key))
                for key in sorted(item.series_keys())
            },
        }

    def _key(self, vintage: Vintage, rules: Any, before: Vintage | None) -> str:
        content = dump([self._code, rules, dict(vintage.manifest), self._stamp(vintage)])
        previous = before.vintage_id if before else "-"
        return hashlib.sha256(content + previous.encode()).hexdigest()[:24]

    @staticmethod
    def _stamp(vintage: Vintage) -> str:
        """Digest of the stored bytes: a bit that flips on disk must not hide behind a verdict."""
        try:
            return hashlib.sha256((vintage.folder / "body.gz").read_bytes()).hexdigest()
        except OSError:
            return "missing"

    def _parsed_path(self, vintage: Vintage, rules: Any, kind: str) -> Path:
        reading = vintage.reading(rules["format"], rules["code"])
        tag = hashlib.sha256(dump([self._code, reading, rules["forms"]])).hexdigest()[:8]
        folder = self.paths.work / "parsed" / vintage.source / vintage.dataset
        return folder / f"{vintage.vintage_id}-{tag}.{kind}.parquet"

    def _parse(self, vintage: Vintage, rules: Any) -> tuple[Any, Any]:
        """(observations, rejects) as Arrow tables, kept as Parquet beside the work files."""
        import pyarrow.parquet as pq

        from pipeline.sources import DatasetSpec, parse, parse_file, streams

        spec = DatasetSpec(
            source=vintage.source,
            dataset=vintage.dataset,
            forms=frozenset(rules["forms"]),
            **vintage.reading(rules["format"], rules["code"]),
        )
        good, bad = (self._parsed_path(vintage, rules, k) for k in ("observations", "rejects"))
        good.parent.mkdir(parents=True, exist_ok=True)
        stored = vintage.folder / "body.gz"
        large = stored.exists() and stored.stat().st_size > _STREAM_FROM
        if large and streams(spec) and not vintage.fault:
            # A body of millions of rows goes from file to file, never through memory whole.
            parse_file(stored, spec, good, bad, str(vintage.manifest["sha256"]), MAX_BODY)
            return pq.read_table(good), pq.read_table(bad)
        parsed = parse(vintage.body(), spec)
        for path, table in ((good, parsed.observations), (bad, parsed.rejects)):
            staged = path.with_suffix(".tmp")
            pq.write_table(table, staged)
            staged.replace(path)
        return parsed.observations, parsed.rejects

    def _frame(
        self, observations: Any, rejects: Any, needs: Mapping[str, Any], by_hand: bool
    ) -> pd.DataFrame:
        """Every row that came in, usable or not (`reason` given), with its distance from
        what the registry calls plausible.

        `used_series` and `used_unit` are null on rows that cannot be used; `fault` is the
        reason where it counts: in a table made by hand only in the series that are needed, if
        any are named.
        """
        import pandas as pd

        good = observations.to_pandas()
        good["reason"] = None
        bad = rejects.to_pandas()
        bad["year"] = -1
        bad["value"] = float("nan")
        bad["unit"] = None
        frame = pd.concat([good, bad], ignore_index=True) if len(bad) else good
        low = frame["series_key"].map({k: v[0] for k, v in needs.items() if v})
        high = frame["series_key"].map({k: v[1] for k, v in needs.items() if v})
        excess = (low - frame["value"]).clip(lower=0) + (frame["value"] - high).clip(lower=0)
        frame["excess"] = pd.to_numeric(excess).fillna(0.0)
        usable = frame["reason"].isna()
        frame["used_series"] = frame["series_key"].where(usable)
        frame["used_unit"] = frame["unit"].where(usable)
        frame["fault"] = frame["reason"]
        if by_hand and needs:
            frame["fault"] = frame["fault"].where(frame["series_key"].isin(list(needs)))
        return frame[_COLUMNS]

    def _expect(self, vintage: Vintage, rules: Any) -> list[tuple[str, Any]]:
        needs = list(rules["needs"])
        scope = vintage.scope
        doubled = ["duplicate_differs"]
        if not _by_hand(vintage, rules):
            # A machine interface gives a cell once; a table made by hand may quote it twice.
            doubled.append("duplicate_same")
        # A partial vintage is compared, never used: it need not hold every series.
        codes = set() if vintage.partial else set(needs)
        wanted: list[tuple[str, tuple[str, dict[str, Any]]]] = [
            ("schema", ("schema", {"columns": _COLUMNS})),
            ("plausible", ("between", {"column": "excess", "min": 0, "max": 0})),
            ("no_duplicates", ("not_in_set", {"column": "fault", "values": doubled})),
            ("numbers", ("not_in_set", {"column": "fault", "values": _BAD_NUMBER})),
        ]
        asked = vintage.manifest.get("asked")
        if scope.get("series") and not isinstance(asked, dict):
            values = sorted(codes | set(scope["series"]))
            wanted.append(("codes", ("equals_set", {"column": "used_series", "values": values})))
        elif codes:
            values = sorted(codes)
            wanted.append(("codes", ("contains", {"column": "used_series", "values": values})))
        if isinstance(asked, dict):
            # A scope that says what was asked for, not what is there: areas and years that the
            # publisher does not have are no fault; what came beyond it is as_asked's.
            home = [str(asked.get("home", ""))]
            wanted.append(("geos_declared", ("contains", {"column": "geo", "values": home})))
            if scope.get("units"):
                units = {"column": "used_unit", "values": list(scope["units"])}
                wanted.append(("units", ("in_set", units)))
            return wanted
        for name, kind, column, key in (
            ("geos_declared", "contains", "geo", "geos"),
            ("years_declared", "contains", "year", "years"),
            ("units", "equals_set", "used_unit", "units"),
        ):
            if scope.get(key):
                wanted.append((name, (kind, {"column": column, "values": list(scope[key])})))
        return wanted

    def _compare(self, vintage: Vintage, before: Vintage, rules: Any) -> Any:
        """One row per cell of `before` inside the scope that both vintages declare."""
        import pandas as pd

        from pipeline.sources.keys import canonical

        old = pd.read_parquet(self._parsed_path(before, rules, "observations"))
        new = pd.read_parquet(self._parsed_path(vintage, rules, "observations"))
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

    def _begin(self, vintage: Vintage, before: Vintage | None, rules: Any) -> Any:
        """Parse and hand the frames to the checker: (fault, [(names, ticket)])."""
        from pipeline.sources import ParseError

        try:
            observations, rejects = self._parse(vintage, rules)
        except (ArchiveError, ParseError) as error:
            return str(error), []
        frame = self._frame(observations, rejects, rules["needs"], _by_hand(vintage, rules))
        wanted = self._expect(vintage, rules)
        names = [name for name, _ in wanted]
        tickets: list[tuple[list[str], Ticket]] = [
            (names, self.checker.submit(frame, [expectation for _, expectation in wanted]))
        ]
        if before is not None and not vintage.partial:
            cells = self._compare(vintage, before, rules)
            tickets.append(
                (
                    ["no_lost_cells", "size_change", "scale_change", "unit_change"],
                    self.checker.submit(
                        cells,
                        [
                            ("between", {"column": "lost", "min": 0, "max": 0}),
                            ("between", {"column": "kept", "min": _SIZE_KEPT, "max": 1}),
                            ("between", {"column": "scale", "min": _SCALE[0], "max": _SCALE[1]}),
                            ("between", {"column": "other_unit", "min": 0, "max": 0}),
                        ],
                    ),
                )
            )
        return "", tickets

    def _finish(self, begun: Any, vintage: Vintage) -> dict[str, Any]:
        fault, tickets = begun
        results: dict[str, CheckResult] = {}
        for names, ticket in tickets:
            for name, outcome in zip(names, ticket.result(), strict=True):
                severity, description = CHECKS[name]
                results[name] = CheckResult(
                    name, severity=severity, blocking=False, description=description, **outcome
                )
        if fault:
            severity, description = CHECKS["schema"]
            results["schema"] = CheckResult(
                "schema", False, severity, False, fault, 1, [{"fault": fault}], description
            )
        deviations = vintage.manifest.get("deviations")
        deviations = [str(d) for d in deviations] if isinstance(deviations, list) else []
        results["as_asked"] = CheckResult(
            "as_asked", not deviations, "error", False,
            "; ".join(deviations) or "nothing else than what was asked for", len(deviations),
            [{"deviation": d} for d in deviations[:20]], CHECKS["as_asked"][1],
        )  # fmt: skip
        checks = []
        for name, (severity, description) in CHECKS.items():
            if name in results:
                checks.append(results[name])
            elif fault:
                checks.append(
                    CheckResult(name, False, severity, False, "not run: the body cannot be read",
                                0, [], description)
                )  # fmt: skip
            else:
                checks.append(
                    CheckResult(name, True, severity, False, "nothing to compare with",
                                0, [], description)
                )  # fmt: skip
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

    def _whole(self, vintage: Vintage, rules: Any, verdict: Mapping[str, Any]) -> bool:
        if verdict["verdict"] == "quarantined":
            return True
        return all(
            self._parsed_path(vintage, rules, kind).exists() for kind in ("observations", "rejects")
        )

    def prefetch(self, source: str, dataset: str, as_of: date) -> bool:
        """Begin the first vintage that has no verdict. True if there was work to begin."""
        rules = self._rules(source, dataset)
        before: Vintage | None = None
        for vintage in self.archive.vintages(source, dataset, as_of):
            key = self._key(vintage, rules, before)
            verdict = self.archive.verdict(vintage, key)
            if verdict is None or not self._whole(vintage, rules, verdict):
                self._early[(vintage.folder.as_posix(), key)] = self._begin(vintage, before, rules)
                return True
            if verdict["verdict"] == "accepted" and not vintage.partial:
                before = vintage
        return False

    def settle(self, source: str, dataset: str, as_of: date) -> Settled:
        """Verdicts for every vintage known at `as_of`, and the one that the models read."""
        rules = self._rules(source, dataset)
        settled = Settled(source, dataset)
        before: Vintage | None = None
        for vintage in self.archive.vintages(source, dataset, as_of):
            key = self._key(vintage, rules, before)
            verdict = self.archive.verdict(vintage, key)
            if verdict is None or not self._whole(vintage, rules, verdict):
                begun = self._early.pop((vintage.folder.as_posix(), key), None)
                verdict = self._finish(begun or self._begin(vintage, before, rules), vintage)
                self.archive.keep_verdict(vintage, key, verdict)
            manifest = vintage.manifest
            settled.chain.append(
                {
                    "source": source,
                    "dataset": dataset,
                    "vintage_id": vintage.vintage_id,
                    "known_from": vintage.known_from.isoformat(),
                    "known_from_basis": manifest.get("known_from_basis"),
                    "origin": manifest.get("origin"),
                    "scope": _scope_text(vintage.scope),
                    "partial": vintage.partial,
                    "position": len(settled.chain) + 1,
                    "verdict": verdict["verdict"],
                    "reason": verdict["reason"],
                    "found_in": manifest.get("found_in"),
                    "is_current": False,
                    "observations": None,
                    "rejects": None,
                }
            )
            if verdict["verdict"] == "accepted":
                settled.chain[-1]["observations"] = self._parsed_path(
                    vintage, rules, "observations"
                ).as_posix()
                settled.chain[-1]["rejects"] = self._parsed_path(
                    vintage, rules, "rejects"
                ).as_posix()
            if not vintage.partial:
                # The newest one's checks are what a person must see.
                settled.checks = [CheckResult.from_json(c) for c in verdict["checks"]]
                if verdict["verdict"] == "accepted":
                    before = vintage
        if before is not None:
            settled.current = before
            settled.parsed = self._parsed_path(before, rules, "observations")
            settled.rejects = self._parsed_path(before, rules, "rejects")
            for entry in settled.chain:
                entry["is_current"] = entry["vintage_id"] == before.vintage_id
        if not settled.checks:
            settled.checks = [
                CheckResult(n, False, s, False, "no vintage known at this date", 0, [], d)
                for n, (s, d) in CHECKS.items()
            ]
        return settled


def _by_hand(vintage: Vintage, rules: Mapping[str, Any]) -> bool:
    return bool(vintage.reading(rules["format"], None)["format"] == "curated_csv")


def _short(row: Mapping[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in row.items() if v not in (None, "", [], 0.0))
    return text if len(text) <= 160 else text[:157] + "…"


def _scope_text(scope: Mapping[str, list[Any]]) -> str:
    years = scope.get("years") or []
    span = f"{min(years)}–{max(years)}" if years else "years not declared"
    return f"{len(scope.get('series') or [])} series, {len(scope.get('geos') or [])} areas, {span}"
