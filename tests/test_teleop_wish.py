"""The wish to command: who asks gets the arms, and who falls silent leaves them to nobody."""

from __future__ import annotations

import numpy as np
import pytest

from messaging.messages import HumanCommand, JointCommand
from teleop.device import Array, Event, Reading
from teleop.wish import LOST_NS, Wish

TICK_NS = 10_000_000
JOINTS = ("left_waist", "right_waist")
TOGGLE, TAKEOVER, HAND_BACK = Event("toggle"), Event("takeover"), Event("hand_back")


class Person:
    """A wish in time, as the process lives it."""

    def __init__(self, *, lost: bool = False) -> None:
        self.wish = Wish("stick", lost=lost)
        self.now_ns = 5_000_000_000
        self.there = True
        self.mode = "run"
        self.arms = np.zeros(2)

    def tick(self, *events: Event) -> HumanCommand | None:
        """Live one tick; returns what the controller is told."""
        self.now_ns += TICK_NS
        self.arms = self.arms + np.array([0.01, 0.0])
        self.wish.follow(JointCommand(1, self.now_ns, 1, JOINTS, self.arms), self.mode)
        self.wish.look(self.now_ns)
        reading = Reading(("left_waist",), np.array([0.5]), relative=True) if self.there else None
        if reading is not None:
            self.wish.heard(self.now_ns)
        for event in events:
            assert self.ask(event) == ""
        return self.wish.command(reading, self.now_ns)

    def ticks(self, count: int) -> list[HumanCommand | None]:
        return [self.tick() for _ in range(count)]

    def ask(self, event: Event) -> str:
        return self.wish.ask(event, self.now_ns)

    def told(self, *events: Event) -> HumanCommand:
        command = self.tick(*events)
        assert command is not None
        return command


@pytest.fixture
def person() -> Person:
    person = Person()
    person.ticks(50)
    return person


def positions(commands: list[HumanCommand | None]) -> Array:
    return np.array([command.position[0] for command in commands if command is not None])


def test_a_device_is_told_of_all_the_time_engaged_or_not(person: Person) -> None:
    first, second = person.told(), person.told()
    assert (first.device, first.engaged, first.doing) == ("stick", False, "correct")
    assert first.joints == ("left_waist",)
    assert first.relative
    assert second.seq == first.seq + 1
    assert second.t_ns == person.now_ns


def test_a_takeover_comes_with_the_pose(person: Person) -> None:
    taken = person.told(TAKEOVER)
    assert taken.engaged
    assert taken.position == pytest.approx([0.5])
    assert not person.told(HAND_BACK).engaged


def test_to_toggle_is_to_take_over_and_then_to_hand_back(person: Person) -> None:
    assert [person.told(TOGGLE).engaged for _ in range(3)] == [True, False, True]


def test_an_unknown_wish_is_refused_naming_the_known_ones(person: Person) -> None:
    assert "it takes takeover, hand_back, toggle, rewind" in person.ask(Event("dance"))


def test_nobody_takes_over_by_a_device_that_is_not_heard(person: Person) -> None:
    person.there = False
    person.ticks(12)
    assert person.ask(TAKEOVER) == "nothing is heard of the stick"
    assert person.ask(Event("rewind")) == "nothing is heard of the stick"
    watching = person.told()
    assert not watching.engaged
    assert watching.joints == ()
    assert watching.position.shape == (0,)


def test_a_device_that_stutters_goes_on(person: Person) -> None:
    person.tick(TAKEOVER)
    person.there = False
    assert person.ticks(5) == [None] * 5
    person.there = True
    assert person.told().engaged
    assert not person.wish.lost


def test_a_device_that_falls_silent_leaves_the_arms_to_nobody_until_a_hand_back(
    person: Person,
) -> None:
    person.tick(TAKEOVER)
    person.there = False
    person.ticks(12)
    assert person.wish.lost
    person.there = True
    assert person.ticks(30) == [None] * 30
    assert "hand them back first" in person.ask(TAKEOVER)
    assert "hand them back first" in person.ask(Event("rewind"))
    assert not person.told(TOGGLE).engaged
    assert person.told(TAKEOVER).engaged


def test_a_process_that_stood_still_while_it_commanded_has_lost_the_arms(person: Person) -> None:
    person.tick(TAKEOVER)
    person.now_ns += LOST_NS
    assert person.tick() is None
    assert person.told(HAND_BACK).engaged is False


def test_what_was_left_by_the_process_before_waits_for_a_hand_back() -> None:
    person = Person(lost=True)
    assert person.ticks(20) == [None] * 20
    assert not person.told(HAND_BACK).engaged


def test_to_go_back_takes_over_and_leads_all_joints_back_then_corrects(person: Person) -> None:
    person.ticks(100)
    then = person.arms.copy()
    began = person.told(Event("rewind", 0.5))
    assert (began.engaged, began.doing, began.relative, began.joints) == (
        True,
        "rewind",
        False,
        JOINTS,
    )
    assert person.wish.rewinding
    going: list[HumanCommand | None] = [began]
    while person.wish.rewinding:
        going.append(person.tick())
    last = going.pop()
    assert last is not None
    assert (last.engaged, last.doing, last.joints) == (True, "correct", ("left_waist",))
    way = positions(going)
    assert way[0] == pytest.approx(then[0] + 0.01)
    assert way[-1] == pytest.approx(way[0] - 0.5, abs=2e-3)
    assert (np.diff(way) <= 1e-12).all()
    assert -np.diff(way).min() <= 0.0051


def test_two_seconds_are_usual(person: Person) -> None:
    person.ticks(400)
    began = person.told(Event("rewind"))
    while person.wish.rewinding:
        last = person.tick()
        if last is not None and last.doing == "rewind":
            ended = last
    assert began.position[0] - ended.position[0] == pytest.approx(2.0, abs=5e-3)


@pytest.mark.parametrize("event", [TAKEOVER, HAND_BACK, TOGGLE])
def test_whoever_goes_back_can_stop_at_any_moment(person: Person, event: Event) -> None:
    person.ticks(100)
    person.tick(Event("rewind", 1.0))
    assert person.ask(Event("rewind", 1.0)) == "it is going back already"
    stopped = person.told(event)
    assert stopped.doing == "correct"
    assert stopped.engaged == (event is TAKEOVER)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_are_none_are_refused(person: Person, seconds: float) -> None:
    assert "want a number of seconds" in person.ask(Event("rewind", seconds))
    assert not person.wish.engaged


def test_there_is_no_way_back_over_a_pause(person: Person) -> None:
    person.mode = "home"
    person.tick()
    assert "no way to go back on" in person.ask(Event("rewind"))
    assert not person.wish.engaged


def test_a_device_lost_on_the_way_back_leaves_the_arms_at_its_end(person: Person) -> None:
    person.ticks(100)
    person.tick(Event("rewind", 0.1))
    person.there = False
    while person.wish.rewinding:
        person.tick()
    person.ticks(12)
    assert person.wish.lost
