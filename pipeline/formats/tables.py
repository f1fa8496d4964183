"""The CSV formats: Eurostat SDMX-CSV and TSV, OECD, OWID grapher, curated tidy tables.

Each says how the columns of its table are to be read; the rules are those of tidy.py.
"""

from __future__ import annotations

import re

from pipeline.formats.bodies import Csv
from pipeline.formats.geo import FROM_ISO3
from pipeline.formats.spec import ParseError
from pipeline.formats.sql import key_of, mapped
from pipeline.formats.tidy import NULLS, Reading
from pipeline.sql import literal, quoted

_MISSING = f"lower(trim(value)) IN ({', '.join(map(literal, NULLS))})"

# Names of dimensions: labels beside them have capitals or blanks.
_LOWER, _UPPER = re.compile(r"[a-z][a-z0-9_]*"), re.compile(r"[A-Z][A-Z0-9_]*")
_SDMX_HEAD = {"STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION", "DATAFLOW", "REF_AREA"}
# Columns of OWID's that repeat the year.
_TIMES = ("time", "day", "date")
_ORIGIN = " (original year)"  # ends the name of OWID's column with the year that a value is of


def sdmx_csv(table: Csv) -> Reading:
    """Eurostat SDMX-CSV 1.0: lower-case dimensions, OBS_FLAG letters, geo in `geo`."""
    return _sdmx(table, "DATAFLOW")


def sdmx_csv2(table: Csv) -> Reading:
    """Eurostat SDMX-CSV 2.0: STRUCTURE and STRUCTURE_ID stand where 1.0 has DATAFLOW."""
    if "STRUCTURE_ID" not in table.names or "DATAFLOW" in table.names:
        raise ParseError("column STRUCTURE_ID is missing: not SDMX-CSV 2.0")
    return _sdmx(table, "STRUCTURE_ID")


def _sdmx(table: Csv, stated: str) -> Reading:
    table.require(stated, "geo", "TIME_PERIOD", "OBS_VALUE")
    # Dimensions are in lower case, all else (labels, and what may be added one day) is not.
    dims = tuple(sorted(c for c in table.names if _LOWER.fullmatch(c) and c != "geo"))
    if not dims:
        raise ParseError(
            f"there is no dimension beside geo; the header is {', '.join(table.names)[:200]}"
        )
    kinds = tuple(c for c in ("TIME_PERIOD", "OBS_FLAG", "CONF_STATUS") if c in table.names)
    flag = "OBS_FLAG" if "OBS_FLAG" in kinds else "''"
    secret = "trim(CONF_STATUS)" if "CONF_STATUS" in kinds else "''"
    return Reading(
        relation=table.relation(),
        dims=dims,
        series=key_of(dims),
        unit="trim(unit)" if "unit" in dims else "NULL::VARCHAR",
        areas=("geo",),
        geo="trim(geo)",
        kinds=kinds,
        period="trim(TIME_PERIOD)",
        # every letter of OBS_FLAG is a flag of its own
        flags=f"array_to_string(regexp_extract_all({flag}, '[A-Za-z]'), ' ')",
        reason=f"""CASE WHEN {secret} = 'C' AND {_MISSING}
              AND regexp_matches(trim(TIME_PERIOD), '^\\d{{4}}[-_]\\d{{4}}$') THEN 'confidential'
            WHEN regexp_matches(trim(TIME_PERIOD), '^\\d{{4}}[-_]') THEN 'not_annual'
            WHEN {secret} = 'C' AND {_MISSING} THEN 'confidential' END""",
        value="OBS_VALUE",
        states=(stated, f"split_part(regexp_replace({stated}, '^[^:]*:', ''), '(', 1)"),
    )


