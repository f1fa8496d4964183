"""What came, held against what was asked: keys, deviations, scope, and whether it is news.

How a publisher is asked belongs in publishers/, keeping what came in pull.py, and judging a
vintage in validate.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipeline.areas import HOME
from pipeline.files import dump
from pipeline.formats import parse
from pipeline.formats.keys import align
from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.publishers import FetchRequest, FetchResult
from pipeline.publishers.eurostat import series_asked as product_of_codes
from pipeline.registry import Dataset
from pipeline.series_key import dims_of
from pipeline.vintages.store import Vintage

_SHOWN = 5


def request_for(
    dataset: Dataset,
    peers: Sequence[str],
    today: date,
    pins: Mapping[str, str] | None = None,
    validators: Mapping[str, str] | None = None,
) -> FetchRequest:
    """What the registry wants of a dataset, up to the year of `today`; `peers` are the areas
    beside home. ValueError if the dataset takes files only."""
    live = dataset.live
    if live is None:
        raise ValueError(f"{dataset.id} has no `live`: it takes files only")
    geos = live.geos if live.geos is not None else (HOME, *peers)
    return FetchRequest(
        name=dataset.id,
        code=dataset.asked_code,
        series={k: live.series.get(k) or dims_of(k) for k in dataset.needed},
        geos=geos,
        since=live.since,
        until=today.year,
        route=live.route or "",
        order=live.order,
        pins=pins or {},
        validators=validators or {},
    )


def spec_of(vintage: Vintage, dataset: Dataset) -> DatasetSpec:
    """How a vintage is parsed: as its manifest says, else as the registry does."""
    return DatasetSpec(
        dataset.source, dataset.dataset, **vintage.reading(dataset.format, dataset.code),
        forms=frozenset(dataset.forms),
    )  # fmt: skip


def scope_of(dataset: Dataset, request: FetchRequest, fetched: FetchResult) -> dict[str, list[Any]]:
    """What was asked for (`series`, `years` and where limited `geos`, `units`), in the registry's
    words: a later vintage is compared within it."""
    scope: dict[str, list[Any]] = {
        "series": sorted({*dataset.needed, *series_asked(request, fetched)}),
        "years": list(range(request.since, request.until + 1)),
    }
    if request.geos:
        scope["geos"] = list(request.geos)
    if dataset.live and dataset.live.units:
        scope["units"] = sorted(set(dataset.live.units.values()))
    return scope


def series_asked(request: FetchRequest, fetched: FetchResult) -> list[str]:
    """Every series that the request covers, under the registry's keys; empty if unlimited."""
    if "series" not in fetched.filtered:
        return []
    if fetched.format in ("sdmx_csv", "sdmx_csv2", "jsonstat", "oecd_csv"):
        return product_of_codes(request)
    return list(request.series)


@dataclass(frozen=True)
class Comparison:
    """`keys`: the publisher's series key → the registry's. `deviations`: what makes the vintage
    unfit, a line each. `missing`: series and areas that were asked for and did not come. `pins`:
    names of single series found now. `parsed`: the rows under the registry's keys, None if the
    body cannot be read (then the verdict says why)."""

    keys: dict[str, str]
    deviations: list[str] = field(default_factory=list)
    missing: dict[str, list[Any]] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    parsed: Parsed | None = None


def compare(request: FetchRequest, fetched: FetchResult, spec: DatasetSpec) -> Comparison:
    """Hold an answer against its request. Deviations are a filter that was ignored and no figure
    for home; a year to come is none: its figures are forecasts, which the parser rejects."""
    try:
        parsed = parse(fetched.body, spec)
    except ParseError:
        return Comparison(dict(fetched.keys))
    found, rejected = _distinct(parsed, "series_key")
    aligned, deviations = align(found | rejected, request.series, request.series)
    pins: dict[str, str] = {}
    for native, needed in aligned.items():
        # The one series that comes is pinned by its name the first time.
        if request.series.get(needed) == "only":
            pinned = request.pins.get(needed)
            if pinned not in (None, native):
                deviations.append(f"the series that came for {needed} was {pinned} and is {native}")
            pins[needed] = native
    parsed = parsed.renamed(aligned, {})
    found, rejected = _distinct(parsed, "series_key")
    geos, rejected_geos = _distinct(parsed, "geo")
    years = set(parsed.observations.column("year").to_pylist())
    if "series" in fetched.filtered:
        # What was asked for in the publisher's words stands under the registry's by now.
        asked = {*series_asked(request, fetched), *aligned.values()}
        strange = sorted((found | rejected) - asked)
        _note_strange(deviations, "series", strange)
    if "geos" in fetched.filtered:
        _note_strange(deviations, "area", sorted((geos | rejected_geos) - set(request.geos)))
    if "years" in fetched.filtered and (early := sorted(y for y in years if y < request.since)):
        deviations.append(
            f"years before {request.since} came, which were not asked for ({early[0]}): "
            "the filter was ignored"
        )
    if HOME not in geos:
        deviations.append(f"no figure for {HOME}")
    missing = {
        "series": sorted(set(request.series) - found),
        "geos": sorted(set(request.geos) - geos),
    }
    # A key that the adapter named and that was aligned with another of the registry's follows it.
    keys = {k: aligned.get(v, v) for k, v in {**fetched.keys, **aligned}.items() if k != v}
    return Comparison(keys, deviations, {k: v for k, v in missing.items() if v}, pins, parsed)


def _distinct(parsed: Parsed, column: str) -> tuple[set[str], set[str]]:
    """The column's values among the observations and among the rejected rows."""
    return (
        set(parsed.observations.column(column).to_pylist()),
        set(parsed.rejects.column(column).to_pylist()),
    )


def _note_strange(deviations: list[str], what: str, strange: list[str]) -> None:
    if strange:
        # One of the OECD's series keys can take two lines by itself, so each is cut.
        shown = ", ".join(s if len(s) <= 90 else s[:89] + "…" for s in strange[:_SHOWN])
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        deviations.append(
            f"{what} that was not asked for came: {shown}{more}; the filter was ignored"
        )


def digest(parsed: Parsed) -> str:
    """sha256 of what a body says; release stamps and the order of rows do not count."""
    rows = sorted(
        (r["series_key"], r["geo"], r["period"], repr(r["value"]), r["unit"] or "", r["flags"])
        for r in parsed.observations.to_pylist()
    )
    rejects = sorted(
        tuple(str(r[c] or "") for c in ("series_key", "geo", "period", "value", "reason"))
        for r in parsed.rejects.to_pylist()
    )
    return hashlib.sha256(dump([rows, rejects])).hexdigest()
