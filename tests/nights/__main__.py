"""`python -m tests.nights --nights N --seed S [--whole K] [--keep FOLDER]`: a line a night, a summary."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.nights.night import Nights, Report
from tests.publisher import Publisher


def summary(reports: Sequence[Report], seed: int, seconds: float) -> str:
    """What the nights were and left, in lines."""
    codes = Counter(r.code for r in reports)
    errors = Counter(e for r in reports for e in r.errors.values())
    # The first of a kind makes what all others find: vintages beyond the bundle, Dagster's database.
    whole = [r for r in reports if r.whole][1:]
    some = reports[1:] or reports
    number = len(some)
    lines = [
        f"seed {seed}: {len(reports)} nights, {seconds:.0f} s of CPU, "
        f"{sum(map(len, (r.errors for r in reports)))} errors of {len(errors)} kinds, "
        f"{sum(len(r.news) for r in reports)} times true news",
        f"exit codes: {', '.join(f'{n} × {code}' for code, n in sorted(codes.items()))}",
        f"wrong numbers: {sum(len(r.wrong) for r in reports)}; "
        f"nights stopped: {sum(bool(r.stopped) for r in reports)}",
        f"dataset-nights on a plausible wrong cell: {sum(len(r.believed) for r in reports)}; "
        f"behind the truth without an error: {sum(len(r.behind) for r in reports)}",
        f"a night's growth: {sum(r.vintages for r in some) / number:.2f} vintages, "
        f"{sum(r.raw for r in some) / number / 1024:.1f} kB raw, "
        f"{sum(r.work for r in some) / number / 1024:.1f} kB work"
        + (
            f", {sum(r.dagster for r in whole) / len(whole) / 1024:.0f} kB of Dagster's records "
            f"({len(whole)} nights by the command)"
            if whole
            else ""
        ),
    ]
    kinds = ", ".join(f"{name} {n}" for name, n in sorted(errors.items()))
    return "\n".join([*lines, f"errors: {kinds}"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.nights", description=__doc__)
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--whole", type=int, default=50, help="every so many by the command")
    parser.add_argument("--keep", type=Path, help="the folder of data, kept; default a new one")
    chosen = parser.parse_args()
    began, reports = time.process_time(), []
    with tempfile.TemporaryDirectory() as folder, Publisher() as bench:
        nights = Nights(chosen.keep or Path(folder), chosen.seed, bench)
        for number in range(chosen.nights):
            whole = bool(chosen.whole) and number % chosen.whole == chosen.whole - 1
            reports.append(nights.night(number, whole=whole))
            sys.stdout.write(f"{reports[-1]}\n")
            sys.stdout.flush()
    sys.stdout.write(summary(reports, chosen.seed, time.process_time() - began) + "\n")
    sys.exit(0 if all(r.holds for r in reports) else 1)


if __name__ == "__main__":
    main()
