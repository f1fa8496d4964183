"""The registry as Arrow tables: the form in which SQL reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.languages import LANGUAGES
from pipeline.progress.method import UNSETTLED
from pipeline.registry.code_archive import archived
from pipeline.report.messages import Messages

if TYPE_CHECKING:
    from pipeline.registry.schema import Dataset, Indicator, Operand, Registry

_S, _I, _D, _B = pa.string(), pa.int32(), pa.float64(), pa.bool_()
_L = pa.list_(_S)
_FLAG = "flag."  # above the flags in the catalogue of messages
_Tables = dict[str, list[dict[str, Any]]]
_COLUMNS: dict[str, dict[str, Any]] = {
    "missions": {"mission_id": _S, "parent_id": _S, "level": _S, "position": _I, "title_nl": _S,
                 "title_en": _S, "short_nl": _S, "short_en": _S, "letter_text": _S,
                 "gap_nl": _S, "gap_en": _S},
    "targets": {"target_id": _S, "mission_id": _S, "kind": _S, "year": _I, "number": _D,
                "unit": _S, "strength": _S, "source": _S, "base_year": _I, "letter_text": _S,
                "milestone_state": _S, "milestone_source": _S, "milestone_date": _S},
    "indicators": {"indicator_id": _S, "mission_id": _S, "position": _I, "label_nl": _S,
                   "label_en": _S, "unit": _S, "direction": _S, "fit": _S, "role": _S,
                   "cadence": _I, "source": _S, "dataset": _S, "licence": _S, "citation": _S,
                   "may_be_zero": _B, "modelled": _B, "bound_low": _D, "bound_high": _D, "plausible_low": _D,
                   "plausible_high": _D, "intensive": _B, "caveat_nl": _S, "caveat_en": _S,
                   "formula": _S, "fingerprint": _S, "datasets": _L, "landing_urls": _L,
                   "closes_table": _S, "closes_first": _I, "closes_last": _I, "none_found": _S},
    "indicator_targets": {"indicator_id": _S, "target_id": _S, "kind": _S, "number": _D,
                          "target_year": _I, "base_year": _I, "base_year_basis": _S,
                          "documented_baseline": _D, "baseline_source": _S, "derived_from": _S,
                          "reason": _S, "counts": _B, "strength": _S, "path": _S},
    "operands": {"indicator_id": _S, "alternative": _I, "op": _S, "require": _S, "flag": _S,
                 "scale": _D, "position": _I, "source": _S, "dataset": _S, "series_key": _S,
                 "from_year": _I, "agree": _D},
    "breaks": {"indicator_id": _S, "geo": _S, "year": _I, "reason": _S},
    "carried_forward": {"indicator_id": _S, "geo": _S, "year": _I, "reason": _S},
    "not_read": {"indicator_id": _S, "geo": _S, "year": _I, "reason": _S},
    "not_comparable": {"indicator_id": _S, "other_id": _S, "reason_nl": _S, "reason_en": _S},
    "gap_texts": {"gap": _S, "nl": _S, "en": _S},
    "flag_texts": {"flag": _S, "nl": _S, "en": _S, "unsettled": _B},
    "units": {"unit": _S, "common_unit": _S, "factor": _D},
    "datasets": {"source": _S, "dataset": _S, "title": _S, "format": _S, "code": _S,
                 "publisher": _S, "licence": _S, "citation": _S, "cadence": _I,
                 "landing_url": _S, "serves": _S, "live_only": _B, "asked": _S,
                 "asked_code": _S, "holds_first": _I, "holds_last": _I},
    "sources": {"source": _S, "publisher": _S, "licence": _S, "citation": _S, "base_url": _S,
                "landing_url": _S, "cadence": _I},
    "peers": {"geo": _S, "position": _I, "aggregate": _B},
    "per_head": {"indicator_id": _S, "unit": _S, "scale": _D, "source": _S, "dataset": _S,
                 "series_key": _S, "plausible_low": _D, "plausible_high": _D},
    "overrides": {"mission_id": _S, "status": _S, "author": _S, "reason": _S, "date": _S,
                  "until": _S},
    "official_projections": {"projection_id": _S, "indicator_id": _S, "target_id": _S,
                             "source": _S, "dataset": _S, "measure": _S, "publisher": _S,
                             "title_nl": _S, "title_en": _S, "secondary": _B, "caveat_nl": _S,
                             "caveat_en": _S},
}  # fmt: skip


def _aims(registry: Registry) -> _Tables:
    """What is to be reached, and what a person decided of it."""
    return {
        "missions": [
            {"mission_id": m.id, "parent_id": m.parent, "level": m.level, "position": n,
             "title_nl": m.title.nl, "title_en": m.title.en, "short_nl": m.short.nl,
             "short_en": m.short.en, "letter_text": m.letter,
             "gap_nl": m.gap.nl if m.gap else None, "gap_en": m.gap.en if m.gap else None}
            for n, m in enumerate(registry.missions.values(), 1)
        ],
        "targets": [
            {"target_id": t.id, "mission_id": t.mission, "letter_text": t.letter,
             **t.model_dump(exclude={"id", "mission", "letter"})}
            for t in registry.targets.values()
        ],
        "overrides": [
            {"mission_id": o.mission, **o.model_dump(exclude={"mission"})}
            for o in registry.overrides
        ],
    }  # fmt: skip


def _indicators(registry: Registry) -> _Tables:
    """Each indicator, what it is judged by and what it is made of."""
    first = {o.indicator: o for o in reversed(registry.operands)}
    return {
        "indicators": [
            {"indicator_id": i.id, "mission_id": i.mission, "position": n, "label_nl": i.label.nl,
             "label_en": i.label.en, "unit": i.unit, "direction": i.direction, "fit": i.fit,
             "role": i.role, "cadence": i.cadence,
             "source": first[i.id].dataset.split("/", 1)[0],
             "dataset": first[i.id].dataset.split("/", 1)[1],
             "licence": registry.datasets[first[i.id].dataset].licence,
             "citation": registry.datasets[first[i.id].dataset].citation,
             "may_be_zero": i.may_be_zero, "modelled": i.modelled, "bound_low": i.bounds[0], "bound_high": i.bounds[1],
             "plausible_low": i.plausible[0], "plausible_high": i.plausible[1],
             "intensive": i.intensive, "caveat_nl": i.caveat.nl if i.caveat else None,
             "caveat_en": i.caveat.en if i.caveat else None,
             "formula": _formula([o for o in registry.operands if o.indicator == i.id]),
             "fingerprint": _fingerprint(registry, i), **_origins(registry, i.id),
             "closes_table": i.closes.table if i.closes else None,
             "closes_first": i.closes.first if i.closes else None,
             "closes_last": i.closes.last if i.closes else None,
             "none_found": i.closes.none_found if i.closes else None}
            for n, i in enumerate(registry.indicators.values(), 1)
        ],
        "indicator_targets": list(registry.pairs()),
        "operands": [
            {"indicator_id": o.indicator, "alternative": o.alternative, "op": o.op,
             "require": o.require, "flag": o.flag, "scale": o.scale, "position": o.position,
             "source": o.dataset.split("/", 1)[0], "dataset": o.dataset.split("/", 1)[1],
             "series_key": o.series_key, "from_year": o.from_year, "agree": o.agree}
            for o in registry.operands
        ],
        "per_head": [_per_head(i) for i in registry.indicators.values() if i.per_head],
        "official_projections": [
            {"projection_id": p.id, "indicator_id": p.indicator, "target_id": p.target,
             "source": p.dataset.split("/", 1)[0], "dataset": p.dataset.split("/", 1)[1],
             "measure": p.measure, "publisher": p.publisher, "title_nl": p.title.nl,
             "title_en": p.title.en, "secondary": p.secondary,
             "caveat_nl": p.caveat.nl if p.caveat else None,
             "caveat_en": p.caveat.en if p.caveat else None}
            for p in registry.projections.values()
        ],
    }  # fmt: skip


def _remarks(registry: Registry) -> _Tables:
    """What the registry says of single years of a series, and of two series side by side."""
    return {
        "breaks": [
            {"indicator_id": i.id, "geo": b.geo, "year": b.year, "reason": b.reason}
            for i in registry.indicators.values() for b in i.breaks
        ],
        "carried_forward": [
            {"indicator_id": i.id, "geo": c.geo, "year": year, "reason": c.reason}
            for i in registry.indicators.values() for c in i.carried_forward for year in c.years
        ],
        "not_read": [
            {"indicator_id": i.id, "geo": n.geo, "year": year, "reason": n.reason}
            for i in registry.indicators.values() for n in i.not_read for year in n.years
        ],
        # Said once of two, and true of both.
        "not_comparable": [
            {"indicator_id": one, "other_id": other, "reason_nl": n.reason.nl,
             "reason_en": n.reason.en}
            for i in registry.indicators.values() for n in i.not_comparable_with
            for one, other in ((i.id, n.indicator), (n.indicator, i.id))
        ],
    }  # fmt: skip


def _sources(registry: Registry) -> _Tables:
    """Where figures come from, and the names of what stands in them."""
    return {
        "datasets": [
            {"source": d.source, "dataset": d.dataset, "asked": d.asked or None,
             "asked_code": d.asked_code, **_holds(d),
             **d.model_dump(include={"title", "format", "code", "publisher", "licence", "citation",
                                     "cadence", "landing_url", "serves", "live_only"})}
            for d in registry.datasets.values()
        ],
        "sources": [
            {"source": s.id, **s.model_dump(exclude={"id"})} for s in registry.sources.values()
        ],
        "peers": [
            {"geo": p.geo, "position": n, "aggregate": p.aggregate}
            for n, p in enumerate(registry.peers.values(), 1)
        ],
        "units": [
            {"unit": u.unit, "common_unit": u.common, "factor": u.factor}
            for u in registry.units.values()
        ],
        "gap_texts": [
            {"gap": gap.gap, **gap.numbered()} for gap in registry.gaps.values()
        ],
        "flag_texts": _flag_texts(),
    }  # fmt: skip


def _flag_texts() -> list[dict[str, Any]]:
    """What publishers' flags are called, as the page calls them; which of them may still change."""
    dutch, english = (Messages(lang) for lang in LANGUAGES)
    return [
        {
            "flag": key.removeprefix(_FLAG),
            "nl": dutch[key],
            "en": english[key],
            "unsettled": key.removeprefix(_FLAG) in UNSETTLED,
        }
        for key in dutch
        if key.startswith(_FLAG)
    ]


