"""ALOHA's arms: ViperX-300 and WidowX-250, seven joints of Dynamixel servos on a serial bus.

Every cycle writes the goals of all joints and reads, of each motor, position, velocity, current,
voltage, temperature, errors and its own clock in one piece. A motor's shadow moves with it, and is
looked at ten times a second.
"""

from __future__ import annotations

import math
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.dynamixel.attach import attached
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.checks import company
from drivers.dynamixel.health import MotorState, Pair
from drivers.dynamixel.hold import hold_again, let_go
from drivers.dynamixel.motors import motor_states
from drivers.dynamixel.port import PortError, PortLostError, SerialPort, demand_short_latency
from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK, Profile
from drivers.dynamixel.registers import (
    CURRENT_A,
    GOAL_POSITION,
    MODELS,
    VELOCITY_RAD_S,
    VOLTAGE_V,
)
from drivers.dynamixel.sample import SAMPLE_ADDRESS, SAMPLE_BYTES, Sample
from drivers.gripper import action_of, commanded_rad, finger_per_crank, observed
from messaging.messages import MIXED, OFF, ON, MotorStates
from messaging.transport import Bus

Array = NDArray[np.float64]
Config = Profile

_SHADOWS_EVERY: Final = 10  # cycles
_LAG_RAD: Final = 0.35  # three times what a joint at full speed is behind
_SILENT_NS: Final = 30_000_000  # three cycles
_SHADOW_SILENT_NS: Final = _SHADOWS_EVERY * _SILENT_NS
_TOO_FAST: Final = (
    "goals move by more than `step_cap_rad` at a time, so the arm lags behind them: lower "
    "`limits.velocity`, or raise the cap or the controller's rate"
)
_WITHOUT_POWER: Final = (
    "is its 12 V on? Without it the arm is limp; support it before the power returns, then launch "
    "again"
)


