"""What changed between two releases, and why: METHOD.md §9.

A status that changed is explained by walking from the first release to the second, one input at a
time - method, registry, reference date, revised values, new years - and working the status out
again at each step; the steps at which it moves are its causes. Figures of a dataset of which one of
the releases knew no vintage are neither revised nor a new year: they are the first ones, or were
not known. Built from the two releases' marts alone. Differences between vintages are the mart
`revisions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pipeline.release.read import Pair, Release, Row

if TYPE_CHECKING:
    from pipeline.progress.assess import Observation, Question

CAUSES: Final = (
    "method", "registry", "reference_date", "not_known", "revision", "new_year", "first_figures",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """A status and, where there is none, the reason."""

    status: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.status} ({self.reason})" if self.reason else self.status


@dataclass(frozen=True)
class Step:
    """One input exchanged, and what that did."""

    cause: str
    before: Verdict
    after: Verdict


@dataclass(frozen=True)
class Change:
    """A status that differs. `level`: indicator, or the level of a mission's row. `before` or
    `after` is None where only one release has the row. `by`: for a mission's row the indicator
    rows that decide, for an indicator nothing."""

    level: str
    id: str
    target_id: str | None
    before: Verdict | None
    after: Verdict | None
    causes: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diff:
    """Two releases beside each other. `registry`: indicators whose entry or targets differ."""

    before: Release
    after: Release
    vintages: tuple[Row, ...]
    registry: tuple[str, ...]
    overrides: tuple[Row, ...]
    changes: tuple[Change, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "from": heading(self.before),
            "to": heading(self.after),
            "vintages": list(self.vintages),
            "registry": list(self.registry),
            "overrides": list(self.overrides),
            "changes": [asdict(c) for c in self.changes],
        }


def compare(before: Release, after: Release) -> Diff:
    """Every status that differs between two releases, with its causes; never without one."""
    moved = [c for pair in sorted(before.pairs.keys() | after.pairs.keys())
             if (c := _indicator(before, after, pair))]  # fmt: skip
    known = {(c.id, c.target_id or ""): c for c in moved}
    return Diff(
        before, after, _vintages(before, after), _edited(before, after), _overrides(before, after),
        (*_missions(before, after, known), *moved),
    )  # fmt: skip


def heading(release: Release) -> Row:
    """Which release it is, to what date, by which version of the method."""
    return {
        "release": release.name,
        "reference_date": release.reference.isoformat(),
        "method_version": release.method,
    }


# ---- one indicator and target -----------------------------------------------------------------


def _indicator(before: Release, after: Release, pair: Pair) -> Change | None:
    indicator, target = pair
    old, new = before.progress.get(pair), after.progress.get(pair)
    if old is None or new is None:
        # Only the registry says which indicators and targets there are.
        return Change("indicator", indicator, target, _verdict(old), _verdict(new), ("registry",))
    start, end = _verdict(old), _verdict(new)
    assert start is not None and end is not None
    if start == end:
        return None
    steps = tuple(_walk(before, after, pair, start, end))
    causes = tuple(dict.fromkeys(s.cause for s in steps))
    return Change("indicator", indicator, target, start, end, causes, steps)


def _verdict(row: Row | None, prefix: str = "") -> Verdict | None:
    return None if row is None else Verdict(row[f"{prefix}status"], row[f"{prefix}reason"])


def _walk(
    before: Release, after: Release, pair: Pair, start: Verdict, end: Verdict
) -> Iterable[Step]:
    # Here because scipy and numpy take a third of a second to import: a night that changes nothing
    # walks nowhere.
    from pipeline.progress.assess import assess

    now = start
    for cause, question, observations, reference in _inputs(before, after, pair):
        found = assess(question, observations, reference)
        then = Verdict(found.status, found.reason)
        if then != now:
            yield Step(cause, now, then)
            now = then
    if now != end:
        # The later release was made by other rules than those at work here.
        yield Step("method", now, end)


def _inputs(
    before: Release, after: Release, pair: Pair
) -> Iterable[tuple[str, Question, Sequence[Observation], date]]:
    """The inputs of the status, one more of them exchanged at each step, in the order of CAUSES."""
    indicator = pair[0]
    old, new = before.observations(indicator), after.observations(indicator)
    asked, asks = before.question(pair), after.question(pair)
    was, now = before.indicators[indicator], after.indicators[indicator]
    same_vintages = before.vintages(indicator) == after.vintages(indicator)
    read_differently = old != new and same_vintages
    if read_differently and was["fingerprint"] == now["fingerprint"]:
        # The same bytes and the same registry: they are parsed or derived in another way.
        old = new
    yield "method", asked, old, before.reference
    if was["formula"] != now["formula"] or read_differently:
        old = new
    yield "registry", asks, old, before.reference
    yield "reference_date", asks, old, after.reference
    lost = _years_of(before, indicator, _only_in(before, after))
    first = _years_of(after, indicator, _only_in(after, before))
    old = [o for o in old if o.year not in lost]
    yield "not_known", asks, old, after.reference
    last = max((o.year for o in old), default=None)
    known = [o for o in new if o.year not in first]
    # Where nothing is left of before there is nothing that could be revised.
    revised = [o for o in known if last is not None and o.year <= last]
    yield "revision", asks, revised, after.reference
    yield "new_year", asks, known, after.reference
    yield "first_figures", asks, new, after.reference


def _only_in(one: Release, other: Release) -> frozenset[str]:
    """Vintages in use in `one`, of datasets of which `other` knew none."""
    return frozenset(
        row["vintage_id"]
        for name, row in one.sources.items()
        if row["vintage_id"] and not other.sources.get(name, {}).get("vintage_id")
    )


def _years_of(release: Release, indicator: str, vintages: frozenset[str]) -> frozenset[int]:
    """Years of the indicator whose value was read or derived from one of the vintages."""
    return frozenset(
        row["period"]
        for row in release.series.get(indicator, [])
        if vintages & set(row["vintage_id"].split("+"))
    )


# ---- missions ---------------------------------------------------------------------------------


def _missions(before: Release, after: Release, moved: dict[Pair, Change]) -> list[Change]:
    levels = {r["mission_id"]: r for release in (before, after) for r in release.rows("missions")}
    order = sorted(levels, key=lambda name: levels[name]["position"])
    found: list[Change] = []
    for table, prefix in (("sub_mission_progress", ""), ("mission_progress", "own_")):
        old = {r["mission_id"]: r for r in before.rows(table)}
        new = {r["mission_id"]: r for r in after.rows(table)}
        for name in sorted(old.keys() | new.keys(), key=order.index):
            a, b = old.get(name), new.get(name)
            start, end = _verdict(a, prefix), _verdict(b, prefix)
            if start == end:
                continue
            causes: tuple[str, ...] = ("registry",)
            by: tuple[str, ...] = ()
            if a is not None and b is not None:
                deciding = [
                    *_deciders(before, a, prefix),
                    *_deciders(after, b, prefix),
                ]
                causes, by = _explain(before, after, name, deciding, moved)
            found.append(Change(levels[name]["level"], name, None, start, end, causes, (), by))
    return sorted(found, key=lambda c: order.index(c.id))


def _deciders(release: Release, row: Row, prefix: str) -> list[Pair]:
    """The row that decides; where nothing is assessable those of the headline whose reason is
    given."""
    indicator, target = row[f"{prefix}worst_indicator_id"], row[f"{prefix}worst_target_id"]
    if indicator is not None:
        return [(indicator, target)]
    reason = row.get(f"{prefix}reason_indicator_id")
    return [p for p in release.pairs if p[0] == reason and release.pairs[p]["counts"]]


def _explain(
    before: Release, after: Release, mission: str, deciding: list[Pair], moved: dict[Pair, Change]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Causes of a mission's change: those of the rows that decided it before or decide it now.

    Where neither of them moved, those of any of its rows; where none did, the roll-up did.
    """
    mine = [
        p
        for p in sorted(before.pairs.keys() | after.pairs.keys())
        if mission in (_serves(before, p), _serves(after, p))
    ]
    for pairs in (dict.fromkeys(deciding), mine):
        causes: list[str] = []
        by: list[str] = []
        for pair in pairs:
            found = list(moved[pair].causes) if pair in moved else []
            if _place(before, pair) != _place(after, pair):
                found.append("registry")
            if found:
                causes += found
                by.append(f"{pair[0]} · {pair[1]}")
        if causes:
            return tuple(sorted(set(causes), key=CAUSES.index)), tuple(by)
    return ("method",), ()


