"""The figures that the bench holds: cubes of cells, from the bundled vintages and wider.

A real publisher holds more than was bundled: more areas, earlier years, codes that nobody asked
for, other grains. `bundled_world` adds them, derived from the figures at hand, so that a filter
that is not sent, or not obeyed, shows. How a cell is written on the wire belongs in the
module of each protocol.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

# Eurostat's code, ISO 3166 alpha-2, alpha-3, M49, name. Written here anew: the table that the
# adapters use must not be its own judge.
_AREAS = """
AT AT AUT 40 Austria;BE BE BEL 56 Belgium;BG BG BGR 100 Bulgaria;CY CY CYP 196 Cyprus;
CZ CZ CZE 203 Czechia;DE DE DEU 276 Germany;DK DK DNK 208 Denmark;EE EE EST 233 Estonia;
EL GR GRC 300 Greece;ES ES ESP 724 Spain;FI FI FIN 246 Finland;FR FR FRA 250 France;
HR HR HRV 191 Croatia;HU HU HUN 348 Hungary;IE IE IRL 372 Ireland;IT IT ITA 380 Italy;
LT LT LTU 440 Lithuania;LU LU LUX 442 Luxembourg;LV LV LVA 428 Latvia;MT MT MLT 470 Malta;
NL NL NLD 528 Netherlands;PL PL POL 616 Poland;PT PT PRT 620 Portugal;RO RO ROU 642 Romania;
SE SE SWE 752 Sweden;SI SI SVN 705 Slovenia;SK SK SVK 703 Slovakia;UK GB GBR 826 United_Kingdom;
NO NO NOR 578 Norway;US US USA 840 United_States
"""
AREAS = {
    code: {"iso2": iso2, "iso3": iso3, "m49": m49, "name": name.replace("_", " ")}
    for code, iso2, iso3, m49, name in (
        row.split() for row in _AREAS.replace("\n", "").split(";") if row.strip()
    )
}
BY_ISO3 = {a["iso3"]: code for code, a in AREAS.items()}
BY_ISO2 = {a["iso2"]: code for code, a in AREAS.items()} | {"EU": "EU27_2020", "1W": "WORLD"}
BY_M49 = {a["m49"]: code for code, a in AREAS.items()} | {"1": "WORLD"}
NAMES = {code: a["name"] for code, a in AREAS.items()} | {
    "EU27_2020": "European Union - 27 countries (from 2020)", "WORLD": "World",
}  # fmt: skip
# Codes as the publishers write them, where the bundled figures came from copies that changed
# them: signs lost on the way, a label in place of a code.
_CODES = {
    ("unsdg", "Age", "15"): "15+", ("unsdg", "Age", "30_70"): "30-70",
}  # fmt: skip
# Eurostat's datasets as they are now, where the bundled figures are older: dimension → its name and
# codes, and dimensions that came with one code for all that was there.
_RENAMED = {
    "HLTH_HLYE": {"indic_he": ("hlth_hle", {"HLY_0": "HLY_Y0"})},
    "ILC_MDDW03": {"hhtyp": ("hhcomp", {}), "incgrp": ("rskpovth", {})},
    "SDG_06_40": {"wat_pol": ("watpol", {"NO3 groundwater": "NO3_GW"})},
}
_ADDED = {"SDG_14_60": {"statinfo": "VAL_A"}}
# Datasets of which no vintage ships: dimensions and codes, years, the first value and the change a
# year. The codes and years are Eurostat's; the values are the bench's own.
_UNBUNDLED = """
CEI_CIE011 freq=A indic_env=EMP unit=PC_EMP_FTE; 2005-2023; 2.1 0.02
ENV_BIO2 freq=A unit=I00; 1990-2024; 118 -1.6
SDG_02_40 freq=A crops=UAAXK0000 agprdmet=TOTAL unit=PC_UAA; 2012-2024; 1.92 0.26
AEI_HRI freq=A subst_cat=HRI1 unit=I11-13_AVG; 2011-2023; 102 -4
ENV_WASFW freq=A waste=W091_092_101_FD wst_oper=COL nace_r2=HH unit=KG_HAB; 2020-2023; 71 -1.5
SDG_14_10 freq=A areaprot=MPA unit=PC; 2012 2016 2019 2021-2023; 18 0.8
ISOC_CISCE_RA freq=A size_emp=GE10 nace_r2=C10-S951_X_K indic_is=E_SECMANY unit=PC_ENT; 2015 2019 2022 2024; 84 0.9
"""
# Series that go on at the publisher: up to which year.
_GOES_ON = {"SH_IHR_CAPS": 2024}
# Datasets whose earlier years another file has, which agrees with them.
_JOINED = {"HLTH_CD_APR"}
# Datasets that hold one series and nothing else.
_LONE = {"SDG_06_40"}
# Areas that no bundled vintage has, with the one whose figures they are derived from.
_MORE = ("BG", "CZ", "ES", "IE", "IT", "PL", "PT", "RO", "EL", "NO")


@dataclass(frozen=True)
class Cell:
    """One figure. `geo` is Eurostat's code whatever the publisher calls the area; `codes` are
    the other dimensions. `value` is the text as published, empty where there is none."""

    codes: tuple[tuple[str, str], ...]
    geo: str
    period: str
    value: str
    flags: str = ""
    attrs: tuple[tuple[str, str], ...] = ()

    @property
    def year(self) -> int | None:
        return int(self.period) if self.period.isdigit() and len(self.period) == 4 else None

    def of(self, dim: str) -> str:
        return dict(self.codes)[dim]

    def attr(self, name: str) -> str:
        return dict(self.attrs).get(name, "")


@dataclass
class Cube:
    """A publisher's dataset. `dims`: dimensions in the order of its structure, without time;
    `area`: the name of the area dimension among them ("" where there is none)."""

    source: str
    code: str
    title: str
    dims: tuple[str, ...]
    area: str
    cells: list[Cell]
    updated: str = "2026-11-20"
    about: dict[str, Any] = field(default_factory=dict)

    def codes_of(self, dim: str) -> list[str]:
        """The codes in use of a dimension (the area's by Eurostat's names), in a fixed order."""
        if dim == self.area:
            return sorted({c.geo for c in self.cells})
        return sorted({c.of(dim) for c in self.cells})

    def periods(self) -> list[str]:
        return sorted({c.period for c in self.cells})

    def expected(
        self, keep: Callable[[Cell], bool] = lambda cell: True
    ) -> dict[tuple[str, str, int], float]:
        """What a right reading of this cube is: (series_key, geo, year) → value. Annual cells
        that hold a number, and no forecasts."""
        out = {}
        for cell in self.cells:
            if cell.year is None or cell.value == "" or "f" in cell.flags or not keep(cell):
                continue
            key = "|".join(f"{k}={v}" for k, v in sorted(self.key_pairs(cell)))
            out[key, cell.geo, cell.year] = float(cell.value) * self.factor(cell)
        return out

    def expected_flags(self) -> dict[tuple[str, str, int], frozenset[str]]:
        """The flags that a right reading gives each cell of `expected`, as letters."""
        out = {}
        for cell in self.cells:
            if cell.year is not None and cell.value != "" and "f" not in cell.flags:
                key = "|".join(f"{k}={v}" for k, v in sorted(self.key_pairs(cell)))
                out[key, cell.geo, cell.year] = self._flags(cell)
        return out

    def _flags(self, cell: Cell) -> frozenset[str]:
        if self.source == "cbs":
            # Whether a figure is provisional stands with its period.
            status = self.about["status"].get(cell.period) or ""
            return frozenset("p" if status in ("Voorlopig", "NaderVoorlopig") else "")
        if self.source == "unsdg":
            return frozenset("e" if cell.attr("Nature") in ("E", "M") else "")
        if self.source == "oecd":
            return frozenset(cell.attr("OBS_STATUS").lower()) - {"a", "m"}
        return frozenset(cell.flags)

    def key_pairs(self, cell: Cell) -> list[tuple[str, str]]:
        return [(k.replace(" ", "_"), v) for k, v in cell.codes]

    @staticmethod
    def factor(cell: Cell) -> float:
        mult = cell.attr("UNIT_MULT")
        return 10.0 ** int(mult) if mult not in ("", "9999") else 1.0


@dataclass
class World:
    """Everything the bench holds, by source and code."""

    cubes: dict[tuple[str, str], Cube]

    def find(self, source: str, code: str) -> Cube | None:
        return self.cubes.get((source, code)) or self.cubes.get((source, code.upper()))

    def of(self, source: str) -> list[Cube]:
        return [cube for (name, _), cube in self.cubes.items() if name == source]

    def copy(self) -> World:
        return World({k: replace(c, cells=list(c.cells)) for k, c in self.cubes.items()})

    def change(self, source: str, code: str, edit: Callable[[Cell], Cell | None]) -> None:
        """Publish other figures: each cell as `edit` gives it, or gone."""
        cube = self.cubes[source, code]
        cube.cells = [e for c in cube.cells if (e := edit(c)) is not None]


def _codes(source: str, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((d, _CODES.get((source, d, c), c)) for d, c in pairs)


def _bodies(raw: Path, source: str) -> Iterable[tuple[str, str, bytes]]:
    """(dataset, known_from, body) of each dataset's newest bundled vintage."""
    for folder in sorted((raw / source).iterdir()):
        newest = sorted(folder.iterdir())[-1]
        yield folder.name, newest.name[:10], gzip.decompress((newest / "body.gz").read_bytes())


