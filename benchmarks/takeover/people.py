"""People as their devices tell of them: reaches and pauses, tremor, and a clock of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from messaging.messages import HumanCommand
from motion.minimum_jerk import blend

Array = NDArray[np.float64]

PERIOD_S = 0.01
JITTER_S = 0.002  # of a device's clock
TREMOR_RAD = 0.001  # RMS of what a device reads beside what a person means
STOP_S = 0.15  # in which a hand stops a leader that was moving
REACH_S = (0.6, 1.2)  # from one place to the next, as people reach
REACH_RAD = 0.2  # RMS
SAG_RAD = 0.04  # RMS, by which a leader that follows its arm is off
ASTRAY = 0.25  # share of people whose leader was off by ten times as much


class Reaches:
    """A person's hand: reaches of least jerk between places, one after another."""

    def __init__(self, start: Array, velocity: Array, random: np.random.Generator) -> None:
        """Be at `start` (J,), and stop what moves with `velocity` there."""
        self._random = random
        self._from = self._to = start
        self._begin_s, self._length_s = 0.0, 0.1
        self._velocity = velocity

    def at(self, seconds: float) -> Array:
        """Return where the hand is (J,); time only goes on."""
        while seconds >= self._begin_s + self._length_s:
            self._begin_s += self._length_s
            self._length_s = self._random.uniform(*REACH_S)
            self._from = self._to
            self._to = self._from + self._random.normal(0.0, REACH_RAD, len(self._from))
        done = (seconds - self._begin_s) / self._length_s
        moved = self._velocity * STOP_S * (1.0 - np.exp(-seconds / STOP_S))
        return np.asarray(self._from + moved + blend(np.array(done)) * (self._to - self._from))


class Leader:
    """Leader arms: they follow the arms that they lead until a person takes them."""

    def __init__(self, joints: Sequence[str], relative: bool, random: np.random.Generator) -> None:
        """Begin unattended; clutch devices are `relative`."""
        self._joints = tuple(joints)
        self._relative = relative
        self._random = random
        self._seq = 0
        self._hand: Reaches | None = None
        self._taken_s = 0.0
        self._rest: Array = np.zeros(len(joints))
        self.let_go()

    @property
    def engaged(self) -> bool:
        """Whether a person holds it."""
        return self._hand is not None

    def take(self, command: Array, velocity: Array, now_s: float) -> None:
        """Let a person take it; the arms are told to be at `command` (J,), with `velocity`."""
        moving = np.zeros_like(velocity) if self._relative else velocity
        self._hand = Reaches(self._place(command), moving, self._random)
        self._taken_s = now_s

    def let_go(self) -> None:
        """Let it follow again, in its own way."""
        self._hand = None
        size = SAG_RAD * (10.0 if self._random.random() < ASTRAY else 1.0)
        self._rest = self._random.normal(0.0, size, len(self._joints))

    def meant(self, command: Array, now_s: float) -> Array:
        """Return where the person wants to be (J,), or where the leader is by itself."""
        return self._hand.at(now_s - self._taken_s) if self._hand else self._place(command)

    def said(self, command: Array, now_s: float, t_ns: int) -> HumanCommand:
        """Return what the device says that is read at `now_s`, stamped `t_ns`."""
        self._seq += 1
        tremor = self._random.normal(0.0, TREMOR_RAD, len(self._joints))
        return HumanCommand(
            device="leader",
            seq=self._seq,
            t_ns=t_ns,
            joints=self._joints,
            position=self.meant(command, now_s) + tremor,
            engaged=self.engaged,
            relative=self._relative,
        )

    def _place(self, command: Array) -> Array:
        return self._rest if self._relative else command + self._rest
