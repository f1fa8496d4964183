"""From candidate vintage to verdict: parse, expect, accept or quarantine.

What is expected of a dataset follows from the registry (the series its indicators need and
their plausible range), from the vintage's declared scope and from the vintage before it.
Storing vintages belongs in archive.py, running the checks in quality.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.paths import CHECKOUT, Paths
from pipeline.quality.results import Checker, CheckResult, QualityError, Ticket
from pipeline.vintages.store import MAX_BODY, Archive, ArchiveError, Vintage, dump

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
# Of a run's pulls, not of a vintage: see Session.pull_check.
PULLED = "The publisher answered with data, where it was asked."
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
_TOGETHER = 200_000  # rows

# What was handed to the checker: why it cannot be read, or names of checks and where they come.
_Begun = tuple[str, list[tuple[list[str], Ticket]]]


@dataclass(frozen=True)
class _Part:
    """A vintage without verdict. `tables`: its observations and rejects; `fault`: why not."""

    vintage: Vintage
    before: Vintage | None
    rules: Mapping[str, Any]
    key: str
    tables: tuple[Any, Any] | None = None
    fault: str = ""

    @property
    def place(self) -> tuple[str, str]:
        return self.vintage.folder.as_posix(), self.key

    @property
    def compared(self) -> Vintage | None:
        """The vintage that it is compared with."""
        return None if self.vintage.partial else self.before

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables or ())


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
    """Settles datasets. `prefetch_all` hands work to the checker early, `settle` finishes it."""

    def __init__(self, paths: Paths, registry: Registry, checker: Checker) -> None:
        self.paths = paths
        self.archive = Archive(paths)
        self.registry = registry
        self.checker = checker
        self._code = code_version(
            "pipeline/formats", "pipeline/vintages/validate.py", "pipeline/quality/worker.py"
        )
        self._early: dict[tuple[str, str], _Begun] = {}

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

    def _read(self, part: _Part) -> _Part:
        """The part with its rows, or with why there are none."""
        from pipeline.formats import ParseError

        try:
            good, bad = self._parse(part.vintage, part.rules)
            return replace(part, tables=(_alike(good), _alike(bad)))
        except (ArchiveError, ParseError) as error:
            return replace(part, fault=str(error))

    def _parse(self, vintage: Vintage, rules: Any) -> tuple[Any, Any]:
        """(observations, rejects) as Arrow tables, kept as Parquet beside the work files."""
        import pyarrow.parquet as pq

        from pipeline.formats import DatasetSpec, parse, parse_file, streams

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

    @staticmethod
    def _frame(parts: Sequence[_Part]) -> tuple[pd.DataFrame, list[int]]:
        """Every row that came in, usable or not (`reason` given), with its distance from
        what the registry calls plausible; one part after another, and where each begins.

        `used_series` and `used_unit` are null on rows that cannot be used; `fault` is the
        reason where it counts: in a table made by hand only in the series that are needed, if
        any are named.
        """
        import numpy as np
        import pandas as pd

        numbers = np.arange(len(parts))
        tables = [p.tables for p in parts if p.tables is not None]
        good, bad = (_to_pandas([t[k] for t in tables]) for k in (0, 1))
        good["part"], bad["part"] = (
            np.repeat(numbers, [t[k].num_rows for t in tables]) for k in (0, 1)
        )
        good["reason"] = None
        bad["year"] = -1
        bad["value"] = float("nan")
        bad["unit"] = None
        frame = pd.concat([good, bad], ignore_index=True) if len(bad) else good
        if len(parts) > 1:
            frame = frame.sort_values("part", kind="stable", ignore_index=True)
        # A series means what it means in its part.
        series = frame["part"].astype("str") + "|" + frame["series_key"]
        needs = {f"{i}|{k}": v for i, p in enumerate(parts) for k, v in p.rules["needs"].items()}
        low = series.map({k: v[0] for k, v in needs.items() if v})
        high = series.map({k: v[1] for k, v in needs.items() if v})
        excess = (low - frame["value"]).clip(lower=0) + (frame["value"] - high).clip(lower=0)
        frame["excess"] = pd.to_numeric(excess).fillna(0.0)
        usable = frame["reason"].isna()
        frame["used_series"] = frame["series_key"].where(usable)
        frame["used_unit"] = frame["unit"].where(usable)
        frame["fault"] = frame["reason"]
        loose = [
            i for i, p in enumerate(parts) if _by_hand(p.vintage, p.rules) and p.rules["needs"]
        ]
        if loose:
            counts = ~frame["part"].isin(loose) | series.isin(list(needs))
            frame["fault"] = frame["fault"].where(counts)
        starts = np.searchsorted(frame["part"].to_numpy(), numbers).tolist()
        return frame[_COLUMNS], starts

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

        from pipeline.formats.keys import canonical

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

    def _begin(self, part: _Part) -> _Begun:
        """Parse and hand the frames to the checker: (fault, [(names, ticket)])."""
        if part.tables is None and not part.fault:
            part = self._read(part)
        if part.tables is None:
            return part.fault, []
        frame, _ = self._frame([part])
        wanted = self._expect(part.vintage, part.rules)
        names, asked = [name for name, _ in wanted], [expectation for _, expectation in wanted]
        tickets = [(names, self.checker.submit(frame, asked))]
        if part.compared:
            cells = self._compare(part.vintage, part.compared, part.rules)
            tickets.append((list(_COMPARED), self.checker.submit(cells, list(_COMPARED.values()))))
        return "", tickets

    def _begin_together(self, parts: Sequence[_Part]) -> dict[tuple[str, str], _Begun]:
        """As `_begin` for each, with one frame for all: what a check costs is hardly a matter of
        the number of rows."""
        import pandas as pd

        frame, starts = self._frame(parts)
        wanted = [self._expect(p.vintage, p.rules) for p in parts]
        asked = [[expectation for _, expectation in w] for w in wanted]
        begun: dict[tuple[str, str], _Begun] = {}
        tickets = self.checker.submit_parts(frame, starts, asked)
        for part, names, ticket in zip(parts, wanted, tickets, strict=True):
            begun[part.place] = ("", [([name for name, _ in names], ticket)])
        cells: dict[tuple[Any, ...], list[tuple[_Part, pd.DataFrame]]] = {}
        for part in parts:
            if part.compared is None:
                continue
            try:
                found = self._compare(part.vintage, part.compared, part.rules)
            except Exception:
                del begun[part.place]
            else:
                cells.setdefault(tuple(found.dtypes), []).append((part, found))
        for alike in cells.values():
            ends = list(accumulate(len(found) for _, found in alike))
            tickets = self.checker.submit_parts(
                pd.concat([found for _, found in alike], ignore_index=True),
                [0, *ends[:-1]],
                [list(_COMPARED.values())] * len(alike),
            )
            for (part, _), ticket in zip(alike, tickets, strict=True):
                begun[part.place][1].append((list(_COMPARED), ticket))
        return begun

    def _finish(self, begun: _Begun, vintage: Vintage) -> dict[str, Any]:
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

    def _judge(self, part: _Part) -> dict[str, Any]:
        begun = self._early.pop(part.place, None)
        if begun is not None:
            # What went wrong with all together need not go wrong with this one alone.
            with suppress(QualityError):
                return self._finish(begun, part.vintage)
        return self._finish(self._begin(part), part.vintage)

    def _whole(self, vintage: Vintage, rules: Any, verdict: Mapping[str, Any]) -> bool:
        if verdict["verdict"] == "quarantined":
            return True
        return all(
            self._parsed_path(vintage, rules, kind).exists() for kind in ("observations", "rejects")
        )

    def prefetch_all(self, names: Iterable[str], as_of: date) -> None:
        """Begin each dataset's first vintages that have no verdict: those of ordinary size and
        one shape together. What fails here otherwise than by its body is left to `settle`, which
        begins it anew by itself and tells of it in its place."""
        together: dict[Any, list[_Part]] = {}
        for name in names:
            with suppress(Exception):
                source, dataset = name.split("/", 1)
                for waiting in self._waiting(source, dataset, as_of):
                    part = self._read(waiting)
                    if part.tables is None or part.rows > _TOGETHER:
                        self._early[part.place] = self._begin(part)
                        continue
                    shape = tuple(table.schema for table in part.tables)
                    group = together.setdefault(shape, [])
                    group.append(part)
                    if sum(p.rows for p in group) > _TOGETHER:
                        self._early |= self._begin_together(together.pop(shape))
        for group in together.values():
            with suppress(Exception):
                self._early |= self._begin_together(group)

    def _waiting(self, source: str, dataset: str, as_of: date) -> Iterator[_Part]:
        """Vintages without verdict, up to the first on whose verdict depends what the next one is
        compared with."""
        rules = self._rules(source, dataset)
        before: Vintage | None = None
        for vintage in self.archive.vintages(source, dataset, as_of):
            key = self._key(vintage, rules, before)
            verdict = self.archive.verdict(vintage, key)
            waits = verdict is None or not self._whole(vintage, rules, verdict)
            if waits:
                yield _Part(vintage, before, rules, key)
            if vintage.partial:
                continue
            if waits:
                return
            if verdict and verdict["verdict"] == "accepted":
                before = vintage

    def settle(self, source: str, dataset: str, as_of: date) -> Settled:
        """Verdicts for every vintage known at `as_of`, and the one that the models read."""
        rules = self._rules(source, dataset)
        settled = Settled(source, dataset)
        before: Vintage | None = None
        for vintage in self.archive.vintages(source, dataset, as_of):
            key = self._key(vintage, rules, before)
            verdict = self.archive.verdict(vintage, key)
            if verdict is None or not self._whole(vintage, rules, verdict):
                verdict = self._judge(_Part(vintage, before, rules, key))
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


def _alike(table: Any) -> Any:
    """The table with list items called as Arrow calls them: each reader has its own name."""
    import pyarrow as pa

    fields = [
        (
            field.name,
            pa.list_(field.type.value_type) if pa.types.is_list(field.type) else field.type,
        )
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _to_pandas(tables: Sequence[Any]) -> pd.DataFrame:
    """Rows of Arrow tables of one schema. Lists stay Arrow's: as objects they are slow to send."""
    import pandas as pd
    import pyarrow as pa

    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(
        types_mapper=lambda kind: pd.ArrowDtype(kind) if pa.types.is_list(kind) else None
    )
    return frame


def _by_hand(vintage: Vintage, rules: Mapping[str, Any]) -> bool:
    return bool(vintage.reading(rules["format"], None)["format"] == "curated_csv")


def _short(row: Mapping[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in row.items() if v not in (None, "", [], 0.0))
    return text if len(text) <= 160 else text[:157] + "…"


def _scope_text(scope: Mapping[str, list[Any]]) -> str:
    years = scope.get("years") or []
    span = f"{min(years)}–{max(years)}" if years else "years not declared"
    return f"{len(scope.get('series') or [])} series, {len(scope.get('geos') or [])} areas, {span}"
