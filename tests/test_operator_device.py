"""The simulated operator as a device: what it tells teleop, and when it does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from messaging.messages import ControlStatus, EpisodeState, TwinState
from messaging.transport import Bus
from motion.handover import TRANSFER
from simulation.scene import save_model, scene_model
from simulation.twin import HOME, JOINTS, Twin
from teleop.device import DeviceError, Reading, Robot, View
from teleop.devices.scripted import Config, ScriptedOperator, make
from teleop.operator_sight import STALLED_S

ROBOT = Robot(
    joints=JOINTS,
    lower=np.full(14, -3.0),
    upper=np.full(14, 3.0),
    home=HOME,
    arms=("left", "right"),
    leaders=(),
    instruction=TRANSFER,
    rate_hz=100,
)
EPISODE = EpisodeState(t_ns=0, episode=4, seed=7, instruction=TRANSFER, phase="running")
TICK_NS = 10_000_000


def status(mode: str) -> ControlStatus:
    return ControlStatus(
        seq=1,
        t_ns=0,
        late_us=0.0,
        mode=mode,
        epoch=1,
        cursor=0.0,
        rate=1.0,
        upcoming=HOME[None],
        dt_ns=TICK_NS,
        runway_s=1.0,
        latency_s=0.1,
        disagreement_rad=0.0,
        jerk=0.0,
        chunks=1,
        counters={},
    )


class Teleop:
    """Reads the device as the process does, a hundred times a second of an own time."""

    def __init__(self, device: ScriptedOperator) -> None:
        self.view = View(command=HOME, status=status("run"), episode=EPISODE)
        self.qpos = Twin(scene_model()).qpos
        self.now_ns = 1
        self.device = device
        self.shows = True

    def read(self) -> Reading:
        """Return the reading after one more tick, and do what its events ask for.

        A person who was lost may only hand back.
        """
        self.now_ns += TICK_NS
        if self.shows:
            self.device._twin.newest = TwinState(self.now_ns, 4, self.qpos)
        reading = self.device.read(self.now_ns, self.view)
        assert reading is not None
        for event in reading.events:
            engaged = event.kind == "takeover"
            if engaged and self.view.engaged:
                continue
            mode = "human" if engaged else "run"
            self.view = replace(self.view, engaged=engaged, status=status(mode))
        return reading

    def reads(self, seconds: float) -> list[Reading]:
        return [self.read() for _ in range(round(seconds * 100))]


def events(readings: list[Reading]) -> list[str]:
    return [event.kind for reading in readings for event in reading.events]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.mjb"
    save_model(path)
    return path


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def teleop(bus: Bus, scene: Path) -> Teleop:
    device = make(Config(model_path=scene, eager=0.0), ROBOT, bus)
    device.open()
    return Teleop(device)


def test_before_the_first_command_nothing_is_known(teleop: Teleop) -> None:
    assert teleop.device.read(1, View()) is None


def test_while_the_policy_commands_the_hands_are_where_the_arms_are(teleop: Teleop) -> None:
    elsewhere = HOME + 0.01
    teleop.view = replace(teleop.view, command=elsewhere)
    reading = teleop.read()
    assert (reading.joints, reading.relative) == (JOINTS, False)
    np.testing.assert_array_equal(reading.position, elsewhere)
    assert "watches" in teleop.device.note()


def test_a_takeover_comes_with_the_pose_of_the_arm_that_it_moves(teleop: Teleop) -> None:
    readings = teleop.reads(STALLED_S + 2.0)
    assert events(readings) == ["takeover"]
    first = next(i for i, reading in enumerate(readings) if reading.events)
    assert readings[first].joints == JOINTS[7:]
    np.testing.assert_allclose(readings[first].position, HOME[7:], atol=1e-9)
    assert {reading.joints for reading in readings[first:]} == {JOINTS[7:]}
    assert np.abs(readings[-1].position - HOME[7:]).max() > 0.1
    assert "stalled" in teleop.device.note()


def test_the_end_of_the_episode_ends_the_correction(teleop: Teleop) -> None:
    teleop.reads(STALLED_S + 2.0)
    teleop.view = replace(teleop.view, episode=replace(EPISODE, phase="over"))
    assert events(teleop.reads(0.1)) == ["hand_back"]


def test_between_episodes_nothing_is_corrected(teleop: Teleop) -> None:
    teleop.view = replace(teleop.view, episode=replace(EPISODE, phase="none"))
    assert not events(teleop.reads(STALLED_S + 2.0))


def test_in_a_pause_nothing_is_corrected(teleop: Teleop) -> None:
    teleop.view = replace(teleop.view, status=status("hold"))
    assert not events(teleop.reads(STALLED_S + 2.0))
    teleop.view = replace(teleop.view, status=status("run"))
    assert not events(teleop.reads(STALLED_S - 1.0))


def test_a_twin_that_is_not_seen_any_more_is_not_corrected(teleop: Teleop) -> None:
    teleop.reads(STALLED_S + 2.0)
    teleop.shows = False
    assert events(teleop.reads(1.0)) == ["hand_back"]


def test_arms_that_are_led_back_by_somebody_are_left_alone(teleop: Teleop) -> None:
    teleop.reads(STALLED_S + 2.0)
    teleop.view = replace(teleop.view, rewinding=True, command=HOME + 0.05)
    reading = teleop.reads(0.5)[-1]
    assert not reading.events
    np.testing.assert_array_equal(reading.position, HOME + 0.05)


def test_whoever_takes_over_makes_the_operator_correct(teleop: Teleop) -> None:
    teleop.read()
    teleop.view = replace(teleop.view, engaged=True, status=status("human"))
    readings = teleop.reads(0.5)
    assert {reading.joints for reading in readings} == {JOINTS}
    assert "asked" in teleop.device.note()
    np.testing.assert_allclose(readings[0].position, HOME, atol=1e-9)


def test_what_was_lost_is_handed_back(teleop: Teleop) -> None:
    teleop.view = replace(teleop.view, engaged=True, status=status("hold"))
    assert "hand_back" in events(teleop.reads(2.0))


def test_without_the_twin_it_says_what_to_do(bus: Bus, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="needs the twin"):
        make(Config(model_path=tmp_path / "gone.mjb"), ROBOT, bus).open()


@pytest.mark.parametrize("robot", [{"arms": ("left",)}, {"instruction": "juggle"}])
def test_another_robot_or_task_is_refused(bus: Bus, scene: Path, robot: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="simulated operator"):
        make(Config(model_path=scene), replace(ROBOT, **robot), bus).open()
