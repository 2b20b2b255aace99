"""Whom the dashboard's server refuses: strangers, other sites, junk, floods."""

import json
import socket
import time
from contextlib import suppress

import httpx
import pytest
from dashboard_client import WAIT_S, Page, page, stand
from dashboard_stand import EVENT, Stand
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = pytest.mark.realtime

__all__ = ["stand"]

ELSEWHERE = {"X-Forwarded-For": "10.0.0.3"}  # a proxy on this machine says who really asks


def closed_with(opened: Page) -> int:
    """Return the code with which the server closes the socket."""
    try:
        while True:
            opened.socket.recv(timeout=WAIT_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def test_from_elsewhere_a_stop_needs_any_token(stand: Stand) -> None:
    refused = httpx.post(f"{stand.url}/stop", headers=ELSEWHERE)
    assert refused.status_code == 401
    wrong = httpx.post(f"{stand.url}/stop", headers=ELSEWHERE, data={"token": "guess"})
    assert wrong.status_code == 401
    assert "refresh" not in wrong.text  # somebody types a token there
    assert stand.station.requests == []
    data = {"token": stand.tokens.viewer}
    with httpx.Client(headers=ELSEWHERE, base_url=stand.url, follow_redirects=True) as browser:
        assert browser.post("/stop", data=data).status_code == 200
        stand.wait_for(lambda: f"event {EVENT}" in browser.get("/plain").text)
        assert browser.post("/stop").status_code == 200  # the button of the plain page
    bearer = {**ELSEWHERE, "Authorization": f"Bearer {stand.tokens.viewer}"}
    assert httpx.post(f"{stand.url}/stop", headers=bearer).status_code == 303


def test_from_elsewhere_nothing_is_seen_without_a_token(stand: Stand) -> None:
    assert httpx.get(f"{stand.url}/plain", headers=ELSEWHERE).status_code == 401
    assert httpx.get(f"{stand.url}/audit", headers=ELSEWHERE).status_code == 401
    for token in ("", "guess"):
        with page(stand, token, **ELSEWHERE) as opened:
            assert closed_with(opened) == 4401
        with page(stand, token, "/cameras", **ELSEWHERE) as opened:
            assert closed_with(opened) == 4401
    with page(stand, token=None, **ELSEWHERE) as opened:
        opened.say(do="stop")
        assert closed_with(opened) == 4401
    assert stand.station.requests == []


def test_from_elsewhere_a_viewers_token_shows_and_stops(stand: Stand) -> None:
    with page(stand, stand.tokens.viewer, **ELSEWHERE) as opened:
        assert opened.next("about")["robot"] == "aloha"
        assert opened.next("you")["role"] == "viewer"
        opened.say(do="stop")
        assert opened.next("answer")["accepted"]
    with page(stand, stand.tokens.viewer, "/cameras", **ELSEWHERE) as opened:
        assert opened.socket.recv(timeout=WAIT_S)


def test_who_only_looks_may_not_operate(stand: Stand) -> None:
    with page(stand) as opened:
        for what in ("arm", "run", "reset", "cut", "home", "speed"):
            answer = opened.ask(what)
            assert not answer["accepted"]
            assert "only an operator" in answer["said"]
    assert stand.station.requests == []


def test_who_only_looks_cannot_take_control(stand: Stand) -> None:
    with page(stand) as opened:
        opened.say(do="take")
        assert "only an operator" in opened.ask("arm")["said"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"stop"', "{}", '{"do": "dance"}', '{"do": "stop", "extra": 1}',
     '{"do": "ask", "what": "fault"}', '{"do": "ask", "what": "speed", "value": NaN}',
     '{"do": "ping", "n": "1"}', "[" * 1000],
)  # fmt: skip
def test_what_is_not_understood_ends_the_conversation(stand: Stand, text: str) -> None:
    with page(stand) as opened:
        opened.socket.send(text)
        assert closed_with(opened) == 4400
    assert stand.station.requests == []


def test_bytes_are_not_understood(stand: Stand) -> None:
    with page(stand) as opened:
        opened.socket.send(b"\x80\x04pickle")
        assert closed_with(opened) == 4400


def test_what_is_too_long_ends_the_conversation(stand: Stand) -> None:
    with page(stand) as opened:
        opened.socket.send(json.dumps({"do": "hello", "token": "x" * 100_000}))
        assert closed_with(opened) == 1009
    assert httpx.post(f"{stand.url}/stop", content=b"x" * 100_000).status_code == 413
    with pytest.raises(httpx.HTTPError):  # cut off in the middle of it
        httpx.get(stand.url, headers={"X-Long": "x" * 5_000_000}).raise_for_status()
    assert stand.station.requests == []


def test_too_much_talk_ends_the_conversation_but_never_a_stop(stand: Stand) -> None:
    with page(stand) as opened:
        for n in range(200):
            opened.say(do="stop", n=n)
        while opened.next("answer")["n"] < 199:
            pass
        with suppress(ConnectionClosed):  # it may end before all is said
            for n in range(100):
                opened.say(do="ping", n=n)
        assert closed_with(opened) == 4429


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_sites_page_may_neither_stop_nor_look(stand: Stand, origin: str) -> None:
    headers = {"Origin": origin}
    assert httpx.post(f"{stand.url}/stop", headers=headers).status_code == 403
    for path in ("/state", "/cameras"):
        with (
            pytest.raises(InvalidStatus, match="403"),
            page(stand, path=path, **headers),
        ):
            pass
    assert stand.station.requests == []


def test_another_name_for_this_machine_is_refused(stand: Stand) -> None:
    headers = {"Host": f"evil.example:{stand.port}"}
    assert httpx.get(stand.url, headers=headers).status_code == 403
    assert httpx.post(f"{stand.url}/stop", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/stop", "/reset", "/arm"])
def test_nothing_changes_by_looking(stand: Stand, path: str) -> None:
    assert httpx.get(stand.url + path).status_code in {404, 405}
    assert stand.station.requests == []


def test_every_answer_forbids_anything_from_outside(stand: Stand) -> None:
    for path in ("/", "/plain", "/page/main.js", "/nothing"):
        headers = httpx.get(stand.url + path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_a_flood_is_shed_and_a_stop_still_comes_through(stand: Stand) -> None:
    request = f"GET /page/icon.svg HTTP/1.1\r\nHost: 127.0.0.1:{stand.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", stand.port), WAIT_S) as flood:
        flood.sendall(request * 500)
        answers = b""
        while b"429 Too Many Requests" not in answers:
            answers += flood.recv(65536)
        assert answers.startswith(b"HTTP/1.1 200")
        assert httpx.post(f"{stand.url}/stop").status_code == 303
    stand.wait_for_request("stop")


def test_a_browser_that_does_not_read_holds_nobody_up(stand: Stand) -> None:
    with page(stand) as slow, page(stand) as quick:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            quick.next("state")
        quick.say(do="stop")
        assert quick.next("answer")["accepted"]
        assert slow.next("state")
