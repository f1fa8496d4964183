"""What a root of data is given: the bundled vintages, once each, whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.paths import Paths
from pipeline.vintages.store import Archive


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two vintages."""
    folder = tmp_path / "bundle"
    for name in ("a/x/2020-01-01_1", "b/y/2021-01-01_2"):
        (folder / name).mkdir(parents=True)
        (folder / name / "manifest.json").write_text("{}")
    (folder / "_local" / "c" / "z" / "2022-01-01_3").mkdir(parents=True)
    monkeypatch.setattr(Paths, "bundle", property(lambda _: folder))
    return folder


def held(root: Path) -> set[str]:
    return {p.parent.relative_to(root / "raw").as_posix() for p in root.rglob("manifest.json")}


def test_a_new_root_is_given_every_bundled_vintage(bundle: Path, tmp_path: Path) -> None:
    Archive(Paths(tmp_path / "data")).seed()
    assert held(tmp_path / "data") == {"a/x/2020-01-01_1", "b/y/2021-01-01_2"}


def test_a_root_is_given_what_a_later_version_brings_and_not_what_was_taken_away(
    bundle: Path, tmp_path: Path
) -> None:
    archive = Archive(Paths(tmp_path / "data"))
    archive.seed()
    shutil.rmtree(tmp_path / "data" / "raw" / "a" / "x" / "2020-01-01_1")
    (bundle / "b" / "y" / "2023-01-01_4").mkdir()
    (bundle / "b" / "y" / "2023-01-01_4" / "manifest.json").write_text("{}")
    archive.seed()
    assert held(tmp_path / "data") == {"b/y/2021-01-01_2", "b/y/2023-01-01_4"}


def test_a_kill_half_way_is_made_good(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(Paths(tmp_path / "data"))
    copies = iter([shutil.copytree])

    def killed(source: Path, target: Path) -> None:
        try:
            next(copies)(source, target)
        except StopIteration:
            raise KeyboardInterrupt from None

    with monkeypatch.context() as during:
        during.setattr("pipeline.vintages.store.shutil.copytree", killed)
        with pytest.raises(KeyboardInterrupt):
            archive.seed()
    assert len(held(tmp_path / "data")) == 1
    archive.seed()
    assert len(held(tmp_path / "data")) == 2


def test_a_root_filled_by_hand_is_left_alone(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "raw" / "own" / "series" / "2020-01-01_9").mkdir(parents=True)
    Archive(Paths(tmp_path / "data")).seed()
    assert not held(tmp_path / "data")
