"""What a message asks for, and what is told of safety, without a broker."""

import json
from dataclasses import replace

import pytest
from fake_safety import CALM, STOPPED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.mqtt import Config, topics_of
from dashboard.mqtt_config import MqttConfig, TlsConfig
from dashboard.mqtt_events import Budget, Lives, as_json, phase_events, state_said
from dashboard.mqtt_intake import Ignored, Intake, Topics
from messaging import codec
from messaging.messages import Heartbeat, Request

TOPICS = Topics("aloha", "all")
STOP, ALL = TOPICS.stops
IDS = st.text(st.characters(codec="utf-8"), max_size=140) | st.integers()
SAID = st.dictionaries(st.sampled_from(["id", "reason", "event", "x"]), IDS | st.none())
PAYLOADS = st.binary(max_size=300) | SAID.map(lambda said: json.dumps(said).encode())
NAMES = [TOPICS.state, TOPICS.events, TOPICS.status, TOPICS.reset, STOP, ALL, "evenhand/b/stop", ""]


def intake(*, allow_reset: bool = False) -> Intake:
    return Intake(TOPICS, allow_reset=allow_reset)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that is busy
@given(st.lists(st.tuples(st.sampled_from(NAMES), PAYLOADS, st.booleans())), st.booleans())
def test_no_message_ever_asks_for_motion_nor_twice_nor_when_retained(
    messages: list[tuple[str, bytes, bool]], allow_reset: bool
) -> None:
    asked = intake(allow_reset=allow_reset)
    ids = []
    for topic, payload, retained in messages:
        request = asked.request(topic, payload, retained, 5)
        if isinstance(request, Request):
            assert not retained
            assert request.kind == "stop" or (allow_reset and request.kind == "reset")
            assert request.kind == "stop" or (topic == TOPICS.reset and request.event)
            assert codec.decode(codec.encode(request), Request) == request
            ids.append(request.id)
    assert len(ids) == len(set(ids))


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that is busy
@given(PAYLOADS, st.sampled_from(TOPICS.stops))
def test_any_message_of_now_on_a_stop_topic_is_a_stop(payload: bytes, topic: str) -> None:
    request = intake().request(topic, payload, retained=False, now_ns=5)
    assert isinstance(request, Request)
    assert (request.kind, request.t_ns, request.who) == ("stop", 5, f"mqtt {topic}")
    assert request.reason.isprintable()
    assert len(request.reason) <= 200


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that is busy
@given(PAYLOADS)
def test_a_stop_without_an_id_acts_each_time(payload: bytes) -> None:
    asked = intake()
    for _ in range(2):
        request = asked.request(STOP, b"no id " + payload, retained=False, now_ns=5)
        assert isinstance(request, Request)


def test_a_large_payload_is_not_looked_into() -> None:
    payload = json.dumps({"id": "x", "reason": "y" * 5000}).encode()
    request = intake().request(STOP, payload, retained=False, now_ns=5)
    assert isinstance(request, Request)
    assert request.reason == f"a message of {len(payload)} bytes"


@pytest.mark.parametrize("payload", ["", "1234", '{"id": "r"}', '{"event": "1234"}', '{"id": ""}'])
def test_a_reset_that_is_not_spelled_out_is_none(payload: str) -> None:
    asked = intake(allow_reset=True)
    assert isinstance(asked.request(TOPICS.reset, payload.encode(), False, 5), Ignored)


def test_a_reset_said_twice_acts_once() -> None:
    asked = intake(allow_reset=True)
    payload = b'{"id": "r", "event": "1234"}'
    assert isinstance(asked.request(TOPICS.reset, payload, False, 5), Request)
    assert isinstance(asked.request(TOPICS.reset, payload, False, 6), Ignored)


def test_ids_are_remembered_up_to_a_number_and_the_newest_always() -> None:
    asked = intake()
    for number in range(10_001):
        asked.request(STOP, b'{"id": %d}' % number, retained=False, now_ns=5)
    newest = asked.request(STOP, b'{"id": 10000}', retained=False, now_ns=6)
    oldest = asked.request(STOP, b'{"id": 0}', retained=False, now_ns=6)
    assert isinstance(newest, Ignored)
    assert isinstance(oldest, Request)


