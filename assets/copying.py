"""Copies to buckets, at the end of a run: what fails there fails no step, and is told of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import dagster as dg

from assets.resources import RunSettings
from pipeline.bucket import Bucket, within
from pipeline.paths import Paths
from pipeline.redact import redacted
from pipeline.release.record import note_copy

T = TypeVar("T")


@dataclass(frozen=True)
class Copy:
    """How a copy ended: `said` what was done, or `fault` why it was not. `asked`: it was to be made."""

    said: str
    fault: str = ""
    asked: bool = True


def copy(
    context: dg.AssetExecutionContext,
    run: RunSettings,
    what: str,
    url: str,
    seconds: float,
    work: Callable[[Bucket], str],
) -> Copy:
    """Do `work`, which gives what it did, with the bucket at `url`, in `seconds` at most. Never for a
    release that readers do not see."""
    if not run.for_readers:
        return Copy("not asked for a date that has passed, unless `publish` is set", asked=False)
    made = _made(url, seconds, work)
    note_copy(Paths.from_environment().work, what, run.run_id, made.fault)
    if made.fault:
        context.log.warning(f"not copied: {made.fault}")
        # Seen in the list of runs: who reads from the bucket has what was there before.
        context.instance.add_run_tags(context.run_id, {"missiemonitor/not_copied": "yes"})
    else:
        context.log.info(made.said)
    return made


def _made(url: str, seconds: float, work: Callable[[Bucket], str]) -> Copy:
    try:
        return Copy(within(url, seconds, work))
    except Exception as error:
        return Copy("", redacted(str(error).strip() or type(error).__name__).splitlines()[0])
