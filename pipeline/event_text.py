"""The JSON of an event as Dagster stores it, put together from parts.

Dagster looks at every field of every event of a step anew, though most say which step it is. Here
those are said once a step. Which fields there are is Dagster's to say: the first event of each
type is held against what Dagster writes, and where that differs Dagster writes all of that type.
"""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from dagster._core.events import DagsterEvent
from dagster._core.events.log import EventLogEntry
from dagster._serdes import serialize_value

_NULL = "null"
_STEPS = 512
_same: dict[str, bool] = {}


def text_of(entry: EventLogEntry) -> str:
    """`serialize_value(entry)`, to the letter."""
    event = entry.dagster_event
    if entry.error_info is not None or event is None:
        return serialize_value(entry)
    kind = event.event_type_value
    same = _same.get(kind)
    if same is None:
        wanted = serialize_value(entry)
        _same[kind] = _composed(entry, event) == wanted
        return wanted
    return _composed(entry, event) if same else serialize_value(entry)


def text_of_record(number: int, text: str) -> str:
    """An EventLogRecord with the event of this text, as `serialize_value` writes it."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {text}, "storage_id": {number}}}'


def _composed(entry: EventLogEntry, event: DagsterEvent) -> str:
    tags = event.logging_tags
    data: Any = event.event_specific_data
    step = _word(event.step_key)
    handles = _handles(event.node_handle, event.step_handle)
    return (
        '{"__class__": "EventLogEntry", "dagster_event": {"__class__": "DagsterEvent", '
        f'"event_specific_data": {_NULL if data is None else serialize_value(data)}, '
        f'"event_type_value": "{event.event_type_value}", '
        f'"logging_tags": {_NULL if tags is None else _tags(tuple(tags.items()))}, '
        f'"message": {_text(event.message)}, "pid": {json.dumps(event.pid)}, '
        f'"pipeline_name": {_word(event.job_name)}, {handles}, "step_key": {step}, '
        f'"step_kind_value": {_word(event.step_kind_value)}}}, '
        f'"error_info": null, "level": {json.dumps(entry.level)}, "message": "", '
        f'"pipeline_name": {_word(entry.job_name)}, "run_id": {_word(entry.run_id)}, '
        f'"step_key": {_word(entry.step_key)}, "timestamp": {json.dumps(entry.timestamp)}, '
        f'"user_message": {_text(entry.user_message)}}}'
    )


def _text(said: str | None) -> str:
    return _NULL if said is None else quoted(said)


_word = lru_cache(_STEPS)(_text)


@lru_cache(_STEPS)
def _tags(tags: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(tags), sort_keys=True)


@lru_cache(_STEPS)
def _handles(node: Any, step: Any) -> str:
    return f'"solid_handle": {serialize_value(node)}, "step_handle": {serialize_value(step)}'
