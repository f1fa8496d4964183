"""How long the page's first view takes to be interactive, in Chromium: `python tools/first_view.py PAGE`.

Without PAGE: the page that is published. From the start of loading to the first moment at which nothing
waits any more, the script that draws charts included; and to the first picture. Never a test.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

AIM = 1.0  # seconds, on a machine that does nothing else
ROUNDS = int(os.environ.get("ROUNDS", "3")) + 2
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"a desktop": (1440, 900), "a phone": (390, 844)}
IDLE = "new Promise(done => requestIdleCallback(() => done(performance.now())))"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def measured(page: Path, program: str) -> dict[str, list[tuple[float, float]]]:
    """For each size of screen and round: seconds to the first picture, and to interactive."""
    sandbox = [] if os.name == "nt" or os.geteuid() else ["--no-sandbox"]
    seen: dict[str, list[tuple[float, float]]] = {size: [] for size in SIZES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        for _ in range(ROUNDS):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(viewport={"width": width, "height": height})
                view = context.new_page()
                view.goto(page.as_uri())
                view.wait_for_function("window.vega !== undefined")
                idle, painted = view.evaluate(IDLE), view.evaluate(PAINTED)
                seen[size].append((painted / 1000, idle / 1000))
                context.close()
        browser.close()
    return seen


def tell(page: Path) -> None:
    """A line for each size of screen; one word where there is no Chromium."""
    program = _chromium()
    if program is None:
        print("first view of the page: not measured, no Chromium here (CHROMIUM names one)")
        return
    for size, rounds in measured(page.resolve(), program).items():
        painted, idle = (median(r[k] for r in rounds) for k in (0, 1))
        said = "met" if idle <= AIM else "MISSED"
        print(
            f"first view on {size:10}, interactive   {idle:8.2f} s   aim: at most {AIM:4g}   {said}"
            f"  (first picture {painted:.2f} s)"
        )


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    published = Path(os.environ.get("MISSIEMONITOR_DATA") or root / "data") / "marts" / "report"
    tell(Path(sys.argv[1]) if len(sys.argv) > 1 else published / "index.html")
