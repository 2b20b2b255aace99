"""A real browser for tests, where the machine has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from benchmarks.chromium import CHROMIUM, REMEDY, chromium

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=REMEDY)


@pytest.fixture(name="browser", scope="module")
def browser_of_module() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
