"""The dashboard's server: who may stop, see and operate, and what it does with nonsense."""

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from dashboard_stand import CUT_CODE, EVENT, Stand, page_config, standing
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard.main import main
from messaging.transport import Bus
from runtime.process import Context

pytestmark = pytest.mark.realtime

ELSEWHERE = {"X-Forwarded-For": "10.0.0.3"}  # a proxy on this machine says who really asks
WAIT_S = 5.0


@pytest.fixture
def stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory() as directory, standing(Path(directory)) as stand:
        yield stand


class Page:
    """A browser's end of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: object) -> None:
        self.socket.send(json.dumps(message))

    def next(self, kind: str) -> Any:
        """Return the content of the next message of this kind."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            message = json.loads(self.socket.recv(timeout=WAIT_S))
            if kind in message:
                return message[kind]
        raise AssertionError(f"nothing of kind {kind!r} came")

    def ask(self, what: str, **more: object) -> Any:
        self.say(do="ask", n=7, what=what, **more)
        return self.next("answer")


@contextmanager
def page(
    stand: Stand, token: str | None = "", path: str = "/state", **headers: str
) -> Iterator[Page]:
    """Open a socket and say hello with `token`, or nothing for None."""
    url = f"ws://127.0.0.1:{stand.port}{path}"
    with connect(url, additional_headers=headers, max_size=None, close_timeout=0.2) as connection:
        opened = Page(connection)
        if token is not None:
            opened.say(do="hello", token=token)
        yield opened


