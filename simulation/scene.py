"""The twin's scene: gym-aloha's two arms, table and cube, with ALOHA's four cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import mujoco

_ASSET: Final = Path(__file__).parent / "assets" / "aloha" / "bimanual_viperx_transfer_cube.xml"

# gym-aloha's camera -> the name it has on the real robot
_CAMERAS: Final = {
    "top": "cam_high",
    "angle": "cam_low",
    "left_wrist": "cam_left_wrist",
    "right_wrist": "cam_right_wrist",
}
CAMERAS: Final = tuple(_CAMERAS.values())


def scene_model() -> mujoco.MjModel:
    """Return the compiled model, cheap enough to draw for a machine without a graphics card."""
    spec = mujoco.MjSpec.from_file(str(_ASSET))
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    for camera in list(spec.cameras):
        if camera.name in _CAMERAS:
            camera.name = _CAMERAS[camera.name]
        else:
            spec.delete(camera)
    return spec.compile()


def save_model(path: Path) -> None:
    """Write the scene to `path` (.mjb), for processes that read it without this package.

    The binary form holds for one version of MuJoCo, so it is written anew for each run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mujoco.mj_saveModel(scene_model(), str(path))