def test_what_is_told_between_two_states() -> None:
    armed = replace(CALM, phase="armed")
    again = replace(STOPPED, event="8150")
    assert phase_events(None, CALM) == []
    assert phase_events(CALM, CALM) == []
    held = replace(CALM, holds=("the machine stood still for 310 ms",))
    assert phase_events(CALM, held) == [{"kind": "hold", "causes": held.holds}]
    assert phase_events(held, held) == phase_events(held, CALM) == []
    assert phase_events(armed, CALM) == [{"kind": "running"}]
    assert [event["event"] for event in phase_events(None, STOPPED)] == ["4711"]
    assert phase_events(STOPPED, STOPPED) == []
    assert [event["event"] for event in phase_events(STOPPED, again)] == ["8150"]
    reset = phase_events(STOPPED, replace(CALM, phase="disarmed"))
    assert reset == [{"kind": "reset", "event": "4711"}]


def test_the_state_is_told_without_the_clock_of_the_station() -> None:
    said = json.loads(as_json(state_said(STOPPED), "2026-01-01T00:00:00+00:00"))
    assert said["time"].startswith("2026")
    assert (said["phase"], said["event"]) == ("stopped", "4711")
    assert "t_ns" not in said
    assert state_said(None)["phase"] == "unknown"


def beat(pid: int = 1, quiet_s: float = 0.0) -> Heartbeat:
    return Heartbeat("arm.left", pid, 0, True, 1, 0.0, 0.0, 0.0, quiet_s=quiet_s)


def test_a_silent_process_is_told_once_and_when_it_is_back() -> None:
    lives = Lives()
    assert lives.hear(beat(), 0) == []
    assert lives.look(1_000_000_000) == []
    assert lives.look(1_100_000_000) == [{"kind": "process_lost", "process": "arm.left"}]
    assert lives.look(1_200_000_000) == []
    assert lives.hear(beat(), 1_300_000_000) == [{"kind": "process_back", "process": "arm.left"}]
    restarted = lives.hear(beat(pid=2), 1_400_000_000)
    assert restarted == [{"kind": "process_restarted", "process": "arm.left"}]


def test_a_process_that_may_be_quiet_is_given_its_time() -> None:
    lives = Lives()
    lives.hear(beat(quiet_s=3.0), 0)
    assert lives.look(2_900_000_000) == []
    assert lives.look(3_100_000_000)


def test_a_second_has_its_budget() -> None:
    budget = Budget(2)
    times_ns = [1_000_000_000, 1_100_000_000, 1_900_000_000, 2_000_000_000]
    assert [budget.allows(t_ns) for t_ns in times_ns] == [True, True, False, True]


def test_a_robot_is_named_by_its_broker_config_first() -> None:
    named = Config(robot="aloha", broker=MqttConfig(host="b", name="aloha-07", fleet="hall-2"))
    assert topics_of(named) == Topics("aloha-07", "hall-2")
    assert topics_of(Config(robot="aloha", broker=MqttConfig(host="b"))) == TOPICS


@pytest.mark.parametrize("name", ["all", "a/b", "+", "#", ""])
def test_a_name_that_reaches_others_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        topics_of(Config(robot=name, broker=MqttConfig(host="b")))


def test_the_port_follows_from_tls() -> None:
    assert MqttConfig(host="b").port_number == 1883
    assert MqttConfig(host="b", tls=TlsConfig()).port_number == 8883
    assert MqttConfig(host="b", tls=TlsConfig(), port=1).port_number == 1


@pytest.mark.parametrize("wrong", ['{"host": "b", "password_file": "p"}', '{"host": ""}'])
def test_a_config_that_cannot_work_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"user|host"):
        MqttConfig.model_validate_json(wrong)


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        TlsConfig.model_validate_json('{"certificate": "c"}')
