"""Are the registry's live keys right? Each is held against the publisher's own code lists.

Asks and reports; it changes nothing and pulls no figures. How a publisher's lists are read
belongs in sources/pull/, the command in commands/doctor.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.publishers.http import PullError
from pipeline.vintages.pull import Pulls

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


def check_keys(
    pulls: Pulls, names: Sequence[str], tell: Callable[[Finding], None] | None = None
) -> list[Finding]:
    """One finding for each dataset, in the order of the registry. Never raises for a publisher."""

    def one(name: str) -> Finding:
        finding = _check(pulls, name)
        if tell is not None:
            tell(finding)
        return finding

    with ThreadPoolExecutor(_THREADS, "check") as pool:
        return list(pool.map(one, names))


def _check(pulls: Pulls, name: str) -> Finding:
    from pipeline.publishers import check

    item = pulls.registry.datasets[name]
    verified = bool(item.live and item.live.verified)
    try:
        wrong = check(pulls.ask(item), pulls.publisher(item.asked))
    except (PullError, OSError) as error:
        return Finding(name, "unknown", (f"could not be checked: {error}",), verified)
    return Finding(name, "wrong" if wrong else "right", tuple(wrong), verified)
