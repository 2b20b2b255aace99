"""The page never says more than is known: of arms that travel or fall, of news that are late."""

from __future__ import annotations

import re
from typing import Any

from chromium import browser_of_module
from dashboard_browser import MARKS, context, operated
from dashboard_client import stand
from dashboard_stand import Stand
from playwright.sync_api import BrowserContext, WebSocketRoute, expect

pytestmark = MARKS

__all__ = ["browser_of_module", "context", "stand"]

QUEUED = 25  # messages that wait in a slow link: more than two seconds of them


def stopped(stand: Stand, **changes: Any) -> None:
    stand.station.script.confirms = ()
    stand.station.stop("too hot", "safety")
    confirmed = {"confirmed_ms": {"left": 20.0, "right": 23.0}}
    stand.station.become(awaited=(), **(confirmed | changes))


def test_arms_on_their_way_to_rest_are_not_said_to_hold(
    context: BrowserContext, stand: Stand
) -> None:
    page = operated(context, stand)
    stopped(stand, stop="rest_then_off", motion="rest", confirmed_ms={})
    expect(page.locator("#stop-told")).to_have_text("GOING TO REST")
    stand.station.script.answers = False
    page.keyboard.press("Space")
    expect(page.locator("#stop-told")).to_have_text("NOT CONFIRMED: USE THE 12 V SWITCH")
    stand.station.become(motion="none", stop="hold", confirmed_ms={"left": 9.0, "right": 9.0})
    expect(page.locator("#stop-told")).to_have_text(re.compile("HOLDING, confirmed by left and"))


def test_a_cut_is_told_as_what_it_is(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    stopped(stand, stop="cut")
    expect(page.locator("#stop-told")).to_have_text(
        "TORQUE OFF, confirmed by left and right arm, 23 ms"
    )


def test_a_stop_in_force_is_not_told_as_confirmed_once_safety_is_silent(
    context: BrowserContext, stand: Stand
) -> None:
    page = operated(context, stand)
    stopped(stand)
    expect(page.locator("#stop-told")).to_have_text(re.compile("HOLDING, confirmed by left and"))
    stand.station.script.speaks = False
    expect(page.locator("#stop-told")).to_contain_text("This button may not reach the robot")


def test_what_waited_on_its_way_is_as_old_as_it_is(context: BrowserContext, stand: Stand) -> None:
    slow: list[bool] = []
    queue: list[str | bytes] = []

    def carried(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def late(message: str | bytes) -> None:
            queue.append(message)
            while queue and (not slow or len(queue) > QUEUED):
                browser.send(queue.pop(0))

        server.on_message(late)

    context.route_web_socket(re.compile(".*/state"), carried)
    page = operated(context, stand)
    expect(page.locator("#age")).to_have_text(re.compile(r"0\.\d s"))
    slow.append(True)
    expect(page.locator("body")).to_have_attribute("data-state", "lost")
    page.wait_for_timeout(1000)  # news come again, all of them old
    expect(page.locator("#age")).to_have_text(re.compile(r"[1-9]\.\d s"))
    expect(page.locator("body")).to_have_attribute("data-state", "lost")
