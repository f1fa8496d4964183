"""Tell people of a night that failed or is degraded, over whatever channel they configured.

Addresses are Apprise's (mail, webhook, chat: https://appriseit.com/services/). They hold secrets:
none is ever printed. What happened is in outcome.py.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.paths import Paths
from pipeline.release.database import dicts, open_release
from pipeline.release.read import is_problem
from pipeline.sql import stoppable

if TYPE_CHECKING:
    from pipeline.outcome import Outcome

URLS = "MISSIEMONITOR_ALERT_URLS"
FILE = "MISSIEMONITOR_ALERT_FILE"
# A run that was told of carries this tag with its own id, so that the sensors are silent on it.
TOLD = "missiemonitor/told"


@dataclass(frozen=True)
class Alert:
    """A message for people. `failed`: nothing was published, else it is degraded."""

    title: str
    body: str
    failed: bool


def addresses(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Where alerts go: MISSIEMONITOR_ALERT_URLS (blank-separated), then the lines of
    MISSIEMONITOR_ALERT_FILE (`#` begins a comment). ValueError if that file cannot be read."""
    found = environment.get(URLS, "").split()
    if named := environment.get(FILE):
        try:
            lines = Path(named).expanduser().read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{FILE} cannot be read ({type(error).__name__})") from error
        found += [x.strip() for x in lines if x.strip() and not x.strip().startswith("#")]
    return found


def compose(outcome: Outcome, paths: Paths) -> Alert | None:
    """The alert that an outcome asks for; None where all is well."""
    if outcome.unpublished:
        # Of a day that has passed, and whoever asked for it sees how it ended.
        return None
    if not outcome.published:
        lines = ["Nothing was published.", *_standing(paths), "", "Why:"]
        lines += [f"- {line}" for line in outcome.why]
        lines += [
            "",
            "What to do: look at the failing rows in the Dagster UI (make ui), put right what the "
            "lines above name, and start the run again (missiemonitor run). Readers keep the set "
            "that was there.",
        ]
        return Alert("Missiemonitor: nothing was published", "\n".join(lines), True)
    if not outcome.degraded:
        return None
    sources, rest = _sources(paths), _rest(outcome)
    count = len(sources)
    title = "Missiemonitor: published, with something to look at"
    if count:
        which = "one dataset does" if count == 1 else f"{count} datasets do"
        title = f"Missiemonitor: published, but {which} not have the newest figures"
    lines = [*_standing(paths)]
    lines += ["", *(f"- {line}" for line in [*sources, *rest])]
    lines += ["", "What to do:"]
    if any("quarantined" in s for s in sources):
        lines.append(
            "- A vintage in quarantine: look at its failing rows (marts.check_results, or the "
            "dataset in the UI). If the publisher was wrong, take in the corrected file with "
            "`missiemonitor ingest FILE --dataset SOURCE/DATASET`; a file that should not have been "
            "taken in is taken back with `missiemonitor ingest --withdraw VINTAGE --why TEXT`; if "
            "the figures are right, put the range or the key right in the registry. The next run "
            "judges it again."
        )
    if any("no vintage" in s for s in sources):
        lines.append(
            "- A dataset without a vintage: download it from its publisher and take it in with "
            "`missiemonitor ingest FILE --dataset SOURCE/DATASET`."
        )
    if any(r.startswith("not pulled") for r in rest):
        lines.append(
            "- A publisher that did not answer: nothing today, the next run asks again. If it "
            "lasts, `missiemonitor doctor --live` says whether a key has gone."
        )
    if any(r.startswith("not copied") for r in rest):
        lines.append(
            "- A bucket that was not written to: nothing today, the next run completes the copy, and "
            "its readers keep the release that they have. If it lasts, look at the line above; "
            "`missiemonitor doctor` says whether the copy has come to be."
        )
    lines.append(f"- Everything at a glance: {paths.marts / 'report' / 'index.html'}")
    return Alert(title, "\n".join(lines), False)


def _standing(paths: Paths) -> list[str]:
    current = paths.marts / "current"
    if not current.exists():
        return ["There is no published set yet."]
    try:
        with stoppable(open_release(current.resolve())) as con:
            row = dicts(con, "SELECT release_id, reference_date FROM marts.release")[0]
    except Exception:
        return ["The published set cannot be read."]
    return [f"The published set is release {row['release_id']} of {row['reference_date']}."]


def _sources(paths: Paths) -> list[str]:
    """A sentence for each dataset that is not on its newest vintage, or has none."""
    try:
        with stoppable(open_release((paths.marts / "current").resolve())) as con:
            rows = dicts(con, "SELECT * FROM marts.source_status ORDER BY source, dataset")
    except Exception:
        # The rest of the alert is news all the same; `_standing` says that the set cannot be read.
        return []
    said = []
    for row in filter(is_problem, rows):
        name = f"{row['source']}/{row['dataset']}"
        if row["vintage_id"] is None:
            why = f": {row['reason']}" if row["reason"] else ""
            said.append(f"{name} has no vintage that can be used{why}.")
        else:
            said.append(
                f"{name} stays on the vintage of {row['known_from']} ({row['age_days']} days old, "
                f"{row['vintage_id']}), because a newer one was quarantined: {row['pending']}."
            )
    return said


def _rest(outcome: Outcome) -> list[str]:
    """What failed besides the datasets that `_sources` speaks of."""
    return [
        line.removeprefix("! ")
        for line in outcome.warnings
        if line.startswith("! ") and not line.startswith(("! raw/", "! marts/source_status:"))
    ]


def send(alert: Alert, urls: Sequence[str]) -> list[str]:
    """Deliver to every address. A line for each that failed; never raises, never names a secret."""
    if not urls:
        return []
    try:
        import apprise

        # Its log would quote addresses, and an address may hold a password.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        kind = apprise.NotifyType.FAILURE if alert.failed else apprise.NotifyType.WARNING
    except Exception as error:
        return [f"alerts cannot be sent ({type(error).__name__})"]
    problems = []
    for number, url in enumerate(urls, 1):
        scheme = url.partition("://")[0] if "://" in url else "unknown"
        where = f"alert {number} of {len(urls)} ({scheme})"
        try:
            channel = apprise.Apprise()
            if not channel.add(url):
                problems.append(f"{where}: not an address that Apprise knows; see {URLS} in README")
            elif not channel.notify(
                alert.body,
                title=alert.title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            ):
                problems.append(f"{where}: could not be delivered; the run's outcome is unchanged")
        except Exception as error:
            problems.append(f"{where}: could not be delivered ({type(error).__name__})")
    return problems


def tell(outcome: Outcome, paths: Paths, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Send what an outcome asks for to the configured addresses; lines of what did not work."""
    try:
        urls = addresses(environment)
        if not urls:
            return []
        alert = compose(outcome, paths)
        return send(alert, urls) if alert else []
    except Exception as error:
        said = str(error) if isinstance(error, ValueError) else type(error).__name__
        return [f"no alert was sent: {said}"]
