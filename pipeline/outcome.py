"""How a run ended, in sentences, from Dagster's events. Who is told is in alerts.py and the
command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class Outcome:
    """`published`: a release stands. `degraded`: it does, and a check of severity error failed.

    `why`: what stopped it, a line each. `warnings`: a line for each asset with a failed check.
    """

    published: bool
    degraded: bool
    why: tuple[str, ...]
    warnings: tuple[str, ...]


def outcome_of(success: bool, events: Sequence[dg.DagsterEvent]) -> Outcome:
    """The outcome of a run with these events, which ended in `success` or not.

    What fails after publication (a mission's summary for the UI) takes back nothing: the release
    stands, and the fault is a warning.
    """
    failed = [
        e.asset_check_evaluation_data
        for e in events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
        and not e.asset_check_evaluation_data.passed
    ]
    why = () if success else tuple(_why(events, failed))
    published = success or any(
        e.event_type_value == "ASSET_MATERIALIZATION"
        and e.asset_key is not None
        and e.asset_key.to_user_string() == "published"
        for e in events
    )
    warnings = [*_warnings(failed), *(f"! after publication: {line}" for line in why if published)]
    errors = any(e.severity.value == "ERROR" for e in failed)
    return Outcome(
        published,
        published and (errors or not success),
        () if published else why,
        tuple(warnings),
    )


def was_stopped(events: Iterable[dg.DagsterEvent]) -> bool:
    """Did somebody stop the run (Ctrl-C)?"""
    ends = [e.job_failure_data.error for e in events if e.event_type_value == "PIPELINE_FAILURE"]
    stopped = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
    return any(error is not None and error.cls_name in stopped for error in ends)


def _warnings(failed: list[Any]) -> list[str]:
    """A line for each asset with a failed check: `!` for an error, `?` for a warning."""
    lines = _pulls_failed([e for e in failed if e.check_name == "pulled"])
    failed = [e for e in failed if e.check_name != "pulled"]
    for key in dict.fromkeys(e.asset_key for e in failed):
        mine = [e for e in failed if e.asset_key == key]
        mark = "!" if any(e.severity.value == "ERROR" for e in mine) else "?"
        more = f" (and {len(mine) - 1} more)" if len(mine) > 1 else ""
        first = mine[0]
        lines.append(
            f"{mark} {key.to_user_string()}: {first.check_name}{more}: {first.description}"
        )
    return lines


def _pulls_failed(failed: list[Any]) -> list[str]:
    """A line for each reason: one publisher out of reach is one piece of news, not twenty."""
    found: dict[str, list[str]] = {}
    for event in failed:
        said = str(event.metadata["observed"].value).removesuffix("; the last good vintage stays")
        found.setdefault(said, []).append(event.asset_key.to_user_string().removeprefix("raw/"))
    return [
        f"! not pulled: {said}. The last good vintage stays for {_few(names)}"
        for said, names in found.items()
    ]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _root(error: Any) -> str:
    """The first line of what lies beneath an error, without the name of its class."""
    while error is not None and error.cause is not None:
        error = error.cause
    text = (error.message if error else "").strip().splitlines()
    return re.sub(r"^[\w.]+(?:Error|Exception): ", "", text[0]) if text else ""


def _why(events: Iterable[dg.DagsterEvent], failed: list[Any]) -> list[str]:
    lines = []
    for event in failed:
        if event.blocking:
            name = event.asset_key.to_user_string()
            lines.append(f"{name}: check {event.check_name} failed: {event.description}")
    steps: dict[str, list[str]] = {}
    for step in events:
        if step.is_failure and step.is_step_event:
            error = step.step_failure_data.error
            if "DagsterAssetCheckFailedError" not in str(error.message if error else ""):
                said = _root(error)
                if said:
                    steps.setdefault(said, []).append(str(step.step_key).replace("__", "/"))
        elif step.event_type_value == "PIPELINE_FAILURE" and not (lines or steps):
            said = _root(step.job_failure_data.error)
            if said:
                lines.append(said)
    # One thing that stops every step is one piece of news.
    lines += [f"{_few(names)}: {said}" for said, names in steps.items()]
    return lines or ["the run failed; see its log in the UI (make ui) or run with --debug"]
