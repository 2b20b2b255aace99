"""Bad commands, through the real driver process: none of them reaches a servo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import pytest
from driven_arm import DrivenArm, driven_arm
from emulated_arm import Array

from drivers.guard import MISSHAPEN, MISSING, NOT_FINITE, TOO_FAR

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def running() -> Iterator[DrivenArm]:
    """Return a driver that all tests of this file share, as each leaves it following."""
    with driven_arm() as driven:
        yield driven


@pytest.fixture
def driven(running: DrivenArm) -> Iterator[DrivenArm]:
    """Return a driver that follows its commands; whatever happens, its goals are sound."""
    good = running.altered
    running.until_following()
    yield running
    running.altered = good
    running.until_following()
    running.arm.assert_sound_goals()


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        (lambda _: None, MISSING),
        (lambda position: np.full_like(position, np.nan), NOT_FINITE),
        (lambda position: np.where(np.arange(7) == 3, np.inf, position), NOT_FINITE),
        (lambda position: position[:5], MISSHAPEN),
    ],
    ids=["none", "not a number", "infinite", "too few"],
)
def test_bad_commands_make_the_arm_hold(
    driven: DrivenArm, altered: Callable[[Array], Array | None], why: str
) -> None:
    begin_ns = time.monotonic_ns()
    driven.altered = altered
    driven.until_holding(begin_ns, why)
    driven.until_noted(why)


def test_zeros_are_no_place_to_jump_to(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    driven.altered = np.zeros_like
    driven.during(0.3)
    assert any(state.holding for state in driven.since(begin_ns))
    driven.arm.assert_sound_goals()


def test_a_standing_arm_does_not_set_off_to_a_command_far_away(driven: DrivenArm) -> None:
    begin_ns = time.monotonic_ns()
    away_from_its_swing = np.array([-0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    driven.altered = lambda _: driven.home + away_from_its_swing
    driven.until_holding(begin_ns, TOO_FAR)
    driven.until_noted(TOO_FAR)


def test_commands_that_jump_to_and_fro_never_reach_the_servos(driven: DrivenArm) -> None:
    signs = cycle((-0.5, 0.5))
    begin_ns = time.monotonic_ns()
    driven.altered = lambda position: position + next(signs)
    driven.during(1.0)
    assert all(state.holding for state in driven.since(begin_ns)[5:])
    driven.arm.assert_sound_goals()
