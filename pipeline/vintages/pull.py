"""The nightly pull: every publisher asked, what came compared with what was asked, and kept.

What came becomes a candidate vintage unless it says what the newest vintage already says; then it
is noted as seen. A pull that fails leaves everything as it was. How one publisher is asked
belongs in sources/pull/, waiting and refusing in http.py, the verdict in intake.py.

Outcomes stand beside the archive (`_pulls/last.json`, Dagster's check `pulled`, the run's exit
code) and not in the published set: that is a function of date, vintages, registry and lock.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.paths import Paths, write_atomic
from pipeline.publishers.http import Manners, PullError, Transport, check_base
from pipeline.vintages.store import Archive, ArchiveError, Vintage, dump

if TYPE_CHECKING:
    from pipeline.publishers import Ask, Publisher, Pulled
    from pipeline.registry import Dataset, Registry

HOME = "NL"
_SHOWN = 5
_THREADS = 16


@dataclass(frozen=True)
class PullResult:
    """How one dataset's pull ended: `new`, `unchanged` or `failed` (with the reason)."""

    name: str
    state: str
    reason: str = ""
    vintage_id: str = ""

    @property
    def good(self) -> bool:
        return self.state != "failed"


@dataclass
class Pulls:
    """One night's pulls. `environ`: where MISSIEMONITOR_<SOURCE>_URL may stand."""

    paths: Paths
    registry: Registry
    today: date
    environ: Mapping[str, str]
    transport: Transport
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        self.archive = Archive(self.paths)
        self._lock = threading.Lock()

    def names(self, sources: Sequence[str] = ()) -> list[str]:
        """The datasets that can be pulled, of these publishers or datasets (default: all)."""
        wanted = set(sources)
        return [
            name
            for name, item in self.registry.datasets.items()
            if item.live
            and item.series_keys()
            and (not wanted or wanted & {name, item.source, item.asked})
        ]

    def run(
        self,
        names: Sequence[str],
        watch: Callable[[Sequence[str]], AbstractContextManager[Any]] | None = None,
    ) -> dict[str, PullResult]:
        """Pull side by side, within what each publisher allows. Never raises for a publisher."""
        found: dict[str, PullResult] = {}
        shown = watch(names) if watch else nullcontext()
        pool = ThreadPoolExecutor(_THREADS, "pull")
        with shown as tell:

            def one(name: str) -> None:
                outcome = self.one(name)
                with self._lock:
                    found[name] = outcome
                    if tell is not None:
                        tell(outcome)

            # Publishers in turn, so that a slow one does not keep the threads from the others.
            try:
                list(pool.map(one, self._in_turn(names)))
            except BaseException:
                # Stopped: what was asked already may take minutes, and is not waited for.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            pool.shutdown()
        return {name: found[name] for name in names}

    def _in_turn(self, names: Sequence[str]) -> list[str]:
        place: dict[str, int] = {}
        ranked = []
        for name in names:
            asked = self.registry.datasets[name].asked
            place[asked] = place.get(asked, 0) + 1
            ranked.append((place[asked], name))
        return [name for _, name in sorted(ranked, key=lambda r: r[0])]

    def one(self, name: str) -> PullResult:
        """Pull one dataset and keep what came."""
        from pipeline.publishers import pull

        item = self.registry.datasets[name]
        try:
            ask = self.ask(item)
            pulled = pull(ask, self.publisher(item.asked))
            return self._keep(item, ask, pulled)
        except (PullError, ArchiveError, OSError) as error:
            return PullResult(name, "failed", str(error) or type(error).__name__)
        except Exception as error:
            # Ours, or an answer that nobody foresaw: it ends this pull, not the night.
            said = " ".join(str(error).split())[:200]
            return PullResult(name, "failed", f"{type(error).__name__}: {said}")

    # What is asked

    def publisher(self, source: str) -> Publisher:
        """The publisher at its registered address, or at MISSIEMONITOR_<SOURCE>_URL."""
        from pipeline.publishers import Publisher

        entry = self.registry.sources[source]
        name = f"MISSIEMONITOR_{source.upper()}_URL"
        base = check_base(self.environ.get(name) or entry.base_url, name)
        own = base == entry.base_url.rstrip("/")
        manners = Manners(**entry.rate_limit.model_dump())
        return Publisher(source, base, self.transport, manners, entry.hosts if own else ())

    def ask(self, item: Dataset) -> Ask:
        return ask_of(
            item,
            list(self.registry.peers),
            self.today,
            pins=self.archive.pins(item.source, item.dataset),
            validators=self._validators(item),
        )

    def _validators(self, item: Dataset) -> dict[str, str]:
        """Those of the answer before, if it was to this very request and its vintage is there."""
        state = self.archive.pull_state(item.source, item.dataset)
        newest = self._newest(item)
        if (
            newest is None
            or state.get("vintage_id") != newest.vintage_id
            or state.get("request") != self._request(item)
        ):
            return {}
        found = state.get("validators")
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def _request(self, item: Dataset) -> str:
        """Fingerprint of what is asked, and of whom."""
        base = self.publisher(item.asked).base
        content = [base, item.live.model_dump() if item.live else {}, item.series_keys()]
        return hashlib.sha256(dump([*content, list(self.registry.peers)])).hexdigest()[:16]

    def _newest(self, item: Dataset) -> Vintage | None:
        found = [v for v in self.archive.vintages(item.source, item.dataset) if not v.partial]
        return found[-1] if found else None

    # What came

    def _keep(self, item: Dataset, ask: Ask, pulled: Pulled) -> PullResult:
        newest = self._newest(item)
        moment = self.now()
        if pulled.unchanged:
            if newest is None:
                raise PullError(f"{item.asked}: 304 for {item.id}, of which there is no vintage")
            self.archive.note_seen(newest, moment)
            return PullResult(item.id, "unchanged", vintage_id=newest.vintage_id)
        assert item.live is not None
        spec = DatasetSpec(
            item.source,
            item.dataset,
            pulled.format,
            pulled.states,
            frozenset(item.forms),
            pulled.keys,
            item.live.units,
        )
        keys, deviations, missing, parsed = compare(ask, pulled, spec, self.today)
        if newest is not None and self._says_the_same(item, newest, pulled, parsed):
            self.archive.note_seen(newest, moment)
            self._note(item, pulled, newest)
            return PullResult(item.id, "unchanged", vintage_id=newest.vintage_id)
        manifest = {
            "publisher": item.publisher,
            "format": pulled.format,
            "states": pulled.states,
            "keys": keys,
            "units": dict(item.live.units),
            "origin": "live",
            # What is known of a figure is known from the day on which it was fetched; the
            # publisher's own stamp stands beside it.
            "known_from": self.today.isoformat(),
            "known_from_basis": "retrieved",
            "retrieved": moment.isoformat(timespec="seconds"),
            "updated": pulled.updated,
            "found_in": pulled.requests[-1] if pulled.requests else "",
            "requests": pulled.requests[:50],
            "licence": item.licence,
            "scope": scope_of(item, ask, pulled),
            "asked": {"home": HOME, "limited_to": list(pulled.filtered)},
            "deviations": deviations,
            "missing": missing,
            "notes": pulled.notes,
        }
        vintage = self.archive.add(item.source, item.dataset, pulled.body, manifest, again=True)
        self._note(item, pulled, vintage)
        if not deviations:
            # A code found by title counts as found once its figures were those asked for.
            self.archive.keep_pins(item.source, item.dataset, pulled.pins)
        return PullResult(item.id, "new", vintage_id=vintage.vintage_id)

    def _says_the_same(
        self, item: Dataset, newest: Vintage, pulled: Pulled, parsed: Parsed | None
    ) -> bool:
        if newest.fault:
            return False
        if newest.manifest.get("sha256") == hashlib.sha256(pulled.body).hexdigest():
            return True
        if parsed is None:
            return False
        from pipeline.formats import parse

        try:
            before = parse(newest.body(), spec_of(newest, item))
        except (ArchiveError, ParseError):
            return False
        return digest(before) == digest(parsed)

    def _note(self, item: Dataset, pulled: Pulled, vintage: Vintage) -> None:
        self.archive.keep_pull_state(
            item.source,
            item.dataset,
            {
                "vintage_id": vintage.vintage_id,
                "request": self._request(item),
                "validators": pulled.validators,
            },
        )


