"""Eurostat's dissemination API: SDMX 2.1 and 3.0 data, Statistics API, queue, structures.

After its own OpenAPI description and recorded answers: a key with a wrong number of positions is
refused, a code that is not known is dropped without a word, size is counted as the cross product
of the codes that match, and big or unlucky requests are queued with HTTP 200.
"""

from __future__ import annotations

import gzip
import re
import uuid
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any
from xml.sax.saxutils import escape

from tests.publisher.faults import Response, edited
from tests.publisher.figures import NAMES, Cell, Cube
from tests.publisher.protocols.common import as_csv, as_json, text

_CSV = "application/vnd.sdmx.data+csv;version=1.0.0"
_CSV2 = "application/vnd.sdmx.data+csv;version=2.0.0"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
Chosen = Mapping[str, "set[str] | None"]


def is_data(ask: Any) -> bool:
    joined = "/".join(ask.path)
    return "/data/" in joined or joined.startswith("1.0/async/")


def answer(ask: Any, publisher: Any) -> Response:
    path = ask.path
    if path[:3] == ("statistics", "1.0", "data") and len(path) == 4:
        return _statistics(ask, publisher)
    if path[:3] == ("sdmx", "2.1", "data") and len(path) in (4, 5):
        return _sdmx21(ask, publisher)
    if path[:5] == ("sdmx", "3.0", "data", "dataflow", "ESTAT") and len(path) in (7, 8):
        return _sdmx30(ask, publisher)
    if path[:2] == ("1.0", "async") and len(path) == 4:
        return _async(ask, publisher)
    if path[:2] == ("sdmx", "2.1") or path[:3] == ("sdmx", "3.0", "structure"):
        return _structure(ask, publisher)
    if path == ("catalogue", "toc", "txt"):
        return _toc(publisher)
    return fault(404, "100", "ERR_NOT_FOUND: no such resource", 404)


def fault(code: int, faultcode: str, said: str, status: int = 0, inside: bool = False) -> Response:
    body = (
        f'<S:Fault xmlns:S="{_SOAP}"><faultcode>{faultcode}</faultcode>'
        f"<faultstring>{escape(said)}</faultstring></S:Fault>"
    )
    if inside:
        body = f'<S:Envelope xmlns:S="{_SOAP}"><S:Body>{body}</S:Body></S:Envelope>'
    return text(f'<?xml version="1.0" encoding="UTF-8"?>{body}', status or code, "application/xml")


def _not_found(code: str) -> Response:
    return fault(
        404, "100", f"ERR_NOT_FOUND_2: DATA_SET:{code} is not available for dissemination."
    )


def _time(cell: Cell, tests: list[tuple[str, str]]) -> bool:
    """Periods compare as their text does within a grain; a year stands for all of it."""
    for op, bound in tests:
        at = cell.period[: len(bound)]
        if not {
            "ge": at >= bound, "le": at <= bound, "gt": at > bound, "lt": at < bound,
            "eq": cell.period == bound,
        }[op]:  # fmt: skip
            return False
    return True


def _select(
    cube: Cube, chosen: Chosen, tests: list[tuple[str, str]], ask: Any
) -> tuple[list[Cell], int]:
    """The cells that match, and the size of the request as Eurostat counts it."""
    if "filter_ignored" in ask.faults:
        chosen, tests = {}, []

    def has(cell: Cell) -> bool:
        return all(
            wanted is None or (cell.geo if d == cube.area else cell.of(d)).upper() in wanted
            for d, wanted in chosen.items()
        )

    cells = [c for c in cube.cells if has(c) and _time(c, tests)]
    size = max(1, len({c.period for c in cube.cells if _time(c, tests)}))
    for dim in cube.dims:
        wanted = chosen.get(dim)
        known = [c for c in cube.codes_of(dim) if wanted is None or c.upper() in wanted]
        size *= max(1, len(known))
    return edited(cells, sorted(ask.faults)), size


