"""Bytes of a publisher's wire format in, rows and rejects out. Pure; no network here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.formats.spec import DatasetSpec, Parsed, ParseError

__all__ = ["FORMATS", "DatasetSpec", "ParseError", "Parsed", "parse", "parse_file", "streams"]
FORMATS = (
    "sdmx_csv", "sdmx_csv2", "jsonstat", "oecd_csv", "owid_csv", "curated_csv", "cbs_odata",
    "projection_csv", "worldbank_json", "unsdg_json", "gho_json",
)  # fmt: skip
_STREAMED = ("sdmx_csv", "sdmx_csv2")
_NO_ROW = "no row of the body can be used: see why in the publisher's answer"


def parse(body: bytes, spec: DatasetSpec) -> Parsed:
    """Parse one body. ParseError, in one line, if it is not whole or not this dataset's."""
    if spec.format not in FORMATS:
        raise ParseError(f"format {spec.format!r} is not one of {', '.join(FORMATS)}")
    from pipeline.formats import documents, tables

    module = tables if hasattr(tables, spec.format) else documents
    with _refused(spec):
        parsed: Parsed = getattr(module, spec.format)(body, spec)
    if parsed.observations.num_rows == 0:
        raise ParseError(_NO_ROW)
    # What is streamed has its registry names from the start.
    return parsed if streams(spec) else parsed.renamed(spec.keys, spec.units)


def streams(spec: DatasetSpec) -> bool:
    """Whether parse_file() can read this format."""
    return spec.format in _STREAMED


def parse_file(
    path: Path,
    spec: DatasetSpec,
    observations: Path,
    rejects: Path,
    sha256: str | None = None,
    limit: int | None = None,
) -> tuple[int, int]:
    """Parse the body in `path` (plain or gzip) into two Parquet files, in bounded memory.

    Gives the numbers of observations and rejects; the rows are those of parse(). `sha256` is
    that of the unpacked body and `limit` its greatest size in bytes. ParseError as parse(), and
    if the bytes are damaged or too many; neither file is there then.
    """
    from pipeline.formats import bulk, tables

    staged = [p.with_name(p.name + ".tmp") for p in (observations, rejects)]
    try:
        with (
            bulk.opened(path) as raw,
            closing(bulk.File("observations", staged[0])) as good,
            closing(bulk.File("rejects", staged[1])) as bad,
            _refused(spec),
        ):
            tables.sdmx_stream(bulk.Body(raw, sha256, limit), spec, good, bad, observations.parent)
        if good.rows == 0:
            raise ParseError(_NO_ROW)
        for source, target in zip(staged, (observations, rejects), strict=True):
            source.replace(target)
    finally:
        for source in staged:
            source.unlink(missing_ok=True)
    return good.rows, bad.rows


@contextmanager
def _refused(spec: DatasetSpec) -> Iterator[None]:
    try:
        yield
    except ParseError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # A field of another shape than the format's is the body's fault: one bad body must
        # end as one refused vintage, never as the end of the run.
        raise ParseError(
            f"the body is not shaped as {spec.format}: {type(error).__name__}: {str(error)[:120]}"
        ) from error
