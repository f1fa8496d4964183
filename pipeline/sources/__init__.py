"""Bytes of a publisher's wire format in, rows and rejects out. Pure; no network here."""

from __future__ import annotations

from pipeline.sources.spec import DatasetSpec, Parsed, ParseError

__all__ = ["FORMATS", "DatasetSpec", "ParseError", "Parsed", "parse"]
FORMATS = (
    "sdmx_csv", "sdmx_csv2", "jsonstat", "oecd_csv", "owid_csv", "curated_csv", "cbs_odata",
    "worldbank_json", "unsdg_json", "gho_json",
)  # fmt: skip


def parse(body: bytes, spec: DatasetSpec) -> Parsed:
    """Parse one body. ParseError, in one line, if it is not whole or not this dataset's."""
    if spec.format not in FORMATS:
        raise ParseError(f"format {spec.format!r} is not one of {', '.join(FORMATS)}")
    from pipeline.sources import documents, tables

    module = tables if hasattr(tables, spec.format) else documents
    try:
        parsed: Parsed = getattr(module, spec.format)(body, spec)
    except ParseError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # A field of another shape than the format's is the body's fault: one bad body must
        # end as one refused vintage, never as the end of the run.
        raise ParseError(
            f"the body is not shaped as {spec.format}: {type(error).__name__}: {str(error)[:120]}"
        ) from error
    if parsed.observations.num_rows == 0:
        raise ParseError("no row of the body can be used: see why in the publisher's answer")
    return parsed.renamed(spec.keys, spec.units)
