"""What a sample still says about where the arm is, some time after it was taken."""

from __future__ import annotations

import numpy as np

from drivers.arm import ArmReading

MS = 1_000_000
HERE = np.array([0.1, 0.2])


def test_joints_that_were_not_heard_of_lately_are_nowhere() -> None:
    reading = ArmReading(0, HERE, HERE, HERE, age_s=np.array([0.008, 0.041]))
    assert reading.place(0, 9 * MS).tolist() == [0.1, 0.2]
    np.testing.assert_equal(reading.place(0, 10 * MS), [0.1, np.nan])


def test_without_ages_all_joints_are_as_old_as_the_sample() -> None:
    reading = ArmReading(100 * MS, HERE, HERE, HERE)
    assert reading.place(120 * MS, 150 * MS).tolist() == [0.1, 0.2]
    assert np.isnan(reading.place(120 * MS, 151 * MS)).all()