def _gate(
    ask: Any, publisher: Any, cube: Cube, size: int, make: Callable[[], Response], empty: bool
) -> Response:
    """The answer, or what Eurostat says instead of it."""
    limits, faults = publisher.limits, ask.faults
    if "too_big_always" in faults or "too_big" in faults or size > limits.max_cells:
        return fault(
            413, "413",
            f"EXTRACTION_TOO_BIG: The requested extraction is too big, estimated {size} rows, max "
            f"authorised is {limits.max_cells}, please change your filters to reduce the extraction "
            "size",
        )  # fmt: skip
    queued = {"queue", "queue_never", "queue_expired", "queue_unknown"} & faults
    if queued or size > limits.sync_cells:
        key = str(uuid.uuid4())
        with publisher.lock:
            publisher.queue[key] = {
                "polls": 0, "make": make, "never": "queue_never" in faults,
                "expired": "queue_expired" in faults, "unknown": "queue_unknown" in faults,
            }  # fmt: skip
        return text(
            '<?xml version="1.0" encoding="UTF-8" ?><env:Envelope xmlns:env="' + _SOAP + '">'
            "<env:Header/><env:Body><ns0:syncResponse xmlns:ns0="
            '"http://estat.ec.europa.eu/disschain/soap/extraction"><processingTime>111'
            f"</processingTime><queued><id>{key}</id><status>SUBMITTED</status></queued>"
            "</ns0:syncResponse></env:Body></env:Envelope>",
            kind="application/xml",
        )
    if empty and "nothing_found" not in faults:
        return fault(404, "100", f"ERR_NOT_FOUND_4: no results for {cube.code}")
    return make()


def _async(ask: Any, publisher: Any) -> Response:
    what, key = ask.path[2], ask.path[3]
    with publisher.lock:
        job = publisher.queue.get(key)
        if job is None or job["unknown"]:
            return fault(400, "100", "UNKNOWN_REQUEST: Unknown request.", inside=True)
        if what == "status":
            job["polls"] += 1
        done = not job["never"] and job["polls"] >= publisher.limits.queue_polls
    if what == "status":
        state = "AVAILABLE" if done else ("PROCESSING" if job["polls"] > 1 else "SUBMITTED")
        if job["expired"] and done:
            state = "EXPIRED"
        return text(
            f'<?xml version="1.0" encoding="UTF-8"?> <S:Envelope xmlns:S="{_SOAP}"><S:Body>'
            "<ns0:asyncResponse xmlns:ns1="
            '"http://estat.ec.europa.eu/disschain/asynchronous" xmlns:ns0='
            '"http://estat.ec.europa.eu/disschain/soap/asynchronous"><ns1:status>'
            f"<ns1:key>{key}</ns1:key><ns1:status>{state}</ns1:status></ns1:status>"
            "</ns0:asyncResponse></S:Body></S:Envelope>",
            kind="application/xml",
        )
    if not done or job["expired"]:
        return fault(
            400, "100",
            "DATA_NOT_YET_AVAILABLE: Requested data is not yet available for download. Check the "
            "status of your request.", inside=True,
        )  # fmt: skip
    response: Response = job["make"]()
    return response


def _packed(response: Response, packed: bool) -> Response:
    if packed and response.status == 200:
        # As a file: Content-Disposition says so, Content-Encoding does not.
        response.body = gzip.compress(response.body, mtime=0)
        response.headers["Content-Disposition"] = 'attachment; filename="data.csv.gz"'
    return response


def _cell_parts(c: Cell, cube: Cube, faults: frozenset[str]) -> tuple[list[str], str, str, str]:
    dims = [c.geo if d == cube.area else c.of(d) for d in cube.dims]
    if "case_of_codes" in faults:
        dims = [d.lower() for d in dims]
    if "unit_changed" in faults and "unit" in cube.dims:
        dims[cube.dims.index("unit")] = "EUR_HAB"
    flags = c.flags + ("q" if "extra_flag" in faults else "")
    secret = "C" if "c" in c.flags and c.value == "" else ""
    return dims, c.value, flags, secret