def _serves(release: Release, pair: Pair) -> str | None:
    item = release.indicators.get(pair[0])
    return None if item is None or pair not in release.pairs else str(item["mission_id"])


def _place(release: Release, pair: Pair) -> tuple[Any, ...] | None:
    """What decides whether, and how early, a row counts for its mission."""
    item, asked = release.indicators.get(pair[0]), release.pairs.get(pair)
    if item is None or asked is None:
        return None
    return item["mission_id"], item["fit"], item["role"], item["position"], asked["counts"]


# ---- what stands beside -----------------------------------------------------------------------


def _vintages(before: Release, after: Release) -> tuple[Row, ...]:
    found = []
    for name in sorted(before.sources.keys() | after.sources.keys()):
        old = before.sources.get(name, {}).get("vintage_id")
        new = after.sources.get(name, {}).get("vintage_id")
        if old != new:
            day = after.sources.get(name, {}).get("known_from")
            found.append({"dataset": name, "before": old, "after": new, "known_from": day})
    return tuple(found)


def _edited(before: Release, after: Release) -> tuple[str, ...]:
    """Indicators whose registry entry, or what a target means for them, differs."""

    def said(release: Release) -> dict[str, Any]:
        found: dict[str, Any] = {n: [r["fingerprint"]] for n, r in release.indicators.items()}
        for pair in release.pairs:
            found[pair[0]].append((pair[1], release.question(pair)))
        return found

    old, new = said(before), said(after)
    return tuple(n for n in sorted(old.keys() | new.keys()) if old.get(n) != new.get(n))


_OVERRIDE = ("status", "author", "reason", "date", "until")


def _overrides(before: Release, after: Release) -> tuple[Row, ...]:
    """Judgements of persons that began, ended or changed; they never change a computed status."""
    old, new = (
        {r["mission_id"]: {k: r[f"override_{k}"] for k in _OVERRIDE}
         for r in release.rows("sub_mission_progress") if r["override_status"]}
        for release in (before, after)
    )  # fmt: skip
    found = []
    for name in sorted(old.keys() | new.keys()):
        a, b = old.get(name), new.get(name)
        if a == b:
            continue
        # One that is not in force at the other date has run out or not begun; else it was edited.
        held, day = (b, before.reference) if a is None else (a, after.reference)
        one_sided = a is None or b is None
        by_date = one_sided and held is not None and not held["date"] <= day <= held["until"]
        cause = "reference_date" if by_date else "registry"
        found.append({"mission_id": name, "before": a, "after": b, "cause": cause})
    return tuple(found)
