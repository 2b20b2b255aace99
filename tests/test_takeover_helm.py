"""Who commands, of all that is directed, permitted and wished."""

from itertools import product
from typing import get_args

import pytest

from controller.helm import Decision, Wish, decided, permitted
from controller.mode import HUMAN, MODES
from messaging.messages import MOTIONS

WISHES: tuple[Wish, ...] = get_args(Wish)


def test_a_person_commands_a_run_that_is_permitted_and_nothing_else() -> None:
    for directed, motion, wish, lost in product((*MODES, HUMAN), MOTIONS, WISHES, (False, True)):
        human = decided(directed, motion, wish, lost).mode == HUMAN
        wanted = (directed, motion, wish, lost) == ("run", "all", "commands", False)
        assert human == wanted, (directed, motion, wish, lost)


@pytest.mark.parametrize("wish", ["none", "watches"])
def test_without_a_person_what_is_directed_is_done_as_far_as_it_is_permitted(wish: Wish) -> None:
    for directed, motion in product(MODES, MOTIONS):
        decision = decided(directed, motion, wish, lost=False)
        assert decision == Decision(permitted(directed, motion), lost=False)


def test_control_of_a_person_who_fell_silent_goes_to_nobody() -> None:
    decision = decided("run", "all", "silent", lost=False)
    assert decision == Decision("hold", lost=True)
    for wish in ("none", "commands", "silent"):
        assert decided("run", "all", wish, lost=True) == Decision("hold", lost=True)


def test_who_was_lost_is_found_again_by_letting_go() -> None:
    assert decided("run", "all", "watches", lost=True) == Decision("run", lost=False)


def test_a_lost_person_keeps_nobody_from_going_home() -> None:
    for directed in ("home", "rest", "idle", "hold"):
        assert decided(directed, "all", "silent", lost=True).mode == directed


def test_a_station_cannot_direct_a_person_to_command() -> None:
    assert decided(HUMAN, "all", "commands", lost=False).mode == "hold"


@pytest.mark.parametrize(
    ("mode", "motion", "expected"),
    [
        ("run", "all", "run"),
        ("run", "poses", "hold"),
        ("home", "poses", "home"),
        ("run", "rest", "rest"),
        ("home", "rest", "rest"),
        ("hold", "none", "hold"),
        ("run", "none", "hold"),
    ],
)
def test_no_more_is_done_than_is_permitted(mode: str, motion: str, expected: str) -> None:
    assert permitted(mode, motion) == expected
