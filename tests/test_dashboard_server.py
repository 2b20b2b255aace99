"""What the dashboard's server passes on: stops, orders, states, pictures."""

import json
import time
from pathlib import Path

import httpx
import pytest
from dashboard_client import WAIT_S, page, stand
from dashboard_stand import CUT_CODE, EVENT, Stand, page_config

from dashboard.main import main
from messaging.transport import Bus
from runtime.process import Context

pytestmark = pytest.mark.realtime

__all__ = ["stand"]


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


def test_the_audit_can_be_downloaded(stand: Stand) -> None:
    answer = httpx.get(f"{stand.url}/audit")
    assert answer.text == stand.audit.read_text(encoding="utf-8")
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


def test_a_port_that_is_taken_is_named(stand: Stand, tmp_path: Path) -> None:
    config = page_config(tmp_path, "127.0.0.1", stand.port)
    with (
        Bus(tmp_path / "bus") as bus,
        pytest.raises(OSError, match=f"127.0.0.1:{stand.port}: Address already in use"),
    ):
        main(config, Context("dashboard", bus))