def _table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))


def _as_now(code: str, row: dict[str, str]) -> dict[str, str]:
    """A row of a bundled vintage with the dimensions and codes that the publisher has today."""
    renamed = _RENAMED.get(code, {})
    found = dict(_ADDED.get(code, {}))
    for name, value in row.items():
        new, codes = renamed.get(name, (name, {}))
        found[new] = codes.get(value, value)
    return found


def _eurostat(raw: Path) -> Iterable[Cube]:
    for name, day, body in _bodies(raw, "eurostat"):
        code = name.upper()
        rows = [_as_now(code, row) for row in _table(body)]
        dims = tuple(c for c in rows[0] if c == c.lower())
        cells = [
            Cell(
                tuple((d, r[d]) for d in dims if d != "geo"),
                r["geo"],
                r["TIME_PERIOD"],
                r["OBS_VALUE"],
                r["OBS_FLAG"],
            )
            for r in rows
        ]
        cube = Cube("eurostat", code, name, dims, "geo", cells, day)
        yield _with_means(cube) if "statinfo" in dims else cube


def _unbundled() -> Iterable[Cube]:
    """Eurostat's datasets that ship without a vintage, for the areas that are compared."""
    for line in _UNBUNDLED.strip().splitlines():
        dims, spans, numbers = (part.split() for part in line.split(";"))
        code, *pairs = dims
        codes = tuple((d, c) for d, _, c in (pair.partition("=") for pair in pairs))
        first, step = map(float, numbers)
        years = [
            year
            for span in spans
            for year in range(int(span.split("-")[0]), int(span.split("-")[-1]) + 1)
        ]
        cells = [
            # A straight line would teach the projections that nothing ever surprises.
            Cell(
                codes,
                geo,
                str(year),
                _scaled(str((first + step * (year - years[0])) * own), 1 + wave(year)),
            )
            for geo, own in _OWN.items()
            for year in years
        ]
        yield Cube("eurostat", code, code.lower(), (*dict(codes), "geo"), "geo", cells)


