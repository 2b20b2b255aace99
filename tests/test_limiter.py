"""The last line of limits: never broken, exact where nothing is wrong, straight where it acts."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion.limiter import Limiter
from motion.limits import JointLimits, LimitsConfig

Array = NDArray[np.float64]
JOINTS = ("left_waist", "left_elbow", "left_gripper", "right_waist")
LIMITS = JointLimits.build(JOINTS, [-1, -2, 0, -1.5], [1, 2, 1, 1.5], LimitsConfig())
DT = 0.01
CAPS = ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk))


def followed(targets: Iterable[Array], start: Array, dt: float = DT) -> Array:
    """Return the commands for `targets`, after three at `start`."""
    limiter = Limiter(LIMITS, dt, start)
    return np.array([start, start, start, *(limiter.follow(target)[0] for target in targets)])


def assert_kept(commands: Array, dt: float = DT) -> None:
    for order, cap in CAPS:
        rate = np.abs(np.diff(commands, order, axis=0)) / dt**order
        assert (rate <= cap * (1 + 1e-6) + 1e-6).all(), (order, rate.max(axis=0))
    assert (commands >= LIMITS.lower - 1e-7).all()
    assert (commands <= LIMITS.upper + 1e-7).all()


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 1.0, 5.0]),
    st.sampled_from([0.005, 0.01, 0.02]),
)
def test_random_targets_never_break_a_limit(seed: int, size: float, dt: float) -> None:
    random = np.random.default_rng(seed)
    assert_kept(followed(random.normal(0.0, size, (60, 4)), np.array([0.0, 0.0, 0.5, 0.0]), dt), dt)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([-9.0, -1.0, 0.0, 1.0, 9.0]), st.integers(1, 30)), max_size=5
    )
)
def test_targets_that_jump_and_stay_never_break_a_limit(jumps: list[tuple[float, int]]) -> None:
    targets = [np.full(4, height) for height, count in jumps for _ in range(count)]
    assert_kept(followed(targets, np.array([0.9, 0.0, 0.5, -1.4])))


def test_a_smooth_motion_passes_exactly() -> None:
    time = np.arange(1000)[:, None] * DT
    targets = np.array([0.0, 0.0, 0.5, 0.0]) + 0.3 * (1 - np.cos(2.0 * time)) * np.array(
        [1, -1, 0.5, 1]
    )
    limiter = Limiter(LIMITS, DT, targets[0])
    for target in targets:
        command, acted = limiter.follow(target)
        assert command.tolist() == target.tolist()
        assert acted == ()


def test_an_arm_keeps_its_direction_when_it_is_held_back() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, 0.0, 0.5, 0.0]))
    base = limiter.brake()
    command, _ = limiter.follow(np.array([0.5, -0.25, 0.5, 0.0]))
    assert command[0] - base[0] > 0.0
    assert (command[1] - base[1]) / (command[0] - base[0]) == pytest.approx(-0.5)


def test_one_arm_is_not_held_back_for_the_other() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, 0.0, 0.5, 0.0]))
    command, _ = limiter.follow(np.array([0.5, 0.0, 0.5, 1e-4]))
    assert command[3] == pytest.approx(1e-4)


def test_the_bound_that_acted_is_named() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, 0.0, 0.5, 0.0]))
    _, acted = limiter.follow(np.array([0.0, 0.5, 0.5, 0.0]))
    assert [str(one) for one in acted] == ["limit.left_elbow.jerk"]


def test_the_end_of_the_range_is_named() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, 0.0, 0.5, 0.0]))
    causes = set()
    for _ in range(200):
        _, acted = limiter.follow(np.array([5.0, 0.0, 0.5, 0.0]))
        causes |= {str(one) for one in acted}
    assert "limit.left_waist.position" in causes
    assert limiter.position[0] == pytest.approx(1.0, abs=1e-3)


def test_velocity_is_named() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, -2.0, 0.5, 0.0]))
    causes = set()
    for _ in range(100):
        _, acted = limiter.follow(np.array([0.0, 50.0, 0.5, 0.0]))
        causes |= {str(one) for one in acted}
    assert "limit.left_elbow.velocity" in causes


def test_outside_of_the_range_only_the_way_back_is_open() -> None:
    start = np.array([1.2, 0.0, 0.5, 0.0])
    limiter = Limiter(LIMITS, DT, start)
    outward, _ = limiter.follow(np.array([1.3, 0.0, 0.5, 0.0]))
    assert outward[0] == pytest.approx(1.2, abs=1e-8)
    for _ in range(100):
        limiter.follow(np.array([0.9, 0.0, 0.5, 0.0]))
    assert limiter.position[0] < 1.0


def test_braking_stands_still_in_the_end() -> None:
    limiter = Limiter(LIMITS, DT, np.array([0.0, 0.0, 0.5, 0.0]))
    for _ in range(30):
        limiter.follow(np.array([3.0, 3.0, 1.0, -3.0]))
    assert not limiter.standing
    for _ in range(60):
        limiter.go(limiter.brake())
    assert limiter.standing
