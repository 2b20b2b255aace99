"""The page of an episode, in a real browser: it plays, scrubs, and says who commands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import browser_of_module, needs_chromium
from dataset_scene import CAMERAS, Told, written
from dataset_tools import ran
from playwright.sync_api import Browser, Page, expect

from recorder import layout

__all__ = ["browser_of_module"]

NOTE = "slipped </script><b>twice</b>"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    told = Told(60, 30, 30, extra={"note": NOTE})
    return written(tmp_path_factory.mktemp("made") / "made", told, Told(5, 0, 0))


@pytest.fixture(scope="module")
def file(directory: Path) -> Path:
    out = directory.parent / "page.html"
    done = ran("view", directory, 0, "--out", out)
    assert done.code == 0
    assert str(out) in done.said
    return out


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request", lambda request: errors.append(request.url) if "http" in request.url[:4] else None
    )
    page.goto(file.as_uri())
    shows(page, 0)
    yield page
    page.close()
    assert errors == []  # and nothing was asked of the network


def shows(page: Page, frame: int) -> None:
    expect(page.locator("#clock")).to_have_text(re.compile(rf"frame {frame} of 119"))


def test_the_page_needs_no_other_file(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("data:video/mp4;base64,") == len(CAMERAS)
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "slipped &lt;/script&gt;" in text
    assert text.count("</script>") == 2


@needs_chromium
def test_keys_move_in_time_and_to_where_somebody_else_commands(page: Page) -> None:
    for key, frame in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 31),
        ("BracketRight", 60),
        ("BracketRight", 90),
        ("BracketLeft", 60),
        ("ArrowLeft", 59),
        ("End", 119),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        shows(page, frame)


@needs_chromium
def test_who_commands_is_said_in_words_and_hatched(page: Page) -> None:
    expect(page.locator("#said")).to_have_text("policy")
    page.keyboard.press("BracketRight")
    expect(page.locator("#said")).to_have_text("person, correction · left arm")
    legend = page.locator("#legend")
    expect(legend).to_contain_text("policy")
    expect(legend).to_contain_text("person, correction")
    expect(legend).not_to_contain_text("rewind")
    assert page.locator("#tracks pattern#band-intervention path").count() == 1


@needs_chromium
def test_the_mouse_scrubs_in_the_band_and_in_every_plot(page: Page) -> None:
    for place in (page.locator("#band"), page.locator(".plot .area").nth(5)):
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
        page.mouse.down()
        shows(page, 119)
        page.mouse.move(box["x"] + 100, box["y"] + 20)
        page.mouse.up()
        expect(page.locator("#clock")).not_to_have_text(re.compile("frame 119"))
        page.keyboard.press("Home")


@needs_chromium
def test_videos_show_the_frame_that_is_scrubbed_to(page: Page) -> None:
    page.keyboard.press("BracketRight")
    for number in range(len(CAMERAS)):
        video = page.locator("video").nth(number)
        expect(video).to_have_js_property("seeking", False)
        assert video.evaluate("video => Math.floor(video.currentTime * 30)") == 60
        assert video.evaluate("video => video.readyState") >= 2


@needs_chromium
def test_it_plays_and_stops_at_the_end(page: Page) -> None:
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_text("Pause")
    expect(page.locator("#play")).to_have_text("Play")
    shows(page, 119)


@needs_chromium
def test_what_was_said_leads_to_its_moment(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="takeover").first
    row.get_by_role("button").click()
    shows(page, 60)
    expect(page.get_by_role("cell", name="slipped </script>")).to_be_visible()


def test_a_missing_video_is_said_and_the_rest_shown(directory: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(directory, tmp_path / "made"))
    (made / layout.video_path(CAMERAS[0], 0)).unlink()
    out = tmp_path / "page.html"
    assert ran("view", made, 0, "--out", out).code == 1
    text = out.read_text(encoding="utf-8")
    assert text.count("data:video") == 1
    assert "is missing" in text


def test_an_episode_that_does_not_exist_has_no_page(directory: Path, tmp_path: Path) -> None:
    done = ran("view", directory, 9, "--out", tmp_path / "page.html")
    assert done.code == 1
    assert "there are 0..1" in done.said
    assert not (tmp_path / "page.html").exists()
