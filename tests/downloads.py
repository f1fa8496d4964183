"""What publishers' own pages hand out, made from the figures that ship with the project: the same cells
as the bundled vintage, in the download's columns, signs and order."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, str]


def bundled(name: str) -> bytes:
    """The body of a dataset's newest bundled vintage."""
    return gzip.decompress(
        (sorted((ROOT / "data" / "raw" / name).iterdir())[-1] / "body.gz").read_bytes()
    )


def rows_of(body: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8"), newline="")))


def written(
    names: Sequence[str], rows: Sequence[Sequence[str]], sign: str = ",", **how: int
) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sign, lineterminator="\n", **how)  # type: ignore[arg-type]
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue()


def tsv(rows: Sequence[Row]) -> bytes:
    """Eurostat TSV: a blank behind every period and cell, `:` where there is none, CRLF."""
    dims = [n for n in rows[0] if n == n.lower()]
    years = sorted({r["TIME_PERIOD"] for r in rows})
    cells: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for row in rows:
        value, flag = row["OBS_VALUE"] or ":", row.get("OBS_FLAG", "")
        cells[tuple(row[d] for d in dims)][row["TIME_PERIOD"]] = f"{value} {flag}"
    lines = [",".join(dims) + "\\TIME_PERIOD\t" + "\t".join(f"{y} " for y in years)]
    lines += [
        ",".join(k) + "\t" + "\t".join(v.get(y, ": ") for y in years) for k, v in cells.items()
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def labelled(
    rows: Sequence[Row], head: Mapping[str, str], dims: Sequence[str], rest: Sequence[str]
) -> bytes:
    """SDMX-CSV 2.0 with a column of labels behind each of codes."""
    names = [*head, *(n for d in dims for n in (d, d.replace("_", " ").capitalize())),
             *(n for r in rest for n in (r, r.replace("_", " ").capitalize()))]  # fmt: skip
    body = [
        [*head.values(), *(c for d in dims for c in (r[d], f"label of {r[d]}")),
         *(c for n in rest for c in (r.get(n, ""), ""))]
        for r in rows
    ]  # fmt: skip
    return written(names, body).encode()


def json_stat(rows: Sequence[Row], code: str) -> bytes:
    """Eurostat's JSON-stat: a sparse cube."""
    dims = {d: sorted({r[d] for r in rows}) for d in rows[0] if d == d.lower()}
    dims["time"] = sorted({r["TIME_PERIOD"] for r in rows})
    value, status = {}, {}
    for row in rows:
        place = 0
        for dim, codes in dims.items():
            place = place * len(codes) + codes.index(row.get(dim) or row["TIME_PERIOD"])
        if row["OBS_VALUE"]:
            value[str(place)] = float(row["OBS_VALUE"])
        if row["OBS_FLAG"]:
            status[str(place)] = row["OBS_FLAG"]
    return json.dumps({
        "version": "2.0", "class": "dataset", "id": list(dims), "size": [len(c) for c in dims.values()],
        "dimension": {d: {"category": {"index": {c: n for n, c in enumerate(codes)}}} for d, codes in dims.items()},
        "value": value, "status": status, "extension": {"id": code},
    }).encode()  # fmt: skip


def world_bank(figures: Mapping[tuple[str, str], str], code: str, heading: bool) -> bytes:
    """The CSV of an indicator's page (`heading`), or of DataBank. `figures`: (ISO 3, year) → value."""
    years = [str(y) for y in range(2010, 2023)]
    areas = sorted({a for a, _ in figures})
    cells = [[figures.get((a, y), "" if heading else "..") for y in years] for a in areas]
    quoted = {"quoting": csv.QUOTE_ALL}
    if heading:
        names = ["Country Name", "Country Code", "Indicator Name", "Indicator Code", *years, ""]
        body = [
            [f"Land {a}", a, "Marine, protected", code, *c, ""]
            for a, c in zip(areas, cells, strict=True)
        ]
        top = '\ufeff"Data Source","World Development Indicators",\n\n"Last Updated Date","2023-03-01",\n\n'
        return (top + written(names, body, **quoted)).encode()
    names = [
        "Country Name",
        "Country Code",
        "Series Name",
        "Series Code",
        *(f"{y} [YR{y}]" for y in years),
    ]
    body = [
        [f"Land {a}", a, "Marine, protected", code, *c] for a, c in zip(areas, cells, strict=True)
    ]
    end = '"","","",""\n"Data from database: World Development Indicators"\n"Last Updated: 03/01/2023"\n'
    return (written(names, body, **quoted) + "\n\n" + end.split("\n", 1)[1]).encode()


def statline(
    document: Mapping[str, dict[str, list[Row]]],
    topics: Mapping[str, str],
    sources: Mapping[str, str],
) -> bytes:
    """StatLine's CSV without symbols: titles, semicolons, decimal commas, a column for each topic.

    `topics`: measure → title with unit; `sources`: code of BronTechniek → title.
    """
    status = {p["Identifier"]: p for p in document["PeriodenCodes"]["value"]}
    cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in document["Observations"]["value"]:
        if row["Measure"] in topics and row["BronTechniek"] in sources:
            value = "" if row["Value"] is None else str(row["Value"]).replace(".", ",")
            cells[row["BronTechniek"], row["Perioden"]][row["Measure"]] = value
    body = [
        [sources[source], period[:4] + ("" if status[period]["Status"] == "Definitief" else "**"),
         *(found.get(m, "") for m in topics)]
        for (source, period), found in cells.items()
    ]  # fmt: skip
    names = ["Bron/techniek", "Perioden", *topics.values()]
    return ("\ufeff" + written(names, body, ";", quoting=csv.QUOTE_ALL)).encode()


def zipped(**files: bytes | str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def cbs_zip(document: Mapping[str, dict[str, list[Row]]]) -> bytes:
    """The zip of a whole table: a CSV for observations and for each list of codes."""
    files = {}
    for part, content in document.items():
        rows = content["value"]
        names = list(rows[0])
        body = [["" if r[n] is None else str(r[n]).replace(".", ",") if n == "Value" else str(r[n])
                 for n in names] for r in rows]  # fmt: skip
        files[f"{part}.csv"] = "\ufeff" + written(names, body, ";", quoting=csv.QUOTE_ALL)
    return zipped(**files)


def workbook(*sheets: Sequence[Sequence[str | float]]) -> bytes:
    """A minimal .xlsx: numbers as numbers, texts inline."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    offices = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    files = {
        f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{main}"><sheetData>'
        + "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        + "</sheetData></worksheet>"
        for n, rows in enumerate(sheets, 1)
    }
    numbers = range(1, len(sheets) + 1)
    files["[Content_Types].xml"] = (
        f'<Types xmlns="{packages}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
        'Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.'
        'sheet.main+xml"/></Types>'
    )
    files["_rels/.rels"] = (
        f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r" Type="{offices}/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>'
    )
    files["xl/workbook.xml"] = (
        f'<workbook xmlns="{main}" xmlns:r="{offices}"><sheets>'
        + "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        + "</sheets></workbook>"
    )
    files["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{packages}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{offices}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + "</Relationships>"
    )
    return zipped(**files)
