"""What can be wrong with an arm, by what its driver says of it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from messaging.messages import OFF, JointState
from motion.limits import gripper_mask
from safety.cause import Cause, Findings, joined
from safety.config import SafetyConfig
from safety.stall import Silence, Stalls

Array = NDArray[np.float64]

# How a guard's reason begins that finds fault with a command, not with the leave to follow it.
REFUSED = ("command is", "command for", "command beyond")

_LEVELS = 3  # of heat: warm, hot, too hot


class ArmWatch:
    """Judges one arm's newest state again and again.

    Args:
        arm: its name.
        ranges: joint -> the least and the most that it may be at.
        config: the thresholds.
        stalls: what explains a silence.
    """

    def __init__(
        self, arm: str, ranges: dict[str, tuple[float, float]], config: SafetyConfig, stalls: Stalls
    ) -> None:
        self._arm = arm
        self._config = config
        self._joints = tuple(ranges)
        lower, upper = (np.array(ends) for ends in zip(*ranges.values(), strict=True))
        # A gripper's place and its command differ in scale, so any place will do.
        grips, slack = gripper_mask(self._joints), config.outside_rad
        self._least = np.where(grips, -np.inf, lower - slack)
        self._most = np.where(grips, np.inf, upper + slack)
        self._near_rad = np.where(grips, np.inf, config.tracking_rad)
        self._lagging_ns = np.zeros(len(ranges), np.int64)  # since when, 0 while it follows
        self._silence = Silence(f"arm {arm}", stalls)
        self._motors = Silence(f"the motors of arm {arm}", stalls)
        self._answered_ns = 0  # when all motors were last heard of
        self._low_ns = 0  # since when the voltage is low, 0 while it is not
        self._heat = np.zeros(len(ranges), np.int64)
        self._refused: tuple[str, int] = ("", 0)  # why, and the first state that said so

    def look(self, state: JointState | None, heard_ns: int, now_ns: int) -> Findings:
        """Return what is wrong.

        Args:
            state: the newest, None before the first.
            heard_ns: when that was, or when silence began to count.
            now_ns: the time.
        """
        if state is None:
            text = f"arm {self._arm} has not been heard yet"
            return Findings((Cause(5, self._arm, text, phases=()),))
        if state.joints != self._joints:
            text = f"arm {self._arm} speaks of {state.joints}, expected {self._joints}"
            return Findings((Cause(16, self._arm, text),))
        silent_s = self._config.arm_silent_s
        silence = self._silence.look(heard_ns, silent_s, now_ns)
        if silence.is_fault:
            text = f"arm {self._arm} is silent for more than {silent_s * 1e3:.0f} ms"
            return Findings((Cause(5, self._arm, text),))
        motors = self._silent_motors(state, now_ns)
        warm, speed, too_hot = self._temperature(state.temperature)
        low, brown_out = self._voltage(state.voltage, now_ns)
        causes = (
            *self._unfit(state),
            *brown_out,
            *self._lag(state, now_ns),
            *self._outside(state),
            *self._refusal(state),
            *too_hot,
        )
        said = tuple(f"arm {self._arm}: {warning}" for warning in state.warnings)
        own = Findings(causes, (*said, *warm, *low), speed)
        return joined([motors, own, silence.passing])

    def _unfit(self, state: JointState) -> list[Cause]:
        """Rows 9, 10, 12 and 13, of which the driver knows more than anyone."""
        return [self._said(error) for error in state.errors if error not in state.unheard]

    def _silent_motors(self, state: JointState, now_ns: int) -> Findings:
        """Rows 8 and 27: motors that do not answer, by their driver's word or by their age."""
        missed = [*map(self._said, state.unheard), *self._missed(state)]
        if not missed or not self._answered_ns:
            self._answered_ns = now_ns - bool(missed)
        silence = self._motors.look(self._answered_ns, 0.0, now_ns)
        if not silence.is_fault:
            return silence.passing
        text = f"motors of arm {self._arm} did not answer for a while: look at its cables and 12 V"
        return Findings(tuple(missed) or (Cause(8, self._arm, text),))

    def _said(self, error: str) -> Cause:
        # Numbers in the text may change while the fault is the same.
        subject = f"{self._arm} {re.sub('[0-9.]+', '', error)}"
        return Cause(10, subject, f"arm {self._arm}: {error}")

    def _missed(self, state: JointState) -> list[Cause]:
        most_s = self._config.sample_age_s
        return [
            Cause(8, name, f"{name} has not answered for more than {most_s * 1e3:.0f} ms")
            for name in self._named(state.age_s - state.late_s > most_s)
        ]

    def _temperature(self, degrees: Array) -> tuple[tuple[str, ...], float, list[Cause]]:
        config = self._config
        if not (self._heat.any() or (degrees >= config.temperature_warn).any()):
            return (), 1.0, []
        edges = (config.temperature_warn, config.temperature_slow, config.temperature_rest)
        level = np.sum([degrees >= edge for edge in edges], axis=0)
        cool = degrees < config.temperature_cool
        self._heat = np.where(cool, 0, np.maximum(self._heat, level))
        if not self._heat.any():
            return (), 1.0, []
        warm = tuple(
            f"{name} is at {degrees[self._joints.index(name)]:.0f} degrees: let it rest"
            for name in self._named(self._heat > 0)
        )
        hot = bool((self._heat > 1).any())
        too_hot = [
            Cause(
                11,
                name,
                f"{name} reached {config.temperature_rest:g} degrees: let it cool below "
                f"{config.temperature_cool:g}",
                stop="rest_then_off",
            )
            for name in self._named(self._heat >= _LEVELS)
        ]
        return warm, config.hot_speed if hot else 1.0, too_hot

    def _voltage(self, volts: Array, now_ns: int) -> tuple[tuple[str, ...], list[Cause]]:
        config = self._config
        if not (volts < config.voltage_warn).any():
            self._low_ns = 0
            return (), []
        least = float(np.nanmin(volts))
        low = (f"arm {self._arm} has {least:.1f} V, expected 12: look at its power supply",)
        if least >= config.voltage_hold:
            self._low_ns = 0
            return low, []
        self._low_ns = self._low_ns or now_ns
        if now_ns - self._low_ns < config.voltage_s * 1e9:
            return low, []
        text = f"arm {self._arm} has less than {config.voltage_hold:g} V: look at its power supply"
        return low, [Cause(12, self._arm, text)]

    def _lag(self, state: JointState, now_ns: int) -> list[Cause]:
        config = self._config
        far = ~(np.abs(state.written - state.position) <= self._near_rad)
        if state.torque == OFF or not far.any():  # nothing holds what was let go where it should be
            self._lagging_ns[:] = 0
            return []
        self._lagging_ns = np.where(far, np.where(self._lagging_ns, self._lagging_ns, now_ns), 0)
        late = far & (now_ns - self._lagging_ns >= config.tracking_s * 1e9)
        return [
            Cause(
                14,
                name,
                f"{name} is more than {config.tracking_rad:g} rad from where it is told to be: "
                "see what holds it",
            )
            for name in self._named(late)
        ]

    def _outside(self, state: JointState) -> list[Cause]:
        outside = ~((state.position >= self._least) & (state.position <= self._most))
        return [
            Cause(
                17,
                name,
                f"{name} is measured more than {self._config.outside_rad:g} rad outside of its "
                "range: bring it back by hand with the 12 V switch off",
            )
            for name in self._named(outside)
        ]

    def _refusal(self, state: JointState) -> list[Cause]:
        """Row 16; one of two states is read, so a refusal lasts from one read to the next."""
        if not state.holding.startswith(REFUSED):
            self._refused = ("", 0)
            return []
        if self._refused[0] != state.holding:
            self._refused = (state.holding, state.seq)
        if state.seq - self._refused[1] + 1 < self._config.refused_commands:
            return []
        text = f"arm {self._arm} refused {self._config.refused_commands} times: {state.holding}"
        return [Cause(16, self._arm, text)]

    def _named(self, which: NDArray[np.bool_]) -> list[str]:
        if not which.any():
            return []
        return [name for name, is_meant in zip(self._joints, which, strict=True) if is_meant]
