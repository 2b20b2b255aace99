"""Whether random motions keep the arms from all that they may not touch, and what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from controller.config import ControllerConfig
from controller.core import Controller
from controller.limits import ClearLimiter
from motion.clearance import Clearance
from motion.limiter import Limiter
from motion.limits import JointLimits, LimitsConfig
from policy_worker.policies.scripted import Scripted
from simulation.collision_model import collision_model
from simulation.lockstep import Lockstep
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, TRANSFER
from simulation.twin import HOME, JOINTS, Twin

Array = NDArray[np.float64]

POSES: Final = 2000
EPISODES: Final = 5
_DT_S: Final = 0.01
_LONGEST_S: Final = 10.0  # on the way to a pose
_BLOCKED_S: Final = 0.3  # then it is as near as it gets
_SPEED: Final = 1.0  # all that the limits allow: the longest stops


def measured(console: Console, poses: int = POSES, episodes: int = EPISODES) -> dict[str, float]:
    """Return the figures, after saying what they are made of."""
    travels = [travelled(pose) for pose in _tracked(console, poses)]
    touching = sum(travel.touched for travel in travels)
    reached = sum(travel.reached for travel in travels)
    console.print(
        f"{poses} random poses: {reached} reached, {poses - reached} stopped before, "
        f"{touching} touched something",
        highlight=False,
    )
    cost_us = check_cost_us(episodes)
    middle, most = np.percentile(cost_us, (50.0, 99.0))
    console.print(
        f"collision check: p50 {middle:.0f}, p99 {most:.0f} us, {len(cost_us)} ticks of transfers",
        highlight=False,
    )
    return {
        "poses_touching": touching,
        "poses_reached": reached,
        "collision_check_us": float(middle),
        "collision_check_p99_us": float(most),
    }
