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
    "until": ("tot en met", "until"),
    "override": ("oordeel van een persoon", "a person's judgement"),
    "reference": ("peildatum", "reference date"),
    "release": ("uitgave", "release"),
    "oldest": ("oudste bron in gebruik", "oldest source in use"),
    "waiting": ("bronnen met een probleem", "sources with a problem"),
    "indication": ("aanwijzing", "indication"),
    "legend": (
        "weg/tijd: deel van de weg tegenover deel van de tijd · ~ benadering · "
        "* verouderd cijfer · ± gevoelig voor de rekenwijze · 4/4: beoordeelde sub-missies",
        "way/time: share of the way to the target against share of time · ~ proxy · * dated figure · "
        "± fragile: another way of calculating gives another status",
    ),
    "days": ("dagen", "days"),
    "gap": (
        "Een lege plek is een bevinding: zij zegt wat er nog niet gemeten wordt.",
        "A gap is a finding: it says what is not measured yet.",
    ),
}

UNIT = {
    "years": ("jaar", "years"),
    "kg/head": ("kg per persoon", "kg per head"),
    "t/head": ("ton per persoon", "t per head"),
    "per 100 000": ("per 100.000 inwoners", "per 100,000 inhabitants"),
    "mln EUR": ("mln euro", "mln EUR"),
    "score": ("punten", "points"),
    "score 0-3": ("op schaal 0–3", "on a scale of 0–3"),
    "t CO2e/head": ("ton CO2e per persoon", "t CO2e per head"),
    "EUR/head": ("euro per persoon", "EUR per head"),
    "pp": ("procentpunt", "percentage points"),
    "% of new cars": ("% van nieuwe auto’s", "% of new cars"),
    "% of DALYs": ("% van de DALY’s", "% of DALYs"),
    "% GDP": ("% van het bbp", "% of GDP"),
    "litres": ("liter", "litres"),
    "number": ("stuks", "items"),
    "index": ("index", "index"),
    "2000 = 100": ("(2000 = 100)", "(2000 = 100)"),
}
STRENGTH = {
    "commitment": ("afspraak", "commitment"),
    "ambition": ("streven", "ambition"),
    "exploratory": ("verkenning", "exploratory"),
    "law": ("wet", "law"),
    "plan": ("actieplan", "action plan"),
}
FIT = {
    "direct": ("rechtstreekse maat", "direct measure"),
    "proxy": ("benadering", "proxy"),
    "context": ("context", "context"),
}
ROLE = {
    "headline": ("hoofdindicator", "headline"),
    "supporting": ("ondersteunend", "supporting"),
}
BASIS = {
    "direct_headline": ("rechtstreekse hoofdindicator", "direct headline"),
    "proxy_headline": ("hoofdindicator, een benadering", "headline, a proxy"),
    "interim_goal": ("een tussendoel", "an interim goal"),
}
LEVEL = {
    "mission": ("missie", "mission"),
    "sub_mission": ("sub-missie", "sub-mission"),
    "interim_goal": ("tussendoel", "interim goal"),
}
METHOD_NAME = {
    "statcan": ("Statistics Canada / Open SDG", "Statistics Canada / Open SDG"),
    "destatis": ("Destatis (Duitse duurzaamheidsstrategie)", "Destatis (German sustainability strategy)"),
    "un_progress_chart": ("VN, Progress Chart", "UN Progress Chart"),
}  # fmt: skip
OPINION = {
    "target_achieved": ("doel bereikt", "target achieved"),
    "substantial_progress": ("flinke vooruitgang", "substantial progress"),
    "moderate_progress": ("matige vooruitgang", "moderate progress"),
    "limited_progress": ("geringe vooruitgang", "limited progress"),
    "deterioration": ("achteruitgang", "deterioration"),
    "not_available": ("niet te geven", "not available"),
    "sun": ("zon", "sun"),
    "light_cloud": ("licht bewolkt", "light cloud"),
    "cloud": ("bewolkt", "cloud"),
    "storm": ("onweer", "storm"),
    "on_track": ("op koers", "on track"),
    "fair": ("redelijk", "fair"),
    "fair_progress": ("redelijk", "fair progress"),
    "stagnation": ("stilstand", "stagnation"),
    "regression": ("achteruitgang", "regression"),
    "stagnation_or_regression": ("stilstand of achteruitgang", "stagnation or regression"),
}
OPINION_REASON = {
    **REASON,
    "no_target": ("vraagt een getal als doel", "asks for a target with a number"),
    "milestone": ("een mijlpaal zonder getal", "a milestone without a number"),
    "less_than_a_year": ("minder dan een jaar tussen begin en eind", "less than a year between start and end"),
    "base_value_is_zero": ("de beginwaarde is nul", "the first value is zero"),
}  # fmt: skip
FRAGILE = {
    "without_last_year": ("zonder het laatste jaar", "without the last year"),
    "regression": ("met een regressie in plaats van de eindpunten", "with a regression in place of the end-points"),
    "longer_window": ("met een jaar meer in het venster", "with a window one year longer"),
    "other_pace_basis": ("met het tempo op de andere grondslag", "with the pace on the other basis"),
}  # fmt: skip
PROBABILITY = {
    "very_likely": ("zeer waarschijnlijk", "very likely"),
    "likely_but_uncertain": ("waarschijnlijk maar onzeker", "likely but uncertain"),
    "unlikely_but_uncertain": ("onwaarschijnlijk maar onzeker", "unlikely but uncertain"),
    "very_unlikely": ("zeer onwaarschijnlijk", "very unlikely"),
}
FLAG = {
    "p": ("voorlopig", "provisional"), "e": ("geschat", "estimated"), "b": ("reeksbreuk", "break"),
    "u": ("weinig betrouwbaar", "low reliability"), "d": ("andere definitie", "definition differs"),
    "i": ("zie noot van de bron", "see the source's note"), "r": ("herzien", "revised"),
    "s": ("raming van Eurostat", "Eurostat estimate"), "derived": ("afgeleid", "derived"),
    "rounded": ("afgerond", "rounded"), "secondary": ("uit tweede hand", "second-hand"),
    "parsed": ("uit tekst gelezen", "read from text"),
}  # fmt: skip
GEO = {
    "NL": ("Nederland", "Netherlands"), "EU27_2020": ("EU-27", "EU-27"), "BE": ("België", "Belgium"),
    "DE": ("Duitsland", "Germany"), "DK": ("Denemarken", "Denmark"), "FR": ("Frankrijk", "France"),
    "SE": ("Zweden", "Sweden"), "FI": ("Finland", "Finland"), "AT": ("Oostenrijk", "Austria"),
}  # fmt: skip
KNOWN = {
    "published": ("gepubliceerd", "published"), "collected": ("verzameld", "collected"),
    "bundled": ("meegeleverd", "bundled"), "retrieved": ("opgehaald", "retrieved"),
}  # fmt: skip
ORIGIN = {
    "live": ("opgehaald", "live"), "bundled": ("meegeleverd", "bundled"),
    "ingested": ("ingelezen", "ingested"),
}  # fmt: skip
SEVERITY = {"error": ("fout", "error"), "warn": ("waarschuwing", "warning")}
MILESTONE = {
    "met": ("gehaald", "met"),
    "open": ("open", "open"),
    "overdue": ("over tijd", "overdue"),
}
MEASURE = {
    "share_achieved": ("deel van de weg", "share of the way"),
    "share_of_time": ("deel van de tijd", "share of the time"),
    "pace_recent": ("tempo nu", "pace now"),
    "pace_required": ("tempo nodig", "pace required"),
    "ratio_short": ("verhouding", "ratio"),
    "growth_pct": ("verandering ten goede", "change for the better"),
    "acceleration_factor": ("versnelling nodig", "acceleration needed"),
}
# What would close a gap, by reason; the registry's own words for a mission come before these.
CLOSE = {
    "no_indicator": (
        "Een openbare, terugkerende reeks die meet wat de brief noemt.",
        "A public, recurring series that measures what the letter names.",
    ),
    "no_data": ("Een publicatie van de reeks die gelezen kan worden.", "A publication of the series that can be read."),
    "milestone_open": (
        "Een officiële stand van de mijlpaal (gehaald of over tijd), met bron en datum.",
        "An official state of the milestone (met or overdue), with source and date.",
    ),
    "stale": ("Een recenter cijfer van dezelfde reeks.", "A more recent figure of the same series."),
    "series_break": (
        "Vier waarnemingen na de breuk, of een door de bron herrekende reeks.",
        "Four observations after the break, or a series recalculated by the source.",
    ),
    "too_few_points": (
        "Vier waarnemingen binnen vijf jaar, met minstens drie jaar tussen de eerste en de laatste.",
        "Four observations within five years, with at least three between the first and the last.",
    ),
    "baseline_missing": ("Een waarde voor het basisjaar.", "A value for the base year."),
    "not_computable": ("Een afspraak over hoe groei vanaf nul wordt gelezen.", "A rule for how growth from zero is read."),
    "context_only": (
        "Een cijfer waarvan vaststaat welke kant beter is.",
        "A figure for which it is settled which way is better.",
    ),
}  # fmt: skip


def word(table: dict[str, tuple[str, str]], key: str | None, lang: str) -> str:
    """A word in `nl` or `en`; the key itself where there is none."""
    if key is None:
        return ""
    pair = table.get(key)
    return key if pair is None else pair[0 if lang == "nl" else 1]
