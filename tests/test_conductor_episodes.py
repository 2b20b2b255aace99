"""What everybody is told of an episode: begin, end, how it ended and who said so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_conductor import SECOND_NS, STEP_NS, World, course

from messaging.messages import EpisodeState
from station.conductor import Conductor
from station.course import News, Orders
from station.stage import Stage

TIMEOUT_S = 2.0  # of the course


@dataclass
class Watched(World):
    """A robot whose commander and episode are looked at after each step."""

    commander: str = "policy"

    recorded: bool = True

    def news(self, *, ready: bool = True) -> News:
        news = super().news(ready=ready)
        status = news.status and replace(news.status, commander=self.commander)
        return replace(news, status=status, recorded=self.recorded)

    def state(self) -> EpisodeState:
        return self.conductor.state()

    def run_for(self, seconds: float) -> list[EpisodeState]:
        states = []
        for _ in range(round(seconds * SECOND_NS / STEP_NS)):
            self.step()
            states.append(self.state())
        return states


def running(*, succeeds: bool = False, **options: object) -> Watched:
    """Return a robot in its first episode."""
    conductor = Conductor(replace(course(episodes=5), **options))  # type: ignore[arg-type]
    world = Watched(conductor, succeeds=succeeds)
    world.until(Stage.RUNNING)
    return world


def test_before_the_first_episode_there_is_none() -> None:
    world = Watched(Conductor(course(episodes=1)))
    phases = set()
    while world.conductor.stage is not Stage.RUNNING:
        world.step()
        phases.add(world.state().phase)
    assert phases == {"none", "running"}


def test_an_episode_is_told_from_its_first_moment_to_its_end_and_until_the_next_begins() -> None:
    world = running(succeeds=True)
    begun = world.state()
    assert (begun.phase, begun.t_begin_ns, begun.t_end_ns) == ("running", world.now_ns, 0)
    assert (begun.seed, begun.instruction) == (100, "lift")
    world.until(Stage.LINGERING)
    over = world.state()
    assert (over.phase, over.t_begin_ns, over.t_end_ns) == ("over", begun.t_begin_ns, world.now_ns)
    assert (over.outcome, over.judge) == ("success", "the task's rule")
    world.until(Stage.SETTLING)
    assert replace(world.state(), t_ns=over.t_ns) == over
    world.until(Stage.RUNNING)
    assert (world.state().phase, world.state().episode) == ("running", over.episode + 1)


def test_an_episode_without_success_ends_by_the_clock() -> None:
    world = running()
    world.until(Stage.LINGERING)
    assert (world.state().outcome, world.state().judge) == ("timeout", "the clock")


@pytest.mark.parametrize(
    ("kind", "outcome", "counted"),
    [("success", "success", 1), ("fail", "failure", 1), ("next", "aborted", 0)],
)
def test_a_label_is_told_with_who_gave_it(kind: str, outcome: str, counted: int) -> None:
    world = running()
    assert world.conductor.wish(kind, "shell ada") == ""
    world.step()
    assert (world.state().outcome, world.state().judge) == (outcome, "shell ada")
    assert len(world.conductor.outcomes) == counted


def test_a_stop_aborts_the_episode() -> None:
    world = running()
    world.phase, world.stop = "stopped", "hold"
    world.step()
    assert (world.state().outcome, world.state().judge) == ("aborted", "safety")
    assert world.conductor.outcomes == []


def test_the_end_of_the_run_aborts_the_episode() -> None:
    world = running()
    world.conductor.stop()
    world.step()
    assert (world.state().outcome, world.state().judge) == ("aborted", "the end of the run")


def test_an_episode_that_begins_anew_was_aborted_by_who_wished_it() -> None:
    world = running()
    world.conductor.wish("home", "shell ada")
    world.step()
    assert (world.state().outcome, world.state().judge) == ("aborted", "shell ada")


def test_a_run_that_fails_leaves_no_episode_open() -> None:
    world = running()
    for _ in range(2):
        world.conductor.abort()
        assert (world.state().phase, world.state().outcome) == ("over", "aborted")
    assert world.conductor.tally == {("auto", "aborted"): 1}


def test_while_a_person_commands_the_policys_time_stands_still() -> None:
    world = running()
    world.run_for(0.5 * TIMEOUT_S)
    world.commander = "human"
    world.run_for(0.8 * TIMEOUT_S)
    assert world.state().phase == "running"
    world.commander = "policy"
    assert world.run_for(0.4 * TIMEOUT_S)[-1].phase == "running"
    assert world.run_for(0.2 * TIMEOUT_S)[-1].outcome == "timeout"
    assert world.conductor.tally == {("intervention", "timeout"): 1}


def test_twice_the_time_ends_the_episode_whoever_commands() -> None:
    world = running()
    world.commander = "human"
    assert world.run_for(1.9 * TIMEOUT_S)[-1].phase == "running"
    assert world.run_for(0.2 * TIMEOUT_S)[-1].outcome == "timeout"
    assert world.conductor.tally == {("demo", "timeout"): 1}


def test_a_lost_person_holds_on_the_policys_time() -> None:
    world = running()
    world.commander = "hold"
    assert world.run_for(1.1 * TIMEOUT_S)[-1].outcome == "timeout"


def test_people_have_time_to_set_the_scene_and_may_say_that_they_are_done() -> None:
    world = Watched(Conductor(replace(course(episodes=2), reset_s=30.0)))
    world.until(Stage.SETTLING)
    world.run_for(10.0)
    assert world.conductor.stage is Stage.SETTLING
    assert world.conductor.resetting_s == pytest.approx(20.0, abs=0.1)
    assert world.conductor.in_words == "settling, 20 s left to set the scene"
    assert world.conductor.wish("success", "shell ada") != ""
    assert world.conductor.wish("next", "shell ada") == ""
    world.step()
    assert world.state().phase == "running"
    assert world.conductor.resetting_s == 0.0


def test_no_episode_begins_while_nobody_records_but_one_that_runs_goes_on() -> None:
    world = Watched(Conductor(course(episodes=2)), recorded=False)
    world.until(Stage.SETTLING)
    world.run_for(30.0)
    assert world.conductor.in_words == "settling, waiting for the recorder"
    world.recorded = True
    world.step()
    assert world.state().phase == "running"
    world.recorded = False
    assert world.run_for(0.2)[-1].outcome == "success"


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["policy", "human", "hold"]),
            st.sampled_from(["", "", "", "success", "fail", "next", "home"]),
            st.sampled_from(["running"] * 6 + ["armed", "stopped", "disarmed"]),
        ),
        max_size=120,
    )
)
def test_every_episode_that_begins_ends_once_and_is_counted_once(
    steps: list[tuple[str, str, str]],
) -> None:
    world = Watched(Conductor(course(episodes=3)), succeeds=False)
    world.until(Stage.RUNNING)
    told: dict[int, list[EpisodeState]] = {}
    for commander, wish, phase in steps:
        world.commander, world.phase = commander, phase
        world.stop = "hold" if phase == "stopped" else ""
        if wish:
            world.conductor.wish(wish, "shell ada")
        world.step()
        told.setdefault(world.state().episode, []).append(world.state())
    world.conductor.abort()
    told.setdefault(world.state().episode, []).append(world.state())
    for states in told.values():
        phases = [state.phase for state in states]
        assert phases == sorted(phases, key=["running", "over"].index)
        assert phases[-1] == "over"
        assert len({state.t_begin_ns for state in states}) == 1
        assert len({replace(state, t_ns=0) for state in states if state.phase == "over"}) == 1
        assert states[-1].outcome in ("success", "failure", "timeout", "aborted")
    assert sum(world.conductor.tally.values()) == len(told)


def test_orders_are_the_same_whoever_commands() -> None:
    def orders(commander: str) -> list[Orders]:
        world = running()
        world.commander = commander
        return [world.step() for _ in range(10)]

    assert orders("policy") == orders("human")


def test_a_silent_safety_process_does_not_let_the_policys_time_pass() -> None:
    world = running()
    news = replace(world.news(), safety=None)
    for _ in range(round(3 * TIMEOUT_S * SECOND_NS / STEP_NS)):
        news = replace(news, now_ns=news.now_ns + STEP_NS)
        world.conductor.step(news)
    assert world.state().phase == "running"
