"""The words of statuses, reasons and headings in Dutch and English. No figures here."""

from __future__ import annotations

STATUS = {
    "achieved": ("bereikt", "achieved"),
    "on_track": ("op koers", "on track"),
    "progress_too_slow": ("vooruitgang te traag", "progress too slow"),
    "insufficient": ("onvoldoende vooruitgang", "insufficient progress"),
    "wrong_direction": ("verkeerde richting", "wrong direction"),
    "missed": ("gemist", "missed"),
    "improving": ("verbetert", "improving"),
    "slightly_improving": ("verbetert licht", "slightly improving"),
    "stable": ("stabiel", "stable"),
    "slightly_worsening": ("verslechtert licht", "slightly worsening"),
    "worsening": ("verslechtert", "worsening"),
    "not_assessable": ("niet te beoordelen", "not assessable"),
}
REASON = {
    "context_only": ("alleen context", "context only"),
    "no_indicator": ("geen indicator", "no indicator"),
    "no_data": ("geen cijfers", "no data"),
    "milestone_open": ("mijlpaal open", "milestone open"),
    "stale": ("cijfers te oud", "figures too old"),
    "series_break": ("reeksbreuk", "break in series"),
    "too_few_points": ("te weinig jaren", "too few years"),
    "baseline_missing": ("basisjaar ontbreekt", "base year missing"),
    "not_computable": ("niet te berekenen", "not computable"),
}
# A mark beside each status, so that it is never told by colour alone.
MARK = {
    "achieved": "✔", "on_track": "↑", "improving": "↑", "slightly_improving": "↗",
    "progress_too_slow": "↗", "stable": "→", "slightly_worsening": "↘", "insufficient": "↘",
    "wrong_direction": "↓", "worsening": "↓", "missed": "✘", "not_assessable": "·",
}  # fmt: skip
COLOUR = {
    "achieved": "green", "on_track": "green", "improving": "green",
    "slightly_improving": "yellow", "progress_too_slow": "yellow", "stable": "yellow",
    "slightly_worsening": "red", "insufficient": "red", "wrong_direction": "red",
    "worsening": "red", "missed": "red", "not_assessable": "dim",
}  # fmt: skip
TEXT = {
    "title": ("Missiemonitor: hoe ver is Nederland?", "Missiemonitor: how far is the Netherlands?"),
    "mission": ("missie", "mission"),
    "status": ("status", "status"),
    "by": ("bepaald door", "decided by"),
    "year": ("jaar", "year"),
    "way": ("weg/tijd", "way/time"),
    "assessed": ("beoordeeld", "assessed"),
    "dated": ("verouderd cijfer", "dated figure"),
    "proxy": ("benadering", "proxy"),
    "law": ("wettelijk doel niet op koers", "law target failing"),
    "override": ("oordeel van een persoon", "a person's judgement"),
    "reference": ("peildatum", "reference date"),
    "release": ("uitgave", "release"),
    "oldest": ("oudste bron in gebruik", "oldest source in use"),
    "waiting": ("bronnen met een probleem", "sources with a problem"),
    "indication": ("aanwijzing", "indication"),
    "legend": (
        "weg/tijd: deel van de weg tegenover deel van de tijd · ~ benadering · "
        "* verouderd cijfer · 4/4: beoordeelde sub-missies",
        "way/time: share of the way to the target against share of time · ~ proxy · * dated figure",
    ),
    "days": ("dagen", "days"),
    "gap": (
        "Een lege plek is een bevinding: zij zegt wat er nog niet gemeten wordt.",
        "A gap is a finding: it says what is not measured yet.",
    ),
}


def word(table: dict[str, tuple[str, str]], key: str | None, lang: str) -> str:
    """A word in `nl` or `en`; the key itself where there is none."""
    if key is None:
        return ""
    pair = table.get(key)
    return key if pair is None else pair[0 if lang == "nl" else 1]
