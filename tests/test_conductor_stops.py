"""The course of a run that is stopped, paused, or told what a person wishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conductor import STEP_NS, World, course, safety, status

from messaging.messages import PHASES
from station.conductor import Conductor
from station.course import News, Orders
from station.stage import Stage

RELAXED = 10_000_000_000


def running(**options: object) -> World:
    """Return a world in the middle of its first episode."""
    world = World(Conductor(course(**options)), succeeds=False)  # type: ignore[arg-type]
    world.until(Stage.RUNNING)
    return world


def steps(world: World, count: int) -> list[Orders]:
    return [world.step() for _ in range(count)]


def test_a_stop_abandons_the_episode_and_nobody_but_a_person_starts_another() -> None:
    world = running(episodes=1)
    world.phase = "stopped"
    world.asked.clear()
    orders = steps(world, 100)
    assert world.conductor.stage is Stage.STOPPED
    assert {order.mode for order in orders} == {"hold"}
    for phase in ("disarmed", "testing", "armed"):
        world.phase = phase
        steps(world, 20)
        assert world.conductor.stage is Stage.STOPPED
    assert world.asked == []
    assert world.conductor.outcomes == []


def test_after_a_stop_the_same_episode_is_tried_again_from_home() -> None:
    world = running(episodes=2)
    before = world.step().request
    world.phase = "stopped"
    world.step()
    world.phase, world.succeeds = "running", True
    again = world.until(Stage.RUNNING)[-1].request
    assert before is not None
    assert again is not None
    assert (again.seed, again.instruction) == (before.seed, before.instruction)
    assert again.episode != before.episode, "a world sets the scene for each number once"
    world.until(Stage.DONE)
    assert [outcome.seed for outcome in world.conductor.outcomes] == [100, 101]


def test_a_stop_that_is_in_force_at_the_start_waits_for_a_person() -> None:
    world = World(Conductor(course(episodes=1)), phase="stopped")
    steps(world, 50)
    assert world.conductor.stage is Stage.STOPPED
    assert world.asked == []
    world.phase = "running"
    world.until(Stage.DONE)
    assert len(world.conductor.outcomes) == 1


def test_a_pause_holds_and_the_time_of_the_episode_stands_still() -> None:
    world = running(episodes=1)
    world.phase = "armed"
    orders = steps(world, 200)  # five times as long as an episode may take
    assert {order.mode for order in orders} == {"hold"}
    assert world.conductor.stage is Stage.RUNNING
    assert world.conductor.paused
    world.phase = "running"
    assert world.step().mode == "run"
    world.until(Stage.LINGERING)
    (outcome,) = world.conductor.outcomes
    assert 2.0 < outcome.duration_s < 2.2


def test_a_pause_does_not_use_up_the_duration_of_the_run() -> None:
    world = running(duration_s=1.0)
    world.phase = "armed"
    steps(world, 100)
    assert world.conductor.stage is Stage.RUNNING


def test_a_silent_safety_process_pauses_the_episode() -> None:
    conductor = running(episodes=1).conductor
    now_ns = RELAXED
    for _ in range(5):
        now_ns += STEP_NS
        orders = conductor.step(News(now_ns, True, status("run", arrived=True), None, None))
    assert orders.mode == "hold"
    assert conductor.stage is Stage.RUNNING


@pytest.mark.parametrize(("label", "success"), [("success", True), ("fail", False)])
def test_a_person_may_label_the_episode(label: str, *, success: bool) -> None:
    world = running(episodes=1)
    assert world.conductor.wish(label, "shell ada") == ""
    world.step()
    assert world.conductor.stage is Stage.LINGERING
    assert [outcome.success for outcome in world.conductor.outcomes] == [success]


def test_an_episode_that_is_skipped_does_not_count() -> None:
    world = running(episodes=1)
    assert world.conductor.wish("next", "shell ada") == ""
    world.step()
    world.succeeds = True
    world.until(Stage.DONE)
    (outcome,) = world.conductor.outcomes
    assert outcome.seed == 101


def test_home_begins_the_episode_anew() -> None:
    world = running(episodes=1)
    assert world.conductor.wish("home", "shell ada") == ""
    assert world.step().mode == "home"
    world.until(Stage.RUNNING)
    assert world.conductor.outcomes == []


def test_armed_arms_that_were_stopped_go_home_on_a_persons_wish_but_no_further() -> None:
    world = running(episodes=1)
    world.phase = "stopped"
    world.step()
    assert "arm the robot first" in world.conductor.wish("home", "shell ada")
    world.phase = "armed"
    world.step()
    assert world.conductor.wish("home", "shell ada") == ""
    orders = steps(world, 50)
    assert "home" in {order.mode for order in orders}
    assert "run" not in {order.mode for order in orders}


def test_to_end_the_run_is_a_wish_too() -> None:
    world = running()
    assert world.conductor.wish("end", "shell ada") == ""
    world.until(Stage.DONE)
    assert world.asked[-2:] == ["pause", "off"]


def test_wishes_that_make_no_sense_say_why() -> None:
    world = running()
    assert "there are home, end" in world.conductor.wish("dance", "shell ada")
    world.conductor.stop()
    world.step()
    assert "going to rest" in world.conductor.wish("success", "shell ada")
    assert "starting" in Conductor(course()).wish("home", "shell ada")


def test_arms_that_may_not_move_stay_where_they_are_when_the_run_ends() -> None:
    world = running()
    world.phase, world.stop = "stopped", "hold"
    world.step()
    world.conductor.stop()
    steps(world, 2)
    assert world.conductor.stage is Stage.DONE
    assert world.asked == ["arm", "run"]


def test_a_stop_with_a_way_to_rest_is_waited_for_when_the_run_ends() -> None:
    world = running()
    world.phase, world.stop = "stopped", "rest_then_off"
    world.conductor.stop()
    world.step()
    world.until(Stage.LETTING_GO)
    world.energised = False
    world.until(Stage.DONE, 1)


def test_arms_that_keep_their_torque_do_not_keep_the_run_from_ending() -> None:
    world = running()
    world.conductor.stop()
    world.until(Stage.LETTING_GO)
    for _ in range(50):
        world.energised = True
        world.step()
    assert world.conductor.stage is Stage.DONE


@settings(max_examples=100, deadline=None)
@given(
    phases=st.lists(st.tuples(st.sampled_from(["", *PHASES]), st.integers(1, 30)), max_size=12),
    judged=st.booleans(),
)
def test_whatever_becomes_of_the_leave_a_run_is_ordered_only_while_running(
    phases: list[tuple[str, int]], *, judged: bool
) -> None:
    conductor = Conductor(course(judged=judged))
    now_ns, mode = RELAXED, "idle"
    was_stopped = False
    for phase, count in phases:
        for _ in range(count):
            now_ns += STEP_NS
            state = safety(phase) if phase else None
            at_pose = status(mode, arrived=True)
            orders = conductor.step(News(now_ns, True, at_pose, None, state))
            mode = orders.mode
            was_stopped |= phase == "stopped"
            assert mode != "run" or phase == "running"
            assert not (was_stopped and orders.ask), "after a stop only a person asks"


def test_a_pause_on_the_way_home_holds_until_run_goes_on_or_home_is_wished() -> None:
    world = World(Conductor(course(episodes=1)))
    world.until(Stage.HOMING)
    world.phase = "armed"
    assert {order.mode for order in steps(world, 50)} == {"hold"}
    assert world.conductor.paused
    assert world.conductor.wish("home", "ada") == ""
    assert {order.mode for order in steps(world, 2)} == {"home"}
    world.phase = "running"
    world.until(Stage.RUNNING)


def test_a_wish_for_home_does_not_outlast_the_run_that_follows() -> None:
    world = World(Conductor(course(episodes=2)))
    world.until(Stage.HOMING)
    world.conductor.wish("home", "ada")
    world.until(Stage.LINGERING)
    world.until(Stage.HOMING)
    world.phase = "armed"
    assert {order.mode for order in steps(world, 10)} == {"hold"}


def waits(stop_wait_s: float | None, **changes: object) -> World:
    """Return a world in the middle of its first episode, to which something happens then."""
    world = running(episodes=2, stop_wait_s=stop_wait_s)
    for name, value in changes.items():
        setattr(world, name, value)
    return world


def seconds(world: World, count: float) -> list[Orders]:
    return steps(world, round(count * 1e9 / STEP_NS))


def test_a_stop_that_nobody_resets_ends_the_run_where_the_arms_hold_and_says_why() -> None:
    world = waits(5.0, phase="stopped", stop="hold")
    before = len(world.asked)
    seconds(world, 4.9)
    assert world.conductor.stage is Stage.STOPPED
    assert "the run ends in 0 s" in world.conductor.in_words
    world.until(Stage.DONE, 6)
    assert world.conductor.gave_up.startswith("stop 4821: a hand in the way")
    assert len(world.asked) == before, "the arms stay as they are"


def test_a_run_that_is_to_wait_for_ever_does() -> None:
    world = waits(None, phase="stopped", stop="hold")
    seconds(world, 100)
    assert world.conductor.stage is Stage.STOPPED
    assert "ends in" not in world.conductor.in_words


def test_who_resets_a_stop_is_waited_for_and_the_next_stop_has_its_own_wait() -> None:
    world = waits(5.0, phase="stopped", stop="hold")
    seconds(world, 4)
    for phase in ("disarmed", "armed"):
        world.phase = phase
        seconds(world, 20)
        assert world.conductor.stage is Stage.STOPPED
    world.phase = "running"
    world.until(Stage.RUNNING)
    world.phase = "stopped"
    seconds(world, 4)
    assert world.conductor.stage is Stage.STOPPED
    seconds(world, 2)
    assert world.conductor.gave_up


def test_a_person_who_pauses_a_run_is_waited_for() -> None:
    world = waits(5.0, phase="armed")
    seconds(world, 20)
    assert world.conductor.paused
    assert not world.conductor.gave_up


def test_a_stop_in_force_at_the_start_is_waited_for_as_any_other() -> None:
    world = World(Conductor(course(episodes=1, stop_wait_s=5.0)), phase="stopped", stop="hold")
    for _ in range(round(6e9 / STEP_NS)):
        world.step(ready=False)
    assert world.conductor.stage is Stage.DONE
    assert "4821" in world.conductor.gave_up


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"phase": ""}, "silent"), ({"recorded": False}, "recorder")],
)
def test_whatever_else_keeps_an_unattended_run_from_going_on_ends_it_too(
    changes: dict[str, object], words: str
) -> None:
    world = World(Conductor(course(episodes=2, stop_wait_s=5.0)))
    world.until(Stage.SETTLING)
    for name, value in changes.items():
        setattr(world, name, value)
    seconds(world, 29)
    assert not world.conductor.gave_up, "it may pass by itself"
    seconds(world, 2)
    assert words in world.conductor.gave_up


def test_who_waited_in_vain_for_a_word_of_safety_ends_where_the_arms_hold() -> None:
    world = waits(5.0, phase="")
    world.patience = 10**9  # no arm comes to rest without leave to move
    seconds(world, 31)
    assert world.conductor.stage is Stage.DONE
    assert "silent" in world.conductor.gave_up


def test_a_robot_that_is_not_armed_does_not_keep_an_unattended_run() -> None:
    world = World(Conductor(course(episodes=1, stop_wait_s=5.0)), refuses=True)
    seconds(world, 31)
    assert "armed" in world.conductor.gave_up


@pytest.mark.parametrize("stop", ["hold", "rest_then_off"])
def test_who_ends_a_stopped_run_does_not_wait(stop: str) -> None:
    world = waits(60.0, phase="stopped", stop=stop)
    seconds(world, 1)
    world.conductor.stop()
    world.energised = False
    seconds(world, 2)
    assert world.conductor.stage is Stage.DONE
    assert not world.conductor.gave_up


@settings(max_examples=40, deadline=None)
@given(
    phases=st.lists(st.tuples(st.sampled_from(["", *PHASES]), st.integers(1, 50)), max_size=6),
    stop_wait_s=st.floats(0.0, 2.0),
)
def test_no_unattended_run_stays_stopped_for_longer_than_its_wait(
    phases: list[tuple[str, int]], stop_wait_s: float
) -> None:
    world = running(episodes=2, stop_wait_s=stop_wait_s)
    world.stop = "hold"
    stopped = 0
    for phase, count in phases:
        for _ in range(count):
            world.phase = phase
            world.step()
            stopped = stopped + 1 if phase == "stopped" else 0
            if world.conductor.stage is Stage.DONE:
                return
            if world.conductor.stage is Stage.STOPPED:
                assert (stopped - 2) * STEP_NS * 1e-9 <= stop_wait_s
