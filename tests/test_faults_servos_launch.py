"""What keeps a driver from starting is its last word, and the arm is as it was before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from driven_arm import DrivenArm, driven_arm
from emulated_arm import PORT, EmulatedArm

from drivers.dynamixel import registers as reg
from runtime.supervisor import Phase

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def driven() -> Iterator[DrivenArm]:
    """Return a driver that has not been started yet, or that has ended."""
    with driven_arm() as running:
        running.supervisor.children["arm.left"].phase = Phase.STOPPED
        yield running
        running.launch()


def unplug(arm: EmulatedArm) -> None:
    arm.ports.unplug(PORT)


def power_off(arm: EmulatedArm) -> None:
    arm.faults.powered = False


def break_chain(arm: EmulatedArm) -> None:
    arm.faults.break_chain(8)


def silence(arm: EmulatedArm) -> None:
    arm.faults.silence(3)


def chatter(arm: EmulatedArm) -> None:
    arm.faults.chatter_hz = 100.0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (unplug, ["no port", "while that runs and it is plugged in"]),
        (power_off, ["no motor answers at 1000000 baud", "switch the 12 V on"]),
        (break_chain, ["no answer from wrist_rotate (id 8); the others answer", "check the cable"]),
        (silence, ["no answer from shoulder (id 3)"]),
        (chatter, ["another program talks to the servos of this bus", "end it"]),
    ],
)
def test_a_driver_that_cannot_start_says_why_and_what_to_do(
    driven: DrivenArm, fault: Callable[[EmulatedArm], None], words: list[str]
) -> None:
    torque = driven.arm.torque()
    fault(driven.arm)
    since_ns = driven.start_again()
    dead = driven.event(Phase.DEAD, since_ns)
    for word in words:
        assert word in dead.detail
    assert "ArmError" in dead.detail
    assert driven.arm.torque() == torque
    assert not driven.arm.line.of(reg.TORQUE_ENABLE, since_ns)
    driven.arm.faults.clear()
    driven.arm.ports.plug(PORT)
