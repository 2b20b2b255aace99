"""ACT's gripper conventions: an observation is the finger's place, an action the crank's angle.

Both go from 0 closed to 1 open and agree at these ends alone, so an observation must never be
sent back as an action: that would move the gripper.
"""

from __future__ import annotations

import math

from drivers.dynamixel.profile import Gripper


def finger_m(gripper: Gripper, angle_rad: float) -> float:
    """Return how far a finger stands from the middle at the crank's `angle_rad`.

    Formula: Interbotix's xs_driver, `h sin(a) + sqrt(L^2 - (h cos(a))^2)`.
    """
    across = gripper.horn_m * math.cos(angle_rad)
    return gripper.horn_m * math.sin(angle_rad) + math.sqrt(gripper.rod_m**2 - across**2)


def crank_rad(gripper: Gripper, finger: float) -> float:
    """Return the crank's angle at which a finger stands `finger` metres from the middle.

    The law of cosines in the triangle of horn, rod and finger; places that the crank cannot
    reach give the nearest end of its way.
    """
    horn, rod = gripper.horn_m, gripper.rod_m
    sine = (horn**2 + finger**2 - rod**2) / (2.0 * horn * finger)
    return math.asin(min(1.0, max(-1.0, sine)))


def finger_per_crank(gripper: Gripper, angle_rad: float) -> float:
    """Return the finger's speed for a crank's speed of 1 rad/s at `angle_rad`, in m/rad."""
    across = gripper.horn_m * math.cos(angle_rad)
    along = math.sqrt(gripper.rod_m**2 - across**2)
    if along == 0.0:  # as long as the horn, and on it: the finger's way has a kink here
        return across
    return across + gripper.horn_m * across * math.sin(angle_rad) / along


def observed(gripper: Gripper, angle_rad: float) -> float:
    """Return the observation, 0 closed to 1 open, of a crank at `angle_rad`."""
    span = gripper.open_m - gripper.closed_m
    return (finger_m(gripper, angle_rad) - gripper.closed_m) / span


def action_of(gripper: Gripper, angle_rad: float) -> float:
    """Return the action, 0 closed to 1 open, that commands a crank's `angle_rad`."""
    return (angle_rad - gripper.closed_rad) / (gripper.open_rad - gripper.closed_rad)


def commanded_rad(gripper: Gripper, action: float) -> float:
    """Return the crank's angle that an action, 0 closed to 1 open, commands."""
    return gripper.closed_rad + action * (gripper.open_rad - gripper.closed_rad)
