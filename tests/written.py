"""What a driver wrote to an arm's servos, and whether it kept the limits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from drivers.guard import MISSING, WIDER
from drivers.torque import LET_GO
from messaging.messages import JointState
from motion.limits import JointLimits
from station.robot import StationConfig

Array = NDArray[np.float64]

_ROUNDING = 1e-6
_LATELY = 10  # cycles


class Written:
    """The set-points of one arm, one for each cycle of its driver.

    Speeds are differences between set-points over the nominal period, which is what the servos are
    asked for when commands come in time. A cycle without a command comes after 1.5 periods and one
    whose command came late may follow after half of one: the sum is right, and taking each of them
    for a whole period errs on the strict side for the braking steps.
    """

    def __init__(self, config: StationConfig, arm: str) -> None:
        self.states: list[JointState] = []
        self._period_s = 1.0 / config.controller.rate_hz
        ranges = {name: given for name, given in config.ranges.items() if name.startswith(arm)}
        lower, upper = zip(*ranges.values(), strict=True)
        self._limits = JointLimits.build(tuple(ranges), lower, upper, config.limits)

    def add(self, states: Sequence[JointState]) -> None:
        """Write down what the driver published."""
        self.states += states

    def speed(self) -> float:
        """Return the greatest speed of a joint during the last cycles, inf before there are any."""
        if len(self.states) < _LATELY:
            return np.inf
        rows = np.array([state.written for state in self.states[-_LATELY:]])
        return float(np.abs(np.diff(rows, axis=0)).max() / self._period_s)

    def speed_at_end(self) -> float:
        """Return the greatest speed of a joint in the very last cycle."""
        before, last = (state.written for state in self.states[-2:])
        return float(np.abs(last - before).max() / self._period_s)

    def assert_smooth(self) -> None:
        """Check that positions, velocities and accelerations were within the limits throughout.

        The guard lets commands through that exceed the controller's limits by its own margin, and
        stops harder than any motion may be: where it was the one to act, the limits are wider.
        """
        assert len(self.states) > _LATELY
        for stretch in self._stretches():
            self._assert_smooth(stretch)

    def _stretches(self) -> list[list[JointState]]:
        """Return the cycles between gaps in what reached the test, if it could not keep up.

        While its torque is off an arm is told nothing: what it reports then is where it lies.
        """
        states = [state for state in self.states if state.holding != LET_GO]
        cuts = [
            place
            for place in range(1, len(states))
            if states[place].seq != states[place - 1].seq + 1
        ]
        assert len(cuts) < 5, f"{len(cuts)} gaps in the record of one arm"
        bounds = [0, *cuts, len(states)]
        return [states[low:high] for low, high in pairwise(bounds)]

    def _assert_smooth(self, states: list[JointState]) -> None:
        states = [state for place, state in enumerate(states) if not _repeats(states, place)]
        rows = np.array([state.written for state in states])
        limits, period_s = self._limits, self._period_s
        assert np.isfinite(rows).all()
        assert (rows >= limits.lower - _ROUNDING).all()
        assert (rows <= limits.upper + _ROUNDING).all()
        acting = np.array([bool(state.holding) for state in states])
        harder = np.maximum(limits.stop_acceleration, limits.acceleration * WIDER)
        for order, most, guarded in (
            (1, limits.velocity, limits.velocity * WIDER),
            (2, limits.acceleration, harder),
        ):
            change = np.abs(np.diff(rows, order, axis=0)) / period_s**order
            near = np.array([acting[max(0, i - 2) : i + 3].any() for i in range(len(acting))])
            allowed = np.where(near[order:, None], guarded, most)
            excess = change / (allowed * (1.0 + _ROUNDING))
            place, joint = np.unravel_index(np.argmax(excess), excess.shape)
            assert excess[place, joint] <= 1.0, (
                f"{limits.joints[joint]}: difference of order {order} is "
                f"{change[place, joint]:.2f}, at most {allowed[place, joint]:g} is allowed, "
                f"while {[state.holding for state in states[place : place + order + 1]]}"
            )


def _repeats(states: list[JointState], place: int) -> bool:
    """Return whether this cycle wrote the last one's set-point again for a belated command.

    Its step had already been made when the command was missing, so no time passes for it.
    """
    if place == 0:
        return False
    before, state = states[place - 1], states[place]
    belated = before.holding == state.holding == MISSING
    newer = state.t_command_ns > before.t_command_ns
    return belated and newer and bool((before.written == state.written).all())