def wave(year: int) -> float:
    """Up to 4 % up or down, the same in each run."""
    return 0.01 * ((year * 7) % 9 - 4)


_OWN = {"NL": 1.0, "EU27_2020": 0.98, "BE": 1.02, "DE": 1.05, "DK": 0.95, "FR": 1.01, "SE": 1.04,
        "FI": 0.97, "AT": 1.03}  # fmt: skip


def _space(raw: Path) -> Iterable[Cube]:
    """Space research in the budgets, of which an old table ships, up to the year of the bench."""
    rows = [r for r in _curated(raw, "eurostat_gbard_2018") if r["series"].endswith("of space")]
    codes = (("freq", "A"), ("nabs07", "NABS03"), ("unit", "MIO_EUR"))
    cells = [Cell(codes, r["geo"], r["period"], r["value"], r["flag"]) for r in rows]
    cells += [
        replace(c, period=str(year), value=_scaled(c.value, 1.02 ** (year - 2017)), flags="")
        for c in cells
        if c.period == "2017"
        for year in range(2018, 2027)
    ]
    yield Cube("eurostat", "GBA_NABSFIN07", "gba_nabsfin07", (*dict(codes), "geo"), "geo", cells)


def _curated(raw: Path, name: str) -> list[dict[str, str]]:
    (folder,) = (raw / "curated" / name).iterdir()
    return _table(gzip.decompress((folder / "body.gz").read_bytes()))


