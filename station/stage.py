"""The stages of a run, from its start to rest."""

from __future__ import annotations

from enum import Enum


class Stage(Enum):
    """Where a run stands."""

    STARTING = "starting"
    ARMING = "arming"
    HOMING = "homing"
    SETTING = "setting the scene"
    SETTLING = "settling"
    RUNNING = "running"
    LINGERING = "lingering"
    STOPPED = "stopped"  # until a person has armed and started it again
    RESTING = "going to rest"
    LETTING_GO = "taking torque off"
    DONE = "done"


EPISODE = (Stage.SETTING, Stage.SETTLING, Stage.RUNNING)
UNDER_WAY = (Stage.HOMING, *EPISODE, Stage.LINGERING)
ENDING = (Stage.RESTING, Stage.LETTING_GO, Stage.DONE)
