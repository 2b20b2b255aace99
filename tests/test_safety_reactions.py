"""What the safety process makes of a robot that goes silent, breaks, or is asked to cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from guarded_robot import PATIENT, PROCESSES, Robot, SafetyThread
from safety_scene import busy_machine, directory, robot, safety, sockets

pytestmark = pytest.mark.realtime

__all__ = ["busy_machine", "directory", "robot", "safety", "sockets"]


@pytest.mark.parametrize("name", sorted({*PROCESSES} - {"journal", "dashboard", "camera.cam_high"}))
def test_whatever_goes_silent_while_running_stops_the_robot(
    robot: Robot, safety: SafetyThread, name: str
) -> None:
    safety.run()
    robot.dumb.add(name)
    assert name in safety.phase("stopped").causes[0]


def test_a_view_that_the_policy_needs_is_waited_for_and_stops_nothing(
    robot: Robot, safety: SafetyThread
) -> None:
    safety.run()
    robot.dumb.add("camera.cam_high")
    said = safety.until(lambda said: said.waits)
    assert "cam_high" in said.waits[0]
    robot.status = {"starved_s": 9.0}
    later_ns = said.t_ns + 1_000_000_000
    said = safety.until(lambda said: said.t_ns > later_ns)
    assert (said.phase, said.motion) == ("running", "all")
    robot.status = {}
    robot.dumb.clear()
    assert safety.until(lambda said: not said.waits).phase == "running"


@pytest.mark.parametrize("name", ["journal", "dashboard"])
def test_what_the_robot_can_do_without_only_warns(
    robot: Robot, safety: SafetyThread, name: str
) -> None:
    safety.run()
    robot.dumb.add(name)
    said = safety.until(lambda said: any(name in warning for warning in said.warnings))
    assert said.phase == "running"


def test_an_arm_that_goes_silent_stops_the_other_one(
    robot: Robot, sockets: Path, directory: Path
) -> None:
    config = PATIENT.model_copy(update={"arm_silent_s": 0.3})
    with SafetyThread(sockets, directory, config) as safety:
        safety.run()
        robot.dumb.add("left")
        assert safety.phase("stopped").causes == ("arm left is silent for more than 300 ms",)


def test_a_persisting_cause_is_named_and_its_end_lets_reset(
    robot: Robot, safety: SafetyThread
) -> None:
    safety.run()
    robot.arms["left"] = {"errors": ("elbow: overload",)}
    said = safety.phase("stopped")
    refused = safety.ask("reset", event=said.event)
    assert (refused.accepted, refused.said) == (False, "arm left: elbow: overload")
    robot.arms.clear()
    safety.until(lambda said: not said.persisting)
    assert safety.ask("reset", event=said.event).accepted
    assert safety.phase("disarmed").motion == "none"


def test_too_much_heat_rests_the_arms_and_lets_them_go(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    robot.beats["journal"] = {"note": "cannot write"}
    robot.arms["right"] = {"temperature": np.array([70.0, 30.0])}
    said = safety.until(lambda said: said.motion == "rest")
    assert (said.phase, said.stop, said.note) == ("stopped", "rest_then_off", "goes to rest")
    robot.status = {"mode": "rest", "arrived": True, "permit": said.epoch}
    safety.until(lambda said: said.note == "arms at rest let go")
    robot.until(lambda permit: permit.order == "off")


def test_a_cut_takes_two_requests(robot: Robot, safety: SafetyThread) -> None:
    safety.run()
    first = safety.ask("cut")
    assert len(first.event) == 4
    assert not safety.ask("cut", event="nope").accepted
    assert safety.ask("cut", event=first.event).accepted
    safety.phase("stopped")
    robot.until(lambda permit: permit.order == "cut")
