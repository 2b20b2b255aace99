"""The page before a robot that runs: its stop reaches the arms, and a person brings it back."""

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from chromium import needs_chromium
from playwright.sync_api import Page, expect
from stack import Stack
from watched_stack import running

from benchmarks.chromium import chromium

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    needs_chromium,
]
WAIT_MS = 20_000

__all__ = ["running"]


@pytest.fixture
def page(running: Stack) -> Iterator[Page]:
    address = running.config.dashboard
    assert address.tokens is not None
    token = (address.tokens / "operator.token").read_text(encoding="utf-8").strip()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.goto(f"http://127.0.0.1:{address.port}/#token={token}")
        yield page


def test_a_person_stops_the_arms_by_the_page_and_brings_them_back(
    running: Stack, page: Page
) -> None:
    expect.set_options(timeout=WAIT_MS)
    running.go_on()
    expect(page.locator("#state-word")).to_have_text("RUNNING")
    running.order("home")
    running.until(running.moving, "the arms to move")
    with ThreadPoolExecutor(1) as meanwhile:  # the station goes on directing the arms home
        directing = meanwhile.submit(running.during, 1.0)
        page.keyboard.press("Space")
        directing.result()
    running.until(running.standing, "the arms to stand")
    running.assert_smooth()
    expect(page.locator("#stop-told")).to_have_text(
        re.compile(r"HOLDING, confirmed by left and right arm, \d+ ms")
    )
    expect(page.locator("#first-cause")).to_contain_text("stop by dashboard 127.0.0.1 operator")
    event = running.safety.event
    page.locator("#reset input").fill(event)
    page.locator("#reset input").press("Enter")
    expect(page.locator("#state-word")).to_have_text("DISARMED")
    page.get_by_role("button", name="Arm").click()
    expect(page.locator("#state-word")).to_have_text("ARMED")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#state-word")).to_have_text("RUNNING")
    expect(page.locator("#audit-lines")).to_contain_text(f"event {event}")
    running.signal("dashboard", signal.SIGSTOP)  # a server that hangs is a link that is lost
    expect(page.locator("#state-word")).to_have_text("NO LINK")
    running.signal("dashboard", signal.SIGCONT)
    expect(page.locator("body")).not_to_have_attribute("data-state", "lost")