def _with_means(cube: Cube) -> Cube:
    """The cube with the four-year mean that Eurostat gives beside each year's value."""
    values = {(c.codes, c.geo, c.year): c.value for c in cube.cells}
    for cell in list(cube.cells):
        last = [values.get((cell.codes, cell.geo, (cell.year or 0) - n), "") for n in range(4)]
        if all(last):
            codes = tuple((d, "AVG_4Y" if d == "statinfo" else c) for d, c in cell.codes)
            mean = repr(round(sum(map(float, last)) / 4, 4))
            cube.cells.append(replace(cell, codes=codes, value=mean, flags=""))
    return cube


def _oecd(raw: Path) -> Iterable[Cube]:
    for name, day, body in _bodies(raw, "oecd"):
        rows = _table(body)
        names = list(rows[0])
        dims = tuple(names[names.index("DATAFLOW") + 1 : names.index("TIME_PERIOD")])
        extra = names[names.index("OBS_VALUE") + 1 :]
        cells = [
            Cell(
                tuple((d, r[d]) for d in dims if d != "REF_AREA"),
                BY_ISO3.get(r["REF_AREA"], r["REF_AREA"]),
                r["TIME_PERIOD"],
                r["OBS_VALUE"],
                "",
                tuple((a, r[a]) for a in extra),
            )
            for r in rows
        ]
        about = {"flow": rows[0]["DATAFLOW"]}
        yield Cube("oecd", name, name, dims, "REF_AREA", cells, day, about)


def _json(body: bytes) -> Any:
    return json.loads(body, parse_float=str, parse_int=str)


def _worldbank(raw: Path) -> Iterable[Cube]:
    for name, _, body in _bodies(raw, "worldbank"):
        meta, rows = _json(body)
        cells = [
            Cell(
                (("indicator", r["indicator"]["id"]),),
                BY_ISO2.get(r["country"]["id"], r["country"]["id"]),
                r["date"],
                r["value"] or "",
            )
            for r in rows
        ]
        yield Cube(
            "worldbank", name, "Marine protected areas (% of territorial waters)",
            ("indicator", "country"), "country", cells, meta["lastupdated"],
        )  # fmt: skip


def _unsdg(raw: Path) -> Iterable[Cube]:
    """One cube a series: a bundled dataset may hold several."""
    for _, day, body in _bodies(raw, "unsdg"):
        rows = _json(body)["data"]
        for series in sorted({r["series"] for r in rows}):
            mine = [r for r in rows if r["series"] == series]
            dims = tuple(sorted({d for r in mine for d in r["dimensions"]}))
            cells = [
                Cell(
                    _codes(
                        "unsdg",
                        [
                            ("seriesCode", series),
                            *((d, r["dimensions"][d]) for d in dims if d in r["dimensions"]),
                        ],
                    ),
                    BY_M49.get(r["geoAreaCode"], r["geoAreaCode"]),
                    r["timePeriodStart"].removesuffix(".0"),
                    r["value"],
                    "",
                    tuple(sorted(r["attributes"].items())),
                )
                for r in mine
            ]
            if series in _GOES_ON:
                last = max(c.period for c in cells)
                cells += [
                    replace(c, period=str(year))
                    for c in cells
                    if c.period == last
                    for year in range(int(last) + 1, _GOES_ON[series] + 1)
                ]
            yield Cube("unsdg", series, series, ("seriesCode", *dims), "geoAreaCode", cells, day)


def _owid(raw: Path) -> Iterable[Cube]:
    for name, day, body in _bodies(raw, "owid"):
        rows = _table(body)
        columns = [c for c in rows[0] if c not in ("Entity", "Code", "Year")]
        cells = []
        for r in rows:
            code = r["Code"]
            geo = {"OWID_EU27": "EU27_2020", "OWID_WRL": "WORLD"}.get(code) or BY_ISO3.get(code)
            cells += [
                Cell((("column", c),), geo or code or r["Entity"], r["Year"], r[c]) for c in columns
            ]
        about = {"columns": columns, "names": {}}
        yield Cube("owid", name, name, ("column", "Entity"), "Entity", cells, day, about)


