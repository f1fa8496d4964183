"""The CSV formats: Eurostat SDMX-CSV 1.0, OECD csvfile, OWID grapher, curated tidy tables."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

from pipeline.formats.bulk import BLOCK, Body, Layout, Rows, Sink, checked, normalise
from pipeline.formats.geo import FROM_ISO3, mapped
from pipeline.formats.spec import DatasetSpec, Parsed, ParseError
from pipeline.formats.tidy import key_sql, must_state, quoted, read_csv, tidy

_CURATED = ("series", "geo", "period", "value", "unit", "flag")
_PROJECTION = ("edition", "target_year", "low_pct", "high_pct", "page_url")


def sdmx_csv(body: bytes, spec: DatasetSpec) -> Parsed:
    """Eurostat SDMX-CSV 1.0: lower-case dimensions, OBS_FLAG letters, geo in `geo`."""
    good, bad = Rows("observations"), Rows("rejects")
    sdmx_stream(Body(io.BytesIO(body)), spec, good, bad, threads=len(body) > BLOCK)
    return Parsed(good.table(), bad.table())


def sdmx_csv2(body: bytes, spec: DatasetSpec) -> Parsed:
    """Eurostat SDMX-CSV 2.0: STRUCTURE and STRUCTURE_ID stand where 1.0 has DATAFLOW."""
    return sdmx_csv(body, spec)


def sdmx_stream(
    body: Body,
    spec: DatasetSpec,
    observations: Sink,
    rejects: Sink,
    scratch: Path | None = None,
    threads: bool = True,
) -> None:
    """Either version from a stream into two sinks, in bounded memory. ParseError as ever."""
    layout = partial(_sdmx_layout, version=2 if spec.format == "sdmx_csv2" else 1)
    normalise(body, layout, spec, observations, rejects, scratch, threads)


def _sdmx_layout(header: list[str], version: int) -> Layout:
    if version == 2 and ("STRUCTURE_ID" not in header or "DATAFLOW" in header):
        raise ParseError("column STRUCTURE_ID is missing: not SDMX-CSV 2.0")
    stated = "STRUCTURE_ID" if version == 2 else "DATAFLOW"
    names = checked(header, (stated, "geo", "TIME_PERIOD", "OBS_VALUE"))
    # Dimensions are in lower case, all else (and what may be added one day) in upper case.
    dims = sorted(c for c in names if c == c.lower() and c != "geo")
    if not dims:
        raise ParseError(
            f"there is no dimension beside geo; the header is {', '.join(names)[:200]}"
        )
    kinds = tuple(c for c in ("OBS_FLAG", "CONF_STATUS") if c in names)
    flag = "OBS_FLAG" if "OBS_FLAG" in kinds else "''"
    secret = "trim(CONF_STATUS)" if "CONF_STATUS" in kinds else "''"
    sql = f"""SELECT row_number() OVER () AS line, NULL AS series_key, NULL AS geo,
       trim(TIME_PERIOD) AS period, value, NULL AS unit,
       -- every letter of OBS_FLAG is a flag of its own
       array_to_string(regexp_extract_all({flag}, '[A-Za-z]'), ' ') AS flags,
       CASE WHEN NOT regexp_matches(trim(TIME_PERIOD), '^\\d{{4}}$')
             AND regexp_matches(trim(TIME_PERIOD), '^\\d{{4}}-') THEN 'not_annual'
            WHEN {secret} = 'C' AND trim(value) IN ('', ':') THEN 'confidential' END AS reason
       FROM kinds"""
    return Layout(
        dims=tuple(dims),
        geo="geo",
        period="TIME_PERIOD",
        value="OBS_VALUE",
        unit="unit" if "unit" in dims else None,
        kinds=kinds,
        sql=sql,
        stated=stated,
    )


def oecd_csv(body: bytes, spec: DatasetSpec) -> Parsed:
    """OECD csvfile: dimensions stand between DATAFLOW and TIME_PERIOD; UNIT_MULT is applied."""
    cells = read_csv(body, ("DATAFLOW", "REF_AREA", "TIME_PERIOD", "OBS_VALUE"))
    names = cells.column_names
    stated = {
        str(v).rsplit("@", 1)[-1].split("(")[0]
        for v in cells.column("DATAFLOW").unique().to_pylist()
    }
    must_state(stated, spec, "DATAFLOW")
    start, end = names.index("DATAFLOW"), names.index("TIME_PERIOD")
    if end < start:
        raise ParseError("TIME_PERIOD stands before DATAFLOW: not OECD's csvfile")
    dims = [c for c in names[start + 1 : end] if c != "REF_AREA"]
    mult = (
        "CASE WHEN trim(UNIT_MULT) IN ('', '9999') THEN 0 ELSE try_cast(UNIT_MULT AS INTEGER) END"
        if "UNIT_MULT" in names
        else "0"
    )
    unit = "UNIT_MEASURE" if "UNIT_MEASURE" in names else "NULL"
    status = "OBS_STATUS" if "OBS_STATUS" in names else "''"
    sql = f"""SELECT row_number() OVER () AS line, {key_sql(dims)} AS series_key,
       {mapped("trim(REF_AREA)", FROM_ISO3)} AS geo, trim(TIME_PERIOD) AS period,
       CASE WHEN try_cast(trim(OBS_VALUE) AS DOUBLE) IS NULL OR {mult} IS NULL THEN OBS_VALUE
            WHEN {mult} = 0 THEN trim(OBS_VALUE)
            -- moved in the text where it can be: a product of doubles may miss the last digit
            WHEN regexp_matches(trim(OBS_VALUE), '^[+-]?[0-9.]+$') THEN trim(OBS_VALUE) || 'e' || {mult}
            ELSE CAST(try_cast(trim(OBS_VALUE) AS DOUBLE) * pow(10, {mult}) AS VARCHAR) END AS value,
       trim({unit}) AS unit,
       CASE lower(trim({status})) WHEN 'a' THEN '' WHEN 'm' THEN '' ELSE lower({status}) END AS flags,
       -- a value whose multiplier cannot be read is not a number yet
       CASE WHEN {mult} IS NULL AND trim(OBS_VALUE) <> '' THEN 'not_a_number' END AS reason
       FROM cells"""
    return tidy(cells, sql, spec)


def owid_csv(body: bytes, spec: DatasetSpec) -> Parsed:
    """OWID grapher: Entity, Code, Year and one column for each indicator; headers in any case."""
    cells = read_csv(body, ())
    lower = {c.lower(): c for c in cells.column_names}
    for column in ("entity", "code", "year"):
        if column not in lower:
            raise ParseError(f"column {column} is missing; the header is {', '.join(lower)[:200]}")
    values = [c for k, c in lower.items() if k not in ("entity", "code", "year")]
    if not values:
        raise ParseError("there is no value column beside Entity, Code and Year")
    parts = []
    for column in values:
        key = "column=" + column
        parts.append(
            f"""SELECT row_number() OVER () AS line, '{key.replace("'", "''")}' AS series_key,
            {mapped(f"coalesce(nullif(trim({quoted(lower['code'])}), ''), trim({quoted(lower['entity'])}))", FROM_ISO3)} AS geo,
            trim({quoted(lower["year"])}) AS period, {quoted(column)} AS value,
            NULL::VARCHAR AS unit, '' AS flags, NULL::VARCHAR AS reason FROM cells"""
        )
    return tidy(cells, " UNION ALL ".join(parts), spec)


def curated_csv(body: bytes, spec: DatasetSpec) -> Parsed:
    """A tidy table made by hand: series, geo, period, value, unit, flag, and whatever else."""
    cells = read_csv(body, _CURATED)
    # Digits that ran together on the page and were split by hand are of low reliability: u.
    sql = """SELECT row_number() OVER () AS line, 'series=' || trim(series) AS series_key,
       trim(geo) AS geo, trim(period) AS period, value, trim(unit) AS unit,
       regexp_replace(flag, '\\bparsed\\b', 'parsed u') AS flags, NULL::VARCHAR AS reason FROM cells"""
    return tidy(cells, sql, spec)


def projection_csv(body: bytes, spec: DatasetSpec) -> Parsed:
    """Official projections: a row for each edition with the band of one year in %, of NL.

    Each figure becomes a series of its own, named by bound, edition and the page that quotes it.
    They are read by `official_projections` alone: an indicator's values are never projections.
    """
    cells = read_csv(body, _PROJECTION)
    parts = [
        f"""SELECT 'bound={bound}|edition=' || trim(edition) || '|page_url=' || trim(page_url)
            AS series_key, trim(target_year) AS period, {bound}_pct AS value FROM cells"""
        for bound in ("low", "central", "high", "target_reduction")
        if f"{bound}_pct" in cells.column_names
    ]
    # Lines count figures, not rows: one row may lack several.
    sql = f"""SELECT row_number() OVER () AS line, series_key, 'NL' AS geo, period, value,
       '%' AS unit, '' AS flags, NULL::VARCHAR AS reason FROM ({" UNION ALL ".join(parts)})"""
    return tidy(cells, sql, spec)
