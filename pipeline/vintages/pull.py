"""Pulling a dataset: its publisher asked, what came kept, and how it ended noted.

What came becomes a candidate vintage unless it says what the newest vintage already says; then it
is noted as seen. A pull that fails leaves everything as it was. How one publisher is asked belongs
in publishers/, whether the answer fits the request in answers.py, the verdict in validate.py.

Results stand beside the archive (`_pulls/<source>/<dataset>.json`), where other processes of the
run read them, and not in the published set: that is a function of date, vintages, registry and
lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from pipeline.areas import HOME
from pipeline.clock import now
from pipeline.files import dump
from pipeline.formats import parse
from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.paths import Paths
from pipeline.publishers import FetchRequest, FetchResult, Publisher, fetch
from pipeline.publishers.addresses import check_base
from pipeline.publishers.errors import PullError
from pipeline.publishers.http import Transport
from pipeline.redact import redacted
from pipeline.registry import Dataset, Registry
from pipeline.vintages.answers import compare, digest, request_for, scope_of, spec_of
from pipeline.vintages.store import Archive, ArchiveError, Vintage

_STATES = ("new", "unchanged", "failed")


@dataclass(frozen=True)
class PullResult:
    """How one dataset's pull ended: `new`, `unchanged` or `failed` (with the reason). `moment`:
    when, in UTC, ISO 8601. `run_id`: the run that pulled, empty if none was named."""

    name: str
    state: str
    reason: str = ""
    vintage_id: str = ""
    run_id: str = ""
    moment: str = ""

    @property
    def good(self) -> bool:
        return self.state != "failed"


@dataclass
class Puller:
    """What the pulls of a run share. `today`: no figure of a later year is right, and vintages
    are known from it. `environ`: where MISSIEMONITOR_<SOURCE>_URL may stand. Safe to use from
    threads, for different datasets."""

    paths: Paths
    registry: Registry
    today: date
    environ: Mapping[str, str]
    transport: Transport
    now: Callable[[], datetime] = now
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        self.archive = Archive(self.paths)

    def names(self, sources: Sequence[str] = ()) -> list[str]:
        """The datasets that can be pulled, of these publishers or datasets (default: all)."""
        wanted = set(sources)
        return [
            name
            for name, dataset in self.registry.datasets.items()
            if dataset.is_pulled and (not wanted or wanted & dataset.pull_names)
        ]

    def pull(self, dataset: Dataset, run_id: str = "") -> PullResult:
        """Pull one dataset, keep what came, and note how it ended.

        A dataset that the run `run_id` has pulled well, in whatever process, is not pulled again.
        Whatever a publisher does, the result says so (`failed`) and nothing is raised; OSError
        only if the result cannot be noted.
        """
        earlier = _result_in(self.archive.pull_state(dataset.source, dataset.dataset))
        if run_id and earlier is not None and earlier.run_id == run_id and earlier.good:
            return earlier
        state = reason = vintage_id = ""
        try:
            request = self.request(dataset)
            fetched = fetch(request, self.publisher(dataset.asked))
            state, vintage_id = self._keep(dataset, request, fetched, self.now())
        except (PullError, ArchiveError, OSError) as error:
            state, reason = "failed", str(error) or type(error).__name__
        except Exception as error:
            # A fault of ours, or an answer that nobody foresaw: it fails this pull, not the run.
            said = " ".join(redacted(str(error)).split())[:200]
            state, reason = "failed", f"{type(error).__name__}: {said}"
        moment = self.now().isoformat(timespec="seconds")
        result = PullResult(dataset.id, state, reason, vintage_id, run_id, moment)
        save_pull_result(self.archive, result)
        return result

    def publisher(self, source: str) -> Publisher:
        """The publisher at its registered address, or at MISSIEMONITOR_<SOURCE>_URL. PullError
        if that is no https address."""
        entry = self.registry.sources[source]
        name = f"MISSIEMONITOR_{source.upper()}_URL"
        base = check_base(self.environ.get(name) or entry.base_url, name)
        own = base == entry.base_url.rstrip("/")
        hosts = entry.hosts if own else ()
        return Publisher(source, base, self.transport, entry.rate_limit, hosts)

    def request(self, dataset: Dataset) -> FetchRequest:
        """What is asked for now, with the pins and validators of earlier pulls."""
        return request_for(
            dataset,
            list(self.registry.peers),
            self.today,
            pins=self.archive.pins(dataset.source, dataset.dataset),
            validators=self._validators(dataset),
        )

    def _validators(self, dataset: Dataset) -> dict[str, str]:
        """Those of the answer before, if it was to this very request and its vintage is there, whole
        and as we read bodies now: to one that is refused a 304 would be the answer for ever."""
        state = self.archive.pull_state(dataset.source, dataset.dataset)
        newest = self._newest(dataset)
        if (
            newest is None
            or not newest.whole
            or state.get("vintage_id") != newest.vintage_id
            or state.get("request") != self._fingerprint(dataset)
        ):
            return {}
        found = state.get("validators")
        if not isinstance(found, dict) or not found or _rows(newest, dataset) is None:
            return {}
        return {str(k): str(v) for k, v in found.items()}

    def _fingerprint(self, dataset: Dataset) -> str:
        """Hash of what is asked, and of whom."""
        base = self.publisher(dataset.asked).base
        content = [base, dataset.live.model_dump() if dataset.live else {}, dataset.needed]
        return hashlib.sha256(dump([*content, list(self.registry.peers)])).hexdigest()[:16]

    def _newest(self, dataset: Dataset) -> Vintage | None:
        # One known from a day to come (a clock was ahead) says nothing of what is news today.
        found = self.archive.vintages(dataset.source, dataset.dataset, self.today)
        return next((v for v in reversed(found) if not v.partial), None)

    def _keep(
        self, dataset: Dataset, request: FetchRequest, fetched: FetchResult, moment: datetime
    ) -> tuple[str, str]:
        """Keep what came, unless it says nothing new: (state, vintage id)."""
        newest = self._newest(dataset)
        if fetched.unchanged:
            if newest is None:
                raise PullError(
                    f"{dataset.asked}: 304 for {dataset.id}, of which there is no vintage"
                )
            self.archive.note_seen(newest, moment)
            return "unchanged", newest.vintage_id
        assert dataset.live is not None
        spec = DatasetSpec(
            dataset.source,
            dataset.dataset,
            fetched.format,
            fetched.states,
            frozenset(dataset.forms),
            fetched.keys,
            dataset.live.units,
        )
        found = compare(request, fetched, spec)
        if newest is not None and self._says_the_same(dataset, newest, fetched, found.parsed):
            self.archive.note_seen(newest, moment)
            self._note(dataset, fetched, newest)
            return "unchanged", newest.vintage_id
        manifest = {
            "publisher": dataset.publisher,
            "format": fetched.format,
            "states": fetched.states,
            "keys": found.keys,
            "units": dict(dataset.live.units),
            "origin": "live",
            # A figure counts as known from the day on which it was fetched; the publisher's own
            # stamp stands beside it.
            "known_from": self.today.isoformat(),
            "known_from_basis": "retrieved",
            "retrieved": moment.isoformat(timespec="seconds"),
            "updated": fetched.updated,
            "found_in": fetched.requests[-1] if fetched.requests else "",
            "requests": fetched.requests[:50],
            "licence": dataset.licence,
            "scope": scope_of(dataset, request, fetched),
            "asked": {"home": HOME, "limited_to": list(fetched.filtered)},
            "deviations": found.deviations,
            "missing": found.missing,
            "notes": fetched.notes,
        }
        vintage = self.archive.add(dataset.source, dataset.dataset, fetched.body, manifest)
        self._note(dataset, fetched, vintage)
        if not found.deviations:
            # A code found by title is pinned once its figures were those that were asked for.
            pins = {**fetched.pins, **found.pins}
            self.archive.keep_pins(dataset.source, dataset.dataset, pins)
        return "new", vintage.vintage_id

    @staticmethod
    def _says_the_same(
        dataset: Dataset, newest: Vintage, fetched: FetchResult, parsed: Parsed | None
    ) -> bool:
        if not newest.whole:
            return False
        if newest.manifest.get("sha256") == hashlib.sha256(fetched.body).hexdigest():
            return True
        if parsed is None:
            return False
        before = _rows(newest, dataset)
        return before is not None and digest(before) == digest(parsed)

    def _note(self, dataset: Dataset, fetched: FetchResult, vintage: Vintage) -> None:
        self.archive.keep_pull_state(
            dataset.source,
            dataset.dataset,
            {
                "vintage_id": vintage.vintage_id,
                "request": self._fingerprint(dataset),
                "validators": fetched.validators,
            },
        )


def _rows(vintage: Vintage, dataset: Dataset) -> Parsed | None:
    """What a vintage says, None if it cannot be read."""
    try:
        return parse(vintage.body(), spec_of(vintage, dataset))
    except (ArchiveError, ParseError):
        return None


def save_pull_result(archive: Archive, result: PullResult) -> None:
    """Note how a dataset's pull ended, in place of the one before. OSError if that fails."""
    source, dataset = result.name.split("/", 1)
    archive.keep_pull_state(source, dataset, {"result": asdict(result)})


def load_pull_results(archive: Archive) -> dict[str, PullResult]:
    """Dataset → how its last pull ended, of whatever run; without those never pulled."""
    found = (_result_in(state) for state in archive.pull_states())
    return {result.name: result for result in found if result is not None}


def _result_in(state: Mapping[str, Any]) -> PullResult | None:
    noted = state.get("result")
    try:
        result = PullResult(**{str(k): str(v) for k, v in noted.items()})  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        return None
    return result if result.state in _STATES else None
