"""Writes the first vintages: figures as collected → the publishers' wire formats + manifests.

    python tools/encode_figures.py ../shared/figures data/raw

Run once, its result is committed; running it again gives the same bytes. It changes no value:
only the clothing is the wire's. What each publisher's format means belongs in pipeline/sources.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import sys
from calendar import monthrange
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.files import dump
from pipeline.formats import DatasetSpec, parse
from pipeline.formats.geo import TO_M49
from pipeline.registry import Dataset, load

BUNDLED_ON = "2026-11-23"
# file of the figures → dataset; others are named as their file
DATASET = {
    "eurostat/hlth_hlye_by_sex": "eurostat/hlth_hlye",
    "unsdg/ER_RSK_LST_redlist": "unsdg/ER_RSK_LST",
    "unsdg/VC_IHR_PSRC_homicide": "unsdg/VC_IHR_PSRC",
    "curated/cbs_ghg_climate_sectors_2023_partial": "curated/cbs_ghg_climate_sectors",
}
# PROVENANCE.csv says of these that the date is the day on which the copy was fetched.
COLLECTED = {"eurostat/env_air_gge", "eurostat/nrg_ind_ren", "eurostat/hlth_cd_apr"}
PARTIAL = {"curated/cbs_ghg_climate_sectors_2023_partial"}
# Two surveys that are never one series stand under one name: their series are named by them.
BY_SURVEY = {"curated/cbs_online_crime"}
# A file that holds two publications is the vintage of one: the other's figures are of a later date.
WITHOUT = {"curated/mlz_wlz_leveringsvorm": "StatLine 84529NED"}
# Years found to be wrong: dataset → day, (series, period as found) → period, why (English, Dutch). The
# vintage with the wrong ones stays, the corrected one comes after it.
CORRECTED = {
    "curated/care_participation": (
        "2026-11-28",
        {
            ("people with Wlz care living at home", "2019"): "2018",
            ("people with Wlz care living in institution", "2019"): "2018",
        },
        "the two figures of care under the Wlz are of 2018, not 2019",
        "de twee cijfers over zorg uit de Wlz zijn van 2018, niet van 2019",
    )
}
DIMENSIONS = {
    "age": "Age", "sex": "Sex", "location": "Location", "activity": "Activity",
    "ihr_capacity": "IHR Capacity", "food_waste_sector": "Food Waste Sector",
    "name_of_non_communicable_disease": "Name of non-communicable disease", "freq": "Freq",
}  # fmt: skip
CBS = "https://datasets.cbs.nl/odata/v1/CBS"
CBS_MEASURES = {
    "M002416_1": ("Genormaliseerde bruto productie", "mln kWh"),
    "M002264_1": ("Bruto elektriciteitsproductie", "mln kWh"),
    "M002417_1": ("Netto elektriciteitsproductie", "mln kWh"),
    "M002416_2": ("Genormaliseerde bruto productie", "in % van het verbruik"),
    "M002264_2": ("Bruto elektriciteitsproductie", "in % van het verbruik"),
    "M002417_2": ("Netto elektriciteitsproductie", "in % van het verbruik"),
    "M002252_2": ("Opgestelde installaties einde van jaar", "aantal"),
    "M002163": ("Opgesteld elektrisch vermogen einde jaar", "megawatt"),
}


def published_on(text: str) -> tuple[str, str]:
    """(ISO date, basis). A partial date means its last day; none means the day of bundling."""
    text = text.strip()
    if match := re.match(r"(\d{4})-(\d{2})-(\d{2})", text):
        return "-".join(match.groups()), "published"
    if match := re.match(r"(\d{2})/(\d{2})/(\d{2,4})", text):
        day, month, year = match.groups()
        return f"{year if len(year) == 4 else '20' + year}-{month}-{day}", "published"
    if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
        year_, month_ = int(match[1]), int(match[2])
        return date(year_, month_, monthrange(year_, month_)[1]).isoformat(), "published"
    if re.fullmatch(r"\d{4}", text):
        return f"{text}-12-31", "published"
    return BUNDLED_ON, "bundled"


def unsdg(rows: list[dict[str, str]]) -> bytes:
    data = []
    for row in rows:
        dims, attributes = {}, {"Units": row["units"].upper()}
        for pair in row["dimensions"].split(";"):
            name, _, code = pair.partition("=")
            if name == "nature":
                attributes["Nature"] = code.upper()
            elif name == "observation_status":
                attributes["Observation Status"] = code.upper()
            elif name:
                dims[DIMENSIONS[name]] = code.upper()
        data.append(
            {
                "series": row["series"],
                "geoAreaCode": TO_M49[row["geo"]],
                "timePeriodStart": float(row["timePeriodStart"]),
                "value": row["value"],
                "dimensions": dims,
                "attributes": attributes,
            }
        )
    size = len(data)
    whole = {"size": size, "totalElements": size, "totalPages": 1, "pageNumber": 1, "data": data}
    return dump(whole)


def worldbank(rows: list[dict[str, str]], updated: str) -> bytes:
    meta = {"page": 1, "pages": 1, "per_page": 20000, "total": len(rows), "sourceid": "2",
            "lastupdated": updated}  # fmt: skip
    found = [
        {
            "indicator": {"id": r["indicator"]},
            "country": {"id": r["geo"]},
            "date": r["date"],
            "value": Number(r["value"]) if r["value"] else None,
        }
        for r in rows
    ]
    return dump_numbers([meta, found])


class Number(str):
    """A number kept as the digits that were published."""


def dump_numbers(content: Any) -> bytes:
    marked = json.dumps(_mark(content), indent=1, sort_keys=True, ensure_ascii=False)
    return (
        re.sub(r'"\u0001([^"\u0001]*)\u0001"', r"\1", marked.replace("\\u0001", "\u0001")) + "\n"
    ).encode()


def _mark(node: Any) -> Any:
    if isinstance(node, Number):
        return f"\u0001{node}\u0001"
    if isinstance(node, dict):
        return {k: _mark(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_mark(v) for v in node]
    return node


def cbs(rows: list[dict[str, str]], table: str) -> bytes:
    def payload(entity: str, value: list[Any]) -> dict[str, Any]:
        return {"@odata.context": f"{CBS}/{table}/$metadata#{entity}", "value": value}

    observations = [
        {
            "Id": int(r["Id"]),
            "Measure": r["Measure"],
            "ValueAttribute": r["ValueAttribute"],
            "Value": Number(r["Value"]) if r["Value"] else None,
            "StringValue": r["StringValue"] or None,
            "BronTechniek": r["BronTechniek"],
            "Perioden": r["Perioden"],
        }
        for r in rows
    ]
    periods = sorted({(r["Perioden"], r["PeriodStatus"]) for r in rows})
    measures = sorted({r["Measure"] for r in rows})
    return dump_numbers(
        {
            "table": table,
            "Observations": payload("Observations", observations),
            "PeriodenCodes": payload(
                "PeriodenCodes",
                [{"Identifier": p, "Title": p[:4], "Status": s or None} for p, s in periods],
            ),
            "MeasureCodes": payload(
                "MeasureCodes",
                [
                    {"Identifier": m, "Title": CBS_MEASURES[m][0], "Unit": CBS_MEASURES[m][1]}
                    for m in measures
                ],
            ),
        }
    )


def rows_of(name: str, file: Path) -> list[dict[str, str]]:
    """The figures as found, of one publication; of two surveys under one name, each under its own."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    rows = [row for row in rows if name not in WITHOUT or row["dataset"] != WITHOUT[name]]
    if name in BY_SURVEY:
        for row in rows:
            row["series"] += " | " + re.sub(r" \d{4}.*", "", row["dataset"])
    return rows


