"""The page in a real browser: a person stops the robot, sees that it stopped, and resets it."""

import re
import tempfile
from pathlib import Path

import pytest
from chromium import browser_of_module
from dashboard_browser import (
    MARKS,
    PHONE,
    context,
    is_confirmed,
    opened,
    operated,
)
from dashboard_client import stand
from dashboard_scene import PROCESSES
from dashboard_stand import CUT_CODE, EVENT, Stand, standing
from playwright.sync_api import (
    Browser,
    BrowserContext,
    WebSocketRoute,
    expect,
)

__all__ = ["browser_of_module", "context", "stand"]

pytestmark = MARKS
MOST_BYTES = 60_000  # of scripts and styles


@pytest.mark.parametrize("way", ["mouse", "touch", "Space", "Escape", "Enter"])
def test_a_stop_is_sent_and_confirmed(context: BrowserContext, stand: Stand, way: str) -> None:
    page = operated(context, stand)
    button = page.get_by_role("button", name="STOP")
    if way == "mouse":
        box = button.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        page.mouse.down()  # the press stops, not the release
    elif way == "touch":
        button.tap()
    elif way == "Enter":
        button.press("Enter")
    else:
        page.keyboard.press(way)
    is_confirmed(page)
    expect(button).to_have_attribute("data-pressed", "1")


@pytest.mark.parametrize("key", ["Space", "Escape"])
def test_a_stop_key_stops_from_within_any_field(
    context: BrowserContext, stand: Stand, key: str
) -> None:
    page = operated(context, stand)
    for field in ("#speed", "#download", "[data-ask=pause]"):
        page.locator(field).focus()
        page.keyboard.press(key)
        is_confirmed(page)
        page.locator("#reset input").fill(EVENT)
        page.locator("#reset input").press("Enter")
        expect(page.locator("#state-word")).to_have_text("DISARMED")
        stand.station.become(phase="running", motion="all", commander="policy")
        expect(page.locator("#state-word")).to_have_text("RUNNING")
    page.keyboard.press(key)
    page.locator("#reset input").focus()
    page.keyboard.press(key)
    expect(page.locator("#reset input")).to_have_value("")
    assert set(stand.station.kinds()) == {"stop", "reset"}  # and nothing was clicked


