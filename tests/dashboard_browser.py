"""The page in a real browser, before a stand that plays the robot."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chromium import needs_chromium
from dashboard_stand import EVENT, Stand
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
)

MARKS = [pytest.mark.realtime, needs_chromium]
PHONE: ViewportSize = {"width": 390, "height": 844}
WAIT_MS = 10_000

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, has_touch=True)
    yield context
    context.close()


def opened(context: BrowserContext, stand: Stand, token: str = "") -> Page:
    """Open the page and wait until it knows the robot's state."""
    page = context.new_page()
    page.goto(f"{stand.url}/#token={token}" if token else stand.url)
    expect(page.locator("body")).not_to_have_attribute("data-state", "lost")
    return page


def operated(context: BrowserContext, stand: Stand) -> Page:
    """Open the page as its operator, with the robot running."""
    stand.station.become(phase="running", motion="all", commander="policy")
    page = opened(context, stand, stand.tokens.operator)
    expect(page.locator("#state-word")).to_have_text("RUNNING")
    return page


def is_confirmed(page: Page) -> None:
    expect(page.locator("#stop-told")).to_have_text(
        re.compile(r"HOLDING, confirmed by left and right arm, \d+ ms")
    )
    expect(page.locator("#state-word")).to_have_text(f"STOPPED {EVENT}")
