"""An arm of emulated servos that holds, and a cycle of it; a fixture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated_arm import Array, EmulatedArm, emulated_arm, until

from drivers.arm import ArmReading
from drivers.arms.aloha import AlohaArm

START = {"waist": 0.4, "shoulder": -0.9, "elbow": 1.1, "wrist_angle": -0.3, "gripper": 0.5}
CYCLE_S = 0.01
CYCLE_NS = 10_000_000
FRESH_S = 0.009
ELBOW, WRIST_ROTATE = 2, 5


class Held:
    """An arm that is attached, with its emulated servos."""

    def __init__(self, emulated: EmulatedArm) -> None:
        self.emulated = emulated
        self.driver = AlohaArm(emulated.profile)
        self.driver.attach()
        self._next_s = time.monotonic()
        until(self.driver.read, "a first sample")

    def cycle(self, goal: Array | None = None) -> ArmReading:
        """Write and read once, on time."""
        self._next_s = max(self._next_s + CYCLE_S, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        if goal is not None:
            self.driver.write(goal)
        reading = self.driver.read()
        assert reading is not None
        return reading

    def cycles(self, count: int, goal: Array | None = None) -> list[ArmReading]:
        return [self.cycle(goal) for _ in range(count)]

    def until_told(self, text: str) -> int:
        """Read until an error or a warning says so; returns in which cycle it did."""
        for count in range(300):
            reading = self.cycle()
            if text in " ".join((*reading.errors, *reading.warnings)):
                return count + 1
        raise AssertionError(f"nobody said {text!r}, but {reading.errors}, {reading.warnings}")

    def steady(self, count: int = 3) -> ArmReading:
        """Read until all is well for some cycles."""
        good = 0
        for _ in range(300):
            reading = self.cycle()
            good = good + 1 if not reading.errors and reading.age_s.max() < FRESH_S else 0
            if good == count:
                return reading
        raise AssertionError(f"it never became well: {reading}")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """Return an attached arm that stands at START."""
    with emulated_arm(tmp_path, START) as emulated:
        arm = Held(emulated)
        yield arm
        arm.driver.detach()
        emulated.assert_sound_goals()
