"""What a run and a large body cost, as ratios measured in one go: `make bench`.

First a run: a first offline run and one in which nothing changed, by CPU, and the first view of its
page (first_view.py). Then a body of ROWS rows (5 million unless told) beside the same work in pandas
and Polars, and beside DuckDB scanning the file and doing nothing, which is the limit. `make bench ROWS=50000000` does the second part only;
ROUNDS says how often, MEMORY what DuckDB may hold. Never a test: machines differ. The body and the
ways of reading it are in throughput.py.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROUNDS = int(os.environ.get("ROUNDS", "3"))
ROWS = int(os.environ.get("ROWS") or 5_000_000)
# Above this pandas and Polars do not fit into the memory of most machines.
MOST_IN_MEMORY = 10_000_000
CHECKOUT = Path(__file__).resolve().parents[1]
FIRST_VIEW = [sys.executable, str(Path(__file__).with_name("first_view.py"))]
THROUGHPUT = [sys.executable, str(Path(__file__).with_name("throughput.py"))]
LABELS = {
    "duckdb": "DuckDB, bare scan of the file",
    "missiemonitor": "missiemonitor, to Parquet",
    "pandas": "pandas, same work, to Parquet",
    "polars": "Polars, same work, to Parquet",
}
# What a run may cost is stated for a graph of so many assets. A dataset or a table more is a step more:
# the aims grow as the graph does, and no faster; but not that of memory.
ASSETS = 87
# Of the last run: assets made, events that Dagster kept, and results of checks among them.
EVENTS = """
import dagster
with dagster.DagsterInstance.get() as instance:
    entries = instance.all_logs(instance.get_runs(limit=1)[0].run_id)
kinds = [e.dagster_event.event_type_value for e in entries if e.is_dagster_event]
print(kinds.count("ASSET_MATERIALIZATION"), len(kinds), kinds.count("ASSET_CHECK_EVALUATION"))
"""


def spent(command: list[str], env: dict[str, str]) -> float:
    """CPU seconds of a command and of all processes that it started and waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def nightly() -> None:
    """A first and an unchanged run, each ROUNDS times; and what Dagster kept of them."""
    run = [str(Path(sys.executable).with_name("missiemonitor")), "run", "--offline"]
    first, again = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            env = {
                **os.environ,
                "DAGSTER_HOME": str(CHECKOUT),
                "MISSIEMONITOR_DATA": str(Path(folder) / "data"),
                "MISSIEMONITOR_INSTANCE": str(Path(folder) / "data" / "dagster"),
            }
            first.append(spent(run, env))
            again.append(spent(run, env))
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            found = subprocess.run(
                [sys.executable, "-c", EVENTS], env=env, capture_output=True, text=True, check=True
            )
            # Last of all: Chromium would be the largest process of the rounds after it.
            if len(again) == ROUNDS:
                page = Path(folder) / "data" / "marts" / "report" / "index.html"
                view = subprocess.run(
                    [*FIRST_VIEW, str(page)], capture_output=True, text=True, check=True
                )
    assets, events, checks = map(int, found.stdout.split())
    print(f"A run of {assets} assets, median of {ROUNDS}; in brackets the aim for {ASSETS} assets")
    for label, value, aim, unit in (
        ("first offline run, CPU", median(first), 24, "s"),
        ("run in which nothing changed, CPU", median(again), 11, "s"),
        ("events", events, 900, ""),
        ("checks", checks, 130, ""),
        ("largest process", peak, 650, "MB"),
    ):
        digits = 1 if unit == "s" else 0
        most = aim if unit == "MB" else aim * assets / ASSETS
        print(
            f"{label:36} {value:8.{digits}f} {unit:3} aim: at most {most:6.{digits}f} ({aim})"
            f"   {verdict(value <= most)}"
        )
    print(view.stdout, end="")


def throughput_of(*words: str) -> str:
    done = subprocess.run([*THROUGHPUT, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"throughput.py {' '.join(words)} failed: {done.stderr.strip()[-800:]}")
    return done.stdout


def measured(ways: list[str], folder: str) -> dict[str, list[dict[str, float]]]:
    """Each way ROUNDS times, once at least, a process each, in turn: what else the machine does hits
    all alike."""
    seen: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(max(1, ROUNDS)):
        for way in ways:
            seen[way].append(json.loads(throughput_of("run", way, folder)))
    counts = {(r["observations"], r["rejects"]) for w in seen for r in seen[w] if "rejects" in r}
    if len(counts) != 1:
        sys.exit(f"the ways do not agree on the rows: {sorted(counts)}")
    good, bad = counts.pop()
    print(f"{good:,} observations and {bad:,} rejects, the same from each way that gives them")
    return seen


def large() -> None:
    """The ways of reading a body of ROWS rows, beside each other."""
    with tempfile.TemporaryDirectory() as folder:
        throughput_of("make", str(ROWS), folder)
        notes = json.loads((Path(folder) / "notes.json").read_text())
        print(
            f"SDMX-CSV of {ROWS:,} rows, {notes['packed'] / 1e6:,.0f} MB as gzip, "
            f"{notes['bytes'] / 1e6:,.0f} MB unpacked; median of {max(1, ROUNDS)}, a process each"
        )
        ways = list(LABELS) if ROWS <= MOST_IN_MEMORY else ["duckdb", "missiemonitor"]
        seen = measured(ways, folder)
    middle = {
        way: {k: median(r[k] for r in rounds) for k in ("wall", "cpu", "peak")}
        for way, rounds in seen.items()
    }
    ours = middle["missiemonitor"]
    print(f"{'':32} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}   × ours: wall    CPU")
    for way, took in middle.items():
        print(
            f"{LABELS[way]:32} {took['wall']:8.2f} {took['cpu']:8.2f} {took['peak']:8.0f}"
            f"   {took['wall'] / ours['wall']:12.2f} {took['cpu'] / ours['cpu']:6.2f}"
        )
    print(f"CPU of a million rows: {ours['cpu'] / ROWS * 1e6:.2f} s")
    if "pandas" in middle:
        ratio = middle["pandas"]["cpu"] / ours["cpu"]
        print(
            f"aim: at least 2.5 × cheaper than pandas by CPU  {ratio:6.2f} ×   {verdict(ratio >= 2.5)}"
        )
    peak = max(r["peak"] for r in seen["missiemonitor"])
    print(
        f"aim: at most 1,200 MB of memory                 {peak:6.0f} MB  {verdict(peak <= 1200)}"
    )


def small() -> None:
    found = json.loads(throughput_of("run", "bundled", "."))
    each = found["cpu"] * 1000 / found["bodies"]
    print(f"The {found['bodies']} bundled bodies, one process: {each:.1f} ms of CPU each")


def main() -> None:
    if not os.environ.get("ROWS"):
        nightly()
        print()
        small()
        print()
    large()


if __name__ == "__main__":
    main()
