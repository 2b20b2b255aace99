"""What a person says: which commands count, and what is made of them as a signal."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controller.person import FARTHEST, MOST_AGE_NS, Person
from controller.takeover import LAG_S, smoothing
from messaging.messages import HumanCommand

JOINTS = ("left_waist", "left_elbow", "left_gripper")
NOW_NS = 5_000_000_000
GOOD = HumanCommand("leader", 1, NOW_NS, JOINTS, np.array([0.1, 0.2, 0.3]), True, False)
PERIOD_NS = 10_000_000


def told(*positions: float, joints: tuple[str, ...] = ("left_waist",)) -> Person:
    """Return a person who has said these places, a period apart, the last one at NOW_NS."""
    person = Person(JOINTS)
    for count, position in enumerate(positions, start=1 - len(positions)):
        t_ns = NOW_NS + count * PERIOD_NS
        pose = np.full(len(joints), position)
        assert person.hear(HumanCommand("a", 0, t_ns, joints, pose, True, False), t_ns) is None
    return person


def at(person: Person, *times_ns: int) -> list[float]:
    return [float(pose[0]) for pose in person.poses(np.array(times_ns))]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("joints", {"joints": ("left_waist", "left_waist", "left_elbow")}),
        ("joints", {"joints": ("left_waist", "left_knee", "left_elbow")}),
        ("shape", {"position": np.zeros(2)}),
        ("shape", {"position": np.zeros(0)}),
        ("not_finite", {"position": np.array([0.0, np.nan, 0.0])}),
        ("not_finite", {"position": np.array([0.0, 0.0, np.inf])}),
        ("beyond_limits", {"position": np.array([0.0, FARTHEST + 1.0, 0.0])}),
        ("future", {"t_ns": NOW_NS + 1}),
        ("stale", {"t_ns": NOW_NS - MOST_AGE_NS - 1}),
    ],
)
def test_a_bad_command_is_dropped_by_name(reason: str, changes: dict[str, Any]) -> None:
    person = Person(JOINTS)
    assert person.hear(replace(GOOD, **changes), NOW_NS) == reason
    assert person.wish(NOW_NS) == "none"


def test_what_comes_twice_or_out_of_order_is_dropped() -> None:
    person = Person(JOINTS)
    assert person.hear(GOOD, NOW_NS) is None
    assert person.hear(GOOD, NOW_NS) == "order"
    assert person.hear(replace(GOOD, t_ns=NOW_NS - 1, engaged=False), NOW_NS) == "order"
    assert person.wish(NOW_NS) == "commands"


def test_a_wish_is_as_old_as_its_command() -> None:
    person = Person(JOINTS)
    person.hear(GOOD, NOW_NS)
    assert person.wish(NOW_NS + MOST_AGE_NS) == "commands"
    assert person.wish(NOW_NS + MOST_AGE_NS + 1) == "silent"
    person.hear(replace(GOOD, t_ns=NOW_NS + 1, engaged=False), NOW_NS + 1)
    assert person.wish(NOW_NS + 1) == "watches"
    assert person.wish(NOW_NS + MOST_AGE_NS + 2) == "none"


def test_between_samples_a_person_moves_straight() -> None:
    person = told(0.0, 1.0, 3.0)
    times = (NOW_NS - 10 * PERIOD_NS, NOW_NS - 15_000_000, NOW_NS - 5_000_000, NOW_NS)
    assert at(person, *times) == pytest.approx([0.0, 0.5, 2.0, 3.0])


def test_what_has_not_come_yet_is_guessed_for_a_moment_only() -> None:
    person = told(0.0, 1.0, 2.0, 3.0)
    times = (NOW_NS + PERIOD_NS, NOW_NS + 2 * PERIOD_NS, NOW_NS + 50 * PERIOD_NS)
    assert at(person, *times) == pytest.approx([4.0, 5.0, 5.0])


def test_two_samples_at_almost_the_same_time_tell_no_velocity() -> None:
    person = told(0.0)
    late = HumanCommand("a", 0, NOW_NS + 1, ("left_waist",), np.array([0.01]), True, False)
    assert person.hear(late, NOW_NS + 1) is None
    assert at(person, NOW_NS + PERIOD_NS)[0] == pytest.approx(0.02, abs=1e-6)


def test_an_angle_that_wraps_around_goes_on() -> None:
    person = told(3.1, -3.1, -3.0, 3.1)
    turn = 2.0 * np.pi
    times = [NOW_NS - ago * PERIOD_NS for ago in (3, 2, 1, 0)]
    assert at(person, *times) == pytest.approx([3.1, turn - 3.1, turn - 3.0, 3.1])


def test_a_gripper_does_not_wrap_around() -> None:
    person = told(0.0, 5.0, joints=("left_gripper",))
    assert person.poses(np.array([NOW_NS]))[0, 2] == 5.0


@pytest.mark.parametrize(
    ("changes", "before"),
    [
        ({"device": "gamepad"}, 0.5),
        ({"doing": "rewind"}, 0.5),
        ({"joints": JOINTS[:2], "position": np.full(2, 0.5)}, 0.5),
        ({"relative": True}, 0.1),  # of the same signal
    ],
)
def test_another_voice_is_heard(changes: dict[str, Any], before: float) -> None:
    person = Person(JOINTS)
    person.hear(GOOD, NOW_NS)
    voice = person.voice
    person.hear(replace(GOOD, t_ns=NOW_NS + 1), NOW_NS + 1)
    assert person.voice == voice
    said = {"position": np.full(3, 0.5), **changes}
    person.hear(replace(GOOD, t_ns=NOW_NS + 2, **said), NOW_NS + 2)
    assert person.voice == voice + 1
    assert at(person, NOW_NS - 1) == [before]


def test_it_is_said_which_joints_are_moved_and_how() -> None:
    person = Person(JOINTS)
    assert not person.moves.any()
    assert not person.relative
    person.hear(replace(GOOD, joints=("left_elbow",), position=np.ones(1), relative=True), NOW_NS)
    assert person.moves.tolist() == [False, True, False]
    assert person.relative
    assert person.poses(np.array([NOW_NS])).tolist() == [[0.0, 1.0, 0.0]]


def test_nobody_is_nowhere() -> None:
    with pytest.raises(LookupError, match="nobody"):
        Person(JOINTS).poses(np.array([NOW_NS]))


@pytest.mark.parametrize("dt", [0.005, 0.01, 0.02])
def test_smoothing_keeps_a_constant_and_follows_a_ramp_with_its_lag(dt: float) -> None:
    weights = smoothing(dt)
    assert weights.sum() == pytest.approx(1.0)
    assert dt * np.arange(len(weights)) @ weights == pytest.approx(LAG_S)


def test_smoothing_leaves_little_of_noise_and_nothing_amplified() -> None:
    weights = smoothing(0.01)
    jerk = np.convolve(weights, [1.0, -3.0, 3.0, -1.0]) / 0.01**3
    assert np.linalg.norm(jerk) * 1e-3 < 100.0  # rad/s^3 for 1 mrad of white noise
    frequencies = np.linspace(0.0, 50.0, 500)
    turns = np.exp(-2j * np.pi * 0.01 * np.outer(frequencies, np.arange(len(weights))))
    assert np.abs(turns @ weights).max() < 1.01
