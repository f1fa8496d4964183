"""Which format a file has, told by its content and never by its name; what is not read is named, with
the download that is."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.formats import packed
from pipeline.formats.advice import CBS, EUROSTAT, OECD, UN, WHO
from pipeline.formats.bodies import GZIP, sniff
from pipeline.formats.cbs import TIMES
from pipeline.formats.cells import cells_of
from pipeline.formats.spec import ParseError
from pipeline.formats.worldbank import CODES

_START = 1 << 16  # bytes of a table that tell its format
CURATED = ("series", "geo", "period", "value", "unit", "flag")
PROJECTION = ("edition", "target_year", "low_pct", "high_pct", "page_url")


@dataclass(frozen=True)
class Format:
    """`title`: for people. `family`: the publisher whose datasets come so. `states`: whether a body
    says which dataset it is of."""

    title: str
    family: str
    states: bool


KNOWN: Mapping[str, Format] = {
    "sdmx_csv": Format("Eurostat SDMX-CSV 1.0", "eurostat", True),
    "sdmx_csv2": Format("Eurostat SDMX-CSV 2.0", "eurostat", True),
    "eurostat_tsv": Format("Eurostat TSV", "eurostat", False),
    "jsonstat": Format("Eurostat JSON-stat", "eurostat", True),
    "oecd_csv": Format("OECD CSV", "oecd", True),
    "owid_csv": Format("Our World in Data CSV", "owid", False),
    "curated_csv": Format("a table with series, geo, period and value", "curated", False),
    "projection_csv": Format("a table of projections", "projection", False),
    "cbs_odata": Format("CBS OData v4 with its code lists", "cbs", True),
    "cbs_zip": Format("CBS zip of a table", "cbs", False),
    "statline_csv": Format("CBS StatLine CSV", "cbs", False),
    "worldbank_json": Format("World Bank JSON", "worldbank", True),
    "worldbank_csv": Format("World Bank CSV", "worldbank", True),
    "unsdg_json": Format("UN SDG JSON", "unsdg", True),
    "gho_json": Format("WHO GHO JSON", "who", True),
}


def recognise(body: bytes) -> str | None:
    """The format of a file's bytes, one of KNOWN; None where the pages of a pull are of a format that
    only their dataset knows. ParseError, with what it is and what to download instead, for any other."""
    inner = packed.plain(body)
    if inner.startswith(packed.ZIP):
        return "cbs_zip"  # what plain() leaves packed
    _not_binary(inner)
    start = inner.removeprefix(codecs.BOM_UTF8).lstrip()
    if start[:1] in (b"{", b"["):
        return _of_json(start)
    if start[:1] == b"<":
        raise _markup(start)
    sniff(inner)
    return _of_table(start)


def _not_binary(body: bytes) -> None:
    head = body[:8]
    if head.startswith(GZIP):
        raise ParseError("it is gzip inside gzip: unpack it first")
    kinds = {
        b"%PDF": "a PDF",
        b"PAR1": "Parquet",
        b"\x89PNG": "a picture",
        b"\xff\xd8\xff": "a picture",
    }
    for mark, kind in kinds.items():
        if head.startswith(mark):
            raise ParseError(f"it is {kind}, not a table of figures: take the publisher's CSV")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ParseError("it is UTF-16 text: save it as CSV in UTF-8")
    if b"\0" in body[:_START]:
        raise ParseError("it is no text and no format that is known: take the publisher's CSV")


def _markup(start: bytes) -> ParseError:
    low = start[:4096].lower()
    if b"<html" in low or b"<!doctype html" in low:
        return ParseError("it is a web page, not data: download the figures from it instead")
    if b"sdmx" in low:
        return ParseError(f"it is SDMX-ML (XML), which is not read: {EUROSTAT}")
    return ParseError("it is XML, which is not read: take the publisher's CSV or JSON")


def _of_json(start: bytes) -> str | None:
    try:
        found = json.loads(start.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ParseError(f"it is not UTF-8 (byte {error.start}): download it again") from error
    except (ValueError, RecursionError) as error:
        raise ParseError(
            f"it is JSON that is cut off or broken ({str(error)[:80]}): download it again"
        ) from error
    if isinstance(found, list):
        if len(found) == 2 and isinstance(found[0], dict) and "page" in found[0]:
            return "worldbank_json"
        raise ParseError(f"it is JSON of no format that is known: {str(found)[:80]}")
    return _of_object(found)


def _of_object(found: Mapping[str, Any]) -> str | None:
    rows = found.get("value")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if set(found) == {"pages"}:
        parts = {p.get("part") for p in found["pages"] if isinstance(p, dict)}
        return "cbs_odata" if "Observations" in parts else None
    if found.get("class") == "dataset":
        return "jsonstat"
    if "Observations" in found and "MeasureCodes" in found:
        return "cbs_odata"
    if "totalElements" in found and "data" in found:
        return "unsdg_json"
    if "IndicatorCode" in first:
        return "gho_json"
    if "Measure" in first or "Observations" in str(found.get("@odata.context", "")):
        raise ParseError(
            f"it is a page of CBS Observations alone, without its lists of codes and units: {CBS}"
        )
    if "odata.metadata" in found:
        raise ParseError(f"it is CBS OData v3, which is not read: {CBS}")
    if "dataSets" in found or "structure" in found:
        raise ParseError(f"it is SDMX-JSON, which is not read: {EUROSTAT}; of the OECD, {OECD}")
    said = found.get("error") or found.get("warning") or found.get("message")
    if said:
        raise ParseError(f"it is an error of the publisher, not data: {str(said)[:120]}")
    raise ParseError(f"it is JSON of no format that is known; it has {', '.join(found)[:80]}")


def _of_table(start: bytes) -> str:
    whole = len(start) <= _START
    try:
        text = start[:_START].decode("utf-8", errors="strict" if whole else "ignore")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"it is not UTF-8 (byte {error.start}): save it as CSV in UTF-8"
        ) from error
    first = text.split("\n", 1)[0].strip()
    if re.match(r"[^\t]*\\(TIME_PERIOD|time)\s*\t", first):
        return "eurostat_tsv"
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        header = next(cells_of(first, delimiter))
    except (ParseError, StopIteration):
        header = []
    names = set(header)
    for fits, format in _HEADERS:
        if fits(names):
            return format
    if "Data Source" in names and any(code in text for code in CODES):
        return "worldbank_csv"
    raise _no_table(header, text, delimiter)


def _has(*needed: str) -> Callable[[set[str]], bool]:
    return lambda names: set(needed) <= names


_HEADERS: tuple[tuple[Callable[[set[str]], bool], str], ...] = (
    (_has("STRUCTURE_ID", "geo", "TIME_PERIOD"), "sdmx_csv2"),
    (_has("DATAFLOW", "geo", "TIME_PERIOD"), "sdmx_csv"),
    (_has("STRUCTURE_ID", "REF_AREA", "TIME_PERIOD"), "oecd_csv"),
    (_has("DATAFLOW", "REF_AREA", "TIME_PERIOD"), "oecd_csv"),
    (lambda names: {"entity", "code", "year"} <= {n.lower() for n in names}, "owid_csv"),
    (lambda names: "Country Code" in names and bool(names & set(CODES)), "worldbank_csv"),
    (_has(*CURATED), "curated_csv"),
    (_has(*PROJECTION), "projection_csv"),
    (
        lambda names: bool(names & set(TIMES)) and "Measure" not in names and len(names) > 1,
        "statline_csv",
    ),
)


def _no_table(header: list[str], text: str, delimiter: str) -> ParseError:
    """What a table is that is not read, with the download that is; all that it lacks at once."""
    names = set(header)
    if {"Measure", "ValueAttribute"} & names and delimiter == ";":
        return ParseError(f"it is Observations.csv of CBS without its lists of codes: {CBS}")
    if re.search(r'^"?(Onderwerp|Topic|Perioden|Periods)"?;', text, re.MULTILINE) or re.search(
        r"(Bron|Source): CBS", text
    ):
        return ParseError(f"it is StatLine's CSV in the layout of the page: {CBS}")
    if {"SeriesCode", "GeoAreaCode"} <= names:
        return ParseError(f"it is CSV of the UN SDG database, which is not read: {UN}")
    if {"IndicatorCode", "SpatialDim"} & names or {"Indicator", "ParentLocation"} <= names:
        return ParseError(f"it is CSV of the WHO, which is not read: {WHO}")
    if {"Entity", "Day"} <= names:
        return ParseError("it is Our World in Data by day: figures are read by year only")
    if "STRUCTURE" in names or any(n.startswith(("DATAFLOW", "STRUCTURE")) for n in header):
        return ParseError(
            f"it is SDMX-CSV with labels in place of codes: {EUROSTAT}, with 'codes' or 'codes and "
            f"labels'; of the OECD, {OECD}"
        )
    if near := [n for n in CURATED if n in names]:
        lacks = ", ".join(n for n in CURATED if n not in names)
        return ParseError(
            f"it looks like a table made by hand ({', '.join(near)}) and lacks the columns {lacks}"
        )
    return ParseError(
        f"it is a table of no format that is known; its header is {', '.join(header)[:120] or text[:80]}"
    )