def body_of(name: str, rows: list[dict[str, str]], updated: str) -> bytes:
    source, dataset = name.split("/")
    if source == "unsdg":
        return unsdg(rows)
    if source == "worldbank":
        return worldbank(rows, updated)
    if source == "cbs":
        return cbs(rows, dataset)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def main(figures: Path, target: Path) -> None:
    registry = load()
    with (figures / "PROVENANCE.csv").open(encoding="utf-8", newline="") as opened:
        provenance = {r["file"].removesuffix(".csv"): r for r in csv.DictReader(opened)}
    total = 0
    for stem, entry in provenance.items():
        name = DATASET.get(stem, stem)
        item = registry.datasets.get(name)
        if item is None:
            continue  # no indicator asks for it
        known_from, basis = published_on(entry["updated"])
        if stem in COLLECTED:
            basis = "collected"
        rows = rows_of(name, figures / entry["file"])
        partial = stem in PARTIAL
        total += write(target, item, entry, rows, known_from, basis, partial=partial)
        if name in CORRECTED:
            day, periods, why, why_nl = CORRECTED[name]
            for row in rows:
                row["period"] = periods.get((row["series"], row["period"]), row["period"])
            right = {**entry, "note": f"{why}; {entry['note']}"}
            accepted = {"author": "Missiemonitor", "date": day, "why": why, "why_nl": why_nl}
            total += write(target, item, right, rows, day, "bundled", accepted=accepted)
    print(f"{total} bytes stored")


def write(
    target: Path,
    item: Dataset,
    entry: dict[str, str],
    rows: list[dict[str, str]],
    known_from: str,
    basis: str,
    *,
    partial: bool = False,
    accepted: dict[str, str] | None = None,
) -> int:
    """One vintage with its manifest; gives the size of the stored body in bytes."""
    body = body_of(item.id, rows, known_from)
    spec = DatasetSpec(item.source, item.dataset, item.format, item.code, frozenset(item.forms))
    observations = parse(body, spec).observations

    def distinct(column: str) -> list[Any]:
        return sorted(v for v in set(observations.column(column).to_pylist()) if v is not None)

    digest = hashlib.sha256(body).hexdigest()
    manifest = {
        "source": item.source,
        "dataset": item.dataset,
        "code": entry["dataset"],
        "publisher": entry["publisher"],
        "format": item.format,
        "origin": "bundled",
        "known_from": known_from,
        "known_from_basis": basis,
        "partial": partial,
        "scope": {
            "series": distinct("series_key"),
            "geos": distinct("geo"),
            "years": distinct("year"),
            "units": distinct("unit"),
        },
        "found_in": entry["collected_from"],
        "licence": entry["licence"],
        "note": "; ".join(
            filter(None, [entry["note"], "re-encoded from the figures as published"])
        ),
        "encoding": "re-encoded",
        "sha256": digest,
        "bytes": len(body),
        **({"accepted": accepted} if accepted else {}),
    }
    folder = target / item.source / item.dataset / f"{known_from}_{digest[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    stored = gzip.compress(body, 9, mtime=0)
    (folder / "body.gz").write_bytes(stored)
    (folder / "manifest.json").write_bytes(dump(manifest))
    rows_there = observations.num_rows
    print(f"{item.id:48} {known_from} {basis:9} {rows_there:6} rows {len(stored):8} B")
    return len(stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