class AlohaArm:
    """One arm; its last joint is the gripper.

    Attributes:
        motors: what each motor said last, shadows too, by id.
        refused_steps: how often a goal was further away than a step may be.
    """

    def __init__(self, profile: Profile, name: str = "") -> None:
        """The arm `name` with this profile, not yet attached."""
        self._profile = profile
        self._name = name
        self._joints = tuple(profile.motors)
        self._ids = tuple(motor.id for motor in profile.motors.values())
        motors = profile.motors.values()
        self._ends = [motor.ticks for motor in motors]
        self._zeros = [profile.zero_rad.get(joint, 0.0) for joint in self._joints]
        # What a motor without a current sensor says there is a load: in no way an amount of A.
        self._current_a = [
            CURRENT_A if MODELS[motor.model].has_current else math.nan for motor in motors
        ]
        self._caps = [int(motor.step_cap_rad / RAD_PER_TICK) for motor in motors]
        self._port: SerialPort | None = None
        self._bus: ServoBus | None = None
        self._goal_ticks = [MIDDLE_TICK] * len(self._ids)
        self._goal = np.zeros(len(self._ids))
        self.motors: dict[int, MotorState] = {}
        self._pairs: list[Pair] = []
        self._order = list(self._ids)
        self._shadow_order: list[int] = []
        self._warnings: tuple[str, ...] = ()
        self._lagged: frozenset[str] = frozenset()  # at the look before
        self._strangers = 0
        self._cycles = 0
        self._held = False
        self._limp: list[str] = []  # joints whose torque is off on purpose
        self.refused_steps = self._refused_before = 0

    def attach(self) -> None:
        """Check the arm and make it hold where it is; a torqued arm is left as it is.

        An arm that comes back must hold still: its torque comes on once in a launch, when somebody
        is there to see it.

        Raises:
            ArmError: it cannot be driven; says what to do.
        """
        self.detach()
        try:
            self._port = SerialPort.open(self._profile.port, self._profile.baud)
            # Once it is open: to open it has set the timer, which takes no permission then.
            demand_short_latency(self._profile.port)
            self._bus = ServoBus(self._port)
            goals = attached(self._bus, self._port, self._profile, take_hold=not self._held)
        except (PortError, NoAnswerError, RefusedError) as error:
            self.detach()
            raise ArmError(str(error)) from error
        except ArmError:
            self.detach()
            raise
        self._held = True
        self._goal_ticks = [goals[joint] for joint in self._joints]
        self._goal = self._commanded(self._goal_ticks)
        now_ns = time.monotonic_ns()
        self.motors = {
            servo: MotorState(
                joint, servo, _SILENT_NS if servo == motor.id else _SHADOW_SILENT_NS, now_ns
            )
            for joint, motor in self._profile.motors.items()
            for servo in motor.ids
        }
        self._pairs = [
            Pair(joint, self.motors[motor.id], self.motors[motor.shadow])
            for joint, motor in self._profile.motors.items()
            if motor.shadow is not None
        ]
        self._order = list(self._ids)
        self._shadow_order = [pair.shadow.servo for pair in self._pairs]
        self._strangers = self._bus.strangers
        self._cycles = 0
        self._limp = []

    def write(self, position: Array) -> None:
        """Send goals (J,): angles in rad, the gripper's crank 0 closed to 1 open.

        Whatever is asked for, no goal leaves its motor's limits or moves by more than its cap.

        Raises:
            ArmError: a goal is not finite, or there are not as many as joints.
            ArmLostError: the port is gone.
        """
        goals_rad = position.tolist()
        if position.shape != self._goal.shape or not all(map(math.isfinite, goals_rad)):
            raise ArmError(f"want {len(self._ids)} finite goals, got {position!r}")
        asked = self._asked_ticks(goals_rad)
        wanted = [min(max(t, low), high) for t, (low, high) in zip(asked, self._ends, strict=True)]
        ticks = [
            min(max(tick, last - cap), last + cap)
            for tick, last, cap in zip(wanted, self._goal_ticks, self._caps, strict=True)
        ]
        self.refused_steps += ticks != wanted
        goals = {
            servo: GOAL_POSITION.packed(tick) for servo, tick in zip(self._ids, ticks, strict=True)
        }
        try:
            self._attached().sync_write(GOAL_POSITION.address, goals)
        except PortLostError as error:
            raise ArmLostError(str(error)) from error
        self._goal_ticks = ticks
        self._goal = position.copy() if ticks == asked else self._commanded(ticks)

    def read(self) -> ArmReading | None:
        """Return the newest of each joint, None before all have answered once.

        Raises:
            ArmLostError: the port is gone.
        """
        self._ask(self._order)
        if self._cycles % _SHADOWS_EVERY == 0:
            self._look_around()
        self._cycles += 1
        return self._reading(time.monotonic_ns())

    def off(self) -> None:
        """Take the torque off every motor, shadows too, and make sure that it is.

        Raises:
            ArmError: a motor may still hold; says what to do.
            ArmLostError: the port is gone.
        """
        self._limp = list(self._joints)
        for state in self.motors.values():
            state.let_go = True
        try:
            let_go(self._attached(), self._profile)
        except PortLostError as error:
            raise ArmLostError(str(error)) from error
        self._cycles = 0  # the shadows are asked at once

    def hold(self) -> bool:
        """Take one more joint's torque on where it stands; return whether all hold.

        Raises:
            ArmError: it cannot; says why and what to do.
            ArmLostError: the port is gone.
        """
        if self._limp:
            joint = self._limp[0]
            try:
                goal = hold_again(self._attached(), self._profile, joint)
            except PortLostError as error:
                raise ArmLostError(str(error)) from error
            self._goal_ticks[self._joints.index(joint)] = goal
            self._goal = self._commanded(self._goal_ticks)
            self._limp.remove(joint)
            self._cycles = 0
        return not self._limp

    def motor_states(self, now_ns: int) -> MotorStates | None:
        """Return each motor's state, None before the arm is attached."""
        return motor_states(self._name, self._profile, self.motors, now_ns) if self.motors else None

    def detach(self) -> None:
        """Let go of the port, never of the arm: torque stays as it is."""
        if self._port is not None:
            self._port.close()
        self._port = self._bus = None

    def _asked_ticks(self, position: list[float]) -> list[int]:
        # Seven numbers: plain Python takes a fraction of the time of arrays.
        crank = commanded_rad(self._profile.gripper, position[-1])
        return [
            round((angle - zero) / RAD_PER_TICK) + MIDDLE_TICK
            for angle, zero in zip((*position[:-1], crank), self._zeros, strict=True)
        ]

    def _attached(self) -> ServoBus:
        if self._bus is None:
            raise ArmError("the arm is not attached: call attach() first")
        return self._bus

    def _ask(self, servos: list[int]) -> None:
        """Ask `servos`, and put the first that does not answer last for the next time.

        Without its answer those behind it may have waited in vain.
        """
        asked_ns = time.monotonic_ns()

        def is_fresh(servo: int, data: bytes) -> bool:
            return self.motors[servo].is_fresh(data, time.monotonic_ns(), asked_ns)

        try:
            answers = self._attached().sync_read(SAMPLE_ADDRESS, SAMPLE_BYTES, servos, is_fresh)
        except PortLostError as error:
            raise ArmLostError(str(error)) from error
        for servo, answer in answers.items():
            self.motors[servo].heed(answer.error)
        missing = next((servo for servo in servos if servo not in answers), None)
        if missing is not None:
            servos.sort(key=lambda servo: servo == missing)

    def _look_around(self) -> None:
        """Ask the shadows; note what somebody should look after."""
        bus = self._attached()
        if self._pairs:
            self._ask(self._shadow_order)
        now_ns = time.monotonic_ns()
        warnings = [text for pair in self._pairs for text in pair.warnings(now_ns)]
        warnings += self._lagging()
        if bus.strangers > self._strangers:
            warnings.append(company(bus.port))
        if self.refused_steps > self._refused_before:
            warnings.append(_TOO_FAST)
        self._strangers, self._refused_before = bus.strangers, self.refused_steps
        self._warnings = tuple(warnings)

    def _lagging(self) -> list[str]:
        """Return which joints stay behind their goals; a gripper that holds something does."""
        lagging = {}
        for joint, servo, goal in zip(self._joints, self._ids, self._goal_ticks, strict=True):
            taken = self.motors[servo].sample
            behind_rad = abs(goal - taken.position) * RAD_PER_TICK if taken else 0.0
            if behind_rad > _LAG_RAD and joint != self._joints[-1]:
                lagging[joint] = behind_rad
        lasting = {joint: rad for joint, rad in lagging.items() if joint in self._lagged}
        self._lagged = frozenset(lagging)
        return [
            f"{joint} is {rad:.2f} rad behind its goal: look what holds it"
            for joint, rad in lasting.items()
        ]

    def _reading(self, now_ns: int) -> ArmReading | None:
        states = [self.motors[servo] for servo in self._ids]
        samples = [state.sample for state in states if state.sample is not None]
        if len(samples) < len(states):
            return None
        if self._limp:
            self._follow_limp(samples)
        gripper = self._profile.gripper
        position = [
            (taken.position - MIDDLE_TICK) * RAD_PER_TICK + zero
            for taken, zero in zip(samples, self._zeros, strict=True)
        ]
        velocity = [taken.velocity * VELOCITY_RAD_S for taken in samples]
        crank = position[-1]
        position[-1] = observed(gripper, crank)
        velocity[-1] *= finger_per_crank(gripper, crank) / (gripper.open_m - gripper.closed_m)
        stamps = [state.t_sample_ns for state in states]
        rows = np.array(
            (
                position,
                velocity,
                [(now_ns - stamp) * 1e-9 for stamp in stamps],
                [s.current * unit for s, unit in zip(samples, self._current_a, strict=True)],
                [taken.temperature for taken in samples],
                [taken.voltage * VOLTAGE_V for taken in samples],
            )
        )
        return ArmReading(
            t_sample_ns=min(stamps),
            position=rows[0],
            velocity=rows[1],
            goal=self._goal,
            age_s=rows[2],
            current=rows[3],
            temperature=rows[4],
            voltage=rows[5],
            errors=self._errors(now_ns),
            warnings=self._warnings,
            torque=self._torque(),
        )

    def _follow_limp(self, samples: list[Sample]) -> None:
        """Take as goals of limp joints where they are: there they will hold."""
        for place, joint in enumerate(self._joints):
            if joint in self._limp:
                self._goal_ticks[place] = samples[place].position
        self._goal = self._commanded(self._goal_ticks)

    def _torque(self) -> str:
        holding = [state.has_torque() for state in self.motors.values()]
        return ON if all(holding) else MIXED if any(holding) else OFF

    def _errors(self, now_ns: int) -> tuple[str, ...]:
        if all(self.motors[servo].is_silent(now_ns) for servo in self._ids):
            return (f"no motor at {self._profile.port} answers: {_WITHOUT_POWER}",)
        return tuple(text for state in self.motors.values() for text in state.errors(now_ns))

    def _commanded(self, ticks: list[int]) -> Array:
        """Return goals in ticks as `write` takes them."""
        angles = [
            (tick - MIDDLE_TICK) * RAD_PER_TICK + zero
            for tick, zero in zip(ticks, self._zeros, strict=True)
        ]
        angles[-1] = action_of(self._profile.gripper, angles[-1])
        return np.array(angles)


def make(config: Config, arm: str, joints: tuple[str, ...], bus: Bus) -> Arm:  # noqa: ARG001 # the seam's arguments
    """Return the arm, not yet attached."""
    return AlohaArm(config, arm)