def _cbs(raw: Path) -> Iterable[Cube]:
    for name, day, body in _bodies(raw, "cbs"):
        doc = _json(body)
        rows = doc["Observations"]["value"]
        fixed = ("Id", "Measure", "ValueAttribute", "Value", "StringValue", "Perioden")
        dims = tuple(d for d in rows[0] if d not in fixed)
        cells = []
        for r in rows:
            attribute = r.get("ValueAttribute") or "None"
            period = r["Perioden"].strip()
            cells.append(
                Cell(
                    (("Measure", r["Measure"].strip()), *((d, r[d].strip()) for d in dims)),
                    "NL",
                    period[:4] if period.endswith("JJ00") else period,
                    r["Value"] or "",
                    "",
                    (("ValueAttribute", attribute),),
                )
            )
        about = {
            "measures": {m["Identifier"].strip(): m for m in doc["MeasureCodes"]["value"]},
            "status": {
                p["Identifier"].strip()[:4]: p.get("Status") for p in doc["PeriodenCodes"]["value"]
            },
        }
        yield Cube("cbs", name, name, ("Measure", *dims), "", cells, day, about)


def _gho(cubes: Iterable[Cube]) -> Iterable[Cube]:
    """WHO's own database has what the UN got from WHO; under WHO's codes."""
    for cube in cubes:
        if cube.code in ("SH_ALC_CONSPT", "SH_PRV_SMOK", "SH_DTH_NCOM"):
            code = {"SH_ALC_CONSPT": "SA_0000001688", "SH_PRV_SMOK": "M_Est_tob_curr_std",
                    "SH_DTH_NCOM": "NCDMORT3070"}[cube.code]  # fmt: skip
            sexes = {"BOTHSEX": "SEX_BTSX", "FEMALE": "SEX_FMLE", "MALE": "SEX_MLE"}
            cells = [
                Cell(
                    (("IndicatorCode", code), ("SEX", sexes[c.of("Sex")])),
                    c.geo,
                    c.period,
                    c.value,
                )
                for c in cube.cells
            ]
            yield Cube(
                "who", code, cube.code, ("IndicatorCode", "SEX", "COUNTRY"), "COUNTRY", cells
            )


def _scaled(text: str, factor: float) -> str:
    try:
        return repr(round(float(text) * factor, 5))
    except ValueError:
        return text


def _wider(cube: Cube) -> None:
    """Areas, years, codes and grains that nobody bundled."""
    if cube.source == "cbs":
        return
    have = {c.geo for c in cube.cells}
    model = "DE" if "DE" in have else "NL"
    more = []
    for i, geo in enumerate(_MORE):
        if geo not in have:
            factor = 0.90 + 0.01 * i
            more += [
                replace(c, geo=geo, value=_scaled(c.value, factor))
                for c in cube.cells
                if c.geo == model
            ]
    cube.cells += more
    first = min(c.year for c in cube.cells if c.year)
    if cube.code not in _JOINED:
        cube.cells += [
            replace(c, period=str(first - 1), value=_scaled(c.value, 0.99))
            for c in cube.cells
            if c.year == first and c.geo != "NL"
        ]
    if cube.source in ("eurostat", "oecd") and cube.code not in _LONE:
        extra = []
        for dim in cube.dims:
            if dim == cube.area or dim.lower() == "freq":
                continue
            extra += [
                replace(
                    c,
                    codes=tuple((d, "OTH_BENCH" if d == dim else v) for d, v in c.codes),
                    value=_scaled(c.value, 0.5),
                )
                for c in cube.cells
                if c.geo in ("NL", "DE")
            ]
        freq = next((d for d in cube.dims if d.lower() == "freq"), "")
        if freq:
            extra += [
                replace(
                    c,
                    codes=tuple((d, "Q" if d == freq else v) for d, v in c.codes),
                    period=f"{c.period}-Q{q}",
                    value=_scaled(c.value, 0.25),
                )
                for c in cube.cells
                if c.geo == "NL" and c.year and c.year >= 2020
                for q in range(1, 5)
            ]
        # Two series that differ in one code alone give the same derived one: once is enough.
        cells = {(c.codes, c.geo, c.period): c for c in [*extra, *cube.cells]}
        cube.cells = list(cells.values())


@cache
def _bundled(raw: Path) -> World:
    cubes: list[Cube] = []
    for reader in (_eurostat, _oecd, _worldbank, _unsdg, _owid, _cbs):
        cubes += reader(raw)
    cubes += [*_unbundled(), *_space(raw)]
    cubes += _gho([c for c in cubes if c.source == "unsdg"])
    for cube in cubes:
        _wider(cube)
    return World({(c.source, c.code): c for c in cubes})


def bundled_world(raw: Path = ROOT / "data" / "raw") -> World:
    """A world of one's own: change it at will."""
    return _bundled(raw).copy()
