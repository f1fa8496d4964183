"""The rules that all formats share, as SQL: text cells in, observations and rejects out.

Missing is not zero, a cell that cannot be read is a reject with its reason, flags are sets.
Series, areas, and periods with their flags repeat on many rows: each distinct one is judged once, and
its texts become codes of an ENUM. So millions of rows fit into DuckDB's memory, or spill to disk.
Where the cells come from belongs in the module of each format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.formats.geo import AREAS
from pipeline.formats.spec import DatasetSpec, ParseError, must_state
from pipeline.formats.sql import mapped
from pipeline.sql import literal, quoted

if TYPE_CHECKING:
    import duckdb

_YEAR = r"^\d{4}$"
_RANGE = r"^\d{4}\s*[-/–_]\s*(\d{4})$"
# `2019/20`: the next year, and nothing else. With a dash it could be a month.
_SEASON = r"^(\d{4})/(\d{2})$"
_CIRCA = r"^(?:c\.|ca\.|circa)\s*(\d{4})$|^(\d{4})e$"
_FRACTION = r"^(\d+)\s+(?:in|of)\s+(\d+)$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

# What formats write where there is no value: SDMX, PxWeb, the World Bank, spreadsheets.
NULLS = ("", ":", "..", "nan", "#n/a")


@dataclass(frozen=True)
class Reading:
    """What the rows of `relation` (SQL) say, as SQL expressions over its columns.

    `series` and `unit` are computed from the columns `dims`, and `geo` from `areas`: once for each
    combination of their values that occurs. `period`, `flags` (separated by blanks) and `reason`
    (null: none yet) are computed from `kinds` and the value, in which every plain number counts as
    '0', so that a million different numbers are one kind of row. None of these columns holds a
    null. `value` may use any column. `states`: the column that holds the dataset's code, and SQL
    that takes the code from it. `per_line`: how many rows one line of the body gives.
    """

    relation: str
    dims: tuple[str, ...]
    series: str
    areas: tuple[str, ...]
    geo: str
    kinds: tuple[str, ...]
    period: str
    value: str
    unit: str = "NULL::VARCHAR"
    flags: str = "''"
    reason: str = "NULL::VARCHAR"
    states: tuple[str, str] | None = None
    per_line: int = 1


_FLAGS = (
    "CASE WHEN flags::VARCHAR = '' THEN []::VARCHAR[] ELSE string_split(flags::VARCHAR, ' ') END"
)
# Codes become texts only when the rows have their order.
OBSERVATIONS = f"""SELECT series_key::VARCHAR AS series_key, geo::VARCHAR AS geo,
       period::VARCHAR AS period, year, number AS value, unit::VARCHAR AS unit, {_FLAGS} AS flags
FROM (SELECT * FROM good ANTI JOIN again USING (place) ORDER BY series_key, geo, year, place)"""
REJECTS = f"""SELECT line, series_key::VARCHAR AS series_key, geo::VARCHAR AS geo,
       period::VARCHAR AS period, value, {_FLAGS} AS flags,
       CASE WHEN fault IS NOT NULL THEN fault::VARCHAR WHEN strange THEN 'unknown_area'
            WHEN outside THEN 'implausible' ELSE why END AS reason
FROM (SELECT * FROM rows LEFT JOIN again USING (place)
      WHERE strange OR outside OR fault IS NOT NULL OR why IS NOT NULL ORDER BY line, series_key)"""


def tidy(con: duckdb.DuckDBPyConnection, reading: Reading, spec: DatasetSpec) -> None:
    """Judge every row of `reading`; OBSERVATIONS and REJECTS then select from `con`.

    ParseError if there is no row, or the body states the code of another dataset.
    """
    dims, areas, kinds = reading.dims, reading.areas, (*reading.kinds, " odd")
    # Columns whose names begin with a blank are ours: no header has such a one. " odd" is the value
    # where it is no plain number (`:`, `1 in 8`), and '0' for every one that is.
    cells = f"""(SELECT *, CASE WHEN " number" IS NULL THEN " value" ELSE '0' END AS " odd" FROM (
      SELECT *, CASE WHEN regexp_matches(" value", '{_NUMBER}') AND isfinite(try_cast(" value" AS DOUBLE))
                     THEN try_cast(" value" AS DOUBLE) END AS " number"
      FROM (SELECT *, {reading.value} AS " value" FROM {reading.relation})))"""
    _combinations(con, cells, dims, areas, kinds, (reading.states or ())[:1])
    if reading.states is not None:
        column, code = reading.states
        found = con.execute(f"SELECT {code} FROM combinations WHERE of_set = 3").fetchall()
        must_state({row[0] for row in found}, spec, column)
    series = f"""SELECT *, {_limit(spec, 0)} AS low, {_limit(spec, 1)} AS high FROM (
       SELECT {_codes(dims)}, {mapped(reading.series, spec.keys)} AS series_key,
       {mapped(reading.unit, spec.units)} AS unit FROM {_distinct(0, dims)})"""
    _dictionary(con, "series", series, "series_key", "unit")
    geo = f"""SELECT *, {_one_of("geo", AREAS)} AS known, {_one_of("geo", spec.judged)} AS judged
       FROM (SELECT {_codes(areas)}, {reading.geo} AS geo FROM {_distinct(1, areas)})"""
    _dictionary(con, "areas", geo, "geo")
    _dictionary(con, "kinds", _judged(reading, spec), "period", "flags", "fault")
    con.execute(f"""CREATE TEMP TABLE rows AS
