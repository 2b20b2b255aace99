"""The page's panel of who commands and what is kept: takeover, labels, keys, losses."""

from __future__ import annotations

import re

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
from dashboard_stand import Stand
from playwright.sync_api import BrowserContext, Locator, Page, expect

__all__ = ["browser_of_module", "context", "stand"]

pytestmark = MARKS


@pytest.fixture
def page(context: BrowserContext, stand: Stand) -> Page:
    return operated(context, stand)


def button(page: Page, name: str) -> Locator:
    return page.locator("#collect").get_by_role("button", name=name)


def test_a_person_takes_over_and_hands_back_by_the_buttons(page: Page, stand: Stand) -> None:
    stand.station.script.arms = ("left",)
    expect(page.locator("#commanding")).to_contain_text("Policy commands")
    expect(button(page, "Hand back")).to_be_disabled()
    button(page, "Take over").click()
    assert stand.wait_for_request("takeover").who == "dashboard 127.0.0.1 operator"
    expect(page.locator("#commanding")).to_contain_text("Person commands left arm")
    expect(page.locator("#state-said")).to_contain_text("A person commands.")
    expect(page.locator("#commander")).to_have_text("person")
    expect(button(page, "Take over")).to_be_disabled()
    button(page, "Hand back").click()
    stand.wait_for_request("hand_back")
    expect(page.locator("#commanding")).to_contain_text("Policy commands")


def test_each_label_has_a_key(page: Page, stand: Stand) -> None:
    expect(button(page, "Success")).to_be_enabled()
    kinds = {"s": "success", "f": "fail", "n": "next", "d": "discard", "u": "undo", "b": "rewind"}
    for key, kind in kinds.items():
        page.keyboard.press(key)
        stand.wait_for_request(kind)
        expect(page.locator("#collect-answer")).to_have_text(re.compile(f"{kind}: done"))
    expect(page.locator("#commanding")).to_contain_text("arms, backing up")


def test_one_key_takes_over_and_hands_back(page: Page, stand: Stand) -> None:
    expect(button(page, "Take over")).to_be_enabled()
    page.keyboard.press("t")
    expect(button(page, "Hand back")).to_be_enabled()
    page.keyboard.press("t")
    expect(button(page, "Take over")).to_be_enabled()
    assert stand.station.kinds() == ["takeover", "hand_back"]


def test_letters_in_a_note_are_a_note_and_space_stops_even_there(page: Page, stand: Stand) -> None:
    note = page.locator("#note")
    note.fill("dust")
    note.press("Enter")
    assert stand.wait_for_request("note").reason == "dust"
    note.press("s")
    note.press("d")
    note.press("Space")
    is_confirmed(page)
    assert stand.station.kinds() == ["note", "stop"]


def test_who_is_not_in_control_neither_takes_over_nor_labels(
    page: Page, context: BrowserContext, stand: Stand
) -> None:
    second = opened(context, stand, stand.tokens.operator)
    for watching in (second, opened(context, stand)):
        expect(watching.locator("#commanding")).to_contain_text("Policy commands")
        for name in ("Take over", "Hand back", "Back up", "Success", "Discard"):
            expect(button(watching, name)).to_be_disabled()
        watching.keyboard.press("t")
        watching.keyboard.press("s")
    assert stand.station.kinds() == []
    expect(button(page, "Take over")).to_be_enabled()


def test_episodes_are_counted_by_kind_and_outcome(page: Page, stand: Stand) -> None:
    def row(kind: str) -> Locator:
        return page.locator("#tally-rows tr", has_text=kind)

    stand.station.tell_episode(1)
    expect(page.locator("#episode-now")).to_have_text(re.compile(r"Episode 1: runs, \d+ s"))
    stand.station.tell_episode(1, "success")
    expect(page.locator("#episode-more")).to_contain_text("by the task's rule")
    expect(row("auto").locator("td").first).to_have_text("1")
    stand.station.tell_episode(2)
    expect(page.locator("#episode-now")).to_contain_text("Episode 2")
    button(page, "Take over").click()
    expect(page.locator("#episode-more")).to_have_text("intervention")
    stand.station.tell_episode(2, "failure")
    expect(row("intervention").locator("td").nth(1)).to_have_text("1")


def test_what_the_recorder_loses_is_told(page: Page, stand: Stand) -> None:
    recorder = page.locator("#recorder")
    expect(recorder).to_contain_text("● Recorder: recording episode")
    expect(recorder).to_contain_text("78.3 GB of disk left")
    expect(page.locator("#finisher")).to_contain_text("finishing episode")
    stand.station.script.recorder = {"note": "cannot write to /data: No space left on device"}
    expect(recorder).to_contain_text("■ Recorder: cannot write to /data: No space left on device")
    expect(recorder).to_have_attribute("data-mood", "bad")


def test_on_a_phone_the_panel_is_the_first_below_the_state(page: Page) -> None:
    page.set_viewport_size(PHONE)
    expect(button(page, "Take over")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
