"""The dbt project of `make bench-peers` as Dagster runs it: models as assets, tests as their checks.

Run by the Python of .venv-peers: `peers_dagster.py FOLDER`, with DAGSTER_HOME in the environment.
"""

import sys
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets


def definitions(folder: Path) -> dg.Definitions:
    """The project in `folder`, which `dbt parse` has prepared, as one job."""

    @dbt_assets(manifest=folder / "target" / "manifest.json")
    def tables(context: dg.AssetExecutionContext, dbt: DbtCliResource):
        yield from dbt.cli(["build"], context=context).stream()

    return dg.Definitions(
        assets=[tables],
        jobs=[dg.define_asset_job("tables", selection=dg.AssetSelection.all())],
        resources={"dbt": DbtCliResource(project_dir=str(folder), profiles_dir=str(folder))},
    )


def main() -> None:
    job = definitions(Path(sys.argv[1]).resolve()).resolve_job_def("tables")
    with dg.DagsterInstance.get() as instance:
        job.execute_in_process(
            instance=instance,
            # As `missiemonitor run`: what is printed costs time too.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


if __name__ == "__main__":
    main()
