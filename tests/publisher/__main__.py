"""The bench by hand: `python -m tests.publisher --port 8765 [--fault NAME:SOURCE[:NTH[:TIMES]]]`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.publisher import Fault, Publisher, bundled_world
from tests.publisher.faults import ALL
from tests.publisher.statline import add_tables


def _fault(text: str) -> Fault:
    name, source, *rest = text.split(":")
    numbers = [int(n) for n in rest]
    return Fault(name, source, *numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="faults: " + " ".join(sorted(ALL)))
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--fault", type=_fault, action="append", default=[])
    chosen = parser.parse_args()
    with Publisher(add_tables(bundled_world()), chosen.fault, port=chosen.port) as bench:
        for name, url in bench.environment().items():
            sys.stdout.write(f"export {name}={url}\n")
        sys.stdout.flush()
        shown = 0
        try:
            while True:
                time.sleep(0.5)
                for ask in bench.seen[shown:]:
                    said = f"  ({', '.join(sorted(ask.faults))})" if ask.faults else ""
                    sys.stderr.write(f"{ask.target}{said}\n")
                shown = len(bench.seen)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
