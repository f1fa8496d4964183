"""Chromium for the page: found on the machine, offline, with everything it asks and says noted.

CI brings a browser and fails without one; elsewhere these tests are skipped, with one line.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import cannot_run

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
)  # fmt: skip
_MISSING = "no Chromium here (install chromium, or name one in CHROMIUM)"


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((found for n in _NAMES if (found := shutil.which(n))), None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _chromium() is None:
        terminalreporter.write_line(f"the page was not tried in a browser: {_MISSING}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests. Root may not use Chromium's sandbox."""
    program = _chromium()
    if program is None:
        cannot_run(_MISSING)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*_QUIET, *root])
        yield started
        started.close()


@pytest.fixture(scope="session")
def index(first_run: dict[str, Any]) -> Path:
    """The published page as it lies on disk."""
    found: Path = (first_run["data"] / "marts" / "report" / "index.html").resolve()
    return found


@pytest.fixture
def visit(browser: Browser, index: Path, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open the page from the file system; at the end nothing was complained of or asked for."""
    contexts, noted = [], []

    def visited(
        anchor: str = "",
        *,
        file: Path = index,
        lang: str | None = None,
        scheme: Any = "light",
        width: int = 1280,
        height: int = 900,
        script: bool = True,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            accept_downloads=True,
            java_script_enabled=script,
            reduced_motion="reduce",
            **{"locale": "nl-NL", **more},
        )
        contexts.append(context)
        page = context.new_page()
        # A page that was taken out of its folder has no history beside it.
        alone = file is not index
        page.on(
            "console",
            lambda m: (
                None
                if alone and "ERR_FILE_NOT_FOUND" in m.text
                else noted.append(f"console {m.type}: {m.text}")
            ),
        )
        page.on("pageerror", lambda e: noted.append(f"error: {e}"))
        page.on("dialog", lambda d: noted.append(f"dialog: {d.message}"))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith(("file:", "data:", "blob:"))
                else noted.append(f"request: {r.url}")
            ),
        )
        page.goto(f"{file.as_uri()}{anchor}")
        if lang and script:
            page.click(f"[data-set-lang={lang}]")
        if script:
            page.wait_for_function("window.vega !== undefined")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not noted, noted


@pytest.fixture
def keep() -> Callable[[Page, str], bytes]:
    """Take a screenshot; MISSIEMONITOR_SCREENSHOTS names a folder in which they are kept."""

    def kept(page: Page, name: str) -> bytes:
        folder = os.environ.get("MISSIEMONITOR_SCREENSHOTS")
        picture = page.screenshot()
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{name}.png").write_bytes(picture)
        return picture

    return kept
