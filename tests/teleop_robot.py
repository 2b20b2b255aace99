"""A robot for the tests of devices, and what a device sees of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from messaging.messages import ControlStatus
from station.config import load, robot_file
from teleop.device import Array, Robot, View

CONFIG = load(robot_file("aloha"), [])
TICK_NS = 10_000_000
_STATUS = ControlStatus(
    seq=1,
    t_ns=0,
    late_us=0.0,
    mode="run",
    epoch=1,
    cursor=0.0,
    rate=1.0,
    upcoming=np.zeros((0, 14)),
    dt_ns=TICK_NS,
    runway_s=1.0,
    latency_s=0.1,
    disagreement_rad=0.0,
    jerk=0.0,
    chunks=1,
    counters={},
)


def robot(leaders: tuple[str, ...] = ("left", "right")) -> Robot:
    """Return ALOHA."""
    lower, upper = zip(*CONFIG.ranges.values(), strict=True)
    return Robot(
        joints=tuple(CONFIG.ranges),
        lower=np.array(lower),
        upper=np.array(upper),
        home=np.array([value for arm in CONFIG.arms.values() for value in arm.home]),
        arms=tuple(CONFIG.arms),
        leaders=leaders,
        instruction="transfer the cube to the left arm",
        rate_hz=100,
    )


def status(mode: str) -> ControlStatus:
    """Return a controller's status in `mode`."""
    return replace(_STATUS, mode=mode)


def seen(
    command: Array | None = None,
    mode: str = "run",
    *,
    engaged: bool = False,
    rewinding: bool = False,
) -> View:
    """Return what a device sees of the robot; its arms are at home if nothing else is said."""
    told = robot().home if command is None else command
    return View(told, status(mode), None, engaged, rewinding)
