"""A calibrated zero is added to what is read and taken off what is written."""

from pathlib import Path

import pytest
from emulated_arm import emulated_arm, until

from drivers.arms.aloha import AlohaArm

ZERO_RAD = 0.05


def test_a_zero_moves_what_is_read_and_what_is_written_alike(tmp_path: Path) -> None:
    with emulated_arm(tmp_path, {"elbow": 0.5}) as emulated:
        zero = {"zero_rad": {"elbow": ZERO_RAD}}
        arm = AlohaArm(emulated.profile.model_copy(update=zero))
        arm.attach()
        until(arm.read, "a sample")
        reading = arm.read()
        assert reading is not None
        before = emulated.goals()
        assert reading.position[2] == pytest.approx(0.5 + ZERO_RAD, abs=2e-3)
        assert reading.goal[2] == pytest.approx(0.5 + ZERO_RAD, abs=2e-3)
        arm.write(reading.goal)
        arm.read()
        assert emulated.goals() == before
        arm.detach()
