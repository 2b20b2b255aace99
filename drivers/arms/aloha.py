"""ALOHA's arms: ViperX-300 and WidowX-250, seven joints of Dynamixel servos on a serial bus.

Every cycle writes the goals of all joints and reads, of each motor, position, velocity, current,
voltage, temperature, errors and its own clock in one piece. A motor's shadow moves with it, and is
looked at ten times a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arm import Arm, ArmError, ArmLostError, ArmReading
from drivers.dynamixel.address import open_port
from drivers.dynamixel.attach import attached
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.health import MotorState
from drivers.dynamixel.hold import Grip
from drivers.dynamixel.joints import Joints
from drivers.dynamixel.lookout import Lookout
from drivers.dynamixel.motors import motor_states
from drivers.dynamixel.port import Port, PortError, PortLostError
from drivers.dynamixel.profile import MIDDLE_TICK, Profile
from drivers.dynamixel.question import Goals, Question
from drivers.dynamixel.sample import SAMPLE_ADDRESS, SAMPLE_BYTES, Sample
from drivers.dynamixel.serial_port import demand_short_latency
from messaging.messages import ON, MotorStates
from messaging.transport import Bus

Array = NDArray[np.float64]
Config = Profile

_SHADOWS_EVERY: Final = 10  # cycles
_SILENT_NS: Final = 30_000_000  # three cycles
_SHADOW_SILENT_NS: Final = _SHADOWS_EVERY * _SILENT_NS
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
        self._motion = Joints(profile)
        self._port: Port | None = None
        self._bus: ServoBus | None = None
        self._goals = Goals(self._ids)
        self._goal_ticks = [MIDDLE_TICK] * len(self._ids)
        self._asked_ns = 0
        self._goal = np.zeros(len(self._ids))
        self.motors: dict[int, MotorState] = {}
        self._question = _question(self._ids)
        self._shadow_question = _question(())
        self._lookout: Lookout
        self._cycles = 0
        self._held = False
        self._grip: Grip
        self.refused_steps = 0

    def attach(self) -> None:
        """Check the arm and make it hold where it is; a torqued arm is left as it is.

        An arm that comes back must hold still, or be limp where it was let go on purpose: its
        torque comes on once in a launch, when somebody is there to see it.

        Raises:
            ArmError: it cannot be driven; says what to do.
        """
        self.detach()
        try:
            self._port = open_port(self._profile.port, self._profile.baud)
            # Once it is open: to open it has set the timer, which takes no permission then.
            demand_short_latency(self._profile.port)
            self._bus = ServoBus(self._port)
            goals, limp = attached(
                *(self._bus, self._port, self._profile),
                take_hold=not self._held,
                let_go=self._grip.limp if self._held else (),
            )
        except (PortError, NoAnswerError, RefusedError) as error:
            self.detach()
            raise ArmError(str(error)) from error
        except ArmError:
            self.detach()
            raise
        self._held = True
        self._goal_ticks = [goals[joint] for joint in self._joints]
        self._goal = self._motion.commanded(self._goal_ticks)
        now_ns = time.monotonic_ns()
        self.motors = {
            servo: MotorState(
                joint, servo, _SILENT_NS if servo == motor.id else _SHADOW_SILENT_NS, now_ns
            )
            for joint, motor in self._profile.motors.items()
            for servo in motor.ids
        }
        self._question = _question(self._ids)
        self._shadow_question = _question(
            [servo for servo in self.motors if servo not in self._ids]
        )
        self._lookout = Lookout(self._profile, self.motors, self._bus, now_ns)
        self._grip = Grip(self._profile, self.motors, limp)
        self._cycles = 0

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
        asked = self._motion.ticks(goals_rad)
        ticks = self._permitted(asked)
        self._ask(self._question, self._goals.packet(ticks))
        self._goal_ticks = ticks
        self._goal = position.copy() if ticks == asked else self._motion.commanded(ticks)

    def read(self) -> ArmReading | None:
        """Return the newest of each joint, None before all have answered once.

        Raises:
            ArmLostError: the port is gone.
        """
        if self._attached().open is not self._question:  # else `write` has put it
            now_ns = time.monotonic_ns()
            pushing = self._grip.pushing(self._goal, now_ns - self._asked_ns, now_ns)
            self._ask(self._question, pushing)
        self._question = self._heard(self._question)
        now_ns = time.monotonic_ns()
        self._lookout.note_cycle(now_ns)
        if self._cycles % _SHADOWS_EVERY == 0:
            self._look_around()
            now_ns = time.monotonic_ns()
        self._cycles += 1
        return self._reading(now_ns)

    def off(self) -> None:
        """Take the torque off every motor, shadows too, and make sure that it is.

        Raises:
            ArmError: a motor may still hold; says what to do.
            ArmLostError: the port is gone.
        """
        self._cycles = 0  # the shadows are asked at once
        with _losing():
            self._grip.let_go(self._attached())

    def free(self) -> bool:
        """Make one step of leaving the arm to a hand; return whether that is done.

        Motors that know what they carry (the profile's `weight`) carry it, the others let go.

        Raises:
            ArmError: a motor does not do as told; says what to do.
            ArmLostError: the port is gone.
        """
        self._cycles = 0
        with _losing():
            return self._grip.free(self._attached(), self._goal)

    def hold(self) -> bool:
        """Make one step of taking hold where the arm stands; return whether all of it holds.

        Raises:
            ArmError: it cannot; says why and what to do.
            ArmLostError: the port is gone.
        """
        self._cycles = 0
        with _losing():
            return self._grip.hold(self._attached(), self._goal_ticks, time.monotonic_ns())

    def motor_states(self, now_ns: int) -> MotorStates | None:
        """Return each motor's state, None before the arm is attached."""
        return motor_states(self._name, self._profile, self.motors, now_ns) if self.motors else None

    def detach(self) -> None:
        """Let go of the port, never of the arm: torque stays as it is."""
        if self._port is not None:
            self._port.close()
        self._port = self._bus = None

    def _permitted(self, asked: list[int]) -> list[int]:
        """Return what is asked for, within the limits and no further away than a step may be."""
        if self._motion.are_permitted(asked, self._goal_ticks):
            return asked
        wanted = self._motion.within_limits(asked)
        ticks = self._motion.within_reach(wanted, self._goal_ticks)
        self.refused_steps += ticks != wanted
        return ticks

    def _attached(self) -> ServoBus:
        if self._bus is None:
            raise ArmError("the arm is not attached: call attach() first")
        return self._bus

    def _ask(self, question: Question, goals: bytes = b"") -> None:
        """Put a question, right behind `goals`: one trip to the port serves both."""
        self._asked_ns = time.monotonic_ns()
        try:
            self._attached().ask(question, goals)
        except PortLostError as error:
            raise ArmLostError(str(error)) from error

    def _heard(self, question: Question) -> Question:
        """Take the answers to a question; return what to ask next time.

        The first that does not answer is last in it, as those behind may have waited in vain.
        """
        try:
            answers = self._attached().answers(self.motors)
        except PortLostError as error:
            raise ArmLostError(str(error)) from error
        if len(answers) == len(question.servos):
            return question
        missing = next(servo for servo in question.servos if servo not in answers)
        return _question(sorted(question.servos, key=lambda servo: servo == missing))

    def _look_around(self) -> None:
        """Ask the shadows, then look at the arm as a whole."""
        if self._shadow_question.servos:
            self._ask(self._shadow_question)
            self._shadow_question = self._heard(self._shadow_question)
        self._lookout.look(self._goal_ticks, self.refused_steps, time.monotonic_ns())

    def _reading(self, now_ns: int) -> ArmReading | None:
        states = [self.motors[servo] for servo in self._ids]
        samples = [state.sample for state in states if state.sample is not None]
        if len(samples) < len(states):
            return None
        if self._grip.limp:
            self._follow_limp(samples)
        stamps = [state.t_sample_ns for state in states]
        rows = self._motion.measured(samples, [(now_ns - stamp) * 1e-9 for stamp in stamps])
        well = True
        for state in self.motors.values():  # a call for each would cost every cycle more
            if not state.sound or now_ns - state.t_sample_ns > state.silent_after_ns:
                well = False
        return ArmReading(
            t_sample_ns=min(stamps),
            position=rows[0],
            velocity=rows[1],
            goal=self._goal,
            age_s=rows[2],
            current=rows[3],
            temperature=rows[4],
            voltage=rows[5],
            errors=self._lookout.errors(now_ns) + (() if well else self._errors(now_ns)),
            warnings=self._lookout.warnings,
            torque=ON if well else self._grip.torque,
        )

    def _follow_limp(self, samples: list[Sample]) -> None:
        """Take as goals of limp joints where they are: there they will hold."""
        for place, joint in enumerate(self._joints):
            if joint in self._grip.limp:
                self._goal_ticks[place] = samples[place].position
        self._goal = self._motion.commanded(self._goal_ticks)

    def _errors(self, now_ns: int) -> tuple[str, ...]:
        if all(self.motors[servo].is_silent(now_ns) for servo in self._ids):
            return (f"no motor at {self._profile.port} answers: {_WITHOUT_POWER}",)
        return tuple(text for state in self.motors.values() for text in state.errors(now_ns))


def _question(servos: Sequence[int]) -> Question:
    return Question(SAMPLE_ADDRESS, SAMPLE_BYTES, servos)


@contextmanager
def _losing() -> Iterator[None]:
    """Raise ArmLostError where the port is gone."""
    try:
        yield
    except PortLostError as error:
        raise ArmLostError(str(error)) from error


def make(config: Config, arm: str, joints: tuple[str, ...], bus: Bus) -> Arm:  # noqa: ARG001 # the seam's arguments
    """Return the arm, not yet attached."""
    return AlohaArm(config, arm)
