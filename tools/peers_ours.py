"""Our side of `make bench-peers`, in a process of its own: parts of the nightly job, and the tables alone.

`peers_ours.py assets DATE KEY …` materialises these assets (`core` and `marts` stand for all of a
layer); `peers_ours.py build FOLDER` builds every table in a work folder without Dagster; `peers_ours.py grow
WORK FOLDER FACTOR` makes a work folder with so many times the observations; `peers_ours.py revise
FOLDER` writes the body of a dataset with one observation revised.
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path

from pipeline.clock import today
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.registry import load
from pipeline.sql import connect, literal
from pipeline.vintages.store import Archive
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models


def assets(date: str, *keys: str) -> None:
    """Materialise assets in this process, from the vintages at hand."""
    import dagster as dg

    from assets.definitions import defs
    from assets.jobs import NIGHTLY
    from assets.models import model_key

    layers = [model_key(name) for name in load_models(sql_root()) if name.split(".")[0] in keys]
    named = [dg.AssetKey(key.split("/")) for key in keys if "/" in key]
    with dg.DagsterInstance.get() as instance:
        done = (
            defs()
            .resolve_job_def(NIGHTLY)
            .execute_in_process(
                instance=instance,
                asset_selection=[*layers, *named],
                run_config={
                    "resources": {"run": {"config": {"as_of": date, "offline": True}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=False,
            )
        )
    if not done.success:
        sys.exit("the assets were not built; `missiemonitor doctor` may say why")


def build(folder: str) -> None:
    """Every table of a work folder in which vintages and registry are."""
    warehouse = warehouse_in(Path(folder))
    # What reads the checks comes after all others.
    for model in sorted(warehouse.models.values(), key=lambda m: "checks.results" in m.upstream):
        failed = [c.name for c in warehouse.build(model).checks if not c.passed and c.blocking]
        if failed:
            sys.exit(f"{model.name}: {failed[0]} failed")


def grow(work: str, folder: str, factor: str) -> None:
    """A work folder with `factor` times the observations of another: each area's figures again as
    those of further areas, a little different, and each of these areas a peer."""
    for name in ("raw", "registry", "run", "checks"):
        shutil.copytree(Path(work) / name, Path(folder) / name)
    parsed = Path(work) / "parsed"
    again = "CASE WHEN k = 0 THEN geo ELSE geo || '_' || k END AS geo"
    with connect() as con:
        for file in sorted(parsed.rglob("*.parquet")):
            target = Path(folder) / "parsed" / file.relative_to(parsed)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.name.endswith(".rejects.parquet"):
                shutil.copy(file, target)
                continue
            con.execute(
                f"COPY (SELECT * EXCLUDE (k, file_row_number) "
                f"REPLACE ({again}, value * (1 + k * 1e-6) AS value) FROM range({factor}) AS t(k), "
                f"read_parquet({literal(str(file))}, file_row_number = true) "
                f"ORDER BY k, file_row_number) TO {literal(str(target))} (FORMAT parquet)"
            )
        # The Netherlands, which is none of its peers, brings further areas too.
        peers = con.sql(
            f"""WITH areas AS (
              SELECT * FROM read_parquet({literal(str(Path(work) / "registry" / "peers.parquet"))})
              UNION ALL SELECT 'NL', 0, false)
            SELECT * REPLACE ({again}, (position + 1000 * k)::INTEGER AS position)
            FROM areas, range({factor}) AS t(k) WHERE geo <> 'NL' OR k > 0 ORDER BY position"""
        ).to_arrow_table()
    warehouse_in(Path(folder)).put("registry.peers", peers)


def warehouse_in(folder: Path) -> Warehouse:
    return Warehouse(folder, load(registry_root()).datasets, load_models(sql_root()))


def revise(folder: str) -> None:
    """The body in use of the first dataset in SDMX-CSV, the newest Dutch observation a thousandth
    higher: `source/dataset` is printed, the body written to `folder`/revised.csv."""
    archive = Archive(Paths.from_environment())
    for dataset in load(registry_root()).datasets.values():
        known = archive.vintages(dataset.source, dataset.dataset, today())
        if dataset.format != "sdmx_csv" or not known:
            continue
        rows = list(csv.DictReader(io.StringIO(known[-1].body().decode("utf-8-sig"))))
        row = max(
            (r for r in rows if r["geo"] == "NL" and r["OBS_VALUE"]), key=lambda r: r["TIME_PERIOD"]
        )
        row["OBS_VALUE"] = f"{float(row['OBS_VALUE']) * 1.001:.6g}"
        with (Path(folder) / "revised.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(dataset.id)
        return
    sys.exit("no dataset in SDMX-CSV is at hand")


if __name__ == "__main__":
    {"assets": assets, "build": build, "grow": grow, "revise": revise}[sys.argv[1]](*sys.argv[2:])
