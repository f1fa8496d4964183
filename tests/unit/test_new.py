"""`missiemonitor new indicator`: entries that the registry accepts, or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.registry import load
from pipeline.registry.draft import bounds_of, plausible
from tests import downloads as made
from tests.conftest import Done

Cli = Callable[..., Done]
TABLE = """series;geo;period;value;unit;flag
repaired;NL;2016;10,5;%;
repaired;NL;2018;12;%;
repaired;BE;2018;40;%;
thrown away;NL;2018;3;kg;
"""
WORDS = [
    "--mission", "circular.economy.extend", "--direction", "up", "--nl", "Gerepareerd: 'x'",
    "--en", 'Repaired "x"',
]  # fmt: skip


@pytest.fixture
def new(cli: Cli, tmp_path: Path, root: Path) -> Callable[..., Done]:
    """`new(*words)`: the command on a copy of the registry and the table above."""
    shutil.copytree(root / "pipeline" / "registry", tmp_path / "registry")
    (tmp_path / "table.csv").write_text(TABLE)

    def made_new(*words: str) -> Done:
        return cli(
            tmp_path / "data", "new", "indicator", *words,
            MISSIEMONITOR_REGISTRY=str(tmp_path / "registry"),
        )  # fmt: skip

    return made_new


def test_the_entries_are_written_and_accepted(new: Callable[..., Done], tmp_path: Path) -> None:
    file = str(tmp_path / "table.csv")
    done = new("repaired", file, "--dataset", "curated/repair", "--series", "repaired", *WORDS)
    assert done.returncode == 0, done.stderr
    assert f"next: missiemonitor ingest {file} --dataset curated/repair" in done.stdout
    load.cache_clear()
    registry = load(tmp_path / "registry")
    entry = registry.indicators["repaired"]
    assert (entry.label.nl, entry.label.en) == ("Gerepareerd: 'x'", 'Repaired "x"')
    assert (entry.unit, entry.cadence, entry.bounds, entry.plausible) == ("%", 2, (0, 100), (0, 80))
    assert (entry.fit, entry.role, entry.direction) == ("proxy", "supporting", "up")
    assert registry.datasets["curated/repair"].needed == ("series=repaired",)
    written = (tmp_path / "registry" / "indicators" / "2_circular.yaml").read_text()
    assert "# Which way is better: up or down." in written


def test_a_series_of_a_dataset_that_is_there_needs_no_other_entry(
    new: Callable[..., Done], tmp_path: Path
) -> None:
    file = tmp_path / "energy.tsv"
    file.write_bytes(made.tsv(made.rows_of(made.bundled("eurostat/nrg_ind_ren"))))
    before = (tmp_path / "registry" / "datasets.yaml").read_bytes()
    done = new("renewable_heat", str(file), "--dataset", "eurostat/nrg_ind_ren",
               "--series", "freq=A|nrg_bal=REN_HEAT_CL|unit=PC", *WORDS)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "registry" / "datasets.yaml").read_bytes() == before
    load.cache_clear()
    entry = load(tmp_path / "registry").indicators["renewable_heat"]
    assert entry.unit == "PC" and entry.value["series"]["nrg_bal"] == "REN_HEAT_CL"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["repaired", "FILE", "--dataset", "curated/repair", *WORDS],
         "has several series: give --series; there are: series=repaired; series=thrown away"),
        (["repaired", "FILE", "--dataset", "curated/repair", "--series", "x", *WORDS], "--series x: is not in it"),
        (["Repaired", "FILE", "--dataset", "curated/repair", *WORDS], "small letters"),
        (["ghg_footprint", "FILE", "--dataset", "curated/repair", *WORDS], "choose another"),
        (["repaired", "FILE", "--dataset", "nobody/repair", *WORDS], "the sources are eurostat, cbs"),
        (["repaired", "FILE", "--dataset", "curated/repair", "--mission", "circular.economy.extent",
          *WORDS[2:]], "no such mission; near it: circular.economy.extend"),
        (["repaired", "/dev/zero", "--dataset", "curated/repair", *WORDS], "is a device"),
        (["repaired", "FILE", "--dataset", "eurostat/nrg_ind_ren", *WORDS], "eurostat/nrg_ind_ren takes"),
    ],
)  # fmt: skip
def test_nothing_is_written_for_what_does_not_fit(
    new: Callable[..., Done], tmp_path: Path, words: list[str], says: str
) -> None:
    def files() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in (tmp_path / "registry").rglob("*.yaml")}

    before = files()
    done = new(*(str(tmp_path / "table.csv") if w == "FILE" else w for w in words))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr
    assert files() == before


@pytest.mark.parametrize(
    ("unit", "low", "high", "bounds", "range"),
    [
        ("%", 10, 40, (0, 100), [0, 80]),
        ("%", 60, 90, (0, 100), [0, 100]),
        ("% of 1990", 60, 130, (0, None), [0, 260]),
        ("kt", 12345, 67890, (0, None), [0, 140000]),
        ("index", -3.2, 1.44, (None, None), [-6.4, 2.9]),
        ("t", 0, 0, (0, None), [0, 1]),
        ("m", 0.001, 0.0123, (0, None), [0, 0.025]),
        ("C", -5, -1, (None, None), [-10, 0]),
    ],
)
def test_ranges_leave_room(
    unit: str,
    low: float,
    high: float,
    bounds: tuple[float | None, float | None],
    range: list[float],
) -> None:
    assert bounds_of(unit, low, high) == bounds
    assert plausible(low, high, bounds) == range
