"""The twin's scene: gym-aloha's two arms, table and cube, with ALOHA's four cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import mujoco

from simulation.model_file import save

_ASSETS: Final = Path(__file__).parent / "assets" / "aloha"
DRAWN: Final = _ASSETS / "drawn"  # lighter meshes of the same names; scripts/lighten_meshes
_HIDDEN_GROUP: Final = 3  # viewers show groups 0 to 2

# gym-aloha's camera -> the name it has on the real robot
_CAMERAS: Final = {
    "top": "cam_high",
    "angle": "cam_low",
    "left_wrist": "cam_left_wrist",
    "right_wrist": "cam_right_wrist",
}
CAMERAS: Final = tuple(_CAMERAS.values())


def scene_model() -> mujoco.MjModel:
    """Return the compiled model, cheap enough to draw for a machine without a graphics card.

    What touches is gym-aloha's own; what is seen of the arms is lighter.
    """
    spec = arena()
    for geom in list(spec.geoms):
        light = DRAWN / f"{geom.meshname}.stl"
        if geom.meshname and light.is_file():
            _draw_instead(spec, geom, light)
    return spec.compile()


def arena() -> mujoco.MjSpec:
    """Return gym-aloha's scene under ALOHA's names, as its makers published it."""
    spec = mujoco.MjSpec.from_file(str(_ASSETS / "bimanual_viperx_transfer_cube.xml"))
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    for camera in list(spec.cameras):
        if camera.name in _CAMERAS:
            camera.name = _CAMERAS[camera.name]
        else:
            spec.delete(camera)
    return spec


def save_model(path: Path) -> None:
    """Write the scene to `path` (.mjb); raises OSError."""
    save(scene_model(), path)


def _draw_instead(spec: mujoco.MjSpec, geom: mujoco.MjsGeom, light: Path) -> None:
    """Show `geom` by a lighter mesh that touches and weighs nothing."""
    name = f"{geom.meshname}/drawn"
    if spec.mesh(name) is None:
        spec.add_mesh(name=name, file=str(light.resolve()))
    drawn = geom.parent.add_geom(
        name=f"{geom.name}/drawn",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        pos=geom.pos,
        quat=geom.quat,
        rgba=geom.rgba,
        material=geom.material,
        contype=0,
        conaffinity=0,
        mass=0.0,
    )
    drawn.alt.type, drawn.alt.euler = geom.alt.type, geom.alt.euler  # instead of the quat
    geom.group = _HIDDEN_GROUP