def ask_of(
    item: Dataset,
    peers: Sequence[str],
    today: date,
    pins: Mapping[str, str] | None = None,
    validators: Mapping[str, str] | None = None,
) -> Ask:
    """What the registry wants of a dataset, as a request. ValueError if it cannot be pulled."""
    from pipeline.formats.keys import dims_of
    from pipeline.publishers import Ask

    live = item.live
    if live is None:
        raise ValueError(f"{item.id} has no `live`: it takes files only")
    geos = live.geos if live.geos is not None else (HOME, *peers)
    return Ask(
        name=item.id,
        code=live.code or item.code or item.dataset,
        series={k: live.series.get(k) or dims_of(k) for k in item.series_keys()},
        geos=geos,
        since=live.since,
        until=today.year,
        route=live.route or "",
        order=live.order,
        pins=pins or {},
        validators=validators or {},
    )


def spec_of(vintage: Vintage, item: Dataset) -> DatasetSpec:
    """How a vintage is parsed: as its manifest says, else as the registry does."""
    return DatasetSpec(
        item.source, item.dataset, **vintage.reading(item.format, item.code),
        forms=frozenset(item.forms),
    )  # fmt: skip


def scope_of(item: Dataset, ask: Ask, pulled: Pulled) -> dict[str, list[Any]]:
    """What was asked, in the registry's words: what a later vintage is compared within."""
    scope: dict[str, list[Any]] = {
        "series": sorted({*item.series_keys(), *series_asked(ask, pulled)}),
        "years": list(range(ask.since, ask.until + 1)),
    }
    if ask.geos:
        scope["geos"] = list(ask.geos)
    if item.live and item.live.units:
        scope["units"] = sorted(set(item.live.units.values()))
    return scope


