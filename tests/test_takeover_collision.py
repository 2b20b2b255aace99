"""A person who pushes an arm into something is kept from it, and may go back."""

import numpy as np
import pytest
from test_collision import INTO, SLACK_M, Robot, assert_within_limits, spare_m

from messaging.messages import HumanCommand
from motion.minimum_jerk import blend
from simulation.twin import HOME, JOINTS


class Led(Robot):
    """A robot whose person leads it from pose to pose."""

    def leads(self, pose: np.ndarray, seconds: float, relative: bool) -> None:
        """Let the person go to `pose` within a second, and stay there for the rest."""
        controller, begin = self.controller, self.now_ns
        start = getattr(self, "place", HOME)
        for _ in range(round(seconds * 100)):
            done = float(blend(np.array(min((self.now_ns - begin) * 1e-9, 1.0))))
            self.place = start + done * (pose - start)
            controller.hear(
                HumanCommand("leader", 0, self.now_ns, JOINTS, self.place, True, relative),
                self.now_ns,
            )
            controller.steer("run", "all", self.now_ns)
            self.run(0.01)


@pytest.mark.parametrize(("what", "relative"), [*((what, False) for what in INTO), ("table", True)])
def test_a_person_is_kept_from_what_is_in_the_way_and_may_go_back(
    what: str, relative: bool
) -> None:
    robot = Led()
    robot.leads(INTO[what], 2.5, relative)
    assert robot.status.mode == "human"
    assert any(what in name for name in robot.held())
    assert robot.status.blocked_s > 0.5
    assert spare_m(robot.commands[::5]).min() > -SLACK_M
    robot.leads(HOME, 2.5, relative)
    assert robot.status.blocked_s == 0.0
    assert np.abs(robot.commands[-1] - HOME).max() < 0.01
    assert_within_limits(robot.commands)


def test_who_stands_still_clear_of_everything_is_not_blocked() -> None:
    robot = Led()
    robot.leads(INTO["table"], 1.5, relative=False)
    assert robot.status.blocked_s > 0.0
    robot.leads(HOME, 0.7, relative=False)
    robot.leads(robot.place, 2.0, relative=False)
    assert robot.status.blocked_s == 0.0


def test_a_hand_back_beside_an_obstacle_is_as_clear() -> None:
    robot = Led()
    robot.leads(INTO["table"], 0.75, relative=False)
    robot.controller.direct("run")
    robot.run(1.0)
    robot.controller.direct("home")
    robot.run(4.0)
    assert robot.status.arrived
    assert_within_limits(robot.commands)
    assert spare_m(robot.commands[::5]).min() > -SLACK_M