def test_a_held_key_is_one_press(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    for _ in range(20):
        page.keyboard.down("Space")
    is_confirmed(page)
    expect(page.get_by_role("button", name="STOP")).to_have_attribute("data-pressed", "1")


def test_a_stop_that_no_arm_confirms_is_called_so(context: BrowserContext, stand: Stand) -> None:
    stand.station.script.confirms = ("left",)
    page = operated(context, stand)
    page.keyboard.press("Space")
    expect(page.locator("#stop-told")).to_have_text(
        "NOT CONFIRMED by right arm: USE THE 12 V SWITCH"
    )


def test_a_stop_that_nobody_answers_is_called_so(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    stand.station.script.answers = False
    stand.station.script.speaks = False
    page.keyboard.press("Space")
    expect(page.locator("#stop-told")).to_have_text("NOT CONFIRMED: USE THE 12 V SWITCH")
    expect(page.locator("#state-word")).to_have_text("SAFETY SILENT")


def test_without_its_socket_a_stop_goes_by_http(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    page.evaluate("Object.defineProperty(WebSocket.prototype, 'readyState', { get: () => 3 })")
    page.keyboard.press("Space")
    stand.wait_for_request("stop")
    is_confirmed(page)


def test_without_scripts_the_button_is_a_form(browser: Browser, stand: Stand) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stand.url)
    page.get_by_role("button", name="STOP").click()
    expect(page.locator("h1")).to_contain_text(f"STOPPED, event {EVENT}")
    expect(page.locator("body")).to_contain_text("12 V switch")
    context.close()


def test_a_reset_is_held_or_typed(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    page.keyboard.press("Escape")
    is_confirmed(page)
    hold = page.get_by_role("button", name="Hold to reset")
    hold.click()  # too short
    page.locator("#reset input").fill("1234")
    page.locator("#reset input").press("Enter")
    expect(page.locator("#reset .wrong")).to_have_text(f"1234 is not {EVENT}.")
    assert set(stand.station.kinds()) == {"stop"}
    hold.hover()
    page.mouse.down()
    expect(page.locator("#state-word")).to_have_text("DISARMED")
    page.mouse.up()
    assert stand.wait_for_request("reset").event == EVENT
    expect(page.locator("#latch")).to_be_hidden()


def test_a_reset_is_hindered_while_a_cause_persists(context: BrowserContext, stand: Stand) -> None:
    stand.station.script.persisting = ("left elbow: overload",)
    page = operated(context, stand)
    stand.station.stop("left elbow: overload", "safety")
    expect(page.locator("#blocked")).to_have_text("Reset is not possible while this persists:")
    expect(page.locator("#persisting")).to_have_text("left elbow: overload")
    expect(page.get_by_role("button", name="Hold to reset")).to_be_disabled()
    stand.station.become(persisting=())
    expect(page.get_by_role("button", name="Hold to reset")).to_be_enabled()


def test_who_only_looks_may_stop_but_not_reset(context: BrowserContext, stand: Stand) -> None:
    stand.station.become(phase="running", motion="all", commander="policy")
    page = opened(context, stand)
    expect(page.locator("#role")).to_have_text("You may look and stop.")
    for ask in ("arm", "run", "pause", "cut"):
        expect(page.locator(f"[data-ask={ask}]")).to_be_disabled()
    page.keyboard.press("Space")
    is_confirmed(page)
    expect(page.locator("#blocked")).to_contain_text("Reset needs an operator")
    page.locator("#token").fill("guess")
    page.locator("#token").press("Enter")
    expect(page.locator("#role")).to_contain_text("not the right one")
    page.locator("#token").fill(stand.tokens.operator)
    page.locator("#token").press("Enter")
    expect(page.locator("#role")).to_have_text("You are the operator in control.")
    expect(page.get_by_role("button", name="Hold to reset")).to_be_enabled()


def test_control_is_taken_over_explicitly(context: BrowserContext, stand: Stand) -> None:
    first = operated(context, stand)
    second = opened(context, stand, stand.tokens.operator)
    expect(second.locator("[data-ask=home]")).to_be_disabled()
    second.get_by_role("button", name="Take control").click()
    expect(second.locator("[data-ask=home]")).to_be_enabled()
    expect(first.locator("#role")).to_contain_text("Another operator (127.0.0.1) has control")
    first.keyboard.press("Space")
    is_confirmed(first)
    is_confirmed(second)


def test_the_keyboard_alone_is_enough(context: BrowserContext, stand: Stand) -> None:
    page = opened(context, stand, stand.tokens.operator)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="STOP")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Arm")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#state-word")).to_have_text("ARMED")
    for ask in ("run", "pause"):
        page.locator(f"[data-ask={ask}]").focus()
        page.keyboard.press("Enter")
        stand.wait_for_request(ask)
    page.locator("#speed").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    stand.wait_for(lambda: any(0.49 < asked.value < 0.51 for asked in stand.station.requests))
    page.keyboard.press("Space")
    is_confirmed(page)