def series_asked(ask: Ask, pulled: Pulled) -> list[str]:
    """Every series that the request covers, under the registry's keys; empty if unlimited."""
    if "series" not in pulled.filtered:
        return []
    if pulled.format in ("sdmx_csv", "sdmx_csv2", "jsonstat", "oecd_csv"):
        from pipeline.publishers.eurostat import series_asked as covered

        return covered(ask)
    return list(ask.series)


def compare(
    ask: Ask, pulled: Pulled, spec: DatasetSpec, today: date
) -> tuple[dict[str, str], list[str], dict[str, list[Any]], Parsed | None]:
    """(keys for the manifest, deviations, what was asked and did not come, the rows).

    A deviation is what makes the vintage unfit: a filter that was ignored, a figure of a year
    that has not begun, no figure for home. A body that cannot be read has none: intake says why.
    """
    from pipeline.formats import parse
    from pipeline.formats.keys import align

    try:
        parsed = parse(pulled.body, spec)
    except ParseError:
        return dict(pulled.keys), [], {}, None
    found = set(parsed.observations.column("series_key").to_pylist())
    rejected = set(parsed.rejects.column("series_key").to_pylist())
    more, deviations = align(found | rejected, ask.series, ask.series)
    for native, need in more.items():
        # The one series that comes is known by its name from the first time on.
        if ask.series.get(need) == "only":
            pinned = ask.pins.get(need)
            if pinned not in (None, native):
                deviations.append(f"the series that came for {need} was {pinned} and is {native}")
            pulled.pins[need] = native
    parsed = parsed.renamed(more, {})
    found = {more.get(k, k) for k in found}
    rejected = {more.get(k, k) for k in rejected}
    geos = set(parsed.observations.column("geo").to_pylist())
    years = set(parsed.observations.column("year").to_pylist())
    if "series" in pulled.filtered:
        strange = sorted((found | rejected) - set(series_asked(ask, pulled)))
        _note_strange(deviations, "series", strange)
    if "geos" in pulled.filtered:
        strange = sorted((geos | set(parsed.rejects.column("geo").to_pylist())) - set(ask.geos))
        _note_strange(deviations, "area", strange)
    if "years" in pulled.filtered and (early := sorted(y for y in years if y < ask.since)):
        deviations.append(
            f"years before {ask.since} came, which were not asked for ({early[0]}): "
            "the filter was ignored"
        )
    if late := sorted(y for y in years if y > today.year):
        deviations.append(f"figures of a year that has not begun: {late[0]}")
    if HOME not in geos:
        deviations.append(f"no figure for {HOME}")
    missing = {
        "series": sorted(set(ask.series) - found),
        "geos": sorted(set(ask.geos) - geos),
    }
    keys = {k: v for k, v in ({**pulled.keys, **more}).items() if k != v}
    # A key that the adapter named and that fitted another of the registry's follows it there.
    keys = {k: more.get(v, v) for k, v in keys.items()}
    return keys, deviations, {k: v for k, v in missing.items() if v}, parsed


def _note_strange(deviations: list[str], what: str, strange: list[str]) -> None:
    if strange:
        # A series key of the OECD's takes two lines by itself: what is quoted is cut.
        shown = ", ".join(s if len(s) <= 90 else s[:89] + "…" for s in strange[:_SHOWN])
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        deviations.append(
            f"{what} that was not asked for came: {shown}{more}; the filter was ignored"
        )


def digest(parsed: Parsed) -> str:
    """Hash of what a body says, release stamps and the order of rows aside."""
    rows = sorted(
        (r["series_key"], r["geo"], r["period"], repr(r["value"]), r["unit"] or "", r["flags"])
        for r in parsed.observations.to_pylist()
    )
    rejects = sorted(
        tuple(str(r[c] or "") for c in ("series_key", "geo", "period", "value", "reason"))
        for r in parsed.rejects.to_pylist()
    )
    return hashlib.sha256(dump([rows, rejects])).hexdigest()


def keep_outcomes(archive: Archive, run_id: str, outcomes: Mapping[str, PullResult]) -> None:
    """Write tonight's outcomes beside the archive, for people and for the same run's other steps."""
    rows = {n: {"state": o.state, "reason": o.reason, "vintage_id": o.vintage_id}
            for n, o in outcomes.items()}  # fmt: skip
    at = datetime.now(UTC).isoformat(timespec="seconds")
    write_atomic(archive.last_pulls, dump({"run_id": run_id, "at": at, "outcomes": rows}))


def outcomes_of(archive: Archive, run_id: str) -> dict[str, PullResult]:
    """The outcomes that this run has written already; empty if it has not."""
    import json

    try:
        found = json.loads(archive.last_pulls.read_text("utf-8"))
        if found["run_id"] != run_id:
            return {}
        return {n: PullResult(n, **o) for n, o in found["outcomes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def to_watch() -> Callable[[Sequence[str]], AbstractContextManager[Any]] | None:
    """The progress display, if somebody sits at a terminal."""
    import sys

    if not sys.stderr.isatty():
        return None
    from pipeline.report.pulling import progress

    return progress


def load_pull_results(archive: Archive) -> dict[str, PullResult]:
    return {}