def _stamp(cube: Cube, faults: frozenset[str]) -> str:
    year, month, day = cube.updated.split("-")
    hour = "11" if "updated_stamp" in faults else "23"
    return f"{day}/{month}/{year[2:]} {hour}:00:00"


def _csv1(cube: Cube, cells: list[Cell], ask: Any) -> Response:
    name = "DEMO_GIND" if "other_dataset" in ask.faults else cube.code
    rows = []
    for c in cells:
        dims, value, flags, secret = _cell_parts(c, cube, ask.faults)
        rows.append(
            [f"ESTAT:{name}(1.0)", _stamp(cube, ask.faults), *dims, c.period, value, flags, secret]
        )
    header = ["DATAFLOW", "LAST UPDATE", *cube.dims, "TIME_PERIOD", "OBS_VALUE", "OBS_FLAG", "CONF_STATUS"]  # fmt: skip
    return as_csv(header, rows, _CSV, ask.faults, fixed=2)


def _csv2(cube: Cube, cells: list[Cell], ask: Any) -> Response:
    name = "DEMO_GIND" if "other_dataset" in ask.faults else cube.code
    rows = []
    for c in cells:
        dims, value, flags, secret = _cell_parts(c, cube, ask.faults)
        rows.append(["dataflow", f"ESTAT:{name}(1.0)", *dims, c.period, value, flags, secret])
    header = ["STRUCTURE", "STRUCTURE_ID", *cube.dims, "TIME_PERIOD", "OBS_VALUE", "OBS_FLAG", "CONF_STATUS"]  # fmt: skip
    return as_csv(header, rows, _CSV2, ask.faults, fixed=2)


def _sdmx21(ask: Any, publisher: Any) -> Response:
    cube = publisher.world.find("eurostat", ask.path[3])
    if cube is None:
        return _not_found(ask.path[3])
    key = ask.path[4] if len(ask.path) == 5 else "all"
    chosen: dict[str, set[str] | None] = {}
    if key != "all":
        if not re.fullmatch(r"([.A-Za-z\d_@$-]+(\+[A-Za-z\d_@$-]+)*)*", key):
            return fault(400, "140", "SYNTAX: the key does not match its pattern")
        parts = key.split(".")
        if len(parts) != len(cube.dims):
            return fault(
                400, "140",
                f"ERR_KEY: the key has {len(parts)} positions, {cube.code} has {len(cube.dims)}",
            )  # fmt: skip
        chosen = {
            d: {v.upper() for v in part.split("+")} if part else None
            for d, part in zip(cube.dims, parts, strict=True)
        }
    tests = [
        (op, ask.get(name)) for op, name in (("ge", "startPeriod"), ("le", "endPeriod"))
        if ask.get(name)
    ]  # fmt: skip
    cells, size = _select(cube, chosen, tests, ask)
    kind = ask.get("format", "SDMX_2.1_STRUCTURED").upper()
    packed = ask.get("compressed") == "true"
    if kind == "SDMX-CSV":
        return _gate(
            ask, publisher, cube, size, lambda: _packed(_csv1(cube, cells, ask), packed), not cells
        )
    if kind == "TSV":
        return _gate(
            ask, publisher, cube, size, lambda: _packed(_tsv(cube, cells), packed), not cells
        )
    return fault(406, "140", f"format {kind}: not on the bench")


def _tsv(cube: Cube, cells: list[Cell]) -> Response:
    periods = sorted({c.period for c in cells})
    series: dict[tuple[str, ...], dict[str, str]] = {}
    for c in cells:
        key = tuple([c.of(d) for d in cube.dims if d != "geo"] + [c.geo])
        series.setdefault(key, {})[c.period] = f"{c.value or ':'} {c.flags}"
    head = ",".join([d for d in cube.dims if d != "geo"]) + ",geo\\TIME_PERIOD"
    lines = ["\t".join([head, *(f"{p} " for p in periods)])]
    lines += [
        "\t".join([",".join(k), *(v.get(p, ": ") for p in periods)]) for k, v in series.items()
    ]
    return text("\r\n".join(lines) + "\r\n", kind="text/tab-separated-values")


