"""What commands are checked against covers all of what it stands for."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from simulation.collision_model import _cut, _edges, _points
from simulation.scene import scene_model


def held(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of the points (N, 3) lie in the convex hull of `corners`."""
    planes = ConvexHull(corners).equations
    return np.asarray((planes[:, :3] @ points.T + planes[:, 3:] < 1e-6).all(axis=0))


@pytest.mark.parametrize("arm", ["left", "right"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_pieces_of_a_finger_leave_nothing_of_it_out(arm: str, side: str) -> None:
    scene = scene_model()
    geom = scene.geom(f"vx300s_{arm}/10_{side}_gripper_finger").id
    points, edges = _points(scene, geom), _edges(scene, geom)
    # Along every edge: a long one has both its ends in pieces that leave out its middle.
    shares = np.linspace(0.0, 1.0, 11)[:, None, None]
    along = (points[edges[:, 0]] * (1.0 - shares) + points[edges[:, 1]] * shares).reshape(-1, 3)
    pieces = [_cut(points, edges, f"finger/{side}_{piece}") for piece in ("foot", "tip")]
    assert (held(pieces[0], along) | held(pieces[1], along)).all()