def closed_with(opened: Page) -> int:
    """Return the code with which the server closes the socket."""
    try:
        while True:
            opened.socket.recv(timeout=WAIT_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def test_a_stop_by_socket_reaches_safety_and_its_confirmation_the_page(stand: Stand) -> None:
    stand.station.become(phase="running", motion="all", commander="policy")
    with page(stand) as opened:
        opened.say(do="stop", n=1)
        answer = opened.next("answer")
        assert (answer["n"], answer["accepted"]) == (1, True)
        while (safety := opened.next("state")["safety"])["awaited"] or not safety["event"]:
            pass
    assert set(safety["confirmed_ms"]) == {"left", "right"}
    request = stand.wait_for_request("stop")
    assert request.who == "dashboard 127.0.0.1 viewer"
    assert 0 < request.t_ns <= time.monotonic_ns()


def test_on_this_machine_a_stop_needs_not_even_a_hello(stand: Stand) -> None:
    with page(stand, token=None) as opened:
        opened.say(do="stop")
        assert opened.next("answer")["accepted"]


def test_a_stop_by_form_leads_to_the_state_in_words(stand: Stand) -> None:
    answer = httpx.post(f"{stand.url}/stop", follow_redirects=True)
    assert [step.status_code for step in answer.history] == [303]
    assert "STOP" in answer.text.partition("<h1>")[2]
    stand.wait_for(lambda: f"STOPPED, event {EVENT}" in httpx.get(f"{stand.url}/plain").text)
    stand.wait_for(lambda: "Holding, confirmed by" in httpx.get(f"{stand.url}/plain").text)


def test_a_form_whose_stop_nobody_confirms_says_so(stand: Stand) -> None:
    stand.station.script.answers = False
    answer = httpx.post(f"{stand.url}/stop", follow_redirects=True)
    assert "NOT CONFIRMED" in answer.text
    assert "USE THE 12 V SWITCH" in answer.text
    stand.station.script.speaks = False
    stand.wait_for(lambda: "NO WORD FROM SAFETY" in httpx.get(f"{stand.url}/plain").text)


def test_the_plain_page_tells_which_arm_did_not_confirm(stand: Stand) -> None:
    stand.station.script.confirms = ("left",)
    httpx.post(f"{stand.url}/stop")
    called = "NOT CONFIRMED by right arm: USE THE 12 V SWITCH"
    stand.wait_for(lambda: called in httpx.get(f"{stand.url}/plain").text)


def test_a_stop_by_script_is_answered_as_json(stand: Stand) -> None:
    answer = httpx.post(f"{stand.url}/stop", headers={"Accept": "application/json"})
    assert answer.json()["accepted"]


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


def test_an_operator_arms_runs_and_pauses(stand: Stand) -> None:
    with page(stand, stand.tokens.operator) as opened:
        assert opened.ask("arm")["accepted"]
        while opened.next("state")["safety"]["phase"] != "armed":
            pass
        assert opened.ask("run")["accepted"]
        assert opened.ask("speed", value=0.5)["accepted"]
        assert opened.ask("pause")["accepted"]
        assert opened.ask("home")["accepted"]
    assert stand.station.kinds() == ["arm", "run", "speed", "pause", "home"]
    assert stand.station.requests[2].value == 0.5
    assert stand.station.requests[0].who == "dashboard 127.0.0.1 operator"


def test_a_reset_is_bound_to_the_stop_in_force(stand: Stand) -> None:
    with page(stand, stand.tokens.operator) as opened:
        opened.say(do="stop", n=1)
        opened.next("answer")
        old = opened.ask("reset", event="1111")
        assert not old["accepted"]
        assert EVENT in old["said"]
        assert opened.ask("reset", event=EVENT)["accepted"]


def test_a_cut_is_answered_with_the_code_that_confirms_it(stand: Stand) -> None:
    with page(stand, stand.tokens.operator) as opened:
        assert opened.ask("cut")["event"] == CUT_CODE
        assert opened.ask("cut", event=CUT_CODE)["accepted"]


def test_only_the_operator_in_control_may_reset(stand: Stand) -> None:
    with page(stand, stand.tokens.operator) as first:
        assert first.next("you")["in_control"]
        with page(stand, stand.tokens.operator) as second:
            assert not second.next("you")["in_control"]
            assert "has control" in second.ask("reset", event=EVENT)["said"]
            assert second.ask("pause")["accepted"]  # to slow down, anybody may
            second.say(do="take")
            assert second.next("you")["in_control"]
            assert "has control" in first.ask("arm")["said"]
        while first.next("you")["holder"]:
            pass
        first.say(do="take")
        assert first.next("you")["in_control"]


def test_who_only_looks_cannot_take_control(stand: Stand) -> None:
    with page(stand) as opened:
        opened.say(do="take")
        assert "only an operator" in opened.ask("arm")["said"]


def test_a_service_that_does_not_answer_is_told(stand: Stand) -> None:
    stand.station.script.answers = False
    with page(stand, stand.tokens.operator) as opened:
        opened.say(do="stop", n=1)
        answer = opened.next("answer")
        assert not answer["accepted"]
        assert answer["said"] == "the safety process does not answer"
        assert 250 < answer["ms"] < 1000
        assert opened.ask("home")["said"] == "the launch does not answer"
    assert stand.station.kinds().count("stop") == 3  # sent again while nothing came


def test_a_stop_never_waits_behind_a_question(stand: Stand) -> None:
    stand.station.script.answers = False
    with page(stand, stand.tokens.operator) as opened:
        opened.say(do="ask", what="home")
        opened.say(do="stop")
        stand.wait_for_request("stop")
        assert json.loads(opened.socket.recv(timeout=WAIT_S)).keys() != {"answer"}


def test_presses_at_once_are_one_stop(stand: Stand) -> None:
    with page(stand) as opened:
        for n in range(50):
            opened.say(do="stop", n=n)
        while opened.next("answer")["n"] < 49:
            pass
    assert 1 <= stand.station.kinds().count("stop") <= 10


def test_several_browsers_see_the_same(stand: Stand) -> None:
    stand.station.become(phase="armed", motion="poses")
    with page(stand) as first, page(stand) as second:
        for opened in (first, second):
            while opened.next("state")["safety"]["phase"] != "armed":
                pass


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


def test_the_audit_can_be_downloaded(stand: Stand) -> None:
    answer = httpx.get(f"{stand.url}/audit")
    assert answer.text == stand.audit.read_text()
    stand.audit.unlink()
    assert httpx.get(f"{stand.url}/audit").status_code == 404


def test_the_audits_last_lines_are_told(stand: Stand) -> None:
    with page(stand) as opened:
        assert [line["what"] for line in opened.next("audit")] == ["arm", "armed", "run"]


def test_pictures_come_small_and_only_while_somebody_looks(stand: Stand) -> None:
    for _ in range(2):
        with page(stand, path="/cameras") as opened:
            seen: set[int] = set()
            while len(seen) < 4:
                picture = opened.socket.recv(timeout=WAIT_S)
                assert isinstance(picture, bytes)
                assert picture[5:7] == b"\xff\xd8"
                assert len(picture) < 40_000
                seen.add(picture[0])


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


def test_a_port_that_is_taken_is_named(stand: Stand, tmp_path: Path) -> None:
    config = page_config(tmp_path, "127.0.0.1", stand.port)
    with (
        Bus(tmp_path / "bus") as bus,
        pytest.raises(OSError, match=f"127.0.0.1:{stand.port}: Address already in use"),
    ):
        main(config, Context("dashboard", bus))
