"""Are the registry's live keys right? Each is held against the publisher's own code lists, or,
without a network, against an archive of them.

Asks and reports; it changes nothing and pulls no figures. How a publisher's lists are read
belongs in publishers/, the command in cli/doctor.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from pipeline.publishers import check
from pipeline.publishers.errors import PullError
from pipeline.publishers.eurostat import differences
from pipeline.registry import Registry
from pipeline.registry.code_archive import archived
from pipeline.vintages.answers import request_for
from pipeline.vintages.pull import Puller

_THREADS = 16


@dataclass(frozen=True)
class Finding:
    """What is known of one dataset's keys: `right`, `wrong` (a line each) or `unknown`."""

    name: str
    state: str
    lines: tuple[str, ...] = ()
    verified: bool = True

    def words(self) -> list[str]:
        """Lines for people. A key that is right and not yet called so is worth a word too."""
        if self.state == "right":
            said = "the codes are there" + (
                "" if self.verified else "; the registry may say verified: true"
            )
            return [f"  {self.name}: {said}"]
        mark = "!" if self.state == "wrong" else "?"
        return [f"{mark} {self.name}: {line}" for line in self.lines]


def check_keys(puller: Puller, names: Sequence[str]) -> list[Finding]:
    """One finding for each dataset, in the order of `names`; what a publisher does is never
    raised. Side by side, since some publishers space their answers by a minute."""
    with ThreadPoolExecutor(_THREADS, "check") as pool:
        return list(pool.map(lambda name: _check(puller, name), names))


def _check(puller: Puller, name: str) -> Finding:
    dataset = puller.registry.datasets[name]
    verified = bool(dataset.live and dataset.live.verified)
    try:
        wrong = check(puller.request(dataset), puller.publisher(dataset.asked))
    except (PullError, OSError) as error:
        return Finding(name, "unknown", (f"could not be checked: {error}",), verified)
    return Finding(name, "wrong" if wrong else "right", tuple(wrong), verified)


def recall_keys(registry: Registry, today: date) -> list[Finding]:
    """One finding for each dataset that is pulled, without asking anybody: `right` or `wrong` by the
    archive of Eurostat's codes, else `unknown`, with what the registry has seen of the key."""
    found = []
    for name, dataset in registry.datasets.items():
        if dataset.live is None or not dataset.is_pulled:
            continue
        evidence = dataset.live.evidence
        request = request_for(dataset, list(registry.peers), today)
        seen = archived().get(request.code.upper()) if dataset.asked == "eurostat" else None
        if seen is None:
            said = f"seen: {evidence}" if dataset.live.verified else f"not seen: {evidence}"
            found.append(Finding(name, "unknown", (said,), dataset.live.verified))
        elif wrong := differences(request, seen.codes):
            found.append(Finding(name, "wrong", tuple(wrong)))
        else:
            without = sorted(set(request.geos) - set(seen.codes["geo"]))
            said = f"in the archive of {seen.checked}, {seen.span}"
            said += f", without {', '.join(without)}" if without else ""
            found.append(Finding(name, "right", (said,)))
    return found
