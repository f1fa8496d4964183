"""The SQL files of this project as a dbt project, for `make bench-peers`.

`write_project` needs no dbt. Queries become models, headers their tests, tables that a Python function
computes become Python models that call the same function; what no SQL file defines is a source, one
Parquet each, which `write_sources` takes from a work folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.sql import connect, literal, quoted
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import Column, Expectation, Model

PROJECT = "peers"
# The macros that dbt does not bring: schemas named as ours, and the tests that headers ask for.
MACROS = """\
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name or target.schema }}
{%- endmacro %}
{% test one_row_each(model, columns) %}
  SELECT {{ columns | join(', ') }} FROM {{ model }} GROUP BY ALL HAVING count(*) > 1
{% endtest %}
{% test between(model, column_name, min, max) %}
  SELECT * FROM {{ model }} WHERE {{ column_name }} < {{ min }} OR {{ column_name }} > {{ max }}
{% endtest %}
{% test number_of_rows(model, value) %}
  SELECT * FROM (SELECT count(*) AS n FROM {{ model }}) WHERE n <> {{ value }}
{% endtest %}
{% test contains(model, column_name, values) %}
  SELECT * FROM (VALUES {% for v in values %}('{{ v }}'){{ ', ' if not loop.last }}{% endfor %}) AS w(v)
  WHERE v NOT IN (SELECT {{ column_name }} FROM {{ model }} WHERE {{ column_name }} IS NOT NULL)
{% endtest %}
"""
PYTHON_MODEL = """\
from pipeline.progress.tables import FUNCTIONS


def model(dbt, session):
    dbt.config(materialized="table", schema={schema!r}, alias={alias!r})
{inputs}
    answers = FUNCTIONS[{function!r}](session.sql({query!r}).to_arrow_table())
    return session.sql({select!r})
"""


def node(table: str) -> str:
    """The name of a table's model: two layers may have tables of one name, dbt's models may not."""
    return table.replace(".", "__")


def tables_read(models: Mapping[str, Model]) -> list[str]:
    """What the models read and no SQL file defines."""
    return sorted({name for m in models.values() for name in m.upstream} - set(models))


def write_project(models: Mapping[str, Model], folder: Path, sources: Path, memory: str) -> None:
    """A dbt project in `folder` that reads the Parquet files in `sources` and writes one DuckDB."""
    for name in ("models", "macros", "tests"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _yaml(folder / "dbt_project.yml", {
        "name": PROJECT, "version": "1.0", "config-version": 2, "profile": PROJECT,
        "models": {PROJECT: {"+materialized": "table"}}, "flags": {"send_anonymous_usage_stats": False},
    })  # fmt: skip
    # One thread, as in pipeline/sql.py: sums of doubles depend on the order of threads.
    settings = {"threads": 1, "memory_limit": memory, "temp_directory": str(folder / "spilled")}
    output = {
        "type": "duckdb", "path": str(folder / f"{PROJECT}.duckdb"), "threads": 1,
        "settings": settings,
    }  # fmt: skip
    _yaml(folder / "profiles.yml", {PROJECT: {"target": "bench", "outputs": {"bench": output}}})
    (folder / "macros" / "macros.sql").write_text(MACROS)
    _yaml(folder / "models" / "sources.yml", _sources(tables_read(models), sources))
    properties = [_properties(m) for m in models.values()]
    _yaml(folder / "models" / "models.yml", {"models": properties})
    for model in models.values():
        ending, text = ("py", _python(model)) if model.function else ("sql", _sql(model))
        (folder / "models" / f"{node(model.name)}.{ending}").write_text(text)
        for expectation in model.expectations:
            if expectation.kind == "no_rows":
                file = folder / "tests" / f"{node(model.name)}__{expectation.name}.sql"
                file.write_text(_singular(model, expectation))


def write_sources(warehouse: Warehouse, models: Mapping[str, Model], folder: Path) -> None:
    """The tables that models read and no SQL file defines, from the work folder of a run."""
    with connect() as con:
        for name in tables_read(models):
            schema, table = name.split(".")
            target = folder / schema / f"{table}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            con.execute(
                f"COPY ({warehouse.select(schema, table)}) TO {literal(str(target))} (FORMAT parquet)"
            )


def _sources(tables: Iterable[str], folder: Path) -> dict[str, Any]:
    by_schema: dict[str, list[str]] = {}
    for name in tables:
        schema, table = name.split(".")
        by_schema.setdefault(schema, []).append(table)
    return {
        "sources": [
            {
                "name": schema,
                "config": {"meta": {"external_location": f"{folder}/{schema}/{{name}}.parquet"}},
                "tables": [{"name": table} for table in names],
            }
            for schema, names in by_schema.items()
        ]
    }


def _referring(sql: str, tables: Iterable[str], models: bool) -> str:
    """SQL whose tables are those of dbt: ref() or source()."""
    for name in sorted(tables):
        schema, table = name.split(".")
        is_model = schema in ("core", "marts")
        if is_model is models:
            there = f"ref('{node(name)}')" if is_model else f"source('{schema}', '{table}')"
            sql = re.sub(rf"\b{schema}\.{table}\b(?!\.)", f"{{{{ {there} }}}}", sql)
    return sql


def _dbt_sql(sql: str, tables: Iterable[str]) -> str:
    names = list(tables)
    return _referring(_referring(sql, names, True), names, False)


def _typed(columns: Iterable[Column], rows: str, grain: Iterable[str]) -> str:
    """The header's columns in its types and order of rows, as our tables have them."""
    listed = ", ".join(f"{quoted(c.name)}::{c.type} AS {quoted(c.name)}" for c in columns)
    order = ", ".join(f"{quoted(g)} NULLS FIRST" for g in grain)
    return f"SELECT {listed}\nFROM {rows}\nORDER BY {order}"


