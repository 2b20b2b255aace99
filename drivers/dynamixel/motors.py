"""Each motor of an arm by itself, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from drivers.dynamixel.checks import motors_of, named
from drivers.dynamixel.health import MotorState
from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK, Motor, Profile
from drivers.dynamixel.registers import CURRENT_A, MODELS, VOLTAGE_V
from messaging.messages import MotorStates


def motor_states(
    arm: str, profile: Profile, states: Mapping[int, MotorState], now_ns: int
) -> MotorStates:
    """Return what `arm`'s motors said last, by `states` of each id; nan where one said nothing."""
    motors = list(motors_of(profile))
    rows = np.array([_said(motor, states[servo]) for _, servo, motor in motors])
    limits = np.array([motor.range_rad for _, _, motor in motors])
    return MotorStates(
        arm=arm,
        t_ns=now_ns,
        names=tuple(named(joint, servo) for joint, servo, _ in motors),
        position=rows[:, 0],
        lower=limits[:, 0],
        upper=limits[:, 1],
        current=rows[:, 1],
        most_current=rows[:, 2],
        temperature=rows[:, 3],
        voltage=rows[:, 4],
        errors=tuple("; ".join(states[servo].errors(now_ns)) for _, servo, _ in motors),
    )


def _said(motor: Motor, state: MotorState) -> tuple[float, ...]:
    """Return a motor's position, current, greatest current, temperature and voltage."""
    taken, senses = state.sample, MODELS[motor.model].has_current
    most_a = motor.most_current_a if senses else math.nan
    if taken is None:
        return math.nan, math.nan, most_a, math.nan, math.nan
    return (
        (taken.position - MIDDLE_TICK) * RAD_PER_TICK,
        taken.current * CURRENT_A if senses else math.nan,
        most_a,
        float(taken.temperature),
        taken.voltage * VOLTAGE_V,
    )
