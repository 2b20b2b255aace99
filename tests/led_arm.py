"""A leader arm that is driven period by period; a fixture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from teleop_robot import CONFIG

from drivers.arm import ArmError, ArmReading
from drivers.guard import GuardedCommand
from drivers.leader import Cut, Leader
from messaging.messages import MIXED, OFF, ON, LeaderCommand, MotorStates, Permit
from motion.limits import JointLimits
from teleop.device import Array

TICK_NS = 10_000_000
JOINTS = tuple(f"left_{joint}" for joint in CONFIG.leaders["left"].joints)
LOWER, UPPER = (
    np.array(ends) for ends in zip(*CONFIG.leaders["left"].joints.values(), strict=True)
)
LIMITS = JointLimits.build(JOINTS, LOWER, UPPER, CONFIG.limits)
HOME = np.array(CONFIG.leaders["left"].home)


@dataclass
class FakeArm:
    """Seven joints without mass, which take two cycles to take hold.

    Attributes:
        fails: what goes wrong with its torque.
        freeing: in how many steps it is left to a hand.
        asked: what was asked of its torque.
    """

    position: Array = field(default_factory=lambda: HOME.copy())
    goal: Array = field(default_factory=lambda: HOME.copy())
    torque: str = ON
    fails: ArmError | None = None
    freeing: int = 1
    asked: list[str] = field(default_factory=list)
    written: list[Array] = field(default_factory=list)
    _holding: int = 0

    def attach(self) -> None: ...

    def detach(self) -> None: ...

    def read(self) -> ArmReading:
        if self.torque == ON:
            self.position = self.goal.copy()
        else:
            self.goal = self.position.copy()
        return ArmReading(0, self.position, np.zeros(7), self.goal, torque=self.torque)

    def write(self, position: Array) -> None:
        assert self.torque == ON, "an arm that is let go is told nothing"
        self.written.append(position)
        self.goal = position.copy()

    def off(self) -> None:
        self.asked.append("off")
        if self.fails:
            raise self.fails
        self.torque, self._holding = OFF, 0

    def free(self) -> bool:
        self.asked.append("free")
        if self.fails:
            raise self.fails
        self.freeing -= 1
        self.torque, self._holding = OFF, 0
        return self.freeing <= 0

    def hold(self) -> bool:
        self.asked.append("hold")
        if self.fails:
            raise self.fails
        self._holding += 1
        self.torque = ON if self._holding == 2 else MIXED
        return self.torque == ON

    def motor_states(self, now_ns: int) -> MotorStates | None:
        del now_ns
        return None


class Driven:
    """A leader in time, with leave to move."""

    def __init__(self) -> None:
        self.arm = FakeArm()
        self.leader = Leader(self.arm, LIMITS, TICK_NS, Cut())
        self.now_ns = 1_000_000_000
        self.permit: Permit | None = Permit(1, 1, 0, "all", 1.0)
        self.command: LeaderCommand | None = None
        self.errors: tuple[str, ...] = ()
        self.pieces: list[Array] = []

    def tick(self, target: Array | None = None, *, free: bool = False) -> GuardedCommand:
        """Live one period in which the leader is told where to be, or nothing new."""
        self.now_ns += TICK_NS
        if target is not None:
            self.command = LeaderCommand("left", 1, self.now_ns, JOINTS, target, free)
        permit = self.permit and replace(self.permit, t_ns=self.now_ns)
        reading = replace(self.arm.read(), errors=self.errors)
        return self.leader.cycle(self.command, permit, reading, self.now_ns)

    def ticks(self, count: int, target: Array | None = None, *, free: bool = False) -> list[str]:
        return [self.tick(target, free=free).holding for _ in range(count)]

    def free(self) -> None:
        self.tick(HOME, free=True)
        assert self.arm.torque == OFF

    def begin_piece(self) -> None:
        """Begin a new piece of the way: what a hand does in between is no motion of the goals."""
        if self.arm.written:
            self.pieces.append(self.path)
            self.arm.written.clear()

    @property
    def path(self) -> Array:
        return np.array(self.arm.written)


@pytest.fixture
def driven() -> Driven:
    return Driven()


def assert_gentle(path: Array) -> None:
    for order, most in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        rate = np.abs(np.diff(path, order, axis=0)) / 0.01**order
        assert (rate <= most * 1.26 + 1e-6).all(), (order, rate.max(axis=0))