def eurostat_tsv(table: Csv) -> Reading:
    """Eurostat TSV: codes of a row in its first column, a column for each period, flags behind the
    value. It does not say which dataset it is of."""
    first, *periods = table.names
    dims = first.partition("\\")[0].split(",")
    if "geo" not in dims or len(dims) < 2 or not periods:
        raise ParseError(
            f"the first column is not Eurostat's `freq,…,geo\\TIME_PERIOD`: {first[:120]}"
        )
    codes = f"string_split({quoted(first)}, ',')"
    each = ", ".join(
        # A row with more or fewer codes has none that can be told.
        f"CASE WHEN len({codes}) = {len(dims)} THEN trim({codes}[{n}]) ELSE '' END AS {quoted(dim)}"
        for n, dim in enumerate(dims, 1)
    )
    relation = f"""(SELECT * EXCLUDE (cell), split_part(trim(cell), ' ', 1) AS figure,
          substr(trim(cell), len(split_part(trim(cell), ' ', 1)) + 1) AS mark
        FROM (SELECT {each},
            unnest([{", ".join(literal(p) for p in periods)}]) AS period,
            unnest([{", ".join(map(quoted, periods))}]) AS cell FROM {table.relation()}))"""
    rest = tuple(sorted(d for d in dims if d != "geo"))
    return Reading(
        relation=relation,
        dims=rest,
        series=key_of(rest),
        unit="unit" if "unit" in rest else "NULL::VARCHAR",
        areas=("geo",),
        geo="geo",
        kinds=("period", "mark"),
        period="period",
        # `@C` is what SDMX-CSV has in CONF_STATUS.
        flags="array_to_string(regexp_extract_all(replace(mark, '@C', ''), '[A-Za-z]'), ' ')",
        reason="""CASE WHEN regexp_matches(period, '^\\d{4}[-_]') THEN 'not_annual'
            WHEN contains(mark, '@C') AND value = ':' THEN 'confidential' END""",
        value="figure",
        per_line=len(periods),
    )


def oecd_csv(table: Csv) -> Reading:
    """OECD csvfile, or the CSV of its Data Explorer with labels behind the codes: dimensions stand
    between DATAFLOW or STRUCTURE_ID and TIME_PERIOD; UNIT_MULT is applied."""
    stated = "STRUCTURE_ID" if "STRUCTURE_ID" in table.names else "DATAFLOW"
    table.require(stated, "REF_AREA", "TIME_PERIOD", "OBS_VALUE")
    names = table.names
    start, end = names.index(stated), names.index("TIME_PERIOD")
    if end < start:
        raise ParseError(f"TIME_PERIOD stands before {stated}: not a CSV of the OECD")
    dims = [c for c in names[start + 1 : end] if _UPPER.fullmatch(c) and c not in _SDMX_HEAD]
    if not dims:
        raise ParseError(f"there is no dimension between {stated} and TIME_PERIOD")
    power, unit, status = "0", "NULL::VARCHAR", "''"
    if "UNIT_MULT" in names:
        power = "CASE WHEN trim(UNIT_MULT) IN ('', '9999') THEN 0 ELSE try_cast(UNIT_MULT AS INTEGER) END"
    if "UNIT_MEASURE" in names:
        unit = "trim(UNIT_MEASURE)"
    if "OBS_STATUS" in names:
        status = "OBS_STATUS"
    value = "try_cast(trim(OBS_VALUE) AS DOUBLE)"
    return Reading(
        relation=table.relation(),
        dims=tuple(dict.fromkeys([*dims, *({"UNIT_MEASURE"} & set(names))])),
        series=key_of(dims),
        unit=unit,
        areas=("REF_AREA",),
        geo=mapped("trim(REF_AREA)", FROM_ISO3),
        kinds=tuple(c for c in ("TIME_PERIOD", "OBS_STATUS", "UNIT_MULT") if c in names),
        period="trim(TIME_PERIOD)",
        flags=f"CASE lower(trim({status})) WHEN 'a' THEN '' WHEN 'm' THEN '' ELSE lower({status}) END",
        # a value whose multiplier cannot be read is not a number yet
        reason=f"""CASE WHEN regexp_matches(trim(TIME_PERIOD), '^\\d{{4}}[-_]') THEN 'not_annual'
            WHEN {power} IS NULL AND NOT {_MISSING} THEN 'not_a_number' END""",
        value=f"""CASE WHEN {value} IS NULL OR {power} IS NULL THEN OBS_VALUE
            WHEN {power} = 0 THEN trim(OBS_VALUE)
            -- moved in the text where it can be: a product of doubles may miss the last digit
            WHEN regexp_matches(trim(OBS_VALUE), '^[+-]?[0-9.]+$') THEN trim(OBS_VALUE) || 'e' || {power}
            ELSE CAST({value} * pow(10, {power}) AS VARCHAR) END""",
        states=(stated, f"split_part(regexp_replace({stated}, '^(.*@|[^(]*:)', '', 's'), '(', 1)"),
    )