def _sdmx30(ask: Any, publisher: Any) -> Response:
    cube = publisher.world.find("eurostat", ask.path[5])
    if cube is None:
        return _not_found(ask.path[5])
    chosen: dict[str, set[str] | None] = {}
    tests: list[tuple[str, str]] = []
    if len(ask.path) == 8 and ask.path[7] != "*":
        parts = ask.path[7].split(".")
        if len(parts) != len(cube.dims):
            return fault(400, "140", f"ERR_KEY: {len(parts)} positions, not {len(cube.dims)}")
        chosen = {
            d: None if p == "*" else {p.upper()} for d, p in zip(cube.dims, parts, strict=True)
        }
    known = {d.lower(): d for d in cube.dims}
    for name, value in ask.query:
        if not (found := re.fullmatch(r"c\[(\w+)\]", name)):
            continue
        dim = found[1].lower()
        if dim == "time_period":
            for part in value.split("+"):
                op, _, bound = part.rpartition(":")
                tests.append((op or "eq", bound))
        elif dim not in known:
            return fault(400, "150", f"SEMANTIC: component {found[1]} is not one of {cube.code}")
        else:
            # Codes that are not known fall away without a word.
            codes = {v.removeprefix("eq:").upper() for v in value.split(",")}
            have = {c.upper() for c in cube.codes_of(known[dim])}
            chosen[known[dim]] = codes & have if codes & have else codes
    form = ask.get("format", "structure")
    if form != "csvdata" or ask.get("formatVersion") not in ("1.0", "2.0"):
        return fault(406, "140", f"format {form} {ask.get('formatVersion')}: not on the bench")
    cells, size = _select(cube, chosen, tests, ask)
    write = _csv2 if ask.get("formatVersion") == "2.0" else _csv1
    packed = ask.get("compress", "true") != "false"
    return _gate(
        ask, publisher, cube, size, lambda: _packed(write(cube, cells, ask), packed), not cells
    )


def _statistics(ask: Any, publisher: Any) -> Response:
    cube = publisher.world.find("eurostat", ask.path[3])
    if cube is None:
        label = f"ERR_NOT_FOUND_4: {ask.path[3]} (DATA_FLOW:ALL,1.0) is not available for dissemination."
        return as_json({"error": [{"status": 404, "id": 100, "label": label}]}, 404)
    if "warning" in ask.faults:
        label = "ASYNCHRONOUS_RESPONSE. Your request will be treated asynchronously. Please try again later."
        return as_json({"warning": {"status": 413, "label": label}})
    known = {d.lower(): d for d in cube.dims}
    chosen: dict[str, set[str] | None] = {}
    tests: list[tuple[str, str]] = []
    times: set[str] = set()
    for name, value in ask.query:
        low = name.lower()
        if low in ("format", "lang", "geolevel"):
            continue
        if low == "time":
            times.add(value)
        elif low == "sincetimeperiod":
            tests.append(("ge", value))
        elif low == "untiltimeperiod":
            tests.append(("le", value))
        elif low == "lasttimeperiod":
            # Counted from the newest period of the dataset, whatever the area has.
            tests.append(("ge", cube.periods()[-int(value) :][0]))
        elif low not in known:
            label = f"INVALID_PARAMETER: {name} is not a dimension of {cube.code}"
            return as_json({"error": [{"status": 400, "id": 150, "label": label}]}, 400)
        else:
            wanted = chosen.setdefault(known[low], set())
            if wanted is not None:
                wanted.add(value.upper())
    cells, size = _select(cube, chosen, tests, ask)
    if times and "filter_ignored" not in ask.faults:
        cells = [c for c in cells if c.period in times]
    if ask.faults & {"too_big", "too_big_always"} or size > publisher.limits.max_cells:
        label = (
            f"EXTRACTION_TOO_BIG: The requested extraction is too big, estimated {size} rows, max "
            f"authorised is {publisher.limits.max_cells}, please change your filters to reduce the "
            "extraction size"
        )
        return as_json({"error": [{"status": 413, "id": 413, "label": label}]}, 413)
    if size > publisher.limits.sync_cells:
        label = "ASYNCHRONOUS_RESPONSE. Your request will be treated asynchronously. Please try again later."
        return as_json({"warning": {"status": 413, "label": label}})
    if "header_only" in ask.faults:
        cells = []
    return as_json(_jsonstat(cube, cells, chosen, ask))