SELECT " place" AS place, (" place" - 1) // {reading.per_line} + 1 AS line, series.series_key,
       areas.geo, kinds.period, kinds.year, coalesce(" number", kinds.number) AS number,
       series.unit, kinds.flags, kinds.fault, " value" AS value, NOT areas.known AS strange,
       NOT areas.judged AND coalesce(
         coalesce(" number", kinds.number) NOT BETWEEN series.low AND series.high, false) AS outside
FROM (SELECT *, row_number() OVER () AS " place" FROM {cells}) cells
     {_join("series", dims)} {_join("areas", areas)} {_join("kinds", kinds)}""")
    con.execute(
        "CREATE TEMP VIEW good AS SELECT * FROM rows WHERE fault IS NULL AND NOT strange AND NOT outside"
    )
    # Of equal cells the one with the fewest flags stays, then the first; of differing ones none.
    con.execute(f"""CREATE TEMP TABLE again AS
SELECT place, CASE WHEN low <> high THEN 'duplicate_differs' ELSE 'duplicate_same' END AS why
FROM (
  SELECT place, min(number) OVER cell AS low, max(number) OVER cell AS high,
         row_number() OVER (PARTITION BY series_key, geo, year ORDER BY len({_FLAGS}), place) AS nth
  FROM good SEMI JOIN (
    SELECT series_key, geo, year FROM good GROUP BY ALL HAVING count(*) > 1
  ) twice USING (series_key, geo, year)
  WINDOW cell AS (PARTITION BY series_key, geo, year)
) WHERE low <> high OR nth > 1""")


def _combinations(con: duckdb.DuckDBPyConnection, cells: str, *sets: tuple[str, ...]) -> None:
    """The combinations that occur of each set of columns, from one pass. ParseError: no rows."""
    sets = tuple(columns for columns in sets if columns)
    marks = ", ".join(f'true AS " is {i}"' for i in range(len(sets)))
    grouped = ", ".join(f'(" is {i}", {_names(columns)})' for i, columns in enumerate(sets))
    which = " ".join(f'WHEN " is {i}" THEN {i}' for i in range(len(sets)))
    names = _names(dict.fromkeys(c for columns in sets for c in columns))
    con.execute(f"""CREATE TEMP TABLE combinations AS
SELECT {names}, CASE {which} END AS of_set FROM (SELECT *, {marks} FROM {cells})
GROUP BY GROUPING SETS ({grouped})""")
    if con.execute("SELECT count(*) FROM combinations").fetchall() == [(0,)]:
        raise ParseError("the body has a header and no rows")


def _one_of(column: str, values: Iterable[str]) -> str:
    """SQL that says whether a column holds one of the values."""
    listed = ", ".join(literal(v) for v in sorted(values))
    return f"{column} IN ({listed})" if listed else "false"


def _limit(spec: DatasetSpec, end: int) -> str:
    """SQL of the least (0) or greatest (1) value of a series; null where it has none."""
    cases = " ".join(
        f"WHEN {literal(key)} THEN {ends[end]!r}::DOUBLE" for key, ends in spec.limits.items()
    )
    return f"CASE series_key {cases} END" if cases else "NULL::DOUBLE"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _codes(columns: tuple[str, ...]) -> str:
    """Names of the columns that a dictionary is looked up by."""
    return ", ".join(f'" {i}"' for i in range(len(columns)))


def _distinct(number: int, columns: tuple[str, ...]) -> str:
    """The combinations of a set, under the columns' names and under those of _codes()."""
    both = ", ".join(f'{quoted(c)} AS " {i}"' for i, c in enumerate(columns))
    return f"(SELECT {both}, {_names(columns)} FROM combinations WHERE of_set = {number})"


