"""What `release.explain` finds about an indicator, as lines for a terminal in Dutch or English.

Words come from the catalogue (`messages`). Numbers are rounded for people, or in full on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.areas import HOME
from pipeline.progress import method
from pipeline.release.explain import MADE_OF, WORDS
from pipeline.report.messages import Messages, about, dutch, registered
from pipeline.report.numbers import shown

_DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?|-\d+(?![\d-])")
# How a number of that name is rounded (pipeline.report.numbers); others by their size.
_KINDS = {"share_achieved": "pct", "share_of_time": "pct", "trend_pct": "growth", "year_reached": "reached"}  # fmt: skip
_PACES = ("pace_recent", "pace_long", "pace_required", "pace_needed")


class Said:
    """The words of one language; numbers rounded for people, or `exact`."""

    def __init__(self, lang: str, exact: bool) -> None:
        self.texts, self.lang, self.exact = Messages(lang), lang, exact

    def __getitem__(self, key: str) -> str:
        return self.texts[f"explain.{key}"]

    def word(self, value: str) -> str:
        return self.texts.word("explain.word", value)

    def field(self, key: str, value: Any) -> str:
        return f"{self[key] + ':':<22} {value}"

    def number(self, value: Any, kind: str = "exact") -> str:
        """A number as it stands in the mart if exact, else rounded; a word in the language."""
        if isinstance(value, str):
            return value if self.exact else self.word(value)
        if self.exact or not isinstance(value, float):
            return str(value)
        if kind == "exact" and 0 < abs(value) < 1e-6:
            return f"{value:.0e}"
        return shown(value, kind, self.lang)

    def limit(self, value: float) -> str:
        """A number of the rules, as they write it."""
        return f"{value:g}".replace(".", "." if self.lang == "en" else ",")

    def filled(self, text: str) -> str:
        """A formula with its figures filled in, each rounded."""
        if self.exact:
            return text
        text = self.word(text)
        if text.startswith("from "):
            text = f"{self['since']} {text.removeprefix('from ')}"
        return _DECIMAL.sub(lambda m: self.number(float(m[0])), text)

    def status(self, status: str, reason: str | None = None) -> str:
        """What a status is called; exact: with the words of the marts."""
        called = self.texts.word("reason", reason) or self.texts.word("status", status)
        code = status + (f" ({reason})" if reason else "")
        return f"{code}: {called}" if self.exact else called


def lines(told: dict[str, Any], lang: str, exact: bool = False) -> list[str]:
    """The lines for what `explain` gives: the indicator, then each target. `exact`: numbers in full and
    the marts' own words, so that they can be worked out again."""
    say = Said(lang, exact)
    found = list(_indicator(told, say))
    for target in told["targets"]:
        found += ["", *_target(target, say)]
    return found


def _indicator(told: dict[str, Any], say: Said) -> Iterator[str]:
    item, lang, word = told["indicator"], say.lang, say.texts.word
    unit = word("unit", item["unit"])
    yield f"{item['indicator_id']}: {item[f'label_{lang}']} ({unit})"
    place = f"{item['mission_id']} · {word('fit', item['fit'])} · {word('role', item['role'])}"
    yield say.field("mission", place)
    yield say.field("direction", say.word(item["direction"]) if item["direction"] else "–")
    yield say.field("made_of", _made_of(item["formula"], say))
    for source in told["sources"]:
        yield from _source(source, say)
    if item[f"caveat_{lang}"]:
        yield say.field("caveat", item[f"caveat_{lang}"])
    if told["breaks"]:
        breaks = "; ".join(f"{b['year']} {_break(b['reason'], say)}" for b in told["breaks"])
        yield say.field("breaks", breaks)
    seen = " · ".join(_observation(o, say) for o in told["observations"])
    yield say.field("observations", seen or "–")
    yield say.field(
        "reference",
        f"{told['reference_date']} · {say['method']} {told['method_version']} · "
        f"{say['release']} {told['release']}",
    )
    for peer in told["peers"]:
        if peer["geo"] == HOME and peer["rank"] is not None:
            yield say.field(
                "peers",
                f"{say['rank']} {peer['rank']} {say['of']} {peer['n_ranked']} "
                f"({say.number(peer['latest_value'])} {word('unit', peer['unit'])}, "
                f"{peer['latest_year']})",
            )


def _made_of(formula: str, say: Said) -> str:
    """The registry's formula in the language."""
    for words, key in MADE_OF.items():
        formula = formula.replace(words, say[key])
    return re.sub(r", from (\d)", rf", {say['since']} \1", formula)


def _break(reason: str, say: Said) -> str:
    flag = reason.removeprefix("flag ")
    return say.texts.word("flag", flag) if flag != reason else _recorded(reason, say)


def _recorded(text: str, say: Said) -> str:
    """What the registry says; as a quotation where it says it in English only."""
    if say.lang == "en" or text in dutch():
        return registered(text, say.lang)
    return f"“{text}” ({say['recorded']})"


