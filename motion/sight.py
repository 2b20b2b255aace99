"""What is to be seen on the twin's table: the cube, and how both hands stand to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from motion.kinematics import ArmKinematics

Array = NDArray[np.float64]

SIDES: Final = ("left", "right")
ON_TABLE_M: Final = 0.02  # height of the middle of a cube that lies on the table
LIFTED_M: Final = 0.08

_BETWEEN_M: Final = 0.03  # from the fingertips to a cube that is between them, at most
_CLOSED_M: Final = 0.046  # from a gripper's middle to a finger that grips the cube, at most


@dataclass(frozen=True, slots=True)
class Hand:
    """One gripper."""

    tip: Array  # (3,) metres
    finger_m: float  # from its middle to a finger


@dataclass(frozen=True, slots=True)
class Sight:
    """Cube and hands at one moment."""

    cube: Array  # (3,) metres, of its middle
    hands: dict[str, Hand]  # by side

    @property
    def lifted(self) -> bool:
        """Whether the cube is well above the table."""
        return float(self.cube[2]) > LIFTED_M

    @property
    def on_table(self) -> bool:
        """Whether the cube lies on the table."""
        return float(self.cube[2]) < ON_TABLE_M + 0.01

    def at_cube(self, side: str) -> bool:
        """Return whether the cube is between the fingers of a hand, gripped or not."""
        return float(np.linalg.norm(self.hands[side].tip - self.cube)) < _BETWEEN_M

    def closed(self, side: str) -> bool:
        """Return whether the fingers of a hand are no further apart than a cube is wide."""
        return self.hands[side].finger_m < _CLOSED_M

    def holds(self, side: str) -> bool:
        """Return whether a hand grips the cube."""
        return self.at_cube(side) and self.closed(side)

    @property
    def held(self) -> bool:
        """Whether any hand grips the cube."""
        return any(self.holds(side) for side in self.hands)


class Eyes:
    """Reads a `Sight` off the twin's true state."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._arms = {side: ArmKinematics(model, side) for side in SIDES}
        self._cube = int(model.joint("red_box_joint").qposadr[0])
        self._fingers = {
            side: int(model.joint(f"vx300s_{side}/left_finger").qposadr[0]) for side in SIDES
        }

    def sight(self, qpos: Array) -> Sight:
        """Return what MuJoCo's generalized positions (nq,) show."""
        hands = {
            side: Hand(arm.tip(arm.angles(qpos))[0], float(qpos[self._fingers[side]]))
            for side, arm in self._arms.items()
        }
        return Sight(qpos[self._cube : self._cube + 3].copy(), hands)
