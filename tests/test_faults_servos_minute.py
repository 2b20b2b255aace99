"""A minute of damaged bytes, through the real driver process: it waits more than it works."""

import time

import pytest
from driven_arm import driven_arm

from simulation.servos.faults import ALWAYS

pytestmark = pytest.mark.realtime


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_corrupt_bytes_never_become_a_position_or_a_goal(seconds: int) -> None:
    with driven_arm() as driven:
        driven.until_following()
        begin_ns = time.monotonic_ns()
        driven.arm.faults.spoil("corrupt", count=ALWAYS, share=0.01)
        driven.during(seconds)
        driven.until_told("does not answer", begin_ns)
        driven.arm.faults.clear()
        driven.until_following()
        driven.assert_true(begin_ns)
        driven.arm.assert_sound_goals()
