"""What `release.explain` finds about an indicator, as lines for a terminal in Dutch or English.

Words come from the catalogue (`messages`). Numbers are written in full: they recompute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.release.explain import RULES
from pipeline.release.read import HOME
from pipeline.report.messages import Messages


def lines(told: dict[str, Any], lang: str) -> list[str]:
    """The lines for what `explain` gives: the indicator, then each target."""
    texts = Messages(lang)
    found = list(_indicator(told, texts))
    for target in told["targets"]:
        found += ["", *_target(target, texts)]
    return found


def _field(texts: Messages, key: str, value: Any) -> str:
    return f"{texts[key] + ':':<22} {value}"


def _indicator(told: dict[str, Any], texts: Messages) -> Iterator[str]:
    item, lang = told["indicator"], texts.lang
    yield f"{item['indicator_id']}: {item[f'label_{lang}']} ({item['unit']})"
    place = f"{item['mission_id']} · {item['fit']} · {item['role']}"
    yield _field(texts, "explain.mission", place)
    yield _field(texts, "explain.direction", item["direction"] or "–")
    yield _field(texts, "explain.made_of", item["formula"])
    for source in told["sources"]:
        yield from _source(source, texts)
    if item[f"caveat_{lang}"]:
        yield _field(texts, "explain.caveat", item[f"caveat_{lang}"])
    if told["breaks"]:
        breaks = "; ".join(f"{b['year']} {b['reason']}" for b in told["breaks"])
        yield _field(texts, "explain.breaks", breaks)
    seen = " · ".join(_observation(o, texts) for o in told["observations"])
    yield _field(texts, "explain.observations", seen or "–")
    yield _field(
        texts,
        "explain.reference",
        f"{told['reference_date']} · {texts['explain.method']} {told['method_version']} · "
        f"{texts['explain.release']} {told['release']}",
    )
    for peer in told["peers"]:
        if peer["geo"] == HOME and peer["rank"] is not None:
            yield _field(
                texts,
                "explain.peers",
                f"{texts['explain.rank']} {peer['rank']} {texts['explain.of']} {peer['n_ranked']} "
                f"({peer['latest_value']} {peer['unit']}, {peer['latest_year']})",
            )


def _source(source: dict[str, Any], texts: Messages) -> Iterator[str]:
    yield _field(
        texts,
        "explain.vintage",
        f"{source['dataset']} {source['vintage_id']}, {texts['explain.known_from']} "
        f"{source['known_from']} ({source['known_from_basis']}, {source['origin']})",
    )
    yield _field(texts, "explain.cite", f"{source['publisher']}: {source['citation']}")
    for page in source["landing_urls"]:
        yield _field(texts, "explain.page", page)
    yield _field(texts, "explain.licence", source["licence"])


def _observation(seen: dict[str, Any], texts: Messages) -> str:
    said = f"{seen['year']} {seen['value']}"
    if seen["flags"]:
        said += f" ({','.join(seen['flags'])})"
    return said + (f" [{texts['explain.carried']}]" if seen["carried_forward"] else "")


def _target(target: dict[str, Any], texts: Messages) -> Iterator[str]:
    asked = target["meaning"]
    counts = texts["explain.counts" if target["counts"] else "explain.beside"]
    yield _field(texts, "explain.target", f"{target['target_id']} · {asked['kind']} · {counts}")
    if asked["reason"]:
        yield f"  {asked['reason']}"
    if asked["baseline_source"]:
        yield f"  y0: {asked['baseline_source']}"
    if target["milestone_state"]:
        yield f"  milestone_state = {target['milestone_state']}"
    for n in target["numbers"]:
        how = " = ".join(p for p in (n["formula"], n["filled"]) if p)
        yield f"  {n['name']} = {n['value']}  [{how}]"
    yield f"  {texts['explain.rule']}: {target['rule']}: {RULES[target['rule']]}"
    yield from _status(target, texts)
    for o in target["second_opinions"]:
        value = o["value"] if o["value"] is not None else "–"
        yield f"  {texts['explain.opinions']}: {o['method']}: {o['status']} ({value})"


def _status(target: dict[str, Any], texts: Messages) -> Iterator[str]:
    """The status, and how firm it is."""
    status, reason = target["status"], target["reason"]
    called = texts.word("reason", reason) or texts.word("status", status)
    code = status + (f" ({reason})" if reason else "")
    yield f"  {texts['explain.status']}: {code}: {called}"
    if target["closes"] is not None:
        yield f"  {target['closes'][texts.lang]}"
    if target["recomputed"] != {"status": status, "reason": reason}:
        yield f"  {texts['explain.differs']}: {target['recomputed']['status']}"
    if target["confidence"] is not None:
        chance = target["status_probability"]
        word = texts.word("confidence", target["confidence"])
        yield f"  {texts['explain.sure']}: {word}" + (f" ({chance})" if chance is not None else "")
    if target["assessable_from"] is not None:
        yield f"  {texts['explain.from']}: {target['assessable_from']}"
    yield f"  {texts['explain.definitive']}: {target['status_on_definitive_data']}"
    if target["fragile"] is not None:
        ways = "; ".join(
            f"{texts.word('explain.other_way', way)} {then}"
            for way, then in target["other_ways"].items()
        )
        yield f"  {texts['explain.fragile']}: {ways or texts['explain.not_fragile']}"
    for column, key in (
        ("is_dated", "explain.dated"),
        ("flat_tail", "explain.flat"),
        ("awaiting_target_year", "explain.awaiting"),
        ("windows_disagree", "explain.windows"),
        ("turning", "explain.turning"),
        ("target_impossible", "explain.impossible"),
    ):
        if target[column]:
            yield f"  {texts[key]}"
    if target["probability_of_target"] is not None:
        yield f"  {texts['explain.probability']}: {target['probability_of_target']}"