def test_a_lost_link_greys_the_page_until_it_is_back(context: BrowserContext, stand: Stand) -> None:
    cut: list[bool] = []

    def carried(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        browser.on_message(lambda message: None if cut else server.send(message))
        server.on_message(lambda message: None if cut else browser.send(message))

    context.route_web_socket(re.compile(".*/state"), carried)
    page = operated(context, stand)
    expect(page.locator("#age")).to_have_text(re.compile(r"0\.\d s"))
    cut.append(True)
    expect(page.locator("body")).to_have_attribute("data-state", "lost")
    expect(page.locator("#state-word")).to_have_text("NO LINK")
    expect(page.locator("#age")).to_have_text(re.compile(r"[1-9]\.\d s"))
    page.keyboard.press("Space")  # by HTTP it may come through, but nobody confirms it here
    expect(page.locator("#stop-told")).to_have_text("NOT CONFIRMED: USE THE 12 V SWITCH")
    stand.wait_for_request("stop")
    cut.clear()
    is_confirmed(page)


def test_a_server_that_is_gone_greys_the_page(browser: Browser) -> None:
    context = browser.new_context()
    with tempfile.TemporaryDirectory() as directory:
        with standing(Path(directory)) as stand:
            page = operated(context, stand)
        expect(page.locator("body")).to_have_attribute("data-state", "lost")
        expect(page.locator("#state-word")).to_have_text("NO LINK")
        expect(page.locator("#age")).to_have_text(re.compile(r"[1-9]\.\d s"))
        expect(page.locator("#stop-told")).to_contain_text("USE THE 12 V SWITCH")
        grey = "getComputedStyle(document.querySelector('#motion')).filter"
        assert page.evaluate(grey) == "grayscale(1)"
        page.keyboard.press("Space")
        expect(page.locator("#stop-told")).to_have_text("NOT CONFIRMED: USE THE 12 V SWITCH")
        with standing(Path(directory), port=stand.port):
            expect(page.locator("#state-word")).to_have_text("DISARMED")
    context.close()


def test_cutting_torque_takes_two_steps(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    page.get_by_role("button", name="Cut torque").click()
    expect(page.locator("#cut-second")).to_contain_text("THE ARMS WILL FALL")
    assert stand.wait_for_request("cut").event == ""
    page.locator("#cut-confirm input").fill(CUT_CODE)
    page.locator("#cut-confirm input").press("Enter")
    stand.wait_for(lambda: stand.station.requests[-1].event == CUT_CODE)
    expect(page.locator("#cut-second")).to_be_hidden()


def test_on_a_phone_the_button_is_in_reach_and_nothing_is_cut_off(
    browser: Browser, stand: Stand
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = operated(context, stand)
    expect(page.locator("#motor-tables tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for scroll in (0, 10_000):
        page.evaluate(f"scrollTo(0, {scroll})")
        box = page.get_by_role("button", name="STOP").bounding_box()
        assert box is not None
        assert box["width"] > 0.9 * PHONE["width"]
        assert box["height"] > 90
        assert box["y"] + box["height"] <= PHONE["height"]
        expect(page.locator("#law")).to_be_in_viewport()
    page.get_by_role("button", name="STOP").tap()
    is_confirmed(page)
    context.close()


def test_everything_is_big_enough_to_touch(context: BrowserContext, stand: Stand) -> None:
    page = operated(context, stand)
    page.keyboard.press("Space")
    is_confirmed(page)
    small = page.evaluate(
        """[...document.querySelectorAll("button, input")].filter((each) => each.offsetParent)
        .filter((each) => each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)"""
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, stand: Stand, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = operated(context, stand)
    expect(page.locator("#motor-tables tr").first).to_be_visible()
    faint = page.evaluate(Path(__file__).with_name("contrast.js").read_text(encoding="utf-8"))
    page.keyboard.press("Space")
    is_confirmed(page)
    faint += page.evaluate(Path(__file__).with_name("contrast.js").read_text(encoding="utf-8"))
    assert faint == []
    context.close()


def test_the_page_shows_what_the_robot_does(context: BrowserContext, stand: Stand) -> None:
    stand.station.script.motor_errors = {"elbow (id 4)": "overload"}
    page = operated(context, stand)
    expect(page.locator("#commander")).to_have_text("policy")
    expect(page.locator("#process-rows tr")).to_have_count(len(PROCESSES))
    expect(page.locator("#process-rows")).to_contain_text("● ready")
    expect(page.locator("#delay-rows")).to_contain_text("policy: infer")
    expect(page.locator("#motor-tables")).to_contain_text("overload")
    expect(page.locator("#audit-lines li").first).to_contain_text("launch: run")
    expect(page.locator("#views figcaption").first).to_contain_text("/s")
    page.get_by_role("button", name="right").click()
    expect(page.get_by_role("button", name="right")).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "audit.jsonl"


def test_the_page_is_small_and_loads_nothing_from_outside(
    context: BrowserContext, stand: Stand
) -> None:
    page = context.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(stand.url)
    expect(page.locator("body")).to_have_attribute("data-state", "disarmed")
    assert all(url.startswith(stand.url) for url in asked)
    assert faults == []
    folder = Path(__file__).parents[1] / "dashboard" / "page"
    assert sum(path.stat().st_size for path in folder.glob("*.[jc]s*")) < MOST_BYTES
