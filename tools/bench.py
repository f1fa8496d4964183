"""What a run costs, as ratios measured in one go: `make bench`.

Compares a first offline run and a second one in which nothing changed with importing dagster,
great_expectations and pandas alone. Never a test: machines differ.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROUNDS = int(os.environ.get("ROUNDS", "3"))
IMPORTS = "import dagster, great_expectations, pandas"


def timed(command: list[str], env: dict[str, str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "MISSIEMONITOR_DATA": str(Path(folder) / "data")}
        run = [str(Path(sys.executable).with_name("missiemonitor")), "run", "--offline"]
        timed([sys.executable, "-c", IMPORTS], env)  # warm the disk
        imports, first, again = [], [], []
        for _ in range(ROUNDS):
            imports.append(timed([sys.executable, "-c", IMPORTS], env))
            subprocess.run(["rm", "-rf", env["MISSIEMONITOR_DATA"]], check=True)
            first.append(timed(run, env))
            again.append(timed(run, env))
        base = median(imports)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"importing dagster, great_expectations, pandas   {base:6.2f} s")
        print(
            f"offline run, nothing built yet                  {median(first):6.2f} s"
            f"   {median(first) / base:5.2f} ×"
        )
        print(
            f"offline run, nothing changed                    {median(again):6.2f} s"
            f"   {median(again) / base:5.2f} ×"
        )
        print(f"peak memory of the largest process              {peak:6.0f} MB")


if __name__ == "__main__":
    main()
