"""From a leader's joints to those of the arm that it leads. Pure.

Joints are matched by name, in the sense of commands: angles in rad, grippers from 0 closed to 1
open by the angle of their cranks, so that grippers of different build open and close together.
"""

from __future__ import annotations

import numpy as np

from messaging.messages import JointState
from motion.limits import gripper_mask
from teleop.device import Array, Robot

_TURN = 2.0 * np.pi
_AHEAD_S = 0.03  # at most, that a sample is taken to have gone on


class JointMap:
    """One leader and its arm.

    Attributes:
        joints: names of the arm's J joints, in the robot's order.
    """

    def __init__(self, robot: Robot, arm: str) -> None:
        """The map of `arm`; raises ValueError if the robot has no such arm."""
        places = robot.places(arm)
        self.joints = robot.joints[places]
        self._places = places
        self._lower, self._upper = robot.lower[places], robot.upper[places]
        self._turning = ~gripper_mask(self.joints)

    def of_all(self, position: Array) -> Array:
        """Return the arm's part (J,) of a pose of all joints."""
        return position[self._places]

    def led(self, state: JointState, now_ns: int) -> Array:
        """Return where the leader wants the arm (J,): its own pose now, within the arm's ranges.

        Leaders are sampled and read by clocks of their own: without what they have moved since the
        sample, the beat between these would be a tremble of the arm.

        Raises:
            ValueError: the leader has no such joints.
        """
        age_s = min(max((now_ns - state.t_sample_ns) * 1e-9, 0.0), _AHEAD_S)
        # A gripper's velocity is that of its finger, on another scale.
        speed = np.where(self._turning, self._in_order(state, state.velocity), 0.0)
        position = self._in_order(state, state.position) + speed * age_s
        return np.clip(position, self._lower, self._upper)

    def told(self, state: JointState) -> Array:
        """Return what the leader's own servos are told (J,); raises ValueError as `led`."""
        return self._in_order(state, state.written)

    def apart(self, state: JointState, position: Array) -> Array:
        """Return how far the leader is from its arm's `position` (J,), turns not counted.

        Raises:
            ValueError: the leader has no such joints.
        """
        difference = self._in_order(state, state.position) - position
        turns = np.where(self._turning, np.round(difference / _TURN), 0.0)
        return np.abs(difference - _TURN * turns)

    def _in_order(self, state: JointState, position: Array) -> Array:
        missing = [joint for joint in self.joints if joint not in state.joints]
        if missing:
            raise ValueError(
                f"{state.arm} has no joints {', '.join(missing)}, it has {', '.join(state.joints)}:"
                " give leader and arm the same joints in the config"
            )
        return position[[state.joints.index(joint) for joint in self.joints]]
