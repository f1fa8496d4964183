"""The adapters against a real SDMX server (dsss) and a real SDMX writer (sdmx1), with our figures.

dsss 1.3 speaks structures as SDMX-ML 2.1; of data it knows generic XML alone, whatever `format`
asks for, and no key. So the keys are judged by its structures, its data must be refused in one
line, and SDMX-CSV comes from sdmx1's own writer over the same objects.
"""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from pipeline.formats import DatasetSpec, parse
from pipeline.publishers import Publisher as Asked
from pipeline.publishers import check, fetch
from pipeline.publishers.errors import PullError
from pipeline.publishers.http import Limits, Transport
from pipeline.registry import load
from pipeline.registry.schema import RateLimit
from pipeline.vintages.answers import request_for
from tests.publisher import Cube, World, bundled_world
from tests.publisher.protocols.oecd import area as oecd_area

sdmx = pytest.importorskip("sdmx", reason="sdmx1 comes with dsss, a development dependency")
NAME = "eurostat/nrg_ind_ren"


def artefacts(
    cube: Cube, agency: str, structure_id: str, constraint_id: str, area: Callable[[str], str]
) -> dict[str, Any]:
    """A cube as objects of the SDMX information model, areas named by `area`."""
    from sdmx.model import common, v21

    maintainer = common.Agency(id=agency)
    about = {"maintainer": maintainer, "version": "1.0"}
    structure = v21.DataStructureDefinition(id=structure_id, **about)

    def codes_of(dim: str) -> list[str]:
        return [area(c) if dim == cube.area else c for c in cube.codes_of(dim)]

    lists = []
    for place, dim in enumerate(cube.dims, 1):
        codes = common.Codelist(id=dim.upper(), maintainer=maintainer, version="1.0")
        for code in codes_of(dim):
            codes.append(common.Code(id=code, name=code))
        lists.append(codes)
        held = common.Representation(enumerated=codes)
        structure.dimensions.append(
            common.Dimension(id=dim, order=place, local_representation=held)
        )
    structure.dimensions.append(common.TimeDimension(id="TIME_PERIOD", order=len(cube.dims) + 1))
    structure.measures.append(v21.PrimaryMeasure(id="OBS_VALUE"))
    flag = common.DataAttribute(id="OBS_FLAG")
    structure.attributes.append(flag)
    flow = v21.DataflowDefinition(id=cube.code, structure=structure, **about)
    constraint = v21.ContentConstraint(
        id=constraint_id,
        role=common.ConstraintRole(role=common.ConstraintRoleType.actual),
        **about,
    )
    region = v21.CubeRegion(included=True)
    for dim in cube.dims:
        member = structure.dimensions.get(dim)
        region.member[member] = v21.MemberSelection(
            values_for=member, values=[v21.MemberValue(value=c) for c in codes_of(dim)]
        )
    constraint.data_content_region.append(region)
    constraint.content.add(flow)
    observations = [
        v21.Observation(
            dimension=structure.make_key(
                common.Key,
                {d: area(c.geo) if d == cube.area else c.of(d) for d in cube.dims}
                | {"TIME_PERIOD": c.period},
            ),
            value=c.value,
            attached_attribute={"OBS_FLAG": common.AttributeValue(value=c.flags, value_for=flag)},
        )
        for c in cube.cells
    ]
    data = v21.DataSet(structured_by=structure, described_by=flow, obs=observations)
    return {"structures": [structure, flow, constraint, *lists], "data": data}


@dataclass
class Server:
    base: str
    cube: Cube
    data: Any


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """dsss behind uvicorn, with one of the bench's cubes in its store."""
    store_module = pytest.importorskip("dsss.store")
    uvicorn = pytest.importorskip("uvicorn")
    from dsss.starlette import build_app
    from starlette.applications import Starlette
    from starlette.routing import Mount

    world: World = bundled_world()
    cube = world.cubes["eurostat", "NRG_IND_REN"]
    cube.cells = [c for c in cube.cells if c.geo in ("NL", "DE")]
    made = artefacts(cube, "ESTAT", cube.code, cube.code, str)
    spending = world.cubes["oecd", "DF_TABLE11"]
    spending.cells = [c for c in spending.cells if c.geo == "NL"]
    oecd = artefacts(
        spending, "OECD.SDD.NAD", "DSD_NASEC10", "CR_A_DSD_NASEC10@DF_TABLE11", oecd_area
    )
    stores = [store_module.DictStore(), store_module.DictStore()]
    for store, found in zip(stores, (made, oecd), strict=True):
        for artefact in [*found["structures"], found["data"]]:
            store.set(artefact)
    apps = [build_app(store=store, debug=False) for store in stores]
    app = Starlette(routes=[Mount("/sdmx/2.1", app=apps[0]), Mount("/oecd", app=apps[1])])
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [line]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield Server(f"http://127.0.0.1:{line.getsockname()[1]}", cube, made["data"])
    running.should_exit = True
    thread.join(10)


def asked(server: Server, **change: Any) -> tuple[Any, Asked]:
    item = load().datasets[NAME]
    assert item.live is not None
    item = item.model_copy(update={"live": item.live.model_copy(update=change)})
    transport = Transport(limits=Limits(attempts=1))
    return request_for(item, ["DE"], date(2026, 11, 25)), Asked(
        "eurostat", server.base, transport, RateLimit()
    )


def test_keys_stand_against_structures_of_a_real_sdmx_server(server: Server) -> None:
    request, publisher = asked(server)
    assert check(request, publisher) == []


def test_oecds_keys_as_well(server: Server) -> None:
    item = load().datasets["oecd/DF_TABLE11"]
    request = request_for(item, [], date(2026, 11, 25))
    base = f"{server.base}/oecd"
    publisher = Asked("oecd", base, Transport(limits=Limits(attempts=1)), RateLimit())
    assert check(request, publisher) == []
    (said,) = check(dataclasses.replace(request, order=request.order[::-1]), publisher)
    assert "`order` is" in said
    with pytest.raises(PullError, match=r"instead of csv|HTTP") as error:
        fetch(request, publisher)
    assert "\n" not in str(error.value)


def test_wrong_order_and_wrong_codes_are_told_by_it(server: Server) -> None:
    request, publisher = asked(server, order=("freq", "unit", "nrg_bal", "geo"))
    (said,) = check(request, publisher)
    assert "freq.nrg_bal.unit.geo" in said
    # What it does not have, it calls an error with HTTP 200: no codes, and so no verdict.
    request, publisher = asked(server, code="NRG_IND_RENN")
    with pytest.raises(PullError, match="NRG_IND_RENN lists no codes"):
        check(request, publisher)


def test_its_data_are_xml_and_refused_in_one_line(server: Server) -> None:
    request, publisher = asked(server)
    with pytest.raises(PullError, match="XML instead of csv") as error:
        fetch(request, publisher)
    assert "\n" not in str(error.value)


def test_sdmx_csv_of_a_real_writer_gives_the_same_figures(server: Server) -> None:
    frame = sdmx.to_csv(server.data, rtype=__import__("pandas").DataFrame, attributes="o")
    body = frame.to_csv(index=False).encode()
    assert body.startswith(b"STRUCTURE,STRUCTURE_ID,ACTION,")
    parsed = parse(body, DatasetSpec(*NAME.split("/"), "sdmx_csv2", "NRG_IND_REN"))
    got = {
        (r["series_key"], r["geo"], r["year"]): r["value"] for r in parsed.observations.to_pylist()
    }
    right = server.cube.expected()
    assert got.keys() == right.keys()
    assert all(got[k] == pytest.approx(right[k]) for k in right)