def _jsonstat(cube: Cube, cells: list[Cell], chosen: Chosen, ask: Any) -> dict[str, Any]:
    axes: list[tuple[str, list[str]]] = []
    for dim in cube.dims:
        wanted = chosen.get(dim)
        codes = [c for c in cube.codes_of(dim) if wanted is None or c.upper() in wanted]
        held = {c.geo if dim == cube.area else c.of(dim) for c in cells}
        axes.append((dim, codes if codes else sorted(held)))
    axes.append(("time", sorted({c.period for c in cells})))
    at = {
        tuple([c.geo if d == cube.area else c.of(d) for d in cube.dims] + [c.period]): c
        for c in cells
    }
    value: dict[str, Any] = {}
    status: dict[str, str] = {}
    for i, place in enumerate(product(*(codes for _, codes in axes))):
        c = at.get(place)
        if c is None:
            continue
        if c.value != "":
            value[str(i)] = float(c.value) if re.fullmatch(r"[-\d.e+]+", c.value) else c.value
        if c.flags:
            status[str(i)] = (
                c.flags if c.value else f"|{c.flags.upper()}" if c.flags == "c" else c.flags
            )
    body = {
        "version": "2.0", "class": "dataset", "label": cube.title, "source": "ESTAT",
        "updated": f"{cube.updated}T23:00:00+0200",
        "value": value,
        "id": [d for d, _ in axes],
        "size": [len(codes) for _, codes in axes],
        "dimension": {
            d: {
                "label": d,
                "category": {
                    "index": {c: i for i, c in enumerate(codes)},
                    "label": {c: NAMES.get(c, c) for c in codes},
                },
            }
            for d, codes in axes
        },
        "extension": {
            "lang": "EN", "id": cube.code, "agencyId": "ESTAT", "version": "1.0",
            "datastructure": {"id": cube.code, "agencyId": "ESTAT", "version": "12.0"},
            "annotation": [
                {"type": "UPDATE_DATA", "date": f"{cube.updated}T23:00:00+0200"},
                {"type": "OBS_COUNT", "title": str(len(cube.cells))},
                {"type": "OBS_PERIOD_OVERALL_LATEST", "title": cube.periods()[-1]},
                {"type": "OBS_PERIOD_OVERALL_OLDEST", "title": cube.periods()[0]},
            ],
        },
    }  # fmt: skip
    if status:
        body["status"] = status
    if "column_renamed" in ask.faults:
        body["observation"] = body.pop("value")
    return body


_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><m:Structure '
    'xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" '
    'xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure" '
    'xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"><m:Structures>'
)
_TAIL = "</m:Structures></m:Structure>"