def owid_csv(table: Csv) -> Reading:
    """OWID grapher: Entity, Code, Year and one column for each indicator; headers in any case.

    Columns without any number (world regions, annotations), or that repeat the year, are no figures.
    """
    lower = {c.lower(): c for c in table.names}
    if missing := [c for c in ("entity", "code", "year") if c not in lower]:
        raise ParseError(
            f"column {' and column '.join(missing)} is missing; the header is {', '.join(lower)[:200]}"
        )
    values = [
        c for k, c in lower.items()
        if k not in ("entity", "code", "year", *_TIMES) and not k.endswith(_ORIGIN)
    ]  # fmt: skip
    numeric = table.with_numbers(values)
    values = [c for c in values if c in numeric]
    if not values:
        raise ParseError("there is no value column beside Entity, Code and Year")
    entity, code, year = (quoted(lower[c]) for c in ("entity", "code", "year"))
    # A value that is carried to other years stands beside the year that it is of.
    origins = [lower.get(c.lower() + _ORIGIN) for c in values]
    years = ", ".join(
        f"coalesce(nullif(trim({quoted(o)}), ''), {year})" if o else year for o in origins
    )
    relation = f"""(SELECT {entity} AS entity, {code} AS code, {year} AS year,
        unnest([{", ".join(literal("column=" + c) for c in values)}]) AS series,
        unnest([{", ".join(map(quoted, values))}]) AS figure,
        unnest([{years}]) AS origin FROM {table.relation()})"""
    repeated = "'no'"
    if any(origins):
        # Told again for another year: what stands in its own year counts, else what is nearest.
        relation = f"""(SELECT * EXCLUDE (n), CASE WHEN year <> origin AND row_number() OVER (
          PARTITION BY entity, code, series, origin
          ORDER BY abs(try_cast(year AS INTEGER) - try_cast(origin AS INTEGER)), n) > 1
          THEN 'yes' ELSE 'no' END AS repeated
        FROM (SELECT *, row_number() OVER () AS n FROM {relation}) ORDER BY n)"""
        repeated = "repeated"
    return Reading(
        # A row for each value of a line, line by line.
        relation=relation,
        dims=("series",),
        series="series",
        areas=("code", "entity"),
        geo=mapped("coalesce(nullif(trim(code), ''), trim(entity))", FROM_ISO3),
        kinds=("origin", "repeated") if any(origins) else ("origin",),
        period="trim(origin)",
        # Charts go back to the year -10000.
        reason=f"""CASE WHEN {repeated} = 'yes' THEN 'of_another_year'
            WHEN regexp_matches(trim(origin), '^(-\\d+|\\d{{1,3}})$') THEN 'long_ago' END""",
        value="figure",
        per_line=len(values),
    )


def curated_csv(table: Csv) -> Reading:
    """A tidy table made by hand: series, geo, period, value, unit, flag, and whatever else."""
    table.require("series", "geo", "period", "value", "unit", "flag")
    return Reading(
        relation=table.relation(),
        dims=("series", "unit"),
        series="'series=' || trim(series)",
        unit="trim(unit)",
        areas=("geo",),
        geo="trim(geo)",
        kinds=("period", "flag"),
        period="trim(period)",
        # Digits that ran together on the page and were split by hand are of low reliability: u.
        flags="regexp_replace(flag, '\\bparsed\\b', 'parsed u')",
        value="value",
    )


def projection_csv(table: Csv) -> Reading:
    """Official projections: a row for each edition with the band of one year in %, of NL.

    Each figure becomes a series of its own, named by bound, edition and the page that quotes it.
    They are read by `official_projections` alone: an indicator's values are never projections.
    """
    table.require("edition", "target_year", "low_pct", "high_pct", "page_url")
    # Lines count figures, not rows: one row may lack several.
    parts = [
        f"""SELECT 'bound={bound}|edition=' || trim(edition) || '|page_url=' || trim(page_url)
            AS series, 'NL' AS geo, target_year, {bound}_pct AS figure FROM {table.relation()}"""
        for bound in ("low", "central", "high", "target_reduction")
        if f"{bound}_pct" in table.names
    ]
    return Reading(
        relation=f"({' UNION ALL '.join(parts)})",
        dims=("series",),
        series="series",
        unit="'%'",
        areas=("geo",),
        geo="geo",
        kinds=("target_year",),
        period="trim(target_year)",
        value="figure",
    )
