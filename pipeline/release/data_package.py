"""The data package of a release (Frictionless): what each Parquet file holds, whose figures they
are and on which terms. What a table is stands in its SQL header.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from pipeline.files import sha256_of
from pipeline.release.database import dicts
from pipeline.warehouse.model import Model

if TYPE_CHECKING:
    import duckdb


_TYPES = {
    "VARCHAR": "string", "INTEGER": "integer", "BIGINT": "integer", "DOUBLE": "number",
    "BOOLEAN": "boolean", "DATE": "date",
}  # fmt: skip
_CC_BY = {
    "name": "CC-BY-4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
    "title": "Creative Commons Attribution 4.0",
}
_OWN = {
    "name": "EUPL-1.2",
    "path": "https://eupl.eu/1.2/en/",
    "title": "European Union Public Licence 1.2",
}


def _licence(text: str) -> dict[str, str]:
    # Names are those of the Open Definition's list, as the data package standard asks.
    if "CC BY 4.0" in text:
        return {**_CC_BY, "title": text}
    return {"name": "other-at" if "attribution" in text else "notspecified", "title": text}


def _sources(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The datasets in use, with the vintage that was read."""
    rows = dicts(
        con,
        "SELECT source, dataset, title, publisher, vintage_id, known_from, licence, citation, landing_url "
        "FROM marts.source_status WHERE vintage_id IS NOT NULL ORDER BY source, dataset",
    )
    found = []
    for row in rows:
        # Where the figures are several publishers', there is no one page.
        path = {"path": row["landing_url"]} if row["landing_url"] else {}
        found.append(
            {
                "title": f"{row['publisher']}: {row['title']} ({row['dataset']})",
                **path,
                "version": row["vintage_id"],
                "known_from": row["known_from"].isoformat(),
                "licence": row["licence"],
                "citation": row["citation"],
            }
        )
    return found


def _unique(items: list[Any]) -> list[Any]:
    return [x for n, x in enumerate(items) if x not in items[:n]]


def _holds_figures(model: Model, models: Mapping[str, Model]) -> bool:
    """Is anything that publishers gave upstream of it?"""
    return any(
        u.startswith("raw.") or (u in models and _holds_figures(models[u], models))
        for u in model.upstream
    )


def _field(model: Model, name: str, kind: str, comment: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": name,
        # Frictionless gets a Parquet list as a numpy array, which is none of its arrays.
        "type": "any" if kind.endswith("[]") else _TYPES[kind],
        "description": comment,
        "duckdb_type": kind,
    }
    constraints: dict[str, Any] = {}
    for e in model.expectations:
        if e.options.get("column") == name and e.blocking and e.severity == "error":
            if e.kind == "not_null":
                constraints["required"] = True
            elif e.kind == "in_set" and not kind.endswith("[]"):
                constraints["enum"] = [v for v in e.options["values"] if v is not None]
    if constraints:
        field["constraints"] = constraints
    return field


def never_null(model: Model, column: str) -> bool:
    """Does a blocking check hold that the column is given in every row?"""
    return any(
        e.kind == "not_null" and e.options.get("column") == column and e.blocking
        for e in model.expectations
    )


def describe(
    con: duckdb.DuckDBPyConnection,
    release: Path,
    tables: list[Model],
    models: Mapping[str, Model],
    identity: Mapping[str, str],
) -> dict[str, Any]:
    """The descriptor of the Parquet files in `release`, whose database `con` has open.

    `identity`: release_id and reference_date. It has no `bytes`: frictionless counts none for
    Parquet and would call every file damaged; sha256 says more.
    """
    sources = _sources(con)
    citation = (
        f"Missiemonitor, release {identity['release_id']}, "
        f"reference date {identity['reference_date']}"
    )
    licences = _unique([_licence(s["licence"]) for s in sources]) or [_OWN]
    resources = []
    for model in tables:
        file = release / f"{model.table}.parquet"
        figures = _holds_figures(model, models) and bool(sources)
        resource: dict[str, Any] = {
            "name": model.table,
            "path": file.name,
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "description": model.description,
            "hash": f"sha256:{sha256_of(file)}",
            "size_bytes": file.stat().st_size,
            "rows": pq.read_metadata(file).num_rows,
            "licenses": licences if figures else [_OWN],
            "citation": citation,
            "schema": {
                "fields": [_field(model, c.name, c.type, c.comment) for c in model.columns],
            },
        }
        if figures:
            # Its sources are the package's, which a resource inherits.
            resource["citation"] += "; figures of " + "; ".join(
                _unique([s["citation"] for s in sources])
            )
        else:
            resource["sources"] = [{"title": "Missiemonitor's registry"}]
        if all(never_null(model, g) for g in model.grain):
            resource["schema"]["primaryKey"] = list(model.grain)
        resources.append(resource)
    return {
        "name": "missiemonitor",
        "title": "Missiemonitor: how far the Netherlands has come on its missions",
        "id": identity["release_id"],
        "version": identity["release_id"],
        "profile": "data-package",
        "licenses": _unique([*licences, _OWN]),
        "citation": citation,
        "sources": sources,
        "resources": resources,
        "reference_date": identity["reference_date"],
    }
