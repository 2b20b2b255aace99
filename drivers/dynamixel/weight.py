"""What an arm's links weigh, and the torques that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from runtime.config import Between, Metres, Share, StrictModel

Array = NDArray[np.float64]
Vector = tuple[float, float, float]
Place = tuple[Metres, Metres, Metres]
Part = Annotated[float, Between(-1.0, 1.0)]  # of a unit vector

_GRAVITY_M_S2: Final = 9.81
_LEAST: Final = 1e-9


class Link(StrictModel):
    """What a joint turns, up to the next one. All frames are parallel where all joints are at 0."""

    axis: tuple[Part, Part, Part]  # of the joint
    at: Place  # m, where the joint is in the frame of the link before it; of the first: the base
    mass_kg: Annotated[float, Between(0.0, 100.0, "kg")]
    centre: Place  # m, of its mass, from the joint


class Weight(StrictModel):
    """The links of an arm whose base stands upright."""

    # Of the weight, what the motors carry while a hand has the arm: with all of it, an error of
    # these figures would lift the arm.
    share: Share = 0.0
    links: dict[str, Link]  # joint -> link, from the base outwards


def carrying_torques(links: Sequence[Link], angles: Array) -> Array:
    """Return the torque (J,) in N m at each joint that carries all beyond it, at rest.

    Torque j is -a_j . sum of (c_i - p_j) x m_i g over the links i >= j: a joint's axis a and place
    p, a link's mass m and its centre c.

    Args:
        links: J of them, from the base outwards.
        angles: (J,) rad.
    """
    turn, place = np.eye(3), np.zeros(3)
    axes, places, centres = [], [], []
    for link, angle in zip(links, angles.tolist(), strict=True):
        place = place + turn @ link.at
        axes.append(turn @ link.axis)
        turn = turn @ _turned(link.axis, angle)
        places.append(place)
        centres.append(place + turn @ link.centre)
    masses = np.array([link.mass_kg for link in links])
    beyond = np.cumsum(masses[::-1])[::-1, None]  # the mass that each joint carries, and its centre
    moment = np.cumsum((masses[:, None] * np.array(centres))[::-1], axis=0)[::-1]
    arm = moment / np.maximum(beyond, _LEAST) - np.array(places)
    down = np.array((0.0, 0.0, -_GRAVITY_M_S2))
    return -np.asarray((np.array(axes) * np.cross(arm, beyond * down)).sum(axis=1))


def _turned(axis: Vector, angle: float) -> Array:
    """Return the rotation (3, 3) by `angle` about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array(((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0)))
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross))
