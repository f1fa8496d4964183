"""What a run and a large body cost, as ratios measured in one go: `make bench`.

First a run: a first offline run and a second one in which nothing changed, beside importing
dagster, great_expectations and pandas alone. Then a body of ROWS rows (5 million unless told):
beside the same work in pandas, pyjstat on a sample, and DuckDB scanning the file and doing
nothing, which is the limit. `make bench ROWS=50000000` does the second part only; ROUNDS says how
often. Never a test: machines differ. The body and the ways of reading it are in throughput.py.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

ROUNDS = int(os.environ.get("ROUNDS", "3"))
ROWS = int(os.environ.get("ROWS") or 5_000_000)
# Above this pandas does not fit into the memory of most machines.
MOST_FOR_PANDAS = 10_000_000
IMPORTS = "import dagster, great_expectations, pandas"
THROUGHPUT = [sys.executable, str(Path(__file__).with_name("throughput.py"))]
LABELS = {
    "duckdb": "DuckDB, bare scan of the file",
    "missiemonitor": "missiemonitor, to Parquet",
    "pandas": "pandas, same work, to Parquet",
    "pyjstat": "pyjstat, JSON-stat to frame *",
}


def timed(command: list[str], env: dict[str, str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return time.perf_counter() - start


def _family(root: int) -> list[int]:
    """A process and all that it started, directly or not."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def together(command: list[str], env: dict[str, str]) -> float | None:
    """The most memory that a command's processes held at one moment, in MB, what they share
    counted once (PSS). None where the system does not say."""
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    most = 0
    done = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while done.poll() is None:
        held = 0
        for pid in _family(done.pid):
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                held += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
        most = max(most, held)
        time.sleep(0.05)
    return most / 1024


def share(data: Path) -> tuple[float, float]:
    """Share that page and exports had of the last run's own work (imports are not its work): by
    the clock, and of the run's own process by CPU."""
    spent = json.loads((data / "work" / "publication.json").read_text("utf-8"))
    return tuple(spent["publication"][k] / spent["run"][k] for k in ("seconds", "cpu_seconds"))


def nightly() -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "MISSIEMONITOR_DATA": str(Path(folder) / "data")}
        run = [str(Path(sys.executable).with_name("missiemonitor")), "run", "--offline"]
        timed([sys.executable, "-c", IMPORTS], env)  # warm the disk
        imports, first, again, shares = [], [], [], []
        for _ in range(ROUNDS):
            imports.append(timed([sys.executable, "-c", IMPORTS], env))
            subprocess.run(["rm", "-rf", env["MISSIEMONITOR_DATA"]], check=True)
            first.append(timed(run, env))
            shares.append(share(Path(env["MISSIEMONITOR_DATA"])))
            again.append(timed(run, env))
        subprocess.run(["rm", "-rf", env["MISSIEMONITOR_DATA"]], check=True)
        held = together(run, env)
        base = median(imports)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"A run, median of {ROUNDS}, wall clock")
        print(f"importing dagster, great_expectations, pandas   {base:6.2f} s")
        print(
            f"offline run, nothing built yet                  {median(first):6.2f} s"
            f"   {median(first) / base:5.2f} ×"
        )
        print(
            f"offline run, nothing changed                    {median(again):6.2f} s"
            f"   {median(again) / base:5.2f} ×"
        )
        print(
            "page and exports, share of the run's own work    "
            f"{100 * median(s[0] for s in shares):5.0f} %"
            f"   {100 * median(s[1] for s in shares):5.0f} % of its CPU"
        )
        print(f"peak memory of the largest process              {peak:6.0f} MB")
        if held is not None:
            print(f"peak memory of all its processes together       {held:6.0f} MB")
        for name, ratio, most in (("first", median(first), 1.6), ("unchanged", median(again), 1.3)):
            print(
                f"aim: {name} run within {most} × of the imports".ljust(49)
                + f"{ratio / base:5.2f} ×   {verdict(ratio <= most * base)}"
            )
        print(f"aim: less than 600 MB of memory{'':18}{peak:5.0f} MB  {verdict(peak < 600)}")


def throughput_of(*words: str) -> str:
    done = subprocess.run([*THROUGHPUT, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"throughput.py {' '.join(words)} failed: {done.stderr.strip()[-800:]}")
    return done.stdout


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def large() -> None:
    with tempfile.TemporaryDirectory() as folder:
        throughput_of("make", str(ROWS), folder)
        notes = json.loads((Path(folder) / "notes.json").read_text())
        print(
            f"SDMX-CSV of {ROWS:,} rows, {notes['packed'] / 1e6:,.0f} MB as gzip, "
            f"{notes['bytes'] / 1e6:,.0f} MB unpacked; median of {ROUNDS}, a process each"
        )
        ways = list(LABELS) if ROWS <= MOST_FOR_PANDAS else ["duckdb", "missiemonitor"]
        seen: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):  # in turn, so that what else the machine does hits all alike
            for way in ways:
                seen[way].append(json.loads(throughput_of("run", way, folder)))
    counts = {(r["observations"], r["rejects"]) for w in seen for r in seen[w] if "rejects" in r}
    if len(counts) != 1:
        sys.exit(f"the ways do not agree on the rows: {sorted(counts)}")
    middle = {
        way: {k: median(r[k] for r in rounds) for k in ("wall", "cpu", "peak")}
        for way, rounds in seen.items()
    }
    if "pyjstat" in middle:
        for unit in ("wall", "cpu"):
            middle["pyjstat"][unit] *= ROWS / seen["pyjstat"][0]["scanned"]
    ours = middle["missiemonitor"]
    print(f"{'':32} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}   × ours: wall    CPU")
    for way, took in middle.items():
        print(
            f"{LABELS[way]:32} {took['wall']:8.2f} {took['cpu']:8.2f} {took['peak']:8.0f}"
            f"   {took['wall'] / ours['wall']:12.2f} {took['cpu'] / ours['cpu']:6.2f}"
        )
    (good, bad), scan = counts.pop(), middle["duckdb"]
    print(f"{good:,} observations and {bad:,} rejects, the same from each way that gives them")
    if "pyjstat" in middle:
        print(f"* {seen['pyjstat'][0]['scanned']:,} cells, scaled; peak memory is the sample's")
    print("Judged by the clock, on a machine that does nothing else; CPU time stands beside it.")
    if "pandas" in middle:
        ratio = middle["pandas"]["wall"] / ours["wall"]
        print(f"aim: at least 8 × as fast as pandas    {ratio:6.2f} ×   {verdict(ratio >= 8)}")
    ratio = ours["wall"] / scan["wall"]
    print(f"aim: within 1.6 × of the bare scan     {ratio:6.2f} ×   {verdict(ratio <= 1.6)}")
    peak = max(r["peak"] for r in seen["missiemonitor"])
    print(f"aim: less than 1,500 MB of memory      {peak:6.0f} MB  {verdict(peak < 1500)}")


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
