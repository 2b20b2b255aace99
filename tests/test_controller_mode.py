"""The modes: what is done in each, and which epochs count."""

import pytest

from controller.mode import HUMAN, MODES, ModeMachine
from messaging.messages import COMMANDERS


def test_it_begins_idle_and_stays() -> None:
    modes = ModeMachine()
    assert (modes.mode, modes.epoch) == ("idle", 0)
    assert modes.step(standing=True, at_end=True) == "stop"
    assert modes.arrived


@pytest.mark.parametrize("mode", MODES[1:])
def test_every_change_begins_an_epoch(mode: str) -> None:
    modes = ModeMachine()
    assert modes.direct(mode)
    assert modes.epoch == 1
    assert not modes.direct(mode)
    assert modes.epoch == 1


def test_an_unknown_mode_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'hover'.*'hold'"):
        ModeMachine().direct("hover")


@pytest.mark.parametrize("mode", ["home", "rest"])
def test_a_pose_is_left_for_only_from_standstill(mode: str) -> None:
    modes = ModeMachine()
    modes.direct(mode)
    assert modes.step(standing=False, at_end=False) == "stop"
    assert modes.step(standing=True, at_end=False) == "depart"
    assert modes.step(standing=False, at_end=False) == "go"
    assert not modes.arrived
    assert modes.step(standing=False, at_end=True) == "stop"
    assert modes.arrived
    assert modes.step(standing=True, at_end=True) == "stop"


def test_a_run_waits_for_its_first_chunk() -> None:
    modes = ModeMachine()
    modes.direct("run")
    assert modes.step(standing=True, at_end=True) == "stop"
    assert not modes.arrived
    modes.set_off()
    assert modes.step(standing=True, at_end=False) == "go"
    assert modes.arrived


@pytest.mark.parametrize("mode", ["hold", "idle"])
def test_a_hold_has_arrived_when_it_stands(mode: str) -> None:
    modes = ModeMachine()
    modes.direct("run")
    modes.set_off()
    modes.direct(mode)
    assert modes.step(standing=False, at_end=False) == "stop"
    assert not modes.arrived
    modes.step(standing=True, at_end=False)
    assert modes.arrived
    modes.step(standing=False, at_end=False)
    assert modes.arrived


def test_a_new_run_does_not_go_on_with_the_old_one() -> None:
    modes = ModeMachine()
    modes.direct("run")
    modes.set_off()
    modes.direct("hold")
    modes.direct("run")
    assert modes.step(standing=True, at_end=False) == "stop"


def test_a_person_interrupts_a_run_and_a_new_one_begins_after() -> None:
    modes = ModeMachine()
    modes.direct("run")
    modes.set_off()
    assert modes.direct(HUMAN)
    assert (modes.epoch, modes.arrived, modes.commander) == (2, False, "human")
    assert modes.direct("run")
    assert modes.step(standing=False, at_end=False) == "stop"
    assert (modes.epoch, modes.commander) == (3, "hold")


@pytest.mark.parametrize("mode", [*MODES, HUMAN])
def test_every_mode_has_a_commander(mode: str) -> None:
    modes = ModeMachine()
    modes.direct(mode)
    assert modes.commander in COMMANDERS
    modes.set_off()
    assert (modes.commander == "policy") == (mode == "run")
