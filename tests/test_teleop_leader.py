"""The leaders as a device: where they are, what they are told, when they count as aligned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leader_says import leader_state
from teleop_robot import TICK_NS, robot, seen

from messaging.messages import OFF, JointState, LeaderCommand
from messaging.topics import JOINT_STATE, LEADER_COMMAND, Keep
from messaging.transport import Bus, Waiter
from teleop.device import Array, DeviceError, Reading, View
from teleop.devices.leader import MOST_AGE_NS, Config, Leaders, make

ROBOT = robot()
HOME = ROBOT.home
ARMS = ("left", "right")


class Both:
    """Both leaders, as their drivers would tell of them, and the device that reads them.

    Attributes:
        poses: where they stand.
        says: what each driver says besides; a leader that is not in it says nothing.
    """

    def __init__(self, bus: Bus, **options: Any) -> None:
        self.device: Leaders = make(Config(**options), ROBOT, bus)
        self.device.open()
        self.now_ns = 1_000_000_000
        self.poses = {"left": HOME[:7].copy(), "right": HOME[7:].copy()}
        self.says: dict[str, dict[str, Any]] = {"left": {}, "right": {}}
        self._states = {name: bus.publisher(JOINT_STATE, f"leader_{name}") for name in ARMS}
        self._told = {name: bus.subscriber(LEADER_COMMAND, name, Keep.ALL) for name in ARMS}

    def state(self, name: str) -> JointState:
        more = {"t_ns": self.now_ns, **self.says[name]}
        return leader_state(name, self.poses[name], **more)

    def tick(self, view: View) -> Reading | None:
        """Let the drivers speak, then read."""
        self.now_ns += TICK_NS
        for hand in self.device._hands:
            if hand.name in self.says:
                hand._states.newest = self.state(hand.name)
        reading = self.device.read(self.now_ns, view)
        self.device.mirror(view)
        return reading

    def reading(self, view: View | None = None) -> Reading:
        reading = self.tick(view or seen())
        assert reading is not None
        return reading

    def told(self, name: str) -> list[LeaderCommand]:
        """Return what the leader was told since the last call."""
        Waiter([self._told[name]]).wait(0.05)
        return self._told[name].drain()

    def heard(self) -> None:
        """Wait until the leaders hear what they are told."""
        waiters = {name: Waiter([self._told[name]]) for name in ARMS}
        for _ in range(500):
            self.tick(seen())
            if all(waiter.wait(0.01) for waiter in waiters.values()):
                break
        for name in ARMS:
            self._told[name].drain()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def both(bus: Bus) -> Both:
    return Both(bus)


def test_leaders_that_follow_are_aligned_and_say_where_they_are(both: Both) -> None:
    both.poses["right"] = both.poses["right"] + 0.05
    reading = both.reading()
    assert reading.joints == ROBOT.joints
    assert reading.position == pytest.approx(np.concatenate([HOME[:7], HOME[7:] + 0.05]))
    assert not reading.relative
    assert both.device.note() == ""


def test_a_leader_apart_from_its_arm_counts_by_its_motion_alone(both: Both) -> None:
    both.poses["left"] = both.poses["left"] + np.array([0.0, 0.3, 0, 0, 0, 0, 0])
    assert both.reading().relative
    for _ in range(101):
        both.reading()
    assert both.device.note() == (
        "leader left: left_shoulder is 0.30 from its arm's: only its motion will count"
    )
    both.poses["left"] = HOME[:7].copy()
    assert not both.reading().relative


def test_a_gripper_may_be_further_apart(both: Both) -> None:
    gripper = np.array([0, 0, 0, 0, 0, 0, 1.0])
    both.poses["left"] = HOME[:7] + 0.25 * gripper
    assert not both.reading().relative
    both.poses["left"] = HOME[:7] + 0.4 * gripper
    assert both.reading().relative


def test_before_anybody_knows_where_the_arms_are_nothing_is_aligned(both: Both) -> None:
    assert both.reading(View()).relative


@pytest.mark.parametrize("apart_rad", [0.0, 0.3])
def test_what_they_were_at_the_takeover_they_stay(both: Both, apart_rad: float) -> None:
    both.poses["left"] = HOME[:7] + apart_rad
    before = both.reading().relative
    assert before == (apart_rad > 0.15)
    both.says["left"]["torque"] = OFF
    for turn in range(30):
        both.poses["left"] = HOME[:7] + apart_rad + 0.05 * turn
        mode = "run" if turn < 5 else "human"
        assert both.reading(seen(mode=mode, engaged=True)).relative == before


def test_engaged_before_an_episode_begins_they_are_looked_at_until_it_does(both: Both) -> None:
    both.poses["left"] = HOME[:7] + 0.5
    for _ in range(30):
        reading = both.reading(seen(mode="home", engaged=True))
    assert reading.relative
    both.poses["left"] = HOME[:7].copy()
    assert not both.reading(seen(mode="home", engaged=True)).relative


@pytest.mark.parametrize(
    ("says", "note"),
    [
        ({"t_ns": 0}, "leader right has been silent for 1.0 s"),
        ({"errors": ("its cable is out",)}, "leader right: its cable is out"),
    ],
)
def test_a_leader_that_is_lost_is_silence(both: Both, says: dict[str, Any], note: str) -> None:
    both.says["right"] = says
    assert both.tick(seen()) is None
    assert both.device.note() == note


def test_a_leader_that_never_spoke_is_silence(both: Both) -> None:
    del both.says["right"]
    assert both.tick(seen()) is None
    assert both.device.note() == "leader right has not said anything yet"


def test_a_leader_is_lost_after_a_tenth_of_a_second(both: Both) -> None:
    both.reading()
    both.says["left"]["t_ns"] = both.now_ns
    last = [both.tick(seen()) is not None for _ in range(12)]
    assert last.index(False) == MOST_AGE_NS // TICK_NS
    assert not any(last[last.index(False) :])


def test_while_the_policy_drives_they_follow_their_arms(both: Both) -> None:
    both.heard()
    command = HOME + np.arange(14.0) * 0.01
    both.tick(seen(command))
    for name, part in (("left", command[:7]), ("right", command[7:])):
        (told,) = both.told(name)
        assert told.position == pytest.approx(part)
        assert told.joints == ROBOT.joints[ROBOT.places(name)]
        assert not told.free


def test_on_the_way_home_they_go_straight_home(both: Both) -> None:
    both.heard()
    both.tick(seen(HOME - 0.5, "home"))
    assert both.told("left")[0].position == pytest.approx(HOME[:7])


@pytest.mark.parametrize("mode", ["idle", "hold", "rest"])
def test_otherwise_they_are_told_nothing_and_stay(both: Both, mode: str) -> None:
    both.heard()
    both.tick(seen(mode=mode))
    assert both.told("left") == []


def test_they_are_free_while_somebody_corrects(both: Both) -> None:
    both.heard()
    both.tick(seen(mode="human", engaged=True))
    assert [told.free for name in ARMS for told in both.told(name)] == [True, True]


def test_while_the_arms_go_back_they_go_along(both: Both) -> None:
    both.heard()
    both.tick(seen(HOME + 0.2, "human", engaged=True, rewinding=True))
    (told,) = both.told("left")
    assert not told.free
    assert told.position == pytest.approx(HOME[:7] + 0.2)


@pytest.mark.parametrize("mode", ["idle", "hold", "rest"])
def test_handed_back_where_they_follow_nobody_they_hold_where_they_are(
    both: Both, mode: str
) -> None:
    both.heard()
    both.says["left"] = {"torque": OFF, "written": HOME[:7] + 0.3}
    both.tick(seen(mode=mode))
    (told,) = both.told("left")
    assert not told.free
    assert told.position == pytest.approx(HOME[:7] + 0.3)


def test_leaders_that_shall_not_follow_stay_but_can_be_free(bus: Bus) -> None:
    both = Both(bus, follow=False)
    both.tick(seen())
    assert both.told("left") == []
    for _ in range(100):
        both.tick(seen(engaged=True))
        if both.told("left"):
            break
    else:
        pytest.fail("the leader was never set free")


def squeezed(both: Both, view: View, *grips: float) -> list[str]:
    """Return what happened while the left gripper went so."""
    kinds = []
    for grip in grips:
        both.poses["left"] = np.append(HOME[:6], grip)
        kinds += [event.kind for event in both.reading(view).events]
    return kinds


def test_a_squeeze_takes_over_and_two_hand_back(both: Both) -> None:
    command: Array = HOME.copy()
    command[6] = 0.8
    both.says["left"]["written"] = command[:7]
    assert squeezed(both, seen(command), *[0.8] * 31, 0.4, 0.78) == ["toggle"]
    both.says["left"]["torque"] = OFF
    human = seen(command, "human", engaged=True)
    assert squeezed(both, human, 0.8, 0.1, 0.8, 0.1, 0.8) == ["toggle"]


def test_a_squeeze_can_be_nothing(bus: Bus) -> None:
    both = Both(bus, squeeze=False)
    both.says["left"]["torque"] = OFF
    assert squeezed(both, seen(engaged=True), 0.8, 0.1, 0.8, 0.1) == []


@pytest.mark.parametrize(
    ("leaders", "words"),
    [((), "no leaders to command by"), (("third",), "has the name of the arm it leads")],
)
def test_a_robot_without_leaders_for_its_arms_is_refused(
    bus: Bus, leaders: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DeviceError, match=words):
        make(Config(), replace(ROBOT, leaders=leaders), bus).open()
