"""The registry holds what the letter says, and each mistake gives its one line."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from pipeline.registry import RegistryError, load


def test_it_holds_the_letter() -> None:
    registry = load()
    levels = [m.level for m in registry.missions.values()]
    assert (levels.count("mission"), levels.count("sub_mission"), levels.count("interim_goal")) == (
        5, 21, 4,
    )  # fmt: skip
    letter = [
        t for t in registry.targets.values()
        if t.number is not None and t.strength in ("commitment", "ambition", "exploratory")
    ]  # fmt: skip
    assert len(letter) == 17
    assert sorted(t.number for t in letter if t.number is not None) == sorted(
        [-0.55, -0.6, 0, 0, 0, 0, 0, -0.5, -0.75, 55, 60, 5, -0.3, -0.3, 0.5, 0.25, 0.25]
    )
    assert len(registry.indicators) == 79


def test_every_indicator_has_one_counting_row_or_is_context() -> None:
    registry = load()
    counting: dict[str, int] = {}
    for pair in registry.pairs():
        counting[pair["indicator_id"]] = counting.get(pair["indicator_id"], 0) + pair["counts"]
    for item in registry.indicators.values():
        assert (counting[item.id] == 0) == (item.fit == "context"), item.id


def test_law_plan_ambition_and_milestones_never_count() -> None:
    registry = load()
    for pair in registry.pairs():
        if pair.get("strength") in ("law", "plan", "ambition", "exploratory"):
            assert not pair["counts"], pair
        if pair["kind"] == "milestone":
            assert not pair["counts"], pair


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("indicators/1_energy.yaml", "mission: energy\n", "mission: energie\n", "mission energie does not exist"),
        ("indicators/1_energy.yaml", "- id: renewable_share", "- id: ghg_net_total", "given twice"),
        ("indicators/1_energy.yaml", "  unit: kt CO2e\n", "", "`unit`: is missing"),
        ("indicators/1_energy.yaml", "  fit: direct\n", "  fit: perfect\n", "`fit`"),
        ("indicators/1_energy.yaml", "  fit: direct\n", "  fit: direct\n  colour: red\n", "`colour`: no such key"),
        ("indicators/1_energy.yaml", "dataset: eurostat/env_air_gge", "dataset: eurostat/env_air", "not in datasets.yaml"),
        ("indicators/1_energy.yaml", "  direction: down\n", "", "`direction`"),
        ("indicators/1_energy.yaml", "energy/ghg-55-2030", "energy/ghg-56-2030", "not in targets.yaml"),
        ("indicators/1_energy.yaml", "    base_year: 1990\n", "", "needs a base_year"),
        ("targets.yaml", "number: -0.55, ", "", "needs a number"),
        ("targets.yaml", "number: 60, unit: \"%\"", "number: 160, unit: \"%\"", "impossible"),
        ("targets.yaml", "milestone_state: open, ", "", "needs a milestone_state"),
        ("missions.yaml", "  parent: health\n", "", "everything else has one"),
        ("missions.yaml", "level: sub_mission", "level: mission", "the letter has"),
        ("datasets.yaml", "id: eurostat/nrg_ind_ren", "id: eurostate/nrg_ind_ren", "not in sources.yaml"),
        ("missions.yaml", "- id: energy\n", "- id: [energy\n", "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_gives_one_line_with_file_and_line(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    root = tmp_path / "registry"
    shutil.copytree(Path(__file__).parents[2] / "pipeline" / "registry", root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RegistryError) as error:
        load(root)
    hits = [line for line in error.value.lines if says in line]
    assert hits, error.value.lines
    assert hits[0].split(":")[0].endswith(".yaml") and hits[0].split(":")[1].isdigit()
    assert all("\n" not in line for line in error.value.lines)


def test_every_series_exists_in_the_figures(shared: Path) -> None:
    with (shared / "figures" / "PROVENANCE.csv").open() as file:
        known = {r["file"].removesuffix(".csv") for r in csv.DictReader(file)}
    renamed = {
        "unsdg/ER_RSK_LST": "unsdg/ER_RSK_LST_redlist",
        "unsdg/VC_IHR_PSRC": "unsdg/VC_IHR_PSRC_homicide",
    }
    for name in load().datasets:
        assert renamed.get(name, name) in known
