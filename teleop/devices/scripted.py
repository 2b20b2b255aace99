"""The simulated operator as a device: it sees the twin, and helps when the policy is failing."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

import mujoco

from messaging.messages import EpisodeState, TwinState
from messaging.topics import TWIN_STATE
from messaging.transport import Bus
from motion.handover import INSTRUCTIONS, Expert
from motion.sight import SIDES, Eyes
from teleop.device import Array, DeviceError, Event, Reading, Robot, View
from teleop.operator import Correction, Habits, Moment, Operator

log = logging.getLogger(__name__)

_BLINK_NS: Final = 500_000_000  # for which the twin may be out of sight, as machines stall
_RUNNING: Final = "running"  # an episode's phase
_POLICY, _HUMAN = "run", "human"  # modes of the controller


class Config(Habits):
    """What kind of person it is, and where it finds the model of its world."""

    model_path: Path  # .mjb of the twin's scene


class ScriptedOperator:
    """A person who sees everything and moves both arms, aligned with them."""

    def __init__(self, config: Config, robot: Robot, bus: Bus) -> None:
        self._config = config
        self._robot = robot
        self._twin = bus.subscriber(TWIN_STATE)
        self._reading: Reading | None = None  # the newest
        self._corrects = False

    def open(self) -> None:
        """Load the world's model.

        Raises:
            DeviceError: there is none, or it is of other arms or another task.
        """
        path, robot = self._config.model_path, self._robot
        if not path.is_file():
            raise DeviceError(
                f"no scene at {path}: the simulated operator needs the twin; another robot needs a "
                "device that a person moves"
            )
        if robot.arms != SIDES:
            raise DeviceError(f"the simulated operator moves the arms {SIDES}, not {robot.arms}")
        if robot.instruction not in INSTRUCTIONS:
            raise DeviceError(
                f"the simulated operator knows {INSTRUCTIONS}, not {robot.instruction!r}"
            )
        model = mujoco.MjModel.from_binary_path(str(path))
        self._eyes = Eyes(model)
        self._operator = Operator(Expert(model), self._config, robot.joints)

    def read(self, now_ns: int, view: View) -> Reading | None:
        """Return where the operator leads the arms, and whether it takes over or hands back."""
        self._twin.receive()
        if view.command is None:
            return None
        correction = self._step(now_ns, view, view.command)
        events: tuple[Event, ...] = ()
        if correction is not None:
            if not self._corrects:
                log.info("%s: corrects %s", correction.reason, " and ".join(correction.sides))
                events = (Event("takeover"),)
            self._reading = self._led(correction, now_ns)
        elif view.correcting:
            events = (Event("hand_back"),)
        self._corrects = correction is not None
        if self._reading is None or not (self._corrects or view.correcting):
            self._reading = Reading(self._robot.joints, view.command, relative=False)
        return replace(self._reading, events=events)

    def _step(self, now_ns: int, view: View, command: Array) -> Correction | None:
        """Return the correction that the operator wants to make, None if none or none is due."""
        twin, episode = self._twin.newest, view.episode
        if twin is None or episode is None or not _goes_on(view, twin, episode, now_ns):
            self._operator.rest()
            return None
        return self._operator.step(
            Moment(
                now_ns=now_ns,
                episode=episode.episode,
                instruction=episode.instruction,
                qpos=twin.qpos,
                sight=self._eyes.sight(twin.qpos),
                command=command,
                asked=view.engaged,
                obeyed=_mode(view) == _HUMAN,
            )
        )

    def _led(self, correction: Correction, now_ns: int) -> Reading:
        """Return where the arms of a correction are led."""
        pose, robot = correction.hands.pose(now_ns), self._robot
        places = [
            i for side in correction.sides for i in range(len(robot.joints))[robot.places(side)]
        ]
        joints = tuple(robot.joints[i] for i in places)
        return Reading(joints, pose[places], relative=False)

    def mirror(self, view: View) -> None:
        """Do nothing: hands that are not engaged are where the arms are."""

    def note(self) -> str:
        """Return what the operator does."""
        correction = self._operator.correction
        if correction is None:
            return "the simulated operator watches"
        return f"the simulated operator corrects: {correction.reason}"

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _mode(view: View) -> str:
    return view.status.mode if view.status else ""


def _goes_on(view: View, twin: TwinState, episode: EpisodeState, now_ns: int) -> bool:
    """Return whether there is an episode to correct, and the twin is seen as it is now.

    A pause is none, except that of a person's commands being lost, which the person has to end.
    """
    fresh = now_ns - twin.t_ns <= _BLINK_NS
    on = view.engaged or _mode(view) in (_POLICY, _HUMAN)
    return fresh and on and not view.rewinding and episode.phase == _RUNNING


def make(config: Config, robot: Robot, bus: Bus) -> ScriptedOperator:
    """Return the simulated operator."""
    return ScriptedOperator(config, robot, bus)
