"""Where an arm's fingertips are, and the joint angles that bring them to a place."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

_ARM_JOINTS: Final = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
_FINGERTIP_M: Final = np.array([0.1347, 0.0, 0.002])  # in the frame of gripper_link

_DAMPING: Final = 0.02
_IK_STEPS: Final = 200
_IK_LONGEST_STEP: Final = 0.1  # metres and radians together
_IK_TOLERANCE: Final = 1e-4  # metres and radians together


class ArmKinematics:
    """One arm of the twin's scene: its fingertips from its angles, and the way back.

    The way back is damped least squares. Angles (6,) are those of the arm without its gripper.
    """

    def __init__(self, model: mujoco.MjModel, side: str) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        joints = [model.joint(f"vx300s_{side}/{joint}") for joint in _ARM_JOINTS]
        self._qpos = np.array([int(joint.qposadr[0]) for joint in joints])
        self._dof = np.array([int(joint.dofadr[0]) for joint in joints])
        self._range = np.array([joint.range for joint in joints])
        self._gripper = model.body(f"vx300s_{side}/gripper_link").id

    def reached(
        self,
        start: NDArray[np.float64],
        tip: NDArray[np.float64],
        rotation: NDArray[np.float64],
        most_steps: int = _IK_STEPS,
    ) -> NDArray[np.float64]:
        """Return angles (6,) near `start` with the fingertips at `tip` (3,), turned by `rotation`.

        Raises:
            ValueError: the place is out of reach, or further than so many steps.
        """
        angles = start.copy()
        for _ in range(most_steps):
            error, jacobian = self._error(angles, tip, rotation)
            if np.linalg.norm(error) < _IK_TOLERANCE:
                return angles
            gram = jacobian @ jacobian.T + _DAMPING**2 * np.eye(6)
            # Long steps jump to another branch of solutions, a detour of radians for the wrist.
            error *= min(1.0, _IK_LONGEST_STEP / float(np.linalg.norm(error)))
            step = jacobian.T @ np.linalg.solve(gram, error)
            angles = np.clip(angles + step, self._range[:, 0], self._range[:, 1])
        raise ValueError(f"the fingertips cannot reach {tip} m in that direction")

    def angles(self, qpos: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return this arm's angles (6,) in MuJoCo's generalized positions (nq,)."""
        angles: NDArray[np.float64] = qpos[self._qpos]
        return angles

    def tip(self, angles: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the fingertips are (3,) in metres, and how they are turned (3, 3)."""
        self._data.qpos[self._qpos] = angles
        mujoco.mj_kinematics(self._model, self._data)
        rotation = self._data.xmat[self._gripper].reshape(3, 3).copy()
        return self._data.xpos[self._gripper] + rotation @ _FINGERTIP_M, rotation

    def _error(
        self, angles: NDArray[np.float64], tip: NDArray[np.float64], rotation: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is missing (6,: metres, then radians) and its Jacobian (6, 6)."""
        point, now = self.tip(angles)
        mujoco.mj_comPos(self._model, self._data)
        linear = np.zeros((3, self._model.nv))
        angular = np.zeros((3, self._model.nv))
        mujoco.mj_jac(self._model, self._data, linear, angular, point, self._gripper)
        turn = 0.5 * sum(np.cross(now[:, i], rotation[:, i]) for i in range(3))
        error = np.concatenate([tip - point, turn])
        return error, np.vstack([linear, angular])[:, self._dof]
