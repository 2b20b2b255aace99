"""A cut that the loss of the port interrupts, through the driver's own loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.arm import ArmLostError, ArmReading
from drivers.main import Config, Driver
from messaging.messages import CUT, MotorStates, Permit
from messaging.topics import PERMIT
from messaging.transport import Bus
from runtime.process import Context
from station.config import load, robot_file

ROBOT = load(robot_file("aloha"), [])
LEFT = ROBOT.arms["left"]
CONFIG = Config(
    arm="left",
    plugin="aloha",
    ranges={f"left_{joint}": ends for joint, ends in LEFT.joints.items()},
    limits=ROBOT.limits,
    rate_hz=100,
    rest=LEFT.rest,
)


class LosingArm:
    """An arm that holds, whose port is lost the first time that its torque is to go off."""

    def __init__(self, bus: Bus, context: Context) -> None:
        self.orders = 0
        self._permits = bus.publisher(PERMIT)
        self._context = context

    def attach(self) -> None: ...

    def read(self) -> ArmReading:
        now_ns = time.monotonic_ns()
        self._permits.send(Permit(1, 1, now_ns, "none", 1.0, CUT))
        home = np.array(LEFT.home)
        return ArmReading(now_ns, home, np.zeros(7), home)

    def write(self, position: np.ndarray) -> None: ...

    def off(self) -> None:
        self.orders += 1
        self._context.stopping = self.orders == 2
        if self.orders == 1:
            raise ArmLostError("the port is gone")

    def free(self) -> bool:
        raise AssertionError("a follower is never left to a hand")

    def hold(self) -> bool:
        raise AssertionError("no leave was given")

    def motor_states(self, now_ns: int) -> MotorStates | None: ...

    def detach(self) -> None: ...


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


def test_it_is_obeyed_once_the_arm_is_back(bus: Bus) -> None:
    context = Context("arm.left", bus)
    arm = LosingArm(bus, context)
    driver = Driver(CONFIG, arm, context)
    with pytest.raises(ArmLostError):
        driver.drive()
    driver.drive()
    driver.lie()
    assert arm.orders == 2
