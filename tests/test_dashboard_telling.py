"""What the page is told: whole, finite, and never better than it is."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dashboard_scene as scene
import pytest
from dashboard_scene import ARMS, JOINTS

from dashboard import telling
from dashboard.audit_tail import AuditTail
from dashboard.observed import Delay, Observed
from messaging.messages import SafetyState
from messaging.topics import (
    CONTROL_STATUS,
    HEARTBEAT,
    JOINT_COMMAND,
    JOINT_STATE,
    MOTOR_STATES,
    SAFETY_STATE,
)
from messaging.transport import Bus, Waiter

RUNNING = SafetyState(0, "running", 3, "all", 1.0, "policy")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


def heard(bus: Bus, observed: Observed, said: SafetyState) -> None:
    """Let `observed` hear what safety says."""
    publisher = bus.publisher(SAFETY_STATE)
    waiter = Waiter([observed.safety_source])
    while not waiter.wait(0.02):  # a subscription takes a moment to arrive
        publisher.send(said)
    while not observed.hear_safety(time.monotonic_ns()):
        waiter.wait(1.0)
    publisher.close()


def test_without_any_word_nothing_is_claimed(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, ["controller"])
    said = telling.state(observed, time.monotonic_ns())
    assert said["safety"] is None
    assert said["control"] is None
    assert said["arms"] == {"left": None, "right": None}
    assert said["processes"] == [{"name": "controller", "state": "absent"}]
    assert telling.motors(observed.motors, 0) == {}


def test_the_motors_of_leaders_are_told_beside_those_of_the_arms(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, [], ["leader_left"])
    motors = bus.publisher(MOTOR_STATES, "leader_left")
    end = time.monotonic() + 5.0
    while not telling.motors(observed.motors, 0):  # a subscription takes a moment to arrive
        assert time.monotonic() < end
        motors.send(scene.motor_states("leader_left", time.monotonic_ns(), {}))
        observed.sample(time.monotonic_ns())
        time.sleep(0.02)
    assert list(telling.motors(observed.motors, 0)) == ["leader_left"]
    assert "leader_left" not in observed.arms


def test_the_age_of_what_safety_said_is_told(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, [])
    now_ns = time.monotonic_ns()
    heard(bus, observed, replace(RUNNING, t_ns=now_ns))
    said = telling.safety(observed, now_ns + 2_000_000_000)
    assert said is not None
    assert said["age_ms"] == 2000
    assert said["commander"] == "policy"


def test_arms_are_overdue_300_ms_after_the_stop_was_heard(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, [])
    stopped = replace(RUNNING, phase="stopped", event="4821", awaited=("right",))
    heard(bus, observed, stopped)
    assert telling.overdue(stopped, observed, observed.awaited_ns + 290_000_000) == []
    assert telling.overdue(stopped, observed, observed.awaited_ns + 310_000_000) == ["right"]
    assert telling.overdue(RUNNING, observed, observed.awaited_ns + 310_000_000) == []


def test_a_silent_process_is_not_told_as_ready(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, ["controller"])
    publisher = bus.publisher(HEARTBEAT, "controller")
    now_ns = time.monotonic_ns()
    while observed.beats["controller"] is None:
        publisher.send(scene.beat("controller", now_ns, 1))
        observed.sample(now_ns)
    assert telling.state(observed, now_ns)["processes"][0]["state"] == "ready"
    assert telling.state(observed, now_ns + 600_000_000)["processes"][0]["state"] == "silent"


def test_motion_is_traced_and_each_hop_timed(bus: Bus) -> None:
    observed = Observed(bus, ARMS, JOINTS, [])
    commands, status = bus.publisher(JOINT_COMMAND), bus.publisher(CONTROL_STATUS)
    states = {arm: bus.publisher(JOINT_STATE, arm) for arm in ARMS}
    now_ns = time.monotonic_ns()
    while None in observed.arms.values() or not observed.trace or not observed.control:
        commands.send(scene.command(1, now_ns, 1.0))
        status.send(scene.control(1, now_ns, moves=True, commander="policy"))
        for arm, publisher in states.items():
            publisher.send(scene.joint_state(arm, 1, now_ns, 1.0))
        observed.sample(now_ns)
    told = telling.state(observed, now_ns)
    assert len(told["trace"][-1][1]) == len(JOINTS)
    assert None not in told["trace"][-1][2]
    hops = {name: newest for name, newest, _ in told["delays"]}
    assert hops["left arm: command to servos"] == pytest.approx(0.9)
    assert hops["right arm: sample to here"] == pytest.approx(3.0)
    assert telling.state(observed, now_ns)["trace"] == []


def test_the_worst_delay_is_remembered_for_a_while() -> None:
    delay = Delay()
    assert Delay().newest_ms is None
    assert Delay().worst_ms is None
    for ms in (1.0, 9.0, *[2.0] * 50):
        delay.add(ms)
    assert (delay.newest_ms, delay.worst_ms) == (2.0, 9.0)
    for _ in range(100):
        delay.add(2.0)
    assert delay.worst_ms == 2.0


def test_what_is_not_finite_is_told_as_unknown() -> None:
    motors = scene.motor_states("left", 0, {"elbow (id 4)": "overload"})
    told = json.loads(telling.as_text("motors", telling.motors({"left": motors}, 0)))
    rows = told["motors"]["left"]["rows"]
    assert rows[-1][4] is None  # the gripper has no current sensor
    assert rows[3][-1] == "overload"
    assert telling.number(math.nan, 1) is None
    assert telling.number(None, 1) is None


def test_the_audit_is_told_again_only_when_it_grew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    tail = AuditTail(path)
    assert not tail.read()
    path.write_text('{"who": "shell"}\nnot json\n[1]\n', encoding="utf-8")
    assert tail.read()
    assert tail.lines == [{"who": "shell"}, {"damaged": "not json"}, {"damaged": "[1]"}]
    assert not tail.read()


def test_of_a_long_audit_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(
        "".join(f'{{"seq": {at}, "said": "{"x" * 100}"}}\n' for at in range(2000)), encoding="utf-8"
    )
    tail = AuditTail(path)
    assert tail.read()
    assert [line["seq"] for line in tail.lines] == list(range(1960, 2000))
