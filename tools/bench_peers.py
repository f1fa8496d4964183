"""What a run costs beside what one would build instead: `make bench-peers`.

The same core and mart tables, from the same SQL files, with dbt-duckdb under Dagster and with dbt
alone (.venv-peers), beside `missiemonitor run` and beside our own core and marts alone: a first build,
one in which nothing changed, one in which an observation of one dataset was revised. All tables must
be equal, else this ends with 1. Then 1, 10 and 100 times the observations (GROWTH), and the
normalisation of five million rows, which bench.py measures (ROWS=0 leaves it out). ROUNDS says how
often the builds are measured (once). Never a test: machines differ.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bench
import duckdb
import psutil
from peers_dbt import PROJECT, write_project, write_sources

from pipeline.clock import today
from pipeline.paths import CHECKOUT, registry_root, sql_root
from pipeline.registry import load
from pipeline.sql import literal
from pipeline.warehouse.build import Warehouse
from pipeline.warehouse.model import load_models

ROUNDS = int(os.environ.get("ROUNDS", "1"))
GROWTH = [int(n) for n in os.environ.get("GROWTH", "1,10,100").split(",") if n]
MEMORY = os.environ.get("MEMORY", "1GB")
RUN = [str(Path(sys.executable).with_name("missiemonitor"))]
OURS = [sys.executable, str(Path(__file__).with_name("peers_ours.py"))]
PEERS = CHECKOUT / ".venv-peers" / "bin"
STATES = ("first", "unchanged", "one revised")
WAYS = {
    "run": "missiemonitor run, as users run it",
    "tables": "missiemonitor, core and marts alone",
    "dagster": "Dagster + dbt-duckdb",
    "dbt": "dbt-duckdb alone",
}
# CPU of a whole run against Dagster + dbt, at most.
AIMS = {"first": 1.2, "unchanged": 0.6, "one revised": 0.7}


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and of the clock; MB that all processes together held at most."""

    cpu: float
    wall: float
    peak: float


class Peak(threading.Thread):
    """Watches a process and its children: what they hold together (pages shared are counted once
    where the system says so)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.most = psutil.Process(pid), 0.0

    def run(self) -> None:
        # It ends when the process does; a child may end while it is looked at.
        while psutil.pid_exists(self.process.pid):
            held = 0.0
            with suppress(psutil.Error):
                if self.process.status() == psutil.STATUS_ZOMBIE:
                    return
                for process in [self.process, *self.process.children(recursive=True)]:
                    held += held_by(process)
            self.most = max(self.most, held / 1e6)
            time.sleep(0.05)


def held_by(process: psutil.Process) -> float:
    """Bytes in memory; 0 of a process that has ended."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0
    return float(getattr(info, "pss", 0) or info.rss)


def cost(command: list[str], env: Mapping[str, str]) -> Cost:
    """What a command costs with all processes that it starts; it must succeed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=dict(env), stdout=said, stderr=subprocess.STDOUT)
        watched = Peak(process.pid)
        watched.start()
        code = process.wait()
        wall = time.monotonic() - began
        watched.join()
        if code not in (0, 3):
            said.seek(0)
            sys.exit(f"{' '.join(command)} ended with {code}: {said.read().strip()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, watched.most)


def said_by(command: list[str], env: Mapping[str, str]) -> str:
    """What a command prints, which is no part of what is measured."""
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout.strip()


def environment(data: Path, instance: Path) -> dict[str, str]:
    """Ours, on a root of data; Dagster's records in a folder of their own."""
    return {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "DAGSTER_HOME": str(CHECKOUT),
        "MISSIEMONITOR_DATA": str(data),
        "MISSIEMONITOR_INSTANCE": str(instance),
        "MISSIEMONITOR_OFFLINE": "1",
    }


def dbt_environment(instance: Path) -> dict[str, str]:
    return {
        **environment(CHECKOUT / "data", instance),
        "PATH": f"{PEERS}{os.pathsep}{os.environ['PATH']}",
        "DO_NOT_TRACK": "1",
    }


def dbt(command: str, project: Path) -> list[str]:
    folder = str(project)
    return [str(PEERS / "dbt"), command, "--project-dir", folder, "--profiles-dir", folder]


