"""What a motor said last, and what is wrong with it, in words."""

from __future__ import annotations

from typing import Final

from drivers.dynamixel.checks import named
from drivers.dynamixel.registers import ALERT, CURRENT_A, hardware_errors
from drivers.dynamixel.replies import Answer
from drivers.dynamixel.sample import MotorClock, Sample, sample

_AFTER_SILENCE: Final = "look at its cable and the one before it"
_AFTER_RESTART: Final = "a dip of the 12 V? Support the arm, then launch again"
_AFTER_ERROR: Final = "find the cause, support the arm, `python -m drivers reboot`, launch again"
_AFTER_LETTING_GO: Final = "support the arm, then launch again"
_AFTER_FIGHT: Final = "bring the arm to rest and run `python -m drivers calibrate shadows`"
_IN_VAIN: Final = 3  # questions, before a motor counts as silent
_FIGHT_A: Final = 0.3
_FIGHT_NS: Final = 1_000_000_000


class MotorState:
    """One motor: its clock, its newest sample and when that was taken.

    Attributes:
        servo: its id.
        sample: the newest, None before the first.
        t_sample_ns: when that was taken.
        let_go: whether its torque is off on purpose; ends with the first sample that has torque.
        sound: whether it holds and nothing is wrong, by its newest answer; else `errors` looks
            closer.
        silent_after_ns: how long it may say nothing.
        in_vain: how many questions in a row it has not answered.
        restarted: whether it has lost its memory, its torque with it; `sample` is of before.
    """

    def __init__(self, joint: str, servo: int, silent_after_ns: int, now_ns: int) -> None:
        self.servo = servo
        self.sample: Sample | None = None
        self.t_sample_ns = now_ns  # the checks at the start have just heard from it
        self.let_go = False
        self._name = named(joint, servo)
        self._clock = MotorClock()
        self.sound = False
        self.silent_after_ns = silent_after_ns
        self.in_vain = 0
        self.restarted = False
        self._alert = False

    def is_fresh(self, answer: Answer, asked_ns: int) -> bool:
        """Return whether an answer belongs to what was asked at `asked_ns`; if so, keep it."""
        data, error, heard_ns = answer
        taken = sample(data)
        if taken is None:
            self.restarted, self.sound, self.in_vain = True, False, 0
        else:
            sampled_ns = self._clock.sampled_ns(taken.tick_ms, heard_ns, asked_ns)
            if sampled_ns is None:
                return False
            self.sample, self.t_sample_ns, self.in_vain = taken, sampled_ns, 0
            self.let_go = self.let_go and not taken.torque
            self.sound = taken.torque == 1 and not (taken.hardware_error or error or self.restarted)
        self._alert = bool(error & ALERT)
        return True

    def is_silent(self, now_ns: int) -> bool:
        """Return whether the motor has not answered for longer than it may.

        Only while it is asked: what a driver that stands still does not hear is no silence. One
        that has restarted answers, though not with a sample.
        """
        asked = self.in_vain >= _IN_VAIN
        return asked and self.is_overdue(now_ns) and not self.restarted

    def is_overdue(self, now_ns: int) -> bool:
        """Return whether its sample is too old to tell where it is, for whatever reason."""
        return now_ns - self.t_sample_ns > self.silent_after_ns

    def errors(self, now_ns: int) -> list[str]:
        """Return what makes the motor unfit to move."""
        if self.restarted:
            return [f"{self._name} has restarted, its torque is off: {_AFTER_RESTART}"]
        if self.is_silent(now_ns):
            return [f"{self._name} does not answer: {_AFTER_SILENCE}"]
        taken = self.sample
        if taken is None:
            return []
        latched = ", ".join(hardware_errors(taken.hardware_error)) or (
            "a hardware error" if self._alert else ""
        )
        if latched:
            torque = "on" if taken.torque else "off"  # not every error switches it off
            return [f"{self._name} has latched: {latched}; its torque is {torque}: {_AFTER_ERROR}"]
        if taken.torque or self.let_go:
            return []
        return [f"{self._name}: its torque went off: {_AFTER_LETTING_GO}"]

    def has_torque(self) -> bool:
        """Return whether it held when it was last heard of; one that restarted does not."""
        return self.sample is not None and bool(self.sample.torque) and not self.restarted


class Pair:
    """A joint's two motors: whether they pull against each other."""

    def __init__(self, joint: str, motor: MotorState, shadow: MotorState) -> None:
        self.shadow = shadow
        self._joint = joint
        self._motor = motor
        self._since_ns: int | None = None  # when they were first seen fighting

    def warnings(self, now_ns: int) -> list[str]:
        """Return a warning if the motors have been fighting for a second."""
        first, second = self._motor.sample, self.shadow.sample
        if first is None or second is None:
            return []
        one_a, other_a = first.current * CURRENT_A, second.current * CURRENT_A
        if one_a * other_a >= 0.0 or min(abs(one_a), abs(other_a)) < _FIGHT_A:
            self._since_ns = None
            return []
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns - self._since_ns < _FIGHT_NS:
            return []
        motors = f"{self._joint}: its motors {self._motor.servo} and {self.shadow.servo}"
        return [f"{motors} fight ({one_a:.1f} A against {other_a:.1f} A): {_AFTER_FIGHT}"]