def _sql(model: Model) -> str:
    body = _dbt_sql(model.query, model.upstream)
    config = f"{{{{ config(schema='{model.layer}', alias='{model.table}') }}}}"
    rows = f"(\n{body}\n)"
    return f"{config}\n{_typed(model.columns, rows, model.grain)}\n"


def _python(model: Model) -> str:
    """A Python model: DuckDB finds the tables of its query as variables of the function."""
    query, inputs = model.query, []
    for name in sorted(model.upstream):
        schema, table = name.split(".")
        changed = re.sub(rf"\b{schema}\.{table}\b(?!\.)", node(name), query)
        if changed == query:
            continue  # read by a check alone
        query = changed
        there = (
            f"ref({node(name)!r})"
            if schema in ("core", "marts")
            else f"source({schema!r}, {table!r})"
        )
        inputs.append(f"    {node(name)} = dbt.{there}")
    return PYTHON_MODEL.format(
        schema=model.layer,
        alias=model.table,
        inputs="\n".join(inputs),
        function=model.function,
        query=query,
        select=_typed(model.columns, "answers", model.grain),
    )


def _singular(model: Model, expectation: Expectation) -> str:
    of = json.dumps({"dagster": {"ref": {"name": node(model.name)}}})
    config = f"{{{{ config(severity='{_severity(expectation)}', meta={of}) }}}}"
    body = _dbt_sql(expectation.options["sql"], {*model.upstream, model.name})
    return f"{config}\n-- depends_on: {{{{ ref('{node(model.name)}') }}}}\n{body}\n"


def _severity(expectation: Expectation) -> str:
    """In dbt what fails as an error holds up what follows, as what blocks does with us."""
    return "error" if expectation.blocking else "warn"


def _properties(model: Model) -> dict[str, Any]:
    of_table: list[Any] = []
    of_column: dict[str, list[Any]] = {}
    for expectation in model.expectations:
        test, arguments, column = _test(expectation)
        if not test:
            continue
        written = {test: {
            "name": f"{node(model.name)}__{expectation.name}",
            "config": {"severity": _severity(expectation)},
            **({"arguments": arguments} if arguments else {}),
        }}  # fmt: skip
        (of_column.setdefault(column, []) if column else of_table).append(written)
    columns = [
        {"name": c.name, "description": c.comment, "data_tests": of_column.get(c.name, [])}
        for c in model.columns
    ]
    return {
        "name": node(model.name),
        "description": model.description,
        "data_tests": of_table,
        "columns": columns,
    }


def _test(expectation: Expectation) -> tuple[str, dict[str, Any], str]:
    """dbt's test for an expectation: its name, arguments and column. Columns that differ from the
    header fail the model itself; what a query finds is a test in a file of its own."""
    options, column = expectation.options, str(expectation.options.get("column", ""))
    match expectation.kind:
        case "unique" if len(options["columns"]) == 1:
            return "unique", {}, options["columns"][0]
        case "unique":
            return "one_row_each", {"columns": options["columns"]}, ""
        case "not_null":
            return "not_null", {}, column
        case "in_set":
            given = [v for v in options["values"] if v is not None]
            return "accepted_values", {"values": given}, column
        case "between":
            low, high = options.get("min", "-inf"), options.get("max", "inf")
            return "between", {"min": f"'{low}'::DOUBLE", "max": f"'{high}'::DOUBLE"}, column
        case "contains":
            return "contains", {"values": options["values"]}, column
        case "rows":
            return "number_of_rows", {"value": options["value"]}, ""
    return "", {}, ""


def _yaml(file: Path, content: Any) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=200))
