"""What a leader's driver says, for the tests of who reads it."""

from __future__ import annotations

import numpy as np
from teleop_robot import robot

from messaging.messages import ON, JointState
from teleop.device import Array

_NOTHING = np.empty(0)


def leader_state(
    name: str,
    position: Array,
    *,
    written: Array | None = None,
    t_ns: int = 0,
    torque: str = ON,
    errors: tuple[str, ...] = (),
) -> JointState:
    """Return the state of a leader that stands at `position` (7,)."""
    told = robot()
    return JointState(
        arm=f"leader_{name}",
        seq=1,
        t_sample_ns=t_ns,
        joints=told.joints[told.places(name)],
        position=position,
        velocity=np.zeros(7),
        current=_NOTHING,
        temperature=_NOTHING,
        voltage=_NOTHING,
        age_s=_NOTHING,
        errors=errors,
        warnings=(),
        written=position if written is None else written,
        t_written_ns=t_ns,
        t_command_ns=0,
        holding="",
        torque=torque,
    )
