"""The bridge to MQTT with a real broker: stops go in, state and events come out."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_safety import CALM, STOPPED, FakeSafety
from findings import REAL
from mqtt_bridging import ALL, ROBOT, STOP, bridged
from mqtt_broker import Broker, Plant, needs_mosquitto
from notes import noted

from dashboard.mqtt import Config, main
from dashboard.mqtt_config import MqttConfig
from dashboard.mqtt_link import Link
from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus
from runtime.process import Context, ProcessSpec
from safety.config import SafetyConfig
from safety.process_watch import ProcessWatch

pytestmark = [pytest.mark.realtime, needs_mosquitto]


def of_kind(kind: str) -> Callable[[Any], bool]:
    return lambda said: bool(said["kind"] == kind)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def safety(tmp_path: Path) -> Iterator[FakeSafety]:
    with FakeSafety(tmp_path / "bus") as safety:
        yield safety


@pytest.fixture
def plant(broker: Broker) -> Iterator[Plant]:
    with Plant(broker.port) as plant:
        yield plant


@pytest.fixture
def bridge(tmp_path: Path, broker: Broker, safety: FakeSafety, plant: Plant) -> Iterator[None]:  # noqa: ARG001
    with bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        yield


@pytest.mark.usefixtures("bridge")
def test_one_publish_to_the_fleet_stops_the_robot(plant: Plant, safety: FakeSafety) -> None:
    plant.say(ALL, {"id": "shift-end-17", "reason": "smoke in hall 2"})
    request = safety.next_request()
    assert (request.kind, request.who) == ("stop", f"mqtt {ALL}")
    assert request.reason == "smoke in hall 2"
    answer = plant.hears(f"{ROBOT}/events", of_kind("answer"))
    assert (answer["id"], answer["accepted"], answer["event"]) == ("shift-end-17", True, "4711")
    state = plant.hears(f"{ROBOT}/state", lambda said: said["phase"] == "stopped")
    assert state["by"] == f"mqtt {ALL}"


def test_one_publish_stops_every_robot_of_the_fleet_and_no_other(
    tmp_path: Path, broker: Broker, plant: Plant
) -> None:
    names = ["a-1", "a-2", "other"]
    with ExitStack() as robots:
        fleet = {
            name: robots.enter_context(FakeSafety(tmp_path / name))  # each robot has its own bus
            for name in names
        }
        for name in names:
            of = "elsewhere" if name == "other" else "all"
            robots.enter_context(bridged(tmp_path / name, broker.port, name=name, fleet=of))
            plant.hears(f"evenhand/{name}/status", lambda said: said == "online")
        plant.say(ALL, {"id": "1"})
        for name in names[:2]:
            plant.hears(f"evenhand/{name}/state", lambda said: said["phase"] == "stopped")
        plant.say("evenhand/other/stop", {"id": "1"})
        assert fleet["other"].next_request().who == "mqtt evenhand/other/stop"


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("payload", [b"", b"stop!", b"{", b"\xff\xfe", b'{"id": []}', b"[" * 9000])
def test_whatever_comes_on_the_stop_topic_is_a_stop(
    plant: Plant, safety: FakeSafety, payload: bytes
) -> None:
    plant.say(STOP, payload)
    assert safety.next_request().kind == "stop"


@pytest.mark.usefixtures("bridge")
def test_a_stop_said_twice_acts_once(plant: Plant, safety: FakeSafety) -> None:
    for topic in (STOP, STOP, ALL):
        plant.say(topic, {"id": "one"})
    plant.say(STOP, {"id": "two"})
    assert [safety.next_request().id for _ in range(2)] == ["mqtt-stop-one", "mqtt-stop-two"]
    assert safety.asked.empty()


def test_a_retained_stop_is_ignored_and_said_to_be(
    tmp_path: Path, broker: Broker, plant: Plant, safety: FakeSafety
) -> None:
    plant.say(STOP, {"id": "old"}, retain=True)
    with bridged(tmp_path / "bus", broker.port):
        ignored = plant.hears(f"{ROBOT}/events", of_kind("ignored"))
        assert "retained" in ignored["why"]
        plant.say(STOP, {"id": "new"})
        assert safety.next_request().id == "mqtt-stop-new"
    assert safety.asked.empty()


@pytest.mark.usefixtures("bridge")
def test_no_reset_unless_the_config_allows_it(plant: Plant, safety: FakeSafety) -> None:
    plant.say(f"{ROBOT}/reset", {"id": "r", "event": "4711"})
    plant.say(STOP, "")
    assert safety.next_request().kind == "stop"
    assert safety.asked.empty()


def test_a_reset_that_is_allowed_names_its_event(
    tmp_path: Path, broker: Broker, plant: Plant, safety: FakeSafety
) -> None:
    safety.state = STOPPED
    with bridged(tmp_path / "bus", broker.port, allow_reset=True):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        plant.say(f"{ROBOT}/reset", {"id": "r"})
        plant.say(f"{ROBOT}/reset", {"id": "r", "event": "4711"})
        request = safety.next_request()
    assert (request.kind, request.event) == ("reset", "4711")


@pytest.mark.usefixtures("bridge")
def test_a_refused_stop_is_told(plant: Plant, safety: FakeSafety) -> None:
    safety.accepts = False
    plant.say(STOP, {"id": "x"})
    answer = plant.hears(f"{ROBOT}/events", of_kind("answer"))
    assert (answer["accepted"], answer["said"]) == (False, "not now")


@pytest.mark.usefixtures("bridge")
def test_a_stop_is_repeated_until_safety_answers(plant: Plant, safety: FakeSafety) -> None:
    safety.deaf = True
    plant.say(STOP, {"id": "x"})
    threading.Timer(0.5, setattr, (safety, "deaf", False)).start()
    first, second = safety.next_request(), safety.next_request()
    assert first.id == "mqtt-stop-x"
    assert (second.kind, second.who) == ("stop", first.who)
    assert second.t_ns > first.t_ns
    assert plant.hears(f"{ROBOT}/events", of_kind("answer"))["accepted"]


def test_a_stop_said_while_safety_is_away_is_told_to_it_when_it_is_back(
    tmp_path: Path, broker: Broker, plant: Plant
) -> None:
    with bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/state", lambda said: said["phase"] == "unknown")
        plant.say(STOP, {"id": "x"})
        time.sleep(0.2)  # until its first patience is over
        with FakeSafety(tmp_path / "bus") as safety:
            assert safety.next_request().kind == "stop"
            assert plant.hears(f"{ROBOT}/events", of_kind("answer"))["accepted"]


@pytest.mark.usefixtures("bridge")
def test_stops_that_pour_in_lose_none_that_matters(plant: Plant, safety: FakeSafety) -> None:
    safety.deaf = True
    for number in range(100):
        plant.say(STOP, {"id": str(number)})
    safety.deaf = False
    asked = {safety.next_request().id}
    while "mqtt-stop-99" not in asked:
        asked.add(safety.next_request().id)


@pytest.mark.usefixtures("bridge")
def test_each_change_of_phase_is_told(plant: Plant, safety: FakeSafety) -> None:
    told = {
        "stopped": "stop",
        "disarmed": "reset",
        "testing": "arming",
        "armed": "armed",
        "running": "running",
    }
    for phase, kind in told.items():
        safety.state = replace(STOPPED if phase == "stopped" else CALM, phase=phase)
        plant.hears(f"{ROBOT}/events", of_kind(kind))


def test_a_silent_safety_process_is_never_shown_as_well(
    tmp_path: Path, broker: Broker, plant: Plant
) -> None:
    with FakeSafety(tmp_path / "bus") as safety, bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/state", lambda said: said["phase"] == "running")
        safety.end()
        plant.hears(f"{ROBOT}/state", lambda said: said["phase"] == "unknown")


@pytest.mark.usefixtures("bridge")
def test_the_death_of_a_process_is_told(plant: Plant, tmp_path: Path) -> None:
    beat = Heartbeat("camera.x", 7, 0, True, 1, 0.0, 0.0, 0.0)
    with Bus(tmp_path / "bus") as bus:
        beats = bus.publisher(HEARTBEAT, "camera.x")
        end = time.monotonic() + 0.5
        while time.monotonic() < end:  # until the subscriber has found the publisher
            beats.send(beat)
            time.sleep(0.05)
        lost = plant.hears(f"{ROBOT}/events", of_kind("process_lost"))
        assert lost["process"] == "camera.x"
        beats.send(Heartbeat("camera.x", 8, 0, True, 1, 0.0, 0.0, 0.0))
        plant.hears(f"{ROBOT}/events", of_kind("process_restarted"))


@pytest.mark.usefixtures("bridge")
def test_a_broker_that_dies_is_warned_of_and_found_again(
    tmp_path: Path, broker: Broker, plant: Plant, safety: FakeSafety
) -> None:
    broker.kill()
    lost = noted(tmp_path / "bus", "mqtt", lambda note: "broker lost" in note)
    assert lost.ready
    watch = ProcessWatch("mqtt", 1.0, SafetyConfig(), REAL)
    watch.hear(lost, 0)
    assert watch.look(0, 0).warnings == (f"mqtt: {lost.note}",)
    broker.start()
    noted(tmp_path / "bus", "mqtt", lambda note: not note)
    plant.hears(f"{ROBOT}/status", lambda said: said == "online")
    plant.say(STOP, "")
    assert safety.next_request().kind == "stop"


@pytest.mark.usefixtures("safety")
def test_the_broker_says_offline_for_a_bridge_that_was_killed(
    tmp_path: Path, broker: Broker, plant: Plant
) -> None:
    config = Config(robot="aloha", broker=MqttConfig(host="127.0.0.1", port=broker.port))
    spec = ProcessSpec(
        name="mqtt",
        module="dashboard.mqtt",
        config=config.model_dump(mode="json"),
        directory=tmp_path / "bus",
    )
    path = tmp_path / "spec.json"
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.process", str(path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        process.send_signal(signal.SIGKILL)
        plant.hears(f"{ROBOT}/status", lambda said: said == "offline")
    finally:
        process.kill()
        process.wait()


def test_a_bridge_that_ends_says_so(tmp_path: Path, broker: Broker, plant: Plant) -> None:
    with bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
    plant.hears(f"{ROBOT}/status", lambda said: said == "offline")


def test_a_stop_said_while_the_connection_is_gone_for_a_moment_still_arrives(
    tmp_path: Path, broker: Broker, plant: Plant, safety: FakeSafety
) -> None:
    with bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
    plant.hears(f"{ROBOT}/status", lambda said: said == "offline")
    plant.say(ALL, {"id": "meanwhile"})
    with bridged(tmp_path / "bus", broker.port):
        assert safety.next_request().id == "mqtt-stop-meanwhile"


def test_a_robot_that_others_share_a_name_with_is_told(
    tmp_path: Path, broker: Broker, plant: Plant
) -> None:
    with bridged(tmp_path / "bus", broker.port):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        with bridged(tmp_path / "other", broker.port):
            noted(tmp_path / "bus", "mqtt", lambda note: "another client" in note)


def test_a_fault_of_its_own_ends_the_bridge_so_that_it_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_link: Link) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(Link, "_client", broken)
    config = Config(robot="aloha", broker=MqttConfig(host="127.0.0.1"))
    with Bus(tmp_path / "bus") as bus, pytest.raises(KeyError, match="a fault"):
        main(config, Context("mqtt", bus))


def test_a_password_that_would_go_over_the_network_in_the_clear_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(robot="aloha", broker=MqttConfig(host="192.0.2.1", user="aloha"))
    with Bus(tmp_path / "bus") as bus:
        context = Context("mqtt", bus)
        context.stop()
        main(config, context)
    assert "unencrypted" in caplog.text
