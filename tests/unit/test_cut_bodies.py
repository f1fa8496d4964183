"""Bodies that were cut: refused, or every figure is what it was. A number cut short is a number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats import FORMATS, DatasetSpec, Parsed, ParseError, parse, parse_file

ROOT = Path(__file__).resolve().parents[2]


def spec(kind: str, forms: tuple[str, ...] = ()) -> DatasetSpec:
    return DatasetSpec("s", "d", kind, None, frozenset(forms))


def bundled() -> list[Any]:
    """(manifest's folder, format) of every vintage that the project brings."""
    folders = sorted(p.parent for p in (ROOT / "data" / "raw").rglob("manifest.json"))
    return [
        pytest.param(folder, json.loads((folder / "manifest.json").read_text())["format"],
                     id=f"{folder.parent.name}/{folder.name}")
        for folder in folders
    ]  # fmt: skip


def figures(found: Parsed) -> dict[tuple[str, str, str], float]:
    return {
        (r["series_key"], r["geo"], r["period"]): r["value"] for r in found.observations.to_pylist()
    }


@pytest.mark.parametrize(("folder", "kind"), bundled())
def test_a_cut_near_a_bodys_end_is_refused_or_leaves_every_figure_as_it_was(
    folder: Path, kind: str
) -> None:
    body = gzip.decompress((folder / "body.gz").read_bytes())
    given = spec(kind, ("range", "circa", "fraction"))
    whole = figures(parse(body, given))
    refused = 0
    for cut in range(1, 41):
        left = body[:-cut]
        try:
            found = figures(parse(left, given))
        except ParseError:
            refused += 1
            continue
        if left.rstrip() == body.rstrip():
            assert found == whole  # only blanks went
        else:
            # A line that went as a whole leaves no trace in the body; those before it are whole.
            assert kind.endswith(("_csv", "_csv2")) and left.endswith(b"\n")
            assert found.items() < whole.items()
    assert refused >= 30


CUT = {
    "sdmx_csv": "DATAFLOW,freq,geo,TIME_PERIOD,OBS_VALUE\nESTAT:E(1.0),A,NL,2020,609.85",
    "sdmx_csv2": "STRUCTURE,STRUCTURE_ID,freq,geo,TIME_PERIOD,OBS_VALUE\ndataflow,ESTAT:E(1.0),A,NL,2020,609.85",
    "eurostat_tsv": "freq,unit,geo\\TIME_PERIOD\t2019 \t2020 \nA,PC,NL\t: \t609.85",
    "oecd_csv": "DATAFLOW,FREQ,REF_AREA,TIME_PERIOD,OBS_VALUE\nX@D(1),A,NLD,2020,609.85",
    "owid_csv": "Entity,Code,Year,x\nNetherlands,NLD,2020,609.85",
    "curated_csv": "series,geo,period,unit,flag,value\na,NL,2020,%,,609.85",
    "projection_csv": "edition,target_year,page_url,low_pct,high_pct\nE1,2030,https://a.example,43,609.85",
}  # fmt: skip


# Small tables, which are read whole and never by file: tests/unit/test_downloads.py cuts them.
WHOLE = {"worldbank_csv", "statline_csv"}


def test_every_csv_format_is_cut_here() -> None:
    assert set(CUT) | WHOLE == {f for f in FORMATS if "csv" in f or "tsv" in f}


@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n \n", "\r\n\t"])
def test_a_number_that_may_be_cut_short_is_no_number_in_any_csv_format(
    kind: str, end: str, tmp_path: Path
) -> None:
    path, good, bad = (tmp_path / n for n in ("body", "o.parquet", "r.parquet"))

    def by_file(text: str) -> int:
        path.write_bytes(gzip.compress(text.encode()) if end == "\n" else text.encode())
        return parse_file(path, spec(kind), good, bad)[0]

    whole = CUT[kind] + end
    assert 609.85 in figures(parse(whole.encode(), spec(kind))).values()
    assert by_file(whole) == len(figures(parse(whole.encode(), spec(kind))))
    good.unlink()
    for cut in (CUT[kind], CUT[kind] + "  ", CUT[kind][:-1], CUT[kind][:-4]):
        with pytest.raises(ParseError, match="last line has no end"):
            parse(cut.encode(), spec(kind))
        with pytest.raises(ParseError, match="last line has no end"):
            by_file(cut)
        assert not good.exists()
    with pytest.raises(ParseError, match="damaged"):
        path.write_bytes(gzip.compress(whole.encode())[:-9])
        parse_file(path, spec(kind), good, bad)