def _dictionary(con: duckdb.DuckDBPyConnection, name: str, select: str, *texts: str) -> None:
    """A table of what each combination means, its texts as codes that sort as the texts do."""
    con.execute(f"CREATE TEMP TABLE {name} AS {select}")
    for column in texts:
        con.execute(
            f"CREATE TEMP TYPE {column}_code AS ENUM (SELECT DISTINCT coalesce({column}, '') AS code "
            f"FROM {name} ORDER BY code)"
        )
        con.execute(f"ALTER TABLE {name} ALTER {column} TYPE {column}_code")


def _join(name: str, columns: tuple[str, ...]) -> str:
    same = (f'cells.{quoted(c)} = {name}." {i}"' for i, c in enumerate(columns))
    return f"JOIN {name} ON {' AND '.join(same)}"


def _judged(reading: Reading, spec: DatasetSpec) -> str:
    """SELECT that reads each kind of row and names its fault, if it has one."""
    year, circa, fraction = _forms(spec.forms)
    kinds = (*reading.kinds, " odd")
    codes = _codes(kinds)
    late = f"year > {spec.until}" if spec.until is not None else "false"
    return f"""
SELECT {codes}, period, year, array_to_string(flags, ' ') AS flags, number, CASE
  -- a period of several years that may be read here is one of a year
  WHEN reason IS NOT NULL AND NOT (reason = 'not_annual' AND year IS NOT NULL) THEN reason
  WHEN list_contains(flags, 'target') THEN 'target_row'
  WHEN list_contains(flags, 'f') THEN 'forecast'
  WHEN list_contains(flags, 'c') AND {_one_of("lower(v)", NULLS)} THEN 'confidential'
  WHEN {_one_of("lower(v)", NULLS)} THEN 'no_value'
  WHEN {late} THEN 'forecast'
  WHEN lower(v) IN ('inf', '-inf', '+inf', 'infinity', '-infinity') THEN 'not_finite'
  WHEN number IS NULL THEN 'not_a_number'
  WHEN NOT isfinite(number) THEN 'not_finite'
  WHEN year IS NULL THEN 'period_not_read'
END AS fault
FROM (
  SELECT {codes}, period, reason, v, try_cast({year} AS INTEGER) AS year,
         coalesce(CASE WHEN regexp_matches(v, '{_NUMBER}') THEN try_cast(v AS DOUBLE) END,
                  {fraction}) AS number,
         list_sort(list_distinct(list_filter(
           regexp_split_to_array(coalesce(flags, ''), '[ ,;]+') || CASE WHEN {circa} THEN ['e'] ELSE [] END,
           lambda f: f <> ''))) AS flags
  FROM (
    SELECT {codes}, {reading.period} AS period, {reading.flags} AS flags,
           {reading.reason} AS reason, trim({reading.period}) AS p, trim(value) AS v
    FROM (SELECT *, " odd" AS value FROM {_distinct(2, kinds)})
  )
)"""


def _forms(forms: frozenset[str]) -> tuple[str, str, str]:
    """SQL of the year of a period `p`, of whether it is "about", and of the number of `v`."""
    year = [f"WHEN regexp_matches(p, '{_YEAR}') THEN p"]
    circa, fraction = "false", "NULL"
    if "range" in forms:
        year.append(f"WHEN regexp_matches(p, '{_RANGE}') THEN regexp_extract(p, '{_RANGE}', 1)")
        first = f"regexp_extract(p, '{_SEASON}', 1)::INTEGER"
        year.append(
            f"WHEN regexp_matches(p, '{_SEASON}') AND ({first} + 1) % 100 = "
            f"regexp_extract(p, '{_SEASON}', 2)::INTEGER THEN ({first} + 1)::VARCHAR"
        )
    if "circa" in forms:
        circa = f"regexp_matches(p, '{_CIRCA}')"
        year.append(
            f"WHEN {circa} THEN regexp_extract(p, '{_CIRCA}', 1) || regexp_extract(p, '{_CIRCA}', 2)"
        )
    if "fraction" in forms:
        fraction = (
            f"CASE WHEN regexp_matches(v, '{_FRACTION}') THEN "
            f"100.0 * regexp_extract(v, '{_FRACTION}', 1)::DOUBLE "
            f"/ nullif(regexp_extract(v, '{_FRACTION}', 2)::DOUBLE, 0) END"
        )
    return f"CASE {' '.join(year)} END", circa, fraction