class Builds:
    """One round in a folder: every way in every state."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.date = folder, today().isoformat()
        self.sources = folder / "sources"
        self.env = {
            "run": environment(folder / "run", folder / "run" / "dagster"),
            "tables": environment(folder / "tables", folder / "tables" / "dagster"),
            "dagster": dbt_environment(folder / "of-dbt"),
            "dbt": dbt_environment(folder / "of-dbt"),
        }
        (folder / "of-dbt").mkdir()
        self.commands = {
            "run": [*RUN, "run", "--offline", "--as-of", self.date, "--publish"],
            "tables": [*OURS, "assets", self.date, "core", "marts"],
            "dagster": [
                str(PEERS / "python"),
                str(Path(__file__).with_name("peers_dagster.py")),
                str(folder / "dagster"),
            ],
            "dbt": dbt("build", folder / "dbt"),
        }

    def measured(self) -> dict[tuple[str, str], Cost]:
        """(way, state) → cost."""
        found = {("run", state): self._cost("run") for state in STATES[:2]}
        shutil.copytree(self.folder / "run", self.folder / "tables")
        for name in ("dagster", "marts", "work/core", "work/marts"):
            shutil.rmtree(self.folder / "tables" / name)
        (self.folder / "tables" / "dagster").mkdir()
        work = warehouse(self.folder / "run" / "work")
        write_sources(work, work.models, self.sources)
        for way in ("dagster", "dbt"):
            write_project(work.models, self.folder / way, self.sources, MEMORY)
            # Once at deployment, where one uses them well.
            said_by(dbt("parse", self.folder / way), self.env[way])
        for way in ("tables", "dagster", "dbt"):
            found |= {(way, state): self._cost(way) for state in STATES[:2]}
        self._equal()
        self._revise()
        found["run", STATES[2]] = self._cost("run")
        write_sources(work, work.models, self.sources)
        found |= {(way, STATES[2]): self._cost(way) for way in ("tables", "dagster", "dbt")}
        self._equal()
        return found

    def _cost(self, way: str) -> Cost:
        found = cost(self.commands[way], self.env[way])
        print(
            f"{WAYS[way]}: {found.cpu:.1f} s CPU, {found.wall:.1f} s, {found.peak:.0f} MB",
            flush=True,
        )
        return found

    def _revise(self) -> None:
        """Take in a vintage with one observation revised, in both of our roots of data."""
        dataset = said_by([*OURS, "revise", str(self.folder)], self.env["run"])
        file = str(self.folder / "revised.csv")
        for way in ("run", "tables"):
            said_by([*RUN, "ingest", file, "--dataset", dataset], self.env[way])
        key = f"raw/{dataset.replace('.', '_')}"
        said_by([*OURS, "assets", self.date, key], self.env["tables"])

    def _equal(self) -> None:
        for way in ("dagster", "dbt"):
            must_be_equal(
                self.folder / "run" / "work", self.folder / way / f"{PROJECT}.duckdb", way
            )
        must_be_equal(
            self.folder / "tables" / "work", self.folder / "dbt" / f"{PROJECT}.duckdb", "dbt"
        )


def warehouse(work: Path) -> Warehouse:
    return Warehouse(work, load(registry_root()).datasets, load_models(sql_root()))


def must_be_equal(work: Path, database: Path, way: str) -> None:
    """Ends with 1, naming the tables, where a row of ours is not theirs or the other way round."""
    ours, different, total = warehouse(work), [], 0
    with duckdb.connect() as con:
        con.execute(f"ATTACH {literal(str(database))} AS theirs (READ_ONLY)")
        for table in ours.models:
            mine = f"SELECT * FROM read_parquet({literal(str(ours.file(table)))})"
            other = f"SELECT * FROM theirs.{table}"
            counts = [
                con.sql(f"SELECT count(*) FROM ({sql})").fetchall()[0][0]
                for sql in (mine, other, f"{mine} EXCEPT ALL {other}", f"{other} EXCEPT ALL {mine}")
            ]
            total += counts[0]
            if counts[0] != counts[1] or counts[2] or counts[3]:
                different.append(
                    f"{table}: {counts[0]} rows and {counts[1]} with {WAYS[way]}; {counts[2]} are "
                    f"ours alone, {counts[3]} theirs"
                )
    if different:
        sys.exit("the tables differ\n" + "\n".join(different))
    print(f"{len(ours.models)} tables, {total:,} rows: equal both ways with {WAYS[way]}")


def builds() -> None:
    seen: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            for key, found in Builds(Path(folder)).measured().items():
                seen[key].append(found)
    middle = {
        key: Cost(*(median(getattr(c, name) for c in found) for name in ("cpu", "wall", "peak")))
        for key, found in seen.items()
    }
    print(
        f"Median of {ROUNDS}. A run also seeds, parses and checks the vintages, publishes the release "
        "and draws its page,\nof which dbt does nothing; dbt's project was parsed before."
    )
    print(f"{'':36} {'CPU s':>7} {'wall s':>7} {'peak MB':>8}   × Dagster + dbt: CPU   wall   peak")
    for state in STATES:
        base = middle["dagster", state]
        for way, label in WAYS.items():
            took = middle[way, state]
            print(
                f"{f'{state}: {label}':48.48} {took.cpu:7.1f} {took.wall:7.1f} {took.peak:8.0f}"
                f"   {took.cpu / base.cpu:6.2f} {took.wall / base.wall:6.2f} {took.peak / base.peak:6.2f}"
            )
    for state, most in AIMS.items():
        ratio = middle["run", state].cpu / middle["dagster", state].cpu
        print(
            f"aim: {state}, CPU of a run at most {most} × Dagster + dbt: {ratio:5.2f}   "
            f"{bench.verdict(ratio <= most)}"
        )
    ours, theirs = (max(middle[way, state].peak for state in STATES) for way in ("run", "dagster"))
    print(
        f"aim: memory of all processes no higher: {ours:.0f} MB, {theirs:.0f} MB with Dagster + dbt   "
        f"{bench.verdict(ours <= theirs)}"
    )


def growth() -> None:
    """So many times the observations: our tables and dbt's, each in one process without Dagster."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder / "run", folder / "run" / "dagster")
        said_by([*RUN, "run", "--offline"], env)
        print(
            f"{'observations':>14} {'':24} {'CPU s':>8} {'wall s':>8} {'peak MB':>8}   × the first"
        )
        smallest: dict[str, Cost] = {}
        for factor in GROWTH:
            grown = folder / f"grown-{factor}"
            said_by([*OURS, "grow", str(folder / "run" / "work"), str(grown), str(factor)], env)
            work, project = warehouse(grown), folder / f"dbt-{factor}"
            took = {"missiemonitor": cost([*OURS, "build", str(grown)], env)}
            write_sources(work, work.models, folder / "sources")
            write_project(work.models, project, folder / "sources", MEMORY)
            of_dbt = dbt_environment(folder)
            said_by(dbt("parse", project), of_dbt)
            took["dbt-duckdb"] = cost(dbt("build", project), of_dbt)
            counted = work.record("core.observations")
            for label, found in took.items():
                least = smallest.setdefault(label, found)
                print(
                    f"{counted.rows if counted else 0:14,} {label:24} {found.cpu:8.1f} {found.wall:8.1f} "
                    f"{found.peak:8.0f}   CPU {found.cpu / least.cpu:6.1f}  memory {found.peak / least.peak:6.1f}"
                )
            must_be_equal(grown, project / f"{PROJECT}.duckdb", "dbt")
            shutil.rmtree(grown)
            shutil.rmtree(project)


def main() -> None:
    versions = said_by([str(PEERS / "python"), "-c", VERSIONS], {**os.environ, "PYTHONPATH": ""})
    print(f"{versions}; ours: DuckDB {duckdb.__version__}; one thread of DuckDB on both sides")
    if ROUNDS:
        builds()
        print()
    if GROWTH:
        growth()
        print()
    if bench.ROWS:
        bench.large()


VERSIONS = """
from importlib.metadata import version
names = ("dbt-core", "dbt-duckdb", "dagster", "dagster-dbt", "duckdb")
print(", ".join(f"{name} {version(name)}" for name in names))
"""

if __name__ == "__main__":
    main()
