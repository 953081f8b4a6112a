"""A real browser for the tests of the page: Chromium, as Debian or Playwright installed it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip(
    "playwright.sync_api", reason="Playwright belongs to the development tools: pip install -e '.[dev]'"
)
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright  # after it is known to be there

__all__ = ["Browser", "BrowserContext", "Page", "chromium", "expect"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, or a skipped test that says what is missing."""
    with sync_playwright() as runtime:
        found = next((path for name in _NAMES if (path := shutil.which(name))), None)
        if found is None and not Path(runtime.chromium.executable_path).exists():
            pytest.skip("there is no Chromium: apt-get install chromium, or python -m playwright install chromium")
        # Its sandbox refuses to run as root, which is who builds run as in containers.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = runtime.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