def _source(source: dict[str, Any], say: Said) -> Iterator[str]:
    word = say.texts.word
    why = about(source, "reason", say.lang)
    if source["vintage_id"] is None:
        yield say.field("vintage", f"{source['dataset']}: {why}")
    else:
        yield say.field(
            "vintage",
            f"{source['dataset']} {source['vintage_id']}, {say['known_from']} "
            f"{source['known_from']} ({word('known', source['known_from_basis'])}, "
            f"{word('origin', source['origin'])}{f'; {why}' if why else ''})",
        )
    if refused := about(source, "pending", say.lang):
        yield say.field("refused", refused)
    publisher, citation, licence = (
        registered(source[k], say.lang) for k in ("publisher", "citation", "licence")
    )
    yield say.field("cite", f"{publisher}: {citation}")
    for page in source["landing_urls"]:
        yield say.field("page", page)
    yield say.field("licence", licence)


def _observation(seen: dict[str, Any], say: Said) -> str:
    said = f"{seen['year']} {say.number(seen['value'])}"
    if seen["flags"]:
        flags = [f if say.exact else say.texts.word("flag", f) for f in seen["flags"]]
        said += f" ({', '.join(flags)})"
    return said + (f" [{say['carried']}]" if seen["carried_forward"] else "")


def _target(target: dict[str, Any], say: Said) -> Iterator[str]:
    asked = target["meaning"]
    counts = say["counts" if target["counts"] else "beside"]
    yield say.field(
        "target",
        f"{target['target_id']} · {say.texts.word('explain.kind', asked['kind'])} · {counts}",
    )
    if asked["reason"]:
        yield f"  {say['reason_of']}: {_recorded(asked['reason'], say)}"
    if asked["baseline_source"]:
        yield f"  y0: {_recorded(asked['baseline_source'], say)}"
    if target["milestone_state"]:
        yield f"  {say['kind.milestone']}: {say.texts.word('milestone', target['milestone_state'])}"
    basis = next((n["value"] for n in target["numbers"] if n["name"] == "pace_basis"), None)
    for n in target["numbers"]:
        yield _number(n, basis, say)
    yield f"  {say['rule']}: {_rule(target['rule'], say)}"
    yield from _status(target, say)
    for o in target["second_opinions"]:
        value = "–" if o["value"] is None else say.number(o["value"])
        by = say.texts.word("method_name", o["method"])
        yield f"  {say['opinions']}: {by}: {say.texts.word('opinion', o['status'])} ({value})"


def _number(n: dict[str, Any], basis: str | None, say: Said) -> str:
    name = n["name"]
    kind = "pct3" if name in _PACES and basis == "cagr" else _KINDS.get(name, "exact")
    how = " = ".join(p for p in (_formula(name, n["formula"], say), say.filled(n["filled"])) if p)
    return f"  {name} = {say.number(n['value'], kind)}  [{how}]"


def _formula(name: str, formula: str, say: Said) -> str:
    """How a number is made: in words where the catalogue has them, else in symbols."""
    key = f"explain.formula.{name}"
    if name == "path_t":
        key = f"explain.formula.path_{formula.split()[0]}"
    if key in say.texts:
        return say.texts[key].format(long=method.LONG_WINDOW, trend=method.TREND_WINDOW)
    for words, there in WORDS.items():
        formula = formula.replace(words, say[there])
    return formula


def _rule(rule: str, say: Said) -> str:
    shorter, longer = method.CONFIRMING
    named = {
        "slow": method.TOO_SLOW_FROM, "course": method.ON_TRACK_FROM, "p": method.TREND_P,
        "stable_below": method.STABLE_BELOW, "clear": method.CLEAR_GROWTH,
    }  # fmt: skip
    return say.texts.word("explain.rules", rule).format(
        **{name: say.limit(value) for name, value in named.items()},
        **{s: say.texts.word("status", s) for s in method.SEVERITY},
        points=method.TREND_POINTS,
        least=method.MIN_POINTS,
        span=method.MIN_SPAN,
        shorter=shorter,
        longer=longer,
    )


def _status(target: dict[str, Any], say: Said) -> Iterator[str]:
    """The status, and how firm it is."""
    yield f"  {say['status']}: {say.status(target['status'], target['reason'])}"
    if target["closes"] is not None:
        yield f"  {target['closes'][say.lang]}"
    if target["recomputed"] != {"status": target["status"], "reason": target["reason"]}:
        yield f"  {say['differs']}: {say.status(**target['recomputed'])}"
    if target["confidence"] is not None:
        chance = target["status_probability"]
        word = say.texts.word("confidence", target["confidence"])
        said = "" if chance is None else f" ({say.number(chance, 'chance')})"
        yield f"  {say['sure']}: {word}{said}"
    if target["assessable_from"] is not None:
        yield f"  {say['from']}: {target['assessable_from']}"
    if target["status_on_definitive_data"] is not None:
        yield f"  {say['definitive']}: {say.status(target['status_on_definitive_data'])}"
    if target["fragile"] is not None:
        ways = "; ".join(
            f"{say.texts.word('explain.other_way', way)}: {say.texts.word('status', then)}"
            for way, then in target["other_ways"].items()
        )
        yield f"  {say['fragile']}: {ways or say['not_fragile']}"
    for column, key in (
        ("is_dated", "dated"),
        ("flat_tail", "flat"),
        ("awaiting_target_year", "awaiting"),
        ("windows_disagree", "windows"),
        ("turning", "turning"),
        ("target_impossible", "impossible"),
    ):
        if target[column]:
            yield f"  {say[key]}"
    if target["probability_of_target"] is not None:
        yield f"  {say['probability']}: {say.number(target['probability_of_target'], 'chance')}"
