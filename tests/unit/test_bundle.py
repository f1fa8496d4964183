"""The vintages that ship: whole, small, and what the encoder makes of the figures."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

FIELDS = {"publisher", "source", "dataset", "origin", "known_from", "known_from_basis", "scope",
          "found_in", "licence", "sha256", "encoding"}  # fmt: skip


def test_every_vintage_is_whole_and_says_where_it_comes_from(root: Path) -> None:
    manifests = sorted((root / "data" / "raw").glob("[!_]*/*/*/manifest.json"))
    assert len(manifests) == 64
    stored = 0
    for path in manifests:
        manifest = json.loads(path.read_text())
        assert set(manifest) >= FIELDS and manifest["origin"] == "bundled"
        packed = (path.parent / "body.gz").read_bytes()
        assert packed[4:8] == b"\0\0\0\0"  # gzip without a time
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == manifest["sha256"]
        stored += len(packed)
    assert stored < 3_000_000


def test_the_encoder_gives_the_same_bytes_again(root: Path, shared: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(root / "tools" / "encode_figures.py"), str(shared / "figures"), str(tmp_path)],
        check=True, capture_output=True,
    )  # fmt: skip
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = root / "data" / "raw"
    assert len(made) == 126
    for path, content in made.items():
        assert (kept / path).read_bytes() == content, path