def _holds(dataset: Dataset) -> dict[str, int | None]:
    """The first and last year that the publisher held, by the archive of its codes."""
    seen = archived().get(dataset.asked_code.upper()) if dataset.asked == "eurostat" else None
    return {
        "holds_first": seen.years[0] if seen else None,
        "holds_last": seen.years[-1] if seen else None,
    }


def _origins(registry: Registry, indicator: str) -> dict[str, list[str | None]]:
    """The datasets of an indicator's series and their pages, each pair once, in the same order."""
    pairs = dict.fromkeys(
        (o.dataset, registry.datasets[o.dataset].page_of(o.series_key))
        for o in registry.operands
        if o.indicator == indicator
    )
    return {"datasets": [d for d, _ in pairs], "landing_urls": [page for _, page in pairs]}


_SIGNS = {"sum": " + ", "difference": " − ", "ratio": " ÷ ", "mean": ", ", "series": ""}


def _formula(operands: Iterable[Operand]) -> str:
    """How an indicator is made, for people: `100 × (a ÷ b)`, its second choice after `; else`."""
    said = []
    for _, group in groupby(operands, key=lambda o: o.alternative):
        members = list(group)
        first = members[0]
        names = [f"{o.dataset}[{o.series_key}]" for o in members]
        if first.op == "share":
            text = f"{names[0]} ÷ ({' + '.join(names)})"
        else:
            text = _SIGNS[first.op].join(names)
        if first.op == "mean":
            text = f"mean({text})"
        if first.scale != 1:
            text = (
                f"{first.scale:.15g} × ({text})"
                if len(names) > 1
                else f"{first.scale:.15g} × {text}"
            )
        if first.require == "any":
            text += ", of those given"
        if first.from_year is not None:
            text += f", from {first.from_year}"
        said.append(text)
    return "; else ".join(said)