def structure_xml(cube: Cube, agency: str, name: str, kind: str, area: Callable[[str], str]) -> str:
    """`kind`: contentconstraint · datastructure · dataflow, as SDMX-ML 2.1."""
    if kind == "contentconstraint":
        keys = "".join(
            f'<c:KeyValue id="{d}">'
            + "".join(
                f"<c:Value>{escape(area(v) if d == cube.area else v)}</c:Value>"
                for v in cube.codes_of(d)
            )
            + "</c:KeyValue>"
            for d in cube.dims
        )
        inner = (
            f'<s:Constraints><s:ContentConstraint id="{name}" agencyID="{agency}" version="1.0" '
            f'type="Actual"><c:Name xml:lang="en">{name}</c:Name><s:CubeRegion include="true">{keys}'
            "</s:CubeRegion></s:ContentConstraint></s:Constraints>"
        )
    elif kind == "datastructure":
        dims = "".join(
            f'<s:Dimension id="{d}" position="{i}"><s:LocalRepresentation><s:Enumeration>'
            f'<Ref id="{d.upper()}" version="1.0" agencyID="{agency}" package="codelist" '
            'class="Codelist"/></s:Enumeration></s:LocalRepresentation></s:Dimension>'
            for i, d in enumerate(cube.dims, 1)
        )
        inner = (
            f'<s:DataStructures><s:DataStructure id="{name}" agencyID="{agency}" version="1.0">'
            f'<c:Name xml:lang="en">{name}</c:Name><s:DataStructureComponents>'
            f'<s:DimensionList id="DimensionDescriptor">{dims}<s:TimeDimension id="TIME_PERIOD" '
            f'position="{len(cube.dims) + 1}"/></s:DimensionList></s:DataStructureComponents>'
            "</s:DataStructure></s:DataStructures>"
        )
    else:
        inner = (
            f'<s:Dataflows><s:Dataflow id="{name}" agencyID="{agency}" version="1.0">'
            f'<c:Name xml:lang="en">{escape(cube.title)}</c:Name><s:Structure><Ref id="{name}" '
            f'version="1.0" agencyID="{agency}" package="datastructure" class="DataStructure"/>'
            "</s:Structure></s:Dataflow></s:Dataflows>"
        )
    return _HEAD + inner + _TAIL


def codelist_xml(name: str, agency: str, codes: Mapping[str, str]) -> str:
    items = "".join(
        f'<s:Code id="{escape(c)}"><c:Name xml:lang="en">{escape(label)}</c:Name></s:Code>'
        for c, label in codes.items()
    )
    return (
        f'{_HEAD}<s:Codelists><s:Codelist id="{name}" agencyID="{agency}" version="1.0">'
        f'<c:Name xml:lang="en">{name}</c:Name>{items}</s:Codelist></s:Codelists>{_TAIL}'
    )


def _structure(ask: Any, publisher: Any) -> Response:
    path = ask.path[3:] if ask.path[:3] == ("sdmx", "3.0", "structure") else ask.path[2:]
    if len(path) < 3:
        return fault(400, "140", "SYNTAX: kind, agency and id are needed")
    kind, agency, name = path[0], path[1], path[2]
    if kind == "codelist":
        dim = name.lower()
        codes = sorted(
            {
                c
                for cube in publisher.world.of("eurostat")
                if dim in cube.dims
                for c in cube.codes_of(dim)
            }
        )
        if not codes:
            return fault(404, "100", f"ERR_NOT_FOUND_3: CODELIST:{name} is not available")
        labels = {c: NAMES.get(c, f"{dim} {c}") for c in codes}
        form = ask.get("format", "").upper()
        if form == "TSV":
            return text("".join(f"{c}\t{v}\n" for c, v in labels.items()), kind="text/plain")
        if form == "JSON":
            return as_json({
                "version": "2.0", "class": "dimension", "label": name,
                "category": {"index": list(labels), "label": labels},
            })  # fmt: skip
        return text(codelist_xml(name, agency, labels), kind="application/xml")
    cube = publisher.world.find("eurostat", name)
    if cube is None:
        return _not_found(name)
    return text(structure_xml(cube, agency, cube.code, kind, lambda c: c), kind="application/xml")


def _toc(publisher: Any) -> Response:
    head = (
        "title", "code", "type", "last update of data", "last table structure change",
        "data start", "data end", "values",
    )  # fmt: skip
    rows = [head]
    for cube in publisher.world.of("eurostat"):
        year, month, day = cube.updated.split("-")
        rows.append((
            f"    {cube.title}", cube.code.lower(), "dataset", f"{day}.{month}.{year}", " ",
            cube.periods()[0], cube.periods()[-1], str(len(cube.cells)),
        ))  # fmt: skip
    return text("".join("\t".join(f'"{c}"' for c in r) + "\r\n" for r in rows))
