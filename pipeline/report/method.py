"""The page's words on the method, in Dutch and English: METHOD.md §1-10 for readers.

Rules that are computed live in `pipeline.progress`; here is only how they are explained.
"""

from __future__ import annotations

from typing import Any

Pair = tuple[str, str]
_NONE: Pair = ("–", "–")

PARTS: list[dict[str, Any]] = [
    {
        "title": ("Van de brief naar een getal", "From the letter to a number"),
        "text": [
            (
                "Doelen komen uit de Kamerbrief. Elk doel heeft een kracht: een afspraak telt mee; een streven, een verkenning, een wet of een actieplan staat ernaast en telt niet mee. Noemt de brief geen basisjaar, dan kiezen wij er een en zeggen we dat erbij: ‘aangenomen’.",
                "Targets come from the letter to parliament. Each has a strength: a commitment counts; an ambition, an exploration, a law or an action plan stands beside it and does not count. Where the letter names no base year we choose one and say so: ‘assumed’.",
            ),
            (
                "Een indicator meet rechtstreeks wat de brief noemt, is er een benadering van, of geeft alleen context. Context krijgt nooit een status. Een hoofdindicator draagt de sub-missie, een ondersteunende staat ernaast.",
                "An indicator measures directly what the letter names, is a proxy for it, or only gives context. Context never gets a status. A headline carries the sub-mission, a supporting one stands beside it.",
            ),
        ],
    },
    {
        "title": ("Pad, weg en tijd", "Path, way and time"),
        "text": [
            (
                "Het vereiste pad is een rechte lijn van het basisjaar, langs eerdere afspraken, naar het doel. Het deel van de weg is (nu − basis) ÷ (doel − basis); het deel van de tijd is het deel van de jaren dat voorbij is.",
                "The required path is a straight line from the base year, through earlier commitments, to the target. The share of the way is (now − baseline) ÷ (target − baseline); the share of the time is the share of the years that have passed.",
            ),
            (
                "Tempo is groei per jaar in procenten als begin, nu en doel boven nul liggen; anders de verandering per jaar in de eenheid zelf, zoals bij een doel van nul.",
                "Pace is growth a year in per cent where start, now and target are above zero; else the change a year in the unit itself, as with a target of zero.",
            ),
        ],
    },
    {
        "title": ("De status", "The status"),
        "text": [
            (
                "De status vergelijkt het tempo van de laatste vijf jaar met het tempo dat vanaf het begin van die vijf jaar nodig was (de regel van Eurostat’s SDG-monitor). Daarvoor zijn vier waarnemingen nodig, met minstens drie jaar tussen de eerste en de laatste. Zonder getal in de brief telt alleen de richting.",
                "The status compares the pace of the last five years with the pace that was needed from the start of those five years (the rule of Eurostat’s SDG monitoring). It takes four observations, with at least three years between the first and the last. Without a number in the letter only the direction counts.",
            )
        ],
        "table": "status",
        "rows": [
            ("achieved", ("het doel is bereikt", "the target is reached"), _NONE),
            ("on_track", ("95 % of meer", "95 % or more"), _NONE),
            ("improving", _NONE, ("1 % of meer", "1 % or more")),
            ("progress_too_slow", ("60 tot 95 %", "60 to 95 %"), _NONE),
            ("slightly_improving", _NONE, ("0,05 tot 1 %", "0.05 to 1 %")),
            ("stable", _NONE, ("minder dan 0,05 % op of neer", "less than 0.05 % up or down")),
            ("insufficient", ("0 tot 60 %", "0 to 60 %"), _NONE),
            ("slightly_worsening", _NONE, ("−1 tot −0,05 %", "−1 to −0.05 %")),
            ("wrong_direction", ("onder 0 %", "below 0 %"), _NONE),
            ("worsening", _NONE, ("onder −1 %", "below −1 %")),
            (
                "missed",
                (
                    "het doeljaar is voorbij, het doel niet gehaald",
                    "the target year has passed, the target was not met",
                ),
                _NONE,
            ),
        ],
    },
    {
        "title": ("Als er geen status is", "Where there is no status"),
        "text": [
            (
                "Dan staat de reden erbij, en wat het gat zou sluiten. Een cijfer ouder dan drie jaar (of tweemaal de gewone tussentijd) heet oud; ouder dan zes jaar krijgt het geen status meer. Over een reeksbreuk heen wordt geen groei berekend.",
                "Then the reason stands beside it, and what would close the gap. A figure older than three years (or twice the usual interval) is called dated; older than six it gets no status any more. No growth is taken across a break in a series.",
            )
        ],
        "table": "reason",
    },
    {
        "title": ("Van indicator naar missie", "From indicator to mission"),
        "text": [
            (
                "Een sub-missie is zo goed als haar slechtste rechtstreekse hoofdindicator; is die er niet, dan als de slechtste benadering. Bij een missie staan de aantallen per status, wat achterloopt met name, en hoeveel sub-missies te beoordelen zijn. Er is geen gemiddelde.",
                "A sub-mission is as good as its worst direct headline; where there is none, as its worst proxy. A mission shows the number per status, what falls behind by name, and how many sub-missions can be assessed. There is no mean.",
            )
        ],
    },
    {
        "title": ("Vooruit kijken", "Looking ahead"),
        "text": [
            (
                "De voortzetting is een toevalswandeling met drift uit de laatste tien jaarlijkse veranderingen. De banden zijn zo verbreed dat de 80 %-band op achtergehouden geschiedenis ook ongeveer 80 % bevat. Het is een voortzetting van het verleden, geen effect van beleid; waar een officiële raming bestaat staat die ernaast.",
                "The continuation is a random walk with drift from the last ten yearly changes. The bands are widened so that on held-back history the 80 % band does hold about 80 %. It is an extrapolation of the past, not an effect of policy; where an official projection exists it stands beside it.",
            )
        ],
        "table": "coverage",
    },
    {
        "title": ("Andere oordelen en gevoeligheid", "Other verdicts and fragility"),
        "text": [
            (
                "Drie gepubliceerde methoden rekenen mee: Statistics Canada (Open SDG), Destatis en de Progress Chart van de VN. Daarnaast wordt elke status opnieuw berekend zonder het laatste jaar, met een regressie, met een langer venster en op de andere grondslag; verandert zij, dan heet zij gevoelig.",
                "Three published methods are computed as well: Statistics Canada (Open SDG), Destatis and the UN’s Progress Chart. Each status is also computed again without the last year, with a regression, with a longer window and on the other basis; if it changes it is called fragile.",
            )
        ],
    },
    {
        "title": ("Cijfers en hun vintage", "Figures and their vintage"),
        "text": [
            (
                "Elke levering van een bron wordt bewaard zoals zij kwam. Een levering die een controle niet doorstaat gaat in quarantaine: zij wordt bewaard en getoond, niet gebruikt. Landen worden alleen vergeleken op aandelen, per hoofd of op een index.",
                "Every delivery of a source is kept as it came. One that fails a check is quarantined: kept and shown, not used. Countries are compared only on shares, per head or on an index.",
            )
        ],
    },
]