def _fingerprint(registry: Registry, item: Indicator) -> str:
    """Changes when anything that the registry says of the indicator or its datasets does."""
    names = sorted({o.dataset for o in registry.operands if o.indicator == item.id})
    # Without defaults: a field that is new to the registry changes no entry that does not use it.
    said = [item.model_dump(mode="json", exclude_defaults=True)]
    said += [
        registry.datasets[name].model_dump(mode="json", include={"format", "code", "forms"})
        for name in names
    ]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _per_head(item: Indicator) -> dict[str, Any]:
    assert item.per_head is not None
    name, key = item.per_head.population()
    source, dataset = name.split("/", 1)
    return {
        "indicator_id": item.id,
        "unit": item.per_head.unit,
        "scale": item.per_head.scale,
        "source": source,
        "dataset": dataset,
        "series_key": key,
        "plausible_low": item.per_head.plausible[0],
        "plausible_high": item.per_head.plausible[1],
    }


def tables(registry: Registry) -> dict[str, pa.Table]:
    """Name → table; the columns are those of _COLUMNS even where the registry has no rows."""
    return {
        name: pa.Table.from_pylist(rows, schema=pa.schema(list(_COLUMNS[name].items())))
        for part in (_aims, _indicators, _remarks, _sources)
        for name, rows in part(registry).items()
    }
