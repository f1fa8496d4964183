"""In which process a run is at work: a tag on its record says so."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from pipeline.lease import Holder

_PROCESS = "missiemonitor/process"


def process_of(run: dg.DagsterRun | None) -> int | None:
    """The process of a run: this one, or the one that started it for a step of its own."""
    execution = (run.run_config.get("execution") or {}) if run else {}
    config = execution.get("config") or {} if isinstance(execution, Mapping) else {}
    if "multiprocess" in config:
        parent = multiprocessing.parent_process()
        return parent.pid if parent else None
    return os.getpid()


def process_tag(run_id: str, pid: int | None) -> dict[str, str]:
    """The tag that says in which process of this host a run is at work: its number first, since the
    list of runs in the UI shows but the beginning."""
    holder = asdict(Holder.of(run_id, pid, ""))
    first = {name: holder.pop(name) for name in ("pid", "host")}
    return {_PROCESS: json.dumps(first | holder)}


def note_process(instance: dg.DagsterInstance, run: dg.DagsterRun, pid: int | None) -> None:
    """Have a run's record say in which process it is at work, once."""
    if holder_of(run) is None:
        instance.add_run_tags(run.run_id, process_tag(run.run_id, pid))


def holder_of(run: dg.DagsterRun) -> Holder | None:
    """The process of a run as its record has it; None if it has none of its own. A run that tries
    another again is given that one's tags: they name another run, and do not count."""
    try:
        holder = Holder(**json.loads(run.tags[_PROCESS]))
    except (KeyError, ValueError, TypeError):
        return None
    return holder if holder.run_id == run.run_id else None
