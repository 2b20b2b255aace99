"""What the drivers say that they write, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from drivers.dynamixel import packets
from drivers.dynamixel import registers as reg
from drivers.dynamixel.profile import Profile
from messaging.messages import JointState
from motion.limits import gripper_mask

MOVING_RAD_S = 0.05  # slower than this is a creep, of which a stop proves little
_LATELY = 6  # cycles over which a speed is taken
_BITS_A_BYTE = 10  # with start and stop bit

States = Sequence[JointState]


def speed_rad_s(states: States) -> float:
    """Return the greatest speed that any joint but the gripper was lately told, 0 at the start."""
    lately = states[-_LATELY:]
    if len(lately) < _LATELY:
        return 0.0
    elapsed_s = (lately[-1].t_written_ns - lately[0].t_written_ns) * 1e-9
    way = _turning(lately[-1]) - _turning(lately[0])
    return float(np.abs(way).max() / elapsed_s)


def stands_ns(states: Iterable[JointState], permit: int) -> int | None:
    """Return since when the goals stand because of permit number `permit`.

    That is the last change of a goal, or the first cycle in which the driver knew of the permit if
    goals stood already then. None as long as it has not said so.
    """
    aware = [state for state in states if state.permit >= permit]
    for state in aware:
        if state.t_frozen_ns > 0:
            return max(state.t_frozen_ns, aware[0].t_written_ns)
    return None


def all_stand_ns(arms: Mapping[str, States], permit: int) -> int | None:
    """Return since when the goals of all arms stand, None while some do not."""
    stamps = [stands_ns(states, permit) for states in arms.values()]
    known = [stamp for stamp in stamps if stamp is not None]
    return max(known) if known and len(known) == len(stamps) else None


def moved_after(arms: Mapping[str, States], t_ns: int) -> bool:
    """Return whether any goal written later than `t_ns` differs from the one of that time."""
    for states in arms.values():
        later = [state.written for state in states if state.t_written_ns >= t_ns]
        if any(not np.array_equal(later[0], written) for written in later[1:]):
            return True
    return False


def largest_step_rad(states: States) -> float:
    """Return the largest way from one goal to the next of any joint but the gripper."""
    steps = [
        np.abs(_turning(after) - _turning(before)).max()
        for before, after in pairwise(states)
        if after.seq == before.seq + 1  # not across what was not heard
    ]
    return float(max(steps, default=0.0))


def torque_changes(states: States) -> int:
    """Return how often the motors' torque became another."""
    return sum(before.torque != after.torque for before, after in pairwise(states))


def last_change_ns(states: States, since_ns: int) -> int:
    """Return when the goals last became others, `since_ns` if they have not since then."""
    changes = [
        after.t_written_ns
        for before, after in pairwise(states)
        if after.t_written_ns > since_ns and not np.array_equal(before.written, after.written)
    ]
    return max(changes, default=since_ns)


def brakes_ns(states: States) -> int | None:
    """Return when the guard first wrote something else than its command, None if it never did."""
    return next((state.t_written_ns for state in states if state.holding), None)


def goal_packet_s(profile: Profile) -> float:
    """Return how long the packet with all goals of an arm is on its wire."""
    size = reg.GOAL_POSITION.size
    goals = {motor.id: bytes(size) for motor in profile.motors.values()}
    packet = packets.sync_write(reg.GOAL_POSITION.address, goals)
    return len(packet) * _BITS_A_BYTE / profile.baud


def _turning(state: JointState) -> NDArray[np.float64]:
    return state.written[~gripper_mask(state.joints)]
