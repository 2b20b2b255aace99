"""The controller without leave to move, with a cap on its speed, and when its policy dries up."""

import numpy as np
import pytest
from test_controller import START, Robot

from motion.limits import gripper_mask


def travelled_rad(robot: Robot, ticks: int) -> float:
    robot_path = np.array(robot.commands[-ticks:])[:, ~gripper_mask(robot.controller.joints)]
    return float(np.abs(np.diff(robot_path, axis=0)).sum())


def test_without_leave_the_command_is_what_the_servos_are_told() -> None:
    robot = Robot().direct("run").run(1.0)
    held = START + 0.01
    robot.controller.stand(held)
    status = robot.tick()
    assert np.array_equal(robot.commands[-1], held)
    assert (status.mode, status.rate) == ("hold", 0.0)


def test_chunks_from_before_the_stop_no_longer_count() -> None:
    robot = Robot().direct("run").run(1.0)
    before = robot.chunk()
    robot.controller.stand(robot.commands[-1])
    robot.direct("run")
    assert robot.controller.receive(before, robot.now_ns) == "epoch"


def test_with_leave_again_it_sets_off_from_there_smoothly() -> None:
    robot = Robot().direct("run").run(1.0)
    held = robot.commands[-1]
    robot.controller.stand(held)
    robot.commands = [held] * 3
    robot.direct("home").run(5.0)
    robot.assert_smooth()
    assert robot.statuses[-1].arrived


def test_commands_name_the_permit_that_they_are_given_under() -> None:
    robot = Robot()
    robot.controller.permit = 7
    command, status = robot.controller.tick(robot.now_ns)
    assert (command.permit, status.permit) == (7, 7)


@pytest.mark.parametrize("speed", [0.25, 0.5])
def test_a_cap_on_the_speed_slows_the_plan_not_its_path(speed: float) -> None:
    capped, free = Robot(), Robot()
    capped.controller.speed = speed
    for robot in (capped, free):
        robot.direct("run").run(4.0)
        robot.assert_smooth()
    assert max(status.rate for status in capped.statuses) == pytest.approx(speed)
    assert travelled_rad(capped, 100) < travelled_rad(free, 100)


def test_a_lower_cap_is_come_to_smoothly() -> None:
    robot = Robot().direct("run").run(2.0)
    robot.controller.speed = 0.3
    robot.run(1.5)
    robot.assert_smooth()
    assert robot.statuses[-1].rate == pytest.approx(0.3)


def test_a_plan_at_its_end_is_told_with_how_long_it_has_been_there() -> None:
    robot = Robot().direct("run").run(2.0)
    assert robot.statuses[-1].starved_s == 0.0
    robot.silent, robot.flying = True, None
    robot.run(3.0)
    standing = sum(status.rate == 0.0 for status in robot.statuses[100:]) * robot.dt
    assert robot.statuses[-1].starved_s == pytest.approx(standing)
    assert standing > 1.0
    robot.silent = False
    assert robot.run(1.0).statuses[-1].starved_s == 0.0


def test_a_policy_that_has_not_begun_does_not_starve_the_plan() -> None:
    robot = Robot()
    robot.silent = True
    assert robot.direct("run").run(1.0).statuses[-1].starved_s == 0.0
