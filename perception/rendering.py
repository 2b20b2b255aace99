"""Pictures of a MuJoCo model, drawn on a machine without a screen."""

from __future__ import annotations

import os

import mujoco
import numpy as np
from numpy.typing import NDArray

_REMEDY = (
    "off-screen OpenGL (EGL) does not work here; install it with"
    " `apt-get install libegl1 libgl1-mesa-dri`"
)


class SceneRenderer:
    """Draws what a camera of the model sees, without shadows and reflections.

    Those two cost six times the rest of the picture where a processor does the drawing.
    An instance belongs to the thread that made it.
    """

    def __init__(self, model: mujoco.MjModel, width: int = 640, height: int = 480) -> None:
        """Claim an OpenGL context of `width` x `height` pixels.

        Raises:
            RuntimeError: OpenGL is missing; says what to install.
        """
        # Mesa, drawing by processor, would start a thread a core, against all other processes.
        os.environ["LP_NUM_THREADS"] = "0"
        try:
            # The context is made by hand: mujoco.Renderer takes the one that MUJOCO_GL named
            # when mujoco was first imported, which may have been long before this.
            from mujoco.egl import GLContext

            self._opengl = GLContext(width, height)
        except (ImportError, RuntimeError, AttributeError, OSError) as error:
            raise RuntimeError(f"{_REMEDY} ({error})") from error
        self._opengl.make_current()
        self._model = model
        self._data = mujoco.MjData(model)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        model.vis.global_.offwidth = width
        model.vis.global_.offheight = height
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._upside_down = np.empty((height, width, 3), np.uint8)

    def render(self, qpos: NDArray[np.float64], camera: str) -> NDArray[np.uint8]:
        """Return what `camera` sees in the state `qpos` (nq,), as (height, width, 3) RGB.

        Raises:
            ValueError: the model has no such camera; names those that it has.
        """
        camera_id = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if camera_id < 0:
            known = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise ValueError(f"no camera {camera!r} in the scene; there are {known}")
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._view.fixedcamid = camera_id
        self._opengl.make_current()
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._option,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._upside_down, None, self._viewport, self._context)
        return np.ascontiguousarray(self._upside_down[::-1])

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._context.free()
        self._opengl.free()
