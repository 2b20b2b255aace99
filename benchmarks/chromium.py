"""A real browser without a window, where the machine has one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
REMEDY = "needs a Chromium: apt-get install chromium, or set CHROMIUM"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser; raises RuntimeError with a remedy where there is none."""
    if CHROMIUM is None:
        raise RuntimeError(REMEDY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
