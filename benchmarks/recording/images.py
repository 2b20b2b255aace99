"""Images as a robot's cameras give them, each with its capture time burnt into a corner."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from perception.pattern import burnt, time_in
from perception.rendering import SceneRenderer
from simulation.scene import CAMERAS, scene_model

WIDTH: Final = 640
HEIGHT: Final = 480

_SIDE: Final = 120  # pixels of the pattern
_VIEWS: Final = 30
_NOISE: Final = 2.0  # standard deviation of a sensor's noise, in levels
_HOME: Final = (0.0, -0.96, 1.16, 0.0, -0.3, 0.0)
_ARMS: Final = (slice(0, 6), slice(8, 14))  # of the scene's generalized positions


def draw(folder: Path, seed: int = 0) -> None:
    """Draw what each camera of the twin sees while the arms swing, for `Views`.

    Raises:
        RuntimeError: there is no OpenGL.
        OSError: the folder cannot be written.
    """
    model = scene_model()
    renderer = SceneRenderer(model, WIDTH, HEIGHT)
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for camera in CAMERAS:
        images = []
        for view in range(_VIEWS):
            qpos = model.qpos0.copy()
            swing = 0.3 * np.sin(2 * np.pi * view / _VIEWS + np.arange(6))
            for arm in _ARMS:
                qpos[arm] = np.array(_HOME) + swing
            image = renderer.render(qpos, camera)
            noise = rng.normal(0.0, _NOISE, image.shape)
            images.append(np.clip(image + noise, 0, 255).astype(np.uint8))
        np.save(folder / f"{camera}.npy", np.stack(images))
    renderer.close()


class Views:
    """What a camera saw, over and over."""

    def __init__(self, folder: Path, camera: str) -> None:
        """Read what `draw` wrote; raises OSError."""
        self._images = np.load(folder / f"{camera}.npy")

    def image(self, number: int, t_ns: int) -> NDArray[np.uint8]:
        """Return an image (480, 640, 3) that shows its capture time, in a corner."""
        image: NDArray[np.uint8] = self._images[number % len(self._images)].copy()
        image[:_SIDE, :_SIDE] = burnt(t_ns, _SIDE, _SIDE)
        return image


def shown_ns(image: NDArray[np.uint8]) -> int | None:
    """Return the capture time that an image shows, None if it cannot be read."""
    return time_in(np.ascontiguousarray(image[:_SIDE, :_SIDE]))
