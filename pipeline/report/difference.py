"""What `release.diff` finds between two releases, as lines for a terminal in Dutch or English.

Words come from the catalogue (`messages`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.release.diff import Change, Diff, Verdict, heading
from pipeline.report.messages import Messages


def lines(diff: Diff, lang: str) -> list[str]:
    """A line for each thing that changed: method, vintages, registry, statuses, overrides."""
    texts = Messages(lang)
    found = list(_inputs(diff, texts))
    for change in diff.changes:
        found += _change(change, texts)
    if not diff.changes:
        found.append(texts["diff.nothing"])
    return found + [_override(row, texts) for row in diff.overrides]


def _inputs(diff: Diff, texts: Messages) -> Iterator[str]:
    old, new = heading(diff.before), heading(diff.after)
    yield f"{old['release']} ({old['reference_date']}) → {new['release']} ({new['reference_date']})"
    if old["method_version"] != new["method_version"]:
        yield f"{texts['diff.method']}: {old['method_version']} → {new['method_version']}"
    for row in diff.vintages:
        when = f" ({row['known_from']})" if row["known_from"] else ""
        yield f"{row['dataset']}: {row['before'] or '–'} → {row['after'] or '–'}{when}"
    if diff.registry:
        yield f"{texts['diff.registry']}: {', '.join(diff.registry)}"


def _change(change: Change, texts: Messages) -> Iterator[str]:
    """What changed and why; each step of it where there is more than one."""
    name = change.id if change.target_id is None else f"{change.id} · {change.target_id}"
    because = ", ".join(texts.word("diff", cause) for cause in change.causes)
    if change.before is None:
        because += f", {texts['diff.new']}"
    elif change.after is None:
        because += f", {texts['diff.gone']}"
    by = f" ({texts['diff.by']} {'; '.join(change.by)})" if change.by else ""
    indent = "  " if change.level == "indicator" else ""
    yield f"{indent}{name}: {_move(change.before, change.after, texts)}: {because}{by}"
    if len(change.steps) > 1:
        for step in change.steps:
            move = _move(step.before, step.after, texts)
            yield f"{indent}  {texts.word('diff', step.cause)}: {move}"


def _move(before: Verdict | None, after: Verdict | None, texts: Messages) -> str:
    return f"{_verdict(before, texts)} → {_verdict(after, texts)}"


def _verdict(verdict: Verdict | None, texts: Messages) -> str:
    if verdict is None:
        return "–"
    status = texts.word("status", verdict.status)
    return f"{status} ({texts.word('reason', verdict.reason)})" if verdict.reason else status


def _override(row: dict[str, Any], texts: Messages) -> str:
    said = [
        texts["diff.no_override"]
        if not held
        else f"{texts.word('status', held['status'])} ({held['author']}, {texts['diff.until']} "
        f"{held['until']}: {held['reason']})"
        for held in (row["before"], row["after"])
    ]
    cause = texts.word("diff", row["cause"])
    return f"{row['mission_id']}, {texts['diff.override']}: {said[0]} → {said[1]}: {cause}"
